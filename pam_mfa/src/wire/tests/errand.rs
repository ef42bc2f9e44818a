//! Tests that need a process of their own, besides the one of all tests.
//!
//! Such a test runs this very program once more, for itself alone and with a place to work in, and does
//! the other half of its work where it finds that place given. It comes as an argument: among the
//! names of tests to be run, where it names none.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// What stands before the place.
const PLACE: &str = "place-of-an-errand=";

/// Runs the test of that whole name in a process of its own, as another user where one is given. It
/// lives no longer than its standard input is held.
pub(super) fn run(test: &str, place: &Path, uid: Option<u32>) -> Child {
    let program = env::current_exe().expect("a program has a path");
    let mut command = match uid {
        None => Command::new(program),
        Some(uid) => {
            let mut command = Command::new("setpriv"); // of util-linux
            command.args([&format!("--reuid={uid}"), &format!("--regid={uid}"), "--clear-groups", "--"]);
            command.arg(program);
            command
        }
    };
    command.args(["--exact", "--test-threads=1", "--nocapture", test]);
    command.arg(format!("{PLACE}{}", place.display()));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts")
}

/// The place of this process's errand; `None` in the process of all tests.
pub(super) fn given() -> Option<PathBuf> {
    env::args().find_map(|word| word.strip_prefix(PLACE).map(PathBuf::from))
}

/// Returns when whoever sent this process has no more use for it.
pub(super) fn wait_for_the_end() {
    let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
}
