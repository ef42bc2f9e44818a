//! Which host this is: what must be the same again for what was true of a host to be true of this one.

use std::{fs, os::unix::fs::MetadataExt, path::Path, time::UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Source: machine-id(5).
const MACHINE_ID: &str = "/etc/machine-id";

/// A host, with the store that it has: the same over reboots, another on a clone with a name or a machine id of its
/// own, and wherever the store's file was put back from a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct HostId(pub [u8; 16]);

impl HostId {
    /// This host with that store, which is open already. None where the host has no machine id, as in most
    /// containers, or where the file cannot be told from its copies.
    pub fn of_this(store: &Path) -> Option<Self> {
        let machine = fs::read_to_string(MACHINE_ID).ok()?;
        let name = nix::unistd::gethostname().ok()?.into_string().ok()?;
        Self::of(&machine, &name, &fs::metadata(store).ok()?)
    }

    fn of(machine: &str, name: &str, store: &fs::Metadata) -> Option<Self> {
        let machine = machine.trim_end();
        let is_one = machine.len() == 32 && machine.bytes().all(|b| b.is_ascii_hexdigit());
        if !is_one || name.is_empty() {
            return None;
        }
        // An inode's number is used again; the time of its making with it is not.
        let made = store.created().ok()?.duration_since(UNIX_EPOCH).ok()?.as_nanos();
        let digest = Sha256::new()
            .chain_update(machine)
            .chain_update(store.ino().to_le_bytes())
            .chain_update(made.to_le_bytes())
            .chain_update(name)
            .finalize();
        let mut id = [0; 16];
        id.copy_from_slice(&digest[..16]);
        Some(Self(id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MACHINE: &str = "5bd5a4a1d6f14c6ab7f1d1c2b0a8e9f7\n";

    // S34
    #[test]
    fn another_machine_name_or_file_is_another_host() {
        let dir = tempfile::tempdir().unwrap();
        let (store, copy) = (dir.path().join("db"), dir.path().join("copy"));
        fs::write(&store, "rows").unwrap();
        let of =
            |machine: &str, name: &str, path: &Path| HostId::of(machine, name, &fs::metadata(path).unwrap());
        let this = of(MACHINE, "host", &store).expect("a machine id and a file of a known age");
        fs::write(&store, "other rows").unwrap();
        assert_eq!(of(MACHINE, "host", &store), Some(this), "what is in it does not matter");
        fs::rename(&store, dir.path().join("moved")).unwrap();
        assert_eq!(of(MACHINE, "host", &dir.path().join("moved")), Some(this));
        fs::copy(dir.path().join("moved"), &copy).unwrap();
        for other in [
            of(MACHINE, "host", &copy),
            of(MACHINE, "host2", &dir.path().join("moved")),
            of(&MACHINE.replace('5', "6"), "host", &dir.path().join("moved")),
        ] {
            assert!(other.is_some_and(|other| other != this));
        }
        for none in ["", "uninitialized\n", "5bd5", &MACHINE.replace('b', "x")] {
            assert_eq!(of(none, "host", &copy), None, "{none:?}");
        }
        assert_eq!(of(MACHINE, "", &copy), None);
    }
}
