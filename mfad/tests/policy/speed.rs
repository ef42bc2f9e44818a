//! How long a decision takes with a thousand rules and a thousand networks. `cargo test --release -p mfad --test
//! policy speed -- --nocapture` measures; elsewhere, that it does not grow out of hand.

use std::{fmt::Write as _, hint::black_box, time::Instant};

use mfad::policy::{Already, Standing, decide};

use crate::{
    judge::{asked, read, with_case},
    world::{Login, NOWS},
};

const MANY: usize = 1000;
/// The longest median, in microseconds; a build without optimisation is some twenty times as slow.
const LIMIT: f64 = if cfg!(debug_assertions) { 3000.0 } else { 100.0 };

/// Networks of two prefixes each, and rules of several conditions, of which the login meets all but the last.
fn settings() -> String {
    let mut text =
        String::from("[policy]\nmode = \"required\"\n[group.g3]\nmode = \"optional\"\n[networks]\n");
    for n in 0..MANY {
        let (a, b) = (n / 250, n % 250);
        writeln!(text, "n{n} = [\"10.{a}.{b}.0/24\", \"2001:db8:{n:x}::/48\"]").unwrap();
    }
    for n in 0..MANY {
        let (other, then) = ((n + 1) % MANY, ["ask", "ask_fresh", "deny", "ask"][n % 4]);
        let condition = match n % 4 {
            0 => format!("network = [\"n{n}\", \"n{other}\"], country = [\"X{}\"]", 'Y'),
            1 => format!("group = [\"g{n}\", \"g{other}\"], address = [\"10.{}.0.0/16\"]", n % 250),
            2 => {
                format!("user = [\"alice\", \"u{n}\"], time = [\"Mon-Sun 00:00-24:00\"], tty = [\"pts/{n}\"]")
            }
            _ => format!("command = [\"/opt/tool{n}\", \"/opt/*/tool{n} *\"]"),
        };
        let unless =
            if n % 5 == 0 { format!("unless = {{ network = [\"n{other}\"] }}\n") } else { String::new() };
        let service = if n % 4 == 3 { "sudo\", \"sshd" } else { "sshd" };
        writeln!(
            text,
            "[[rule]]\nname = \"r{n}\"\nwhen = {{ service = [\"{service}\"], {condition} }}\n{unless}then = \"{then}\""
        )
        .unwrap();
    }
    text
}

fn login() -> Login {
    Login {
        user: "alice",
        uid: Some(1000),
        service: Some("sshd"),
        target: Some("alice"),
        now: NOWS[0],
        address: Some("10.3.249.7"),
        key: Some("SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU"),
        command: Some("/opt/some/tool/with/a/long/path --and --some=arguments that go on"),
        tty: Some("ssh"),
        groups: Some(vec!["g3", "g500", "g501", "g777", "g998"]),
        asn: Some("64500"),
        country: Some("DE"),
        device: Some("known"),
        location: Some("new"),
        travel: Some(false),
    }
}

#[test]
#[allow(clippy::disallowed_methods, reason = "it measures time")]
fn speed_of_a_decision_with_a_thousand_rules_and_a_thousand_networks() {
    let rules = read(&settings());
    assert_eq!((rules.rules.len(), rules.networks.len()), (MANY, MANY));
    let known = login();
    let unknown = Login {
        service: None,
        target: None,
        address: None,
        key: None,
        command: None,
        tty: None,
        groups: None,
        asn: None,
        country: None,
        device: None,
        location: None,
        travel: None,
        ..login()
    };
    assert!(!asked(&rules, &unknown, &[]).demanding.is_empty());
    for (what, login) in [("all known", known), ("nothing known", unknown)] {
        let mut micros: Vec<f64> = with_case(&rules, &login, |case| {
            let once = || {
                let began = Instant::now();
                let asked = rules.demand(black_box(case), &[]);
                black_box(decide(&asked, Standing::Enrolled, None, Already::Nothing));
                began.elapsed().as_secs_f64() * 1e6
            };
            (0..2000).map(|_| once()).collect()
        });
        micros.sort_by(f64::total_cmp);
        let (median, p99) = (micros[micros.len() / 2], micros[micros.len() * 99 / 100]);
        println!("{what}: median {median:.1} µs, 99% {p99:.1} µs");
        assert!(median < LIMIT, "{what}: {median} µs");
    }
}
