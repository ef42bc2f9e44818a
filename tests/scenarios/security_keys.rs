//! Security keys of OpenSSH, in software, before a real sshd: the enrolled one that opened a login is a second
//! factor, and nothing else is.

use std::time::Duration;

use mfa_tests::security_key::Challenge;
use mfa_tests::terminal::{Next, Terminal};
use mfa_tests::{Attempt, Blueprint, Machine, SecurityKey, Stack, Suite, Verdict};

use crate::people::{REQUIRED, enrolled};

const PATIENCE: Duration = Duration::from_secs(20);
const PIN: &str = "[policy]\nmode = \"optional\"\n[factors]\nssh_key_pin = true\n";

/// Alice and bob, who have apps, before an sshd that wants a key and then what the second factor is, and a sudo.
fn key_then_factor() -> Blueprint {
    Machine::new()
        .user(enrolled("alice").ssh_key())
        .user(enrolled("bob"))
        .pam("sshd", Stack::key_passed_or_password())
        .pam("sudo", Stack::password_then_mfa())
        .sshd("AuthenticationMethods publickey,keyboard-interactive")
        .settings(REQUIRED)
}

/// Has `user` enrol it, by a backup code.
fn enrol(machine: &Machine, user: &str, key: &SecurityKey<'_>, label: &str, code: &str) {
    let challenge = machine.challenge(user, &format!("--label {label}"), code);
    let signature = key.sign(&challenge);
    confirm(machine, user, &challenge.enrolment(), &signature).stdout_of_success();
}

fn confirm(machine: &Machine, user: &str, enrolment: &str, signature: &str) -> mfa_tests::Ran {
    machine.mfactl_with(user, &format!("enroll confirm {enrolment} --signature -"), signature.trim_end())
}

/// The prompts that somebody with that key meets, who answers none.
fn prompts(key: &SecurityKey<'_>, user: &str) -> Vec<String> {
    key.ssh(user).run().code_prompts().into_iter().map(str::to_owned).collect()
}

fn assert_asked(key: &SecurityKey<'_>, user: &str) {
    assert_eq!(prompts(key, user).len(), 1, "asked for a code");
}

fn assert_not_asked(machine: &Machine, key: &SecurityKey<'_>, user: &str) {
    granted_unasked(machine, key.ssh(user), user);
}

fn granted_unasked(machine: &Machine, attempt: Attempt, user: &str) {
    let outcome = attempt.assert_granted();
    assert_eq!(outcome.prompts(), [""; 0], "{outcome}");
    machine.audit().assert_last("security_key", user, "sshd");
}

fn an_enrolled_key_is_enough(suite: Suite) {
    let machine = key_then_factor().suite(suite).start();
    let codes = machine.backup_codes("alice");
    for (n, kind) in ["ed25519-sk", "ecdsa-sk"].into_iter().enumerate() {
        let key = machine.security_key(kind, kind, "");
        key.authorize("alice", "");
        assert_asked(&key, "alice");
        enrol(&machine, "alice", &key, kind, &codes[n]);
        assert_not_asked(&machine, &key, "alice");
        let shown = machine.told("alice", "factor list").pop().expect("the newest is last");
        assert_eq!(shown["kind"], "ssh_sk");
        assert_eq!(shown["key"], key.fingerprint());
        assert!(shown["last_used"].as_u64().is_some_and(|time| time > 0), "{shown}");
    }
    // Whatever else she has there is asked for a code as ever.
    let other = machine.security_key("other", "ed25519-sk", "");
    other.authorize("alice", "");
    assert_asked(&other, "alice");
    let code = machine.token("alice").code();
    let _ = machine.ssh("alice").key("alice").code(&code).assert_granted();
    let outcome = machine.sudo("alice").password("pw").code(&codes[2]).assert_granted();
    assert_eq!(outcome.code_prompts().len(), 1, "{outcome}");
}

#[test]
fn an_enrolled_security_key_opens_ssh_without_a_question_and_nothing_else() {
    an_enrolled_key_is_enough(Suite::Usual);
}

#[test]
fn a_security_key_of_openssh_10_does_too() {
    an_enrolled_key_is_enough(Suite::Trixie);
}

// S18, S20
#[test]
fn a_security_key_that_was_removed_or_is_another_s_or_whose_owner_is_locked_is_asked() {
    let machine = key_then_factor().start();
    let (alices, bobs) = (machine.backup_codes("alice"), machine.backup_codes("bob"));
    let key = machine.security_key("yubikey", "ed25519-sk", "");
    key.authorize("alice", "");
    key.authorize("bob", "");
    enrol(&machine, "alice", &key, "yubikey", &alices[0]);
    assert_not_asked(&machine, &key, "alice");
    // In bob's authorized_keys, but enrolled by alice only.
    assert_asked(&key, "bob");
    enrol(&machine, "bob", &key, "mine", &bobs[0]);
    assert_not_asked(&machine, &key, "bob");

    machine.administer("user lock alice");
    assert_asked(&key, "alice");
    let _ = key.ssh("alice").code(&machine.token("alice").code()).assert_refused();
    machine.administer("user unlock alice");
    assert_not_asked(&machine, &key, "alice");

    // An app has to stay as long as there is a key.
    let _ = machine.mfactl_with("alice", "factor remove phone", &alices[1]).assert_exit(4);
    let _ = machine.mfactl("alice", "factor remove yubikey").assert_exit(2);
    machine.mfactl_with("alice", "factor remove yubikey", &alices[2]).stdout_of_success();
    assert_asked(&key, "alice");
    assert_not_asked(&machine, &key, "bob");
}

// S24: as a device it is known by the logins that it has opened, and by none that failed after it.
#[test]
fn a_security_key_is_a_known_device_once_a_login_that_it_opened_is_settled() {
    let machine = key_then_factor().start();
    let codes = machine.backup_codes("alice");
    let key = machine.security_key("yubikey", "ed25519-sk", "");
    key.authorize("alice", "");
    enrol(&machine, "alice", &key, "yubikey", &codes[0]);
    let new_devices = |then: &str| {
        let rule = "[[rule]]\nname = \"r\"\nwhen = { service = \"sshd\", device = \"new\" }\nthen =";
        machine.write("/etc/mfad/mfad.toml", 0o644, format!("{REQUIRED}{rule} \"{then}\"\n"));
        machine.mfad().reload();
    };
    new_devices("ask");
    machine.shell("chage --expiredate 1 alice");
    assert_ne!(key.ssh("alice").run().verdict, Verdict::Granted);
    machine.audit().assert_last("security_key", "alice", "sshd");
    machine.shell("chage --expiredate -1 alice");
    new_devices("deny");
    assert_ne!(key.ssh("alice").run().verdict, Verdict::Granted);
    machine.audit().assert_last("denied", "alice", "sshd");
    new_devices("ask");
    assert_not_asked(&machine, &key, "alice");
    new_devices("deny");
    assert_not_asked(&machine, &key, "alice");
}

// A certificate speaks for whoever signed it, and lives on when the key is taken out.
#[test]
fn a_certificate_for_an_enrolled_security_key_is_asked() {
    let machine = key_then_factor().sshd("TrustedUserCAKeys /root/keys/ca.pub").start();
    let key = machine.security_key("yubikey", "ed25519-sk", "");
    key.authorize("alice", "");
    enrol(&machine, "alice", &key, "yubikey", &machine.backup_codes("alice")[0]);
    assert_not_asked(&machine, &key, "alice");
    machine.shell(&format!(
        "rm /home/alice/.ssh/authorized_keys; ssh-keygen -q -t ed25519 -N '' -f /root/keys/ca
         ssh-keygen -q -s /root/keys/ca -I alice -n alice {}.pub",
        key.path()
    ));
    assert_asked(&key, "alice");
    let outcome = key.ssh("alice").code(&machine.token("alice").code()).assert_granted();
    assert_eq!(outcome.code_prompts().len(), 1, "{outcome}");
    assert!(!machine.log().matching("ED25519-SK-CERT").is_empty(), "it was the certificate that passed");
}

// What doctor tells of as `key-touch-unasked`.
#[test]
fn an_untouched_key_is_taken_on_the_word_of_a_program_but_not_where_sshd_asks_for_a_touch() {
    let machine = key_then_factor()
        .sshd("AuthorizedKeysCommand /usr/local/bin/keys\nAuthorizedKeysCommandUser nobody")
        .file("/usr/local/bin/keys", 0o755, "#!/bin/sh\ncat /etc/keys\n")
        .start();
    let key = machine.security_key("yubikey", "ed25519-sk", "");
    enrol(&machine, "alice", &key, "yubikey", &machine.backup_codes("alice")[0]);
    let says = |options: &str| {
        machine.shell(&format!("{{ printf '{options}'; cat {}.pub; }} >/etc/keys", key.path()));
    };
    let untouched = || key.ssh("alice").environment(&["SK_PROVIDER_FLAGS=4".to_owned()]);
    says("");
    assert_not_asked(&machine, &key, "alice");
    let _ = untouched().assert_refused();
    says("no-touch-required ");
    granted_unasked(&machine, untouched(), "alice");
    machine.shell("sed -i '1i PubkeyAuthOptions touch-required' /etc/ssh/sshd_config");
    machine.shell(
        "kill -HUP \"$(cat /run/sshd.pid)\"; sleep 0.1; until ss -ltn | grep -q ':22 '; do sleep 0.05; done",
    );
    let _ = untouched().assert_refused();
    assert_not_asked(&machine, &key, "alice");
}

#[test]
fn a_signature_that_is_not_right_enrols_nothing() {
    let machine = key_then_factor().start();
    let (alices, bobs) = (machine.backup_codes("alice"), machine.backup_codes("bob"));
    let key = machine.security_key("yubikey", "ed25519-sk", "");
    key.authorize("alice", "");
    let untouched = machine.security_key("untouched", "ecdsa-sk", "-O no-touch-required");
    let refused = |enrolment: &str, signature: &str, why: &str| {
        let ran = confirm(&machine, "alice", enrolment, signature).assert_exit(1);
        assert!(ran.stderr.contains(why), "{why}: {ran}");
    };

    let first = machine.challenge("alice", "", &alices[0]);
    refused(&first.enrolment(), &untouched.sign(&first), "was not touched");
    refused(&first.enrolment(), &key.sign_with_flags(4, &first), "was not touched");
    let file =
        first.command().replace("-n enroll@mfad", "-n file").replace("~/.ssh/id_ed25519_sk", &key.path());
    let environment = key.environment().join(" ");
    let elsewhere = machine.shell(&format!("export {environment}; {file}"));
    refused(&first.enrolment(), &elsewhere, "for another purpose");
    let plain = first.command().replace("~/.ssh/id_ed25519_sk", "/root/keys/alice");
    refused(&first.enrolment(), &machine.shell(&plain), "no security key");
    // Four of five: the fifth ends it.
    let good = key.sign(&first);
    let last = good.lines().rev().nth(1).expect("the last line of base64");
    let (head, tail) = last.split_at(last.len() / 2);
    let (other, rest) = (if tail.starts_with('A') { 'B' } else { 'A' }, &tail[1..]);
    let altered = format!("{head}{other}{rest}");
    let ran = confirm(&machine, "alice", &first.enrolment(), &good.replace(last, &altered)).assert_exit(1);
    assert!(ran.stderr.contains("has ended"), "{ran}");
    let _ = confirm(&machine, "alice", &first.enrolment(), &good).assert_exit(1);

    // What was signed before, or for another, is of another challenge.
    let second = machine.challenge("alice", "", &alices[1]);
    refused(&second.enrolment(), &good, "another challenge");
    let of_bob = machine.challenge("bob", "", &bobs[0]);
    refused(&second.enrolment(), &key.sign(&of_bob), "another challenge");
    let _ = confirm(&machine, "bob", &second.enrolment(), &key.sign(&second)).assert_exit(1);
    assert_eq!(machine.factor_labels("alice"), ["phone"]);
    assert_asked(&key, "alice");
    // And the right one is taken, once.
    confirm(&machine, "alice", &second.enrolment(), &key.sign(&second)).stdout_of_success();
    let _ = confirm(&machine, "alice", &second.enrolment(), &key.sign(&second)).assert_exit(1);
    assert_not_asked(&machine, &key, "alice");
}

#[test]
fn where_a_pin_is_asked_for_a_key_without_one_does_not_count() {
    let machine = key_then_factor().settings(PIN).start();
    let codes = machine.backup_codes("alice");
    let (plain, pin) = (
        machine.security_key("plain", "ed25519-sk", ""),
        machine.security_key("pin", "ed25519-sk", "-O verify-required"),
    );
    let challenge = machine.challenge("alice", "", &codes[0]);
    assert!(challenge.pin());
    let ran = confirm(&machine, "alice", &challenge.enrolment(), &plain.sign(&challenge)).assert_exit(1);
    assert!(ran.stderr.contains("PIN"), "{ran}");
    confirm(&machine, "alice", &challenge.enrolment(), &pin.sign(&challenge)).stdout_of_success();
    pin.authorize("alice", "verify-required ");
    granted_unasked(&machine, pin.ssh_with_pin("alice"), "alice");
    let shown = machine.mfactl("alice", "status").stdout_of_success();
    assert!(shown.contains("with PIN; opens logins over ssh without a code"), "{shown}");
}

#[test]
fn who_has_no_app_is_told_to_enrol_one_first() {
    let machine = Machine::new().user(crate::people::not_enrolled("carol")).start();
    let ran = machine.mfactl("carol", "enroll begin --type ssh-key").assert_exit(3);
    assert!(
        ran.stderr.contains("opens logins over ssh only") && ran.stderr.contains("mfactl enroll"),
        "{ran}"
    );
}

#[test]
fn at_a_terminal_the_line_to_run_is_shown_and_its_answer_pasted() {
    let machine = key_then_factor().start();
    let codes = machine.backup_codes("alice");
    let key = machine.security_key("yubikey", "ed25519-sk", "");
    key.authorize("alice", "");
    let mut terminal =
        Terminal::open(machine.inside(), "alice", "mfactl enroll --type ssh-key --label yubikey");
    let Next::Prompt(_) = terminal.next_within(PATIENCE) else { panic!("{}", terminal.transcript()) };
    terminal.answer(codes[0].as_bytes());
    let asks = "from BEGIN to END:\n";
    terminal.shows(asks.trim_end(), PATIENCE);
    let shown = terminal.transcript();
    let command =
        shown.lines().map(str::trim).find(|line| line.starts_with("echo ")).expect("a command").to_owned();
    let sign = |command: &str| {
        let environment = key.environment().join(" ");
        let command = command.replace("~/.ssh/id_ed25519_sk", &key.path());
        machine.shell(&format!("export {environment}; {command}"))
    };
    // Another's challenge first: told why, and asked again.
    for line in sign(&command.replace("echo ", "echo x")).lines() {
        terminal.answer(line.as_bytes());
    }
    terminal.shows("another challenge", PATIENCE);
    for line in sign(&command).lines() {
        terminal.answer(line.as_bytes());
    }
    let Next::Ended(Some(0)) = terminal.next_within(PATIENCE) else { panic!("{}", terminal.transcript()) };
    assert!(
        terminal.transcript().contains("Enrolled. A login over ssh that this key opened"),
        "{}",
        terminal.transcript()
    );
    assert_not_asked(&machine, &key, "alice");
}

#[test]
fn a_program_enrolls_a_security_key_in_two_halves() {
    let machine = key_then_factor().start();
    let codes = machine.backup_codes("alice");
    let key = machine.security_key("yubikey", "ed25519-sk", "");
    key.authorize("alice", "");
    let line = "mfactl enroll begin --type ssh-key --json";
    let begun = machine.exec_with("alice", &words(line), format!("{}\n", codes[0]).as_bytes());
    let challenge = Challenge::begun(&begun.stdout_of_success());
    machine.write("/home/alice/challenge.sig", 0o644, key.sign(&challenge));
    let confirm = "mfactl enroll confirm 5bd5a4a1d6f14c6ab7f1d1c2b0a8e9f7 --signature challenge.sig";
    let _ = machine.exec_as("alice", &words(confirm)).assert_exit(1); // of another enrolment, and not in this folder
    let confirm = confirm.replace("5bd5a4a1d6f14c6ab7f1d1c2b0a8e9f7", &challenge.enrolment());
    let confirm = confirm.replace("challenge.sig", "/home/alice/challenge.sig --json");
    let confirmed = machine.exec_as("alice", &words(&confirm)).stdout_of_success();
    let confirmed: serde_json::Value = serde_json::from_str(&confirmed).expect("JSON");
    assert_eq!(confirmed["factor"], challenge.enrolment());
    assert_not_asked(&machine, &key, "alice");
}

fn words(line: &str) -> Vec<&str> {
    line.split(' ').collect()
}

// Where the account phase must see a proof, an enrolled key that opened the login is one, and a key alone is none.
#[test]
fn an_account_phase_that_wants_a_proof_takes_a_security_key() {
    let enforced = "[policy]\nmode = \"required\"\nenforce_account = [\"sshd\"]\n";
    let stack = Stack::key_passed_or_password().text();
    let stack = stack.replace("account required pam_mfa.so", "account required pam_mfa.so account_enforce");
    let machine = key_then_factor().pam("sshd", Stack::raw(&stack)).settings(enforced).start();
    let codes = machine.backup_codes("alice");
    let key = machine.security_key("yubikey", "ed25519-sk", "");
    key.authorize("alice", "");
    enrol(&machine, "alice", &key, "yubikey", &codes[0]);
    assert_not_asked(&machine, &key, "alice");
    // A login by key alone: sshd tells the account phase of no key, so there is none.
    machine.shell(
        "sed -i 's/^AuthenticationMethods.*/AuthenticationMethods publickey/' /etc/ssh/sshd_config
         kill -HUP \"$(cat /run/sshd.pid)\"; sleep 0.1; until ss -ltn | grep -q ':22 '; do sleep 0.05; done",
    );
    assert_ne!(key.ssh("alice").run().verdict, Verdict::Granted);
    machine.audit().assert_last("no_proof", "alice", "sshd");
}

// An agent that came along with the login signs for a key that is elsewhere: here is its public file alone.
#[test]
fn a_key_that_an_agent_has_signs_too() {
    let machine = key_then_factor().start();
    let codes = machine.backup_codes("alice");
    let key = machine.security_key("yubikey", "ed25519-sk", "");
    key.authorize("alice", "");
    machine.shell(&format!(
        "install -o alice -m 600 {0} /tmp/carried; install -o alice -t /home/alice/.ssh {0}.pub",
        key.path()
    ));
    let provider = &key.environment()[0];
    let script = format!(
        "eval \"$(ssh-agent -s -P /usr/lib/sk_provider.so)\" >/dev/null; trap 'kill $SSH_AGENT_PID' EXIT
         {provider} ssh-add -q /tmp/carried; rm /tmp/carried
         mfactl enroll --type ssh-key --key ~/.ssh/yubikey.pub"
    );
    let code = format!("{}\n", codes[0]);
    machine.exec_with("alice", &["bash", "-euc", &script], code.as_bytes()).stdout_of_success();
    assert_not_asked(&machine, &key, "alice");
}

#[test]
fn a_key_that_is_plugged_in_here_signs_at_once() {
    let machine = key_then_factor().start();
    let codes = machine.backup_codes("alice");
    let key = machine.security_key("yubikey", "ecdsa-sk", "");
    key.authorize("alice", "");
    machine.shell(&format!(
        "install -o alice -m 600 -t /home/alice/.ssh {0} && install -o alice -t /home/alice/.ssh {0}.pub",
        key.path()
    ));
    let argv = [
        "env",
        &key.environment()[0],
        "mfactl",
        "enroll",
        "--type",
        "ssh-key",
        "--key",
        "/home/alice/.ssh/yubikey",
    ];
    machine.exec_with("alice", &argv, format!("{}\n", codes[0]).as_bytes()).stdout_of_success();
    assert_eq!(machine.factor_labels("alice"), ["phone", "security key"]);
    assert_not_asked(&machine, &key, "alice");
    // A file that is no key, and one that is not there.
    for bad in ["/etc/passwd", "/nonexistent"] {
        let argv = ["mfactl", "enroll", "--type", "ssh-key", "--key", bad];
        let ran = machine.exec_with(
            "alice",
            &argv,
            format!("{}\n", codes[if bad == "/nonexistent" { 1 } else { 2 }]).as_bytes(),
        );
        assert!(ran.assert_exit(1).stderr.contains("did not sign"));
    }
    assert_eq!(machine.factor_labels("alice").len(), 2);
}
