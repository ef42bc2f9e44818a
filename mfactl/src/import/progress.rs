//! How far a long run is, for somebody who sits there.

use std::io::{self, IsTerminal, Write};

/// How many characters the bar has.
const WIDTH: usize = 30;

/// A bar on standard error; on nothing but a terminal, and for no run of one.
pub(crate) struct Progress {
    what: &'static str,
    done: usize,
    of: usize,
    shown: bool,
}

impl Progress {
    /// A run over `of` things.
    pub(crate) fn over(of: usize, what: &'static str) -> Self {
        Self { what, done: 0, of, shown: of > 1 && io::stderr().is_terminal() }
    }

    /// One more is done.
    pub(crate) fn step(&mut self) {
        self.done += 1;
        // Each hundredth is news enough.
        if self.shown && (self.done * 100 / self.of != (self.done - 1) * 100 / self.of) {
            Self::write(&format!("\r\x1b[K{}", bar(self.what, self.done, self.of)));
        }
    }

    /// Makes room for a line of something else.
    pub(crate) fn clear(&self) {
        if self.shown {
            Self::write("\r\x1b[K");
        }
    }

    fn write(text: &str) {
        let mut stderr = io::stderr();
        // A terminal that is gone misses nothing.
        let _ = stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush());
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.clear();
    }
}

fn bar(what: &str, done: usize, of: usize) -> String {
    let full = WIDTH * done.min(of) / of.max(1);
    format!("{what} [{}{}] {done}/{of}", "#".repeat(full), ".".repeat(WIDTH - full))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_fills_up() {
        assert_eq!(bar("Reading", 0, 2), format!("Reading [{}] 0/2", ".".repeat(30)));
        assert_eq!(bar("Reading", 1, 2), format!("Reading [{}{}] 1/2", "#".repeat(15), ".".repeat(15)));
        assert_eq!(bar("Reading", 2, 2), format!("Reading [{}] 2/2", "#".repeat(30)));
    }
}
