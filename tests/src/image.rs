//! Where the root file system of every machine is; `image.sh` makes it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// The root file system, built first where it is missing (half a minute, once a cache).
pub fn root() -> &'static Path {
    static ROOT: OnceLock<PathBuf> = OnceLock::new();
    ROOT.get_or_init(|| {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/image.sh");
        let built = Command::new("bash").arg(script).stderr(Stdio::inherit()).output().expect("bash starts");
        assert!(built.status.success(), "the root file system could not be built: {}", built.status);
        PathBuf::from(String::from_utf8(built.stdout).expect("a path").trim_end())
    })
}
