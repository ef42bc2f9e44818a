//! What sshd has to be told, so that its logins come to the stack: a file of ours that it reads first.
//!
//! In sshd's settings the first value wins, `Match` blocks included. So the file says first whom
//! the administrator lets in otherwise, as `Match` blocks of other files have it, and only then what
//! holds for everybody else.

use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use super::block::block;
use super::glass::{self, lets_root_in};
use super::place::{Change, First};
use super::sshd::{Block, CONFIG, Effective, Visitor, begins_with_include_of, blocks, in_network};

/// Our file.
pub(crate) const OURS: &str = "/etc/ssh/sshd_config.d/00-mfad.conf";

/// What sshd is told, and what that comes to.
#[derive(Debug)]
pub(crate) struct Gate {
    /// The files that change.
    pub(crate) changes: Vec<Change>,
    /// Who is let in otherwise: the criteria of the block, where it stands, and by what.
    pub(crate) exceptions: Vec<Block>,
    /// What holds for everybody else.
    pub(crate) methods: &'static str,
    /// The text of our file.
    pub(crate) told: String,
    /// Where the server that runs keeps its process id.
    pub(crate) pid_file: String,
}

impl First {
    /// As `AuthenticationMethods` says it: `sshd_config(5)`.
    pub(crate) const fn methods(self) -> &'static str {
        match self {
            Self::Key => "publickey,keyboard-interactive",
            Self::Password => "keyboard-interactive",
            Self::Either => "publickey,keyboard-interactive keyboard-interactive",
        }
    }
}

impl Gate {
    /// Whether sshd takes what is in place now as it was meant.
    pub(crate) fn holds(&self) -> Result<(), String> {
        check(Path::new(CONFIG), self.methods, &self.exceptions).map(drop)
    }
}

/// What comes first at sshd where nobody says: what it asks for already. Where only keys let in, a password
/// is not let in by us.
pub(crate) fn usual() -> First {
    let Ok(now) = Effective::of(Path::new(CONFIG), &Visitor::anybody()) else { return First::Either };
    let methods = now.methods();
    if let Some(same) =
        [First::Key, First::Password, First::Either].into_iter().find(|first| first.methods() == methods)
    {
        return same;
    }
    let asks = now.is("passwordauthentication") || now.is("kbdinteractiveauthentication");
    let by_key_only =
        methods.split_whitespace().all(|list| list.split(',').any(|method| method == "publickey"));
    if asks && !by_key_only { First::Either } else { First::Key }
}

/// Whom the administrator lets in otherwise.
pub(crate) fn exceptions() -> Result<Vec<Block>, String> {
    Ok(blocks(Path::new(CONFIG), Path::new(OURS))?.into_iter().filter(Block::excepts).collect())
}

/// What sshd is to be told; asked of sshd itself, with a copy of its settings, before anything is written.
pub(crate) fn gate(first: First, glass_from: Option<&str>) -> Result<Gate, String> {
    let main = fs::read_to_string(CONFIG).map_err(|error| format!("{CONFIG}: {error}"))?;
    let written = blocks(Path::new(CONFIG), Path::new(OURS))?;
    for block in &written {
        let methods = block.methods.as_deref().unwrap_or(first.methods());
        if let Some(place) = block.no_prompt.as_ref().filter(|_| methods.contains(PROMPT)) {
            let criteria = &block.criteria;
            return Err(format!(
                "{place}: keyboard-interactive is off for Match {criteria}: nobody could be asked there"
            ));
        }
    }
    let exceptions = exceptions()?;
    let text = ours(first, glass_from, &exceptions);
    let mut changes = Vec::new();
    let before = fs::read(OURS).ok();
    if before.as_deref() != Some(text.as_bytes()) {
        changes.push(Change { file: OURS.into(), before, after: Some(text.clone().into_bytes()) });
    }
    if !begins_with_include_of(&main, Path::new(OURS)) {
        let include = block("mfactl pam remove sshd", &[], &[format!("Include {OURS}")]);
        let after = Some((include + &main).into_bytes());
        if let Ok(target) = fs::read_link(CONFIG) {
            return Err(format!(
                "{CONFIG} is a link to {}, which others may use; let it begin with: Include {OURS}",
                target.display()
            ));
        }
        changes.push(Change { file: CONFIG.into(), before: Some(main.clone().into_bytes()), after });
    }
    let copy = Copy::of(&text, &main)?;
    let anybody = check(&copy.main(), first.methods(), &exceptions)?;
    if let Some(network) = glass_from {
        copy.check_glass(network)?;
    }
    let pid_file = super::sshd::pid_file(&anybody);
    Ok(Gate { changes, exceptions, methods: first.methods(), told: text, pid_file })
}

/// The method that comes to the stack.
const PROMPT: &str = "keyboard-interactive";

/// Whether sshd would do what is wanted with anybody, and with a visitor of each block.
fn check(config: &Path, wanted: &str, exceptions: &[Block]) -> Result<Effective, String> {
    let blocks = blocks(Path::new(CONFIG), Path::new(OURS))?;
    let at = |block: &Block, why: String| format!("{}: Match {}: {why}", block.place, block.criteria);
    // Of all of them first: sshd does not say where the block is that it cannot be asked about.
    let visitors: Result<Vec<Visitor>, String> =
        blocks.iter().map(|block| block.visitor().map_err(|why| at(block, why))).collect();
    for (block, visitor) in blocks.iter().zip(visitors?) {
        check_one(config, &visitor, wanted, exceptions).map_err(|why| at(block, why))?;
    }
    // Nobody whom a block names: no exception is for everybody.
    check_one(config, &Visitor::anybody(), wanted, &[]).map_err(|why| {
        let all = exceptions.iter().find(|block| why.contains(block.methods.as_deref().unwrap_or_default()));
        all.map_or(why.clone(), |block| format!("{}: Match {}: {why}", block.place, block.criteria))
    })
}

fn check_one(
    config: &Path,
    visitor: &Visitor,
    wanted: &str,
    exceptions: &[Block],
) -> Result<Effective, String> {
    let effective = Effective::of(config, visitor)?;
    let methods = effective.methods();
    let excepted = exceptions.iter().any(|block| block.methods.as_deref() == Some(&methods));
    if methods != wanted && !excepted {
        return Err(format!("sshd would take \"{methods}\" there, not \"{wanted}\""));
    }
    for key in ["usepam", "kbdinteractiveauthentication"] {
        if !effective.is(key) && methods.contains(PROMPT) {
            return Err(format!("sshd says {key} {} there: nobody could be asked", effective.value(key)));
        }
    }
    if !effective.is("pubkeyauthentication") && methods == First::Key.methods() {
        return Err("sshd takes no keys there: nobody could come in".to_owned());
    }
    Ok(effective)
}

/// The text of our file.
fn ours(first: First, glass_from: Option<&str>, exceptions: &[Block]) -> String {
    let mut text = String::from(
        "# Of mfad: `mfactl pam remove sshd` takes this file away.\nUsePAM yes\nKbdInteractiveAuthentication yes\n",
    );
    if let Some(network) = glass_from {
        text.push_str(&format!(
            "# The way in that needs no mfad: root by key, from here only.\nMatch {}{network}\n    \
             AuthenticationMethods publickey\n    {} prohibit-password\n",
            glass::WHOM,
            glass::ROOT
        ));
    }
    for block in exceptions {
        let methods = block.methods.as_deref().unwrap_or_default();
        text.push_str(&format!(
            "# As in {}\nMatch {}\n    AuthenticationMethods {methods}\n",
            block.place, block.criteria
        ));
    }
    text.push_str(&format!("Match all\n    AuthenticationMethods {}\n", first.methods()));
    text
}

/// sshd's settings as they would be, in a folder of our own.
struct Copy {
    folder: PathBuf,
}

impl Copy {
    fn of(ours: &str, main: &str) -> Result<Self, String> {
        let folder = PathBuf::from(format!("/run/mfactl-{}", std::process::id()));
        let copy = Self { folder };
        let made = fs::DirBuilder::new().mode(0o700).create(&copy.folder);
        let text = format!("Include {}\n{main}", copy.folder.join("ours").display());
        made.and_then(|()| fs::write(copy.folder.join("ours"), ours))
            .and_then(|()| fs::write(copy.main(), text))
            .map_err(|error| format!("{}: {error}", copy.folder.display()))?;
        Ok(copy)
    }

    fn main(&self) -> PathBuf {
        self.folder.join("sshd_config")
    }

    /// Whether root comes in by key from that network, without PAM's auth phase.
    fn check_glass(&self, network: &str) -> Result<(), String> {
        let visitor = Visitor { user: "root".into(), address: in_network(network), ..Visitor::anybody() };
        let effective = Effective::of(&self.main(), &visitor)?;
        let root = effective.value("permitrootlogin");
        let lets_in = matches!(root, "yes" | "prohibit-password" | "without-password");
        if !lets_root_in(&effective) {
            return Err(format!("root would not come in by key from {network}: {}", glass::NOT_BY_NAME));
        }
        if effective.methods() == "publickey" && lets_in && effective.is("pubkeyauthentication") {
            return Ok(());
        }
        Err(format!(
            "root would not come in by key from {network} (PermitRootLogin {root}, {})",
            effective.methods()
        ))
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder); // in /run: gone with the next boot at the latest
    }
}

#[cfg(test)]
mod tests {
    use super::super::stack::Place;
    use super::*;

    #[test]
    fn whom_the_administrator_lets_in_otherwise_comes_first() {
        let place = Place { file: CONFIG.into(), line: 7 };
        let methods = Some("publickey".into());
        let block = Block { place, criteria: "User ansible".into(), methods, no_prompt: None };
        let text = ours(First::Either, Some("192.0.2.0/24"), &[block]);
        let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).map(str::trim).collect();
        assert_eq!(
            lines,
            [
                "UsePAM yes",
                "KbdInteractiveAuthentication yes",
                "Match User root Address 192.0.2.0/24",
                "AuthenticationMethods publickey",
                "PermitRootLogin prohibit-password",
                "Match User ansible",
                "AuthenticationMethods publickey",
                "Match all",
                "AuthenticationMethods publickey,keyboard-interactive keyboard-interactive",
            ]
        );
    }
}
