//! The log: systemd's journal with fields where it runs, else syslog's `authpriv`, through a bounded
//! queue. A reader that stalls or is gone delays nobody's login: what does not fit is dropped and
//! counted, and the count is told.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    thread,
};

use syslog::{Facility, Formatter3164, Logger, LoggerBackend};

use super::{
    entry::Entry,
    journal::{self, Journal},
    kind::{Level, Notice},
};
use crate::{audit::Record, store::Sink};

/// Entries that wait.
const QUEUE: usize = 1024;

/// Takes entries; never blocks. Cheap to clone.
#[derive(Clone)]
pub struct Log {
    queue: mpsc::SyncSender<Entry>,
    lost: Arc<AtomicU64>,
}

impl Log {
    /// Starts the thread that writes. The socket is opened, and opened again, by it.
    pub fn start() -> std::io::Result<Self> {
        let (queue, entries) = mpsc::sync_channel(QUEUE);
        let lost = Arc::new(AtomicU64::new(0));
        let told = Arc::clone(&lost);
        thread::Builder::new().name("log".into()).spawn(move || write(&entries, &told))?;
        Ok(Self { queue, lost })
    }

    /// What the daemon says of itself.
    pub fn tell(&self, notice: Notice, text: &str) {
        self.put(Entry::of_notice(notice, text));
    }

    /// Tells of audit records.
    pub fn sink(&self) -> Sink {
        let log = self.clone();
        Arc::new(move |record: &Record| log.put(Entry::of_record(record)))
    }

    fn put(&self, entry: Entry) {
        if self.queue.try_send(entry).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Says one thing to the log before the process ends, which waits for nothing else.
pub fn last_words(text: &str) {
    if let Some(mut reader) = Reader::find() {
        let _ = reader.take(&Entry::of_notice(Notice::DoesNotServe, text)); // it is on the error stream too
    }
}

fn write(entries: &mpsc::Receiver<Entry>, lost: &AtomicU64) {
    let mut reader = None;
    while let Ok(entry) = entries.recv() {
        deliver(&mut reader, &entry);
        match lost.swap(0, Ordering::Relaxed) {
            0 => {}
            n => {
                let text = format!("{n} lines were lost: the log did not take them in time");
                deliver(&mut reader, &Entry::of_notice(Notice::LinesLost, &text));
            }
        }
    }
}

/// Writes one entry, to the error stream where there is neither journal nor syslog: a container has none.
fn deliver(reader: &mut Option<Reader>, entry: &Entry) {
    for _ in 0..2 {
        if reader.is_none() {
            *reader = Reader::find();
        }
        let Some(open) = reader else { break };
        if open.take(entry).is_ok() {
            return;
        }
        *reader = None; // it was restarted: it has another socket now
    }
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr(), "mfad: {}", entry.text);
}

/// Who reads the log on this host.
enum Reader {
    Journal(Journal),
    Syslog(Box<Logger<LoggerBackend, Formatter3164>>),
}

impl Reader {
    fn find() -> Option<Self> {
        if let Ok(journal) = Journal::open(Path::new(journal::SOCKET)) {
            return Some(Self::Journal(journal));
        }
        let (facility, process) = (Facility::LOG_AUTHPRIV, "mfad".to_owned());
        let format = Formatter3164 { facility, hostname: None, process, pid: std::process::id() };
        syslog::unix(format).ok().map(|logger| Self::Syslog(Box::new(logger)))
    }

    /// Gives it one entry; an error where it is gone, or takes none in time.
    fn take(&mut self, entry: &Entry) -> Result<(), ()> {
        match self {
            Self::Journal(journal) => journal.write(entry).map_err(drop),
            Self::Syslog(logger) => {
                let text = &entry.text;
                let sent = match entry.level {
                    Level::Info => logger.info(text),
                    Level::Warning => logger.warning(text),
                    Level::Alert => logger.alert(text),
                };
                sent.map_err(drop)
            }
        }
    }
}
