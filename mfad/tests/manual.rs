//! mfad.toml(5) and the sample tell of every setting that there is, as the reader itself lists them.
#![forbid(unsafe_code)]

use std::{fs, path::Path};

use mfad::settings::Settings;

/// What stands for a name of the administrator's.
const NAME: &str = "NAME";
/// Says where a rule is written; the reader's own.
const OWN: &str = "defined_at";
/// What a section is told of under, where that is not its own name.
const TOLD_UNDER: [(&str, &str); 3] = [
    ("policy.service_accounts", "SECTION [policy]"),
    ("rule.when", "CONDITIONS"),
    ("rule.unless", "CONDITIONS"),
];

fn file(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)).unwrap()
}

fn page() -> String {
    file("packaging/man/mfad.toml.5")
}

fn sample() -> String {
    file("packaging/files/mfad.toml")
}

fn read(text: &str) -> Result<Settings, String> {
    Settings::of_text(text, "", "example") // the issuer of the sample
}

/// What the reader says of a section: a table, a list of tables, or tables by name.
struct Section {
    path: Vec<String>,
    /// What stands before its keys.
    head: String,
}

impl Section {
    /// What the reader says to a line in there.
    fn said_to(&self, line: &str) -> String {
        let mode = if self.path == ["policy"] { "" } else { "[policy]\nmode = \"off\"\n" };
        let text = if self.path.is_empty() {
            format!("{line}\n{mode}")
        } else {
            format!("{mode}{}{line}\n", self.head)
        };
        read(&text).err().unwrap_or_default()
    }

    /// Its keys, where it is a section.
    fn keys(&self) -> Option<Vec<String>> {
        let said = self.said_to("no_such_key = 1");
        let (_, known) = said.split_once("unknown field `no_such_key`, expected ")?;
        let keys: Vec<String> = known.split('`').skip(1).step_by(2).map(str::to_owned).collect();
        assert!(!keys.is_empty(), "{said}");
        Some(keys.into_iter().filter(|key| key != OWN).collect())
    }

    /// The section of that name below it, in whichever form the reader knows it.
    fn below(&self, key: &str) -> Option<Self> {
        let path = [self.path.clone(), vec![key.to_owned()]].concat();
        let outer = if self.head.starts_with("[[") { self.head.as_str() } else { "" };
        let name = path.join(".");
        let forms = [
            (format!("{outer}[{name}]\n"), path.clone()),
            (format!("[[{name}]]\n"), path.clone()),
            (format!("[{name}.{NAME}]\n"), [path.clone(), vec![NAME.to_owned()]].concat()),
        ];
        forms.into_iter().map(|(head, path)| Self { path, head }).find(|section| section.keys().is_some())
    }

    /// As the manual and the sample call it.
    fn title(&self) -> String {
        let path = self.path.join(".");
        if self.head.starts_with("[[") { format!("[[{path}]]") } else { format!("[{path}]") }
    }
}

/// A key that takes a value.
struct Key {
    section: String,
    title: String,
    name: String,
    /// The words that it takes, where there are only a few.
    words: Vec<String>,
}

fn gather(section: &Section, found: &mut Vec<Key>) {
    for name in section.keys().expect("a section") {
        if let Some(below) = section.below(&name) {
            gather(&below, found);
            continue;
        }
        let words = ["\"no_such_value\"", "[\"no_such_value\"]"].map(|value| {
            let said = section.said_to(&format!("{name} = {value}"));
            let known = said.split_once("unknown variant `no_such_value`, expected ");
            known.map_or(Vec::new(), |(_, known)| {
                known.split('`').skip(1).step_by(2).map(str::to_owned).collect()
            })
        });
        // A table whose keys are all the administrator's own.
        let (section, title, name) = if section.path.is_empty() {
            (name.clone(), format!("[{name}]"), NAME.to_owned())
        } else {
            (section.path.join("."), section.title(), name)
        };
        found.push(Key { section, title, name, words: words.concat() });
    }
}

fn every_key() -> Vec<Key> {
    let mut found = Vec::new();
    gather(&Section { path: Vec::new(), head: String::new() }, &mut found);
    let paths: Vec<String> = found.iter().map(|key| format!("{}.{}", key.section, key.name)).collect();
    for must in [
        "policy.mode",
        "policy.service_accounts.uids",
        "service.su.subject",
        "group.NAME.mode",
        "networks.NAME",
        "rule.then",
        "rule.when.command",
        "rule.unless.travel",
        "exempt.until",
    ] {
        assert!(paths.iter().any(|path| path == must), "{must} is not among {paths:?}");
    }
    found
}

#[test]
fn the_manual_tells_of_every_key_under_its_section_and_of_every_word_that_it_takes() {
    let page = page();
    let mut words = 0;
    for key in every_key() {
        let under = TOLD_UNDER.iter().find(|(section, _)| *section == key.section);
        let under = under.map_or(format!("SECTION {}", key.title), |(_, under)| (*under).to_owned());
        let heading =
            if under.contains(' ') { format!("\n.SH \"{under}\"\n") } else { format!("\n.SH {under}\n") };
        let (_, text) = page.split_once(&heading).unwrap_or_else(|| panic!("no {heading}"));
        let text = text.split("\n.SH ").next().unwrap();
        let entry = format!("\n.TP\n.B {}\n", key.name);
        let text = format!("\n{text}");
        let entry = text.split_once(&entry).map(|(_, entry)| entry);
        let entry = entry.unwrap_or_else(|| panic!("{under} does not tell of {}", key.name));
        for word in key.words {
            assert!(entry.contains(&format!("\\(dq{word}\\(dq")), "{}: {word} is not told of", key.name);
            words += 1;
        }
    }
    assert!(words > 20, "{words} words");
}

#[test]
fn the_examples_of_the_manual_are_settings() {
    let page = page();
    let examples: Vec<String> = page
        .split("\n.nf\n")
        .skip(1)
        .map(|rest| rest.split("\n.fi\n").next().unwrap().replace("\\-", "-"))
        .collect();
    assert_eq!(examples.len(), 4);
    for example in examples {
        read(&example).unwrap_or_else(|said| panic!("{said}\n{example}"));
    }
}

/// The sample with its defaults spelled out, and its examples too where they are wanted.
fn spelled_out(examples: bool) -> String {
    let line = |line: &str| {
        let example = line.strip_prefix("#:").filter(|_| examples);
        let default = line.strip_prefix('#').filter(|key| key.starts_with(|c: char| c.is_ascii_lowercase()));
        format!("{}\n", example.or(default).unwrap_or(line))
    };
    sample().lines().map(line).collect()
}

#[test]
fn the_sample_says_what_holds_without_its_lines() {
    let rules = |text: &str| {
        let mut rules = read(text).unwrap_or_else(|said| panic!("{said}")).rules;
        rules.places.clear(); // lines differ
        rules
    };
    assert_eq!(rules(&sample()), rules(&spelled_out(false)));
}

#[test]
fn the_examples_of_the_sample_are_settings_and_hold_when_they_are_put_in() {
    let with = read(&spelled_out(true)).unwrap_or_else(|said| panic!("{said}")).rules;
    assert!(with.remember.is_some() && with.required_from.is_some() && !with.service_accounts.is_empty());
    assert_eq!((with.networks.len(), with.group_modes.len()), (2, 1));
    assert_eq!((with.rules.len(), with.exemptions.len()), (3, 2));
}

#[test]
fn the_sample_explains_every_key() {
    let sample = sample();
    let table: toml::Table = spelled_out(true).parse().unwrap();
    for key in every_key() {
        if key.section == "rule.unless" || key.section == "rule.when" {
            let listed = sample.split("# Conditions: ").nth(1).unwrap().split(": see").next().unwrap();
            let listed: Vec<&str> = listed.split([',', ' ', '\n', '#']).collect();
            assert!(listed.contains(&key.name.as_str()), "{} is not among the conditions", key.name);
            continue;
        }
        assert!(has(&table, &key), "{}: no {}", key.title, key.name);
        for word in key.words {
            assert!(
                sample.contains(&format!("\"{word}\"")) || sample.contains(&format!("\n# {word} ")),
                "{}: {word} is not told of",
                key.name
            );
        }
    }
}

/// Whether some entry of that section has the key.
fn has(table: &toml::Table, key: &Key) -> bool {
    let whole = toml::Value::Table(table.clone());
    let mut at = vec![&whole];
    for part in key.section.split('.').chain([key.name.as_str()]) {
        at = at.into_iter().flat_map(|value| below(value, part)).collect();
    }
    !at.is_empty()
}

/// What a value has by that name: of a list, each entry's; of tables that the administrator names, all.
fn below<'a>(value: &'a toml::Value, part: &str) -> Vec<&'a toml::Value> {
    match value {
        toml::Value::Table(table) if part == NAME => table.values().collect(),
        toml::Value::Table(table) => table.get(part).into_iter().collect(),
        toml::Value::Array(list) => list.iter().filter_map(|entry| entry.get(part)).collect(),
        _ => Vec::new(),
    }
}
