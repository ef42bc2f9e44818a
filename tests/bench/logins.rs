//! Inside a machine: logins by `pam_host`, in fresh processes, in one, and many at once.
//!
//! A fresh process is a forked child of a process that never used PAM, as in sshd, where the child that
//! asks for codes loads all modules anew. What is compared is the time that it measures itself, from before
//! `pam_start` to after `pam_end`; the time from fork to end is kept beside it. Many at once are compared by
//! the time of all of them, forks included.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::people::Town;
use crate::protocol::{Left, Sample, Scene};
use crate::stack::Stack;

/// Starts logins of one machine's people.
pub(crate) struct Logins {
    town: Town,
    /// `pam_host`, which lies beside this program.
    host: PathBuf,
    /// Where lists of users for `pam_host` are written.
    state: PathBuf,
}

impl Logins {
    pub(crate) fn new(scene: &Scene) -> io::Result<Self> {
        Ok(Self {
            town: scene.town,
            host: std::env::current_exe()?.with_file_name("pam_host"),
            state: PathBuf::from(&scene.state),
        })
    }

    pub(crate) fn town(&self) -> Town {
        self.town
    }

    /// A forked child a login, `at_once` of them at a time; with the time that all of them took.
    pub(crate) fn forked(
        &self,
        stack: Stack,
        first: u32,
        count: u32,
        at_once: u32,
    ) -> Result<(Vec<Sample>, u64), String> {
        let report = self.many("fork", stack, first, count, at_once)?;
        let list = |name: &str| report[name].as_array().ok_or(format!("no {name} in the report"));
        let columns = list("total_ns")?.iter().zip(list("around_ns")?).zip(list("results")?);
        let samples = (first..).zip(columns).map(|(person, ((inside, around), result))| Sample {
            person,
            inside_ns: inside.as_u64().unwrap_or(0),
            around_ns: around.as_u64().unwrap_or(0),
            result: result.as_str().unwrap_or("PAM_?").to_owned(),
        });
        Ok((samples.collect(), report["all_ns"].as_u64().unwrap_or(0)))
    }

    /// All in one process.
    pub(crate) fn one_process(&self, stack: Stack, first: u32, count: u32) -> Result<Vec<Sample>, String> {
        let report = self.many("loop", stack, first, count, 1)?;
        let times = report["total_ns"].as_array().ok_or("no times in the report")?;
        let granted = report["results"]["PAM_SUCCESS"].as_u64().unwrap_or(0);
        let all = granted == u64::from(count);
        let odd = report["first_not_granted"]["result"].as_str().unwrap_or("PAM_?");
        let result = if all { "PAM_SUCCESS" } else { odd };
        Ok((first..)
            .zip(times)
            .map(|(person, time)| Sample {
                person,
                inside_ns: time.as_u64().unwrap_or(0),
                around_ns: 0,
                result: result.to_owned(),
            })
            .collect())
    }

    /// What a process has more after its logins than before them.
    pub(crate) fn left(&self, stack: Stack, first: u32, count: u32) -> Result<Left, String> {
        let report = self.many("state", stack, first, count, 1)?;
        let changes = report["changes"].as_array().ok_or("no changes in the report")?;
        let whats = || changes.iter().filter_map(|change| change["what"].as_str());
        let of = |kind: &str| u32::try_from(whats().filter(|what| what.starts_with(kind)).count());
        let anonymous = |moment: &str| report["memory"][moment]["anonymous_kib"].as_i64().unwrap_or(0);
        let libraries = report["libraries_left"].as_array().into_iter().flatten();
        Ok(Left {
            logins: count,
            threads: of("thread ").map_err(|error| error.to_string())?,
            descriptors: of("descriptor ").map_err(|error| error.to_string())?,
            others: whats()
                .filter(|what| !what.starts_with("thread ") && !what.starts_with("descriptor "))
                .map(str::to_owned)
                .collect(),
            libraries: libraries.filter_map(|name| name.as_str().map(str::to_owned)).collect(),
            growth_kib: anonymous("after") - anonymous("after_first"),
        })
    }

    /// Runs `pam_host` for these people, each from an address of their own.
    fn many(&self, verb: &str, stack: Stack, first: u32, count: u32, at_once: u32) -> Result<Value, String> {
        let mut list = String::new();
        for person in self.town.people(first, count) {
            let _ = writeln!(list, "{} {} {}", person.name, person.secret_base32(), person.address);
        }
        let file = self.state.join("visitors");
        fs::write(&file, list).map_err(|error| format!("{}: {error}", file.display()))?;
        let output = Command::new(&self.host)
            .args([verb, stack.service(), "-", &count.to_string(), "--as", "sshd"])
            .args(["--at-once", &at_once.to_string(), "--users"])
            .arg(&file)
            .stdin(Stdio::null())
            .output()
            .map_err(|error| format!("starting pam_host: {error}"))?;
        parse(&output)
    }
}

fn parse(output: &Output) -> Result<Value, String> {
    serde_json::from_slice(&output.stdout).map_err(|_| {
        format!("pam_host ended with {} and said: {}", output.status, String::from_utf8_lossy(&output.stderr))
    })
}
