//! Programs of this host that are asked: at fixed places, with an environment of their own, for so long.

use std::io::Read;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// Where they are.
const FOLDERS: [&str; 4] = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"];
/// How long one may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a program said.
#[derive(Debug)]
pub(crate) struct Said {
    /// Whether it ended well.
    pub(crate) well: bool,
    /// What it ended with; none: a signal.
    pub(crate) code: Option<i32>,
    /// Its standard output.
    pub(crate) out: String,
    /// Its standard error.
    pub(crate) err: String,
}

/// The program of that name, where there is one.
pub(crate) fn find(name: &str) -> Option<PathBuf> {
    FOLDERS.iter().map(|folder| PathBuf::from(folder).join(name)).find(|path| path.is_file())
}

/// Runs it; an error says why it could not be asked.
pub(crate) fn ask(name: &str, arguments: &[&str]) -> Result<Said, String> {
    let program = find(name).ok_or_else(|| format!("there is no {name}"))?;
    let mut command = Command::new(program);
    command.args(arguments).env_clear().env("PATH", FOLDERS.join(":")).env("LC_ALL", "C");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| format!("{name}: {error}"))?;
    let (send, ended) = mpsc::channel();
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let read = |pipe: Option<Box<dyn Read + Send>>, which: bool, send: mpsc::Sender<(bool, String)>| {
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            if let Some(mut pipe) = pipe {
                let _ = pipe.read_to_end(&mut bytes); // what came is what there is
            }
            let _ = send.send((which, String::from_utf8_lossy(&bytes).into_owned()));
        });
    };
    read(out.map(|pipe| Box::new(pipe) as _), true, send.clone());
    read(err.map(|pipe| Box::new(pipe) as _), false, send);
    let mut said = Said { well: false, code: None, out: String::new(), err: String::new() };
    for _ in 0..2 {
        match ended.recv_timeout(PATIENCE) {
            Ok((true, text)) => said.out = text,
            Ok((false, text)) => said.err = text,
            Err(_) => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(format!("{name} did not answer in {} s", PATIENCE.as_secs()));
            }
        }
    }
    let ended = child.wait().map_err(|error| format!("{name}: {error}"))?;
    (said.well, said.code) = (ended.success(), ended.code());
    Ok(said)
}
