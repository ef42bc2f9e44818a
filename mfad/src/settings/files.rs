//! The files: read, each by itself in order, and merged. Later ones win, key by key; rules and exemptions of all
//! files hold together, and each remembers its file and line.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use serde::Deserialize;
use toml::{Spanned, Table, Value};

use super::{RENAMED, SettingsError, SourceFile, form::File, rename};

/// The longest settings file, in bytes.
const LONGEST: u64 = 1 << 20;
/// The lists that go on from file to file.
const LISTS: [&str; 2] = ["rule", "exempt"];
/// Where an entry of a list is written; ours to say.
const DEFINED_AT: &str = "defined_at";

/// Files, merged.
#[derive(Default)]
pub(super) struct Merged {
    pub(super) table: Table,
    /// File and line of what says of whom a factor is asked, by its key: `policy.mode`, `group.NAME.mode`. Beside the
    /// table, and not in it: the release before would not know what it is.
    pub(super) places: BTreeMap<String, String>,
    pub(super) files: Vec<SourceFile>,
}

impl Merged {
    /// What the text of a file says wins over what is there.
    pub(super) fn add(&mut self, text: &str, path: &str) -> Result<(), String> {
        merge(&mut self.table, part(text, path)?);
        self.places.extend(places(text, path)?);
        self.files.push(SourceFile::new(path, text));
        Ok(())
    }

    /// The same with every file of `path.d`, in the order of their names.
    pub(super) fn add_parts_of(&mut self, path: &Path) -> Result<(), SettingsError> {
        let mut folder = path.as_os_str().to_owned();
        folder.push(".d");
        parts(Path::new(&folder))?.iter().try_for_each(|part| self.add_file(part))
    }

    fn add_file(&mut self, path: &Path) -> Result<(), SettingsError> {
        let text = text_of(path)?;
        let broken = |said| SettingsError::Broken { path: path.to_owned(), said };
        self.add(&text, &path.display().to_string()).map_err(broken)
    }
}

/// All files, merged: `path` and then `path.d/*.toml` in the order of their names.
pub(super) fn read(path: &Path) -> Result<Merged, SettingsError> {
    let mut merged = Merged::default();
    merged.add_file(path)?;
    merged.add_parts_of(path)?;
    Ok(merged)
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

fn text_of(path: &Path) -> Result<String, SettingsError> {
    let unreadable = |error| SettingsError::Unreadable { path: path.to_owned(), error };
    let meta = fs::metadata(path).map_err(unreadable)?;
    if meta.uid() != 0 && meta.uid() != nix::unistd::geteuid().as_raw() || meta.mode() & 0o022 != 0 {
        return Err(SettingsError::Writable { path: path.to_owned() });
    }
    if !meta.is_file() || meta.len() > LONGEST {
        let said = "is no plain file, or larger than 1 MiB".into();
        return Err(SettingsError::Broken { path: path.to_owned(), said });
    }
    fs::read_to_string(path).map_err(unreadable)
}

/// One file's text: what it says is of the right form, with line and column where it is not.
fn part(text: &str, path: &str) -> Result<Table, String> {
    let mut table: Table = text.parse().map_err(|error: toml::de::Error| error.to_string())?;
    let mut known = table.clone();
    let renamed = !rename(&mut known, RENAMED)?.is_empty();
    let form = if renamed { known.try_into::<File>() } else { toml::from_str(text) };
    form.map_err(|error| error.to_string())?;
    mark(&mut table, text, path)?;
    Ok(table)
}

/// Where the entries of the lists and the networks begin.
#[derive(Deserialize)]
struct Marks {
    #[serde(default)]
    networks: BTreeMap<String, Spanned<Value>>,
    #[serde(default)]
    rule: Vec<Spanned<Table>>,
    #[serde(default)]
    exempt: Vec<Spanned<Table>>,
}

/// Says of each rule, exemption and network where it is written.
fn mark(table: &mut Table, text: &str, path: &str) -> Result<(), String> {
    let marks: Marks = toml::from_str(text).map_err(|error| error.to_string())?;
    let line = |at: usize| line_of(text, at);
    let networks = marks.networks.into_iter();
    let networks: Table =
        networks.map(|(name, at)| (name, format!("{path}:{}", line(at.span().start)).into())).collect();
    if table.contains_key(DEFINED_AT) {
        return Err(format!("{DEFINED_AT} is mfad's own to say"));
    }
    if !networks.is_empty() {
        table.insert(DEFINED_AT.to_owned(), Value::Table(networks));
    }
    for (list, spans) in LISTS.into_iter().zip([marks.rule, marks.exempt]) {
        let Some(Value::Array(entries)) = table.get_mut(list) else { continue };
        for (entry, span) in entries.iter_mut().zip(spans) {
            let line = line(span.span().start);
            let Value::Table(entry) = entry else { continue };
            if entry.insert(DEFINED_AT.to_owned(), format!("{path}:{line}").into()).is_some() {
                return Err(format!("line {line}: {DEFINED_AT} is mfad's own to say"));
            }
        }
    }
    Ok(())
}

/// Where what says of whom a factor is asked is written, by its key.
fn places(text: &str, path: &str) -> Result<BTreeMap<String, String>, String> {
    #[derive(Deserialize)]
    struct Places {
        #[serde(default)]
        policy: BTreeMap<String, Spanned<Value>>,
        #[serde(default)]
        group: BTreeMap<String, BTreeMap<String, Spanned<Value>>>,
    }
    let places: Places = toml::from_str(text).map_err(|error| error.to_string())?;
    let at = |span: &Spanned<Value>| format!("{path}:{}", line_of(text, span.span().start));
    let told = |(key, _): &(&String, &Spanned<Value>)| ["mode", "service_accounts"].contains(&key.as_str());
    let policy = places.policy.iter().filter(told).map(|(key, span)| (format!("policy.{key}"), at(span)));
    let groups = places.group.iter().flat_map(|(name, keys)| {
        keys.iter().map(move |(key, span)| (format!("group.{name}.{key}"), at(span)))
    });
    Ok(policy.chain(groups).collect())
}

/// The line, counted from 1, that the byte is in.
fn line_of(text: &str, byte: usize) -> usize {
    text[..byte].matches('\n').count() + 1
}

fn merge(into: &mut Table, from: Table) {
    for (key, value) in from {
        match (into.get_mut(&key), value) {
            (Some(Value::Table(old)), Value::Table(new)) => merge(old, new),
            (Some(Value::Array(old)), Value::Array(new)) if LISTS.contains(&key.as_str()) => old.extend(new),
            (_, value) => {
                into.insert(key, value);
            }
        }
    }
}
