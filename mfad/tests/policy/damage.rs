//! Settings that were damaged: a line is lost, the end is, or some bytes are others.

use std::{fs, path::Path};

use mfad::settings::Settings;
use proptest::{collection::vec, prelude::*, sample::Index, sample::select};

use crate::{
    judge::{asked, hardness, is_no_looser, over, rules},
    sound,
    world::{login, written},
};

fn without(text: &str, lost: usize) -> String {
    text.lines().enumerate().filter(|(at, _)| *at != lost).map(|(_, line)| format!("{line}\n")).collect()
}

/// Whether the loss of that line loosens and cannot be told from what an administrator may wish: a condition of an
/// exemption, while another says who; the exception of a rule that skips.
fn may_be_a_wish(text: &str, lost: usize) -> bool {
    let lines: Vec<&str> = text.lines().collect();
    let key = lines[lost].split(' ').next().unwrap();
    let begin = (0..=lost).rev().find(|at| lines[*at].starts_with('[')).unwrap();
    let end = (lost + 1..lines.len()).find(|at| lines[*at].starts_with('[')).unwrap_or(lines.len());
    let skips = lines[begin..end].contains(&"then = \"skip\"");
    lines[begin] == "[[exempt]]" && !["[[exempt]]", "reason", "until"].contains(&key)
        || skips && key == "unless"
}

/// What may stand where something else did.
const PIECES: [&str; 28] = [
    "[",
    "]",
    "[[",
    "]]",
    "{",
    "}",
    "=",
    ",",
    "\"",
    "\"\"\"",
    "'",
    "\n",
    "#",
    ".",
    "-",
    "\u{0}",
    "é",
    "\u{fffd}",
    "0x",
    "nan",
    "99999999999999999999",
    "1979-05-27T07:32:00+23:59",
    "[[rule]]\n",
    "[[exempt]]\n",
    "[policy]\n",
    "when = {}\n",
    "defined_at = \"x\"\n",
    "mode = \"off\"\n",
];

#[derive(Clone, Debug)]
enum Damage {
    Cut(Index, Index),
    Put(Index, &'static str),
    Twice(Index),
    Swapped(Index, Index),
}

fn damage() -> impl Strategy<Value = Damage> {
    prop_oneof![
        (any::<Index>(), any::<Index>()).prop_map(|(from, to)| Damage::Cut(from, to)),
        (any::<Index>(), select(&PIECES[..])).prop_map(|(at, piece)| Damage::Put(at, piece)),
        any::<Index>().prop_map(Damage::Twice),
        (any::<Index>(), any::<Index>()).prop_map(|(one, other)| Damage::Swapped(one, other)),
    ]
}

/// A text stays a text: what is no UTF-8 is refused when the file is read.
fn damaged(text: &str, damage: &Damage) -> String {
    let letters: Vec<char> = text.chars().collect();
    let mut lines: Vec<&str> = text.split('\n').collect();
    let at = |index: &Index| index.index(letters.len() + 1);
    match damage {
        Damage::Cut(from, length) => {
            let from = at(from);
            let to = (from + length.index(12)).min(letters.len());
            letters[..from].iter().chain(&letters[to..]).collect()
        }
        Damage::Put(place, piece) => {
            let (before, after) = letters.split_at(at(place));
            before.iter().copied().chain(piece.chars()).chain(after.iter().copied()).collect()
        }
        Damage::Twice(line) => {
            let line = line.index(lines.len());
            lines.insert(line, lines[line]);
            lines.join("\n")
        }
        Damage::Swapped(one, other) => {
            let (one, other) = (one.index(lines.len()), other.index(lines.len()));
            lines.swap(one, other);
            lines.join("\n")
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    // S23: each line in turn. What is left is no settings, or is no looser.
    #[test]
    fn no_lost_line_loosens(written in written(), logins in vec(login(), 12), seed: u64) {
        let text = written.text();
        let whole = rules(&written);
        for lost in 0..text.lines().count() {
            let rest = without(&text, lost);
            let Ok(left) = Settings::of_text(&rest, "", "host") else { continue };
            if may_be_a_wish(&text, lost) {
                continue;
            }
            for login in &logins {
                let hard = |rules| hardness(rules, &asked(rules, login, &[]), &over(seed));
                prop_assert!(
                    is_no_looser(&hard(&whole), &hard(&left.rules)),
                    "without line {}, {:?}:\n{text}",
                    lost + 1,
                    text.lines().nth(lost)
                );
            }
        }
    }

    // S23
    #[test]
    fn what_is_cut_off_somewhere_is_no_settings_or_has_the_mode_that_was_written(written in written(), at: Index) {
        let text = written.text();
        let cut = &text[..at.index(text.len())];
        if let Ok(settings) = Settings::of_text(cut, "", "host") {
            prop_assert_eq!(settings.rules.mode.word(), written.mode);
        }
    }

    // S22, S23
    #[test]
    fn damaged_settings_are_an_error_or_are_settings_and_never_end_the_program(
        written in written(),
        damages in vec(damage(), 1..8),
    ) {
        let mut text = written.text();
        prop_assert!(sound::holds_of(&text), "{}", text);
        for damage in damages {
            text = damaged(&text, &damage);
            sound::holds_of(&text);
        }
    }
}

// S23: the same of the sample with everything in it, by what each line says.
#[test]
fn no_line_lost_of_the_sample_loosens_unless_its_own_words_say_less() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging/files/mfad.toml");
    let text: String = fs::read_to_string(path)
        .unwrap()
        .lines()
        .map(|line| line.strip_prefix("#:").unwrap_or(line))
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| format!("{line}\n"))
        .collect();
    let text = text.replace("mode = \"optional\"\nrequired_from", "mode = \"required\"\nrequired_from");
    assert!(sound::holds_of(&text), "{text}");
    let whole = Settings::of_text(&text, "", "host").unwrap().rules;
    let mut refused = 0;
    for lost in 0..text.lines().count() {
        match Settings::of_text(&without(&text, lost), "", "host") {
            Err(_) => refused += 1,
            Ok(left) => {
                let left = left.rules;
                assert_eq!((left.mode, &left.group_modes), (whole.mode, &whole.group_modes));
                assert!(left.grace <= whole.grace && left.rules.len() == whole.rules.len());
                let names = |rules: &mfad::policy::Rules| -> Vec<_> {
                    rules.rules.iter().map(|rule| (rule.name.clone(), rule.then, rule.until)).collect()
                };
                assert_eq!(names(&left), names(&whole), "without line {}", lost + 1);
                assert!(left.exemptions.len() == whole.exemptions.len());
            }
        }
    }
    assert!(refused >= 20, "{refused} of {}", text.lines().count());
}
