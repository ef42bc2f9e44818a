//! The server, left open to try by hand.

use std::process::Stdio;

use crate::failure::Failure;
use crate::paper::Paper;
use crate::phone::Phone;
use crate::stage::{PASSWORD, Stage};

/// A root shell on the server, at the terminal of whoever started the demo; returns when it is left.
pub(crate) fn open(stage: &Stage, phone: &Phone, paper: &Paper) -> Result<(), Failure> {
    paper.chapter("The server is yours");
    let secret = phone.secret();
    paper.put(
        format!(
            "
   You are root on the server now; `exit` ends it, and all that is in it.

   log in as alice      ssh alice@server      (password: {PASSWORD})
   become alice         su - alice            (then: sudo -i, mfactl test)
   her code, and next   oathtool --totp -b -w 1 {secret}
   as administrator     mfactl user show alice; mfactl audit; mfactl --help

   Each code is good once: where one was used already, take the next, or wait.

"
        )
        .as_bytes(),
    );
    // A terminal of the machine's own, since programs in there cannot name the one outside.
    let ended = stage
        .server
        .command("root", &["script", "-q", "-c", "cd; exec bash -i", "/dev/null"])
        .stdin(Stdio::inherit())
        .stdout(Stdio::inherit())
        .stderr(Stdio::inherit())
        .status();
    ended.map_err(|error| Failure::of("a shell on the server", error.to_string()))?;
    Ok(())
}
