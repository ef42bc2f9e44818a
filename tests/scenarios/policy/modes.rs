//! Modes: of the host and of groups, from a date on, with grace, for people and for programs.

use std::time::Duration;

use mfa_tests::wait;

use super::{Met, met, set, ssh, start, sudo};

#[test]
fn a_group_has_a_mode_of_its_own_and_mfactl_tells_which() {
    let machine = start();
    let mode_of = |user: &str| {
        let said = machine.mfactl(user, "status --json").stdout; // who has no factor is told so by the exit code
        serde_json::from_str::<serde_json::Value>(&said).expect("JSON")["mode"].clone()
    };
    set(&machine, "optional", "[group.ops]\nmode = \"required\"\n");
    assert_eq!(
        ["alice", "bob", "carol"].map(|user| met(ssh(&machine, user))),
        [Met::Question, Met::Nobody, Met::Question]
    );
    assert_eq!((mode_of("bob"), mode_of("carol")), ("optional".into(), "required".into()));
    let shown = || machine.told("root", "user show alice")[0]["mode"].clone();
    assert_eq!(shown(), "optional");
    machine.shell("usermod --append --groups ops alice");
    wait::for_condition("alice is in it", Duration::from_secs(20), || shown() == "required");
    set(&machine, "required", "[group.ops]\nmode = \"off\"\n");
    assert_eq!(
        ["alice", "bob", "carol"].map(|user| met(sudo(&machine, user))),
        [Met::Nobody, Met::Question, Met::Nobody]
    );
    assert_eq!((mode_of("bob"), mode_of("carol")), ("required".into(), "off".into()));
}

// S19
#[test]
fn required_begins_on_its_date_and_spares_programs_but_never_root() {
    let machine = start();
    let with = |keys: &str| {
        machine.write(super::FILE, 0o644, format!("[policy]\nmode = \"required\"\n{keys}"));
        machine.mfad().reload();
    };
    let bob = || met(ssh(&machine, "bob"));
    for (keys, expected) in [
        ("required_from = 2099-12-01\n", Met::Nobody),
        ("required_from = 2020-12-01\n", Met::Question),
        ("service_accounts = { users = [\"bob\"] }\n", Met::Nobody),
        ("service_accounts = { groups = [\"ops\"] }\n", Met::Question),
        ("service_accounts = { uids = \"1002-1002\" }\n", Met::Nobody),
    ] {
        with(keys);
        assert_eq!(bob(), expected, "{keys}");
        assert_eq!(met(sudo(&machine, "alice")), Met::Question, "who has a factor is asked: {keys}");
    }
    with("service_accounts = { uids = \"1-60000\", groups = [\"root\"] }\n");
    assert_eq!((bob(), met(ssh(&machine, "root"))), (Met::Nobody, Met::Question), "root is no program");
    // Offered to enrol, and not hindered.
    with("grace = \"30d\"\n");
    assert_eq!(met(ssh(&machine, "bob").code("")), Met::Nobody);
    machine.audit().assert_last("grace", "bob", "sshd");
}

#[test]
fn observe_hinders_nobody_whatever_the_rules_say() {
    let machine = start();
    set(&machine, "observe", "[[rule]]\nname = \"never\"\nwhen = { user = \"alice\" }\nthen = \"deny\"\n");
    for user in ["alice", "bob"] {
        assert_eq!((met(ssh(&machine, user)), met(sudo(&machine, user))), (Met::Nobody, Met::Nobody));
        machine.audit().assert_last("observed", user, "sudo");
    }
    let because = |user: &str| {
        let audit = machine.audit();
        let last = audit.with(&[("user", user), ("event", "waived")]).pop().map(|row| row.text("because"));
        last.expect("judged").to_owned()
    };
    assert_eq!(
        (because("alice"), because("bob")),
        ("rule never: would deny".into(), "policy: would refuse".into())
    );
    let _ = machine.ssh("alice").password("wrong").assert_refused();
}
