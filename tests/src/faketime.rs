//! mfad with a clock of its own, by libfaketime: the clock of the host is never touched.
//!
//! Only the wall clock is moved. The boot clock goes on, as it does when somebody sets a clock.

use std::fs;

use crate::daemon::Mfad;
use crate::inside::Inside;

/// By how much the clock is off; read by libfaketime at every look at the clock.
const OFFSET: &str = "/tmp/clock";

/// The wall clock of a machine's mfad.
#[derive(Debug, Clone, Copy)]
pub struct WallClock<'a>(&'a Inside);

impl<'a> Mfad<'a> {
    /// Ends it for good and starts it by hand, as its user, with a wall clock that can be moved.
    pub fn with_wall_clock(self) -> WallClock<'a> {
        let inside = self.inside();
        self.remove();
        let clock = WallClock(inside);
        clock.moved(0);
        clock.start();
        clock
    }
}

impl WallClock<'_> {
    /// Moves it to so many seconds from the true time.
    pub fn moved(self, seconds: i64) {
        let next = self.0.path(format!("{OFFSET}.next"));
        fs::write(&next, format!("{seconds:+}\n"))
            .and_then(|()| fs::rename(&next, self.0.path(OFFSET)))
            .expect("a file in /tmp");
    }

    /// Kills mfad as a crash would, and starts it again with the same clock.
    pub fn restart(self) {
        self.0.mfad().kill();
        self.start();
    }

    fn start(self) {
        let library = self.0.shell("ls /usr/lib/*/faketime/libfaketimeMT.so.1");
        let preload = format!("LD_PRELOAD={}", library.trim());
        let offset = format!("FAKETIME_TIMESTAMP_FILE={OFFSET}");
        let settings = ["FAKETIME_NO_CACHE=1", "FAKETIME_DONT_FAKE_MONOTONIC=1", "NO_FAKE_STAT=1"];
        let command = [&["setsid", "-f", "env", &preload, &offset][..], &settings, &["mfad"]].concat();
        self.0.exec_as("mfad", &command).stdout_of_success();
        self.0.mfad().wait_serving();
    }
}
