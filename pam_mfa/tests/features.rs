//! What cargo would link into the login process.
//!
//! cargo unifies features: one crate anywhere in the workspace that enabled `zbus/tokio` would give
//! every login a second runtime, with its threads and descriptors. So the module is looked at alone
//! and as the whole workspace builds it.

use std::process::Command;

/// The packages and features that cargo resolves for `selection`, a line each.
fn tree(selection: &[&str]) -> String {
    let cargo = Command::new(env!("CARGO"))
        .args(["tree", "--offline", "--edges", "normal,features", "--prefix", "none"])
        .args(selection)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(cargo.status.success(), "{}", String::from_utf8_lossy(&cargo.stderr));
    String::from_utf8(cargo.stdout).expect("names of packages are UTF-8")
}

#[test]
fn no_crate_of_the_workspace_enables_tokio_in_zbus() {
    for selection in [&["--package", "pam_mfa"][..], &["--workspace"]] {
        let tree = tree(selection);
        assert!(tree.contains("zbus feature \"comms\""), "the tree is not what this test reads");
        for line in tree.lines() {
            let tokio = line.starts_with("tokio ") || line.starts_with("zbus feature \"tokio");
            assert!(!tokio, "{selection:?}: {line}");
        }
    }
}

#[test]
fn the_module_alone_takes_no_more_of_zbus_than_its_calls_need() {
    let tree = tree(&["--package", "pam_mfa"]);
    let mut features: Vec<&str> =
        tree.lines().filter_map(|line| line.strip_prefix("zbus feature \"")?.split('"').next()).collect();
    features.sort_unstable();
    features.dedup();
    assert_eq!(features, ["comms", "zruntime"]);
}
