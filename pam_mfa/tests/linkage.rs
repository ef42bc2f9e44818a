//! How the module that cargo built is linked: what it exports, and that it stays mapped.

use std::path::PathBuf;
use std::process::Command;

/// The module, of the profile that this test was built with.
fn module() -> PathBuf {
    let program = std::env::current_exe().expect("a program has a path");
    let module = program.ancestors().map(|folder| folder.join("libpam_mfa.so")).find(|file| file.exists());
    module.expect("cargo builds the module before its tests")
}

fn read(tool: &str, arguments: &[&str]) -> String {
    let output = Command::new(tool).args(arguments).arg(module()).output().expect("binutils");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn the_six_entry_points_are_all_that_is_exported() {
    let symbols = read("nm", &["--dynamic", "--defined-only", "--format=posix"]);
    let mut names: Vec<&str> = symbols.lines().filter_map(|line| line.split(' ').next()).collect();
    names.sort_unstable();
    let expected = [
        "pam_sm_acct_mgmt",
        "pam_sm_authenticate",
        "pam_sm_chauthtok",
        "pam_sm_close_session",
        "pam_sm_open_session",
        "pam_sm_setcred",
    ];
    assert_eq!(names, expected);
}

#[test]
fn the_module_is_never_unmapped_and_its_tables_are_read_only() {
    let dynamic = read("readelf", &["--dynamic", "--wide"]);
    for flag in ["NODELETE", "NOW"] {
        assert!(dynamic.contains(flag), "{dynamic}");
    }
    assert!(read("readelf", &["--segments", "--wide"]).contains("GNU_RELRO"));
}

/// Nothing but libpam and libc: another library is another constructor in sshd, and more to load at
/// every login than the module is itself.
#[test]
fn the_module_needs_no_library_of_its_own() {
    let dynamic = read("readelf", &["--dynamic", "--wide"]);
    let needed: Vec<&str> = dynamic
        .lines()
        .filter(|line| line.contains("(NEEDED)"))
        .filter_map(|line| line.split(['[', ']']).nth(1))
        .collect();
    for library in needed {
        let known = ["libpam.so.0", "libc.so.6"];
        assert!(known.contains(&library) || library.starts_with("ld-linux"), "{library}");
    }
}
