//! Which factors count, how many codes a set has, and who recovers accounts.

use super::{set, ssh, start};

// S14, S16
#[test]
fn kinds_sizes_and_recovery_are_as_the_settings_say() {
    let machine = start();
    let (token, codes) = (machine.token("alice"), machine.backup_codes("alice"));
    set(&machine, "optional", "[factors]\nallowed = [\"totp\", \"hotp\", \"backup\"]\nbackup_codes = 3\n");
    let fob = machine.begin_enrolment("bob", "--type hotp --label fob", "");
    let made = machine.confirm_enrolment("bob", &fob, &fob.code_of_counter(0));
    assert_eq!(made.len(), 3);
    assert_eq!(machine.told("bob", "status")[0]["codes"]["left"], 3);

    set(&machine, "optional", "[factors]\nallowed = [\"totp\"]\n");
    let refused = machine.mfactl("carol", "enroll begin --json --type hotp").assert_exit(4);
    assert!(refused.stderr.contains("no factors of the kind hotp, only: totp"), "{refused}");
    let outcome = ssh(&machine, "bob").code(&fob.code_of_counter(1)).assert_refused();
    let _ = outcome.assert_shown("does not take codes of that kind");
    machine.audit().assert_last("kind_not_allowed", "bob", "sshd");
    for (user, code) in [("alice", &codes[0]), ("bob", &made[0])] {
        let outcome = ssh(&machine, user).code(code).assert_refused();
        let _ = outcome.assert_shown("does not take codes of that kind");
    }
    let status = machine.mfactl("bob", "status").stdout_of_success();
    assert!(status.contains("fob: hotp") && status.contains("NOT ACCEPTED"), "{status}");
    assert!(status.contains("Codes:    not accepted"), "{status}");
    let _ = ssh(&machine, "alice").code(&token.fresh_code()).assert_granted();

    set(&machine, "optional", "[recovery]\nadmin_recovery = \"never\"\n");
    let recover = "user recover alice --verified-by passport --reason lost --break-glass test --json";
    let refused = machine.mfactl("root", recover).assert_exit(4);
    assert!(refused.stderr.contains("admin_recovery"), "{refused}");
    set(&machine, "optional", "[recovery]\ntimeout = \"1h\"\n");
    let given = machine.administer("user recover alice --verified-by passport");
    assert_eq!(given["hours"], 1);
    assert_eq!(machine.told("root", "user show alice")[0]["open"], "recovery, 1 hours left");
    // None of them was spent by being refused.
    set(&machine, "optional", "");
    let _ = ssh(&machine, "bob").code(&made[0]).assert_granted();
}
