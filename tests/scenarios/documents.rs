//! The documents say what is so: each command in them is run by a test, each test that they name is there, each page
//! that they lead to exists.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use mfa_tests::document::{Block, Kind, Place, blocks, commands, repository};
use mfa_tests::product::built;
use mfa_tests::{Suite, image};

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

/// What stands between backquotes, outside fenced blocks.
fn named_in(document: &str) -> Vec<String> {
    let mut fenced = false;
    let text = text_of(document);
    let prose = text.lines().filter(|line| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        !fence && !fenced
    });
    let prose: Vec<&str> = prose.collect();
    let mut rest = prose.join("\n");
    let mut found = Vec::new();
    while let Some(at) = rest.find('`') {
        // As many as begin it end it.
        let opened = rest[at..].chars().take_while(|c| *c == '`').count();
        let inside = &rest[at + opened..];
        let quotes = "`".repeat(opened);
        let end = inside.find(&quotes).unwrap_or_else(|| panic!("{document}: not ended: {inside:.80}"));
        found.push(inside[..end].split_whitespace().collect::<Vec<_>>().join(" "));
        rest = inside[end + opened..].to_owned();
    }
    found
}

/// The commands of a page of section 8: its examples, and what stands in lines of its own.
fn shown_in(page: &str) -> Vec<(String, String)> {
    let text = text_of(page).replace("\\-", "-");
    let (_, examples) = text.split_once("\n.SH EXAMPLES\n").expect("a page has examples");
    let examples = examples.split("\n.SH ").next().unwrap_or_default();
    let examples = examples.lines().filter_map(|line| line.strip_prefix(".B "));
    let apart = text.split("\n.nf\n").skip(1).filter_map(|rest| rest.split("\n.fi\n").next());
    let commands = examples.chain(apart.flat_map(str::lines));
    commands.map(|command| (page.to_owned(), command.to_owned())).collect()
}

/// Commands that are named and not run, each with its reason.
const NOT_RUN: [(&str, &str); 17] = [
    ("tests/run", "it runs this test"),
    ("packaging/demo --shell", "it waits for a person; without a person it is played"),
    ("packaging/man/build DIR", "mfactl/tests/program/manual.rs runs it, with a folder of its own"),
    ("cargo test", "it is what runs this test"),
    ("cargo deny", "a test that reads the same list does without it"),
    ("cargo build --release --workspace", "minutes, for figures"),
    ("cargo run --release -p mfa_tests --bin bench", "minutes, for figures"),
    ("tests/fuzz/run", "minutes, and another toolchain"),
    ("git diff", "it looks at the repository"),
    ("man", "mfactl/tests/program/manual.rs shows every page"),
    ("chronyc makestep", "it would set the clock that all machines share with this host"),
    ("docker compose", "the other spelling of what is played"),
    ("apt install sqlite3", "it would need a network, and is there"),
    (
        "apt purge mfad",
        "dpkg asks what it asks: what_was_removed_is_found_again_and_purging_keeps_it_unless_somebody_says_otherwise",
    ),
    ("ssh-keygen -t ed25519-sk", "a key of plastic; the tests make theirs of a file, with this program"),
    ("loginctl terminate-user alice", "played for another user"),
    ("rpm --upgrade --replacepkgs", "doctor prints it, and a scenario of packed.rs runs what doctor prints"),
];

/// The single commands of a line, without `sudo` and variables before them.
fn single(line: &str) -> Vec<String> {
    let line = line.replace("; ", " ; ");
    let words: Vec<&str> = line.split_whitespace().collect();
    let commands = words.split(|word| ["|", "||", "&&", ";"].contains(word));
    let is_before = |word: &&&str| {
        **word == "sudo" || word.starts_with(|c: char| c.is_ascii_uppercase()) && word.contains('=')
    };
    let bare =
        commands.map(|words| words.iter().skip_while(is_before).copied().collect::<Vec<_>>().join(" "));
    let bare = bare.map(|command| command.trim_start_matches("./").to_owned());
    bare.filter(|command| !command.is_empty()).collect()
}

/// Whether `line` is `command`, or that with further words. A word in capitals stands for any.
fn begins(line: &str, command: &str) -> bool {
    let mut words = line.split_whitespace();
    let any = |word: &str| word.bytes().all(|byte| byte.is_ascii_uppercase());
    command.split_whitespace().all(|word| words.next().is_some_and(|there| there == word || any(word)))
}

/// Whether there is such a program: of ours, of the machines, or of the few that only people have.
fn is_program(word: &str) -> bool {
    let of_the_machines = |folder: &str| image::root(Suite::Usual).join(folder).join(word).exists();
    let ours = repository().join(word);
    ["mfactl", "mfad", "bench", "apt", "cargo", "chronyc", "docker", "git", "man"].contains(&word)
        || ["usr/bin", "usr/sbin"].iter().any(|folder| !word.contains('/') && of_the_machines(folder))
        || ours.metadata().is_ok_and(|about| about.is_file() && about.permissions().mode() & 0o111 != 0)
}

/// What the text names is run as well, if not in its place: in a block that is played, in a script that the tests run,
/// or in a scenario. What our own programs are asked is at least understood by them.
#[test]
fn each_command_that_the_text_names_is_one() {
    let mut run: Vec<String> = Vec::new();
    for block in documents().iter().flat_map(|document| blocks(document)) {
        if let Kind::Session { .. } = block.kind {
            run.extend(commands(&block).iter().flat_map(|command| single(command)));
        }
    }
    // A part of that script is `part "title" command`.
    let script = text_of("tests/run");
    run.extend(script.lines().map(|line| line.trim().rsplit("\" ").next().unwrap_or_default().to_owned()));
    let of_scenarios = |path: &&PathBuf| {
        path.starts_with(repository().join("tests/scenarios")) && !path.ends_with("documents.rs")
    };
    let scenarios: String = sources().iter().filter(of_scenarios).map(|path| code_of(path)).collect();
    let named = documents()
        .into_iter()
        .flat_map(|document| named_in(&document).into_iter().map(move |span| (document.clone(), span)));
    let (mut needed, mut not_run) = (BTreeSet::new(), Vec::new());
    for (document, span) in named.chain(shown_in("packaging/man/mfad.8")) {
        for command in single(&span) {
            let (program, rest) = command.split_once(' ').unwrap_or((&command, ""));
            if !is_program(program) || rest.is_empty() && !program.contains('/') {
                continue; // the name of a program, or of something else
            }
            let program = program.trim_start_matches("target/release/");
            if ["mfactl", "mfad", "bench"].contains(&program) {
                let arguments = rest.split_whitespace().map(|word| word.trim_matches('\''));
                let asked =
                    Command::new(built(program)).args(arguments).arg("--help").output().expect("it starts");
                let said = String::from_utf8_lossy(&asked.stderr);
                assert!(asked.status.success(), "{document}: there is no `{span}`: {said}");
                continue;
            }
            if run.iter().any(|line| begins(line, &command)) || scenarios.contains(&command) {
                continue;
            }
            match NOT_RUN.iter().find(|(named, _)| begins(&command, named)) {
                Some((named, _)) => drop(needed.insert(*named)),
                None => not_run.push(format!("{document}: {command}")),
            }
        }
    }
    assert_eq!(not_run, [""; 0], "nothing runs these");
    let excused: BTreeSet<&str> = NOT_RUN.iter().map(|(named, _)| *named).collect();
    assert_eq!(needed, excused, "what is run, or not named any more, needs no excuse");
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
