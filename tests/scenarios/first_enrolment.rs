//! The first factor, enrolled in the login itself while grace runs, or by invitation after it.

use std::time::Duration;

use mfa_tests::screen::{Ground, Picture};
use mfa_tests::terminal::{Next, Terminal};
use mfa_tests::{Blueprint, Inside, Machine, Stack, Suite, Token, User, clock, wait};

use crate::people::{REQUIRED, enrolled, not_enrolled};

/// Everyone must have a factor in a month.
const GRACE: &str = "[policy]\nmode = \"required\"\ngrace = \"30d\"\n";

/// How an offer ends, an enrolment, and what the codes are called.
const OFFER: &str = "or press Enter to go on: ";
pub(crate) const CONFIRM: &str = "Code that the app shows now: ";
pub(crate) const BACKUP_CODES: &str = "Backup codes, each for one login without the app.";

pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Bob, who was there when the month began, before sshd, sudo, su and login.
fn bob_in_grace() -> Blueprint {
    Machine::new()
        .user(not_enrolled("bob"))
        .user(User::named("root").password("root's password"))
        .pam("sshd", Stack::password_then_mfa())
        .pam("sudo", Stack::password_then_mfa())
        .pam("su", Stack::password_then_mfa().root_passes())
        .pam("login", Stack::password_then_mfa())
        .settings(GRACE)
}

fn in_grace() -> Machine {
    let machine = bob_in_grace().start();
    machine.mfad().start(); // the month begins
    machine
}

/// The secret that a prompt shows beside its picture.
pub(crate) fn secret_in(prompt: &str) -> String {
    let groups = |line: &&str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        words.len() == 8 && words.iter().all(|word| word.len() == 4 && word.is_ascii())
    };
    prompt.lines().find(groups).unwrap_or_else(|| panic!("no secret in {prompt}")).replace(' ', "")
}

/// What a telephone reads from the terminal, dark as most are.
fn scanned(prompt: &str) -> Token {
    Token::of_uri(&Picture::of(prompt, Ground::Dark).scanned())
}

pub(crate) fn next(terminal: &mut Terminal) -> String {
    match terminal.next_within(PATIENCE) {
        Next::Prompt(prompt) => prompt,
        other => panic!("{other:?} after {}", terminal.transcript()),
    }
}

/// `ssh USER@127.0.0.1`, whose command says that it ran.
pub(crate) fn ssh(machine: &Machine, user: &str) -> Terminal {
    machine.start_sshd();
    ssh_from(machine.inside(), user)
}

/// The same by a client that may be another machine's.
fn ssh_from(client: &Inside, user: &str) -> Terminal {
    let line = "ssh -F none -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR \
                -o PreferredAuthentications=keyboard-interactive -o NumberOfPasswordPrompts=1";
    Terminal::open(client, "root", &format!("{line} {user}@127.0.0.1 echo let in"))
}

/// A prompt in which the time of the server's clock is left out.
fn without_time(prompt: &str) -> String {
    match prompt.split_once("The clock here says ") {
        Some((before, after)) => format!("{before}The clock here says …{}", &after["12:00:00".len()..]),
        None => prompt.to_owned(),
    }
}

/// Goes through an enrolment at a terminal that has been asked for the password; the phone that came of it.
fn enrol_at(terminal: &mut Terminal) -> Token {
    terminal.answer(b"pw");
    let offer = next(terminal);
    assert!(offer.contains("A second factor is required here from ") && offer.ends_with(OFFER), "{offer}");
    assert!(offer.contains("30 days left") || offer.contains("29 days left"), "{offer}");
    terminal.answer(b"e");
    let shown = next(terminal);
    assert!(shown.ends_with(CONFIRM), "{shown}");
    let phone = scanned(&shown);
    assert_eq!(phone.secret(), secret_in(&shown), "the picture and the text are one secret");
    clock::with_seconds_left(10); // who calls takes the codes that come after this one
    terminal.answer(phone.code_at(-1).as_bytes());
    let codes = next(terminal);
    assert!(codes.contains(BACKUP_CODES) && codes.ends_with("Press Enter to go on. "), "{codes}");
    terminal.answer(b"");
    assert_eq!(terminal.next_within(PATIENCE), Next::Ended(Some(0)), "{}", terminal.transcript());
    phone
}

// S7, S19
#[test]
fn a_login_over_ssh_enrols_a_phone_and_the_next_one_takes_its_code() {
    let machine = in_grace();
    let mut terminal = ssh(&machine, "bob");
    next(&mut terminal);
    let phone = enrol_at(&mut terminal);
    assert!(terminal.transcript().ends_with("let in\n"), "{}", terminal.transcript());
    assert_eq!(machine.factor_labels("bob"), ["phone"]);
    let _ = machine.ssh("bob").password("pw").code(&phone.code_at(-1)).assert_refused();
    machine.audit().assert_last("spent_code", "bob", "sshd");
    let outcome = machine.ssh("bob").password("pw").code(&phone.code()).assert_granted();
    assert_eq!(outcome.code_prompts(), ["(bob@127.0.0.1) Verification code: "]);
    let secret = phone.secret();
    assert!(!machine.audit().printed().contains(secret) && machine.log().matching(secret).is_empty()); // S8
}

// host-realities 4, 5: what OpenSSH 9.2 and 10 make of a long prompt, on either side of the wire.
#[test]
fn old_and_new_servers_show_an_enrolment_to_old_and_new_clients() {
    let suites = [Suite::Bookworm, Suite::Trixie];
    let clients = suites.map(|suite| Machine::bare().suite(suite).start());
    let versions = clients.each_ref().map(|client| client.exec(&["ssh", "-V"]).stderr);
    assert_ne!(versions[0], versions[1], "an old one and a new one");
    for suite in suites {
        for client in &clients {
            let server = bob_in_grace().suite(suite).start();
            server.mfad().start();
            server.start_sshd();
            let client = client.at_the_network_of(&server);
            let mut terminal = ssh_from(&client, "bob");
            next(&mut terminal);
            let phone = enrol_at(&mut terminal);
            let shown = terminal.transcript();
            assert!(shown.ends_with("let in\n") && !shown.contains('\\'), "nothing is octal: {shown}");
            // A second login, and a refused one, read as they do between equals.
            let mut terminal = ssh_from(&client, "bob");
            for (prompt, answer) in [
                ("(bob@127.0.0.1) Password: ", "pw".to_owned()),
                ("(bob@127.0.0.1) Verification code: ", phone.wrong_code()),
                (
                    "(bob@127.0.0.1) \nThat code is not right. The clock here says … UTC: does your \
                     phone's?\nVerification code: ",
                    phone.code(),
                ),
            ] {
                assert_eq!(without_time(&next(&mut terminal)), prompt, "{suite:?}");
                terminal.answer(answer.as_bytes());
            }
            assert_eq!(terminal.next_within(PATIENCE), Next::Ended(Some(0)), "{}", terminal.transcript());
        }
    }
}

#[test]
fn enter_goes_on_without_a_factor_and_the_offer_is_not_repeated_at_once() {
    let machine = in_grace();
    let outcome = machine.ssh("bob").password("pw").code("").assert_granted();
    assert!(outcome.code_prompts()[0].ends_with(OFFER), "{outcome}");
    let outcome = machine.ssh("bob").password("pw").assert_granted();
    assert_eq!(outcome.prompts().len(), 1, "{outcome}");
    assert_eq!(machine.audit().with(&[("event", "enrollment_begun")]).len(), 0);
    // The own session may still enrol.
    let token = machine.begin_enrolment("bob", "", "");
    assert_eq!(machine.confirm_enrolment("bob", &token, &token.code_at(-1)).len(), 10);
    let _ = machine.sudo("bob").password("pw").code(&token.code()).assert_granted();
}

#[test]
fn a_question_mark_shows_the_picture_in_characters_that_every_terminal_has() {
    let machine = in_grace();
    let mut terminal = ssh(&machine, "bob");
    for answer in ["pw", "e"] {
        next(&mut terminal);
        terminal.answer(answer.as_bytes());
    }
    let painted = next(&mut terminal);
    terminal.answer(b"?");
    let plain = next(&mut terminal);
    assert!(plain.is_ascii() && plain.contains("####"), "{plain}");
    let phone = Token::of_uri(&Picture::of(&plain, Ground::Dark).from_afar().scanned());
    assert_eq!(phone.uri(), scanned(&painted).uri());
    assert_eq!((&*secret_in(&plain), &*secret_in(&painted)), (phone.secret(), phone.secret()));
    terminal.answer(phone.code_at(-1).as_bytes());
    let _ = next(&mut terminal);
    terminal.answer(b"");
    assert_eq!(terminal.next_within(PATIENCE), Next::Ended(Some(0)), "{}", terminal.transcript());
}

// One user each, since one enrols once. At su it is who calls it that is asked, and enrols.
#[test]
fn sudo_su_and_login_enrol_too() {
    for (user, command) in [("bob", "sudo -k id -un"), ("root", "login bob"), ("alice", "su bob -c 'id -un'")]
    {
        // The login of a later Debian hangs its terminal up first, and `script` with it.
        let machine = bob_in_grace().suite(Suite::Bookworm).user(not_enrolled("alice")).start();
        machine.mfad().start();
        machine.write("/etc/profile.d/last.sh", 0o644, "exit\n"); // a login's shell ends at once
        let mut terminal = Terminal::open(machine.inside(), user, command);
        next(&mut terminal);
        let phone = enrol_at(&mut terminal);
        let enrolled = if user == "alice" { "alice" } else { "bob" };
        assert_eq!(machine.factor_labels(enrolled), ["phone"], "{command}");
        let attempt = if user == "root" { machine.login("bob") } else { machine.sudo(enrolled) };
        let _ = attempt.password("pw").code(&phone.code()).assert_granted();
    }
}

// S7: host-realities 11.
#[test]
fn a_login_that_runs_out_while_the_phone_is_fetched_is_taken_up_by_the_next() {
    let machine = bob_in_grace().sshd("LoginGraceTime 5").start();
    machine.mfad().start();
    let mut terminal = ssh(&machine, "bob");
    for answer in ["pw", "e"] {
        next(&mut terminal);
        terminal.answer(answer.as_bytes());
    }
    let shown = next(&mut terminal);
    let phone = scanned(&shown);
    wait::for_condition("sshd hangs up", PATIENCE, || {
        matches!(terminal.next_within(Duration::ZERO), Next::Ended(_)) || machine.processes("sshd").len() == 1
    });
    terminal.give_up();
    let _ = machine.mfactl("bob", "factor list").assert_exit(3); // nothing was bound

    // Another day the code alone is asked for, and the app that scanned it is right.
    let outcome = machine.ssh("bob").password("pw").code(&phone.code_at(-1)).code("").assert_granted();
    let [_, asked, told] = outcome.prompts()[..] else { panic!("three prompts: {outcome}") };
    assert!(asked.contains("waits for its first code") && asked.ends_with(CONFIRM), "{asked}");
    assert!(!asked.contains('\u{2588}') && !asked.contains(&secret_in(&shown)[..4]), "{asked}");
    assert!(told.contains(BACKUP_CODES), "{told}");
    assert_eq!(machine.factor_labels("bob"), ["phone"]);
}

// S7, S18: who takes up what another login began sees no secret of it: beginning again makes another one.
#[test]
fn what_another_login_showed_is_shown_to_nobody_and_beginning_again_ends_it() {
    let machine = in_grace();
    let first = machine.ssh("bob").password("pw").code("e").assert_refused(); // and hangs up
    let seen = Token::of_secret(&secret_in(first.prompts().last().expect("it was shown")));
    let again = machine.ssh("bob").password("pw").code("e").assert_refused();
    let [_, asked, painted] = again.prompts()[..] else { panic!("three prompts: {again}") };
    assert!(asked.contains("No app has it? Type e to begin again."), "{asked}");
    let phone = Token::of_secret(&secret_in(painted));
    assert_ne!(phone.secret(), seen.secret());
    // In grace nobody is kept out by an enrolment that was begun.
    let _ = machine.ssh("bob").password("pw").code("").assert_granted();
    let _ = machine.mfactl("bob", "factor list").assert_exit(3);
    // Who saw the first one has nothing of it; the second one is confirmed.
    let _ = machine.ssh("bob").password("pw").code(&seen.code()).assert_refused();
    let _ = machine.ssh("bob").password("pw").code(&phone.code()).code("").assert_granted();
    assert_eq!(machine.factor_labels("bob"), ["phone"]);
}

/// Stacks in which a wrong password is seen, or not, by what follows it; the files that they include.
fn stacks() -> [(&'static str, Stack, &'static str); 5] {
    let account =
        "account required pam_unix.so\naccount required pam_mfa.so\nsession required pam_permit.so\n";
    let stack = |auth: &str| Stack::raw(&format!("{auth}{account}"));
    let rhel = "auth required pam_env.so\nauth sufficient pam_unix.so nodelay\nauth required pam_deny.so\n";
    [
        ("required", Stack::password_then_mfa_unattested(), ""),
        (
            "requisite",
            stack("auth requisite pam_unix.so nodelay\nauth required pam_mfa.so first_factor=requisite\n"),
            "",
        ),
        ("substack", stack("auth substack password-auth\nauth required pam_mfa.so\n"), rhel),
        ("include", stack("auth include password-auth\nauth required pam_mfa.so\n"), rhel),
        ("behind", stack("auth required pam_mfa.so\nauth required pam_unix.so nodelay\n"), ""),
    ]
}

// S24: whatever is typed.
#[test]
fn a_wrong_password_never_shows_or_binds_anything_on_any_stack() {
    for (name, stack, included) in stacks() {
        let machine = Machine::new()
            .user(not_enrolled("bob"))
            .user(not_enrolled("alice"))
            .pam("sshd", stack)
            .file("/etc/pam.d/password-auth", 0o644, included)
            .settings(GRACE)
            .start();
        machine.mfad().start();
        let invitation = machine.administer("user invite alice");
        let invitation = invitation["invitation"].as_str().expect("a code").to_owned();
        for (user, typed) in [("bob", "e"), ("alice", &invitation), ("bob", ""), ("alice", "e")] {
            let attempt = machine.ssh(user).password("wrong").code(typed).code("123456").code("");
            let outcome = attempt.assert_refused();
            for shown in ["Type e", "Scan", "Secret", "\u{2588}", "Backup", "invitation"] {
                assert!(!outcome.transcript.contains(shown), "{name}: {shown} in {outcome}");
            }
        }
        let audit = machine.audit();
        for event in ["enrollment_begun", "redeemed", "enrolled", "settled"] {
            assert_eq!(audit.with(&[("event", event)]).len(), 0, "{name}: {}", audit.printed());
        }
        let _ = machine.mfactl("bob", "factor list").assert_exit(3);
    }
}

// S24: known to be who they are by a key, and then not by the password: what was shown stays unbound.
#[test]
fn an_enrolment_in_a_login_that_fails_after_it_binds_nothing() {
    let stack = "auth required pam_mfa.so\nauth required pam_unix.so nodelay\n\
                 account required pam_unix.so\naccount required pam_mfa.so\nsession required pam_permit.so\n";
    let machine = Machine::new()
        .user(not_enrolled("bob").ssh_key())
        .pam("sshd", Stack::raw(stack))
        .sshd("AuthenticationMethods publickey,keyboard-interactive")
        .settings(GRACE)
        .start();
    machine.mfad().start();
    let shown = machine.ssh("bob").key("bob").code("e").assert_refused();
    let phone = Token::of_secret(&secret_in(shown.prompts().last().expect("it was shown")));
    let outcome = machine.ssh("bob").key("bob").code(&phone.code_at(-1)).password("wrong").assert_refused();
    assert_eq!(machine.audit().with(&[("event", "granted")]).len(), 1, "the code was right: {outcome}");
    for event in ["enrolled", "settled", "codes_made"] {
        assert_eq!(machine.audit().with(&[("event", event)]).len(), 0);
    }
    let _ = machine.mfactl("bob", "factor list").assert_exit(3);
    // S3: that code is spent all the same. The next one, and then the right password, bind.
    let attempt = machine.ssh("bob").key("bob").code(&phone.code_at(-1)).code(&phone.code());
    let outcome = attempt.password("pw").code("").assert_granted();
    assert!(outcome.prompts().last().expect("prompts").contains(BACKUP_CODES), "{outcome}");
    assert_eq!(machine.factor_labels("bob"), ["phone"]);
}

// S24: where the module cannot know whether the password was right, nothing is offered, and nobody kept out.
#[test]
fn a_right_password_that_nobody_vouches_for_goes_on_in_grace_without_an_offer() {
    let machine = bob_in_grace().pam("sshd", Stack::password_then_mfa_unattested()).start();
    machine.mfad().start();
    let outcome = machine.ssh("bob").password("pw").assert_granted();
    assert_eq!(outcome.prompts().len(), 1, "{outcome}");
}

// S19
#[test]
fn accounts_that_are_made_later_have_no_grace() {
    let machine = in_grace();
    machine.shell("useradd --create-home --shell /bin/bash late; echo late:pw | chpasswd -c SHA256 -s 1000");
    for _ in 0..2 {
        let outcome = machine.ssh("late").password("pw").code("e").code("").assert_refused();
        machine.audit().assert_last("no_code", "late", "sshd");
        assert!(!outcome.transcript.contains("Type e"), "{outcome}");
        let _ = machine.mfactl("late", "enroll begin --json").assert_exit(4);
        machine.mfad().restart(); // nor when mfad looks again
    }
    let _ = machine.ssh("bob").password("pw").code("").assert_granted();
}

// S19
#[test]
fn after_grace_a_first_factor_takes_an_invitation() {
    let machine = bob_in_grace().start();
    let clock = machine.mfad().with_wall_clock();
    let _ = machine.ssh("bob").password("pw").code("").assert_granted();
    clock.moved(20 * 86_400);
    let _ = machine.ssh("bob").password("pw").code("").assert_granted();
    clock.moved(31 * 86_400);
    let outcome = machine.ssh("bob").password("pw").code("e").assert_refused();
    assert!(outcome.code_prompts()[0].contains("Type the invitation"), "{outcome}");
    let _ = machine.mfactl("bob", "enroll begin --json").assert_exit(4);

    let invitation = machine.administer("user invite bob");
    let invitation = invitation["invitation"].as_str().expect("a code");
    let mut terminal = ssh(&machine, "bob");
    next(&mut terminal);
    terminal.answer(b"pw");
    let asked = next(&mut terminal);
    assert!(asked.contains("This account has no second factor"), "{asked}");
    terminal.answer(invitation.as_bytes());
    let phone = scanned(&next(&mut terminal));
    let at = |seconds: u64| phone.code_at_time(mfa_tests::clock::now() + 31 * 86_400 + seconds);
    terminal.answer(at(0).as_bytes());
    assert!(next(&mut terminal).contains(BACKUP_CODES), "{}", terminal.transcript());
    terminal.answer(b"");
    assert_eq!(terminal.next_within(PATIENCE), Next::Ended(Some(0)), "{}", terminal.transcript());
    // The clock alone went on by a month, and is not believed by itself.
    machine.administer("user unlock bob --clock");
    let _ = machine.ssh("bob").password("pw").code(&at(30)).assert_granted();
    // Good once.
    let _ = machine.sudo("bob").password("pw").code(invitation).assert_refused();
}

// S19: nobody used it for a month: it is what an attacker would enrol.
#[test]
fn an_account_that_nobody_used_for_a_month_has_no_grace_left() {
    let machine = bob_in_grace().settings(&GRACE.replace("30d", "90d")).start();
    let clock = machine.mfad().with_wall_clock();
    clock.moved(31 * 86_400);
    let outcome = machine.ssh("bob").password("pw").code("e").assert_refused();
    assert!(!outcome.transcript.contains("Type e"), "{outcome}");
    assert_eq!(machine.audit().with(&[("event", "enrollment_begun")]).len(), 0);
}

// host-realities 9: a login by key alone is asked nothing, and can be refused.
#[test]
fn where_sshd_is_enforced_a_key_alone_is_refused_and_told_why() {
    let stack = Stack::password_then_mfa()
        .text()
        .replace("account required pam_mfa.so", "account required pam_mfa.so account_enforce");
    let machine = Machine::new()
        .user(not_enrolled("bob").ssh_key())
        .user(enrolled("alice").ssh_key())
        .pam("sshd", Stack::raw(&stack))
        .sshd("AuthenticationMethods publickey keyboard-interactive")
        .settings(&format!("{REQUIRED}enforce_account = [\"sshd\"]\n"))
        .start();
    for (user, reason) in [("bob", "not_enrolled"), ("alice", "no_proof")] {
        let attempt = machine.ssh(user).key(user).methods("publickey").option("-oLogLevel=INFO");
        let outcome = attempt.assert_refused();
        machine.audit().assert_last(reason, user, "sshd");
        let _ = outcome.assert_shown("A second factor is required here, and this login has none.");
    }
    let code = machine.token("alice").code();
    let _ = machine.ssh("alice").password("pw").code(&code).assert_granted();
    // In grace, and where no factor is required, the key goes on.
    for settings in [
        GRACE.to_owned() + "enforce_account = [\"sshd\"]\n",
        "[policy]\nmode = \"optional\"\nenforce_account = [\"sshd\"]\n".into(),
    ] {
        let machine = Machine::new()
            .user(not_enrolled("bob").ssh_key())
            .pam("sshd", Stack::raw(&stack))
            .sshd("AuthenticationMethods publickey")
            .settings(&settings)
            .start();
        machine.mfad().start();
        let _ = machine.ssh("bob").key("bob").methods("publickey").assert_granted();
    }
}
