//! The machine's `/dev/log`, read from outside.
//!
//! No daemon in the machine: the socket belongs to the test, so what was logged can be read while it
//! happens and after the machine is gone.

use std::fs;
use std::net::Shutdown;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use crate::wait;

/// The longest datagram that is kept whole; glibc sends at most about 8 KiB.
const LONGEST: usize = 65_536;

/// What arrived so far, oldest first.
#[derive(Debug)]
pub struct Log {
    socket: UnixDatagram,
    entries: Mutex<Vec<Vec<u8>>>,
}

impl Log {
    /// Binds `path` and starts to collect.
    pub(crate) fn listen(path: &Path) -> Arc<Self> {
        let socket =
            UnixDatagram::bind(path).unwrap_or_else(|error| panic!("binding {}: {error}", path.display()));
        fs::set_permissions(path, fs::Permissions::from_mode(0o666)).expect("the socket was just made");
        let log = Arc::new(Self { socket, entries: Mutex::default() });
        let collecting = Arc::clone(&log);
        thread::spawn(move || collecting.collect());
        log
    }

    fn collect(&self) {
        let mut buffer = vec![0; LONGEST];
        while let Ok(length @ 1..) = self.socket.recv(&mut buffer) {
            self.entries.lock().unwrap_or_else(PoisonError::into_inner).push(buffer[..length].to_vec());
        }
    }

    /// Ends the collecting; what was collected stays.
    pub(crate) fn stop(&self) {
        let _ = self.socket.shutdown(Shutdown::Both);
    }

    /// Every entry as it was sent, `<priority>` and time included.
    pub fn raw(&self) -> Vec<Vec<u8>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).clone()
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
