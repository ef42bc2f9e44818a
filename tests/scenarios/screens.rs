//! What people see, in a window of 80 columns and 24 rows: screens that were read and found good.
//!
//! They are in `screens/`, with secrets, codes and times masked. Where one changes on purpose:
//! `tests/run --accept`.

use mfa_tests::screen::{Ground, Picture};
use mfa_tests::window::{Screens, Window};
use mfa_tests::{Machine, Stack, Token, User};

use crate::first_enrolment::{CONFIRM, secret_in};
use crate::people::{alice_at_sshd_and_sudo, not_enrolled};

/// The backup code of that slot on a screen.
fn code_of_slot(screen: &str, slot: char) -> String {
    let mut words = screen.split_whitespace();
    let is = |word: &&str| word.starts_with(slot) && word.len() == "3-XXXXX-XXXXX-XXXX".len();
    words.find(is).unwrap_or_else(|| panic!("no code {slot} in {screen}")).to_owned()
}

#[test]
fn enrolling_in_an_own_session() {
    let machine = Machine::new().user(not_enrolled("bob")).start();
    let mut screens = Screens::default();
    let window = Window::open(machine.inside(), "bob", "mfactl enroll");
    let shown = window.until(CONFIRM);
    screens.see("enroll-1-secret", &shown);
    let line =
        shown.lines().find_map(|line| line.trim().strip_prefix("Secret ")).expect("the secret is seen");
    let phone = Token::of_secret(line.trim());

    window.answer("12345");
    window.until(CONFIRM);
    window.answer(&phone.wrong_code());
    let shown = window.until(CONFIRM);
    let (_, said) = shown.rsplit_once("That is no code").expect("that was no code");
    screens.see("enroll-2-wrong", &format!("That is no code{said}"));

    window.answer(&phone.code_at(-1));
    let question = "to show that you kept them (Enter skips this):";
    let codes = window.until(question);
    let (_, said) = codes.rsplit_once("Enrolled.").expect("it is enrolled");
    screens.see("enroll-3-codes", &format!("Enrolled.{said}"));
    // Asked back: another's line first, then the right one.
    window.answer(&code_of_slot(&codes, '4'));
    window.until(question);
    window.answer(&code_of_slot(&codes, '3'));
    let ended = window.ended();
    let (_, said) = ended.split_once("That is not code 3").expect("that was code 4");
    screens.see("enroll-4-kept", &format!("That is not code 3{said}"));

    // S14: what was asked back is not spent.
    let renewed = machine.mfactl_with("bob", "codes renew --json", &code_of_slot(&codes, '3'));
    renewed.stdout_of_success();
    screens.assert_kept();
}

#[test]
fn enrolling_in_a_login_over_ssh() {
    // The label is as long in every run: with the name of the host in it, as many rows as that takes.
    let machine = Machine::new()
        .user(not_enrolled("bob"))
        .pam("sshd", Stack::password_then_mfa())
        .settings(
            "[policy]\nmode = \"required\"\ngrace = \"30d\"\n\
             [enroll]\nissuer = \"host\"\nlabel = \"{user}\"\n",
        )
        .start();
    machine.mfad().start();
    machine.start_sshd();
    let ssh = "ssh -F none -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR \
               -o PreferredAuthentications=keyboard-interactive bob@127.0.0.1 echo let in";
    let mut screens = Screens::default();
    let window = Window::open(machine.inside(), "root", ssh);
    window.until("Password:");
    window.answer("pw");
    screens.see("login-1-offer", &window.until("or press Enter to go on:"));
    window.answer("e");
    let shown = window.until(CONFIRM);
    screens.see("login-2-picture", &shown);
    // All of it is in the window: nobody has to scroll with the telephone in hand.
    let phone = Token::of_uri(&Picture::of(&shown, Ground::Dark).scanned());
    assert_eq!(phone.secret(), secret_in(&shown));
    window.answer("?");
    window.until(CONFIRM);
    let (_, plain) = window
        .scrolled()
        .rsplit_once("now: ?")
        .map(|(a, b)| (a.to_owned(), b.to_owned()))
        .expect("a second one");
    let scanned = Picture::of(&plain, Ground::Dark).from_afar().scanned();
    assert_eq!(Token::of_uri(&scanned).secret(), phone.secret(), "{plain}");
    window.answer(&phone.wrong_code());
    let shown = window.until(CONFIRM);
    let (_, said) = shown.split_once("Then confirm it.\n").expect("the question before");
    screens.see("login-3-wrong", said);
    window.answer(&phone.code_at(-1));
    let codes = window.until("Press Enter to go on.");
    let (_, said) = codes.rsplit_once("now: ").expect("the last question");
    screens.see("login-4-codes", said.split_once('\n').expect("what was typed").1);
    window.answer("");
    let ended = window.ended();
    assert!(ended.ends_with("let in\n"), "{ended}");
    let code = code_of_slot(&codes, '7');
    let _ = machine.ssh("bob").password("pw").code(&code).assert_granted();
    screens.assert_kept();
}

/// The screen without what is another in each run and is no time: hashes, and these.
fn without_hashes(screen: &str, more: &[&str]) -> String {
    let hidden = |word: &str| match word.strip_suffix("...") {
        Some(hash) if hash.len() == 16 => word.replace(hash, "ffffffffffffffff"),
        _ => word.to_owned(),
    };
    let lines = screen.lines().map(|line| line.split(' ').map(hidden).collect::<Vec<_>>().join(" ") + "\n");
    more.iter().fold(lines.collect(), |text: String, word| text.replace(word, "ffffffff"))
}

#[test]
fn exemptions_and_reports() {
    let machine = alice_at_sshd_and_sudo()
        .user(not_enrolled("bob"))
        .user(User::named("root").password("root's"))
        .settings(
            "[policy]\nmode = \"required\"\ngrace = \"30d\"\n[enroll]\nissuer = \"host\"\n\
             [[exempt]]\nuser = \"ansible\"\nservice = [\"sshd\"]\naddress = [\"192.0.2.10\"]\n\
             reason = \"CHG-118\"\nuntil = 2020-01-01\n",
        )
        .start();
    let code = machine.token("alice").wrong_code();
    let _ = machine.ssh("alice").password("pw").code(&code).assert_refused();
    let mut screens = Screens::default();
    let see = |line: &str| Window::open(machine.inside(), "root", line).ended();
    let add = "mfactl exempt add bob --service sudo --for 3d --reason CHG-7 --break-glass night";
    let said = see(add);
    let id = said.split_whitespace().skip_while(|word| *word != "end").nth(1).expect("an ID").to_owned();
    screens.see("exempt-add", &without_hashes(&said, &[&id]));
    screens.see("exempt-list", &without_hashes(&see("mfactl exempt list"), &[&id]));
    machine.administer("user recover alice --verified-by passport --ticket 4711");
    for report in ["coverage", "failures", "recoveries"] {
        let shown = without_hashes(&see(&format!("mfactl report {report}")), &[&id]);
        screens.see(&format!("report-{report}"), &shown);
    }
    screens.assert_kept();
}

#[test]
fn lists_of_factors_and_of_users() {
    let machine = alice_at_sshd_and_sudo().user(User::named("bob")).start();
    let codes = machine.backup_codes("alice");
    let token = machine.begin_enrolment("alice", "--type hotp --digits 8 --label token", &codes[0]);
    let _ = machine.confirm_enrolment("alice", &token, &token.code_of_counter(0));
    let _ = machine.sudo("alice").password("pw").code(&machine.token("alice").code()).assert_granted();
    let mut screens = Screens::default();
    let see = |user: &str, line: &str| Window::open(machine.inside(), user, line).ended();
    screens.see("factor-list", &see("alice", "mfactl factor list"));
    screens.see("factor-list-none", &see("bob", "mfactl factor list"));
    screens.see("status", &see("alice", "mfactl status"));
    screens.see("codes", &see("alice", "mfactl codes"));
    machine.administer("user lock alice");
    screens.see("user-list", &see("root", "mfactl user list"));
    screens.see("user-list-not-enrolled", &see("root", "mfactl user list --not-enrolled"));
    screens.see("user-show", &see("root", "mfactl user show alice"));
    let glass = "--reason lost --break-glass test";
    screens.see(
        "user-recover",
        &see("root", &format!("mfactl user recover alice --verified-by passport {glass}")),
    );
    screens.see("user-invite", &see("root", &format!("mfactl user invite bob {glass}")));
    screens.assert_kept();
}
