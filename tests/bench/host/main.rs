//! `pam_host`: a small PAM host, to be run inside a disposable machine.
//!
//! It does what sshd, sudo or a screen locker do around a login, and nothing else, so that what a stack
//! answers, what it costs and what it leaves behind can be read from one line of JSON on standard output.
//! Exit code: 0 all logins granted, 1 one was not, 2 usage, 3 the state of the host changed (`state`).
//!
//! Start-up is lean on purpose (no argument crate, no thread): the bench starts one process a login.
#![forbid(unsafe_code)]
#![allow(
    clippy::disallowed_methods,
    reason = "codes are of the real time, and what a login takes is measured"
)]

mod answer;
mod args;
mod fork;
mod hostile;
mod login;
mod state;

use std::collections::BTreeMap;
use std::io::Write;
use std::process::ExitCode;

use serde_json::{Value, json};

use args::{Args, Verb};
use login::Record;
use mfa_tests::libpam::Code;

fn main() -> ExitCode {
    let args = match Args::parse(std::env::args().skip(1)) {
        Ok(args) => args,
        Err(message) => {
            eprintln!("pam_host: {message}\n{}", args::USAGE);
            return ExitCode::from(2);
        }
    };
    if let Err(error) = hostile::become_other(&args) {
        eprintln!("pam_host: {error}");
        return ExitCode::from(2);
    }
    match run(&args) {
        Ok(code) => code,
        Err(message) => {
            eprintln!("pam_host: {message}");
            ExitCode::from(2)
        }
    }
}

fn run(args: &Args) -> Result<ExitCode, String> {
    let visitors = args.visitors()?;
    let mut output = hostile::apply_for_good(&args.hostile)?;
    let mut visits = visitors.iter().cycle().take(args.count);
    let (report, code) = match args.verb {
        Verb::Login => {
            let record = login::once(args, &visitors[0]);
            let code = granted(record.granted());
            (record.to_json(), code)
        }
        Verb::Loop => {
            let mut many = Many::of(args.count);
            visits.for_each(|visitor| many.take(login::once(args, visitor)));
            let code = granted(many.granted());
            (many.to_json(), code)
        }
        Verb::Fork => {
            let children = fork::all(args, visits).map_err(|error| error.to_string())?;
            (children.to_json(), granted(children.granted()))
        }
        Verb::State => {
            let mut many = Many::of(args.count);
            let before = state::Snapshot::take();
            let mut log_in = |count| {
                visits.by_ref().take(count).for_each(|visitor| many.take(login::once(args, visitor)));
            };
            log_in(1);
            let warm = state::Snapshot::take();
            let mut quarters = [state::anonymous_kib(); 5];
            for quarter in &mut quarters[1..] {
                log_in(args.count / 4);
                *quarter = state::anonymous_kib();
            }
            log_in(args.count);
            let after = state::Snapshot::take();
            let changes = before.changes(&after);
            let code = if changes.is_empty() { granted(many.granted()) } else { ExitCode::from(3) };
            let mut report = many.to_json();
            report["changes"] = json!(changes);
            report["changes_after_first"] = json!(warm.changes(&after));
            report["memory"] = json!({"before": before.memory(), "after_first": warm.memory(), "quarters_kib": quarters, "after": after.memory()});
            report["libraries_left"] = json!(before.libraries_added(&after));
            (report, code)
        }
    };
    // In one write: the report may go to a pipe of a process that is timed from outside.
    let line = format!("{report}\n");
    output.write_all(line.as_bytes()).map_err(|error| format!("cannot write the report: {error}"))?;
    Ok(code)
}

fn granted(all: bool) -> ExitCode {
    ExitCode::from(u8::from(!all))
}

/// What many logins came to: how often each result came, every time, and the first login in full. The room for it is
/// taken at the beginning, so that it is no growth of the host's.
struct Many {
    results: BTreeMap<&'static str, usize>,
    total_ns: Vec<u64>,
    first: Option<Record>,
    first_not_granted: Option<Record>,
}

impl Many {
    fn of(count: usize) -> Self {
        let mut total_ns = vec![1; count]; // touched
        total_ns.clear();
        Self { results: BTreeMap::new(), total_ns, first: None, first_not_granted: None }
    }

    fn take(&mut self, record: Record) {
        *self.results.entry(record.result().name()).or_default() += 1;
        self.total_ns.push(record.total_ns);
        if self.first.is_none() {
            self.first = Some(record);
        } else if self.first_not_granted.is_none() && !record.granted() {
            self.first_not_granted = Some(record);
        }
    }

    fn granted(&self) -> bool {
        self.results.keys().all(|result| *result == Code::SUCCESS.name())
    }

    fn to_json(&self) -> Value {
        let first = self.first.as_ref();
        let not_granted = first.filter(|record| !record.granted()).or(self.first_not_granted.as_ref());
        json!({
            "logins": self.total_ns.len(),
            "results": self.results,
            "total_ns": self.total_ns,
            "first": first.map(Record::to_json),
            "first_not_granted": not_granted.map(Record::to_json),
        })
    }
}
