//! What a rule does, and what an exemption does: the strictest of all wins, and what loosens ends.

use super::{Met, met, set, ssh, start, sudo};

const HOME: &str = "[networks]\nhome = [\"127.0.0.0/24\"]\n";

fn rule(name: &str, when: &str, then: &str) -> String {
    let end = if then == "skip" { "reason = \"test\"\nuntil = 2099-01-01\n" } else { "" };
    format!("[[rule]]\nname = \"{name}\"\nwhen = {{ {when} }}\nthen = \"{then}\"\n{end}")
}

#[test]
fn a_rule_skips_asks_or_denies_and_the_strictest_wins() {
    let machine = start();
    let away = || ssh(&machine, "alice").from("127.0.1.9");
    let skip = rule("at home", "network = \"home\"", "skip");
    let ask = rule("alice", "user = \"alice\"", "ask");
    let fresh = rule("fresh", "user = \"alice\"", "ask_fresh");
    let deny = rule("never", "address = \"127.0.0.1\"", "deny");
    for (rules, at_home, elsewhere) in [
        (vec![], Met::Question, Met::Question),
        (vec![&skip], Met::Nobody, Met::Question),
        (vec![&skip, &ask], Met::Question, Met::Question),
        (vec![&fresh, &skip], Met::Question, Met::Question),
        (vec![&skip, &deny, &ask], Met::Refusal, Met::Question),
    ] {
        let text: String = rules.iter().map(|rule| rule.as_str()).collect();
        set(&machine, "required", &format!("{HOME}{text}"));
        assert_eq!((met(ssh(&machine, "alice")), met(away())), (at_home, elsewhere), "{text}");
        assert_eq!(
            met(sudo(&machine, "bob")),
            if rules.contains(&&deny) { Met::Refusal } else { Met::Question }
        );
    }
    // What asks, asks of everybody: who has no factor cannot answer.
    set(&machine, "optional", &rule("sudo", "service = \"sudo\"", "ask"));
    assert_eq!((met(ssh(&machine, "bob")), met(sudo(&machine, "bob"))), (Met::Nobody, Met::Question));
    let _ = sudo(&machine, "bob").code("123456").code("123456").code("123456").assert_refused();
    machine.audit().assert_last("not_enrolled", "bob", "sudo");
}

// S25
#[test]
fn an_exemption_is_for_whom_and_where_it_says_and_until_its_end() {
    let machine = start();
    let exempt = |until: &str| {
        format!(
            "[[exempt]]\nuser = \"alice\"\nservice = [\"sshd\"]\naddress = [\"127.0.0.7\"]\nreason = \"CHG-118\"\nuntil = {until}\n"
        )
    };
    let there = |user: &str| ssh(&machine, user).from("127.0.0.7");
    set(&machine, "required", &exempt("2099-01-01"));
    assert_eq!(met(there("alice")), Met::Nobody);
    machine.audit().assert_last("exempt", "alice", "sshd");
    assert_eq!(met(ssh(&machine, "alice")), Met::Question, "another address");
    assert_eq!(met(sudo(&machine, "alice")), Met::Question, "another service");
    assert_eq!(met(there("bob")), Met::Question, "another user");
    machine.administer("user lock alice");
    assert_eq!(met(there("alice")), Met::Question, "a lock is from nothing exempt");
    machine.administer("user unlock alice");
    assert_eq!(met(there("alice")), Met::Nobody);
    set(&machine, "required", &exempt("2020-01-01"));
    assert_eq!(met(there("alice")), Met::Question, "its end was");
}
