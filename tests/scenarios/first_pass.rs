//! Hosts that ask their user once: `forward_pass`, `use_first_pass`, `try_first_pass`.

use mfa_tests::{Machine, Stack, Totp, User};

use crate::false_mfad::{in_the_place_of_mfad, told_by};
use crate::people::{REQUIRED, enrolled, not_enrolled};

/// Alice before an sshd, also by its password method, and a VPN server, each with one field for both.
fn one_field() -> Machine {
    let stack = Stack::password_and_code_in_one_field;
    Machine::new()
        .user(enrolled("alice"))
        .pam("sshd", stack())
        .pam("openvpn", stack())
        .sshd("PasswordAuthentication yes")
        .start()
        .with_pam_host()
}

/// As the plugin of a VPN server asks: one text for every prompt that hides what is typed.
fn openvpn(machine: &Machine, user: &str, typed: &str) -> mfa_tests::host::Report {
    machine.pam_host("openvpn", user, &["--answer", typed, "--one-answer"])
}

#[test]
fn password_and_code_in_one_field_log_in_over_ssh() {
    let machine = one_field();
    let token = machine.token("alice");
    let both = format!("pw{}", token.fresh_code());
    let outcome = machine.ssh("alice").password(&both).assert_granted();
    assert_eq!(outcome.prompts(), ["(alice@127.0.0.1) Password & verification code: "]);
    assert_eq!(machine.audit().with(&[("event", "settled"), ("user", "alice")]).len(), 1);

    // sshd's own password method gives the typed text to whoever asks. (host-realities 7)
    let both = format!("pw{}", token.fresh_code());
    let _ = machine.ssh("alice").methods("password").password(&both).assert_granted();
}

#[test]
fn a_vpn_server_that_asks_once_logs_in() {
    let machine = one_field();
    let report = openvpn(&machine, "alice", &format!("pw{}", machine.token("alice").code()));
    assert!(report.granted(), "{report}");
    assert_eq!(report.messages(), [("echo_off", "Password & verification code: ")]);
}

// S3, S24
#[test]
fn either_half_that_is_wrong_refuses_and_nothing_is_bound() {
    let machine = one_field();
    let token = machine.token("alice");
    let right = token.code();
    for typed in [format!("pw{}", token.wrong_code()), format!("wrong{right}"), format!("pw{right}")] {
        assert!(!openvpn(&machine, "alice", &typed).granted(), "{typed}");
    }
    machine.audit().assert_last("spent_code", "alice", "openvpn");
    assert_eq!(machine.audit().with(&[("event", "settled")]).len(), 0);
}

// S9: one text that a host gives to every prompt is one try.
#[test]
fn a_wrong_code_is_counted_once_though_the_host_would_repeat_it() {
    let machine = one_field();
    let report = openvpn(&machine, "alice", &format!("pw{}", machine.token("alice").wrong_code()));
    assert_eq!(report.phase("authenticate"), Some("PAM_AUTH_ERR"), "{report}");
    assert_eq!(
        report.messages().iter().filter(|(style, _)| style.starts_with("echo")).count(),
        1,
        "{report}"
    );
    assert_eq!(machine.audit().with(&[("event", "refused"), ("reason", "wrong_code")]).len(), 1);
}

// S8, S21: mfad is asked all the same, and the text stays where it is.
#[test]
fn a_field_without_a_code_is_no_try_and_goes_nowhere() {
    let marker = "correct horse battery";
    let machine = Machine::new()
        .user(User::named("alice").password(marker).enrolled(Totp::sha1()))
        .pam("openvpn", Stack::password_and_code_in_one_field().mfa_arguments("debug"))
        .start()
        .with_pam_host();
    let token = machine.token("alice");
    for _ in 0..6 {
        assert!(!openvpn(&machine, "alice", marker).granted());
    }
    machine.audit().assert_last("no_code", "alice", "openvpn");
    let both = |code: &str| openvpn(&machine, "alice", &format!("{marker}{code}"));
    assert!(!both(&token.wrong_code()).granted());
    assert!(both(&token.code()).granted(), "six of them were not counted");

    let audit = machine.audit().printed();
    for word in marker.split(' ') {
        assert!(!audit.contains(word), "{audit}");
        assert!(machine.log().matching(word).is_empty());
        machine.shell(&format!("! grep -aR '{word}' /var/lib/mfad /etc/mfad /run/mfad /tmp"));
    }
    // What left the module, as another mfad tells it.
    in_the_place_of_mfad(&machine, None);
    assert!(openvpn(&machine, "alice", marker).granted(), "this mfad says yes to all");
    let backup = format!("{marker}3-7kq2m-x4tpd-h9wc");
    assert!(openvpn(&machine, "alice", &backup).granted());
    let told = told_by(&machine, "mfad");
    let answers: Vec<&str> =
        told.lines().filter_map(|line| line.strip_prefix("Authenticator.Answer ")).collect();
    assert_eq!(answers, ["\\x00", "37KQ2MX4TPDH9WC"]);
}

// S21
#[test]
fn who_is_nobody_is_asked_and_refused_alike() {
    let machine = one_field();
    machine.write("/etc/mfad/mfad.toml", 0o644, REQUIRED);
    machine.mfad().kill();
    let code = machine.token("alice").wrong_code();
    let typed = [format!("pw{code}"), code]; // a code alone, too: sshd makes junk of it for who is nobody
    for (method, wrong) in
        ["keyboard-interactive", "password"].iter().flat_map(|m| typed.iter().map(move |t| (*m, t)))
    {
        let known = machine.ssh("alice").methods(method).password(wrong).assert_refused();
        let unknown = machine.ssh("mallory").methods(method).password(wrong).assert_refused();
        let unnamed = |text: &str| text.replace("mallory", "alice");
        assert_eq!(unnamed(&unknown.transcript), unnamed(&known.transcript));
    }
}

// S21: the module behind ours has the same work to do, whatever became of the code.
#[test]
fn the_password_is_handed_on_after_a_refusal_too() {
    let stack = "auth optional pam_mfa.so forward_pass\nauth required pam_unix.so nodelay use_first_pass\n\
                 account required pam_permit.so\n";
    let machine =
        Machine::new().user(enrolled("alice")).pam("door", Stack::raw(stack)).start().with_pam_host();
    let wrong = machine.token("alice").wrong_code();
    let tried =
        |password: &str| machine.pam_host("door", "alice", &["--answer", &format!("{password}{wrong}")]);
    assert!(tried("pw").granted(), "where the stack does not mind the code");
    assert!(!tried("other").granted());
}

// S22: there are modules, and servers behind them, that take no password for anonymous.
#[test]
fn an_empty_password_is_never_handed_on() {
    // It says yes to any password, an empty one included, and asks for one where there is none.
    let stack = "auth required pam_mfa.so forward_pass\nauth required pam_exec.so quiet expose_authtok /bin/true\n\
                 account required pam_mfa.so\n";
    let machine =
        Machine::new().user(enrolled("alice")).pam("door", Stack::raw(stack)).start().with_pam_host();
    let token = machine.token("alice");
    for alone in [token.fresh_code(), String::new()] {
        let report = machine.pam_host("door", "alice", &["--answer", &alone]);
        assert!(!report.granted(), "{alone:?}: {report}");
    }
    assert_eq!(machine.audit().with(&[("event", "settled")]).len(), 0);
    let both = format!("x{}", token.fresh_code());
    let report = machine.pam_host("door", "alice", &["--answer", &both]);
    assert!(report.granted() && report.prompts().len() == 1, "{report}");
}

// S24
#[test]
fn a_password_is_not_handed_on_for_a_user_who_did_not_type_it() {
    let stack = "auth [default=ignore] pam_mfa.so forward_pass\nauth required pam_unix.so nodelay use_first_pass\n\
                 account required pam_permit.so\n";
    let machine = Machine::new()
        .users(["alice", "bob"].map(enrolled))
        .pam("door", Stack::raw(stack))
        .start()
        .with_pam_host();
    let token = machine.token("alice");
    for code in [token.fresh_code(), token.wrong_code()] {
        let typed = format!("pw{code}");
        let report = machine.pam_host("door", "alice", &["--answer", &typed, "--change-user", "bob"]);
        assert!(!report.granted(), "bob has the same password: {report}");
    }
    assert!(
        machine.pam_host("door", "alice", &["--answer", "pw123456"]).granted(),
        "the stack is that lenient"
    );
}

#[test]
fn codes_of_eight_digits_are_told_to_the_line() {
    let machine = Machine::new()
        .user(User::named("alice").password("pw12").enrolled(Totp::sha1().digits(8)))
        .pam("openvpn", Stack::password_and_code_in_one_field().mfa_arguments("digits=8"))
        .start()
        .with_pam_host();
    let code = machine.token("alice").code();
    assert!(!openvpn(&machine, "alice", &format!("pw12{}", &code[2..])).granted());
    assert!(openvpn(&machine, "alice", &format!("pw12{code}")).granted());
}

#[test]
fn who_has_no_factor_is_asked_by_the_next_module_where_it_may_ask() {
    let machine = Machine::new()
        .user(not_enrolled("bob"))
        .pam("openvpn", Stack::password_and_code_in_one_field())
        .start()
        .with_pam_host();
    assert!(!openvpn(&machine, "bob", "pw").granted(), "there is nothing to use");
    let text = Stack::password_and_code_in_one_field().text().replace("use_first_pass", "try_first_pass");
    machine.write("/etc/pam.d/openvpn", 0o644, text);
    assert!(openvpn(&machine, "bob", "pw").granted());
    assert!(!openvpn(&machine, "bob", "wrong").granted());
}

/// Alice before a service in which another module asks first.
fn asked_by_another(arguments: &str) -> Machine {
    Machine::new()
        .user(enrolled("alice"))
        .pam("door", Stack::asked_by_another_then_mfa(arguments))
        .settings(REQUIRED)
        .start()
        .with_pam_host()
}

// S21
#[test]
fn use_first_pass_takes_what_was_typed_before_and_asks_nobody() {
    let machine = asked_by_another("use_first_pass");
    let token = machine.token("alice");
    let typed = |text: &str| {
        let report = machine.pam_host("door", "alice", &["--answer", text, "--answer", "123456"]);
        let asked = report.messages().iter().filter(|(style, _)| style.starts_with("echo")).count();
        assert_eq!(asked, 1, "{report}");
        report.granted()
    };
    assert!(typed(&token.code()));
    assert!(!typed(&token.code()));
    machine.audit().assert_last("spent_code", "alice", "door");
    assert!(!typed("no code at all"));
    machine.audit().assert_last("no_code", "alice", "door");
    assert!(!typed(&format!("pw{}", token.code_at(1))), "the field takes a code alone");
    machine.audit().assert_last("no_code", "alice", "door");
}

#[test]
fn try_first_pass_asks_where_what_was_typed_before_is_no_code() {
    let machine = asked_by_another("try_first_pass");
    let token = machine.token("alice");
    let typed = |texts: &[&str]| {
        let answers: Vec<&str> = texts.iter().flat_map(|text| ["--answer", text]).collect();
        let report = machine.pam_host("door", "alice", &answers);
        (report.granted(), report.prompts().len())
    };
    assert_eq!(typed(&[&token.fresh_code()]), (true, 1));
    assert_eq!(typed(&["pw", &token.fresh_code()]), (true, 2));
    assert_eq!(machine.audit().with(&[("event", "refused")]).len(), 0, "a password is not tried");
}

#[test]
fn what_was_typed_before_may_hold_both() {
    let stack = "auth [default=ignore] pam_unix.so nodelay\nauth required pam_mfa.so use_first_pass forward_pass\n\
                 auth required pam_unix.so nodelay use_first_pass\naccount required pam_mfa.so\n";
    let machine =
        Machine::new().user(enrolled("alice")).pam("door", Stack::raw(stack)).start().with_pam_host();
    let code = machine.token("alice").code();
    let report = machine.pam_host("door", "alice", &["--answer", &format!("pw{code}")]);
    assert!(report.granted() && report.prompts().len() == 1, "{report}");
}
