//! Root's key from a named network: a way in that needs neither mfad nor its module, and that is root's alone.

use std::time::Duration;

use mfa_tests::terminal::Terminal;
use mfa_tests::{Blueprint, Machine, User};

use crate::pam_apply::{PATIENCE, ended, say_yes};
use crate::pam_proof::roll_out;
use crate::people::enrolled;
use crate::rescue::remove_module;

const GLASS: &str = "sshd --break-glass-from 127.0.0.0/30";

fn host() -> Blueprint {
    Machine::new().user(enrolled("alice").ssh_key()).user(User::named("root").password("rootpw").ssh_key())
}

/// `ssh root@127.0.0.1` from that address, by root's key alone; whether it let in.
fn root_by_key(machine: &Machine, from: &str) -> bool {
    let line = format!(
        "ssh -F none -o BatchMode=yes -o StrictHostKeyChecking=no -b {from} -i /root/keys/root root@127.0.0.1 id -un"
    );
    machine.exec(&["sh", "-c", &line]).stdout.trim() == "root"
}

#[test]
fn root_comes_in_by_key_from_the_named_network_with_mfad_and_its_module_gone() {
    let machine = host().start();
    machine.start_sshd();
    let line = format!("SUDO_USER=alice mfactl pam apply {GLASS}");
    let mut terminal = Terminal::open(machine.inside(), "root", &line);
    // The console is one way, and root's key is another.
    terminal.shows("not kept): ", PATIENCE);
    terminal.answer(b"rootpw");
    say_yes(&machine, &mut terminal);
    let said = terminal.transcript();
    assert!(said.contains("or root's key over ssh, from 127.0.0.0/30"), "{said}");
    let token = machine.token("alice");
    let _ = machine.ssh("alice").password("pw").code(&token.fresh_code()).assert_granted();
    assert_eq!(ended(&mut terminal), Some(0), "{}", terminal.transcript());
    machine.mfad().remove();
    assert!(root_by_key(&machine, "127.0.0.2"), "with mfad gone");
    assert!(!root_by_key(&machine, "127.0.0.9"), "from elsewhere");
    remove_module(&machine);
    assert!(root_by_key(&machine, "127.0.0.2"), "with its module gone too");
    let _ = machine.ssh("alice").key("alice").password("pw").code("123456").assert_refused();
    // What is in place is what was kept, and doctor finds nothing in it.
    machine.exec(&["mfactl", "pam", "status"]).stdout_of_success();
    let found = machine.exec(&["mfactl", "doctor", "--json"]).stdout;
    assert!(!found.contains("account-line"), "{found}");
}

/// As the guide goes on, and as `mfactl pam status` and doctor say: `apply sshd` without another word.
#[test]
fn the_network_is_kept_by_whoever_applies_sshd_again_until_somebody_takes_it_away() {
    let machine = host().start();
    machine.start_sshd();
    roll_out(&machine, GLASS);
    // A root without a password, as cloud images have it, has no other way in.
    machine.shell("usermod -p '!' root");
    assert!(root_by_key(&machine, "127.0.0.2"), "as it was put in place");
    // Nor does any other service need one: this is there. A visitor from anywhere is not let in by it.
    let sudo = machine.exec(&["mfactl", "pam", "plan", "sudo"]).assert_exit(7);
    assert!(sudo.stdout.contains("Break-glass: root's key over ssh, from 127.0.0.0/30\n"), "{sudo}");
    let listed = machine.exec(&["mfactl", "exempt", "list"]).stdout_of_success();
    assert!(listed.contains("needs no mfad: root's key over ssh, from 127.0.0.0/30"), "{listed}");
    let kept = machine.exec(&["mfactl", "pam", "plan", "sshd"]).assert_exit(0);
    assert_eq!(kept.stdout.trim(), "nothing would change");
    roll_out(&machine, "sshd sudo");
    roll_out(&machine, "sshd --first password");
    assert!(machine.read("/etc/pam.d/sshd").contains("user = root"));
    assert!(root_by_key(&machine, "127.0.0.2"), "after sshd was applied again");
    assert!(!root_by_key(&machine, "127.0.0.9"), "from elsewhere");
    // Somebody has widened it by hand: that is not taken over unsaid.
    let told = machine.read("/etc/ssh/sshd_config.d/00-mfad.conf");
    machine.shell("sed -i 's#Address 127.0.0.0/30#&,10.0.0.0/8#' /etc/ssh/sshd_config.d/00-mfad.conf");
    let refused = machine.exec(&["mfactl", "pam", "plan", "sshd"]).assert_exit(1);
    assert!(refused.stderr.contains("is not for one network"), "{refused}");
    machine.write("/etc/ssh/sshd_config.d/00-mfad.conf", 0o644, told);
    // Taken away, by that word alone, and where another way is left.
    let away = "sshd --break-glass-from none";
    let planned = machine.exec(&["sh", "-c", &format!("mfactl pam plan {away}")]).assert_exit(7);
    assert!(planned.stdout.contains("-Match User root Address 127.0.0.0/30"), "{planned}");
    assert!(planned.stdout.contains("Break-glass: NONE"), "{planned}");
    machine.shell("echo root:rootpw | chpasswd");
    roll_out(&machine, away);
    assert!(!machine.read("/etc/pam.d/sshd").contains("user = root"));
    assert!(!root_by_key(&machine, "127.0.0.2"), "taken away");
}

/// A key is not at hand to be tried, so all is looked at by which sshd would not take it: each of these was seen.
#[test]
fn a_key_that_sshd_does_not_take_is_no_way_in() {
    let machine = host().start();
    machine.start_sshd();
    machine.shell("usermod -p '!' root; cp /etc/ssh/sshd_config /root/sshd_config");
    let reload = "kill -HUP $(cat /run/sshd.pid); sleep 0.3";
    let apply = |says: &str| {
        let line = format!("SUDO_USER=alice mfactl pam apply {GLASS}");
        let mut terminal = Terminal::open(machine.inside(), "root", &line);
        terminal.shows(says, PATIENCE);
        terminal
    };
    for (breaks, mends, why) in [
        ("chmod 0777 /root/.ssh", "chmod 0700 /root/.ssh", "others than root may write to /root/.ssh"),
        ("chown alice /root/.ssh/authorized_keys", "chown root /root/.ssh/authorized_keys", "StrictModes"),
        ("chage --expiredate 1 root", "chage --expiredate -1 root", "root's account has expired"),
        (
            "sed -i '/^root:/s/[^:]*$/\\/usr\\/sbin\\/nologin/' /etc/passwd",
            "sed -i '/^root:/s/[^:]*$/\\/bin\\/bash/' /etc/passwd",
            "root's shell, /usr/sbin/nologin, lets nobody in",
        ),
        (
            &format!("sed -i '1i PubkeyAcceptedAlgorithms rsa-sha2-512' /etc/ssh/sshd_config; {reload}"),
            &format!("cp /root/sshd_config /etc/ssh/sshd_config; {reload}"),
            "PubkeyAcceptedAlgorithms",
        ),
        (
            "sed -i 's/^/cert-authority /' /root/.ssh/authorized_keys",
            "sed -i 's/^cert-authority //' /root/.ssh/authorized_keys",
            "no key of /root/.ssh/authorized_keys",
        ),
    ] {
        assert!(root_by_key(&machine, "127.0.0.2"), "before {breaks}");
        machine.shell(breaks);
        assert!(!root_by_key(&machine, "127.0.0.2"), "{breaks}");
        let mut terminal = apply("there is no way in that needs no mfad");
        assert_eq!(ended(&mut terminal), Some(1), "{}", terminal.transcript());
        assert!(terminal.transcript().contains(why), "{why}: {}", terminal.transcript());
        machine.shell(mends);
    }
    // What nobody has tried is not called so.
    let mut terminal = apply("Looked at, not tried: root's key over ssh, from 127.0.0.0/30.");
    terminal.shows("Type yes: ", PATIENCE);
    assert!(!terminal.transcript().contains("Tried:"), "{}", terminal.transcript());
    terminal.give_up();
}

/// Where root's own line goes past ours, root's login is still settled by ours.
#[test]
fn a_login_of_roots_with_a_code_proves_such_a_stack_as_anybodys_does() {
    let machine =
        Machine::new().user(enrolled("root").password("rootpw")).sshd("PermitRootLogin yes").start();
    machine.start_sshd();
    machine.shell("mkdir -p /root/.ssh; ssh-keygen -q -t ed25519 -N '' -f /root/key; cp /root/key.pub /root/.ssh/authorized_keys");
    let mut terminal =
        Terminal::open(machine.inside(), "root", &format!("SUDO_USER=root mfactl pam apply {GLASS}"));
    terminal.shows("not kept): ", PATIENCE);
    terminal.answer(b"rootpw");
    say_yes(&machine, &mut terminal);
    let code = machine.token("root").fresh_code();
    let login = machine.ssh("root").from("127.0.0.9").password("rootpw").code(&code);
    let _ = login.patience(Duration::from_secs(20)).assert_granted();
    assert_eq!(ended(&mut terminal), Some(0), "{}", terminal.transcript());
    assert!(terminal.transcript().contains("sshd: proven by root"), "{}", terminal.transcript());
}

#[test]
fn a_change_of_roots_line_that_lets_others_by_is_seen() {
    let machine = host().start();
    roll_out(&machine, GLASS);
    let kept = machine.read("/etc/pam.d/sshd");
    machine.exec(&["mfactl", "pam", "status"]).stdout_of_success();
    let line = "pam_succeed_if.so quiet user = root";
    for (from, to) in [
        ("user = root", "user != root"),
        ("user = root", "uid = 0"),
        ("user = root", "user in root:alice"),
        ("success=ignore default=1", "success=2 default=1"),
        ("success=ignore default=1", "success=ignore default=2"),
        ("success=ignore default=1", "success=ignore default=ignore"),
        ("pam_succeed_if.so", "pam_localuser.so"),
    ] {
        let (before, after) = (format!("[success=ignore default=1]   {line}"), kept.clone());
        assert!(kept.contains(&before) && before.contains(from), "{kept}");
        machine.write("/etc/pam.d/sshd", 0o644, after.replace(&before, &before.replace(from, to)));
        let status = machine.exec(&["mfactl", "pam", "status", "--only-bad"]);
        assert!(!status.status.success(), "{to}: {status}");
        assert!(status.stdout.contains("DIFFERS"), "{to}: {status}");
    }
    // The same line where it would let root in without a code.
    let in_auth = format!("auth [success=1 default=ignore] {line}\nauth     required   pam_mfa.so");
    machine.write("/etc/pam.d/sshd", 0o644, kept.replace("auth     required   pam_mfa.so", &in_auth));
    let status = machine.exec(&["mfactl", "pam", "status", "--only-bad"]);
    assert!(status.stdout.contains("DIFFERS"), "{status}");
    machine.write("/etc/pam.d/sshd", 0o644, &kept);
    machine.exec(&["mfactl", "pam", "status"]).stdout_of_success();
}

/// Lines that were placed by hand are left as they are, so what root's key needs is said.
#[test]
fn lines_placed_by_hand_have_to_let_root_by_too() {
    let machine = host().start();
    machine.shell(
        "sed -i -e '/^@include common-auth/a auth required pam_mfa.so first_factor=requisite' \
         -e '0,/^account/s//account required pam_mfa.so\\n&/' /etc/pam.d/sshd",
    );
    let plan = format!("mfactl pam plan {GLASS}");
    let planned = machine.exec(&["sh", "-c", &plan]).assert_exit(7);
    assert!(planned.stdout.contains("Break-glass: root's password at the console\nNOTE: "), "{planned}");
    let lines: Vec<&str> = planned.stdout.lines().filter_map(|line| line.strip_prefix("  account")).collect();
    assert_eq!(lines.len(), 2, "{planned}");
    // Without another way in, that is why nothing is done.
    machine.shell("usermod -p '!' root");
    let hash = planned.stdout.lines().find_map(|line| line.strip_prefix("Hash:        ")).expect("a hash");
    let apply = format!("mfactl pam apply {GLASS} --no-confirm --proven {hash}");
    let refused = machine.exec(&["sh", "-c", &apply]).assert_exit(1);
    assert!(refused.stderr.contains("whose account line was placed by hand"), "{refused}");
    let roots = lines.iter().map(|line| format!("account{line}\\n")).collect::<String>();
    machine.shell(&format!("sed -i 's/^account required pam_mfa.so/{roots}&/' /etc/pam.d/sshd"));
    let planned = machine.exec(&["sh", "-c", &plan]).assert_exit(7);
    assert!(
        planned.stdout.contains("Break-glass: root's key over ssh, from 127.0.0.0/30\nHash:"),
        "{planned}"
    );
}
