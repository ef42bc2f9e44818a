//! strace on a mfad that runs: it says what mfad asks of the kernel, or has some of it fail.

use std::io::Read;
use std::process::{Child, Stdio};
use std::time::Duration;

use crate::daemon::Mfad;
use crate::inside::Inside;
use crate::wait;

/// How long strace may take to come or to go.
const PATIENCE: Duration = Duration::from_secs(10);

/// mfad under strace, until this is dropped. There is one at a time in a machine.
#[derive(Debug)]
pub struct Traced<'a> {
    inside: &'a Inside,
    strace: Child,
    file: String,
}

impl<'a> Mfad<'a> {
    /// Holds all of its threads with these options; the trace is in `file` of the machine.
    pub fn traced(self, file: &str, options: &[&str]) -> Traced<'a> {
        let (inside, pid) = (self.inside(), self.pid().expect("mfad runs"));
        let argv = [&["strace", "-qq", "-f", "-p", &pid, "-o", file], options].concat();
        let mut command = inside.command("root", &argv);
        let mut strace =
            command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("nsenter starts");
        let free = format!("grep -q 'TracerPid:[[:space:]]0$' /proc/{pid}/task/*/status");
        let is_held = || inside.exec(&["sh", "-c", &free]).status.code() == Some(1);
        if wait::until(PATIENCE, || is_held().then_some(())).is_none() {
            let _ = strace.kill();
            let mut said = String::new();
            let _ = strace.stderr.take().expect("piped").read_to_string(&mut said);
            panic!("strace does not hold mfad: {said}");
        }
        Traced { inside, strace, file: file.to_owned() }
    }
}

impl Traced<'_> {
    /// The machine that it is in.
    pub(crate) fn inside(&self) -> &Inside {
        self.inside
    }

    /// The whole lines of the trace up to now. strace has written a call down before mfad goes on.
    pub fn so_far(&self) -> String {
        let mut trace = self.inside.read(&self.file);
        trace.truncate(trace.rfind('\n').map_or(0, |end| end + 1));
        trace
    }

    /// Lets mfad go; all of the trace.
    pub fn end(self) -> String {
        let (inside, file) = (self.inside, self.file.clone());
        drop(self);
        inside.read(file)
    }
}

impl Drop for Traced<'_> {
    fn drop(&mut self) {
        let _ = self.inside.exec(&["pkill", "-INT", "-x", "strace"]);
        if wait::until(PATIENCE, || self.strace.try_wait().ok().flatten()).is_none() {
            let _ = self.strace.kill();
        }
    }
}
