//! The journal's native protocol: an entry is one datagram of named fields.
//!
//! Every value goes with its length before it, so that no byte of it, a line break least of all,
//! is read as the beginning of another field.
//! Source: systemd, "Native Journal Protocol" (`JOURNAL_NATIVE_PROTOCOL.md`).

use std::{io, os::unix::net::UnixDatagram, path::Path, time::Duration};

use super::{entry::Entry, kind::Level};

/// Where systemd's journal listens.
pub(super) const SOCKET: &str = "/run/systemd/journal/socket";
/// How long an entry may wait for a journal that is busy.
const PATIENCE: Duration = Duration::from_secs(1);
/// `LOG_AUTHPRIV`.
const AUTHPRIV: &str = "10";

/// A journal that was there when it was opened.
pub(super) struct Journal(UnixDatagram);

impl Journal {
    /// Opens the one that listens at `path`; an error where none does.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let socket = UnixDatagram::unbound()?;
        socket.connect(path)?;
        socket.set_write_timeout(Some(PATIENCE))?;
        Ok(Self(socket))
    }

    pub(super) fn write(&self, entry: &Entry) -> io::Result<()> {
        self.0.send(&encode(entry)).map(drop)
    }
}

fn encode(entry: &Entry) -> Vec<u8> {
    let priority = match entry.level {
        Level::Info => "6",
        Level::Warning => "4",
        Level::Alert => "1",
    };
    let ours = [
        ("MESSAGE", entry.text.as_str()),
        ("PRIORITY", priority),
        ("SYSLOG_IDENTIFIER", "mfad"),
        ("SYSLOG_FACILITY", AUTHPRIV),
        ("MESSAGE_ID", entry.id),
        ("MFAD_EVENT", entry.word),
    ];
    let theirs = entry.fields.iter().map(|(name, value)| (*name, value.as_str()));
    let mut bytes = Vec::new();
    for (name, value) in ours.into_iter().chain(theirs) {
        bytes.extend(
            [name.as_bytes(), b"\n", &(value.len() as u64).to_le_bytes(), value.as_bytes(), b"\n"].concat(),
        );
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deliver::kind::{Notice, of_notice};

    /// As the journal reads a datagram.
    fn decode(mut bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
        let mut fields = Vec::new();
        while let Some(at) = bytes.iter().position(|byte| *byte == b'\n') {
            let name = String::from_utf8(bytes[..at].to_vec()).unwrap();
            assert!(!name.contains('='), "the other form");
            let (length, rest) = bytes[at + 1..].split_at(8);
            let length = usize::try_from(u64::from_le_bytes(length.try_into().unwrap())).unwrap();
            fields.push((name, rest[..length].to_vec()));
            assert_eq!(rest[length], b'\n');
            bytes = &rest[length + 1..];
        }
        assert!(bytes.is_empty());
        fields
    }

    // S29
    #[test]
    fn an_entry_arrives_field_by_field_whatever_a_value_holds() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("socket");
        assert!(Journal::open(&path).is_err(), "there is none");
        let there = UnixDatagram::bind(&path).unwrap();
        let hostile = "eve\nPRIORITY=0\nMFAD_USER\n\x05\0\0\0\0\0\0\0alice\n";
        let mut entry = Entry::of_notice(Notice::NoBus, "no bus\nMFAD_EVENT=granted");
        entry.fields = vec![("MFAD_USER", hostile.to_owned()), ("MFAD_DETAIL", String::new())];
        Journal::open(&path).unwrap().write(&entry).unwrap();
        let mut buffer = [0; 4096];
        let length = there.recv(&mut buffer).unwrap();
        let told = |name: &str, value: &str| (name.to_owned(), value.as_bytes().to_vec());
        let expected = [
            told("MESSAGE", r"no bus\x0aMFAD_EVENT=granted"),
            told("PRIORITY", "4"),
            told("SYSLOG_IDENTIFIER", "mfad"),
            told("SYSLOG_FACILITY", "10"),
            told("MESSAGE_ID", of_notice(&Notice::NoBus)),
            told("MFAD_EVENT", "no_bus"),
            told("MFAD_USER", hostile),
            told("MFAD_DETAIL", ""),
        ];
        assert_eq!(decode(&buffer[..length]), expected);
    }
}
