//! `mfactl` as its users have it: the program itself, with nothing of its insides.
#![forbid(unsafe_code)]

mod colours;
mod completions;
mod false_mfad;
mod manual;
mod verbs;
mod waiting;

use std::process::{Command, Output, Stdio};

/// The program.
const MFACTL: &str = env!("CARGO_BIN_EXE_mfactl");

/// A command line of mfactl that speaks with nobody: standard input is empty, outputs are pipes.
fn alone<'a>(words: impl IntoIterator<Item = &'a str>) -> Output {
    let mut mfactl = Command::new(MFACTL);
    mfactl.args(words).stdin(Stdio::null()).env_remove("CLICOLOR_FORCE");
    mfactl.output().unwrap()
}

/// What was written, as text.
fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// What `program` writes and how it ends; it has to be there.
fn tool(program: &str, package: &str, words: &[&str]) -> Output {
    let started = Command::new(program).args(words).stdin(Stdio::null()).env("LC_ALL", "C.UTF-8").output();
    started.unwrap_or_else(|error| panic!("{program}, of Debian's {package}, is needed: {error}"))
}
