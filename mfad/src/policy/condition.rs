//! The conditions of a rule. Within one, any entry suffices; all of them must hold together.

use std::{cell::OnceCell, net::IpAddr};

use mfa_proto::identity::{UnixTime, UserName};

use super::{
    Case, Command, Fingerprint, Network, Pattern, Place, Prefix, Seen, Times, Truth, signals::Groups,
};

/// Conditions; an empty list is no condition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Conditions {
    /// The subject.
    pub user: Vec<UserName>,
    /// The subject's groups.
    pub group: Vec<String>,
    /// PAM services.
    pub service: Vec<String>,
    /// Commands of sudo.
    pub command: Vec<Pattern>,
    /// Whom one becomes.
    pub target: Vec<UserName>,
    /// Terminals, without the folder `/dev/`.
    pub tty: Vec<String>,
    /// Peer addresses.
    pub address: Vec<Prefix>,
    /// Named networks, by their place in the settings.
    pub network: Vec<usize>,
    /// The key that passed before.
    pub key: Vec<Fingerprint>,
    /// Times of the week.
    pub time: Vec<Times>,
    /// Autonomous systems.
    pub asn: Vec<u32>,
    /// Countries.
    pub country: Vec<String>,
    /// Whether the key was seen before.
    pub device: Option<Seen>,
    /// Whether the place was seen before.
    pub location: Option<Seen>,
    /// Whether the way from the last place is too long.
    pub impossible_travel: bool,
}

/// A login, and the settings as far as they help to see it.
pub struct Sight<'a> {
    /// The login.
    pub case: Case<'a>,
    /// The time of the week; `None`: any.
    week: Option<UnixTime>,
    networks: &'a [Network],
    groups: Option<&'a Groups>,
    within: OnceCell<Vec<bool>>,
    command: Option<Command<'a>>,
    program_only: bool,
}

impl<'a> Sight<'a> {
    /// A login under settings that name those networks; `mentioned` as in [`Groups::among`].
    pub(super) fn new(case: Case<'a>, networks: &'a [Network], mentioned: u64) -> Self {
        // Memberships that were looked up for other settings say nothing of what these name.
        let groups = case.signals.groups.as_ref().filter(|groups| groups.among == mentioned);
        let (week, command) = (Some(case.now), case.signals.command.as_deref().map(Command::new));
        Self { case, week, networks, groups, within: OnceCell::new(), command, program_only: false }
    }

    /// The same where of the command only its program is known: what it was called with is not.
    #[must_use]
    pub fn by_program(self) -> Self {
        Self { program_only: true, ..self }
    }

    /// The same at whatever time of the week.
    pub(super) fn at_any_time(self) -> Self {
        Self { week: None, ..self }
    }

    pub(super) fn in_group(&self, name: &str) -> Truth {
        Truth::of(self.groups.map(|groups| groups.of.iter().any(|group| group == name)))
    }

    fn place(&self) -> Option<&Place> {
        self.case.signals.place.as_ref()
    }

    fn has_command(&self, patterns: &[Pattern]) -> Truth {
        let Some(command) = &self.command else { return Truth::Unknown };
        let holds = |pattern: &Pattern| {
            if self.program_only { pattern.may_match(command.told) } else { pattern.matches(command) }
        };
        patterns.iter().fold(Truth::No, |any, pattern| any.or(holds(pattern)))
    }

    /// Whether the address is in each of the named networks: worked out once.
    fn within(&self, address: IpAddr) -> &[bool] {
        self.within.get_or_init(|| self.networks.iter().map(|network| network.contains(address)).collect())
    }
}

/// A kind of condition: `None` where a rule has none of it.
type Part = fn(&Conditions, &Sight<'_>) -> Option<Truth>;

/// Every kind, by its name in the settings. What is cheap and tells much comes first: a rule is left at its
/// first No.
const PARTS: [(&str, Part); 15] = [
    ("service", |c, s| any(&c.service, s.case.service, |e, service| e.as_bytes() == service.as_bytes())),
    ("user", |c, s| subject(&c.user, s)),
    ("target", |c, s| any(&c.target, s.case.target, |e, target| e == *target)),
    ("address", |c, s| any(&c.address, s.case.signals.address, |e, address| e.contains(*address))),
    ("network", |c, s| any(&c.network, s.case.signals.address, |e, address| s.within(*address)[*e])),
    ("key", |c, s| any(&c.key, s.case.signals.key, |e, key| e == key)),
    ("group", |c, s| any(&c.group, s.groups, |e, groups| groups.of.contains(e))),
    ("tty", |c, s| any(&c.tty, s.case.signals.tty.as_deref().map(terminal), |e, tty| e == *tty)),
    ("time", |c, s| any(&c.time, s.week, |e, now| e.contains(*now))),
    ("asn", |c, s| any(&c.asn, s.place().and_then(|place| place.asn), |e, asn| e == asn)),
    ("country", |c, s| {
        any(&c.country, s.place().and_then(|p| p.country.as_ref()), |e, country| e == *country)
    }),
    ("device", |c, s| one(c.device, s.case.history.device)),
    ("location", |c, s| one(c.location, s.case.history.location)),
    ("travel", |c, s| c.impossible_travel.then(|| Truth::of(s.case.history.impossible_travel))),
    ("command", |c, s| (!c.command.is_empty()).then(|| s.has_command(&c.command))),
];

/// A terminal's name, which most host programs give with its folder, and people write without.
pub fn terminal(tty: &str) -> &str {
    tty.strip_prefix("/dev/").unwrap_or(tty)
}

/// Whether one of `entries` is meant: no condition where there are none, unknown where the login does not
/// say what it is about.
fn any<E, T>(entries: &[E], known: Option<T>, is: impl Fn(&E, &T) -> bool) -> Option<Truth> {
    let holds = |known: T| entries.iter().any(|entry| is(entry, &known));
    (!entries.is_empty()).then(|| Truth::of(known.map(holds)))
}

/// Whether the subject is one of `users`: by the name that was typed, and by the one that the account has. Where only
/// one of them is meant, it is unknown, so that no other spelling gets round a rule or into an exemption.
fn subject(users: &[UserName], sight: &Sight<'_>) -> Option<Truth> {
    let is_meant = |name: &UserName| users.contains(name);
    let typed = is_meant(sight.case.subject);
    let own = sight.case.signals.name.as_ref().map_or(typed, is_meant);
    (!users.is_empty()).then(|| Truth::of((typed == own).then_some(typed)))
}

fn one(wanted: Option<Seen>, seen: Option<Seen>) -> Option<Truth> {
    wanted.map(|wanted| Truth::of(seen.map(|seen| seen == wanted)))
}

impl Conditions {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.kinds() == 0
    }

    /// How many kinds of them there are.
    pub fn kinds(&self) -> usize {
        // Field by field: asked of each rule at each login, and ten times as fast as comparing with the default.
        let Self {
            user,
            group,
            service,
            command,
            target,
            tty,
            address,
            network,
            key,
            time,
            asn,
            country,
            device,
            location,
            impossible_travel,
        } = self;
        let lists =
            [user.len(), group.len(), service.len(), command.len(), target.len(), tty.len(), address.len()];
        let more = [network.len(), key.len(), time.len(), asn.len(), country.len()];
        let words = [device.is_some(), location.is_some(), *impossible_travel];
        let lists = lists.iter().chain(&more).filter(|length| **length > 0).count();
        lists + words.iter().filter(|is_there| **is_there).count()
    }

    /// Each condition by its name, and whether it holds.
    pub fn each(&self, sight: &Sight<'_>) -> impl Iterator<Item = (&'static str, Truth)> {
        PARTS.iter().filter_map(move |(name, part)| part(self, sight).map(|truth| (*name, truth)))
    }

    /// Whether all of them hold.
    pub fn hold(&self, sight: &Sight<'_>) -> Truth {
        let mut all = Truth::Yes;
        for (_, truth) in self.each(sight) {
            if truth == Truth::No {
                return Truth::No;
            }
            all = all.and(truth);
        }
        all
    }
}
