//! What a user is told at a login: in the prompt where the first factor is known to be right, else
//! by the account phase, in a prompt of its own.
//!
//! A used backup code, a change, and a wrong code after a right password are told at the next login; all else
//! at most once in 20 hours, never to service accounts, and never where a login is no visit.

use mfa_proto::{identity::UnixTime, time::utc};

use super::question::{Login, Via};
use crate::{
    account::{ChangeKind, News, State},
    factor::BackupCodes,
};

/// So long after something was told, nothing but the urgent is told again, in seconds.
const QUIET: u64 = 20 * 3600;
/// So few backup codes are few.
const FEW: u32 = 3;
/// The uids of people begin here, root's apart.
const FIRST_PERSON: u32 = 1000;
/// Where nobody visits: commands are run, and jobs.
const NO_VISIT: [&[u8]; 7] = [b"sudo", b"sudo-i", b"cron", b"crond", b"atd", b"polkit-1", b"systemd-user"];

impl News {
    /// What was told is told, and counting begins anew; but for a backup code that was used just now.
    pub fn settled(&mut self, now: UnixTime, used_now: Option<UnixTime>) {
        *self = Self { told: Some(now), backup_used: used_now.into_iter().collect(), ..Self::default() };
    }
}

/// Whether that is the uid of a person: a service account reads nothing and enrols nothing.
pub(super) fn is_person(uid: u32) -> bool {
    uid == 0 || uid >= FIRST_PERSON
}

/// Whether a login of that service is a visit, at which its user reads what there is to read.
pub(super) fn is_visit(state: &State, login: &Login) -> bool {
    state.uid.is_some_and(is_person)
        && login.via == Via::Login
        && !NO_VISIT.contains(&login.service.as_bytes())
}

/// What the user of this login is to read, if there is anything.
pub(super) fn of(state: &State, login: &Login, now: UnixTime) -> Option<String> {
    if !is_visit(state, login) {
        return None;
    }
    let news = &state.news;
    let quiet = news.told.is_some_and(|told| now >= told && now.since(told) < QUIET);
    let left = state.backup.as_ref().map_or(0, BackupCodes::left);
    let mut lines = Vec::new();
    if let Some(used) = news.backup_used.last() {
        let codes = match news.backup_used.len() {
            1 => "A backup code was used".to_owned(),
            many => format!("{many} backup codes were used, the last"),
        };
        lines.push(format!("{codes} on {}. {left} are left.", utc(used.0)));
    }
    for change in &news.changes {
        let what = match &change.what {
            ChangeKind::Added(label) => format!("The factor {label} was added to your account"),
            ChangeKind::RecoveryGiven => "A recovery code for your account was given out".to_owned(),
        };
        lines.push(format!("{what} on {}. Was that you? If not: mfactl not-me", utc(change.time.0)));
    }
    if let Some(worry) = news.worry.as_ref().filter(|worry| worry.attested || !quiet) {
        let many = if news.wrong == 1 {
            "A wrong code was".to_owned()
        } else {
            format!("{} wrong codes were", news.wrong)
        };
        let password = if worry.attested {
            "after the right password! Was that you? If not: mfactl not-me"
        } else {
            "without a right password being known of"
        };
        lines.push(format!(
            "{many} typed since your last login, on {} from {}, {password}.",
            utc(worry.time.0),
            worry.door
        ));
    }
    if !quiet && left <= FEW {
        lines.push(match (left, state.factors.len()) {
            (0, 1) => "You have one device and no backup codes: mfactl codes renew makes ten.".to_owned(),
            (0, _) => "You have no backup codes: mfactl codes renew makes ten.".to_owned(),
            _ => format!("You have {left} backup codes left: mfactl codes renew makes ten new ones."),
        });
    }
    (!lines.is_empty()).then(|| lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::{Door, Worry};

    fn login(service: &str) -> Login {
        Login {
            via: Via::Login,
            user: "alice".into(),
            subject: "alice".into(),
            service: service.into(),
            door: Door::Console,
            attested: true,
        }
    }

    fn state(uid: u32) -> State {
        let mut state = State::new(Some(uid), vec!["alice".into()], UnixTime(0));
        state.backup = Some(BackupCodes::new([1; 16], UnixTime(0)));
        state
    }

    const NOW: UnixTime = UnixTime(1_800_000_000);

    #[test]
    fn a_used_backup_code_and_a_known_password_are_told_at_the_next_visit() {
        let mut state = state(1000);
        assert_eq!(of(&state, &login("sshd"), NOW), None);
        state.news.told = Some(NOW);
        state.news.backup_used.push(NOW);
        assert!(of(&state, &login("sshd"), NOW).unwrap().contains("10 are left"));
        state.news.settled(NOW, None);
        assert_eq!(of(&state, &login("sshd"), NOW), None);
        (state.news.wrong, state.news.worry) =
            (2, Some(Worry { time: NOW, door: Door::Locker, attested: true }));
        let text = of(&state, &login("sshd"), NOW).unwrap();
        assert!(text.starts_with("2 wrong codes were typed") && text.contains("not-me"), "{text}");
    }

    #[test]
    fn the_rest_is_told_at_most_once_in_twenty_hours() {
        let mut state = state(1000);
        state.backup = None;
        assert!(of(&state, &login("sshd"), NOW).is_some());
        state.news.settled(NOW, None);
        assert_eq!(of(&state, &login("sshd"), NOW.plus(QUIET - 1)), None);
        assert!(of(&state, &login("sshd"), NOW.plus(QUIET)).is_some());
    }

    #[test]
    fn commands_jobs_and_service_accounts_are_told_nothing() {
        for (uid, service) in [(1000, "sudo"), (1000, "cron"), (1000, "sudo-i"), (999, "sshd")] {
            let mut state = state(uid);
            state.backup = None;
            assert_eq!(of(&state, &login(service), NOW), None, "{uid} {service}");
        }
    }
}
