//! The product's programs, as cargo built them, set up in a machine as its package would.

use std::env;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use crate::inside::Inside;

/// Where libpam looks for modules.
fn modules() -> String {
    format!("/usr/lib/{}-linux-gnu/security", env::consts::ARCH)
}

/// cargo's target folder: the one that this program was built into.
pub(crate) fn target() -> &'static Path {
    static TARGET: OnceLock<PathBuf> = OnceLock::new();
    TARGET.get_or_init(|| {
        let program = env::current_exe().expect("a program has a path");
        let marked = |folder: &&Path| folder.join("CACHEDIR.TAG").exists();
        program.ancestors().find(marked).expect("built by cargo").to_owned()
    })
}

/// A file that `cargo build` makes: beside this program, or of the profile that `MFA_PROFILE` names.
pub fn built(name: &str) -> PathBuf {
    let folder = env::var("MFA_PROFILE").map_or_else(|_| own_profile(), |profile| target().join(profile));
    let path = folder.join(name);
    assert!(path.exists(), "{} is missing: cargo build --workspace, then again", path.display());
    path
}

/// Where the programs are that were built as this one was: tests are in a folder `deps` of it.
fn own_profile() -> PathBuf {
    let program = env::current_exe().expect("a program has a path");
    let of_program = |folder: &&Path| !folder.ends_with("deps");
    program.ancestors().skip(1).find(of_program).expect("built by cargo").to_owned()
}

/// What is bound into a machine: files from outside with their paths inside.
pub(crate) fn bound() -> Vec<(PathBuf, String)> {
    vec![
        (built("mfad"), "/usr/sbin/mfad".into()),
        (built("mfactl"), "/usr/bin/mfactl".into()),
        (built("libpam_mfa.so"), format!("{}/pam_mfa.so", modules())),
    ]
}

/// Where the settings are.
pub(crate) const SETTINGS: &str = "/etc/mfad/mfad.toml";

/// Where the bus looks for services that it may start.
pub(crate) const ACTIVATION: &str = "/usr/share/dbus-1/system-services/org.mfad1.service";

/// The bytes of a file that packages ship.
fn shipped(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging/files").join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("reading {}: {error}", path.display()))
}

/// Puts in place what systemd needs to know, where it is process 1: before [`install`].
pub(crate) fn install_units(inside: &Inside) {
    for (name, place) in [
        ("mfad.service", "/usr/lib/systemd/system/mfad.service"),
        ("mfad.socket", "/usr/lib/systemd/system/mfad.socket"),
        ("mfad.sysusers", "/usr/lib/sysusers.d/mfad.conf"),
        ("mfad.tmpfiles", "/usr/lib/tmpfiles.d/mfad.conf"),
        ("mfad.catalog", "/usr/lib/systemd/catalog/mfad.catalog"),
    ] {
        inside.write(place, 0o644, shipped(name));
    }
    inside.shell(
        "systemd-sysusers mfad.conf
         systemd-tmpfiles --create mfad.conf
         journalctl --update-catalog
         systemctl daemon-reload",
    );
}

/// Enables what [`install_units`] put in place, and starts it.
pub(crate) fn start_units(inside: &Inside) {
    inside.shell("systemctl reload dbus && systemctl --quiet enable --now mfad.socket mfad.service");
}

/// Sets the product up as a package would: bus files, settings, `mfad init`.
pub(crate) fn install(inside: &Inside, settings: Option<&str>) {
    inside.write("/usr/share/dbus-1/system.d/org.mfad1.conf", 0o644, shipped("org.mfad1.conf"));
    inside.write(ACTIVATION, 0o644, shipped("org.mfad1.service"));
    inside.write("/usr/lib/mfad/steps", 0o755, shipped("steps"));
    if let Some(settings) = settings {
        inside.write(SETTINGS, 0o644, settings);
    }
    inside.exec(&["mfad", "init"]).stdout_of_success();
    inside.exec(&["mfad", "--check"]).stdout_of_success();
}
