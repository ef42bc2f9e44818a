//! The documents say what is so: each command in them is run by a test, each test that they name is there, each page
//! that they lead to exists.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use mfa_tests::document::{Block, Kind, Place, blocks, commands, repository};
use mfa_tests::product::built;

/// What people read who come from outside.
fn documents() -> Vec<String> {
    let mut found = vec!["README.md".to_owned(), "SECURITY.md".to_owned(), "CONTRIBUTING.md".to_owned()];
    for folder in ["packaging/doc", "packaging/docker"] {
        let listed = fs::read_dir(repository().join(folder)).expect("a folder of documents");
        let names =
            listed.map(|entry| entry.expect("it is listed").file_name().into_string().expect("UTF-8"));
        let pages = names.filter(|name| Path::new(name).extension().is_some_and(|end| end == "md"));
        found.extend(pages.map(|name| format!("{folder}/{name}")));
    }
    found
}

fn text_of(path: impl AsRef<Path>) -> String {
    let path = repository().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("reading {}: {error}", path.display()))
}

/// Every Rust file of the workspace.
fn sources() -> Vec<PathBuf> {
    fn below(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).expect("a folder of the repository") {
            let path = entry.expect("it is listed").path();
            if path.is_dir() {
                below(&path, found);
            } else if path.extension().is_some_and(|end| end == "rs") {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    for member in ["mfa_proto", "mfactl", "mfad", "pam_mfa", "tests"] {
        below(&repository().join(member), &mut found);
    }
    found
}

/// The text of a source without its comments, which do nothing.
fn code_of(path: &Path) -> String {
    let text = fs::read_to_string(path).expect("a source");
    text.lines().filter(|line| !line.trim_start().starts_with("//")).map(|line| format!("{line}\n")).collect()
}

/// All tests that are run, `#[test]`, further attributes, `fn NAME`: their names with what is in them, without comments.
fn tests() -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for source in sources() {
        for test in code_of(&source).split("#[test]\n").skip(1) {
            let (attributes, rest) = test.split_once("fn ").expect("a test is a function");
            let (name, rest) = rest.split_once('(').expect("a function has parentheses");
            let indent = attributes.len() - attributes.trim_start_matches(' ').len();
            let body = rest.split(&format!("\n{}}}\n", " ".repeat(indent))).next().unwrap_or_default();
            if !attributes.contains("#[ignore") {
                found.insert(name.to_owned(), body.to_owned());
            }
        }
    }
    found
}

/// Whether a scenario plays that machine of that document.
fn is_played(document: &str, machine: &str) -> bool {
    let of_document = format!("const PAGE: &str = \"{document}\";");
    let plays = format!("Page::of(PAGE, \"{machine}\")");
    sources()
        .iter()
        .map(|source| code_of(source))
        .any(|code| code.contains(&of_document) && code.contains(&plays))
}

/// Panics where `name` is neither a script that has each command of the block as a line of its own, nor a test that
/// has each of them, whole, as a string.
fn run_elsewhere(block: &Block, name: &str) {
    let script = repository().join(name);
    let is_run: Box<dyn Fn(&str) -> bool> = if script.is_file() {
        let script = fs::read_to_string(&script).expect("a script");
        Box::new(move |command| {
            script.lines().any(|line| line.trim_start_matches("exec ").trim_start_matches("./") == command)
        })
    } else {
        let body = tests().remove(name).unwrap_or_else(|| panic!("{}: there is no test {name}", block.at));
        Box::new(move |command| body.contains(&format!("\"{command}\"")))
    };
    for command in commands(block) {
        assert!(is_run(&command), "{}: {name} does not run `{command}`", block.at);
    }
}

#[test]
fn each_command_of_each_document_is_run_by_a_test() {
    for document in documents() {
        for block in blocks(&document) {
            match &block.place {
                Place::Nowhere => assert_eq!(block.kind, Kind::Text),
                Place::Machine(name) => {
                    assert!(is_played(&document, name), "{}: no scenario plays machine={name}", block.at);
                }
                Place::Elsewhere(test) => run_elsewhere(&block, test),
            }
        }
    }
}

/// What stands between single backquotes, with its place.
fn named_in(document: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut fenced = false;
    let text = text_of(document);
    let mut prose = String::new();
    for line in text.lines() {
        fenced ^= line.trim_start().starts_with("```");
        prose.push_str(if fenced { "" } else { line });
        prose.push('\n');
    }
    for (number, span) in prose.split('`').enumerate() {
        if number % 2 == 1 {
            found.push((document.to_owned(), span.split_whitespace().collect::<Vec<_>>().join(" ")));
        }
    }
    found
}

#[test]
fn each_command_that_the_text_names_is_one() {
    for (document, span) in documents().iter().flat_map(|document| named_in(document)) {
        let line = span.trim_start_matches("sudo ");
        let mut words = line.split_whitespace().take_while(|word| !["|", "&&", ";"].contains(word));
        let program = words.next().map(|program| program.trim_start_matches("target/release/"));
        let Some(program @ ("mfactl" | "mfad" | "bench")) = program else { continue };
        let arguments: Vec<&str> = words.map(|word| word.trim_matches('\'')).collect();
        let asked = Command::new(built(program)).args(&arguments).arg("--help").output().expect("it starts");
        let said = String::from_utf8_lossy(&asked.stderr);
        assert!(asked.status.success(), "{document}: there is no `{span}`: {said}");
    }
}

#[test]
fn each_page_that_a_document_leads_to_is_there() {
    for document in documents() {
        let text = text_of(&document);
        let folder = Path::new(&document).parent().expect("a file has a folder");
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if link.contains("://") {
                continue;
            }
            let (path, section) = link.split_once('#').unwrap_or((link, ""));
            let page = if path.is_empty() { PathBuf::from(&document) } else { folder.join(path) };
            assert!(repository().join(&page).exists(), "{document}: there is no {link}");
            let is_heading = |line: &str| line.starts_with('#') && anchor(line) == section;
            let there = section.is_empty() || text_of(&page).lines().any(is_heading);
            assert!(there, "{document}: {} has no section {section}", page.display());
        }
    }
}

/// As GitHub makes it of a heading.
fn anchor(heading: &str) -> String {
    let kept = |c: &char| c.is_alphanumeric() || *c == ' ' || *c == '-' || *c == '_';
    let text: String = heading.trim_start_matches('#').trim().to_lowercase().chars().filter(kept).collect();
    text.replace(' ', "-")
}

#[test]
fn each_test_that_the_ledger_names_is_there() {
    let tests = tests();
    let text = text_of("SECURITY.md");
    let (_, ledger) = text.split_once("\n## What others got wrong").expect("SECURITY.md has the ledger");
    let rows = ledger.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| system"));
    let mut count = 0;
    for row in rows {
        let last = row.trim_end_matches(" |").rsplit(" | ").next().expect("a last column");
        let names: Vec<&str> = last.split('`').skip(1).step_by(2).collect();
        assert!(!names.is_empty(), "no test shows this: {row}");
        for name in names {
            assert!(tests.contains_key(name), "there is no test {name}: {row}");
        }
        count += 1;
    }
    assert!(count > 25, "a ledger of {count} rows");
}

#[test]
fn the_demo_is_played_to_its_end() {
    // As the script does once it has built it: to build it here would change programs that other tests run.
    let script = text_of("packaging/demo");
    assert!(script.contains("\nconfined \"$target/debug/demo\" \"${arguments[@]}\"\n"), "{script}");
    let demo = Command::new(built("demo")).output().expect("it starts");
    let told = String::from_utf8_lossy(&demo.stdout);
    let said = String::from_utf8_lossy(&demo.stderr);
    assert!(demo.status.success() && told.contains("6. What the administrator sees"), "{told}\n{said}");
}
