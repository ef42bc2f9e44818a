//! Where our lines go in a service's file: the first place that is proved to protect.
//!
//! Tried in turn: right after the line that brings the first factor, after the last line of the auth
//! phase, and the same with an `include` made a `substack`, since what follows an included
//! `sufficient` never runs. A place that cannot claim an attested first factor comes after those that can.
//! Whatever is not proved is refused, with the line to place by hand.

mod cut;
mod draft;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use self::draft::Draft;
use super::block::{made_way, without_blocks};
use super::line::{Facility, parse};
use super::proof::{Proof, prove};
use super::stack::Files;
use super::unplaced::Unplaced;
use super::walk::{OURS, asks_for_factor};

/// The folder of an administrator's PAM files.
const FOLDER: &str = "/etc/pam.d";

/// What comes before the code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum First {
    /// An SSH key.
    Key,
    /// A password.
    Password,
    /// An SSH key where one was shown, else a password.
    Either,
}

/// Modules that ask for a code as ours does, and may make way for it.
pub(crate) const PEERS: [&str; 2] = ["pam_google_authenticator", "pam_oath"];

/// What a service's file is to have.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted<'a> {
    /// What comes before the code.
    pub(crate) first: First,
    /// Which other module makes way; none: the one that has, if any.
    pub(crate) replace: Option<&'a str>,
    /// Who needs no module of ours in the account phase.
    pub(crate) glass: Glass,
}

/// Whom our account lines let go on whatever becomes of the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Glass {
    /// Nobody.
    Whole,
    /// Root, who comes in by key alone: sshd asks no auth line then, and the account lines all the same.
    RootsKey,
}

/// A file as it is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    /// Which.
    pub(crate) file: PathBuf,
    /// What it holds now; none: it is not there.
    pub(crate) before: Option<Vec<u8>>,
    /// What it will hold; none: it goes.
    pub(crate) after: Option<Vec<u8>>,
}

/// A service that is protected, and what that takes; no change where it is so already.
#[derive(Debug)]
pub(crate) struct Placed {
    /// The file, if it has to change.
    pub(crate) change: Option<Change>,
    /// What was proved.
    pub(crate) proof: Proof,
}

/// Finds the place in one service's file.
pub(crate) fn place(files: &Files, service: &str, wanted: Wanted<'_>) -> Result<Placed, Unplaced> {
    let unread = |error: std::io::Error| Unplaced::Unread(error.to_string());
    let Some((found, text)) = files.of_service(service).map_err(unread)? else {
        return Err(Unplaced::NoFile);
    };
    let file = Path::new(FOLDER).join(service);
    let before = if found == file { Some(text.clone()) } else { None };
    let Ok(now) = String::from_utf8(text) else { return Err(Unplaced::Unread("it is no text".into())) };
    let text = without_blocks(&now);
    if let Some(ours) = parse(text.as_bytes()).iter().find(|line| line.module() == Some(OURS)) {
        return match prove(files, service) {
            Ok(proof) => Ok(Placed { change: None, proof }),
            Err(flaws) => Err(Unplaced::ByHand(ours.number, flaws)),
        };
    }
    // Where it includes a service that asks already, as su-l does, there is nothing to add.
    let bare = files.clone().with(&file, Some(text.clone().into_bytes()));
    if let Ok(proof) = prove(&bare, service) {
        let change = (text != now).then(|| Change { file, before, after: Some(text.into_bytes()) });
        return Ok(Placed { change, proof });
    }
    if let Some(target) = files.link(&file) {
        return Err(Unplaced::Link(target));
    }
    let wanted = Wanted { replace: wanted.replace.or_else(|| replaced(&now)), ..wanted };
    let draft = Draft { files: &bare, service, file: &file, text: &text, wanted };
    let (after, proof) = draft.best()?;
    let change =
        (after != now || before.is_none()).then(|| Change { file, before, after: Some(after.into_bytes()) });
    Ok(Placed { change, proof })
}

/// Which module has made way for ours: it does not come back because the same is put in place again.
fn replaced(now: &str) -> Option<&'static str> {
    let was = made_way(now);
    let was = parse(was.as_bytes());
    PEERS.into_iter().find(|peer| was.iter().any(|line| line.module() == Some(peer)))
}

/// Account lines by which root goes on whatever ours answers, the module that is gone included: they stand before the
/// one for everybody. What a login of root's proves is settled all the same.
pub(crate) const ROOTS: [&str; 2] = [
    "account  [success=ignore default=1]   pam_succeed_if.so quiet user = root",
    "account  [default=1]   pam_mfa.so",
];

/// Our lines of the account phase.
fn account_lines(glass: Glass) -> Vec<String> {
    let roots = if glass == Glass::RootsKey { &ROOTS[..] } else { &[] };
    let everybodys = "account  required   pam_mfa.so";
    roots.iter().chain([&everybodys]).map(ToString::to_string).collect()
}

/// The file without any line of ours, those placed by hand included; none: it has none.
pub(crate) fn without_us(text: &str) -> Option<String> {
    let bare = without_blocks(text);
    let ours: Vec<(usize, usize)> = parse(bare.as_bytes())
        .iter()
        .filter(|line| line.module() == Some(OURS))
        .map(|line| (line.number - 1, line.lines))
        .collect();
    let is_ours = |at: usize| ours.iter().any(|(from, length)| (*from..from + length).contains(&at));
    let kept: String = bare
        .split_inclusive('\n')
        .enumerate()
        .filter(|(at, _)| !is_ours(*at))
        .map(|(_, line)| line)
        .collect();
    (kept != text).then_some(kept)
}

/// Whether a service's own stack asks us.
pub(crate) fn asks_us(files: &Files, service: &str) -> bool {
    files.stack(service, Facility::Auth).is_ok_and(|steps| steps.iter().any(asks_for_factor))
}
