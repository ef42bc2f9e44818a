//! `mfactl import`: factors of other systems, for root.
//!
//! ```text
//!  who ──▶ read, as the owner ──▶ understood ──▶ mfad asked ──▶ row
//!              │ link, FIFO, …        │ broken                   ▲
//!              └──────────────────────┴──────────────────────────┘  before mfad is asked at all
//! ```
//!
//! All files are read before the first call, so a file that cannot be used is known whether mfad answers
//! or not, and a dry run without mfad still tells what would come over.

mod args;
mod ask;
mod gather;
mod google;
mod oath;
mod open;
mod outcome;
mod people;
mod place;
mod progress;
pub(crate) mod reader;
mod report;
mod token;
mod unread;

use std::io::Write;

use nix::unistd::geteuid;

pub(crate) use self::args::Import;
use self::args::{Google, How, Oath};
use self::ask::Asking;
use self::gather::Candidate;
use self::progress::Progress;
use self::report::{HEAD, Row, Tally};
use crate::acting::Acting;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::print::Out;

/// Does what `verb` asks.
pub(crate) async fn import(verb: Import) -> Result<Exit, Failure> {
    match verb {
        _ if !geteuid().is_root() => Err(Failure::RootOnly),
        Import::GoogleAuthenticator(asked) => from_google(asked).await,
        Import::Oath(asked) => from_oath(asked).await,
    }
}

async fn from_google(asked: Google) -> Result<Exit, Failure> {
    let owner = gather::google_owner(&asked)?;
    let users = gather::google_users(&asked)?;
    let mut telling = Telling::begin(asked.how)?;
    let mut progress = Progress::over(users.len(), "Reading");
    let mut ready = Vec::new();
    for user in users {
        let found = match user {
            Ok(person) => gather::google_file(person, &asked.file, owner),
            Err(missing) => missing,
        };
        telling.sort(found, &mut ready, &progress)?;
        progress.step();
    }
    drop(progress);
    telling.ask(ready).await?;
    let left = telling.tally.files_left(asked.owner.as_deref());
    telling.end(&left, !asked.whom.all)
}

async fn from_oath(asked: Oath) -> Result<Exit, Failure> {
    let users = gather::oath_users(&asked)?;
    let mut telling = Telling::begin(asked.how)?;
    let progress = Progress::over(0, "Reading");
    let mut ready = Vec::new();
    for found in users {
        telling.sort(found, &mut ready, &progress)?;
    }
    telling.ask(ready).await?;
    let left = telling.tally.lines_left(&asked.file);
    telling.end(&left, !asked.whom.all)
}

/// A run, told as it goes.
struct Telling {
    how: How,
    out: Out,
    tally: Tally,
    stopped: Option<Failure>,
}

impl Telling {
    fn begin(how: How) -> Result<Self, Failure> {
        let mut out = Out::stdout()?;
        if !how.shape.json {
            out.line(HEAD)?;
        }
        Ok(Self { how, out, tally: Tally::default(), stopped: None })
    }

    /// Tells at once of whoever has nothing that mfad could be asked for.
    fn sort(
        &mut self,
        found: Candidate,
        ready: &mut Vec<Candidate>,
        progress: &Progress,
    ) -> Result<(), Failure> {
        if found.tokens.iter().any(Result::is_ok) {
            ready.push(found);
            return Ok(());
        }
        self.row(&Row::unasked(found, &self.how), progress)
    }

    /// Asks mfad for all the others, until it fails.
    async fn ask(&mut self, ready: Vec<Candidate>) -> Result<(), Failure> {
        if ready.is_empty() {
            return Ok(());
        }
        self.out.flush()?;
        let mut asking = Asking::begin(Acting::of(self.how.authority.clone())).await;
        let mut progress = Progress::over(ready.len(), if self.how.dry_run { "Asking" } else { "Importing" });
        for found in ready {
            let row = asking.row(found, &self.how).await;
            self.row(&row, &progress)?;
            progress.step();
        }
        self.stopped = asking.stopped;
        Ok(())
    }

    fn row(&mut self, row: &Row, progress: &Progress) -> Result<(), Failure> {
        progress.clear();
        self.tally.add(row);
        if self.how.shape.json {
            self.out.json(&row.view(self.how.dry_run))?;
        } else {
            for line in row.lines(self.how.dry_run) {
                self.out.line(&line)?;
            }
        }
        Ok(self.out.flush()?)
    }

    /// The last lines. What stopped mfad's answers stops the run, but for a dry run, which has told what
    /// it could.
    fn end(mut self, left: &[String], named: bool) -> Result<Exit, Failure> {
        let dry_run = self.how.dry_run;
        if !self.how.shape.json {
            self.out.line("")?;
            self.out.line(&self.tally.summary(dry_run))?;
            if dry_run {
                self.out.line("Nothing was changed.")?;
            } else {
                for line in left {
                    self.out.line(line)?;
                }
            }
        }
        self.out.flush()?;
        match self.stopped {
            Some(failure) if dry_run => {
                let said = format!("mfactl: what mfad knows already could not be told apart: {failure}");
                let _ = writeln!(std::io::stderr(), "{said}"); // the rows say it, too
                Ok(self.tally.exit(dry_run, named))
            }
            Some(failure) => Err(failure),
            None => Ok(self.tally.exit(dry_run, named)),
        }
    }
}
