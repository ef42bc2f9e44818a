//! What a machine's programs logged, read from outside.
//!
//! Where no systemd runs there is no daemon for it: `/dev/log` belongs to the test, so what was logged can be read
//! while it happens and after the machine is gone. Where it does, journald has all of it, and is asked.

use std::fs;
use std::net::Shutdown;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use crate::wait;

/// The longest datagram that is kept whole; glibc sends at most about 8 KiB.
const LONGEST: usize = 65_536;

/// What was logged so far, oldest first.
#[derive(Debug)]
pub struct Log(Source);

#[derive(Debug)]
enum Source {
    Socket(Socket),
    /// The journal of the machine with this process 1.
    Journal(u32),
}

#[derive(Debug)]
struct Socket {
    socket: UnixDatagram,
    entries: Mutex<Vec<Vec<u8>>>,
}

impl Log {
    /// Binds `path` and starts to collect.
    pub(crate) fn listen(path: &Path) -> Arc<Self> {
        let socket =
            UnixDatagram::bind(path).unwrap_or_else(|error| panic!("binding {}: {error}", path.display()));
        fs::set_permissions(path, fs::Permissions::from_mode(0o666)).expect("the socket was just made");
        let log = Arc::new(Self(Source::Socket(Socket { socket, entries: Mutex::default() })));
        let collecting = Arc::clone(&log);
        thread::spawn(move || collecting.collect());
        log
    }

    /// Of a machine in which journald runs.
    pub(crate) fn of_the_journal(pid: u32) -> Arc<Self> {
        Arc::new(Self(Source::Journal(pid)))
    }

    fn collect(&self) {
        let Source::Socket(Socket { socket, entries }) = &self.0 else { return };
        let mut buffer = vec![0; LONGEST];
        while let Ok(length @ 1..) = socket.recv(&mut buffer) {
            entries.lock().unwrap_or_else(PoisonError::into_inner).push(buffer[..length].to_vec());
        }
    }

    /// Ends the collecting; what was collected stays.
    pub(crate) fn stop(&self) {
        if let Source::Socket(Socket { socket, .. }) = &self.0 {
            let _ = socket.shutdown(Shutdown::Both);
        }
    }

    /// Every entry as it was sent, `<priority>` and time included; of a journal, as `journalctl` shows it.
    pub fn raw(&self) -> Vec<Vec<u8>> {
        match &self.0 {
            Source::Socket(Socket { entries, .. }) => {
                entries.lock().unwrap_or_else(PoisonError::into_inner).clone()
            }
            Source::Journal(pid) => journal(*pid),
        }
    }

    /// Every entry as text, one a line.
    pub fn lines(&self) -> Vec<String> {
        self.raw().iter().map(|entry| String::from_utf8_lossy(entry).into_owned()).collect()
    }

    /// The entries that hold `part`.
    pub fn matching(&self, part: &str) -> Vec<String> {
        self.lines().into_iter().filter(|line| line.contains(part)).collect()
    }

    /// Waits up to 5 seconds for an entry that holds `part`, and returns the first.
    pub fn wait_for(&self, part: &str) -> String {
        wait::until(Duration::from_secs(5), || self.matching(part).into_iter().next())
            .unwrap_or_else(|| panic!("nothing logged holds {part:?}:\n{}", self.lines().join("\n")))
    }
}

/// All that journald of the machine with this process 1 has; nothing before it runs.
fn journal(pid: u32) -> Vec<Vec<u8>> {
    let enter = ["-t", &pid.to_string(), "-m", "-p", "-r", "-w", "--"];
    let show = ["journalctl", "--quiet", "--no-pager", "--output=short-full", "--all"];
    let _ = Command::new("nsenter").args(enter).args(["journalctl", "--sync"]).output();
    let shown = Command::new("nsenter").args(enter).args(show).output().expect("nsenter starts");
    shown.stdout.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(<[u8]>::to_vec).collect()
}
