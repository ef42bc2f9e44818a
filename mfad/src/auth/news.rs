//! What a user is told at a login: in the prompt where the first factor is known to be right, else
//! by the account phase, in a prompt of its own.
//!
//! A used backup code, a change, and a wrong code after a right password are told at the next login; all else
//! at most once in 20 hours, never to service accounts, and never where a login is no visit.

use mfa_proto::{identity::UnixTime, time::utc};

use super::question::{Login, Via};
use crate::{
    account::{Change, ChangeKind, FactorId, News, State},
    factor::BackupCodes,
    policy::Factors,
};

/// So long after something was told, nothing but the urgent is told again, in seconds.
const QUIET: u64 = 20 * 3600;
/// So long an added factor is told at every login that proves none of before it, in seconds.
const INSISTS: u64 = 14 * 86_400;
/// So few backup codes are few; of small sets, a third.
const FEW: u32 = 3;
/// The uids of people begin here, root's apart.
const FIRST_PERSON: u32 = 1000;
/// Where nobody visits: commands are run, and jobs.
const NO_VISIT: [&[u8]; 7] = [b"sudo", b"sudo-i", b"cron", b"crond", b"atd", b"polkit-1", b"systemd-user"];

impl News {
    /// A login is over, and counting begins anew. `told`: whether there was something to tell. What is
    /// urgent is told in quiet times too and does not make them longer: who comes every day would
    /// never hear the rest. Kept is what comes from number `heard` on, the next one when the telling was composed,
    /// and a factor that was added, for two weeks, until somebody heard of it who proved what `was_there`
    /// before: an intruder's logins with the intruder's factors silence nothing of the intruder's.
    pub fn settled(&mut self, now: UnixTime, told: bool, heard: u64, was_there: impl Fn(&Change) -> bool) {
        if told && !self.is_quiet(now) {
            self.told = Some(now);
        }
        self.backup_used.retain(|used| used.number >= heard);
        let insists = |change: &Change| match &change.what {
            ChangeKind::Added(..) => now.since(change.time) < INSISTS && !was_there(change),
            ChangeKind::RecoveryGiven => false,
        };
        self.changes.retain(|change| change.number >= heard || insists(change));
        self.worry.take_if(|worry| worry.number < heard);
        let since = u32::try_from(self.next.saturating_sub(heard)).unwrap_or(u32::MAX);
        self.wrong = if self.worry.is_some() { self.wrong.min(since) } else { 0 };
    }

    /// Whether something was told lately.
    fn is_quiet(&self, now: UnixTime) -> bool {
        self.told.is_some_and(|told| now >= told && now.since(told) < QUIET)
    }
}

/// Whether a proof tells its owner of a change: by a factor, or a backup code where there is none, that was there
/// before it; or where no factor of before is left.
pub(super) fn was_there(state: &State, factor: Option<FactorId>) -> impl Fn(&Change) -> bool + use<> {
    let created = |id| state.factors.iter().find(|factor| factor.id == id).map(|factor| factor.created);
    // Who proves a factor that is itself to be heard of may be whoever added it.
    let to_hear_of = |id| state.news.changes.iter().any(|change| change.what.adds(id));
    let proven = match factor {
        Some(id) => created(id).filter(|_| !to_hear_of(id)),
        None => state.backup.as_ref().map(|backup| backup.made),
    };
    let oldest = state.factors.iter().map(|factor| factor.created).min();
    move |change| {
        let before = |made: UnixTime| made < change.time;
        proven.is_some_and(before) || !oldest.is_some_and(before)
    }
}

/// Whether that is the uid of a person: a service account reads nothing and enrols nothing.
pub(super) fn is_person(uid: u32) -> bool {
    uid == 0 || uid >= FIRST_PERSON
}

/// Whether a login of that service is a visit, at which its user reads what there is to read.
pub(super) fn is_visit(uid: Option<u32>, login: &Login) -> bool {
    uid.is_some_and(is_person) && login.via == Via::Login && !NO_VISIT.contains(&login.service.as_bytes())
}

/// Whether there is something that its user must read before anything else: a code is asked then, since it stands in
/// that question. What a stranger can bring about is not of the kind.
pub(super) fn is_urgent(state: &State, login: &Login) -> bool {
    let News { backup_used, changes, worry, .. } = &state.news;
    let is_known_password = worry.as_ref().is_some_and(|worry| worry.attested);
    is_visit(state.uid, login) && (!backup_used.is_empty() || !changes.is_empty() || is_known_password)
}

/// What the user of this login is to read, if there is anything.
pub(super) fn of(state: &State, factors: &Factors, login: &Login, now: UnixTime) -> Option<String> {
    if !is_visit(state.uid, login) {
        return None;
    }
    let news = &state.news;
    let quiet = news.is_quiet(now);
    let left = state.backup.as_ref().map_or(0, BackupCodes::left);
    let mut lines = Vec::new();
    if let Some(used) = news.backup_used.last() {
        let codes = match news.backup_used.len() {
            1 => "A backup code was used".to_owned(),
            many => format!("{many} backup codes were used, the last"),
        };
        lines.push(format!("{codes} on {}. {left} are left.", utc(used.time.0)));
    }
    for change in &news.changes {
        let what = match &change.what {
            ChangeKind::Added(label, _) => format!("The factor {label} was added to your account"),
            ChangeKind::RecoveryGiven => "A recovery code for your account was given out".to_owned(),
        };
        lines.push(format!("{what}\non {}. Was that you? If not: mfactl not-me", utc(change.time.0)));
    }
    if let Some(worry) = news.worry.as_ref().filter(|worry| worry.attested || !quiet) {
        let many = if news.wrong == 1 {
            "A wrong code was".to_owned()
        } else {
            format!("{} wrong codes were", news.wrong)
        };
        let password = if worry.attested {
            "after the right password!\nWas that you? If not: mfactl not-me"
        } else {
            "without a right password being known of"
        };
        lines.push(format!(
            "{many} typed since your last login, on {}\nfrom {}, {password}.",
            utc(worry.time.0),
            worry.door
        ));
    }
    let few = FEW.min(u32::from(factors.backup_codes) / 3);
    if !quiet && left <= few && factors.allow("backup") {
        lines.push(match (left, state.apps().count()) {
            (0, 1) => {
                "You have one device and no backup codes: mfactl codes renew makes new ones.".to_owned()
            }
            (0, _) => "You have no backup codes: mfactl codes renew makes new ones.".to_owned(),
            (1, _) => "You have 1 backup code left: mfactl codes renew makes new ones.".to_owned(),
            _ => format!("You have {left} backup codes left: mfactl codes renew makes new ones."),
        });
    }
    (!lines.is_empty()).then(|| lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        account::{Door, Worry},
        policy::Signals,
    };

    fn login(service: &str) -> Login {
        Login {
            via: Via::Login,
            user: "alice".into(),
            subject: "alice".into(),
            service: service.into(),
            door: Door::Console,
            attested: true,
            signals: Signals::default(),
            keys: Vec::new(),
            anchor: crate::account::Anchor::default(),
        }
    }

    fn state(uid: u32) -> State {
        let mut state = State::new(Some(uid), vec!["alice".into()], UnixTime(0));
        state.backup = Some(BackupCodes::new([1; 16], 10, UnixTime(0)));
        state
    }

    const NOW: UnixTime = UnixTime(1_800_000_000);

    #[test]
    fn a_used_backup_code_and_a_known_password_are_told_at_the_next_visit() {
        let mut state = state(1000);
        assert_eq!(of(&state, &Factors::default(), &login("sshd"), NOW), None);
        state.news.told = Some(NOW);
        state.news.used(NOW);
        assert!(of(&state, &Factors::default(), &login("sshd"), NOW).unwrap().contains("10 are left"));
        state.news.settled(NOW, true, state.news.next, |_| true);
        assert_eq!(of(&state, &Factors::default(), &login("sshd"), NOW), None);
        for _ in 0..2 {
            state.news.worry(NOW, &Door::Locker, true, 0);
        }
        let text = of(&state, &Factors::default(), &login("sshd"), NOW).unwrap();
        assert!(text.starts_with("2 wrong codes were typed") && text.contains("not-me"), "{text}");
        let network =
            Door::Address(std::net::IpAddr::from([0x2001, 0xdb8, 0xffff, 0xffff, 0, 0, 0, 1]).into());
        let worry = Worry { number: 0, time: NOW, door: network, attested: false };
        state.news = News { wrong: 100, worry: Some(worry), ..News::default() };
        let text = of(&state, &Factors::default(), &login("sshd"), NOW).unwrap();
        assert!(text.lines().all(|line| line.len() < 80), "a terminal of 80 columns breaks it: {text}");
    }

    #[test]
    fn the_rest_is_told_at_most_once_in_twenty_hours() {
        let mut state = state(1000);
        state.backup = None;
        assert!(of(&state, &Factors::default(), &login("sshd"), NOW).is_some());
        state.news.settled(NOW, true, 0, |_| true);
        assert_eq!(of(&state, &Factors::default(), &login("sshd"), NOW.plus(QUIET - 1)), None);
        for quiet in [1, QUIET - 1] {
            state.news.settled(NOW.plus(quiet), true, 0, |_| true); // logins in between, of which some told what is urgent
            state.news.settled(NOW.plus(quiet), false, 0, |_| true);
        }
        assert!(of(&state, &Factors::default(), &login("sshd"), NOW.plus(QUIET)).is_some());
    }

    #[test]
    fn who_may_have_no_backup_codes_is_not_told_to_make_some() {
        let mut state = state(1000);
        let told = |state: &State, factors: &Factors| of(state, factors, &login("sshd"), NOW).is_some();
        let small = Factors { backup_codes: 2, ..Factors::default() };
        state.backup = Some(BackupCodes::new([1; 16], 2, NOW));
        assert!(!told(&state, &small) && told(&state, &Factors::default()), "two of two are not few");
        state.backup = None;
        assert!(told(&state, &small));
        let mut none = Factors::default();
        none.allowed.remove("backup");
        assert!(!told(&state, &none));
    }

    #[test]
    fn commands_jobs_and_service_accounts_are_told_nothing() {
        for (uid, service) in [(1000, "sudo"), (1000, "cron"), (1000, "sudo-i"), (999, "sshd")] {
            let mut state = state(uid);
            state.backup = None;
            assert_eq!(of(&state, &Factors::default(), &login(service), NOW), None, "{uid} {service}");
        }
    }
}
