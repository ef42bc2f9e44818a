//! The manual, as packaging/man/build writes it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::verbs::all;
use crate::{MFACTL, text, tool};

fn top() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// Every page, in a folder of its own.
fn built() -> (TempDir, Vec<PathBuf>) {
    let folder = tempfile::tempdir().unwrap();
    let build = top().join("packaging/man/build");
    let output = tool(build.to_str().unwrap(), "coreutils", &[folder.path().to_str().unwrap(), MFACTL]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let pages = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    (folder, pages)
}

/// What troff and man warn of.
fn warnings(page: &Path) -> String {
    let page = page.to_str().unwrap();
    let troff = tool("groff", "groff-base", &["-man", "-ww", "-z", "-Tutf8", page]);
    let man = tool("man", "man-db", &["--warnings", "-l", page]);
    assert!(man.status.success() && man.stdout.len() > 500, "{page}: {}", text(&man.stderr));
    text(&troff.stderr) + &text(&man.stderr)
}

#[test]
fn every_page_renders_without_a_warning() {
    let (_folder, pages) = built();
    assert!(pages.len() > 20);
    for page in pages {
        assert_eq!(warnings(&page), "", "{}", page.display());
        let text = std::fs::read_to_string(&page).unwrap();
        assert!(
            !text.contains("@VERSION@") && text.contains(env!("CARGO_PKG_VERSION")),
            "{}",
            page.display()
        );
    }
}

#[test]
fn a_page_that_is_wrong_is_warned_of() {
    let page = tempfile::NamedTempFile::new().unwrap();
    let text = format!(".TH X 1\n.SH NAME\nx \\- x\n.nosuchmacro\n{}\n", "words ".repeat(200));
    std::fs::write(page.path(), text).unwrap();
    assert!(warnings(page.path()).contains("nosuchmacro"));
}

#[test]
fn every_verb_has_a_page_and_every_page_a_verb() {
    let (_folder, pages) = built();
    let there: BTreeSet<String> =
        pages.iter().map(|page| page.file_name().unwrap().to_str().unwrap().to_owned()).collect();
    let page = |verb: &String| format!("mfactl {verb}").trim_end().replace(' ', "-") + ".1";
    let mut wanted: BTreeSet<String> = all().iter().map(page).collect();
    wanted.extend(["mfad.toml.5", "mfad.8", "pam_mfa.8"].map(str::to_owned));
    assert_eq!(there, wanted);
}

/// The words between `open` and the next quote, in the part of a source file that is not its tests.
fn words_of_source(file: &str, open: &str) -> BTreeSet<String> {
    let source = std::fs::read_to_string(top().join(file)).unwrap();
    let source = source.split("#[cfg(test)]\nmod ").next().unwrap();
    source.split(open).skip(1).map(|rest| rest.split('"').next().unwrap().to_owned()).collect()
}

#[test]
fn every_argument_and_every_answer_of_the_module_is_told_of() {
    let page = std::fs::read_to_string(top().join("packaging/man/pam_mfa.8")).unwrap().replace('\\', "");
    let arguments = words_of_source("pam_mfa/src/args.rs", "b\"");
    for argument in ["key-passed", "forward_pass", "digits=", "prompt="] {
        assert!(arguments.contains(argument), "{argument}: {arguments:?}");
    }
    // `.B echo`, `.BI prompt= TEXT`, `.BR digits=6 ", " digits=7`
    let headings: BTreeSet<&str> = page
        .split("\n.TP\n.B")
        .skip(1)
        .filter_map(|rest| rest.split_whitespace().find(|word| word.len() > 1))
        .collect();
    for argument in arguments {
        let told = headings.iter().any(|heading| {
            if argument.ends_with('=') { heading.starts_with(&argument) } else { *heading == argument }
        });
        assert!(told, "{argument} is not told of: {headings:?}");
    }
    let outcomes = std::fs::read_to_string(top().join("pam_mfa/src/outcome.rs")).unwrap();
    let outcomes = outcomes.split("#[cfg(test)]\nmod ").next().unwrap();
    let is_of_a_name = |c: char| c.is_ascii_uppercase() || c == '_';
    let codes: BTreeSet<&str> = outcomes
        .split("PamResultCode::")
        .skip(1)
        .filter_map(|rest| rest.split(|c| !is_of_a_name(c)).next())
        .collect();
    assert!(codes.contains("PAM_SUCCESS") && codes.len() >= 9, "{codes:?}");
    for code in codes.into_iter().chain(["PAM_ABORT"]) {
        assert!(page.contains(&format!("\n.TP\n.B {code}\n")), "{code} is not told of");
    }
}
