//! Hosts as they come: descriptors closed, limits low, signals blocked, another user, a poisoned environment.

use std::fs::File;
use std::io::stdout;
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::process::Command;

use mfa_tests::libpam;
use nix::sys::resource::{Resource, getrlimit, rlim_t, setrlimit};
use nix::sys::signal::SigSet;
use nix::sys::stat::{Mode, umask};
use nix::unistd::close;

use crate::args::{Args, Hostile};

/// Runs this program again as another user, or with another environment, when the arguments ask for it.
///
/// A process of its own, since hosts have such an environment from their first instruction on.
pub(crate) fn become_other(args: &Args) -> Result<(), String> {
    if args.uid.is_none() && args.prefix_env.is_empty() {
        return Ok(());
    }
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut again = Command::new(program);
    again.args(&args.rest).envs(args.prefix_env.iter().cloned());
    if let Some(uid) = args.uid {
        again.uid(uid).gid(uid);
    }
    Err(format!("cannot run again: {}", again.exec()))
}

/// Does what lasts as long as the process, and gives a place for the report that survives it.
pub(crate) fn apply_for_good(hostile: &Hostile) -> Result<File, String> {
    let said = |error: nix::Error| error.to_string();
    let output = stdout().as_fd().try_clone_to_owned().map_err(|error| error.to_string())?;
    if let Some(bits) = hostile.umask {
        umask(Mode::from_bits_truncate(bits));
    }
    if hostile.block_signals {
        SigSet::all().thread_block().map_err(said)?;
    }
    if hostile.ignore_child_signals {
        libpam::ignore_child_signals();
    }
    if hostile.closed_stdio {
        for descriptor in 0..3 {
            close(descriptor).map_err(said)?;
        }
    }
    Ok(File::from(output))
}

/// Puts limits back as they were, so that the report can be written.
#[must_use]
pub(crate) struct Limits(Vec<(Resource, rlim_t, rlim_t)>);

/// Lowers the soft limits for the time of a login. A limit that cannot be read or lowered ends the program.
pub(crate) fn enter(hostile: &Hostile) -> Limits {
    let wanted = [
        (Resource::RLIMIT_NOFILE, hostile.open_files_limit),
        (Resource::RLIMIT_FSIZE, hostile.file_size_limit_bytes),
    ];
    let mut saved = Vec::new();
    for (resource, limit) in wanted {
        let Some(limit) = limit else { continue };
        let (soft, hard) = getrlimit(resource).expect("a limit can be read");
        setrlimit(resource, limit.min(hard), hard).expect("a soft limit can be lowered");
        saved.push((resource, soft, hard));
    }
    Limits(saved)
}

impl Drop for Limits {
    fn drop(&mut self) {
        for (resource, soft, hard) in self.0.drain(..) {
            setrlimit(resource, soft, hard).expect("a soft limit can be put back");
        }
    }
}
