//! Where sshd's settings are written: its files in the order in which it reads them.
//!
//! What holds is asked of sshd itself; the files say only on which line, which lines have no
//! effect, and for whom `Match` blocks are. Source: `sshd_config(5)`.

use std::path::{Path, PathBuf};

use crate::doctor::finding::Spot;
use crate::pam::sshd::CONFIG;

/// How deep files may include each other; sshd's own limit.
const DEPTH: usize = 16;

/// A `Match` line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Block {
    /// Where it begins.
    pub(super) spot: Spot,
    /// Its criteria, by name in lower case.
    pub(super) criteria: Vec<(String, String)>,
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Setting {
    /// Where.
    pub(super) spot: Spot,
    /// In lower case, as sshd calls it now.
    pub(super) keyword: String,
    /// As it is written.
    pub(super) written: String,
    /// The rest of the line.
    pub(super) value: String,
    /// Which block it is in, by number; none: for all.
    pub(super) block: Option<usize>,
}

/// All lines, in the order of reading.
#[derive(Debug, Default)]
pub(super) struct Config {
    pub(super) settings: Vec<Setting>,
    pub(super) blocks: Vec<Block>,
}

impl Config {
    /// Reads them; a file that cannot be read has no line.
    pub(super) fn read() -> Self {
        let mut config = Self::default();
        config.file(Path::new(CONFIG), None, 0);
        config
    }

    fn file(&mut self, file: &Path, mut block: Option<usize>, depth: usize) {
        let Ok(bytes) = std::fs::read(file) else { return };
        for (number, line) in (1..).zip(String::from_utf8_lossy(&bytes).lines()) {
            let Some((written, value)) = words(line) else { continue };
            let spot = Spot { file: file.to_owned(), line: Some(number) };
            match written.to_ascii_lowercase().as_str() {
                "include" if depth < DEPTH => {
                    value
                        .split_whitespace()
                        .flat_map(files)
                        .for_each(|file| self.file(&file, block, depth + 1));
                }
                "match" => {
                    let criteria = criteria(&value);
                    // `all` ends the block before, and is for all.
                    block = if matches!(criteria.as_slice(), [(name, _)] if name == "all") {
                        None
                    } else {
                        self.blocks.push(Block { spot, criteria });
                        Some(self.blocks.len() - 1)
                    };
                }
                keyword => {
                    let keyword = match keyword {
                        "challengeresponseauthentication" | "skeyauthentication" => {
                            "kbdinteractiveauthentication"
                        }
                        keyword => keyword,
                    };
                    let keyword = keyword.to_owned();
                    self.settings.push(Setting { spot, keyword, written, value, block });
                }
            }
        }
    }

    /// The line that sets `keyword` to `value`: in one of these blocks, or for all.
    pub(super) fn line(&self, keyword: &str, value: &str) -> Option<&Setting> {
        let of_it = || self.settings.iter().filter(|setting| setting.keyword == keyword);
        let is = |setting: &&Setting| setting.value.eq_ignore_ascii_case(value);
        of_it().find(|setting| setting.block.is_none() && is(setting)).or_else(|| of_it().find(is))
    }
}

/// `Keyword value`, `Keyword=value`, with quotes around values and comments at the end.
fn words(line: &str) -> Option<(String, String)> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return None;
    }
    let end = line.find(|c: char| c.is_whitespace() || c == '=').unwrap_or(line.len());
    let (keyword, rest) = line.split_at(end);
    let rest = rest.trim_start().strip_prefix('=').unwrap_or(rest).trim();
    let rest = rest.split(" #").next().unwrap_or_default().trim().replace('"', "");
    Some((keyword.to_owned(), rest))
}

/// `User alice Address 10.0.0.0/8`.
fn criteria(text: &str) -> Vec<(String, String)> {
    let mut words = text.split(|c: char| c.is_whitespace() || c == '=').filter(|word| !word.is_empty());
    let mut found = Vec::new();
    while let Some(name) = words.next() {
        let name = name.to_ascii_lowercase();
        let alone = matches!(name.as_str(), "all" | "canonical" | "final" | "invalid-user");
        let value = if alone { String::new() } else { words.next().unwrap_or_default().to_owned() };
        found.push((name, value));
    }
    found
}

/// What an `Include` names, in order; a path without a root is below `/etc/ssh`.
fn files(pattern: &str) -> Vec<PathBuf> {
    let pattern = Path::new("/etc/ssh").join(pattern);
    glob::glob(&pattern.to_string_lossy()).into_iter().flatten().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_as_sshd_reads_it() {
        let line = |text: &str| words(text);
        let is = |keyword: &str, value: &str| Some((keyword.to_owned(), value.to_owned()));
        assert_eq!(line("  UsePAM yes "), is("UsePAM", "yes"));
        assert_eq!(line("UsePAM=\"no\" # why"), is("UsePAM", "no"));
        assert_eq!(line("UsePAM\t=\tno"), is("UsePAM", "no"));
        assert_eq!((line("# UsePAM no"), line(" ")), (None, None));
    }

    #[test]
    fn criteria_come_in_pairs() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(
            criteria("User a,b Address 10.0.0.0/8"),
            [pair("user", "a,b"), pair("address", "10.0.0.0/8")]
        );
        assert_eq!(criteria("all"), [pair("all", "")]);
    }
}
