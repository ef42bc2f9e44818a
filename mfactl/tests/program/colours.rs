//! Nothing that drives a terminal is written to what is none, and no colour where none is wanted.

use std::fs::File;
use std::io::{Read, Write};
use std::process::{Command, Stdio};

use nix::pty::openpty;

use crate::false_mfad::{FalseMfad, Manner};
use crate::verbs::{ASKING, ASKING_NOTHING, all, ending};
use crate::{MFACTL, alone};

fn assert_plain(what: &str, bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    assert!(!text.contains(['\x1b', '\u{9b}']), "{what}: {text:?}");
}

#[test]
fn no_answer_has_an_escape_in_a_pipe_whatever_mfad_says() {
    let mfad = FalseMfad::start(Manner::Grants);
    let lines = ASKING.iter().copied().chain(ASKING_NOTHING.iter().map(|line| (*line, "")));
    for (line, typed) in lines {
        let mut run = mfad.mfactl(line).env("TERM", "xterm-256color").stdin(Stdio::piped()).spawn().unwrap();
        // Who reads nothing may be gone already.
        let _ = run.stdin.take().unwrap().write_all(format!("{typed}\n").as_bytes());
        let output = run.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(ending(line, 0)), "{line}: {said}");
        assert!(
            !output.stdout.is_empty() || output.status.code() == Some(4) || line.starts_with("enroll cancel"),
            "{line}"
        );
        assert_plain(line, &output.stdout);
        assert_plain(line, &output.stderr);
    }
}

#[test]
fn no_refusal_has_an_escape_in_a_pipe() {
    let mfad = FalseMfad::start(Manner::Asks);
    for (line, _) in ASKING {
        let output = mfad.mfactl(line).output().unwrap();
        assert!(!output.stderr.is_empty(), "{line}");
        assert_plain(line, &output.stderr);
    }
}

#[test]
fn no_help_and_no_usage_error_has_an_escape_in_a_pipe() {
    for verb in all() {
        for flag in ["-h", "--help", "--no-such-flag"] {
            let output = alone(verb.split_whitespace().chain([flag]));
            assert!(output.stdout.len() + output.stderr.len() > 0, "{verb} {flag}");
            assert_plain(&verb, &output.stdout);
            assert_plain(&verb, &output.stderr);
        }
    }
}

/// What a terminal gets.
fn at_a_terminal(mut run: Command) -> Vec<u8> {
    let pty = openpty(None, None).unwrap();
    run.env("TERM", "xterm-256color").env("LC_ALL", "C.UTF-8").stdin(Stdio::null());
    run.stdout(pty.slave.try_clone().unwrap()).stderr(pty.slave);
    let mut running = run.spawn().unwrap();
    drop(run); // else the terminal stays open here
    let mut screen = Vec::new();
    let _ = File::from(pty.master).read_to_end(&mut screen); // ends in EIO, when everybody has hung up
    running.wait().unwrap();
    screen
}

fn help() -> Command {
    let mut help = Command::new(MFACTL);
    help.arg("--help").env_remove("NO_COLOR").env_remove("CLICOLOR").env_remove("CLICOLOR_FORCE");
    help
}

#[test]
fn a_terminal_has_colours_unless_they_are_not_wanted() {
    let mfad = FalseMfad::start(Manner::Grants);
    let code = || mfad.mfactl("enroll begin --qr utf8");
    for run in [help(), code()] {
        let shown = at_a_terminal(run);
        assert!(shown.contains(&0x1b), "{}", String::from_utf8_lossy(&shown));
    }
    for mut run in [help(), code()] {
        run.env("NO_COLOR", "1");
        let shown = at_a_terminal(run);
        assert!(shown.len() > 500, "{}", String::from_utf8_lossy(&shown));
        assert_plain("NO_COLOR", &shown);
    }
}
