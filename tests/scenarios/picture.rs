//! The picture of a login in README.md: alice at her laptop, in a real terminal, with a real ssh and a real sudo.

use mfa_tests::window::Window;
use mfa_tests::{Machine, User, clock, picture};

use crate::people::alice_at_sshd_and_sudo;

const LAPTOP: &str = "alice@laptop:~$";
const SERVER: &str = "alice@server:~$";

#[test]
fn the_picture_of_a_login_is_what_a_terminal_shows() {
    let server = crate::rescue::served(alice_at_sshd_and_sudo());
    let laptop = Machine::bare().user(User::named("alice")).start();
    let host_key = server.read("/etc/ssh/ssh_host_ed25519_key.pub");
    laptop.write("/etc/ssh/ssh_known_hosts", 0o644, format!("server {host_key}"));
    laptop.write("/etc/hosts", 0o644, "127.0.0.1 localhost\n127.0.1.1 laptop\n192.0.2.1 server\n");
    laptop.shell("hostname laptop");
    let sits = laptop.inside().at_the_network_of(server.inside());
    let token = server.token("alice");
    clock::with_seconds_left(8);

    let window = Window::open(&sits, "alice", "cd; exec bash -i");
    window.until(LAPTOP);
    let types = |text: &str, then: &str| {
        window.answer(text);
        window.until(then);
    };
    types("ssh server", "Password:");
    types("pw", "Verification code:");
    types(&token.code(), SERVER);
    types("sudo id -un", "password for alice:");
    types("pw", "\nVerification code:");
    types(&token.code(), "Verification code:"); // the one that logged in
    types(&token.code_at(1), SERVER);
    let screen = window.screen();
    assert!(screen.contains("used already") && screen.contains("\nroot\n"), "{screen}");
    picture::assert_kept("login.svg", &picture::svg("a login with mfad", &screen));
}
