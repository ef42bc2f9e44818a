//! How the module is linked.

fn main() {
    // libpam may unload modules at any time, and glibc runs thread-local destructors at thread
    // exit: a module that stays mapped can never be called at an address that is gone.
    println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
    println!("cargo:rerun-if-changed=build.rs");
}
