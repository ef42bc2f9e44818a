//! What sshd does with a login, asked of sshd itself (`sshd -T`), and its settings as they are written.

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::clock::Stopwatch;
use super::stack::Place;

/// The server.
const SSHD: &str = "/usr/sbin/sshd";
/// Its settings.
pub(crate) const CONFIG: &str = "/etc/ssh/sshd_config";
/// Where it wants to be able to go before it says anything.
const PRIVSEP: &str = "/run/sshd";

/// Somebody who logs in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Visitor {
    /// Under which name.
    pub(crate) user: String,
    /// From which address.
    pub(crate) address: String,
}

impl Visitor {
    /// Somebody whom nobody has thought of: of a name and an address (RFC 5737) that no block names.
    pub(crate) fn anybody() -> Self {
        Self { user: "mfad-anybody".into(), address: "192.0.2.77".into() }
    }
}

/// The settings in force for one visitor: keyword, lower case, and its values.
#[derive(Clone, Debug, Default)]
pub(crate) struct Effective(HashMap<String, Vec<String>>);

impl Effective {
    /// Asks sshd about a settings file.
    pub(crate) fn of(config: &Path, visitor: &Visitor) -> Result<Self, String> {
        if !Path::new(PRIVSEP).exists() {
            // Made by the service's start; sshd refuses to read its settings without.
            fs::create_dir(PRIVSEP).map_err(|error| format!("{PRIVSEP}: {error}"))?;
        }
        let who = format!("user={},host={address},addr={address}", visitor.user, address = visitor.address);
        let run = Command::new(SSHD).arg("-T").arg("-f").arg(config).args(["-C", &who]).env_clear().output();
        let run = run.map_err(|error| format!("{SSHD}: {error}"))?;
        if !run.status.success() {
            return Err(String::from_utf8_lossy(&run.stderr).trim().to_owned());
        }
        Ok(Self::parse(&String::from_utf8_lossy(&run.stdout)))
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
    let mut blocks = Vec::new();
    read(config, except, 0, &mut blocks)?;
    Ok(blocks)
}

fn read(file: &Path, except: &Path, depth: usize, blocks: &mut Vec<Block>) -> Result<(), String> {
    if file == except || depth > 16 {
        return Ok(());
    }
    let text = fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    let mut open: Option<Block> = None;
    for (number, line) in (1..).zip(text.lines()) {
        let Some((keyword, value)) = setting(line) else { continue };
        let place = Place { file: file.to_owned(), line: number };
        match keyword.as_str() {
            "match" => {
                blocks.extend(open.take());
                open = Some(Block { place, criteria: value.to_owned(), methods: None, no_prompt: None });
            }
            "kbdinteractiveauthentication" | "challengeresponseauthentication" => {
                if let Some(block) = open.as_mut().filter(|_| value.eq_ignore_ascii_case("no")) {
                    block.no_prompt.get_or_insert(place);
                }
            }
            // Its own blocks hold for whom this one does, which no block of ours could say.
            "include" if open.is_some() => {
                return Err(format!("{place}: an Include inside of a Match block"));
            }
            "authenticationmethods" => {
                if let Some(block) = &mut open {
                    block.methods.get_or_insert_with(|| value.to_owned());
                }
            }
            "include" => {
                for file in included(value) {
                    read(&file, except, depth + 1, blocks)?;
                }
            }
            _ => {}
        }
    }
    blocks.extend(open);
    Ok(())
}

/// Keyword, lower case, and value: between them are spaces, or one `=`.
fn setting(line: &str) -> Option<(String, &str)> {
    let line = without_comment(line).trim();
    let end = line.find(|c: char| c.is_whitespace() || c == '=')?;
    let value = line[end..].trim_start();
    let value = value.strip_prefix('=').unwrap_or(value).trim();
    let quoted = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
    let value = quoted.filter(|value| !value.contains('"')).unwrap_or(value);
    Some((line[..end].to_ascii_lowercase(), value))
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

/// The files that an `Include` names; a relative path is below `/etc/ssh`.
fn included(value: &str) -> Vec<PathBuf> {
    let one = |pattern: &str| {
        let pattern = Path::new("/etc/ssh").join(pattern.trim_matches('"'));
        glob::glob(&pattern.to_string_lossy())
            .map(|found| found.flatten().collect::<Vec<_>>())
            .unwrap_or_default()
    };
    value.split_whitespace().flat_map(one).collect()
}

/// Whether the first setting of a file includes `file`, and no other before it.
pub(crate) fn begins_with_include_of(text: &str, file: &Path) -> bool {
    let Some((keyword, value)) = text.lines().find_map(setting) else { return false };
    let covers = |pattern: &str| {
        let pattern = Path::new("/etc/ssh").join(pattern.trim_matches('"'));
        glob::Pattern::new(&pattern.to_string_lossy()).is_ok_and(|pattern| pattern.matches_path(file))
    };
    // The first pattern that comes to any file at all: sshd reads what it finds in the order of names.
    let first = value.split_whitespace().find(|pattern| covers(pattern) || !included(pattern).is_empty());
    keyword == "include"
        && first.is_some_and(|pattern| {
            covers(pattern) && included(pattern).iter().all(|other| other.as_path() >= file)
        })
}

impl Block {
    /// Whether it lets somebody in otherwise. One for all is a setting like any other: ours stands before it.
    pub(crate) fn excepts(&self) -> bool {
        self.methods.is_some() && !self.criteria.eq_ignore_ascii_case("all")
    }

    /// Somebody whom the block is for, as far as one can be made up.
    pub(crate) fn visitor(&self) -> Visitor {
        let mut visitor = Visitor::anybody();
        let mut words = self.criteria.split_whitespace();
        while let Some(criterion) = words.next() {
            let (criterion, value) = match criterion.split_once('=') {
                Some((criterion, value)) => (criterion, value),
                None if criterion.eq_ignore_ascii_case("all") => break,
                None => (criterion, words.next().unwrap_or_default()),
            };
            let first = value
                .trim_matches('"')
                .split(',')
                .find(|pattern| !pattern.starts_with('!'))
                .unwrap_or_default();
            match criterion.to_ascii_lowercase().as_str() {
                "user" => visitor.user = first.replace(['*', '?'], "x"),
                "group" => visitor.user = member(first).unwrap_or(visitor.user),
                "address" => visitor.address = in_network(first),
                _ => {}
            }
        }
        visitor
    }
}

/// Some member of a group.
fn member(group: &str) -> Option<String> {
    let found = nix::unistd::Group::from_name(group).ok().flatten()?;
    if let Some(name) = found.mem.first() {
        return Some(name.clone());
    }
    nix::unistd::User::from_uid(nix::unistd::Uid::from_raw(found.gid.as_raw()))
        .ok()
        .flatten()
        .map(|user| user.name)
}

/// An address of a network: that which names it, or the pattern with its stars filled in.
pub(crate) fn in_network(network: &str) -> String {
    network.split('/').next().unwrap_or_default().replace(['*', '?'], "1")
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
        assert_eq!(found[1].visitor().user, "ansible");
        assert_eq!(found[2].visitor().address, "10.0.0.0");
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
