//! The settings: `mfad.toml` and `mfad.toml.d/*.toml`, read whole or not at all.
//!
//! What a setting's absence would loosen has no default: a file that says nothing of the mode is
//! a broken file. The last settings that passed are kept sealed in the store; they stay in force,
//! with an alarm, when a start meets broken ones.

mod renamed;
#[cfg(test)]
mod tests;

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
    factors: Factors,
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
struct Factors {
    #[serde(default)]
    ssh_key_pin: bool,
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
            ssh_key_pin: file.factors.ssh_key_pin,
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
