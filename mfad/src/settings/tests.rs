use std::{collections::BTreeMap, fs};

use super::*;
use mfa_proto::identity::UnixTime;

use crate::policy::{Admins, AfterGrace, Bind, Effect, Mode, Network, Rules, SuSubject};

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

/// What security policies say in words.
const POLICY: &str = r#"
[policy]
mode = "required"                   # off | observe | optional | required, also per [group.NAME]
required_from = 2026-12-01          # 00:00 UTC
grace = "30d"
after_grace = "invite"              # or "deny"
service_accounts = { uids = "1-999", groups = ["svc"], users = ["backup"] }   # root is never one
[service.su]
subject = "caller"                  # or "target"
[factors]
allowed = ["totp", "hotp", "backup", "ssh_sk"]
backup_codes = 10
[remember]
for = "8h"
bind = ["key", "address"]
service = ["sshd"]
forget_on = ["new_key", "new_network", "sensitive"]      # new device, new location, sensitive action
[networks]
office = ["192.0.2.0/24"]
vpn = ["10.8.0.0/16", "2001:db8::/32"]
[recovery]
admin_recovery = "verify_with_id"
timeout = "24h"
[[rule]]
name = "root shells need a fresh code"
when = { service = ["sudo"], command = ["/bin/bash", "/usr/bin/su *"], target = ["root"] }
then = "ask_fresh"                  # skip | ask | ask_fresh | deny
[[exempt]]
user = "ansible"
service = ["sshd"]
address = ["192.0.2.10"]
reason = "CHG-118"
until = 2027-03-01
"#;

#[test]
fn a_policy_in_words_is_read_and_says_where_each_rule_is() {
    let rules = Settings::of_text(POLICY, "mfad.toml", "host").unwrap().rules;
    assert_eq!(rules.required_from, Some(UnixTime(1_796_083_200)), "date -ud 2026-12-01 +%s");
    assert_eq!((rules.grace, rules.service_accounts.uids.clone()), (30 * 86_400, Some(1..=999)));
    let remember = rules.remember.as_ref().unwrap();
    assert_eq!((remember.seconds, &remember.bind[..]), (8 * 3600, &[Bind::Key, Bind::Address][..]));
    assert_eq!((rules.recovery.by_administrator, rules.recovery.hours), (true, 24));
    let [rule] = &rules.rules[..] else { panic!("{:?}", rules.rules) };
    assert_eq!((rule.then, rule.when.command.len()), (Effect::AskFresh, 2));
    let [exempt] = &rules.exemptions[..] else { panic!("{:?}", rules.exemptions) };
    assert_eq!((exempt.reason.as_str(), exempt.until), ("CHG-118", UnixTime(1_803_859_200)));
    assert_eq!(networks(&rules), ["office", "vpn"]);
    let places = [rule.defined_at.as_str(), &exempt.defined_at];
    assert_eq!(places, ["mfad.toml:24", "mfad.toml:28"]);
}

fn networks(rules: &Rules) -> Vec<&str> {
    rules.networks.iter().map(|network| network.name.as_str()).collect()
}

// S25
#[test]
fn what_skips_has_a_reason_an_end_and_says_whom_it_is_about() {
    let rule = "[[rule]]\nname = \"r\"\nwhen = { user = \"bob\" }\nthen = \"skip\"\nreason = \"CHG-1\"\nuntil = 2027-01-01\n";
    let exempt = "[[exempt]]\nuser = \"bob\"\nreason = \"CHG-1\"\nuntil = 2027-01-01\n";
    let read = |text: &str| {
        let text = format!("[policy]\nmode = \"required\"\n{text}");
        Settings::of_text(&text, "f", "host").map(|_| ())
    };
    for (whole, lines) in [(rule, &[2, 3, 4, 5][..]), (exempt, &[1, 2, 3])] {
        assert_eq!(read(whole), Ok(()));
        for lost in lines {
            let rest: String =
                whole.lines().enumerate().filter(|(n, _)| n != lost).map(|(_, l)| format!("{l}\n")).collect();
            assert!(read(&rest).is_err(), "{rest}");
        }
        assert!(read(&whole.replace("CHG-1", " ")).unwrap_err().contains("f:3: "));
    }
    assert!(read(&rule.replace("skip", "ask")).unwrap_err().contains("ends by itself"));
    let travel = rule.replace("user = \"bob\"", "user = \"bob\", travel = \"impossible\"");
    assert!(read(&travel).unwrap_err().contains("stricter"));
}

// S29
#[test]
fn names_and_reasons_that_get_into_messages_are_printable() {
    let templates = [
        "[[rule]]\nname = \"X\"\nthen = \"ask\"\n",
        "[[exempt]]\nuser = \"bob\"\nreason = \"X\"\nuntil = 2027-01-01\n",
        "[networks]\n\"X\" = \"192.0.2.0/24\"\n",
        "[group.\"X\"]\nmode = \"off\"\n",
    ];
    for template in templates {
        let read = |name: &str| {
            let text = format!("[policy]\nmode = \"required\"\n{}", template.replace('X', name));
            Settings::of_text(&text, "f", "host").map(|_| ())
        };
        assert_eq!(read("größe 1/2"), Ok(()));
        for bad in ["", "a\\nb", "\\u001b[2J", &"x".repeat(129)] {
            let said = read(bad).unwrap_err();
            assert!(!said.chars().any(|c| c.is_control() && c != '\n'), "{said:?}");
        }
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

#[test]
fn a_later_file_may_say_any_one_key_of_a_table() {
    let dir = tempfile::tempdir().unwrap();
    let (path, part) = (dir.path().join("mfad.toml"), dir.path().join("mfad.toml.d/50-one-key.toml"));
    fs::create_dir(part.parent().unwrap()).unwrap();
    let tables = POLICY.split("[[rule]]").next().unwrap();
    fs::write(&path, tables).unwrap();
    let whole = Settings::read(&path, "host").unwrap().rules;
    let mut table = "";
    let mut said = 0;
    for line in tables.lines().filter(|line| !line.trim().is_empty()) {
        if line.starts_with('[') {
            table = line;
            continue;
        }
        fs::write(&part, format!("{table}\n{line}\n")).unwrap();
        let read = Settings::read(&path, "host").unwrap_or_else(|error| panic!("{table} {line}: {error}"));
        let without_places = |rules: &Rules| {
            let networks = rules.networks.iter().cloned();
            let networks = networks.map(|network| Network { defined_at: String::new(), ..network }).collect();
            Rules { places: BTreeMap::new(), networks, ..rules.clone() }
        };
        assert_eq!(without_places(&read.rules), without_places(&whole), "{table} {line}");
        said += 1;
    }
    assert!(said > 15, "{said}");
    fs::write(&part, "[remember]\nbind = [\"key\"]\n").unwrap();
    let remember = Settings::read(&path, "host").unwrap().rules.remember.unwrap();
    assert_eq!((remember.seconds, &remember.bind[..]), (8 * 3600, &[Bind::Key][..]));
    fs::write(&path, GOOD).unwrap();
    assert!(Settings::read(&path, "host").unwrap_err().to_string().contains("remember.for is missing"));
}

#[test]
fn how_long_things_are_known_and_where_places_are_looked_up_is_said_within_bounds() {
    let with = |lines: &str| Settings::parse(&format!("[policy]\nmode=\"optional\"\n{lines}"), "host");
    assert_eq!(with("").unwrap().rules.seen_within, 90 * 86_400);
    assert_eq!(with("[signals]\nseen_within=\"12h\"").unwrap().rules.seen_within, 12 * 3600);
    for bad in ["0d", "366d", "90"] {
        assert!(with(&format!("[signals]\nseen_within=\"{bad}\"")).is_err(), "{bad}");
    }
    let databases = |lines: &str| with(&format!("[location]\n{lines}")).map(|settings| settings.databases);
    let found = databases("country=\"/a.mmdb\"\nasn=\"\"").unwrap();
    assert_eq!((found.country, found.asn), (Some("/a.mmdb".into()), None));
    assert!(databases("asn=\"a.mmdb\"").unwrap_err().contains("location.asn"));
}
