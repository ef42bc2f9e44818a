//! Without a terminal nothing waits for an answer.

use std::process::{Command, Output, Stdio};

use crate::false_mfad::{FalseMfad, Manner};
use crate::verbs::{ASKING, ASKING_NOTHING, AT_A_TERMINAL, ending};

/// How a run ends whose standard input says nothing and stays open.
fn with_a_silent_input(mut mfactl: Command) -> Output {
    let mut run = mfactl.stdin(Stdio::piped()).spawn().unwrap();
    let silent = run.stdin.take();
    let output = run.wait_with_output().unwrap();
    drop(silent);
    output
}

fn with_an_empty_input(mut mfactl: Command) -> Output {
    mfactl.stdin(Stdio::null()).output().unwrap()
}

/// Runs each line, all at once, since each may take the patience that mfactl has.
fn runs<'a>(
    mfad: &FalseMfad,
    lines: impl Iterator<Item = &'a str>,
    run: fn(Command) -> Output,
) -> Vec<(&'a str, Output)> {
    std::thread::scope(|scope| {
        let started: Vec<_> = lines.map(|line| (line, scope.spawn(move || run(mfad.mfactl(line))))).collect();
        started.into_iter().map(|(line, run)| (line, run.join().unwrap())).collect()
    })
}

fn assert_what_asks_is_a_usage_error(run: fn(Command) -> Output) {
    let mfad = FalseMfad::start(Manner::Asks);
    let lines = ASKING.iter().map(|(line, _)| *line).chain([AT_A_TERMINAL]);
    for (line, output) in runs(&mfad, lines, run) {
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(ending(line, 2)), "{line}: {said}");
        assert!(
            ["standard input", "terminal", "only root"].iter().any(|word| said.contains(word)),
            "{line}: {said}"
        );
        // An import tells of each user, also of those whom mfad was not asked for.
        assert!(
            line.starts_with("import") || output.stdout.is_empty(),
            "{line}: {}",
            String::from_utf8_lossy(&output.stdout)
        );
    }
}

#[test]
fn what_asks_finds_no_answer_in_an_empty_input() {
    assert_what_asks_is_a_usage_error(with_an_empty_input);
}

#[test]
fn what_asks_does_not_wait_for_an_input_that_stays_silent() {
    assert_what_asks_is_a_usage_error(with_a_silent_input);
}

#[test]
fn what_asks_nothing_does_not_look_at_its_input() {
    let mfad = FalseMfad::start(Manner::Asks);
    for (line, output) in runs(&mfad, ASKING_NOTHING.iter().copied(), with_a_silent_input) {
        assert_eq!(
            output.status.code(),
            Some(ending(line, 0)),
            "{line}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}
