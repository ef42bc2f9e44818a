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
            let records: Vec<Record> = visits.map(|visitor| login::once(args, visitor)).collect();
            let code = granted(records.iter().all(Record::granted));
            (many(&records), code)
        }
        Verb::Fork => {
            let children = fork::all(args, visits).map_err(|error| error.to_string())?;
            (children.to_json(), granted(children.granted()))
        }
        Verb::State => {
            let before = state::Snapshot::take();
            let mut records = Vec::with_capacity(args.count);
            records.extend(visits.next().map(|visitor| login::once(args, visitor)));
            let warm = state::Snapshot::take();
            records.extend(visits.map(|visitor| login::once(args, visitor)));
            let after = state::Snapshot::take();
            let changes = before.changes(&after);
            let code = if changes.is_empty() {
                granted(records.iter().all(Record::granted))
            } else {
                ExitCode::from(3)
            };
            let mut report = many(&records);
            report["changes"] = json!(changes);
            report["changes_after_first"] = json!(warm.changes(&after));
            report["memory"] =
                json!({"before": before.memory(), "after_first": warm.memory(), "after": after.memory()});
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

/// The report of many logins: how often each result came, every time, and the first login in full.
fn many(records: &[Record]) -> Value {
    let mut results: BTreeMap<&str, usize> = BTreeMap::new();
    for record in records {
        *results.entry(record.result().name()).or_default() += 1;
    }
    let times: Vec<u64> = records.iter().map(|record| record.total_ns).collect();
    json!({
        "logins": records.len(),
        "results": results,
        "total_ns": times,
        "first": records.first().map(Record::to_json),
        "first_not_granted": records.iter().find(|record| !record.granted()).map(Record::to_json),
    })
}
