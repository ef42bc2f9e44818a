//! What sshd does with a login, asked of sshd itself (`sshd -T`), and its settings as they are written.

mod authorized;
mod config;
mod visitor;

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

pub(crate) use self::authorized::{Key, place};
pub(crate) use self::config::{Config, Match, Setting};
pub(crate) use self::visitor::{Visitor, in_network};

use self::config::{criteria, files, setting, words};
use super::clock::Stopwatch;
use super::stack::Place;
use crate::run;

/// Its settings.
pub(crate) const CONFIG: &str = "/etc/ssh/sshd_config";

/// The settings in force for one visitor: keyword, lower case, and its values.
#[derive(Clone, Debug, Default)]
pub(crate) struct Effective(HashMap<String, Vec<String>>);

impl Effective {
    /// Asks sshd about a settings file.
    pub(crate) fn of(config: &Path, visitor: &Visitor) -> Result<Self, String> {
        let said = run::ask("sshd", &["-T", "-f", &config.to_string_lossy(), "-C", &visitor.to_string()])?;
        if said.well { Ok(Self::parse(&said.out)) } else { Err(said.err.trim().to_owned()) }
    }

    pub(crate) fn parse(text: &str) -> Self {
        let mut values: HashMap<String, Vec<String>> = HashMap::new();
        for (key, value) in text.lines().filter_map(|line| line.split_once(' ')) {
            values.entry(key.to_ascii_lowercase()).or_default().push(value.trim().to_owned());
        }
        Self(values)
    }

    /// The first value.
    pub(crate) fn value(&self, key: &str) -> &str {
        self.0.get(key).and_then(|values| values.first()).map_or("", String::as_str)
    }

    /// Every value, of every line.
    pub(crate) fn all(&self, key: &str) -> impl Iterator<Item = &str> {
        self.0.get(key).into_iter().flatten().flat_map(|value| value.split_whitespace())
    }

    /// Whether it is `yes`.
    pub(crate) fn is(&self, key: &str) -> bool {
        self.value(key) == "yes"
    }

    /// Each list of methods that is enough; `any` where nothing is said.
    pub(crate) fn methods(&self) -> String {
        let all = self.0.get("authenticationmethods").map(|values| values.join(" ")).unwrap_or_default();
        if all.is_empty() { "any".into() } else { all }
    }
}

/// A `Match` block as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Block {
    /// Where it begins.
    pub(crate) place: Place,
    /// What stands after `Match`.
    pub(crate) criteria: String,
    /// Its own `AuthenticationMethods`.
    pub(crate) methods: Option<String>,
    /// Where it turns keyboard-interactive off.
    pub(crate) no_prompt: Option<Place>,
}

/// The `Match` blocks below a settings file, in the order in which sshd reads them; those of `except` left out.
pub(crate) fn blocks(config: &Path, except: &Path) -> Result<Vec<Block>, String> {
    let config = Config::read(config, Some(except))?;
    // Its own blocks hold for whom the outer one does, which no block of ours could say.
    if let Some(place) = config.nested {
        return Err(format!("{place}: an Include inside of a Match block"));
    }
    let block = |(number, found): (usize, &Match)| {
        let of = |keyword: &'static str| {
            config.settings.iter().filter(move |one| one.block == Some(number) && one.keyword == keyword)
        };
        let mut off =
            of("kbdinteractiveauthentication").filter(|setting| setting.value.eq_ignore_ascii_case("no"));
        Block {
            place: found.place.clone(),
            criteria: found.written.clone(),
            methods: of("authenticationmethods").next().map(|setting| setting.value.clone()),
            no_prompt: off.next().map(|setting| setting.place.clone()),
        }
    };
    Ok(config.blocks.iter().enumerate().map(block).collect())
}

/// Whether the first setting of a file includes `file`, and no other before it.
pub(crate) fn begins_with_include_of(text: &str, file: &Path) -> bool {
    let Some((keyword, rest)) = text.lines().find_map(setting) else { return false };
    let covers = |pattern: &str| {
        let pattern = Path::new("/etc/ssh").join(pattern);
        glob::Pattern::new(&pattern.to_string_lossy()).is_ok_and(|pattern| pattern.matches_path(file))
    };
    // The first pattern that comes to any file at all: sshd reads what it finds in the order of names.
    let patterns = words(rest);
    let first = patterns.iter().find(|pattern| covers(pattern) || !files(pattern).is_empty());
    keyword.eq_ignore_ascii_case("include")
        && first.is_some_and(|pattern| {
            covers(pattern) && files(pattern).iter().all(|other| other.as_path() >= file)
        })
}

/// Criteria as `user=deploy,address=192.0.2.0/24`.
pub(crate) fn in_a_word(criteria: &[(String, String)]) -> String {
    let pairs: Vec<String> = criteria.iter().map(|(name, value)| format!("{name}={value}")).collect();
    pairs.join(",")
}

impl Block {
    /// Whether it lets somebody in otherwise. One for all is a setting like any other: ours stands before it.
    pub(crate) fn excepts(&self) -> bool {
        self.methods.is_some() && !self.criteria.eq_ignore_ascii_case("all")
    }

    /// Whom it is for, as [`in_a_word`].
    pub(crate) fn in_a_word(&self) -> String {
        in_a_word(&criteria(&self.criteria))
    }

    /// Somebody whom the block is for.
    pub(crate) fn visitor(&self) -> Result<Visitor, String> {
        Visitor::anybody().within(&criteria(&self.criteria))
    }
}

/// How long a server may take to listen again.
const LISTENS_AGAIN: Duration = Duration::from_secs(5);

/// Has the server that listens read its settings again, if there is one; it listens again when this returns.
/// Settings that sshd would not start with are an error, and then it goes on with the old ones.
pub(crate) fn reload(pid_file: &str) -> Result<(), String> {
    let pid = fs::read_to_string(pid_file).ok().and_then(|text| text.trim().parse::<i32>().ok());
    let is_sshd =
        |pid: &i32| fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|comm| comm.trim() == "sshd");
    let Some(pid) = pid.filter(is_sshd) else { return Ok(()) };
    Effective::of(Path::new(CONFIG), &Visitor::anybody())?;
    // Written anew once it listens.
    let written =
        || fs::metadata(pid_file).ok().map(|about| (about.ino(), about.ctime(), about.ctime_nsec()));
    let before = written();
    kill(Pid::from_raw(pid), Signal::SIGHUP).map_err(|error| format!("sshd: {error}"))?;
    let clock = Stopwatch::start();
    while clock.elapsed() < LISTENS_AGAIN {
        if written().is_some_and(|now| Some(now) != before) {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Err(format!("sshd (process {pid}) does not listen again"))
}

/// Where the server that runs keeps its process id.
pub(crate) fn pid_file(effective: &Effective) -> String {
    let named = effective.value("pidfile");
    if named.is_empty() || named == "none" { "/run/sshd.pid".into() } else { named.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_sshd_says_is_read() {
        let effective = Effective::parse(
            "usepam yes\nauthenticationmethods publickey,keyboard-interactive keyboard-interactive\n",
        );
        assert!(effective.is("usepam") && !effective.is("kbdinteractiveauthentication"));
        assert_eq!(effective.methods(), "publickey,keyboard-interactive keyboard-interactive");
        assert_eq!(Effective::default().methods(), "any");
    }

    #[test]
    fn each_match_block_is_found_with_its_own_methods() {
        let folder = tempfile::tempdir().unwrap();
        let (main, more) = (folder.path().join("main"), folder.path().join("more.conf"));
        let include = format!("Include {}/*.conf\n", folder.path().display());
        let text = "Match User ansible,git # by key\n  AuthenticationMethods publickey\nMatch Address=10.0.0.0/8\n X11Forwarding no\n";
        std::fs::write(&main, include + text).unwrap();
        std::fs::write(&more, "match group admins\n").unwrap();
        let found = blocks(&main, Path::new("/none")).unwrap();
        let seen: Vec<_> =
            found.iter().map(|block| (block.criteria.as_str(), block.methods.as_deref())).collect();
        assert_eq!(
            seen,
            [("group admins", None), ("User ansible,git", Some("publickey")), ("Address=10.0.0.0/8", None)]
        );
        assert_eq!(found[1].visitor().unwrap().user, "ansible");
        assert_eq!(found[2].visitor().unwrap().address, "10.0.0.0");
        assert_eq!(found[1].place.line, 2);
        assert_eq!(blocks(&main, &more).unwrap().len(), 2);
    }

    #[test]
    fn what_a_block_may_not_hold_is_found_where_it_stands() {
        let folder = tempfile::tempdir().unwrap();
        let main = folder.path().join("main");
        let found = |text: &str| {
            std::fs::write(&main, text).unwrap();
            blocks(&main, Path::new("/none"))
        };
        let off = found(
            "KbdInteractiveAuthentication no\nMatch User \"a b\",c#d # x\n ChallengeResponseAuthentication=no\n",
        );
        let off = &off.unwrap()[0];
        assert_eq!(off.criteria, "User \"a b\",c#d");
        assert_eq!(off.no_prompt.as_ref().map(|place| place.line), Some(3));
        let nested = found("Match LocalPort 2222\nInclude /etc/ssh/inner.conf\n").unwrap_err();
        assert!(nested.ends_with(":2: an Include inside of a Match block"), "{nested}");
    }

    #[test]
    fn an_include_must_come_first_to_win() {
        let file = Path::new("/etc/ssh/sshd_config.d/00-mfad.conf");
        for text in ["# a\nInclude /etc/ssh/sshd_config.d/*.conf\n", "include sshd_config.d/*.conf"] {
            assert!(begins_with_include_of(text, file), "{text}");
        }
        for text in ["Port 22\nInclude /etc/ssh/sshd_config.d/*.conf\n", "Include /etc/ssh/other.d/*", ""] {
            assert!(!begins_with_include_of(text, file), "{text}");
        }
        let folder = tempfile::tempdir().unwrap();
        let (ours, text) =
            (folder.path().join("00-mfad.conf"), format!("Include {}/*.conf", folder.path().display()));
        std::fs::write(folder.path().join("01-more.conf"), "").unwrap();
        assert!(begins_with_include_of(&text, &ours));
        std::fs::write(folder.path().join("00-before.conf"), "").unwrap();
        assert!(!begins_with_include_of(&text, &ours), "another is read first");
    }
}
