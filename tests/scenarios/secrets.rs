//! Codes and secrets appear nowhere but where they must.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use mfa_tests::terminal::{Next, Terminal};
use mfa_tests::{Machine, Stack, Token, wait};

use crate::people::not_enrolled;

/// How long an enrolment may take that nobody hesitates in.
const PATIENCE: Duration = Duration::from_secs(20);

/// Everything that may give something away: its name, and the forms that it could have.
type Markers = Vec<(String, Vec<u8>)>;

fn markers(token: &Token, typed: &[String]) -> Markers {
    let raw = token.seed();
    let hex: String = raw.iter().map(|byte| format!("{byte:02x}")).collect();
    let base32 = token.secret();
    let mut markers: Markers = vec![
        ("the seed".into(), raw),
        ("the seed in hexadecimal".into(), hex.clone().into_bytes()),
        ("the seed in capital hexadecimal".into(), hex.to_uppercase().into_bytes()),
        ("the seed in base32".into(), base32.as_bytes().to_vec()),
        ("the seed in small base32".into(), base32.to_lowercase().into_bytes()),
        ("the first half of the seed in base32".into(), base32.as_bytes()[..base32.len() / 2].to_vec()),
    ];
    markers.extend(typed.iter().map(|code| (format!("the code {code}"), code.clone().into_bytes())));
    markers
}

fn assert_absent(markers: &Markers, place: &str, bytes: &[u8]) {
    for (what, marker) in markers {
        let found = bytes.windows(marker.len()).position(|window| window == marker);
        let around = found
            .map(|at| String::from_utf8_lossy(&bytes[at.saturating_sub(60)..(at + 60).min(bytes.len())]));
        assert!(found.is_none(), "{what} stands in {place}: {around:?}");
    }
}

/// Every file below a folder, whole.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let (path, kind) = (entry.path(), entry.file_type().expect("a kind"));
        if kind.is_dir() {
            found.extend(files(&path));
        } else if kind.is_file() {
            found.push((path.display().to_string(), fs::read(&path).unwrap_or_default()));
        }
    }
    found
}

/// Collects the arguments and the environment of every process of a machine while `work` runs.
fn watched(machine: &Machine, work: impl FnOnce()) -> BTreeSet<Vec<u8>> {
    let (seen, over) = (Mutex::new(BTreeSet::new()), AtomicBool::new(false));
    let processes = machine.path("/proc");
    thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                for process in fs::read_dir(&processes).into_iter().flatten().flatten() {
                    for file in ["cmdline", "environ"] {
                        let read = fs::read(process.path().join(file)).unwrap_or_default();
                        seen.lock().expect("no panic").insert(read);
                    }
                }
            }
        });
        let _over = wait::Raises(&over);
        work();
    });
    seen.into_inner().expect("no panic")
}

// S8, S17, S35
#[test]
fn neither_a_code_nor_a_seed_is_in_any_log_audit_file_argument_or_variable() {
    let machine = Machine::new()
        .user(not_enrolled("bob"))
        .pam("sshd", Stack::password_then_mfa().mfa_arguments("debug"))
        .pam("sudo", Stack::password_then_mfa().mfa_arguments("debug"))
        .start();
    let mut terminal = Terminal::open(machine.inside(), "bob", "mfactl enroll --qr none");
    let Next::Prompt(shown) = terminal.next_within(PATIENCE) else { panic!("{}", terminal.transcript()) };
    let secret =
        shown.lines().find_map(|line| line.trim().strip_prefix("Secret")).expect("the secret is shown");
    let token = Token::of_secret(&secret.split_whitespace().collect::<String>());
    let (confirming, now, next) = (token.code_at(-1), token.code(), token.code_at(1));
    let wrong = token.wrong_code();
    let typed = [confirming.clone(), now.clone(), next.clone(), wrong.clone()];

    let processes = watched(&machine, || {
        terminal.answer(confirming.as_bytes());
        let Next::Prompt(_) = terminal.next_within(PATIENCE) else { panic!("{}", terminal.transcript()) };
        terminal.answer(b""); // no code is asked back
        assert_eq!(terminal.next_within(PATIENCE), Next::Ended(Some(0)), "{}", terminal.transcript());
        let _ = machine.ssh("bob").password("pw").code(&now).assert_granted();
        let _ = machine.ssh("bob").password("pw").code(&now).assert_refused();
        let _ = machine.sudo("bob").password("pw").code(&wrong).assert_refused();
        let _ = machine.ssh("bob").password("wrong").code(&next).assert_refused();
        // And where things go wrong, which is where much is said.
        let killing = machine.inside().clone();
        let attempt = machine.sudo("bob").password("pw").code(&next).code(&next);
        let _ = attempt.before_code(move || killing.mfad().kill()).run();
        let hanging = machine.inside().clone();
        let attempt =
            machine.sudo("bob").password("pw").code(&wrong).before_code(move || hanging.mfad().hang());
        let _ = attempt.run();
        machine.mfad().resume();
    });

    let markers = markers(&token, &typed);
    for process in &processes {
        assert_absent(&markers, "a process", process);
    }
    assert!(processes.len() > 20, "few processes were seen: {}", processes.len());
    for line in machine.log().raw() {
        // The number that syslog writes for a time or a process may look like a code.
        let text = line.iter().position(|byte| *byte == b':').map_or(&line[..], |at| &line[at..]);
        assert_absent(&markers, "the log", text);
    }
    for verb in [&["audit"][..], &["audit", "--json"], &["user", "show", "bob"], &["user", "list", "--json"]]
    {
        let printed = machine.exec(&[&["mfactl"], verb].concat()).stdout_of_success();
        let seeds: Markers = markers.iter().filter(|(what, _)| what.contains("seed")).cloned().collect();
        assert_absent(&seeds, &verb.join(" "), printed.as_bytes());
    }
    for record in machine.audit().records() {
        // Not its number and time, which may look like a code.
        for field in ["event", "reason", "detail", "user", "subject", "service", "door"] {
            assert_absent(&markers, field, record.text(field).as_bytes());
        }
    }
    for folder in ["/var/lib/mfad", "/etc/mfad", "/run", "/tmp", "/var/log", "/home", "/root"] {
        for (path, bytes) in files(&machine.path(folder)) {
            assert_absent(&markers, &path, &bytes);
        }
    }
    // The search finds what is there.
    machine.write("/tmp/leak", 0o644, format!("code={now}"));
    let leak = std::panic::catch_unwind(|| {
        for (path, bytes) in files(&machine.path("/tmp")) {
            assert_absent(&markers, &path, &bytes);
        }
    });
    assert!(leak.is_err(), "a leak was not found");
}

// S35
#[test]
fn mfad_leaves_no_core_and_shows_its_memory_to_nobody() {
    let machine =
        Machine::new().user(crate::people::enrolled("alice")).pam("sshd", Stack::password_then_mfa()).start();
    let pid = machine.mfad().pid().expect("it runs");
    let limits = machine.read(format!("/proc/{pid}/limits"));
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).expect("a limit");
    assert_eq!(core.split_whitespace().skip(4).take(2).collect::<Vec<_>>(), ["0", "0"], "{core}");
    // What cannot be dumped belongs to root, and not even its own user looks in or attaches.
    assert_eq!(machine.shell(&format!("stat -c %U /proc/{pid}/mem")).trim(), "root");
    for user in ["mfad", "alice"] {
        let _ = machine.exec_as(user, &["cat", &format!("/proc/{pid}/environ")]).assert_exit(1);
        let attach = ["timeout", "5", "strace", "-qq", "-o", "/dev/null", "-p", &pid];
        let _ = machine.exec_as(user, &attach).assert_exit(1);
    }
}
