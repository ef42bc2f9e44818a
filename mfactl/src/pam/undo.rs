//! Puts the stack back: whole, where nobody else has written to it; else our lines only.

use std::path::Path;

use super::arm;
use super::block::without_blocks;
use super::gate::OURS;
use super::place::without_us;
use super::plan::is_of_sshd;
use super::record::{self, Saved, Trial};
use super::sshd;
use crate::failure::Failure;

/// Undoes a trial of one's own that cannot be kept; what was done, for people. What fails is told and the rest
/// is done all the same.
pub(crate) fn undo(trial: &Trial) -> Result<Vec<String>, Failure> {
    // Whoever holds the lock for so long will not write any more, and the stack has to go back.
    let _alone = record::lock();
    put_back(trial)
}

/// Undoes somebody's trial, unless it was kept meanwhile, or put back.
pub(crate) fn undo_while_on(trial: &Trial) -> Result<Vec<String>, Failure> {
    let _alone = record::lock();
    let is_on = record::trial()?.is_some_and(|on| on.id == trial.id);
    if is_on { put_back(trial) } else { Ok(Vec::new()) }
}

fn put_back(trial: &Trial) -> Result<Vec<String>, Failure> {
    let mut told = Vec::new();
    let mut failed = false;
    // In the opposite order: sshd goes back to its old methods before the stack asks nobody any more.
    for saved in trial.saved.iter().rev() {
        match back(saved) {
            Ok(what) => told.push(format!("{}: {what}", saved.file.display())),
            Err(error) => {
                failed = true;
                told.push(format!("{}: NOT put back: {error}", saved.file.display()));
            }
        }
    }
    if let Some(Err(why)) = trial.sshd.as_deref().map(sshd::reload) {
        told.push(format!("sshd has not read its settings again: {why}"));
    }
    if failed {
        // The record stays, for another try.
        return Err(Failure::GivenUp(told.join("\n")));
    }
    record::end()?;
    arm::disarm(&trial.id);
    Ok(told)
}

fn back(saved: &Saved) -> std::io::Result<&'static str> {
    record::clear(&saved.file);
    if saved.is_as_before() {
        return Ok("is as it was");
    }
    if saved.is_as_left() {
        saved.restore()?;
        return Ok("put back as it was");
    }
    if take_out(&saved.file)? {
        Ok("somebody else has changed it since: only the lines of mfactl were taken out")
    } else {
        Ok("somebody else has changed it since, and no line of mfactl is in it")
    }
}

/// Takes our lines out of a file, and nothing else; whether there were any.
pub(crate) fn take_out(file: &Path) -> std::io::Result<bool> {
    let text = match std::fs::read(file) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
        read => read?,
    };
    if file == Path::new(OURS) {
        record::remove(file)?;
        return Ok(true);
    }
    // Byte for byte, whatever the rest of the file is written in.
    let text: String = text.into_iter().map(char::from).collect();
    let bare = if is_of_sshd(file) {
        let bare = without_blocks(&text);
        (bare != text).then_some(bare)
    } else {
        without_us(&text)
    };
    let Some(bare) = bare else { return Ok(false) };
    let bare: Vec<u8> = bare.chars().filter_map(|c| u8::try_from(c).ok()).collect();
    // Somebody may have made a link of it.
    record::replace(&std::fs::canonicalize(file)?, &bare, record::mode_of(file))?;
    Ok(true)
}
