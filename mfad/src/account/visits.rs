//! What settled logins came with, and from where: the account's own past, as rules ask for it.
//!
//! A *device* is a key of this user's; a *location* is the named network that holds the address (of several the one
//! with the longest prefix, then the first by its name), else its autonomous system and country. Each was *seen before*
//! where it was part of a settled login within the time of `signals.seen_within`. What a login came with that was
//! refused, or let by, is not learnt, unless a security key let it by, which is a second factor. The key of a factor
//! that ends is forgotten.

use mfa_proto::identity::UnixTime;
use serde::{Deserialize, Serialize};

use crate::policy::{Coordinates, Fingerprint, History, Network, Place, Rules, Seen, Signals};

/// The most devices, and the most locations, that an account is known by.
pub(super) const KEPT: usize = 8;
/// What was seen so lately need not be written again, in seconds.
const FRESH: u64 = 86_400;
/// The same for where the last login was: nobody comes 250 km further in that time.
const FRESH_PLACE: u64 = 900;
/// So far a clock may be corrected, in seconds.
const SLACK: u64 = 60;
/// Nobody travels faster, in kilometres an hour;
const FASTEST: f64 = 1000.0;
/// and below so many kilometres, databases are too coarse to say anything.
const NEAR: f64 = 500.0;
/// Where only countries are known: nobody is in another one so soon, in seconds.
const BORDER: u64 = 2 * 3600;

/// Where a login comes from, as far as logins are told apart by it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Location {
    /// A network that the settings name: the first that holds the address.
    Network(String),
    /// What the databases say of the address.
    Region {
        /// Autonomous system.
        asn: Option<u32>,
        /// Country.
        country: Option<String>,
    },
}

/// What one login comes with; what is not known of it is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Visit {
    device: Option<Fingerprint>,
    location: Option<Location>,
    spot: Option<Spot>,
}

/// A point, or a country, on earth.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Spot {
    country: Option<String>,
    coordinates: Option<Coordinates>,
}

/// Something, and when it was last part of a settled login.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct At<T> {
    what: T,
    last: UnixTime,
}

/// Keys and places of an account's settled logins.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Visits {
    devices: Vec<At<Fingerprint>>,
    locations: Vec<At<Location>>,
    spot: Option<At<Spot>>,
}

impl Visit {
    /// Of a login with these signals, where these rules name the networks.
    pub fn of(signals: &Signals, rules: &Rules) -> Self {
        let network = signals.address.and_then(|address| {
            let network = Network::closest(&rules.networks, address)?;
            Some(Location::Network(network.name.clone()))
        });
        let place = signals.place.as_ref().filter(|_| signals.address.is_some());
        let location = network.or_else(|| place.and_then(Location::of));
        Self { device: signals.key, location, spot: place.and_then(Spot::of) }
    }
}

impl Location {
    fn of(place: &Place) -> Option<Self> {
        let known = place.asn.is_some() || place.country.is_some();
        known.then(|| Self::Region { asn: place.asn, country: place.country.clone() })
    }
}

impl Spot {
    fn of(place: &Place) -> Option<Self> {
        let known = place.coordinates.is_some() || place.country.is_some();
        known.then(|| Self { country: place.country.clone(), coordinates: place.coordinates })
    }

    /// Whether nobody comes from here to there in that time, in seconds; `None` where the two cannot be compared.
    fn is_out_of_reach(&self, there: &Self, seconds: u64) -> Option<bool> {
        if let (Some(from), Some(to)) = (self.coordinates, there.coordinates) {
            let kilometres = from.kilometres_to(to);
            #[expect(clippy::cast_precision_loss, reason = "exact for 285 million years")]
            let hours = seconds as f64 / 3600.0;
            return Some(kilometres > NEAR && kilometres > FASTEST * hours);
        }
        let (from, to) = (self.country.as_ref()?, there.country.as_ref()?);
        Some(from != to && seconds < BORDER)
    }
}

impl Visits {
    /// What they say of a login that is there now. `within`: for how long something counts as seen, in seconds.
    pub fn history(&self, visit: &Visit, within: u64, now: UnixTime) -> History {
        History {
            device: visit.device.as_ref().map(|device| seen(&self.devices, device, within, now)),
            location: visit.location.as_ref().map(|location| seen(&self.locations, location, within, now)),
            impossible_travel: visit.spot.as_ref().and_then(|here| match &self.spot {
                // Nobody has come from anywhere yet: a first login could not be made otherwise.
                None => Some(false),
                // A clock that went back makes no time for a journey.
                Some(last) => last.what.is_out_of_reach(here, now.since(last.last)),
            }),
        }
    }

    /// Learns from a settled login. What was not seen within that time is forgotten, and so is the oldest where
    /// there are too many.
    pub fn learn(&mut self, visit: Visit, within: u64, now: UnixTime) {
        put(&mut self.devices, visit.device, within, now);
        put(&mut self.locations, visit.location, within, now);
        if let Some(what) = visit.spot {
            self.spot = Some(At { what, last: now });
        }
    }

    /// Forgets a device.
    pub fn forget_device(&mut self, device: Fingerprint) {
        self.devices.retain(|known| known.what != device);
    }

    /// Whether learning that would change anything worth a transaction.
    pub fn learning_matters(&self, visit: &Visit, now: UnixTime) -> bool {
        let spot = visit.spot.as_ref();
        is_news(&self.devices, visit.device.as_ref(), now)
            || is_news(&self.locations, visit.location.as_ref(), now)
            || spot.is_some_and(|spot| {
                let same = self.spot.as_ref().filter(|last| last.what == *spot);
                same.is_none_or(|last| now < last.last || now.since(last.last) > FRESH_PLACE)
            })
    }
}

/// A clock that was set back makes nothing old known again: what was seen later than now is not. (S6)
fn seen<T: PartialEq>(known: &[At<T>], what: &T, within: u64, now: UnixTime) -> Seen {
    let in_time = |last: UnixTime| last <= now.plus(SLACK) && now.since(last) <= within;
    let is_known = known.iter().any(|known| known.what == *what && in_time(known.last));
    if is_known { Seen::Known } else { Seen::New }
}

fn put<T: PartialEq>(known: &mut Vec<At<T>>, what: Option<T>, within: u64, now: UnixTime) {
    let Some(what) = what else { return };
    known.retain(|known| known.what != what && now.since(known.last) <= within);
    if known.len() >= KEPT
        && let Some((oldest, _)) = known.iter().enumerate().min_by_key(|(_, known)| known.last)
    {
        known.remove(oldest);
    }
    known.push(At { what, last: now });
}

fn is_news<T: PartialEq>(known: &[At<T>], what: Option<&T>, now: UnixTime) -> bool {
    let Some(what) = what else { return false };
    let known = known.iter().find(|known| known.what == *what);
    known.is_none_or(|known| now < known.last || now.since(known.last) > FRESH)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u64 = 86_400;
    const WITHIN: u64 = 90 * DAY;
    const BERLIN: Coordinates = Coordinates { latitude: 5252, longitude: 1340 };
    const HAMBURG: Coordinates = Coordinates { latitude: 5355, longitude: 999 };
    const SYDNEY: Coordinates = Coordinates { latitude: -3387, longitude: 15121 };

    fn rules() -> Rules {
        networks(&[("office", &["192.0.2.0/24"])])
    }

    fn networks(named: &[(&str, &[&str])]) -> Rules {
        let network = |(name, prefixes): &(&str, &[&str])| Network {
            name: (*name).to_owned(),
            prefixes: prefixes.iter().map(|prefix| prefix.parse().unwrap()).collect(),
            defined_at: String::new(),
        };
        Rules { networks: named.iter().map(network).collect(), ..Rules::default() }
    }

    fn signals(address: &str, country: Option<&str>, coordinates: Option<Coordinates>) -> Signals {
        let place = Place { asn: Some(64_500), country: country.map(str::to_owned), coordinates };
        Signals { address: address.parse().ok(), place: Some(place), ..Signals::default() }
    }

    fn visit(country: Option<&str>, coordinates: Option<Coordinates>) -> Visit {
        Visit::of(&signals("198.51.100.1", country, coordinates), &rules())
    }

    fn with_key(n: u8) -> Visit {
        Visit::of(&Signals { key: Some(Fingerprint([n; 32])), ..Signals::default() }, &rules())
    }

    #[test]
    fn a_location_is_its_network_else_its_system_and_country() {
        let location =
            |address: &str, country| Visit::of(&signals(address, country, None), &rules()).location;
        assert_eq!(location("192.0.2.9", Some("DE")), Some(Location::Network("office".into())));
        let region = Location::Region { asn: Some(64_500), country: Some("DE".into()) };
        assert_eq!(location("198.51.100.1", Some("DE")), Some(region.clone()));
        assert_ne!(location("198.51.100.1", None), Some(region), "half of it is not the same");
        assert_eq!(location("nowhere", Some("DE")), None, "an address that is not known is nowhere");
        let nothing = Signals { address: "203.0.113.1".parse().ok(), ..Signals::default() };
        assert_eq!(Visit::of(&nothing, &rules()), Visit::default());
        // Of networks that overlap, the one that says most of the address; in the order of their names.
        let overlapping = networks(&[
            ("all", &["0.0.0.0/0", "::/0"]),
            ("b", &["192.0.2.0/24", "10.0.0.0/8"]),
            ("c", &["192.0.2.0/24", "10.1.0.0/16"]),
        ]);
        for (address, name) in [
            ("198.51.100.1", "all"),
            ("2001:db8::1", "all"),
            ("192.0.2.9", "b"),
            ("10.1.2.3", "c"),
            ("10.2.2.3", "b"),
        ] {
            let location = Visit::of(&signals(address, Some("DE"), None), &overlapping).location;
            assert_eq!(location, Some(Location::Network(name.into())), "{address}");
        }
    }

    // S6
    #[test]
    fn a_clock_that_is_set_back_makes_no_device_known_again() {
        let mut visits = Visits::default();
        let known_at = |visits: &Visits, now| visits.history(&with_key(1), WITHIN, UnixTime(now)).device;
        visits.learn(with_key(1), WITHIN, UnixTime(200 * DAY));
        assert_eq!(known_at(&visits, 291 * DAY), Some(Seen::New), "too long ago");
        assert_eq!(known_at(&visits, 199 * DAY), Some(Seen::New), "not seen yet");
        assert_eq!(known_at(&visits, 200 * DAY - 30), Some(Seen::Known), "a clock may be corrected");
    }

    #[test]
    fn what_was_part_of_a_settled_login_is_known_for_its_time() {
        let (mut visits, now) = (Visits::default(), UnixTime(1_800_000_000));
        let device = |visits: &Visits, n, now| visits.history(&with_key(n), WITHIN, now).device;
        assert_eq!(device(&visits, 1, now), Some(Seen::New));
        visits.learn(with_key(1), WITHIN, now);
        assert_eq!(device(&visits, 1, now.plus(WITHIN)), Some(Seen::Known));
        assert_eq!(device(&visits, 1, now.plus(WITHIN + 1)), Some(Seen::New));
        assert_eq!(device(&visits, 2, now), Some(Seen::New));
        assert_eq!(
            visits.history(&Visit::default(), WITHIN, now),
            History::default(),
            "nothing is known of it"
        );
    }

    #[test]
    fn eight_are_kept_those_seen_last() {
        let mut visits = Visits::default();
        for n in 0..12 {
            visits.learn(with_key(n), WITHIN, UnixTime(u64::from(n)));
        }
        visits.learn(with_key(5), WITHIN, UnixTime(50));
        let known = |n| visits.history(&with_key(n), WITHIN, UnixTime(60)).device == Some(Seen::Known);
        assert_eq!((0..12).filter(|n| known(*n)).collect::<Vec<u8>>(), (4..12).collect::<Vec<u8>>());
        visits.learn(with_key(13), WITHIN, UnixTime(2 * WITHIN));
        assert_eq!(visits.devices.len(), 1, "what is past its time is not kept");
    }

    #[test]
    fn only_news_is_worth_a_transaction() {
        let (mut visits, now) = (Visits::default(), UnixTime(1_800_000_000));
        let (key, home) = (with_key(1), visit(Some("DE"), None));
        assert!(visits.learning_matters(&key, now) && visits.learning_matters(&home, now));
        visits.learn(key.clone(), WITHIN, now);
        visits.learn(home.clone(), WITHIN, now);
        assert!(
            !visits.learning_matters(&key, now.plus(DAY)) && visits.learning_matters(&key, now.plus(DAY + 1))
        );
        assert!(
            !visits.learning_matters(&home, now.plus(900)) && visits.learning_matters(&home, now.plus(901))
        );
        assert!(visits.learning_matters(&visit(Some("FR"), None), now));
        assert!(!visits.learning_matters(&Visit::default(), now.plus(9 * DAY)));
    }

    #[test]
    fn nobody_is_far_away_at_once() {
        let mut visits = Visits::default();
        let (last, at) = (UnixTime(1_800_000_000), |seconds: u64| UnixTime(1_800_000_000 + seconds));
        let travel =
            |visits: &Visits, visit: &Visit, now| visits.history(visit, WITHIN, now).impossible_travel;
        let home = visit(Some("DE"), Some(BERLIN));
        assert_eq!(travel(&visits, &home, last), Some(false), "nobody has come from anywhere yet");
        visits.learn(home, WITHIN, last);
        for (there, seconds, impossible) in [
            (visit(Some("DE"), Some(HAMBURG)), 0, Some(false)),
            (visit(Some("AU"), Some(SYDNEY)), 3600, Some(true)),
            (visit(Some("AU"), Some(SYDNEY)), 16 * 3600, Some(true)),
            (visit(Some("AU"), Some(SYDNEY)), 17 * 3600, Some(false)),
            (visit(Some("DE"), Some(SYDNEY)), 3600, Some(true)),
            (visit(Some("FR"), None), 7199, Some(true)),
            (visit(Some("FR"), None), 7200, Some(false)),
            (visit(Some("DE"), None), 0, Some(false)),
            (visit(None, None), 0, None),
            (with_key(1), 0, None),
        ] {
            assert_eq!(travel(&visits, &there, at(seconds)), impossible, "{there:?} {seconds}");
        }
        let back = UnixTime(last.0 - DAY);
        assert_eq!(
            travel(&visits, &visit(Some("FR"), None), back),
            Some(true),
            "a clock set back is no time"
        );
    }
}
