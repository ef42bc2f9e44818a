//! Whether the shapes of `--json` are those that `packaging/schema` tells of.
//!
//! The files say what is there, and leave room for keys that a later version adds. These tests are
//! stricter: a key that no file tells of is a failure, so whoever adds one writes it down.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::{Map, Value};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging/schema")
}

/// Panics unless `view` is what the schema `name` tells of, and unless the schema would tell of any
/// key of it that was renamed, added, left out or given another type.
pub(crate) fn holds(name: &str, view: &impl Serialize) {
    let path = folder().join(format!("{name}.json"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let schema: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
    let value = serde_json::to_value(view).unwrap();
    check(&schema, &schema, &value).unwrap_or_else(|why| panic!("{name}: {why}"));
    for (what, spoilt) in spoilt(&value) {
        assert!(check(&schema, &schema, &spoilt).is_err(), "{name} does not notice {what}");
    }
}

/// The part of draft 2020-12 that the files use; a word that is not known here checks nothing, and fails.
fn check(root: &Value, schema: &Value, value: &Value) -> Result<(), String> {
    let words = schema.as_object().ok_or("a schema is an object")?;
    for (word, says) in words {
        match (word.as_str(), value) {
            ("$schema", _) if says == "https://json-schema.org/draft/2020-12/schema" => {}
            ("$id" | "title" | "description" | "$comment" | "$defs", _) => {}
            ("$ref", _) => {
                let place = says.as_str().and_then(|place| place.strip_prefix('#'));
                let part = place.and_then(|place| root.pointer(place));
                check(root, part.ok_or_else(|| format!("{says} is not there"))?, value)?;
            }
            ("type", _) if says == kind(value) => {}
            ("type", _) if says.as_array().is_some_and(|all| all.iter().any(|one| one == kind(value))) => {}
            ("minimum", Value::Number(number)) if number.as_f64() >= says.as_f64() => {}
            ("enum", _) if says.as_array().is_some_and(|all| all.contains(value)) => {}
            ("required", Value::Object(object)) => {
                let keys = says.as_array().ok_or("required is a list")?;
                let missing =
                    keys.iter().find(|key| !key.as_str().is_some_and(|key| object.contains_key(key)));
                missing.map_or(Ok(()), |key| Err(format!("{key} is missing")))?;
            }
            ("properties", Value::Object(object)) => {
                for (key, value) in object {
                    let part = says.get(key).ok_or_else(|| format!("no schema tells of {key}"))?;
                    check(root, part, value).map_err(|why| format!("{key}: {why}"))?;
                }
            }
            ("items", Value::Array(values)) => {
                values.iter().try_for_each(|value| check(root, says, value))?;
            }
            _ => return Err(format!("{word}: {says} does not hold for {value}")),
        }
    }
    let constrained = ["type", "$ref"].iter().any(|word| words.contains_key(*word));
    if constrained { Ok(()) } else { Err("a schema without a type says nothing".to_owned()) }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// `value` with one thing changed, in every way and at every depth, and what that is.
fn spoilt(value: &Value) -> Vec<(String, Value)> {
    let mut all = vec![("another type".to_owned(), serde_json::json!([[]]))];
    match value {
        Value::Object(object) => {
            let mut with = |what: String, change: &dyn Fn(&mut Map<String, Value>)| {
                let mut object = object.clone();
                change(&mut object);
                all.push((what, Value::Object(object)));
            };
            with("a key more".to_owned(), &|object| {
                object.insert("one_more".to_owned(), Value::from(1));
            });
            for (key, value) in object {
                with(format!("{key} renamed"), &|object| {
                    object.remove(key);
                    object.insert(format!("{key}_"), value.clone());
                });
                for (what, spoilt) in spoilt(value) {
                    with(format!("{key}: {what}"), &|object| {
                        object.insert(key.clone(), spoilt.clone());
                    });
                }
            }
        }
        Value::Array(values) => {
            for (at, value) in values.iter().enumerate() {
                for (what, spoilt) in spoilt(value) {
                    let mut values = values.clone();
                    values[at] = spoilt;
                    all.push((what, Value::Array(values)));
                }
            }
        }
        _ => {}
    }
    all
}

mod tests {
    use clap::{Command, CommandFactory};
    use serde_json::json;

    use super::*;
    use crate::cli::Cli;

    #[test]
    fn what_a_schema_does_not_tell_of_is_noticed() {
        let schema = json!({"type": "object", "properties": {"a": {"type": "integer", "minimum": 0}}, "required": ["a"]});
        let check = |value: Value| check(&schema, &schema, &value);
        assert!(check(json!({"a": 1})).is_ok());
        for odd in [
            json!({}),
            json!({"a": "1"}),
            json!({"a": -1}),
            json!({"a": 1.5}),
            json!({"a": 1, "b": 2}),
            json!([]),
        ] {
            assert!(check(odd.clone()).is_err(), "{odd}");
        }
        for vain in [json!({}), json!({"pattern": "a", "type": "string"}), json!({"$ref": "#/nowhere"})] {
            assert!(super::check(&vain, &vain, &json!("a")).is_err(), "{vain}");
        }
    }

    /// The verbs that take `--json`, as `user-show`.
    fn verbs(verb: &Command, above: &str, found: &mut BTreeSet<String>) {
        for verb in verb.get_subcommands() {
            let name = format!("{above}{}", verb.get_name());
            verbs(verb, &format!("{name}-"), found);
            if verb.get_arguments().any(|argument| argument.get_long() == Some("json")) {
                found.insert(name);
            }
        }
    }

    #[test]
    fn every_shape_has_a_schema() {
        let mut wanted: BTreeSet<String> =
            ["enroll-begin-ssh-key", "policy-simulate-summary", "user-list-gone", "user-list-not-enrolled"]
                .map(str::to_owned)
                .into();
        verbs(&Cli::command(), "", &mut wanted);
        let stem = |entry: std::io::Result<std::fs::DirEntry>| {
            let path = entry.unwrap().path();
            assert!(path.extension().is_some_and(|extension| extension == "json"), "{}", path.display());
            path.file_stem().unwrap().to_str().unwrap().to_owned()
        };
        let there: BTreeSet<String> = std::fs::read_dir(folder()).unwrap().map(stem).collect();
        assert_eq!(there, wanted);
    }

    #[test]
    fn every_schema_is_held_against_a_view() {
        fn sources(folder: &Path, text: &mut String) {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    sources(&path, text);
                } else {
                    text.push_str(&std::fs::read_to_string(path).unwrap());
                }
            }
        }
        let mut text = String::new();
        sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut text);
        for entry in std::fs::read_dir(folder()).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            assert!(text.contains(&format!("schema::holds(\"{name}\", ")), "nothing is held against {name}");
        }
    }
}
