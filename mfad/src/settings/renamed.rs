//! Settings that had another name: accepted for two releases, with a warning.

use toml::{Table, Value};

/// A setting, by the path of its keys.
type Path = &'static [&'static str];

/// A setting that was given a better name.
pub(super) struct Renamed {
    /// As it was called.
    pub(super) old: Path,
    /// As it is called.
    pub(super) new: Path,
    /// The first release that no longer knows the old name.
    pub(super) until: &'static str,
}

/// Every renamed setting, for as long as its old name is accepted.
pub(super) const RENAMED: &[Renamed] =
    &[Renamed { old: &["policy", "account_enforce"], new: &["policy", "enforce_account"], until: "0.3" }];

/// Moves what has an old name to the new one. A warning for each; an error where both are there, since nobody could
/// say which of them holds.
pub(super) fn rename(table: &mut Table, renamed: &[Renamed]) -> Result<Vec<String>, String> {
    let mut warnings = Vec::new();
    for Renamed { old, new, until } in renamed {
        let Some(value) = take(table, old) else { continue };
        let (was, is) = (old.join("."), new.join("."));
        if put(table, new, value).is_err() {
            return Err(format!("{was}: is called {is} now, and both are there: remove the old one"));
        }
        warnings.push(format!(
            "{was}: is called {is} now; the old name is accepted until mfad {until}: change it"
        ));
    }
    Ok(warnings)
}

fn take(table: &mut Table, path: &[&str]) -> Option<Value> {
    let (last, sections) = path.split_last()?;
    let mut table = table;
    for section in sections {
        table = table.get_mut(*section)?.as_table_mut()?;
    }
    table.remove(*last)
}

/// Puts a value where none is.
fn put(table: &mut Table, path: &[&str], value: Value) -> Result<(), ()> {
    let (last, sections) = path.split_last().ok_or(())?;
    let mut table = table;
    for section in sections {
        let section = table.entry(*section).or_insert_with(|| Value::Table(Table::new()));
        table = section.as_table_mut().ok_or(())?;
    }
    if table.contains_key(*last) {
        return Err(());
    }
    table.insert((*last).to_owned(), value);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOVED: &[Renamed] = &[
        Renamed { old: &["a", "old"], new: &["b", "c", "new"], until: "9.9" },
        Renamed { old: &["top"], new: &["a", "down"], until: "9.9" },
    ];

    fn renamed(text: &str) -> Result<(Table, Vec<String>), String> {
        let mut table = text.parse().unwrap();
        rename(&mut table, MOVED).map(|warnings| (table, warnings))
    }

    #[test]
    fn what_has_an_old_name_is_found_under_the_new_one_with_a_warning() {
        let (table, warnings) = renamed("top = 1\n[a]\nold = [2]\nstays = 3\n").unwrap();
        assert_eq!(table, "[a]\nstays = 3\ndown = 1\n[b.c]\nnew = [2]\n".parse().unwrap());
        assert_eq!(warnings.len(), 2);
        assert!(["a.old", "b.c.new", "9.9"].iter().all(|word| warnings[0].contains(word)), "{warnings:?}");
    }

    #[test]
    fn what_has_the_new_name_only_is_left_alone() {
        let (table, warnings) = renamed("[b.c]\nnew = 1\n").unwrap();
        assert_eq!((table, warnings), ("[b.c]\nnew = 1\n".parse().unwrap(), vec![]));
    }

    #[test]
    fn both_names_at_once_are_an_error() {
        for both in ["[a]\nold = 1\n[b.c]\nnew = 1\n", "b = 1\n[a]\nold = 1\n"] {
            assert!(renamed(both).is_err(), "{both}");
        }
    }

    // An old name is there for two releases, and no longer.
    #[test]
    fn no_old_name_outlives_its_release() {
        let number = |version: &str| -> Vec<u32> {
            version.split('.').map(|part| part.parse().expect("a number")).collect()
        };
        for Renamed { old, until, .. } in RENAMED {
            assert!(number(until) > number(env!("CARGO_PKG_VERSION")), "{old:?} was accepted until {until}");
        }
    }
}
