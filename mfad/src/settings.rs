//! The settings: `mfad.toml` and `mfad.toml.d/*.toml`, read whole or not at all.
//!
//! What a setting's absence would loosen has no default: a file that says nothing of the mode is
//! a broken file. The last settings that passed are kept sealed in the store; they stay in force,
//! with an alarm, when a start meets broken ones.

mod files;
mod form;
mod meaning;
mod renamed;
#[cfg(test)]
mod tests;
mod values;

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use toml::Table;

use files::Merged;
use form::File;
use renamed::{RENAMED, rename};

use crate::{places::Databases, policy::Rules};

/// Where the settings are.
pub const FILE: &str = "/etc/mfad/mfad.toml";

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

/// Settings that passed, with the text they came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// What they say.
    pub rules: Rules,
    /// All files merged, as TOML: what is kept for a bad day. With the names that the files have, so that the
    /// release which knew those can read it.
    pub text: String,
    /// The databases of places.
    pub databases: Databases,
    /// What holds, and should be said otherwise: settings by their old names.
    pub warnings: Vec<String>,
    /// What it was read from; none where it is a text that was kept.
    pub files: Vec<SourceFile>,
}

/// A file that settings were read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// Where it is.
    pub path: String,
    /// What `sha256sum` says of what was read.
    pub sha256: [u8; 32],
}

impl SourceFile {
    fn new(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), sha256: Sha256::digest(text).into() }
    }
}

impl Settings {
    /// Reads `path` and then `path.d/*.toml` in the order of their names; later ones win, key by
    /// key. `host` is the issuer where none is set.
    pub fn read(path: &Path, host: &str) -> Result<Self, SettingsError> {
        let merged = files::read(path)?;
        Self::of(merged, host).map_err(|said| SettingsError::Broken { path: path.to_owned(), said })
    }

    /// Reads one text as if it were the only file, called `path` where it is named.
    pub fn of_text(text: &str, path: &str, host: &str) -> Result<Self, String> {
        let mut merged = Merged::default();
        merged.add(text, path)?;
        Self::of(merged, host)
    }

    /// Reads a text as [`Settings::read`] would if it were in the file `place`, with all that is in `place.d`.
    pub fn of_text_at(text: &str, path: &str, place: &Path, host: &str) -> Result<Self, String> {
        let mut merged = Merged::default();
        merged.add(text, path).map_err(|said| format!("{path}: {said}"))?;
        merged.add_parts_of(place).map_err(|error| error.to_string())?;
        Self::of(merged, host)
    }

    fn of(Merged { table, places, files }: Merged, host: &str) -> Result<Self, String> {
        let settings = Self::parse(&table.to_string(), host)?;
        Ok(Self { rules: Rules { places, ..settings.rules }, files, ..settings })
    }

    /// Reads a text that was kept.
    pub fn parse(text: &str, host: &str) -> Result<Self, String> {
        let (file, warnings) = form(text)?;
        let databases = meaning::databases(&file.location)?;
        let rules = meaning::rules(file, host)?;
        Ok(Self { rules, databases, text: text.to_owned(), warnings, files: Vec::new() })
    }
}

/// The file's form, and warnings. What the parser says has line and column where no setting has an old name.
fn form(text: &str) -> Result<(File, Vec<String>), String> {
    let mut table: Table = text.parse().map_err(|error: toml::de::Error| error.to_string())?;
    let warnings = rename(&mut table, RENAMED)?;
    let file = if warnings.is_empty() { toml::from_str(text) } else { table.try_into() };
    file.map(|file| (file, warnings)).map_err(|error| error.to_string())
}
