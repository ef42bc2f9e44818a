//! Where our file and the `Match` blocks of others have come apart since our file was written.
//!
//! Our file is read first and repeats whom the blocks let in otherwise. So a block that was added later has no
//! effect, and one that was taken out still lets in.

use std::fmt;
use std::path::Path;

use super::gate::{OURS, exceptions};
use super::glass;
use super::sshd::{Block, CONFIG, blocks};

/// A block that stands on one side only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Drift {
    /// Of another file: ours, which is read first, does not have it.
    Unheard(Block),
    /// Of our file: no other has it any more, and it still lets in.
    Stays(Block),
}

impl fmt::Display for Drift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (block, what) = match self {
            Self::Unheard(block) => (block, "has no effect"),
            Self::Stays(block) => (block, "still lets in, and no other file has it"),
        };
        write!(f, "{}: Match {} {what}: mfactl pam apply sshd", block.place, block.criteria)
    }
}

/// All of them, on a host where `mfactl pam apply` wrote our file. An error says why nobody can tell.
pub(crate) fn drift() -> Result<Vec<Drift>, String> {
    if !Path::new(OURS).exists() {
        return Ok(Vec::new());
    }
    // The way in that needs no mfad is of our file alone.
    let glass = glass::block()?.map(|block| block.place);
    let mut ours = blocks(Path::new(OURS), Path::new(CONFIG))?;
    ours.retain(|block| Some(&block.place) != glass.as_ref());
    Ok(between(&ours, &exceptions()?))
}

fn between(ours: &[Block], others: &[Block]) -> Vec<Drift> {
    let has = |blocks: &[Block], block: &Block| {
        blocks.iter().any(|other| (&other.criteria, &other.methods) == (&block.criteria, &block.methods))
    };
    let unheard = others.iter().filter(|block| !has(ours, block)).cloned().map(Drift::Unheard);
    let stays = |block: &&Block| block.excepts() && !has(others, block);
    unheard.chain(ours.iter().filter(stays).cloned().map(Drift::Stays)).collect()
}

#[cfg(test)]
mod tests {
    use super::super::stack::Place;
    use super::*;

    fn block(criteria: &str, methods: &str) -> Block {
        let place = Place { file: OURS.into(), line: 4 };
        Block { place, criteria: criteria.into(), methods: Some(methods.into()), no_prompt: None }
    }

    #[test]
    fn a_block_on_one_side_only_is_found_with_its_side() {
        let (deploy, git) = (block("User deploy", "publickey"), block("User git", "publickey"));
        let all = block("all", "keyboard-interactive");
        let ours = [deploy.clone(), all];
        assert_eq!(between(&ours, std::slice::from_ref(&deploy)), []);
        assert_eq!(
            between(&ours, std::slice::from_ref(&git)),
            [Drift::Unheard(git.clone()), Drift::Stays(deploy.clone())]
        );
        // One for root that was copied is like any other.
        let root = block("User root Address 192.0.2.0/24", "publickey");
        assert_eq!(between(std::slice::from_ref(&root), &[]), [Drift::Stays(root.clone())]);
        // Of the same name with other methods, it is another.
        let either = block("User deploy", "any");
        assert_eq!(
            between(&ours, std::slice::from_ref(&either)),
            [Drift::Unheard(either.clone()), Drift::Stays(deploy.clone())]
        );
        assert_eq!(
            Drift::Stays(deploy).to_string(),
            format!(
                "{OURS}:4: Match User deploy still lets in, and no other file has it: mfactl pam apply sshd"
            )
        );
    }
}
