//! What the product and its tests are made of: under which licences, and from where, as `.deny.toml` allows it.

use std::fs;
use std::process::Command;

use mfa_tests::document::repository;
use serde_json::{Value, json};
use spdx::{Expression, ParseMode};

/// What is allowed, by `.deny.toml`.
struct Allowed {
    targets: Vec<String>,
    licences: Vec<String>,
    registries: Vec<String>,
}

impl Allowed {
    fn read() -> Self {
        let text = fs::read_to_string(repository().join(".deny.toml")).expect("the list");
        let list: toml::Table = text.parse().expect("TOML");
        let strings = |section: &str, key: &str| {
            let list = list[section][key].as_array().expect("a list");
            list.iter().map(|word| word.as_str().expect("a string").to_owned()).collect()
        };
        Self {
            targets: strings("graph", "targets"),
            licences: strings("licenses", "allow"),
            registries: strings("sources", "allow-registry"),
        }
    }

    /// What is wrong with a package, as `cargo metadata` tells of it.
    fn objection(&self, package: &Value) -> Option<String> {
        let word = |key: &str| package[key].as_str().unwrap_or_default();
        let who = format!("{} {}", word("name"), word("version"));
        let Some(licence) = package["license"].as_str() else {
            return Some(format!("{who}: no licence is named"));
        };
        let is_allowed = |licence: &spdx::LicenseReq| {
            let name = licence.license.id().map(|id| id.name);
            name.is_some_and(|name| self.licences.iter().any(|allowed| allowed == name))
        };
        match Expression::parse_mode(licence, ParseMode::LAX) {
            Err(error) => return Some(format!("{who}: {licence}: {error}")),
            Ok(expression) if !expression.evaluate(is_allowed) => return Some(format!("{who}: {licence}")),
            Ok(_) => {}
        }
        match package["source"].as_str() {
            None => {
                let here = repository().canonicalize().expect("the repository");
                let manifest = word("manifest_path");
                (!manifest.starts_with(&*here.to_string_lossy())).then(|| format!("{who}: from {manifest}"))
            }
            Some(source) => {
                let of = |registry: &String| source == format!("registry+{registry}");
                (!self.registries.iter().any(of)).then(|| format!("{who}: from {source}"))
            }
        }
    }
}

/// Every package of the workspace and all that they need.
fn packages(targets: &[String]) -> Vec<Value> {
    let mut metadata = Command::new(env!("CARGO"));
    metadata.current_dir(repository()).args(["metadata", "--locked", "--format-version=1"]);
    metadata.args(targets.iter().flat_map(|target| ["--filter-platform", target]));
    let told = metadata.output().expect("cargo starts");
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    let mut told: Value = serde_json::from_slice(&told.stdout).expect("JSON");
    serde_json::from_value(told["packages"].take()).expect("a list")
}

// S38
#[test]
fn every_dependency_has_a_licence_that_is_allowed_and_comes_from_the_registry() {
    let allowed = Allowed::read();
    let packages = packages(&allowed.targets);
    assert!(packages.len() > 100, "{}", packages.len());
    let objections: Vec<String> = packages.iter().filter_map(|package| allowed.objection(package)).collect();
    assert_eq!(objections, [""; 0]);
    for licence in &allowed.licences {
        let names =
            |package: &Value| package["license"].as_str().is_some_and(|text| text.contains(licence.as_str()));
        assert!(packages.iter().any(names), "nothing is under {licence} any more");
    }
}

#[test]
fn a_dependency_under_another_licence_or_from_elsewhere_is_seen() {
    let allowed = Allowed::read();
    let registry = "registry+https://github.com/rust-lang/crates.io-index";
    let seen = |licence: Value, source: Value| {
        let package = json!({"name": "x", "version": "1.0.0", "license": licence, "source": source, "manifest_path": "/x"});
        allowed.objection(&package).is_some()
    };
    for (licence, source) in [
        (json!("GPL-3.0-only"), json!(registry)),
        (json!("MIT AND AGPL-3.0-or-later"), json!(registry)),
        (json!("LicenseRef-mine"), json!(registry)),
        (json!("no such licence"), json!(registry)),
        (Value::Null, json!(registry)),
        (json!("MIT"), json!("git+https://github.com/x/x#0123")),
        (json!("MIT"), json!("registry+https://example.org/index")),
        (json!("MIT"), Value::Null),
    ] {
        assert!(seen(licence.clone(), source.clone()), "{licence} {source}");
    }
    for licence in ["MIT/Apache-2.0", "GPL-2.0-only OR MIT", "Apache-2.0 WITH LLVM-exception OR MIT"] {
        assert!(!seen(json!(licence), json!(registry)), "{licence}");
    }
}
