//! The machines themselves, with nothing of the product: what every other scenario stands on.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::Duration;

use mfa_tests::{Machine, Stack, Suite, Token, User, Verdict, wait};

fn alice() -> User {
    User::named("alice").password("alice's password")
}

#[test]
fn a_password_logs_in_over_ssh_and_a_wrong_one_does_not() {
    let machine = Machine::bare().user(alice()).pam("sshd", Stack::password_only()).start();
    let outcome = machine.ssh("alice").password("alice's password").assert_granted();
    assert_eq!(outcome.prompts(), ["(alice@127.0.0.1) Password: "]);
    let _ = machine.ssh("alice").password("wrong").assert_refused();
    machine.log().wait_for("authentication failure");
}

#[test]
fn a_key_and_then_a_password_log_in_where_both_are_asked_for() {
    let machine = Machine::bare()
        .user(alice().ssh_key())
        .pam("sshd", Stack::password_only())
        .sshd("AuthenticationMethods publickey,keyboard-interactive")
        .start();
    let _ = machine.ssh("alice").key("alice").password("alice's password").assert_granted();
    let _ = machine.ssh("alice").password("alice's password").assert_refused();
}

#[test]
fn sudo_and_su_ask_for_the_passwords_that_they_are_known_for() {
    let machine = Machine::bare()
        .user(User::named("root").password("root's password"))
        .user(alice())
        .user(User::named("bob").password("bob's password"))
        .pam("sudo", Stack::password_only())
        .pam("su", Stack::password_only().root_passes())
        .start();
    let _ = machine.sudo("alice").password("alice's password").assert_granted();
    let _ = machine.sudo("alice").to("bob").password("alice's password").assert_granted();
    let _ = machine.sudo("alice").password("root's password").assert_refused();
    let _ = machine.su("alice").password("root's password").assert_granted();
    let _ = machine.su("alice").to("bob").password("bob's password").assert_granted();
    let _ = machine.su("alice").password("alice's password").assert_refused();
    let _ = machine.su("root").to("bob").assert_granted();
}

#[test]
fn pamtester_authenticates_like_any_host() {
    let machine = Machine::bare().user(alice()).pam("door", Stack::password_only()).start();
    let _ = machine.pamtester("door", "alice").password("alice's password").assert_granted();
    let _ = machine.pamtester("door", "alice").password("wrong").assert_refused();
}

#[test]
fn a_code_of_google_authenticator_is_asked_after_the_password() {
    let secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
    let machine = Machine::bare().user(alice()).pam("sshd", Stack::password_then_google()).start();
    let state = format!("{secret}\n\" DISALLOW_REUSE\n\" TOTP_AUTH\n");
    machine.write("/home/alice/.google_authenticator", 0o600, state);
    let (uid, gid) = machine.ids("alice");
    machine.give("/home/alice/.google_authenticator", uid, gid);

    let code = Token::of_secret(secret).code();
    let outcome = machine.ssh("alice").password("alice's password").code(&code).assert_granted();
    assert_eq!(outcome.code_prompts(), ["(alice@127.0.0.1) Verification code: "]);
    let _ = machine.ssh("alice").password("alice's password").code(&code).assert_refused();
}

#[test]
fn the_tokens_show_what_oathtool_shows() {
    let machine = Machine::bare().start();
    let secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
    for time in [0, 59, 1_111_111_109, 2_000_000_000, 20_000_000_000] {
        let oathtool = machine.shell(&format!("oathtool --totp --now=@{time} --base32 {secret}"));
        assert_eq!(Token::of_secret(secret).code_at_time(time), oathtool.trim(), "at {time}");
    }
}

#[test]
fn a_program_that_answers_nobody_is_neither_a_grant_nor_a_refusal() {
    let machine = Machine::bare().user(alice()).pam("sshd", Stack::password_only()).start();
    machine.start_sshd();
    machine.shell("pkill -STOP -x sshd");
    let patience = Duration::from_secs(2);
    let outcome = machine.ssh("alice").password("alice's password").patience(patience).run();
    assert_eq!(outcome.verdict, Verdict::Unjudged, "{outcome}");
}

#[test]
fn machines_run_side_by_side_and_share_nothing() {
    let machines: Vec<Machine> = thread::scope(|scope| {
        let start = |number: usize| {
            let user = User::named(&format!("user{number}")).password("pw");
            Machine::bare().user(user).pam("sshd", Stack::password_only()).start()
        };
        let starting: Vec<_> = (0..4).map(|number| scope.spawn(move || start(number))).collect();
        starting.into_iter().map(|machine| machine.join().expect("it starts")).collect()
    });
    for (number, machine) in machines.iter().enumerate() {
        let _ = machine.ssh(&format!("user{number}")).password("pw").assert_granted();
        let _ = machine.ssh(&format!("user{}", (number + 1) % 4)).password("pw").assert_refused();
    }
}

#[test]
fn nothing_in_a_machine_may_set_the_clock_of_the_host() {
    let machine = Machine::bare().user(alice()).pam("sshd", Stack::password_only()).start();
    machine.start_sshd();
    // Every program there, and whatever enters from outside.
    let bounding = machine.shell("grep -h CapBnd /proc/[0-9]*/status | sort -u");
    assert_eq!(bounding.lines().count(), 1, "{bounding}");
    assert!(mfa_tests::rights::excess(&bounding).is_empty(), "{bounding}");
    // The kernel's own switches are covered, too: what is no capability is a file.
    let ran = machine.exec(&["sh", "-c", "echo 1 >/proc/sys/kernel/sysrq"]);
    assert!(!ran.status.success(), "{ran}");
    let trigger = machine.shell("stat -c %t:%T /proc/sysrq-trigger || echo absent");
    assert!(
        ["1:3", "absent"].contains(&trigger.trim()),
        "/dev/null lies over it, where a kernel has it: {trigger}"
    );
}

#[test]
fn what_ran_in_a_machine_is_gone_when_it_is_dropped() {
    let mounts = || fs::read_to_string("/proc/self/mountinfo").expect("/proc is there").lines().count();
    let mounts_before = mounts();
    let machine = Machine::bare().user(alice()).pam("sshd", Stack::password_only()).start();
    machine.start_sshd();
    machine.shell("setsid -f sleep 1000; setsid -f sh -c 'trap \"\" TERM HUP INT; sleep 1000; sleep 1000'");
    let of_the_machine = fs::read_link(format!("/proc/{}/ns/mnt", machine.pid())).expect("it runs");
    let running = || {
        let processes = fs::read_dir("/proc").expect("/proc is there").flatten();
        let namespaces = processes.filter_map(|process| fs::read_link(process.path().join("ns/mnt")).ok());
        namespaces.filter(|namespace| *namespace == of_the_machine).count()
    };
    wait::for_condition("all programs run", Duration::from_secs(5), || running() >= 4);

    drop(machine);

    assert_eq!(running(), 0);
    assert_eq!(mounts(), mounts_before);
}

#[test]
fn a_machine_boots_and_logs_people_in_with_what_debian_ships() {
    for suite in [Suite::Bookworm, Suite::Trixie] {
        let machine = Machine::bare().user(alice()).suite(suite).boot();
        assert_eq!(machine.read("/proc/1/comm").trim(), "systemd");
        let _ = machine.ssh("alice").password("alice's password").assert_granted();
        let _ = machine.ssh("alice").password("wrong").assert_refused();
        machine.wait_active("ssh.service");
        machine.log().wait_for("pam_unix(sshd:auth): authentication failure");
        let told = machine.journal(&["_SYSTEMD_UNIT=ssh.service"]);
        let accepted = "Accepted keyboard-interactive/pam for alice";
        let said =
            |entry: &serde_json::Value| entry["MESSAGE"].as_str().is_some_and(|said| said.contains(accepted));
        assert!(told.iter().any(said), "{told:?}");
    }
}

#[test]
fn nothing_in_a_booted_machine_may_set_the_clock_and_nothing_of_it_is_left() {
    let machine = Machine::bare().boot();
    let bounding = machine.shell("grep -h CapBnd /proc/[0-9]*/status | sort -u");
    assert!(bounding.lines().all(|line| mfa_tests::rights::excess(line).is_empty()), "{bounding}");

    let of_the_machine = fs::read_link(format!("/proc/{}/ns/pid", machine.pid())).expect("it runs");
    let running = || {
        let processes = fs::read_dir("/proc").expect("/proc is there").flatten();
        let namespaces = processes.filter_map(|process| fs::read_link(process.path().join("ns/pid")).ok());
        namespaces.filter(|namespace| *namespace == of_the_machine).count()
    };
    let groups = fs::read_to_string(format!("/proc/{}/cgroup", machine.pid())).expect("it runs");
    let group = groups.lines().find_map(|line| line.strip_prefix("0::/")).expect("it has a group");
    let group = group.split('/').next().expect("a path has a part");
    let group = ["/sys/fs/cgroup/unified", "/sys/fs/cgroup"].map(|root| Path::new(root).join(group));
    let exists = || group.iter().any(|path| path.exists());
    assert!(running() > 3 && exists(), "{groups}");

    drop(machine);

    assert_eq!((running(), exists()), (0, false));
}

#[test]
fn a_machine_boots_again_with_what_it_wrote_and_without_what_ran() {
    let mut machine = Machine::bare().user(alice()).on_disk().boot();
    machine.start_sshd();
    machine.shell("echo kept >/root/written; echo lost >/run/written; systemd-run --unit=once sleep 1000");
    let first = machine.pid();

    machine.reboot();

    assert!(!Path::new(&format!("/proc/{first}")).exists() && machine.pid() != first);
    assert_eq!(machine.read("/root/written"), "kept\n");
    assert!(!machine.exists("/run/written"));
    assert_eq!(machine.unit("once.service", "ActiveState"), "inactive");
    let _ = machine.ssh("alice").password("alice's password").assert_granted();
}
