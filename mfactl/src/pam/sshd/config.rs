//! What is written in sshd's settings: its files in the order in which it reads them.
//!
//! What holds is asked of sshd itself; the files say only on which line, which lines have no effect, and for
//! whom `Match` blocks are. Source: `sshd_config(5)`.

use std::fs;
use std::path::{Path, PathBuf};

use crate::pam::stack::Place;

/// How deep files may include each other; sshd's own limit.
const DEPTH: usize = 16;

/// A `Match` line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Match {
    /// Where it is.
    pub(crate) place: Place,
    /// What stands after `Match`.
    pub(crate) written: String,
    /// Its criteria, by name in lower case, and those of the block whose `Include` led here.
    pub(crate) criteria: Vec<(String, String)>,
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Setting {
    /// Where it is.
    pub(crate) place: Place,
    /// In lower case, as sshd calls it now.
    pub(crate) keyword: String,
    /// As it is written.
    pub(crate) written: String,
    /// The rest of the line, without quotes.
    pub(crate) value: String,
    /// Which block it is in, by number; none: for all.
    pub(crate) block: Option<usize>,
}

/// All lines, in the order of reading.
#[derive(Debug, Default)]
pub(crate) struct Config {
    /// What is set.
    pub(crate) settings: Vec<Setting>,
    /// The blocks; `Match all` is one as well.
    pub(crate) blocks: Vec<Match>,
    /// The first `Include` inside of a block.
    pub(crate) nested: Option<Place>,
}

impl Config {
    /// Reads a file and what it includes, but for `except`.
    pub(crate) fn read(file: &Path, except: Option<&Path>) -> Result<Self, String> {
        let mut config = Self::default();
        config.file(file, except, None, 0)?;
        Ok(config)
    }

    fn file(
        &mut self,
        file: &Path,
        except: Option<&Path>,
        outer: Option<usize>,
        depth: usize,
    ) -> Result<(), String> {
        if Some(file) == except || depth > DEPTH {
            return Ok(());
        }
        let bytes = fs::read(file).map_err(|error| format!("{}: {error}", file.display()))?;
        // A block ends with its file, and within an `Include` of a block both must hold.
        let mut block = outer;
        for (number, line) in (1..).zip(String::from_utf8_lossy(&bytes).lines()) {
            let Some((written, rest)) = setting(line) else { continue };
            let place = Place { file: file.to_owned(), line: number };
            match written.to_ascii_lowercase().as_str() {
                "include" => {
                    if block.is_some() {
                        self.nested.get_or_insert(place);
                    }
                    for file in words(rest).iter().flat_map(|pattern| files(pattern)) {
                        self.file(&file, except, block, depth + 1)?;
                    }
                }
                "match" => {
                    let mut all = outer.map(|outer| self.blocks[outer].criteria.clone()).unwrap_or_default();
                    all.extend(criteria(rest));
                    self.blocks.push(Match { place, written: rest.to_owned(), criteria: all });
                    block = Some(self.blocks.len() - 1);
                }
                keyword => {
                    let keyword = match keyword {
                        "challengeresponseauthentication" | "skeyauthentication" => {
                            "kbdinteractiveauthentication".to_owned()
                        }
                        keyword => keyword.to_owned(),
                    };
                    let (written, value) = (written.to_owned(), rest.replace('"', ""));
                    self.settings.push(Setting { place, keyword, written, value, block });
                }
            }
        }
        Ok(())
    }

    /// Whether a setting is for all: outside of blocks, or in one that is for all.
    pub(crate) fn is_for_all(&self, setting: &Setting) -> bool {
        setting.block.is_none_or(|number| self.blocks[number].is_for_all())
    }
}

impl Match {
    /// `Match all`, which ends the block before.
    pub(crate) fn is_for_all(&self) -> bool {
        self.criteria.iter().all(|(name, _)| name == "all")
    }
}

/// Keyword and the rest of a line: between them are spaces, or one `=`.
pub(super) fn setting(line: &str) -> Option<(&str, &str)> {
    let line = without_comment(line).trim();
    let end = line.find(|c: char| c.is_whitespace() || c == '=')?;
    let rest = line[end..].trim_start();
    Some((&line[..end], rest.strip_prefix('=').unwrap_or(rest).trim()))
}

/// A comment begins with a word, outside of quotes: a name may hold a `#`.
fn without_comment(line: &str) -> &str {
    let (mut quoted, mut between) = (false, true);
    let begins = line.find(|c: char| {
        let comment = c == '#' && between && !quoted;
        quoted ^= c == '"';
        between = c.is_whitespace();
        comment
    });
    &line[..begins.unwrap_or(line.len())]
}

/// The words of a value, without their quotes.
pub(super) fn words(text: &str) -> Vec<String> {
    split(text, char::is_whitespace)
}

fn split(text: &str, parts: impl Fn(char) -> bool) -> Vec<String> {
    let mut quoted = false;
    let between = |c: char| {
        quoted ^= c == '"';
        !quoted && parts(c)
    };
    text.split(between).filter(|word| !word.is_empty()).map(|word| word.replace('"', "")).collect()
}

/// `User alice Address=10.0.0.0/8`.
pub(crate) fn criteria(text: &str) -> Vec<(String, String)> {
    let mut words = split(text, |c| c.is_whitespace() || c == '=').into_iter();
    let mut found = Vec::new();
    while let Some(name) = words.next() {
        let name = name.to_ascii_lowercase();
        let alone = matches!(name.as_str(), "all" | "canonical" | "final" | "invalid-user");
        let value = if alone { String::new() } else { words.next().unwrap_or_default() };
        found.push((name, value));
    }
    found
}

/// What a pattern of an `Include` names, in order; one without a root is below `/etc/ssh`.
pub(super) fn files(pattern: &str) -> Vec<PathBuf> {
    let pattern = Path::new("/etc/ssh").join(pattern);
    glob::glob(&pattern.to_string_lossy()).into_iter().flatten().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_as_sshd_reads_it() {
        assert_eq!(setting("  UsePAM yes "), Some(("UsePAM", "yes")));
        assert_eq!(setting("UsePAM=\"no\" # why"), Some(("UsePAM", "\"no\"")));
        assert_eq!(setting("UsePAM\t=\tno"), Some(("UsePAM", "no")));
        assert_eq!(setting("Banner /etc/a#b\t# why"), Some(("Banner", "/etc/a#b")));
        assert_eq!(setting("Banner \"/etc/a # b\""), Some(("Banner", "\"/etc/a # b\"")));
        assert_eq!((setting("# UsePAM no"), setting(" ")), (None, None));
    }

    #[test]
    fn criteria_come_in_pairs() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(
            criteria("User a,b Address=10.0.0.0/8"),
            [pair("user", "a,b"), pair("address", "10.0.0.0/8")]
        );
        assert_eq!(criteria("Group \"a b\",c"), [pair("group", "a b,c")]);
        assert_eq!(criteria("all"), [pair("all", "")]);
    }

    #[test]
    fn a_block_ends_with_its_file_and_holds_within_the_block_that_includes_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let inner = file("inner", "Match Address 10.0.0.0/8\nUseDNS no\n");
        let main =
            format!("Include {0}\nUsePAM yes\nMatch User al\nInclude {0}\nBanner x\n", inner.display());
        let config = Config::read(&file("main", &main), None).unwrap();
        let names =
            |block: &Match| block.criteria.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>().join(",");
        assert_eq!(config.blocks.iter().map(names).collect::<Vec<_>>(), ["address", "user", "user,address"]);
        let blocks: Vec<_> = config.settings.iter().map(|setting| setting.block).collect();
        assert_eq!(blocks, [Some(0), None, Some(2), Some(1)]);
        assert_eq!(config.nested.unwrap().line, 4);
        assert!(Config::read(&folder.path().join("gone"), None).is_err());
    }
}
