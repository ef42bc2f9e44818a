//! `mfactl pam rollback`: what is on trial is put back, by a person, a timer or a boot.

use std::time::Duration;

use super::trial::say;
use super::undo::undo_while_on;
use super::{arm, record};
use crate::exit::Exit;
use crate::failure::Failure;

/// Puts it back, after so many seconds; with `armed`, that trial and no other.
pub(super) fn rollback(armed: Option<&str>, after: u64) -> Result<Exit, Failure> {
    if after > 0 {
        if let Some(id) = armed {
            arm::stand_by(id).map_err(|error| Failure::File(record::ARMED.into(), error))?;
        }
        std::thread::sleep(Duration::from_secs(after));
    }
    let trial = record::trial()?.filter(|trial| armed.is_none_or(|id| id == trial.id));
    let Some(trial) = trial else {
        if armed.is_none() {
            say("nothing is on trial")?;
        }
        return Ok(Exit::Done);
    };
    for line in undo_while_on(&trial)? {
        let _ = say(&line); // nobody may be listening
    }
    Ok(Exit::Done)
}
