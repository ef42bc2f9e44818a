//! What leaves on standard output.

pub(crate) mod csv;
pub(crate) mod escape;
pub(crate) mod json;
#[cfg(test)]
pub(crate) mod schema;
pub(crate) mod time;

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;

use serde::Serialize;
use zeroize::Zeroizing;

use crate::cli::Shape;

/// The whole answer of a verb: `view` in JSON, or `words` for people.
pub(crate) fn answer(shape: Shape, view: &impl Serialize, words: &str) -> io::Result<()> {
    let mut out = Out::stdout()?;
    if shape.json {
        out.json(view)?;
    } else {
        out.line(words)?;
    }
    out.flush()
}

/// How much is gathered before a list is written.
const CHUNK: usize = 16 * 1024;

/// Standard output without a buffer behind our back: what is gathered here is wiped. A reader
/// that goes away is an error to the caller, never a panic.
pub(crate) struct Out {
    file: File,
    gathered: Zeroizing<Vec<u8>>,
}

impl Out {
    /// Takes standard output.
    pub(crate) fn stdout() -> io::Result<Self> {
        let file = File::from(io::stdout().as_fd().try_clone_to_owned()?);
        Ok(Self { file, gathered: Zeroizing::new(Vec::with_capacity(2 * CHUNK)) })
    }

    /// One line of text.
    pub(crate) fn line(&mut self, text: &str) -> io::Result<()> {
        self.room_for(text.len() + 1)?;
        self.gathered.extend_from_slice(text.as_bytes());
        self.gathered.push(b'\n');
        Ok(())
    }

    /// One line of comma-separated values.
    pub(crate) fn csv(&mut self, cells: &[String]) -> io::Result<()> {
        self.line(&(csv::line(cells) + csv::END))
    }

    /// One JSON object on a line of its own.
    pub(crate) fn json(&mut self, value: &impl Serialize) -> io::Result<()> {
        self.room_for(CHUNK)?;
        serde_json::to_writer(&mut *self.gathered, value)?;
        self.gathered.push(b'\n');
        Ok(())
    }

    /// Everything so far is written.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        let written = self.file.write_all(&self.gathered);
        zeroize::Zeroize::zeroize(&mut self.gathered[..]);
        self.gathered.clear();
        written
    }

    /// Writes what is gathered when `more` bytes would make the buffer move, and leave a copy.
    fn room_for(&mut self, more: usize) -> io::Result<()> {
        if self.gathered.len() + more > self.gathered.capacity() { self.flush() } else { Ok(()) }
    }
}
