//! What an import makes of the files that users can put in its way. All of it is known before mfad is
//! asked, so in these machines there is none to ask.

use mfa_tests::{Machine, Ran};
use serde_json::Value;

use crate::people::not_enrolled;

/// A seed of 160 bits, a used step, two scratch codes, and what must never be shown of it.
const STATE: &str =
    "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\n\" DISALLOW_REUSE 57841600\n\" TOTP_AUTH\n24681357\n13572468\n";
const SECRETS: [&str; 4] = ["GEZDGNBV", "24681357", "13572468", "12345678901234567890"];
const FILE: &str = "/home/alice/.google_authenticator";
const DRY_RUN: &[&str] = &["mfactl", "import", "google-authenticator", "alice", "--dry-run", "--json"];

fn alice_and_mallory() -> Machine {
    let machine = Machine::new().user(not_enrolled("alice")).user(not_enrolled("mallory")).start();
    machine.mfad().remove();
    machine
}

/// Alice with a file as the program of the module makes it.
fn alice_with_a_file() -> Machine {
    let machine = alice_and_mallory();
    write(&machine, FILE, "alice", STATE);
    machine
}

fn write(machine: &Machine, path: &str, owner: &str, text: &str) {
    machine.write(path, 0o600, text);
    let (uid, gid) = machine.ids(owner);
    machine.give(path, uid, gid);
}

/// The objects that a run printed, after a look for what it must not have.
fn rows(ran: &Ran) -> Vec<Value> {
    for secret in SECRETS {
        assert!(!ran.stdout.contains(secret) && !ran.stderr.contains(secret), "{secret} is shown: {ran}");
    }
    assert!(!ran.stdout.contains("$5$"), "a hash of /etc/shadow is shown: {ran}");
    ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{ran}"))).collect()
}

/// The one outcome of a run for one user.
fn outcome(ran: &Ran) -> String {
    let rows = rows(ran);
    assert_eq!(rows.len(), 1, "{ran}");
    rows[0]["outcome"].as_str().unwrap_or_else(|| panic!("{ran}")).to_owned()
}

/// The one factor of a run for one user.
fn factor(ran: &Ran) -> Value {
    rows(ran)[0]["factors"][0].clone()
}

/// What a token comes to that nothing stands against, where mfad cannot be asked.
const COMES_OVER: &str = "not_asked";

// S8
#[test]
fn a_dry_run_tells_what_would_come_over_and_shows_no_secret() {
    let machine = alice_with_a_file();
    let ran = machine.exec(DRY_RUN).assert_exit(7);
    assert_eq!(outcome(&ran), COMES_OVER, "{ran}");
    let factor = &rows(&ran)[0]["factors"][0];
    assert_eq!((factor["kind"].as_str(), factor["bits"].as_u64()), (Some("totp"), Some(160)), "{ran}");
    assert_eq!((factor["period"].as_u64(), factor["scratch_codes"].as_u64()), (Some(30), Some(2)), "{ran}");
    let people = machine.exec(&DRY_RUN[..5]).assert_exit(7);
    assert!(people.stdout.contains("Nothing was changed."), "{people}");
    assert_eq!(machine.read(FILE), STATE);
}

// S3
#[test]
fn a_file_as_the_module_and_its_program_write_it_comes_over() {
    let machine = alice_and_mallory();
    machine.write("/etc/pam.d/google", 0o644, "auth required pam_google_authenticator.so\n");
    for (kind, arguments) in [("totp", "-t -d -w 3"), ("hotp", "-c -w 3")] {
        let make = format!("google-authenticator -f -q -u -C -e 5 {arguments}");
        let make: Vec<&str> = make.split(' ').collect();
        machine.exec_as("alice", &make).stdout_of_success();
        let fresh = factor(&machine.exec(DRY_RUN).assert_exit(7));
        assert_eq!(
            (fresh["kind"].as_str(), fresh["scratch_codes"].as_u64()),
            (Some(kind), Some(5)),
            "{fresh}"
        );
        let file = machine.read(FILE);
        let seed = file.lines().next().expect("a seed");
        let code = match kind {
            "totp" => machine.shell(&format!("oathtool --totp -b {seed}")),
            _ => machine.shell(&format!("oathtool --hotp -c 1 -b {seed}")),
        };

        let login = ["pamtester", "google", "alice", "authenticate"];
        machine.exec_with("alice", &login, code.as_bytes()).stdout_of_success();
        let used = factor(&machine.exec(DRY_RUN).assert_exit(7));
        let now = machine.shell("date +%s").trim().parse::<u64>().expect("a number") / 30;
        let next = used["next"].as_u64().expect("a number");
        match kind {
            "totp" => assert!((now..=now + 1).contains(&next), "{used} at {now}"),
            _ => assert_eq!((fresh["next"].as_u64(), next), (Some(1), 2)),
        }
    }
}

// S3
#[test]
fn a_users_file_as_pam_oath_writes_it_comes_over_without_the_code_that_was_used() {
    let machine = alice_and_mallory();
    machine.write("/etc/pam.d/oath", 0o644, "auth required pam_oath.so usersfile=/etc/users.oath window=9\n");
    const KEY: &str = "3132333435363738393031323334353637383930";
    for (line, code, counter) in [
        (format!("HOTP alice - {KEY}"), format!("oathtool --hotp -c 3 {KEY}"), Some(4)),
        (format!("HOTP/T30 alice - {KEY}"), format!("oathtool --totp {KEY}"), None),
    ] {
        machine.write("/etc/users.oath", 0o600, format!("{line}\n"));
        let code = machine.shell(&code);
        let login = ["pamtester", "oath", "alice", "authenticate"];
        machine.exec_with("root", &login, code.as_bytes()).stdout_of_success();
        let used = factor(
            &machine.exec(&["mfactl", "import", "oath", "alice", "--dry-run", "--json"]).assert_exit(7),
        );
        let next = used["next"].as_u64().expect("a number");
        let now = machine.shell("date +%s").trim().parse::<u64>().expect("a number") / 30;
        match counter {
            Some(counter) => assert_eq!(next, counter, "{}", machine.read("/etc/users.oath")),
            None => assert!((now - 24 * 120..=now + 1).contains(&next), "{used} at {now}"),
        }
    }
}

#[test]
fn without_mfad_the_files_are_judged_all_the_same() {
    let machine = alice_with_a_file();
    let ran = machine.exec(DRY_RUN).assert_exit(7);
    assert_eq!(outcome(&ran), COMES_OVER, "{ran}");
    assert!(ran.stderr.contains("mfad"), "{ran}");
    write(&machine, FILE, "alice", "marker=marker\n");
    let ran = machine.exec(DRY_RUN).assert_exit(1);
    assert_eq!(outcome(&ran), "refused");
    assert!(!ran.stdout.contains("marker"), "{ran}");
    let ran = machine.exec(&["mfactl", "import", "google-authenticator", "alice"]).assert_exit(1);
    assert!(!ran.stdout.contains("marker"), "{ran}");
    write(&machine, FILE, "alice", STATE);
    let _ = machine.exec(&["mfactl", "import", "google-authenticator", "alice"]).assert_exit(5);
}

// CVE-2024-47191
#[test]
fn what_a_user_puts_in_the_file_s_place_is_refused_and_not_quoted() {
    let machine = alice_with_a_file();
    write(&machine, "/home/mallory/.google_authenticator", "mallory", STATE);
    machine.write("/root/.google_authenticator", 0o600, STATE);
    machine.shell("mkdir -m 755 /home/alice/mine; mv /home/alice/.google_authenticator /home/alice/mine/ga");
    for (put, why) in [
        ("ln -s /etc/shadow FILE", "a link to what only root reads"),
        ("ln -s /home/mallory/.google_authenticator FILE", "a link to another's file"),
        ("ln -s /home/alice/mine/ga FILE", "a link to the own file"),
        ("ln -s /dev/zero FILE", "a link to a device without end"),
        ("ln -s FILE FILE", "a link to itself"),
        ("ln /home/mallory/.google_authenticator FILE", "a second name of another's file"),
        ("ln /etc/shadow FILE", "a second name of root's file"),
        ("ln /home/alice/mine/ga FILE", "a second name of the own file"),
        ("cp /root/.google_authenticator FILE", "a file of root's"),
        ("cp /root/.google_authenticator FILE; chmod 644 FILE", "a file of root's that all may read"),
        ("mkfifo -m 600 FILE; chown alice: FILE", "a FIFO"),
        ("mkdir FILE; chown alice: FILE", "a folder"),
        ("truncate -s 1G FILE; chown alice: FILE", "a sparse file of 1 GiB"),
        ("cp /home/alice/mine/ga FILE; chown alice: FILE; chmod 622 FILE", "a file that others may write"),
        ("head -c 65536 /dev/urandom >FILE; chmod 600 FILE; chown alice: FILE", "noise"),
    ] {
        machine.shell(&format!("rm -rf {FILE}\n{}", put.replace("FILE", FILE)));
        let ran = machine.exec(&[&["timeout", "4"], DRY_RUN].concat()).assert_exit(1);
        assert_eq!(outcome(&ran), "refused", "{why}: {ran}");
    }
}

#[test]
fn a_file_that_is_swapped_under_the_reader_is_the_user_s_own_or_none() {
    let machine = alice_with_a_file();
    // As fast as a user can: the own file, a link to root's, a FIFO, and a link to a folder.
    machine.exec_as("alice", &["bash", "-euc", "cd; cp -p .google_authenticator own"]).stdout_of_success();
    let swap = "cd; while :; do cp -p own a; mv -fT a .google_authenticator; ln -s /etc/shadow b; \
                mv -fT b .google_authenticator; mkfifo c; mv -fT c .google_authenticator; done";
    let mut swapping = machine.inside().command("alice", &["bash", "-c", swap]).spawn().expect("it starts");
    let mut seen = Vec::new();
    for _ in 0..60 {
        let ran = machine.exec(DRY_RUN);
        let outcome = outcome(&ran);
        assert!([COMES_OVER, "refused", "cannot_be_read_now"].contains(&outcome.as_str()), "{ran}");
        seen.push(outcome);
    }
    swapping.kill().and_then(|()| swapping.wait()).expect("it ends");
    assert!(seen.iter().any(|outcome| outcome != COMES_OVER), "nothing was swapped: {seen:?}");
}

#[test]
fn the_reader_has_the_rights_of_the_user_and_no_group_of_root_s() {
    let machine = alice_and_mallory();
    // Alice's own file, in a folder that only root's groups may enter.
    machine.shell("install -d -o root -g shadow -m 710 /home/alice/hidden");
    write(&machine, "/home/alice/hidden/ga", "alice", STATE);
    let import = ["setpriv", "--groups", "0,42", "mfactl", "import", "google-authenticator", "alice"];
    let import = [&import[..], &["--dry-run", "--json", "--file", "~/hidden/ga"]].concat();
    let ran = machine.exec(&import).assert_exit(1);
    assert_eq!(outcome(&ran), "cannot_be_read_now", "{ran}");
    machine.shell("chmod 711 /home/alice/hidden");
    let ran = machine.exec(&import).assert_exit(7);
    assert_eq!(outcome(&ran), COMES_OVER, "{ran}");
    machine.shell("mv /home/alice/hidden /home/alice/real; ln -s real /home/alice/hidden");
    let ran = machine.exec(&import).assert_exit(1);
    assert_eq!(outcome(&ran), "refused", "a link on the way: {ran}");
}

// CVE-2016-2779
#[test]
fn the_reader_lets_go_of_root_and_of_the_terminal_before_it_opens_anything_of_the_user_s() {
    let machine = alice_with_a_file();
    let (uid, gid) = machine.ids("alice");
    let strace = ["strace", "-f", "-o", "/root/trace", "-e", "trace=setsid,/^set.*(id|groups),/^open"];
    let _ = machine.exec(&[&strace[..], DRY_RUN].concat()).assert_exit(7);
    let trace = machine.read("/root/trace");
    let at = |call: &str| {
        trace
            .lines()
            .position(|line| line.contains(call))
            .unwrap_or_else(|| panic!("{call} is not in {trace}"))
    };
    let steps = [
        at("setsid()"),
        at("setgroups(0, "),
        at(&format!("setresgid({gid}, {gid}, {gid})")),
        at(&format!("setresuid({uid}, {uid}, {uid})")),
        at("\"/home/alice"),
        at("\".google_authenticator\""),
    ];
    assert!(steps.is_sorted(), "{steps:?} in {trace}");
    let opened = trace.lines().filter(|line| line.contains("google_authenticator")).count();
    assert_eq!(opened, 1, "nobody else opens it: {trace}");
}

#[test]
fn a_home_that_cannot_be_read_now_is_not_one_without_a_file() {
    let machine = alice_with_a_file();
    for (hide, why) in [
        ("mount -t tmpfs none /home/alice", "a bare mount point of root's"),
        ("umount /home/alice; chmod 0 /home/alice", "a home that is shut"),
        ("chmod 700 /home/alice; chmod 0 /home/alice/.google_authenticator", "a file that is shut"),
        ("mv /home/alice /home/elsewhere", "no home at all"),
    ] {
        machine.shell(hide);
        let ran = machine.exec(DRY_RUN).assert_exit(1);
        assert_eq!(outcome(&ran), "cannot_be_read_now", "{why}: {ran}");
    }
    machine.shell("mv /home/elsewhere /home/alice; rm /home/alice/.google_authenticator");
    let ran = machine.exec(DRY_RUN).assert_exit(1);
    assert_eq!(outcome(&ran), "no_file", "{ran}");
}

#[test]
fn all_are_root_and_the_people_of_the_host_and_none_hinders_another() {
    let machine = alice_with_a_file();
    machine.shell("ln -s /etc/shadow /home/mallory/.google_authenticator");
    let ran = machine
        .exec(&["mfactl", "import", "google-authenticator", "--all", "--dry-run", "--json"])
        .assert_exit(1);
    let outcome = |user: &str| {
        let rows = rows(&ran);
        let row = rows.iter().find(|row| row["user"] == user).unwrap_or_else(|| panic!("{user}: {ran}"));
        row["outcome"].as_str().expect("an outcome").to_owned()
    };
    assert_eq!(rows(&ran).len(), 3, "{ran}");
    assert_eq!(outcome("alice"), COMES_OVER, "{ran}");
    assert_eq!((outcome("mallory").as_str(), outcome("root").as_str()), ("refused", "no_file"), "{ran}");
}

#[test]
fn files_of_another_owner_are_read_where_the_administrator_names_both() {
    let machine = alice_and_mallory();
    machine.shell("install -d -m 700 /var/lib/ga");
    machine.write("/var/lib/ga/alice", 0o400, STATE);
    let import = [DRY_RUN, &["--file", "/var/lib/ga/${USER}"]].concat();
    let ran = machine.exec(&import).assert_exit(1);
    assert_eq!(outcome(&ran), "cannot_be_read_now", "{ran}");
    let ran = machine.exec(&[&import[..], &["--owner", "root"]].concat()).assert_exit(7);
    assert_eq!(outcome(&ran), COMES_OVER, "{ran}");
    let _ = machine.exec(&[DRY_RUN, &["--file", "/etc/shadow"]].concat()).assert_exit(2);
}

// S26
#[test]
fn nobody_but_root_imports() {
    let machine = alice_with_a_file();
    let ran = machine.exec_as("alice", DRY_RUN).assert_exit(4);
    assert!(ran.stderr.contains("only root"), "{ran}");
    let _ = machine.exec_as("mallory", DRY_RUN).assert_exit(4);
}

#[test]
fn a_users_file_of_pam_oath_is_root_s_and_its_passwords_stay_behind() {
    const KEY: &str = "3132333435363738393031323334353637383930";
    let machine = alice_and_mallory();
    let file = format!("# all\nHOTP/T30/8 alice - {KEY}\nHOTP mallory hunter2 {KEY} 5\n");
    machine.write("/etc/users.oath", 0o600, file);
    let import =
        |more: &[&str]| machine.exec(&[&["mfactl", "import", "oath", "--dry-run", "--json"], more].concat());
    let ran = import(&["--all"]).assert_exit(1);
    assert!(!ran.stdout.contains(KEY) && !ran.stdout.contains("hunter2"), "{ran}");
    let rows = rows(&ran);
    let of =
        |user: &str| rows.iter().find(|row| row["user"] == user).unwrap_or_else(|| panic!("{user}: {ran}"));
    assert_eq!(of("alice")["outcome"], COMES_OVER, "{ran}");
    assert_eq!(of("alice")["factors"][0]["digits"], 8, "{ran}");
    assert_eq!(of("mallory")["outcome"], "refused", "{ran}");
    assert!(of("mallory")["factors"][0]["detail"].as_str().unwrap().contains("pam_unix"), "{ran}");
    let _ = import(&["alice"]).assert_exit(7);
    let _ = import(&["root"]).assert_exit(1);

    machine.shell("cp -p /etc/users.oath /home/alice/users.oath; chown alice: /home/alice/users.oath");
    machine
        .shell("ln -s /etc/users.oath /home/alice/link; cp /etc/users.oath /etc/open; chmod 666 /etc/open");
    for path in ["/home/alice/users.oath", "/home/alice/link", "/etc/open", "/etc/nowhere", "/dev/zero"] {
        let ran = import(&["--all", "--file", path]).assert_exit(2);
        assert!(!ran.stderr.contains(KEY), "{ran}");
    }
}
