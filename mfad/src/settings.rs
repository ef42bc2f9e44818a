//! The settings: `mfad.toml` and `mfad.toml.d/*.toml`, read whole or not at all.
//!
//! What a setting's absence would loosen has no default: a file that says nothing of the mode is
//! a broken file. The last settings that passed are kept sealed in the store; they stay in force,
//! with an alarm, when a start meets broken ones.

mod renamed;

use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use serde::Deserialize;
use toml::Table;

use renamed::{RENAMED, rename};

use crate::policy::{Admins, AfterGrace, Entry, Mode, Rules, SuSubject};

/// Where the settings are.
pub const FILE: &str = "/etc/mfad/mfad.toml";
/// The longest settings file, in bytes.
const LONGEST: u64 = 1 << 20;

/// Why settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// A file cannot be read.
    #[error("{path}: {error}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the kernel says.
        error: std::io::Error,
    },
    /// Others than root and the daemon could have written it.
    #[error("{path}: may be written by others than root: it decides who is let in")]
    Writable {
        /// The file.
        path: PathBuf,
    },
    /// It does not parse, or says what no setting is called.
    #[error("{path}: {said}")]
    Broken {
        /// The file.
        path: PathBuf,
        /// What the parser says, with line and column.
        said: String,
    },
}

/// The file's form. Unknown keys are errors.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    policy: PolicySection,
    #[serde(default)]
    service: Services,
    #[serde(default)]
    enroll: Enroll,
    #[serde(default)]
    admin: AdminSection,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PolicySection {
    mode: Mode,
    #[serde(default)]
    enforce_account: Vec<String>,
    #[serde(default)]
    grace: Span,
    #[serde(default)]
    after_grace: AfterGrace,
}

/// A length of time: `"12h"` or `"30d"`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
struct Span {
    seconds: u64,
}

impl TryFrom<String> for Span {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        let bad = || format!("{text:?} is no length of time: write \"12h\" or \"30d\"");
        let (number, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or_else(bad)?;
        let unit = match unit {
            "h" => 3600,
            "d" => 86_400,
            _ => return Err(bad()),
        };
        let number = number.parse::<u32>().map_err(|_| bad())?;
        Ok(Self { seconds: u64::from(number) * unit })
    }
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct AdminSection {
    users: Option<Vec<String>>,
    groups: Option<Vec<String>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Services {
    #[serde(default)]
    su: Su,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Su {
    #[serde(default)]
    subject: SuSubject,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Enroll {
    issuer: Option<String>,
    label: Option<String>,
}

/// Settings that passed, with the text they came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// What they say.
    pub rules: Rules,
    /// All files merged, as TOML: what is kept for a bad day. With the names that the files have, so that the
    /// release which knew those can read it.
    pub text: String,
    /// What holds, and should be said otherwise: settings by their old names.
    pub warnings: Vec<String>,
}

impl Settings {
    /// Reads `path` and then `path.d/*.toml` in the order of their names; later ones win, key by
    /// key. `host` is the issuer where none is set.
    pub fn read(path: &Path, host: &str) -> Result<Self, SettingsError> {
        let mut merged = table(path)?;
        let mut folder = path.as_os_str().to_owned();
        folder.push(".d");
        for part in parts(Path::new(&folder))? {
            merge(&mut merged, table(&part)?);
        }
        Self::parse(&merged.to_string(), host)
            .map_err(|said| SettingsError::Broken { path: path.to_owned(), said })
    }

    /// Reads a text that was kept.
    pub fn parse(text: &str, host: &str) -> Result<Self, String> {
        let (file, warnings) = form(text)?;
        if let Some(other) = file.policy.enforce_account.iter().find(|name| *name != "sshd") {
            return Err(format!(
                "policy.enforce_account: {other}: only sshd can be enforced there, since cron, sudo \
                                and su run account phases without asking"
            ));
        }
        let entry = entry(file.enroll, host)?;
        let defaults = Admins::default();
        let admins = Admins {
            users: file.admin.users.unwrap_or(defaults.users),
            groups: file.admin.groups.unwrap_or(defaults.groups),
        };
        let policy = file.policy;
        let rules = Rules {
            mode: policy.mode,
            su: file.service.su.subject,
            enforce_account: policy.enforce_account,
            entry,
            grace: policy.grace.seconds,
            after_grace: policy.after_grace,
            admins,
        };
        Ok(Self { rules, text: text.to_owned(), warnings })
    }
}

/// The file's form, and warnings. What the parser says has line and column where no setting has an old name.
fn form(text: &str) -> Result<(File, Vec<String>), String> {
    let mut table: Table = text.parse().map_err(|error: toml::de::Error| error.to_string())?;
    let warnings = rename(&mut table, RENAMED)?;
    let file = if warnings.is_empty() { toml::from_str(text) } else { table.try_into() };
    file.map(|file| (file, warnings)).map_err(|error| error.to_string())
}

/// What apps show. One issuer for many hosts would make many entries of one name, so where an issuer
/// is set, the label names the host unless it is set too.
fn entry(enroll: Enroll, host: &str) -> Result<Entry, String> {
    let label = enroll.label.unwrap_or_else(|| match enroll.issuer {
        Some(_) => format!("{{user}}@{host}"),
        None => "{user}".to_owned(),
    });
    let label = label.replace("{host}", host);
    let issuer = enroll.issuer.unwrap_or_else(|| host.to_owned());
    let plain = |text: &str| {
        !text.is_empty() && text.len() <= 64 && !text.contains(':') && !text.chars().any(char::is_control)
    };
    if !plain(&issuer) {
        return Err("enroll.issuer: 1 to 64 bytes of printable text without a colon".into());
    }
    if !plain(&label) || !label.contains("{user}") || label.replace("{user}", "").contains(['{', '}']) {
        return Err(
            "enroll.label: at most 64 bytes of printable text without a colon, with {user}, and {host} \
                    where it is wanted"
                .into(),
        );
    }
    Ok(Entry { issuer, label })
}

fn parts(folder: &Path) -> Result<Vec<PathBuf>, SettingsError> {
    let unreadable = |error| SettingsError::Unreadable { path: folder.to_owned(), error };
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(unreadable)?,
    };
    let mut parts = Vec::new();
    for entry in entries {
        let path = entry.map_err(unreadable)?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            parts.push(path);
        }
    }
    parts.sort();
    Ok(parts)
}

fn table(path: &Path) -> Result<Table, SettingsError> {
    let unreadable = |error| SettingsError::Unreadable { path: path.to_owned(), error };
    let meta = fs::metadata(path).map_err(unreadable)?;
    if meta.uid() != 0 && meta.uid() != nix::unistd::geteuid().as_raw() || meta.mode() & 0o022 != 0 {
        return Err(SettingsError::Writable { path: path.to_owned() });
    }
    let broken = |said| SettingsError::Broken { path: path.to_owned(), said };
    if !meta.is_file() || meta.len() > LONGEST {
        return Err(broken("is no plain file, or larger than 1 MiB".into()));
    }
    let text = fs::read_to_string(path).map_err(unreadable)?;
    text.parse::<Table>().map_err(|error| broken(error.to_string()))
}

fn merge(into: &mut Table, from: Table) {
    for (key, value) in from {
        match (into.get_mut(&key), value) {
            (Some(toml::Value::Table(old)), toml::Value::Table(new)) => merge(old, new),
            (_, value) => {
                into.insert(key, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "[policy]\nmode = \"required\"\nenforce_account = [\"sshd\"]\n[service.su]\nsubject = \"target\"\n[enroll]\nissuer = \"Example\"\n";

    #[test]
    fn a_good_file_says_what_it_says() {
        let rules = Settings::parse(GOOD, "host").unwrap().rules;
        assert_eq!(
            (rules.mode, rules.su, rules.entry.issuer.as_str()),
            (Mode::Required, SuSubject::Target, "Example")
        );
    }

    // An administrator of many hosts must not get many entries of one name.
    #[test]
    fn what_an_app_shows_names_the_host_by_issuer_or_by_label() {
        let entry = |lines: &str| {
            let text = format!("[policy]\nmode=\"optional\"\n[enroll]\n{lines}");
            Settings::parse(&text, "web7").map(|settings| {
                let entry = settings.rules.entry;
                (entry.issuer.clone(), entry.label_of(&"alice".into()))
            })
        };
        let is = |issuer: &str, label: &str| Ok((issuer.to_owned(), label.to_owned()));
        assert_eq!(entry(""), is("web7", "alice"));
        assert_eq!(entry("issuer=\"Example\""), is("Example", "alice@web7"));
        assert_eq!(entry("issuer=\"Example\"\nlabel=\"{user} on {host}\""), is("Example", "alice on web7"));
        assert_eq!(entry("label=\"{user}\""), is("web7", "alice"));
        for bad in [
            "label=\"\"",
            "label=\"alice\"",
            "label=\"{user}:{host}\"",
            "label=\"{user}{x}\"",
            "issuer=\"a:b\"",
        ] {
            assert!(entry(bad).is_err(), "{bad}");
        }
    }

    // Every key of the sample is one, and says what holds without it.
    #[test]
    fn the_sample_settings_say_what_holds_without_them() {
        let sample = include_str!("../../packaging/files/mfad.toml");
        let all = sample.lines().map(|line| match line.strip_prefix('#') {
            Some(key) if key.starts_with(|c: char| c.is_ascii_lowercase()) => format!("{key}\n"),
            _ => format!("{line}\n"),
        });
        let (shipped, spelled) =
            (Settings::parse(sample, "example"), Settings::parse(&all.collect::<String>(), "example"));
        assert_eq!(shipped.unwrap().rules, spelled.unwrap().rules);
    }

    #[test]
    fn a_setting_by_its_old_name_holds_and_warns_and_is_kept_as_it_was_written() {
        let old = GOOD.replace("enforce_account", "account_enforce");
        let (old, new) = (Settings::parse(&old, "host").unwrap(), Settings::parse(GOOD, "host").unwrap());
        assert_eq!(old.rules, new.rules);
        assert_eq!(old.rules.enforce_account, ["sshd"]);
        assert_eq!((old.warnings.len(), new.warnings.len()), (1, 0));
        assert!(old.text.contains("account_enforce"), "{}", old.text);
        let both = GOOD.replace("[service", "account_enforce=[]\n[service");
        assert!(Settings::parse(&both, "host").unwrap_err().contains("both"));
    }

    /// Every key that a file may have, by its path: the parser names them when it meets another.
    fn known_keys(section: &[&str], found: &mut Vec<String>) {
        let mode = if section == ["policy"] { "" } else { "[policy]\nmode = \"off\"\n" };
        let header = if section.is_empty() { String::new() } else { format!("[{}]\n", section.join(".")) };
        let text = format!("{}no_such_key = 1\n{mode}", if section.is_empty() { "" } else { &header });
        let said = Settings::parse(&text, "host").unwrap_err();
        if !said.contains("unknown field `no_such_key`") {
            found.push(section.join(".")); // a value
            return;
        }
        let (_, names) = said.rsplit_once("expected ").expect("it names what it knows");
        for name in names.split('`').skip(1).step_by(2) {
            known_keys(&[section, &[name]].concat(), found);
        }
    }

    #[test]
    fn every_setting_is_explained_in_the_sample_and_in_the_manual() {
        let mut known = Vec::new();
        known_keys(&[], &mut known);
        assert!(known.len() >= 9 && known.contains(&"service.su.subject".to_owned()), "{known:?}");
        let sample = include_str!("../../packaging/files/mfad.toml");
        let manual = include_str!("../../packaging/man/mfad.toml.5");
        let mut section = "";
        let in_sample: Vec<String> = sample
            .lines()
            .filter_map(|line| {
                if let Some(name) = line.strip_prefix('[') {
                    section = name.trim_end_matches(']');
                }
                let (key, _) = line.trim_start_matches('#').split_once(" = ")?;
                Some(format!("{section}.{key}"))
            })
            .collect();
        for path in known {
            assert!(in_sample.contains(&path), "mfad.toml does not explain {path}: {in_sample:?}");
            let (section, key) = path.rsplit_once('.').expect("a key is in a section");
            assert!(manual.contains(&format!("[{section}]")), "mfad.toml(5) has no section {section}");
            assert!(manual.contains(&format!("\n.B {key}\n")), "mfad.toml(5) does not explain {path}");
        }
    }

    // S23: no line whose loss loosens the policy goes unnoticed.
    #[test]
    fn a_file_without_a_mode_is_broken_and_no_lost_line_loosens() {
        for lost in 0..GOOD.lines().count() {
            let rest: String =
                GOOD.lines().enumerate().filter(|(n, _)| *n != lost).map(|(_, l)| format!("{l}\n")).collect();
            if let Ok(settings) = Settings::parse(&rest, "host") {
                assert_eq!(settings.rules.mode, Mode::Required, "{rest}");
            }
        }
        for broken in [
            "",
            "[policy]\n",
            "[policy]\nmode=\"of\"\n",
            "mode=\"off\"\n",
            "[policy]\nmode=\"off\"\nmod=1\n",
            "[polcy]\nmode=\"off\"\n",
            "[policy]\nmode=\"required\"\nenforce_account=[\"cron\"]\n",
            "[policy",
        ] {
            assert!(Settings::parse(broken, "host").is_err(), "{broken:?}");
        }
    }

    #[test]
    fn lengths_of_time_and_administrators_are_read() {
        let with = |lines: &str| Settings::parse(&format!("[policy]\nmode=\"required\"\n{lines}"), "host");
        let rules = with("grace=\"30d\"\nafter_grace=\"deny\"\n[admin]\ngroups=[\"ops\"]\n").unwrap().rules;
        assert_eq!((rules.grace, rules.after_grace), (30 * 86_400, AfterGrace::Deny));
        assert_eq!(rules.admins, Admins { users: vec![], groups: vec!["ops".into()] });
        assert_eq!(with("").unwrap().rules.grace, 0, "nobody is spared where nothing is said");
        for bad in ["30", "d", "", "-1d", "1w", "1.5h", "99999999999d", "30D", "é"] {
            assert!(with(&format!("grace=\"{bad}\"\n")).is_err(), "{bad}");
        }
    }

    #[test]
    fn later_files_win_key_by_key_and_all_must_be_sound() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("mfad.toml");
        let parts = dir.path().join("mfad.toml.d");
        fs::create_dir(&parts).unwrap();
        fs::write(&path, GOOD).unwrap();
        fs::write(parts.join("50-mode.toml"), "[policy]\nmode = \"observe\"\n").unwrap();
        fs::write(parts.join("ignored.bak"), "rubbish").unwrap();
        let rules = Settings::read(&path, "host").unwrap().rules;
        assert_eq!((rules.mode, rules.entry.issuer.as_str()), (Mode::Observe, "Example"));
        fs::write(parts.join("60-bad.toml"), "[policy]\nmoood = 1\n").unwrap();
        assert!(Settings::read(&path, "host").is_err());
        fs::remove_file(parts.join("60-bad.toml")).unwrap();
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o666)).unwrap();
        assert!(matches!(Settings::read(&path, "host"), Err(SettingsError::Writable { .. })));
    }
}
