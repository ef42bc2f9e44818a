use mfa_proto::identity::UnixTime;

use super::{Databases, findings, named};
use crate::{policy::Rules, settings::Settings};

/// 2026-12-01.
const NOW: UnixTime = UnixTime(1_796_083_200);

const BOTH: Databases = Databases { country: true, asn: true };

fn read(text: &str) -> Rules {
    let text = format!("[policy]\nmode = \"required\"\n{text}");
    Settings::of_text(&text, "f", "host").unwrap_or_else(|said| panic!("{said}\n{text}")).rules
}

/// What is found in these settings, each as it is printed.
fn found(text: &str) -> Vec<String> {
    found_with(BOTH, text)
}

fn found_with(databases: Databases, text: &str) -> Vec<String> {
    let found = findings(&read(text), databases, NOW);
    found.into_iter().map(|finding| format!("{}: {}", finding.at, finding.said)).collect()
}

/// A rule that asks, of which only `when` and `unless` are given.
fn rule(name: &str, conditions: &str, then: &str) -> String {
    let end = if then == "skip" { "reason = \"r\"\nuntil = 2027-01-01\n" } else { "" };
    format!("[[rule]]\nname = \"{name}\"\n{conditions}\nthen = \"{then}\"\n{end}")
}

#[track_caller]
fn is_found(text: &str, words: &[&str]) {
    let found = found(text);
    let [one] = &found[..] else { panic!("{found:#?}\n{text}") };
    for word in words {
        assert!(one.contains(word), "no {word:?} in {one:?}");
    }
}

#[track_caller]
fn is_sound(text: &str) {
    assert_eq!(found(text), [""; 0], "{text}");
}

#[test]
fn settings_without_a_fault_have_no_finding() {
    is_sound("");
    is_sound(
        &[
            "[networks]\noffice = \"192.0.2.0/24\"\nvpn = [\"10.0.0.0/8\", \"2001:db8::/32\"]\n",
            &rule("a", "when = { service = \"sshd\", network = \"office\" }", "skip"),
            &rule("b", "when = { service = \"sshd\", address = \"192.0.2.7\", user = \"eve\" }", "ask"),
            &rule("c", "when = { user = \"alice\" }\nunless = { group = \"ops\" }", "ask_fresh"),
            &rule(
                "d",
                "when = { service = \"sshd\", time = \"Sat,Sun\" }\nunless = { network = \"vpn\" }",
                "deny",
            ),
            &rule("e", "when = { network = \"office\", user = \"bob\" }", "skip"),
            "[[exempt]]\nuser = \"ansible\"\nservice = \"sshd\"\nreason = \"r\"\nuntil = 2027-01-01\n",
        ]
        .concat(),
    );
}

#[test]
fn what_has_ended_does_nothing() {
    let ended = rule("a", "when = { user = \"bob\" }", "skip").replace("2027-01-01", "2026-12-01");
    is_found(&ended, &["f:3: rule \"a\": ended on 2026-12-01"]);
    is_found(
        "\n[[exempt]]\nuser = \"bob\"\nreason = \"CHG-1\"\nuntil = 2026-11-30\n",
        &["f:4: exemption \"CHG-1\": ended on 2026-11-30"],
    );
    is_sound(&ended.replace("2026-12-01", "2026-12-01T00:00:01Z"));
}

#[test]
fn an_address_outside_the_networks_it_must_be_in_is_never() {
    let networks = "[networks]\noffice = \"192.0.2.0/24\"\n";
    let with = |address: &str, then: &str| {
        let when = format!("when = {{ service = \"sshd\", network = \"office\", address = \"{address}\" }}");
        format!("{networks}{}", rule("a", &when, then))
    };
    for then in ["skip", "ask", "deny"] {
        is_found(&with("192.0.3.7", then), &["f:5: rule \"a\": matches no address"]);
        is_sound(&with("192.0.2.7", then));
        is_sound(&with("192.0.0.0/16", then));
    }
}

#[test]
fn an_exception_that_takes_back_everything_is_found() {
    let swallowed = ["matches nothing that is known: `unless` takes back"];
    let both = |when: &str, unless: &str| {
        format!(
            "[networks]\noffice = \"192.0.2.0/24\"\n{}",
            rule("a", &format!("when = {{ service = \"sshd\", {when} }}\nunless = {{ {unless} }}"), "ask")
        )
    };
    is_found(&both("user = \"bob\"", "user = [\"bob\", \"eve\"]"), &swallowed);
    is_found(&both("address = \"192.0.2.7\"", "network = \"office\""), &swallowed);
    is_found(&both("time = \"Mon 08:00-12:00\"", "time = \"Mon-Fri 08:00-18:00\""), &swallowed);
    is_found(&both("device = \"new\"", "device = \"new\", service = \"sshd\""), &swallowed);
    is_sound(&both("user = [\"bob\", \"eve\"]", "user = \"bob\""));
    is_sound(&both("address = \"192.0.3.7\"", "network = \"office\""));
    is_sound(&both("time = \"Mon-Fri 08:00-18:00\"", "time = \"Mon 08:00-12:00\""));
    is_sound(&both("device = \"new\"", "device = \"known\""));
    is_sound(&both("user = \"bob\"", "user = \"bob\", group = \"ops\""));
}

#[test]
fn a_rule_about_what_no_service_of_it_tells_never_skips_and_always_asks() {
    let of = |service: &str, condition: &str, then: &str| {
        rule("a", &format!("when = {{ service = {service}, {condition} }}"), then)
    };
    for (service, condition, word) in [
        ("\"su\"", "command = \"/bin/bash\"", "command"),
        ("[\"sudo\", \"su\"]", "address = \"192.0.2.7\"", "address"),
        ("\"login\"", "country = \"DE\"", "country"),
        ("\"login\"", "asn = 64500", "autonomous system"),
        ("\"login\"", "location = \"known\"", "place"),
        ("\"sudo\"", "device = \"known\"", "key"),
        ("\"sudo\"", "target = \"root\"", "target"),
    ] {
        let skips = found(&of(service, condition, "skip"));
        assert!(skips[0].contains(&format!("is never taken: no {word} is known at")), "{skips:?}");
        let asks = found(&of(service, condition, "ask"));
        assert!(asks[0].contains(&format!("no {word} is known at")), "{asks:?}");
        assert!(asks[0].contains("where it asks whatever that is"), "{asks:?}");
    }
    is_found(
        &of("[\"sshd\", \"sudo\"]", "key = \"SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU\"", "ask"),
        &["no key is known at sudo,"],
    );
    is_sound(&of("[\"sshd\", \"sudo\"]", "address = \"192.0.2.7\"", "skip"));
    is_sound(&of("[\"su\", \"su-l\", \"login\", \"sshd\"]", "target = \"root\"", "ask"));
    is_found(
        "[[exempt]]\nuser = \"bob\"\nservice = \"sudo\"\naddress = \"192.0.2.7\"\nreason = \"r\"\nuntil = 2027-01-01\n",
        &["exemption \"r\": is never taken: no address is known at sudo"],
    );
}

#[test]
fn a_rule_about_addresses_that_names_no_service_is_about_sudo_too() {
    for condition in
        ["address = \"192.0.2.7\"", "country = \"DE\"", "device = \"new\"", "travel = \"impossible\""]
    {
        let at_sudo = [
            "is known at sudo, su and login, where it denies whatever that is; say for which `service` it is",
        ];
        is_found(&rule("a", &format!("when = {{ {condition} }}"), "deny"), &at_sudo);
        if !condition.starts_with("travel") {
            is_found(&rule("a", &format!("unless = {{ {condition} }}"), "deny"), &at_sudo);
        }
        is_sound(&rule(
            "a",
            &format!("when = {{ {condition} }}\nunless = {{ service = [\"sudo\", \"su\", \"login\"] }}"),
            "deny",
        ));
    }
    let found = found(&rule("a", "when = { command = \"/bin/bash\" }", "ask"));
    assert!(found[0].contains("no command is known at sshd, su and login, where it asks"), "{found:?}");
}

#[test]
fn a_rule_that_a_stricter_one_covers_does_nothing() {
    let wide = rule("wide", "when = { service = [\"sshd\", \"su\"] }", "ask_fresh");
    let beaten =
        ["f:7: rule \"narrow\": does nothing: rule \"wide\" at f:3 is about the same, and is stricter"];
    let narrow = |then: &str| rule("narrow", "when = { service = \"sshd\", user = \"bob\" }", then);
    is_found(&format!("{wide}{}", narrow("ask")), &beaten);
    is_found(&format!("{wide}{}", narrow("skip")), &beaten);
    is_sound(&format!("{wide}{}", narrow("deny")));
    is_found(&format!("{wide}{}", narrow("ask_fresh")), &["rule \"wide\" at f:3 asks the same"]);
    is_found(
        &format!("{}{wide}", narrow("ask")),
        &["f:3: rule \"narrow\": does nothing: rule \"wide\" at f:7"],
    );
    // Its exception lets some through that the other is about, unless the other has the same.
    let excepting = wide.replace("then", "unless = { group = \"ops\" }\nthen");
    is_sound(&format!("{excepting}{}", narrow("ask")));
    is_found(
        &format!(
            "{excepting}{}",
            narrow("ask").replace("then", "unless = { group = [\"ops\", \"x\"] }\nthen")
        ),
        &["rule \"narrow\": does nothing"],
    );
    // About other logins too.
    is_sound(&format!("{wide}{}", rule("narrow", "when = { service = [\"sshd\", \"x\"] }", "ask")));
    is_found(
        &format!(
            "{}[[exempt]]\nuser = \"bob\"\nservice = \"sshd\"\nreason = \"r\"\nuntil = 2027-01-01\n",
            rule("all", "", "ask")
        ),
        &["exemption \"r\": does nothing: rule \"all\" at f:3 is about the same, and is stricter"],
    );
}

#[test]
fn of_two_that_say_the_same_one_is_found_and_a_skip_that_lasts_longer_is_none() {
    let twice = format!(
        "{}{}",
        rule("a", "when = { user = \"x\" }", "ask"),
        rule("b", "when = { user = \"x\" }", "ask")
    );
    is_found(&twice, &["rule \"b\": does nothing: rule \"a\" at f:3 asks the same"]);
    let skips = format!(
        "{}{}",
        rule("a", "when = { user = \"x\" }", "skip"),
        rule("b", "when = { user = \"x\" }", "skip")
    );
    is_found(&skips, &["rule \"b\": does nothing: rule \"a\" at f:3 skips the same"]);
    let (first, rest) = skips.split_once("2027-01-01").unwrap();
    is_sound(&format!(
        "{first}2027-01-01{}",
        rest.replace("\"x\"", "[\"x\", \"y\"]").replace("2027-01-01", "2026-12-31")
    ));
}

#[test]
fn networks_with_the_same_addresses_are_found_by_name_and_line() {
    is_found(
        "[networks]\noffice = [\"192.0.2.0/24\"]\nvpn = [\n  \"10.0.0.0/8\",\n  \"192.0.2.128/25\",\n]\n",
        &["f:5: networks.vpn has addresses of networks.office (192.0.2.128/25, 192.0.2.0/24)"],
    );
    is_sound("[networks]\na = \"192.0.2.0/25\"\nb = \"192.0.2.128/25\"\n");
    let many: String = (0..6).map(|n| format!("n{n} = \"10.0.0.0/8\"\n")).collect();
    let found = found(&format!("[networks]\n{many}"));
    assert_eq!(found.len(), 5);
    assert!(found[4].contains("networks.n2") && found[4].ends_with(" and 2 more"), "{found:?}");
}

#[test]
fn a_command_is_no_boundary_and_root_is_no_exception() {
    let bash = rule("a", "when = { service = [\"sudo\", \"sudo-i\"], command = \"/bin/bash\" }", "deny");
    is_found(&bash, &["f:3: rule \"a\": has a command, which is no boundary"]);
    let zsh = rule("b", "when = { service = \"sudo\" }\nunless = { command = \"/bin/zsh\" }", "ask");
    is_found(&format!("{bash}{zsh}"), &["rule \"a\": has a command (another has too), which is no boundary"]);
    is_found(
        "[[exempt]]\nuser = [\"bob\", \"root\"]\nreason = \"r\"\nuntil = 2027-01-01\n",
        &["exemption \"r\": lets root in without a factor"],
    );
}

#[test]
fn what_no_database_says_is_found_once_a_rule() {
    let [none, country, asn] =
        [(false, false), (true, false), (false, true)].map(|(country, asn)| Databases { country, asn });
    let networks = "[networks]\noffice = \"192.0.2.0/24\"\n";
    for (condition, called, lacking, told) in [
        ("country = \"AU\"", "country", &[none, asn][..], country),
        ("asn = 64500", "autonomous system", &[none, country], asn),
        ("travel = \"impossible\"", "place", &[none, asn], country),
        ("location = \"new\"", "place", &[none], asn),
    ] {
        // With a service, and without: once all the same.
        for more in ["service = \"sshd\", ", ""] {
            let when = rule("a", &format!("when = {{ {more}{condition} }}"), "deny");
            for databases in lacking {
                let found = found_with(*databases, &when);
                let [one] = &found[..] else { panic!("{found:#?}") };
                assert!(one.starts_with(&format!("f:3: rule \"a\": no {called} is known without ")), "{one}");
                assert!(one.ends_with(": it denies whatever that is"), "{one}");
            }
            assert_eq!(found_with(told, &when).is_empty(), !more.is_empty(), "{when}");
        }
        if called != "place" || condition.starts_with("location") {
            let skip = rule("a", &format!("when = {{ service = \"sshd\", {condition} }}"), "skip");
            let unless =
                rule("a", &format!("when = {{ service = \"sshd\" }}\nunless = {{ {condition} }}"), "deny");
            for databases in lacking {
                let skips = found_with(*databases, &skip);
                assert!(
                    skips[0].contains(&format!("is never taken: no {called} is known without")),
                    "{skips:?}"
                );
                let denies = found_with(*databases, &unless);
                assert!(denies[0].contains("it denies whatever that is"), "{denies:?}");
            }
            assert_eq!(found_with(told, &skip), [""; 0]);
            assert_eq!(found_with(told, &unless), [""; 0]);
        }
    }
    let somewhere =
        format!("{networks}{}", rule("a", "when = { service = \"sshd\", location = \"new\" }", "ask"));
    assert_eq!(found_with(none, &somewhere), [""; 0], "networks are places");
    // Of an exception with more to it, the rest may be known not to hold.
    let more =
        "when = { service = \"sshd\", user = \"bob\" }\nunless = { country = \"AU\", group = \"ops\" }";
    assert_eq!(found_with(none, &rule("a", more, "skip")), [""; 0]);
}

#[test]
fn sshd_calls_every_terminal_the_same() {
    let of = |service: &str, tty: &str, then: &str| {
        rule("a", &format!("when = {{ service = {service}, tty = {tty} }}"), then)
    };
    for then in ["skip", "ask", "deny"] {
        is_found(&of("\"sshd\"", "\"pts/0\"", then), &["f:3: rule \"a\": matches nothing: sshd calls every"]);
        is_found(&of("\"sshd\"", "[\"tty1\", \"/dev/pts/0\"]", then), &["matches nothing"]);
        is_sound(&of("\"sshd\"", "[\"tty1\", \"ssh\"]", then));
        is_sound(&of("[\"sshd\", \"login\"]", "\"tty1\"", then));
        is_sound(&rule("a", "when = { tty = \"tty1\" }", then));
    }
    is_found(
        &rule("a", "when = { service = \"sshd\" }\nunless = { tty = \"tty1\" }", "deny"),
        &["`unless` excepts nothing: sshd calls every"],
    );
}

#[test]
fn a_shell_that_sudo_starts_by_another_service_is_found() {
    let shells = |service: &str, command: &str, then: &str| {
        rule("a", &format!("when = {{ service = {service}, command = {command} }}"), then)
    };
    let says = |text: &str| found(text).iter().any(|said| said.contains("is not about `sudo -i`"));
    assert!(says(&shells("\"sudo\"", "\"/bin/bash\"", "ask_fresh")));
    assert!(says(&shells("[\"su\", \"sudo\"]", "[\"/usr/bin/id\", \"/usr/bin/zsh\"]", "deny")));
    assert!(!says(&shells("[\"sudo\", \"sudo-i\"]", "\"/bin/bash\"", "ask_fresh")));
    assert!(!says(&shells("\"sudo\"", "\"/usr/bin/id\"", "ask_fresh")));
    assert!(!says(&shells("\"sudo\"", "\"/bin/bash\"", "skip")));
    let other = |then: &str| rule("b", "when = { service = \"sudo-i\" }", then);
    assert!(!says(&format!("{}{}", shells("\"sudo\"", "\"/bin/bash\"", "ask"), other("ask_fresh"))));
    assert!(says(&format!("{}{}", shells("\"sudo\"", "\"/bin/bash\"", "deny"), other("ask_fresh"))));
}

#[test]
fn everybody_whom_settings_name_is_named_once_and_where() {
    let text = "service_accounts = { groups = [\"svc\"], users = [\"backup\"] }\n\
        [group.admns]\nmode = \"off\"\n[admin]\nusers = [\"helen\"]\ngroups = [\"sudo\", \"wheel\", \"help\"]\n\
        [[rule]]\nname = \"r\"\nwhen = { user = [\"u1\", \"u1\"], group = \"g1\" }\nunless = { group = \"g2\", target = \"t\" }\nthen = \"ask\"\n\
        [[exempt]]\nuser = \"over\"\nreason = \"CHG-1\"\nuntil = 2026-11-30\n\
        [[exempt]]\nuser = \"u2\"\ngroup = \"a\\u001b[2J\"\nreason = \"CHG-2\"\nuntil = 2027-11-30\n";
    let said: Vec<String> = named(&read(text), NOW)
        .iter()
        .map(super::Named::missing)
        .map(|finding| format!("{}: {}", finding.at, finding.said))
        .collect();
    assert_eq!(
        said,
        [
            "f:9: rule \"r\": there is no user \"u1\" on this host",
            "f:9: rule \"r\": there is no group \"g1\" on this host",
            "f:9: rule \"r\": there is no user \"t\" on this host",
            "f:9: rule \"r\": there is no group \"g2\" on this host",
            "f:18: exemption \"CHG-2\": there is no user \"u2\" on this host",
            "f:18: exemption \"CHG-2\": there is no group \"a\\x1b[2J\" on this host",
            "f:5: group.admns: there is no group \"admns\" on this host",
            "f:3: policy.service_accounts: there is no user \"backup\" on this host",
            "f:3: policy.service_accounts: there is no group \"svc\" on this host",
            ": admin.users: there is no user \"helen\" on this host",
            ": admin.groups: there is no group \"help\" on this host",
        ]
    );
    assert_eq!(named(&read(""), NOW), [], "no host has all groups that are the default");
}

#[test]
fn under_mode_off_no_rule_is_looked_at() {
    let text = |more: &str| {
        format!("[policy]\nmode = \"off\"\n{more}{}", rule("a", "when = { user = \"bob\" }", "deny"))
    };
    let found = |text: &str| findings(&Settings::of_text(text, "f", "host").unwrap().rules, BOTH, NOW);
    assert!(found(&text(""))[0].said.contains("the mode is off"));
    assert_eq!(found(&text("[group.x]\nmode = \"optional\"\n")), []);
}

#[test]
fn a_thousand_rules_and_networks_are_looked_through_in_time() {
    let rules: String = (0..1000)
        .map(|n| {
            rule(
                &format!("r{n}"),
                &format!("when = {{ service = \"sshd\", time = \"08:00-09:00\", user = \"u{n}\" }}"),
                "ask",
            )
        })
        .collect();
    let networks: String =
        (0..1000).map(|n| format!("n{n} = \"10.{}.{}.0/24\"\n", n / 250, n % 250)).collect();
    is_sound(&format!("[networks]\n{networks}{rules}"));
}
