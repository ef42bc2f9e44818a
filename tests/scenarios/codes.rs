//! Whatever is typed at the prompt.

use std::thread;

use mfa_tests::host::Report;
use mfa_tests::{Machine, Stack};

use crate::people::{REQUIRED, enrolled};

/// How many attempts are made at one time; a refusal is mostly waiting.
const AT_ONCE: usize = 10;

/// Fifty ways to write the same six digits.
fn spellings(code: &str) -> Vec<String> {
    let digits: Vec<char> = code.chars().collect();
    let mut spelt = vec![code.to_owned()];
    for fill in [" ", "-", "  ", " - ", "\t"] {
        for at in 0..=6 {
            let (before, after) = code.split_at(at);
            spelt.push(format!("{before}{fill}{after}"));
        }
        let between: Vec<String> = digits.iter().map(ToString::to_string).collect();
        spelt.push(between.join(fill));
        spelt.push(format!("{}{fill}{}{fill}{}", &code[..2], &code[2..4], &code[4..]));
    }
    spelt.extend([
        format!("{code}\r"),
        format!("{code}\n"),
        format!("\r\n{code}"),
        format!("{code}{}", " ".repeat(50)),
    ]);
    assert_eq!(spelt.len(), 50);
    spelt
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn answer(machine: &Machine, user: &str, typed: &[u8]) -> Report {
    machine.pam_host("door", user, &["--answer-hex", &hex(typed)])
}

/// Tries each answer in a login of its own, some at a time, and returns those that were let in.
fn let_in<'a>(machine: &Machine, tries: &'a [(String, Vec<u8>)]) -> Vec<&'a (String, Vec<u8>)> {
    let mut found = Vec::new();
    for some in tries.chunks(AT_ONCE) {
        found.extend(thread::scope(|scope| {
            let trying: Vec<_> = some
                .iter()
                .map(|one| scope.spawn(move || answer(machine, &one.0, &one.1).granted().then_some(one)))
                .collect();
            trying.into_iter().filter_map(|thread| thread.join().expect("no panic")).collect::<Vec<_>>()
        }));
    }
    found
}

// S3
#[test]
fn fifty_spellings_of_a_right_code_are_right_and_fifty_of_a_spent_one_spent() {
    let names: Vec<String> = (0..50).map(|number| format!("user{number}")).collect();
    let machine = Machine::new()
        .users(names.iter().map(|name| enrolled(name)))
        .pam("door", Stack::mfa_alone())
        .start()
        .with_pam_host();
    let codes: Vec<String> = names.iter().map(|name| machine.token(name).code()).collect();
    let right: Vec<(String, Vec<u8>)> = names
        .iter()
        .enumerate()
        .map(|(at, name)| (name.clone(), spellings(&codes[at])[at].clone().into_bytes()))
        .collect();
    let accepted = let_in(&machine, &right);
    assert_eq!(accepted.len(), 50, "not each of them was right: {accepted:?}");

    // The last user's code is spent now, in whatever spelling.
    let spent: Vec<(String, Vec<u8>)> =
        spellings(&codes[49]).into_iter().map(|spelt| ("user49".into(), spelt.into_bytes())).collect();
    assert_eq!(let_in(&machine, &spent), Vec::<&(String, Vec<u8>)>::new());
    let rows = machine.audit();
    let reasons = rows.with(&[("user", "user49"), ("event", "refused")]);
    assert!((1..5).contains(&reasons.len()), "one a minute: {}", rows.printed());
    assert!(reasons.iter().all(|row| row.text("reason") == "spent_code"), "{}", rows.printed());
}

// S2
#[test]
fn what_is_no_code_is_refused_and_counted_for_nobody() {
    let machine = Machine::new()
        .user(enrolled("alice"))
        .pam("door", Stack::mfa_alone())
        .settings(REQUIRED)
        .start()
        .with_pam_host();
    let code = machine.token("alice").code();
    let fullwidth: String =
        code.chars().map(|digit| char::from_u32(digit as u32 + 0xfee0).expect("a digit")).collect();
    let arabic: String =
        code.chars().map(|digit| char::from_u32(digit as u32 + 0x630).expect("a digit")).collect();
    let junk: Vec<Vec<u8>> = vec![
        Vec::new(),
        b" ".to_vec(),
        b"12345".to_vec(),
        b"123456789".to_vec(),
        format!("{code}{code}").into_bytes(),
        format!("0{code}000").into_bytes(),
        format!("+{code}").into_bytes(),
        format!("{code}.0").into_bytes(),
        format!("0x{code}").into_bytes(),
        format!("{code};").into_bytes(),
        format!("{code}' OR 1=1 --").into_bytes(),
        fullwidth.into_bytes(),
        arabic.into_bytes(),
        format!("{code}\u{200b}").into_bytes(),
        format!("\u{a0}{code}").into_bytes(),
        [code.as_bytes(), b"\xff"].concat(),
        [b"\x1b[2J", code.as_bytes()].concat(),
        b"\x08\n\r\x7fINCORRECT".to_vec(),
        b"%s%n%s%n".to_vec(),
        [&b"\0"[..], code.as_bytes()].concat(),
        vec![b'1'; 300],
        // libpam's own limit of an answer is 512 bytes; a host may hand over more.
        vec![b'7'; 4096],
        format!("{}{}{}", &code[..3], " ".repeat(4090), &code[3..]).into_bytes(),
        vec![0xff; 4096],
    ];
    let tries: Vec<(String, Vec<u8>)> = junk.into_iter().map(|typed| ("alice".to_owned(), typed)).collect();
    assert_eq!(let_in(&machine, &tries), Vec::<&(String, Vec<u8>)>::new());
    let shown = machine.exec(&["mfactl", "user", "show", "alice", "--json"]).stdout_of_success();
    let shown: serde_json::Value = serde_json::from_str(&shown).expect("JSON");
    let failures = |door: &serde_json::Value| door["failures"].as_u64();
    assert!(
        shown["doors"].as_array().expect("doors").iter().all(|door| failures(door) == Some(0)),
        "{shown}"
    );
    assert!(answer(&machine, "alice", code.as_bytes()).granted(), "it was neither spent nor locked");
}

// S28
#[test]
fn a_line_of_four_thousand_bytes_over_ssh_is_no_code() {
    let machine = crate::people::alice_at_sshd_and_sudo().start();
    let long = "9".repeat(4000);
    let code = machine.token("alice").code();
    let _ = machine.ssh("alice").password("pw").code(&long).code(&code).assert_granted();
}

// S3: mfad's own promise, whatever a host does with its questions.
#[test]
fn a_question_is_answered_once_and_by_whom_it_was_put_to() {
    let machine = Machine::new().user(enrolled("alice")).user(enrolled("bob")).start();
    let call = |user: &str, method: &str, arguments: &[String]| {
        let method = format!("org.mfad1.Locker.{method}");
        let mut call =
            vec!["dbus-send", "--system", "--print-reply=literal", "--dest=org.mfad1", "/org/mfad1", &method];
        call.extend(arguments.iter().map(String::as_str));
        machine.exec_as(user, &call).stdout_of_success()
    };
    let bytes = |bytes: &[u8]| {
        let listed: Vec<String> = bytes.iter().map(ToString::to_string).collect();
        format!("array:byte:{}", listed.join(","))
    };
    // kind and reason come first in a step.
    let step = |reply: &str| {
        let numbers: Vec<u32> =
            reply.split_whitespace().filter_map(|word| word.parse().ok()).take(2).collect();
        (numbers[0], numbers[1])
    };
    let ask = |user: &str| {
        let reply = call(user, "Begin", &[bytes(b"locker")]);
        let (_, token) = reply.split_once("array of bytes").map_or_else(
            || panic!("no token in {reply}"),
            |(_, rest)| rest.split_once('[').expect("a token"),
        );
        let token = token.split_once(']').expect("a token ends").0;
        let token: Vec<u8> =
            token.split_whitespace().map(|byte| u8::from_str_radix(byte, 16).expect("hexadecimal")).collect();
        assert_eq!(step(&reply), (0, 0), "{reply}");
        token
    };
    let (refused, expired) = (3, 7);
    let code = machine.token("alice").code();
    let token = ask("alice");
    let answered =
        call("alice", "Answer", &[bytes(&token), bytes(machine.token("alice").wrong_code().as_bytes())]);
    assert_eq!(step(&answered), (0, 1), "asked again: {answered}");
    let again = step(&call("alice", "Answer", &[bytes(&token), bytes(code.as_bytes())]));
    assert_eq!(again.1, expired, "the old question was answered twice");

    let token = ask("alice");
    let by_bob = call("bob", "Answer", &[bytes(&token), bytes(code.as_bytes())]);
    assert_eq!(step(&by_bob), (refused, expired), "{by_bob}");
    let mut bent = token.clone();
    bent[20] ^= 1;
    let bent = call("alice", "Answer", &[bytes(&bent), bytes(code.as_bytes())]);
    assert_eq!(step(&bent), (refused, expired), "{bent}");
    let proven = call("alice", "Answer", &[bytes(&token), bytes(code.as_bytes())]);
    assert_eq!(step(&proven).0, 1, "{proven}");
}
