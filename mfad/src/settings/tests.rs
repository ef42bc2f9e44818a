use std::fs;

use super::*;
use crate::policy::{Admins, AfterGrace, Mode, SuSubject};

const GOOD: &str = "[policy]\nmode = \"required\"\nenforce_account = [\"sshd\"]\n[service.su]\nsubject = \"target\"\n[enroll]\nissuer = \"Example\"\n";

#[test]
fn a_good_file_says_what_it_says() {
    let rules = Settings::parse(GOOD, "host").unwrap().rules;
    assert_eq!(
        (rules.mode, rules.su, rules.entry.issuer.as_str()),
        (Mode::Required, SuSubject::Target, "Example")
    );
}

// An administrator of many hosts must not get many entries of one name.
#[test]
fn what_an_app_shows_names_the_host_by_issuer_or_by_label() {
    let entry = |lines: &str| {
        let text = format!("[policy]\nmode=\"optional\"\n[enroll]\n{lines}");
        Settings::parse(&text, "web7").map(|settings| {
            let entry = settings.rules.entry;
            (entry.issuer.clone(), entry.label_of(&"alice".into()))
        })
    };
    let is = |issuer: &str, label: &str| Ok((issuer.to_owned(), label.to_owned()));
    assert_eq!(entry(""), is("web7", "alice"));
    assert_eq!(entry("issuer=\"Example\""), is("Example", "alice@web7"));
    assert_eq!(entry("issuer=\"Example\"\nlabel=\"{user} on {host}\""), is("Example", "alice on web7"));
    assert_eq!(entry("label=\"{user}\""), is("web7", "alice"));
    for bad in
        ["label=\"\"", "label=\"alice\"", "label=\"{user}:{host}\"", "label=\"{user}{x}\"", "issuer=\"a:b\""]
    {
        assert!(entry(bad).is_err(), "{bad}");
    }
}

// Every key of the sample is one, and says what holds without it.
#[test]
fn the_sample_settings_say_what_holds_without_them() {
    let sample = include_str!("../../../packaging/files/mfad.toml");
    let all = sample.lines().map(|line| match line.strip_prefix('#') {
        Some(key) if key.starts_with(|c: char| c.is_ascii_lowercase()) => format!("{key}\n"),
        _ => format!("{line}\n"),
    });
    let (shipped, spelled) =
        (Settings::parse(sample, "example"), Settings::parse(&all.collect::<String>(), "example"));
    assert_eq!(shipped.unwrap().rules, spelled.unwrap().rules);
}

#[test]
fn a_setting_by_its_old_name_holds_and_warns_and_is_kept_as_it_was_written() {
    let old = GOOD.replace("enforce_account", "account_enforce");
    let (old, new) = (Settings::parse(&old, "host").unwrap(), Settings::parse(GOOD, "host").unwrap());
    assert_eq!(old.rules, new.rules);
    assert_eq!(old.rules.enforce_account, ["sshd"]);
    assert_eq!((old.warnings.len(), new.warnings.len()), (1, 0));
    assert!(old.text.contains("account_enforce"), "{}", old.text);
    let both = GOOD.replace("[service", "account_enforce=[]\n[service");
    assert!(Settings::parse(&both, "host").unwrap_err().contains("both"));
}

/// Every key that a file may have, by its path: the parser names them when it meets another.
fn known_keys(section: &[&str], found: &mut Vec<String>) {
    let mode = if section == ["policy"] { "" } else { "[policy]\nmode = \"off\"\n" };
    let header = if section.is_empty() { String::new() } else { format!("[{}]\n", section.join(".")) };
    let text = format!("{}no_such_key = 1\n{mode}", if section.is_empty() { "" } else { &header });
    let said = Settings::parse(&text, "host").unwrap_err();
    if !said.contains("unknown field `no_such_key`") {
        found.push(section.join(".")); // a value
        return;
    }
    let (_, names) = said.rsplit_once("expected ").expect("it names what it knows");
    for name in names.split('`').skip(1).step_by(2) {
        known_keys(&[section, &[name]].concat(), found);
    }
}

#[test]
fn every_setting_is_explained_in_the_sample_and_in_the_manual() {
    let mut known = Vec::new();
    known_keys(&[], &mut known);
    assert!(known.len() >= 9 && known.contains(&"service.su.subject".to_owned()), "{known:?}");
    let sample = include_str!("../../../packaging/files/mfad.toml");
    let manual = include_str!("../../../packaging/man/mfad.toml.5");
    let mut section = "";
    let in_sample: Vec<String> = sample
        .lines()
        .filter_map(|line| {
            if let Some(name) = line.strip_prefix('[') {
                section = name.trim_end_matches(']');
            }
            let (key, _) = line.trim_start_matches('#').split_once(" = ")?;
            Some(format!("{section}.{key}"))
        })
        .collect();
    for path in known {
        assert!(in_sample.contains(&path), "mfad.toml does not explain {path}: {in_sample:?}");
        let (section, key) = path.rsplit_once('.').expect("a key is in a section");
        assert!(manual.contains(&format!("[{section}]")), "mfad.toml(5) has no section {section}");
        assert!(manual.contains(&format!("\n.B {key}\n")), "mfad.toml(5) does not explain {path}");
    }
}

// S23: no line whose loss loosens the policy goes unnoticed.
#[test]
fn a_file_without_a_mode_is_broken_and_no_lost_line_loosens() {
    for lost in 0..GOOD.lines().count() {
        let rest: String =
            GOOD.lines().enumerate().filter(|(n, _)| *n != lost).map(|(_, l)| format!("{l}\n")).collect();
        if let Ok(settings) = Settings::parse(&rest, "host") {
            assert_eq!(settings.rules.mode, Mode::Required, "{rest}");
        }
    }
    for broken in [
        "",
        "[policy]\n",
        "[policy]\nmode=\"of\"\n",
        "mode=\"off\"\n",
        "[policy]\nmode=\"off\"\nmod=1\n",
        "[polcy]\nmode=\"off\"\n",
        "[policy]\nmode=\"required\"\nenforce_account=[\"cron\"]\n",
        "[policy",
    ] {
        assert!(Settings::parse(broken, "host").is_err(), "{broken:?}");
    }
}

#[test]
fn lengths_of_time_and_administrators_are_read() {
    let with = |lines: &str| Settings::parse(&format!("[policy]\nmode=\"required\"\n{lines}"), "host");
    let rules = with("grace=\"30d\"\nafter_grace=\"deny\"\n[admin]\ngroups=[\"ops\"]\n").unwrap().rules;
    assert_eq!((rules.grace, rules.after_grace), (30 * 86_400, AfterGrace::Deny));
    assert_eq!(rules.admins, Admins { users: vec![], groups: vec!["ops".into()] });
    assert_eq!(with("").unwrap().rules.grace, 0, "nobody is spared where nothing is said");
    for bad in ["30", "d", "", "-1d", "1w", "1.5h", "99999999999d", "30D", "é"] {
        assert!(with(&format!("grace=\"{bad}\"\n")).is_err(), "{bad}");
    }
}

#[test]
fn later_files_win_key_by_key_and_all_must_be_sound() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("mfad.toml");
    let parts = dir.path().join("mfad.toml.d");
    fs::create_dir(&parts).unwrap();
    fs::write(&path, GOOD).unwrap();
    fs::write(parts.join("50-mode.toml"), "[policy]\nmode = \"observe\"\n").unwrap();
    fs::write(parts.join("ignored.bak"), "rubbish").unwrap();
    let rules = Settings::read(&path, "host").unwrap().rules;
    assert_eq!((rules.mode, rules.entry.issuer.as_str()), (Mode::Observe, "Example"));
    fs::write(parts.join("60-bad.toml"), "[policy]\nmoood = 1\n").unwrap();
    assert!(Settings::read(&path, "host").is_err());
    fs::remove_file(parts.join("60-bad.toml")).unwrap();
    fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o666)).unwrap();
    assert!(matches!(Settings::read(&path, "host"), Err(SettingsError::Writable { .. })));
}
