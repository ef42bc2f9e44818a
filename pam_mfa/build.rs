//! How the module is linked.

use std::path::PathBuf;
use std::{env, fs};

fn main() {
    // libpam may unload modules at any time, and glibc runs thread-local destructors at thread
    // exit: a module that stays mapped can never be called at an address that is gone.
    println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");

    // rustc names libgcc_s for unwinding. Loading that library with the module costs each login
    // more than the module does, so the same code is linked in instead: what the linker finds under
    // its name is this script.
    #[expect(clippy::disallowed_methods, reason = "how cargo talks to a build script")]
    let folder = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    fs::write(folder.join("libgcc_s.so"), "INPUT(-lgcc_eh)\n").expect("cargo made the folder");
    println!("cargo:rustc-link-search=native={}", folder.display());
    println!("cargo:rerun-if-changed=build.rs");
}
