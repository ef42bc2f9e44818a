//! Where libpam looks for modules.

use std::path::{Path, PathBuf};

/// The folders, by distribution; `*` is the machine's triplet.
const FOLDERS: [&str; 7] = [
    "/usr/lib/*-linux-gnu*/security",
    "/lib/*-linux-gnu*/security",
    "/usr/lib64/security",
    "/lib64/security",
    "/usr/lib/security",
    "/lib/security",
    "/usr/local/lib/security",
];

/// Where a module of that file name is, or would be: beside those of libpam itself.
pub(crate) fn module_file(name: &str) -> PathBuf {
    in_folders(&FOLDERS.map(String::from), name)
}

fn in_folders(patterns: &[String], name: &str) -> PathBuf {
    let mut folders: Vec<PathBuf> =
        patterns.iter().filter_map(|pattern| glob::glob(pattern).ok()).flatten().flatten().collect();
    // A host may have libraries of another machine's kind as well.
    folders.sort_by_key(|folder| !folder.to_string_lossy().contains(std::env::consts::ARCH));
    let with = |file: &str| folders.iter().find(|folder| folder.join(file).exists());
    let folder = with("pam_unix.so").or_else(|| with(name)).map_or(Path::new(FOLDERS[4]), PathBuf::as_path);
    folder.join(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_is_beside_those_of_libpam_and_of_this_machines_kind() {
        let root = tempfile::tempdir().unwrap();
        let ours = format!("{}-linux-gnu", std::env::consts::ARCH);
        for triplet in ["aaa-linux-gnu", &ours] {
            let folder = root.path().join(triplet).join("security");
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(folder.join("pam_unix.so"), "").unwrap();
        }
        let alone = root.path().join("alone");
        std::fs::create_dir(&alone).unwrap();
        std::fs::write(alone.join("pam_x.so"), "").unwrap();
        let patterns =
            [alone.display().to_string(), format!("{}/*-linux-gnu*/security", root.path().display())];
        assert_eq!(in_folders(&patterns, "pam_x.so"), root.path().join(ours).join("security/pam_x.so"));
        assert_eq!(in_folders(&patterns[..1], "pam_x.so"), alone.join("pam_x.so"));
        assert_eq!(in_folders(&[], "pam_x.so"), Path::new("/usr/lib/security/pam_x.so"));
    }
}
