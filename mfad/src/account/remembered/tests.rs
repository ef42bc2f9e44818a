use super::*;
use crate::{
    account::{Factor, SeedPrint},
    factor::{BackupCodes, FactorKind, Totp},
    policy::ForgetOn,
};

const NOW: UnixTime = UnixTime(1_800_000_000);
const RAN: u64 = 5_000_000;
const HOUR: u64 = 3600;
const HOST: HostId = HostId([1; 16]);
const SESSION: Session = Session { leader: 700, started: 1234, boot: [1; 16] };

/// What may happen to an account.
type Change = fn(&mut State);

fn state() -> State {
    let mut state = State::new(Some(1000), vec!["alice".into()], UnixTime(0));
    state.factors.push(factor(1));
    state
}

fn factor(n: u8) -> Factor {
    let kind = FactorKind::Totp(Totp::default());
    Factor::new(FactorId([n; 16]), kind, format!("phone {n}"), SeedPrint([n; 16]), UnixTime(0))
}

fn terms(bind: &[Bind]) -> Remember {
    let service = ["sshd", "sudo", "sudo-i"].map(str::to_owned).into();
    Remember { seconds: HOUR, bind: bind.to_vec(), service, forget_on: vec![ForgetOn::NewKey] }
}

const BOTH: &[Bind] = &[Bind::Key, Bind::Address];

fn ssh(key: Option<u8>, host: Option<u8>) -> Place {
    let network = host.map(|host| Network::V4([192, 0, 2, host]));
    Place::Ssh { key: key.map(|key| Fingerprint([key; 32])), network }
}

fn sudo(caller: u32, tty: &str, session: Session) -> Place {
    Place::Sudo { caller, tty: tty.into(), session }
}

fn memory(n: u8, user: &str, place: Place, bind: &[Bind]) -> Memory {
    Memory {
        id: MemoryId([n; 8]),
        user: user.into(),
        place,
        bind: bind.to_vec(),
        host: HOST,
        factor: Some(FactorId([1; 16])),
        made: NOW,
        made_ran_ms: RAN,
        seconds: HOUR,
    }
}

fn remembers(state: &State, user: &str, place: &Place, terms: &Remember, times: Times) -> bool {
    let user = user.into();
    state.remembers(
        &Coming { user: &user, place: place.clone(), host: HOST },
        (terms, &Factors::default()),
        times,
    )
}

// The field has stored one user's proof for another (sudo-rs CVE-2025-64517): each pair is tried.
#[test]
fn what_was_proven_at_one_place_stands_at_no_other() {
    let session = |leader, started, boot| Session { leader, started, boot: [boot; 16] };
    let places = [
        ssh(Some(1), Some(7)),
        ssh(Some(2), Some(7)),
        ssh(Some(1), Some(8)),
        ssh(Some(2), Some(8)),
        sudo(1000, "/dev/pts/1", SESSION),
        sudo(1001, "/dev/pts/1", SESSION),
        sudo(0, "/dev/pts/1", SESSION),
        sudo(1000, "/dev/pts/2", SESSION),
        sudo(1000, "/dev/pts/1", session(701, 1234, 1)),
        sudo(1000, "/dev/pts/1", session(700, 1235, 1)),
        sudo(1000, "/dev/pts/1", session(700, 1234, 2)),
    ];
    let users = ["alice", "alicia"];
    let all = || users.into_iter().flat_map(|user| places.iter().map(move |place| (user, place)));
    for (user, place) in all() {
        let mut state = state();
        state.remember(memory(1, user, place.clone(), BOTH));
        for (other_user, other) in all() {
            let stands = remembers(&state, other_user, other, &terms(BOTH), (NOW, RAN));
            assert_eq!(stands, (user, place) == (other_user, other), "{user} {place}: {other_user} {other}");
        }
        let coming = Coming { user: &user.into(), place: place.clone(), host: HostId([2; 16]) };
        assert!(
            !state.remembers(&coming, (&terms(BOTH), &Factors::default()), (NOW, RAN)),
            "a clone of the host"
        );
    }
}

#[test]
fn what_is_not_known_is_never_the_same() {
    for (bind, known, unknown) in [
        (&[Bind::Key][..], ssh(Some(1), None), ssh(None, Some(7))),
        (&[Bind::Address], ssh(None, Some(7)), ssh(Some(1), None)),
        (BOTH, ssh(Some(1), Some(7)), ssh(None, None)),
        (BOTH, ssh(Some(1), Some(7)), ssh(Some(1), None)),
    ] {
        assert!(known.tells(bind) && !unknown.tells(bind));
        let mut state = state();
        state.remember(memory(1, "alice", known.clone(), bind));
        state.remember(memory(2, "alice", unknown.clone(), bind));
        assert!(remembers(&state, "alice", &known, &terms(bind), (NOW, RAN)));
        assert!(!remembers(&state, "alice", &unknown, &terms(bind), (NOW, RAN)), "{unknown}");
    }
}

#[test]
fn what_the_settings_bound_then_and_what_they_bind_now_must_both_be_the_same() {
    let (here, other_key) = (ssh(Some(1), Some(7)), ssh(Some(2), Some(7)));
    let mut state = state();
    state.remember(memory(1, "alice", here.clone(), BOTH));
    assert!(remembers(&state, "alice", &here, &terms(&[Bind::Address]), (NOW, RAN)));
    assert!(!remembers(&state, "alice", &other_key, &terms(&[Bind::Address]), (NOW, RAN)), "looser settings");
    state.remember(memory(1, "alice", here.clone(), &[Bind::Address]));
    assert!(remembers(&state, "alice", &other_key, &terms(&[Bind::Address]), (NOW, RAN)));
    assert!(!remembers(&state, "alice", &other_key, &terms(BOTH), (NOW, RAN)), "stricter settings");
    let mut listed = terms(&[Bind::Address]);
    listed.service = vec!["sudo".into()];
    assert!(!remembers(&state, "alice", &here, &listed, (NOW, RAN)), "sshd is not listed any more");
    let shorter = Remember { seconds: 60, ..terms(BOTH) };
    assert!(remembers(&state, "alice", &here, &shorter, (NOW.plus(59), RAN + 59_000)));
    assert!(!remembers(&state, "alice", &here, &shorter, (NOW.plus(60), RAN + 59_000)));
}

// S6
#[test]
fn it_ends_by_either_clock_whatever_the_other_was_set_to() {
    let (mut state, here) = (state(), ssh(Some(1), Some(7)));
    state.remember(memory(1, "alice", here.clone(), BOTH));
    let stands =
        |later: u64, ran_ms| remembers(&state, "alice", &here, &terms(BOTH), (NOW.plus(later), ran_ms));
    assert!(stands(HOUR - 1, RAN + HOUR * 1000 - 1));
    assert!(!stands(HOUR, RAN));
    assert!(!stands(0, RAN + HOUR * 1000), "the clock was set back again and again");
    let before = UnixTime(NOW.0 - 1);
    assert!(!remembers(&state, "alice", &here, &terms(BOTH), (before, RAN)), "the clock was set back");
}

#[test]
fn with_any_change_of_the_factors_it_is_gone_and_does_not_come_back() {
    let here = ssh(Some(1), Some(7));
    let changes: [(&str, Change); 9] = [
        ("added", |state| state.factors.push(factor(2))),
        ("removed", |state| state.factors.clear()),
        ("replaced", |state| state.factors[0].id = FactorId([3; 16])),
        ("codes", |state| state.backup = Some(BackupCodes::new([1; 16], 10, NOW))),
        ("other codes", |state| state.backup = Some(BackupCodes::new([9; 16], 10, NOW))),
        ("codes of another system", |state| state.backup = Some(BackupCodes::foreign([[1; 16]], NOW))),
        ("locked", |state| state.locked = Some(crate::account::Lock::Administrator)),
        ("recovery", |state| {
            state.voucher = Some(crate::account::OpenVoucher {
                hash: [4; 16],
                what: crate::account::Voucher::Recovery,
                made: NOW,
                ends: NOW.plus(HOUR),
                ends_ran_ms: RAN,
            });
        }),
        ("disabled", |state| state.factors[0].attested_failures = crate::limits::ATTESTED_FAILURES),
    ];
    for (what, change) in changes {
        let mut state = state();
        state.backup = Some(BackupCodes::new([8; 16], 10, NOW));
        state.remember(memory(1, "alice", here.clone(), BOTH));
        let before = state.clone();
        state.drop_unfounded();
        assert_eq!(state, before);
        change(&mut state);
        assert!(!remembers(&state, "alice", &here, &terms(BOTH), (NOW, RAN)), "{what}, not kept yet");
        state.drop_unfounded();
        if what != "disabled" {
            let later = std::mem::take(&mut state.later);
            state = State { later, ..before };
            assert!(!remembers(&state, "alice", &here, &terms(BOTH), (NOW, RAN)), "{what}, and undone");
            assert!(state.later.remembered.is_empty());
        }
    }
}

#[test]
fn sixteen_are_kept_those_that_count_before_those_that_do_not() {
    let mut state = state();
    for n in 0..20 {
        let seconds = if n % 2 == 0 { HOUR } else { 0 };
        state.remember(Memory { seconds, ..memory(n, "alice", ssh(Some(n), Some(n)), BOTH) });
    }
    assert_eq!(state.later.remembered.list.len(), MEMORIES);
    assert_eq!(state.remembered(HOST, (&terms(BOTH), &Factors::default()), (NOW, RAN)).count(), 10);
    for n in 0..20 {
        state.remember(memory(n, "alice", ssh(Some(100), Some(n)), BOTH));
        state.remember(memory(n, "alice", ssh(Some(100), Some(n)), BOTH)); // in place of itself
    }
    let kept: Vec<_> = state
        .remembered(HOST, (&terms(BOTH), &Factors::default()), (NOW, RAN))
        .map(|memory| memory.id)
        .collect();
    assert_eq!(kept, (4..20).map(|n| MemoryId([n; 8])).collect::<Vec<_>>());
    let bytes = state.encode().unwrap();
    assert_eq!(State::decode(&bytes).unwrap(), state);
    assert!(bytes.len() < 4096, "{}", bytes.len());
}

#[test]
fn what_is_forgotten_counts_no_more_and_was_seen_all_the_same() {
    let mut state = state();
    let (here, away) = (ssh(Some(1), Some(7)), ssh(Some(2), Some(8)));
    state.remember(memory(1, "alice", here.clone(), BOTH));
    state.remember(memory(2, "alice", away, BOTH));
    assert_eq!(state.forget(Some(MemoryId([3; 8])), (NOW, RAN)), 0);
    assert_eq!(state.forget(Some(MemoryId([1; 8])), (NOW, RAN)), 1);
    assert!(!remembers(&state, "alice", &here, &terms(BOTH), (NOW, RAN)));
    assert_eq!(state.forget(None, (NOW.plus(HOUR), RAN)), 0, "the other was over");
    assert_eq!(
        state.remembered(HOST, (&terms(BOTH), &Factors::default()), (NOW, RAN)).count(),
        0,
        "and is ended all the same"
    );
    let alice = "alice".into();
    let saw = |place, now| {
        let coming = Coming { user: &alice, place, host: HOST };
        (state.saw_key(&coming, now), state.saw_network(&coming, now))
    };
    assert_eq!(saw(ssh(Some(1), Some(8)), NOW), (true, true));
    assert_eq!(saw(ssh(Some(3), Some(8)), NOW), (false, true));
    assert_eq!(saw(ssh(None, Some(9)), NOW), (false, false));
    assert_eq!(saw(ssh(Some(1), None), NOW), (true, false), "an address that is not known is new");
    assert_eq!(saw(ssh(Some(1), Some(8)), NOW.plus(SEEN + 1)), (false, false));
}
