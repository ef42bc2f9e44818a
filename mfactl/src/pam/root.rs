//! Lines that root alone passes: the way in for the day on which mfad fails, and `su` from root's own session.

use super::stack::{Act, Step};

/// What a way through a stack has found of root.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Root {
    /// Nothing.
    Unsaid,
    /// It is root who asks: `pam_rootok`.
    Asks,
    /// It is root who is to be let in.
    Enters,
}

impl Root {
    /// What the success of a step says of root; none: nothing.
    pub(super) fn found_by(step: &Step) -> Option<Self> {
        if step.asks("pam_rootok") {
            return Some(Self::Asks);
        }
        is_for_root_alone(step).then_some(Self::Enters)
    }
}

/// Words of `pam_succeed_if` that are no condition.
const FLAGS: [&str; 5] = ["debug", "quiet", "quiet_fail", "quiet_success", "audit"];

/// Whether a step succeeds for root alone: `pam_succeed_if.so user = root`; further conditions only narrow it.
/// With `use_uid` it asks who runs the server, which is root, whoever comes.
pub(crate) fn is_for_root_alone(step: &Step) -> bool {
    let Act::Ask { module, arguments, .. } = &step.act else { return false };
    let words: Vec<&str> =
        arguments.iter().map(String::as_str).filter(|word| !FLAGS.contains(word)).collect();
    let root = |condition: &[&str]| matches!(condition, ["user", "=", "root"] | ["uid", "=" | "eq", "0"]);
    module == "pam_succeed_if" && !words.contains(&"use_uid") && words.chunks(3).any(root)
}

#[cfg(test)]
mod tests {
    use super::super::line::Facility;
    use super::super::stack::tests::host;
    use super::*;

    #[test]
    fn a_line_for_root_alone_is_known() {
        let alone = |line: &str| {
            let host = host(&[("x", format!("account sufficient pam_succeed_if.so {line}\n").as_str())]);
            is_for_root_alone(&host.stack("x", Facility::Account).unwrap()[0])
        };
        for line in ["quiet user = root", "uid eq 0 quiet_success", "shell = /bin/sh user = root"] {
            assert!(alone(line), "{line}");
        }
        for line in
            ["user != root", "use_uid user = root", "uid >= 0", "user = rooty", "shell = user = root", ""]
        {
            assert!(!alone(line), "{line}");
        }
    }
}
