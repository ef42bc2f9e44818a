//! The size of the module as cargo builds it: alone, and with the whole workspace, whose features unify.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Serialize;

/// Bytes of the stripped module.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Sizes {
    pub(crate) alone_bytes: u64,
    pub(crate) workspace_bytes: u64,
}

/// Builds the module in both ways, the whole workspace last, and takes its size. The release profile strips it.
pub(crate) fn build() -> Result<Sizes, String> {
    let build = |what: &[&str]| -> Result<u64, String> {
        let status = Command::new("cargo")
            .args(["build", "--quiet", "--release"])
            .args(what)
            .current_dir(workspace())
            .status()
            .map_err(|error| format!("cargo: {error}"))?;
        if !status.success() {
            return Err(format!("cargo build {}: {status}", what.join(" ")));
        }
        size(&module()).map_err(|error| format!("{}: {error}", module().display()))
    };
    Ok(Sizes { alone_bytes: build(&["-p", "pam_mfa"])?, workspace_bytes: build(&["--workspace"])? })
}

fn workspace() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

fn module() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR");
    let target = target.map_or_else(|| workspace().join("target"), PathBuf::from);
    target.join("release/libpam_mfa.so")
}

fn size(file: &Path) -> io::Result<u64> {
    Ok(fs::metadata(file)?.len())
}
