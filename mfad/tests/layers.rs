//! Imports point down only: the table of `lib.rs`, held by reading every `use` and every path.

use std::{collections::BTreeMap, fs, path::Path};

/// Module and layer. `main`'s own files compose and may import all.
const LAYERS: &[(&str, u8)] = &[
    ("main", 6),
    ("serve", 6),
    ("check", 6),
    ("init", 6),
    ("credential", 6),
    ("in_force", 6),
    ("daily", 6),
    ("systemd", 6),
    ("user", 6),
    ("lib", 6),
    ("settings", 6),
    ("bus", 5),
    ("auth", 4),
    ("store", 3),
    ("keys", 3),
    ("deliver", 3),
    ("places", 3),
    ("factor", 2),
    ("policy", 2),
    ("limits", 2),
    ("audit", 2),
    ("account", 2),
    ("world", 1),
    ("crypto", 1),
];

/// What the pure layer may not name.
const IMPURE: &[&str] = &[
    "std::fs",
    "std::net::Tcp",
    "std::env",
    "std::thread",
    "std::process",
    "rusqlite",
    "zbus",
    "zruntime",
    "nix::",
    "SystemTime",
    "Instant",
];

fn layer(module: &str) -> u8 {
    let found = LAYERS.iter().find(|(name, _)| *name == module);
    found.unwrap_or_else(|| panic!("module {module} has no layer: put it into the table")).1
}

fn sources(folder: &Path, into: &mut BTreeMap<String, Vec<String>>, module: Option<&str>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if path.is_dir() && name == "tests" {
            continue; // no part of the layers, as below
        }
        if path.is_dir() {
            sources(&path, into, Some(module.unwrap_or(&name)));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            // Tests are no part of the layers.
            let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap().to_owned();
            let is_test = ["tests", "conformance", "fake"].contains(&name.as_str());
            if !is_test {
                into.entry(module.unwrap_or(&name).to_owned()).or_default().push(text);
            }
        }
    }
}

/// The modules of ours that `text` names: `crate::x`, `mfad::x`, and the heads of their groups.
fn imports(text: &str) -> Vec<String> {
    let code: String =
        text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    let mut found = Vec::new();
    for (at, root) in code.match_indices("crate::").chain(code.match_indices("mfad::")) {
        let rest = &code[at + root.len()..];
        match rest.strip_prefix('{') {
            Some(group) => {
                let (mut depth, mut word, mut heads) = (0, String::new(), true);
                for c in group.chars() {
                    match c {
                        '{' => depth += 1,
                        '}' if depth == 0 => break,
                        '}' => depth -= 1,
                        ',' if depth == 0 => heads = true,
                        c if c.is_alphanumeric() || c == '_' => {
                            if heads && depth == 0 {
                                word.push(c);
                            }
                            continue;
                        }
                        _ => {}
                    }
                    if !word.is_empty() {
                        found.push(std::mem::take(&mut word));
                        heads = c == ',';
                    }
                }
                found.extend((!word.is_empty()).then_some(word));
            }
            None => found.push(rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()),
        }
    }
    found.retain(|name| name.chars().next().is_some_and(char::is_lowercase) && name != "host_name");
    found
}

#[test]
fn imports_point_down_only() {
    let mut modules = BTreeMap::new();
    sources(Path::new(env!("CARGO_MANIFEST_DIR")).join("src").as_path(), &mut modules, None);
    assert!(modules.len() >= 15, "{:?}", modules.keys());
    let mut seen = 0;
    for (module, texts) in &modules {
        for text in texts {
            for imported in imports(text) {
                seen += 1;
                let same = imported == *module;
                let (from, to) = (layer(module), layer(&imported));
                assert!(
                    same || from == 6 || to < from || (from == to && from <= 3),
                    "{module} (layer {from}) imports {imported} (layer {to})"
                );
            }
            if layer(module) == 2 {
                let code = text
                    .lines()
                    .filter(|line| !line.trim_start().starts_with("//"))
                    .collect::<Vec<_>>()
                    .join("\n");
                for word in IMPURE {
                    assert!(!code.contains(word), "{module} is pure and names {word}");
                }
            }
        }
    }
    assert!(seen > 50, "the reader of imports reads: {seen}");
}

/// What a verdict stands on is decided and written in one place.
#[test]
fn transactions_are_opened_by_the_use_cases_only() {
    let mut modules = BTreeMap::new();
    sources(Path::new(env!("CARGO_MANIFEST_DIR")).join("src").as_path(), &mut modules, None);
    let opens = |text: &&String| text.split_whitespace().collect::<String>().contains("store.write(");
    let opening: Vec<_> = modules.iter().filter(|(_, texts)| texts.iter().any(|text| opens(&text))).collect();
    assert_eq!(opening.into_iter().map(|(module, _)| module.as_str()).collect::<Vec<_>>(), ["auth"]);
}

#[test]
fn the_reader_of_imports_reads() {
    let text = "use crate::{\n    account::{Door, State},\n    audit::Event,\n    world,\n};\nuse crate::store::X;\n// crate::bus\nfn f() { crate::policy::decide() }";
    assert_eq!(imports(text), ["account", "audit", "world", "store", "policy"]);
}

/// The module and the command line talk to the daemon by the protocol, not by its code.
#[test]
fn the_other_crates_import_the_vocabulary_only() {
    for name in ["pam_mfa", "mfactl", "mfa_proto"] {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name).join("Cargo.toml");
        let text = fs::read_to_string(manifest).unwrap();
        for ours in ["mfad", "pam_mfa", "mfactl", "mfa_proto"] {
            let imports = text
                .lines()
                .any(|line| line.starts_with(&format!("{ours}.")) || line.starts_with(&format!("{ours} =")));
            assert_eq!(imports, ours == "mfa_proto" && name != "mfa_proto", "{name} imports {ours}");
        }
    }
}

/// Where `unsafe` may stand: what libpam, the kernel and OpenSSH must be asked or answered through C.
const UNSAFE: &[&str] = &[
    "pam_mfa/src/shims.rs",
    "pam_mfa/src/keep.rs",
    "tests/src/libpam.rs",
    "tests/sk_provider/src/abi.rs",
    "tests/sk_provider/src/lib.rs",
];

#[test]
fn unsafe_code_is_in_the_named_files_only() {
    fn walk(folder: &Path, found: &mut Vec<String>, root: &Path) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, found, root);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
                if code.into_iter().any(|line| {
                    line.contains(concat!("unsafe", " {")) || line.contains(concat!("unsafe", " fn"))
                }) {
                    found.push(path.strip_prefix(root).unwrap().to_str().unwrap().to_owned());
                }
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut found = Vec::new();
    for name in ["pam_mfa", "mfad", "mfactl", "mfa_proto", "tests"] {
        walk(&root.join(name), &mut found, &root);
    }
    for path in &found {
        assert!(UNSAFE.contains(&path.as_str()), "{path} has unsafe code and is not in the table");
    }
    assert!(found.len() >= 2, "the reader reads: {found:?}");
}
