//! Keeps descriptors 0 to 2 out of the way.
//!
//! A host may come with any of them closed, and the next descriptor opened takes the lowest number:
//! a connection to mfad that was number 0 or 2 would be read and written by the host's own
//! conversation, which takes those for the terminal.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;

/// Stands in for those of the descriptors 0 to 2 that were closed, as long as it lives.
pub(crate) struct Occupied {
    #[expect(dead_code, reason = "held for its descriptors, which close when it is dropped")]
    stand_ins: Vec<File>,
}

impl Occupied {
    /// Opens `/dev/null` in their place: it reads as ended and swallows what is written.
    pub(crate) fn low() -> io::Result<Self> {
        let mut stand_ins = Vec::new();
        loop {
            let file = File::options().read(true).write(true).open("/dev/null")?;
            if file.as_raw_fd() > 2 {
                return Ok(Self { stand_ins });
            }
            stand_ins.push(file);
        }
    }
}
