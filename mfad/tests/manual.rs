//! mfad.toml(5) tells of every setting that there is.
#![forbid(unsafe_code)]

use std::path::Path;

use mfad::settings::Settings;

const SECTIONS: [&str; 5] = ["policy", "service", "service.su", "enroll", "admin"];

fn page() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging/man/mfad.toml.5");
    std::fs::read_to_string(path).unwrap()
}

/// The keys of a section, as the reader itself lists them when it meets one that is not known.
fn keys(section: &str) -> Vec<String> {
    let head = if section.is_empty() { String::new() } else { format!("[{section}]\n") };
    let required = if section == "policy" { "" } else { "[policy]\nmode = \"off\"\n" };
    let said = match section {
        "" => Settings::parse("no_such_key = 1\n[policy]\nmode = \"off\"\n", "host"),
        _ => Settings::parse(&format!("{required}{head}no_such_key = 1\n"), "host"),
    };
    let said = said.unwrap_err();
    let (_, known) = said.split_once("unknown field `no_such_key`").unwrap_or_else(|| panic!("{said}"));
    known.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The values of a key that takes one of a few words.
fn values(text: &str) -> Vec<String> {
    let said = Settings::parse(text, "host").unwrap_err();
    let (_, known) = said.split_once("unknown variant `no_such_value`").unwrap_or_else(|| panic!("{said}"));
    known.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn every_section_is_one_that_this_test_looks_into() {
    let sections: Vec<String> = keys("");
    assert!(!sections.is_empty());
    for section in sections {
        assert!(SECTIONS.contains(&section.as_str()), "{section}");
    }
    assert_eq!(keys("service"), ["su"]);
}

#[test]
fn every_key_is_under_its_section() {
    let page = page();
    for section in SECTIONS.iter().filter(|section| **section != "service") {
        let heading = format!(".SH \"SECTION [{section}]\"");
        let (_, text) = page.split_once(&heading).unwrap_or_else(|| panic!("no {heading}"));
        let text = text.split("\n.SH ").next().unwrap();
        let keys = keys(section);
        assert!(!keys.is_empty());
        for key in keys {
            assert!(text.contains(&format!("\n.TP\n.B {key}\n")), "{section}.{key} is not told of");
        }
    }
}

#[test]
fn every_word_that_a_key_takes_is_named() {
    let page = page();
    for text in [
        "[policy]\nmode = \"no_such_value\"\n",
        "[policy]\nmode = \"off\"\nafter_grace = \"no_such_value\"\n",
        "[policy]\nmode = \"off\"\n[service.su]\nsubject = \"no_such_value\"\n",
    ] {
        let values = values(text);
        assert!(values.len() >= 2);
        for value in values {
            assert!(page.contains(&format!("\\(dq{value}\\(dq")), "{value} is not told of: {text}");
        }
    }
}

#[test]
fn the_examples_are_settings() {
    let page = page();
    let examples: Vec<&str> =
        page.split("\n.nf\n").skip(1).map(|rest| rest.split("\n.fi\n").next().unwrap()).collect();
    assert_eq!(examples.len(), 2);
    for example in examples {
        Settings::parse(example, "host").unwrap_or_else(|said| panic!("{said}\n{example}"));
    }
}
