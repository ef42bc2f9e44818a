//! The policy in force is the one that the log says, whole, whatever becomes of the file.

use super::{FILE, Met, met, set, ssh, start};

const NEVER: &str = "[[rule]]\nname = \"never\"\nwhen = { user = \"alice\" }\nthen = \"deny\"\n";

// S23
#[test]
fn rules_are_taken_at_a_signal_whole_or_not_at_all() {
    let machine = start();
    let alice = || met(ssh(&machine, "alice"));
    let pid = machine.mfad().pid();
    set(&machine, "optional", NEVER);
    assert_eq!(alice(), Met::Refusal);
    for (broken, said) in [
        ("[[rule]]\nname = \"never\"\nthen = \"dney\"\n", "unknown variant"),
        ("[[rule]]\nname = \"r\"\nthen = \"skip\"\n", "skips without an end"),
        (
            "[[rule]]\nname = \"r\"\nwhen = { network = \"nowhere\" }\nthen = \"ask\"\n",
            "is not among [networks]",
        ),
        ("[[exempt]]\nuser = \"alice\"\nuntil = 2099-01-01\n", "without a `reason`"),
    ] {
        set(&machine, "off", broken);
        machine.log().wait_for(said);
        assert_eq!(alice(), Met::Refusal, "the mode of a broken file is none: {broken}");
    }
    assert_eq!(machine.audit().with(&[("event", "settings_kept")]).len(), 4);
    let alarm = machine.log().wait_for("the last good ones are in force");
    assert!(alarm.starts_with("<81>") || alarm.contains("alert"), "{alarm}");
    // A second file can only be the whole, too.
    machine.write(FILE, 0o644, "[policy]\nmode = \"optional\"\n");
    machine.write("/etc/mfad/mfad.toml.d/50-rules.toml", 0o644, "[[rule]]\n");
    machine.mfad().reload();
    assert_eq!(alice(), Met::Refusal);
    machine.write("/etc/mfad/mfad.toml.d/50-rules.toml", 0o644, NEVER.replace("alice", "bob"));
    machine.mfad().reload();
    assert_eq!((alice(), met(ssh(&machine, "bob"))), (Met::Question, Met::Refusal));
    assert_eq!(machine.mfad().pid(), pid, "nothing was started again");
}

// S23: what was asked under other rules is answered under those that are in force.
#[test]
fn a_policy_that_denies_while_the_question_stands_denies_the_right_code() {
    let machine = start();
    let code = machine.token("alice").code();
    set(&machine, "optional", "");
    let (inside, text) = ((*machine).clone(), format!("[policy]\nmode = \"optional\"\n{NEVER}"));
    let attempt = ssh(&machine, "alice").code(&code).before_code(move || {
        inside.write(FILE, 0o644, &text);
        inside.mfad().reload();
    });
    let _ = attempt.assert_refused();
    machine.audit().assert_last("denied", "alice", "sshd");
    set(&machine, "optional", "");
    let _ = ssh(&machine, "alice").code(&code).assert_granted();
}
