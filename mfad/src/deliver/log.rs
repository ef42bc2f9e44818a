//! The log: syslog's `authpriv`, through a bounded queue. A reader that stalls or is gone delays
//! nobody's login: what does not fit is dropped and counted, and the count is told.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use mfa_proto::identity::escaped;
use syslog::{Facility, Formatter3164, Logger, LoggerBackend};

use crate::{audit::Record, store::Sink};

/// Lines that wait.
const QUEUE: usize = 1024;
/// How long to leave a log alone that does not take lines.
const REST: Duration = Duration::from_secs(1);

/// How loud a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Level {
    Info,
    Warning,
    Alert,
}

struct Line {
    level: Level,
    text: String,
}

/// Takes lines; never blocks. Cheap to clone.
#[derive(Clone)]
pub struct Log {
    queue: mpsc::SyncSender<Line>,
    lost: Arc<AtomicU64>,
}

impl Log {
    /// Starts the thread that writes. The socket is opened, and opened again, by it.
    pub fn start() -> std::io::Result<Self> {
        let (queue, lines) = mpsc::sync_channel(QUEUE);
        let lost = Arc::new(AtomicU64::new(0));
        let told = Arc::clone(&lost);
        thread::Builder::new().name("log".into()).spawn(move || write(&lines, &told))?;
        Ok(Self { queue, lost })
    }

    /// What an operator should know, as far as it goes.
    pub fn info(&self, text: &str) {
        self.put(Level::Info, escaped(text.as_bytes()));
    }

    /// What is wrong.
    pub fn warning(&self, text: &str) {
        self.put(Level::Warning, escaped(text.as_bytes()));
    }

    /// What somebody must look at.
    pub fn alert(&self, text: &str) {
        self.put(Level::Alert, escaped(text.as_bytes()));
    }

    /// Tells of audit records.
    pub fn sink(&self) -> Sink {
        let log = self.clone();
        Arc::new(move |record: &Record| {
            let level = if record.event.alarms() { Level::Alert } else { Level::Info };
            log.put(level, record.to_string()); // escaped by its Display
        })
    }

    fn put(&self, level: Level, text: String) {
        if self.queue.try_send(Line { level, text }).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Says one thing to the log before the process ends, which waits for nothing else.
pub fn last_words(text: &str) {
    if let Some(mut logger) = connect() {
        let _ = logger.alert(escaped(text.as_bytes())); // it is on the error stream too
    }
}

fn write(lines: &mpsc::Receiver<Line>, lost: &AtomicU64) {
    let mut logger = None;
    while let Ok(line) = lines.recv() {
        deliver(&mut logger, &line);
        match lost.swap(0, Ordering::Relaxed) {
            0 => {}
            n => {
                let text = format!("{n} lines were lost: the log did not take them in time");
                deliver(&mut logger, &Line { level: Level::Warning, text });
            }
        }
    }
}

/// Writes one line, to the error stream where there is no syslog: a container has none.
fn deliver(logger: &mut Option<Logger<LoggerBackend, Formatter3164>>, line: &Line) {
    for _ in 0..2 {
        if logger.is_none() {
            *logger = connect();
        }
        let Some(open) = logger else { break };
        let sent = match line.level {
            Level::Info => open.info(&line.text),
            Level::Warning => open.warning(&line.text),
            Level::Alert => open.alert(&line.text),
        };
        if sent.is_ok() {
            return;
        }
        *logger = None; // the log was restarted: it has another socket now
    }
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr(), "mfad: {}", line.text);
    thread::sleep(if logger.is_none() { Duration::ZERO } else { REST });
}

fn connect() -> Option<Logger<LoggerBackend, Formatter3164>> {
    let (facility, process) = (Facility::LOG_AUTHPRIV, "mfad".to_owned());
    syslog::unix(Formatter3164 { facility, hostname: None, process, pid: std::process::id() }).ok()
}
