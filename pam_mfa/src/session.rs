//! The session that the host program was called in, by what the kernel says of it.
//!
//! The number of a session is the process id of its leader, and numbers come again: with the time at which the
//! leader began, it is one session and no other. Where the leader has ended nothing is told.

use std::fs;
use std::path::Path;

/// The leader's process id, a space, and when it began in ticks since the machine started.
pub(crate) fn of_caller() -> Option<Vec<u8>> {
    told(Path::new("/proc"))
}

fn told(proc: &Path) -> Option<Vec<u8>> {
    let own = fs::read(proc.join("self/stat")).ok()?;
    let session = Stat::of(&own)?.session;
    let leader = fs::read(proc.join(session.to_string()).join("stat")).ok()?;
    let leader = Stat::of(&leader).filter(|leader| (leader.pid, leader.session) == (session, session))?;
    Some(format!("{session} {}", leader.started).into_bytes())
}

/// A few fields of `/proc/PID/stat`. Source: `proc_pid_stat(5)`.
struct Stat {
    pid: u32,
    session: u32,
    started: u64,
}

impl Stat {
    fn of(line: &[u8]) -> Option<Self> {
        // A program's name may hold anything, spaces and parentheses too: what follows the last one is ours.
        let end = line.iter().rposition(|byte| *byte == b')')?;
        let pid = line.split(|byte| *byte == b' ').next()?;
        let rest = std::str::from_utf8(line.get(end + 1..)?).ok()?;
        let field = |number: usize| rest.split_ascii_whitespace().nth(number - 3);
        let session = field(6)?.parse().ok().filter(|session| *session != 0)?;
        let pid = std::str::from_utf8(pid).ok()?.parse().ok()?;
        Some(Self { pid, session, started: field(22)?.parse().ok()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    fn stat(pid: u32, name: &str, session: u32, started: u64) -> String {
        let between = "34816 900 4194304 1 2 3 4 5 6 7 8 20 0 1 0";
        format!("{pid} ({name}) S 1 {pid} {session} {between} {started} 9 8 7\n")
    }

    fn with(own: &str, leader: Option<(u32, &str)>) -> Option<String> {
        let proc = tempfile::tempdir().unwrap();
        let write = |folder: &str, text: &str| {
            fs::create_dir_all(proc.path().join(folder)).unwrap();
            fs::write(proc.path().join(folder).join("stat"), text).unwrap();
        };
        write("self", own);
        if let Some((pid, text)) = leader {
            write(&pid.to_string(), text);
        }
        told(proc.path()).map(|told| String::from_utf8(told).unwrap())
    }

    #[test]
    fn a_session_is_its_leader_and_when_that_began() {
        let own = stat(900, "sudo", 700, 5555);
        assert_eq!(with(&own, Some((700, &stat(700, "bash", 700, 1234)))).as_deref(), Some("700 1234"));
        // A session of its own: that of this test may be another pid namespace's, and have no number here.
        let leader = Command::new("setsid").args(["cat", "/proc/self/stat"]).output().unwrap();
        let leader = Stat::of(&leader.stdout).expect("the kernel's own is read");
        assert_eq!(leader.pid, leader.session);
        assert!(leader.started > 0);
    }

    #[test]
    fn a_program_cannot_name_itself_into_another_session() {
        let forged = ") S 1 1 1 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 99 (";
        let own = stat(900, forged, 700, 5555);
        assert_eq!(with(&own, Some((700, &stat(700, forged, 700, 1234)))).as_deref(), Some("700 1234"));
    }

    #[test]
    fn what_is_not_known_is_not_told() {
        let own = stat(900, "sudo", 700, 5555);
        assert_eq!(with(&own, None), None, "the leader has ended");
        assert_eq!(with(&own, Some((700, &stat(700, "bash", 650, 1234)))), None, "no leader");
        assert_eq!(with(&own, Some((700, &stat(701, "bash", 700, 1234)))), None, "another process");
        for odd in ["", "900", "900 (sudo", "900 (sudo) S 1 2", "900 (sudo) S 1 900 0 0"] {
            assert_eq!(with(odd, Some((700, &stat(700, "bash", 700, 1234)))), None, "{odd:?}");
        }
        assert_eq!(
            with(&stat(900, "sudo", 0, 1), Some((0, &stat(0, "bash", 0, 1)))),
            None,
            "of another namespace"
        );
    }
}
