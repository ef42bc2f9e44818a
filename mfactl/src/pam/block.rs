//! Our lines in a file of somebody else's: between two marks, with what stood there before.
//!
//! ```text
//! # mfad begins: `mfactl pam remove sshd` takes this out
//! #was: auth include system-auth
//! auth     substack   system-auth
//! auth     required   pam_mfa.so
//! # mfad ends
//! ```
//!
//! Taking the block out puts what stood there back, so the rest of the file may change in between.

/// The mark that a block begins with.
const BEGINS: &str = "# mfad begins";
/// The mark that it ends with.
const ENDS: &str = "# mfad ends";
/// Before a line that the block stands for.
const WAS: &str = "#was: ";

/// A block of lines, in the place of `was`.
pub(crate) fn block(takes_out: &str, was: &[&str], lines: &[String]) -> String {
    let mut text = format!("{BEGINS}: `{takes_out}` takes this out\n");
    for line in was {
        text.push_str(&format!("{WAS}{line}\n"));
    }
    for line in lines {
        text.push_str(&format!("{line}\n"));
    }
    text.push_str(ENDS);
    text.push('\n');
    text
}

/// The text without our blocks, with what stood in their places. A block that does not end is left as it
/// is: somebody has changed it.
pub(crate) fn without_blocks(text: &str) -> String {
    parts(text).into_iter().map(|(line, _)| line).collect()
}

/// The lines that our blocks stand for.
pub(crate) fn made_way(text: &str) -> String {
    parts(text).into_iter().filter(|(_, stands)| !stands).map(|(line, _)| line).collect()
}

/// Every line but those of ours, and whether it stands there: what a block stands for does not.
fn parts(text: &str) -> Vec<(&str, bool)> {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let mut parts = Vec::with_capacity(lines.len());
    let mut at = 0;
    while let Some(line) = lines.get(at) {
        let end = line.starts_with(BEGINS).then(|| ends(&lines[at + 1..])).flatten();
        let Some(length) = end else {
            parts.push((*line, true));
            at += 1;
            continue;
        };
        let was = lines[at + 1..][..length].iter().filter_map(|line| line.strip_prefix(WAS));
        parts.extend(was.map(|line| (line, false)));
        at += length + 2;
    }
    parts
}

/// How many lines stand before the mark at the end.
fn ends(lines: &[&str]) -> Option<usize> {
    let end = lines.iter().position(|line| line.trim_end() == ENDS)?;
    let another = lines.iter().position(|line| line.starts_with(BEGINS));
    (another.is_none_or(|another| another > end)).then_some(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn taking_a_block_out_puts_back_what_stood_there() {
        let before = "one\nauth include x\ntwo\n";
        let ours = block("mfactl pam remove sshd", &["auth include x"], &["auth substack x".into()]);
        let with = before.replace("auth include x\n", &ours);
        assert!(with.contains("\n#was: auth include x\nauth substack x\n# mfad ends\n"), "{with}");
        assert_eq!(without_blocks(&with), before);
        assert_eq!(without_blocks(before), before);
        assert_eq!(made_way(&with), "auth include x\n");
    }

    #[test]
    fn a_file_that_changed_around_it_keeps_its_changes() {
        let ours = block("x", &[], &["auth required pam_mfa.so".into()]);
        assert_eq!(without_blocks(&format!("new\n{ours}newer")), "new\nnewer");
    }

    #[test]
    fn a_block_without_an_end_is_nobodys() {
        let broken = format!("{BEGINS}: x\nauth required pam_mfa.so\n{}", block("y", &[], &[]));
        assert_eq!(without_blocks(&broken), format!("{BEGINS}: x\nauth required pam_mfa.so\n"));
    }
}
