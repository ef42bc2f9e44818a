//! The product's packages, as `packaging/build` makes them, and dpkg in a machine.

use std::path::{Path, PathBuf};
use std::time::SystemTime;
use std::{env, fs};

use crate::inside::{Inside, Ran};
use crate::product::{built, target};

/// A version of the product's package.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// As the sources have it.
    This,
    /// The same, called a later one.
    Later,
}

impl Version {
    /// How it is written.
    pub fn number(self) -> &'static str {
        match self {
            Self::This => env!("CARGO_PKG_VERSION"),
            Self::Later => "9.0.0", // tests/run says the same
        }
    }
}

/// The Debian package.
pub fn deb(version: Version) -> PathBuf {
    find(&format!("mfad_{}-1_", version.number()), ".deb")
}

/// The package of RPM systems.
pub fn rpm(version: Version) -> PathBuf {
    find(&format!("mfad-{}-1.", version.number()), ".rpm")
}

/// A package that was built after the programs were.
fn find(start: &str, end: &str) -> PathBuf {
    let (quick, how) = match env::var("MFA_PROFILE").as_deref() {
        Ok("release") => ("", "packaging/build, and again with --version 9.0.0"),
        _ => ("quick", "packaging/build --quick, and again with --version 9.0.0"),
    };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/packages").join(quick);
    let names = fs::read_dir(&folder).unwrap_or_else(|_| panic!("{} is missing: {how}", folder.display()));
    let names = names.flatten().map(|entry| entry.path());
    let wanted = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        name.starts_with(start) && name.ends_with(end)
    };
    let package = names.into_iter().find(wanted).unwrap_or_else(|| panic!("no package {start}*{end}: {how}"));
    let made =
        |path: &Path| fs::metadata(path).and_then(|meta| meta.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
    let newest = ["mfad", "mfactl"].iter().map(|program| made(&built(program))).max();
    assert!(
        newest <= Some(made(&package)),
        "{} is older than what cargo built in {}: {how}",
        package.display(),
        target().display()
    );
    package
}

impl Inside {
    /// Installs a package of Debian as an administrator does who has copied it there, with nobody to answer.
    pub fn install(&self, package: &Path) -> Ran {
        let file = self.take_in(package);
        self.dpkg(&["--install", &file])
    }

    /// Copies a file of this host into the machine; its path there.
    pub fn take_in(&self, file: &Path) -> String {
        let name = file.file_name().and_then(|name| name.to_str()).expect("a file has a name");
        let inside = format!("/root/{name}");
        let bytes = fs::read(file).unwrap_or_else(|error| panic!("reading {}: {error}", file.display()));
        self.write(&inside, 0o644, bytes);
        inside
    }

    /// dpkg with these arguments, and nobody to answer questions.
    pub fn dpkg(&self, arguments: &[&str]) -> Ran {
        self.exec(&[&["env", "DEBIAN_FRONTEND=noninteractive", "dpkg"], arguments].concat())
    }

    /// The state of a package, as dpkg has it: `installed`, `half-configured`, `config-files`; empty where it has none.
    pub fn package_state(&self, package: &str) -> String {
        let asked = self.exec(&["dpkg-query", "-W", "-f", "${db:Status-Status}", package]);
        if asked.stdout.trim() == "not-installed" { String::new() } else { asked.stdout }
    }
}
