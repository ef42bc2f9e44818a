//! `/etc/passwd` by index: a login among 100,000 users reads one line, not the file.
//!
//! The index holds a hash of each name and each uid with the offset of its line, 12 bytes an
//! entry. It is made again when the file is another one (device, inode, size or change time).

use std::{
    fs::File,
    hash::{BuildHasher, RandomState},
    io::{self, BufRead, BufReader},
    os::unix::fs::{FileExt, MetadataExt},
    path::PathBuf,
};

use mfa_proto::identity::UserName;

use super::Person;

/// A line longer than this is nobody's.
const LONGEST_LINE: usize = 4096;

#[derive(PartialEq, Eq, Clone, Copy)]
struct Version {
    device: u64,
    inode: u64,
    size: u64,
    changed: (i64, i64),
}

pub(super) struct PasswdFile {
    path: PathBuf,
    hasher: RandomState,
    version: Option<Version>,
    file: Option<File>,
    /// Sorted (hash of the name, offset).
    names: Vec<(u32, u64)>,
    /// Sorted (uid, offset): for one uid the first line comes first, as `getpwuid` has it.
    uids: Vec<(u32, u64)>,
}

impl PasswdFile {
    pub(super) fn new(path: impl Into<PathBuf>) -> Self {
        let (names, uids) = (Vec::new(), Vec::new());
        Self { path: path.into(), hasher: RandomState::new(), version: None, file: None, names, uids }
    }

    pub(super) fn by_name(&mut self, name: &UserName) -> io::Result<Option<Person>> {
        self.refresh()?;
        let hash = self.hash(name.as_bytes());
        let first = self.names.partition_point(|&(h, _)| h < hash);
        for &(h, offset) in &self.names[first..] {
            if h != hash {
                break;
            }
            match self.line(offset)? {
                Some(person) if person.name == *name => return Ok(Some(person)),
                _ => {}
            }
        }
        Ok(None)
    }

    pub(super) fn by_uid(&mut self, uid: u32) -> io::Result<Option<Person>> {
        self.refresh()?;
        let first = self.uids.partition_point(|&(u, _)| u < uid);
        match self.uids.get(first) {
            Some(&(u, offset)) if u == uid => self.line(offset),
            _ => Ok(None),
        }
    }

    /// Every uid, once.
    pub(super) fn uids(&mut self) -> io::Result<Vec<u32>> {
        self.refresh()?;
        let mut uids: Vec<u32> = self.uids.iter().map(|&(uid, _)| uid).collect();
        uids.dedup(); // sorted
        Ok(uids)
    }

    fn hash(&self, name: &[u8]) -> u32 {
        (self.hasher.hash_one(name) >> 32) as u32
    }

    fn line(&self, offset: u64) -> io::Result<Option<Person>> {
        let Some(file) = &self.file else { return Ok(None) };
        let mut bytes = [0; LONGEST_LINE];
        let n = file.read_at(&mut bytes, offset)?;
        let line = bytes[..n].split(|&b| b == b'\n').next().unwrap_or_default();
        Ok(parse(line))
    }

    fn refresh(&mut self) -> io::Result<()> {
        let meta = std::fs::metadata(&self.path)?;
        if self.version == Some(version(&meta)) {
            return Ok(());
        }
        self.version = None;
        let file = File::open(&self.path)?;
        let opened = version(&file.metadata()?);
        self.names.clear();
        self.uids.clear();
        let mut reader = BufReader::with_capacity(1 << 16, &file);
        let (mut offset, mut line) = (0u64, Vec::new());
        loop {
            line.clear();
            let n = reader.read_until(b'\n', &mut line)?;
            if n == 0 {
                break;
            }
            if let Some(person) = parse(line.trim_ascii_end()) {
                self.names.push((self.hash(person.name.as_bytes()), offset));
                self.uids.push((person.uid, offset));
            }
            offset += n as u64;
        }
        self.names.sort_unstable();
        self.uids.sort_unstable();
        self.names.shrink_to_fit();
        self.uids.shrink_to_fit();
        self.file = Some(file);
        self.version = Some(opened);
        Ok(())
    }
}

fn version(meta: &std::fs::Metadata) -> Version {
    Version {
        device: meta.dev(),
        inode: meta.ino(),
        size: meta.size(),
        changed: (meta.ctime(), meta.ctime_nsec()),
    }
}

/// `name:password:uid:…`; lines of NIS (`+`, `-`) and comments are nobody's.
fn parse(line: &[u8]) -> Option<Person> {
    if line.len() >= LONGEST_LINE || matches!(line.first(), None | Some(b'+' | b'-' | b'#')) {
        return None;
    }
    let mut fields = line.split(|&b| b == b':');
    let name = UserName::new(fields.next()?);
    let uid = std::str::from_utf8(fields.nth(1)?).ok()?.parse().ok()?;
    (!name.as_bytes().is_empty()).then_some(Person { name, uid })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> (tempfile::TempDir, PasswdFile) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("passwd");
        std::fs::write(&path, text).unwrap();
        (dir, PasswdFile::new(path))
    }

    #[test]
    fn finds_by_name_and_by_uid_and_the_first_of_one_uid() {
        let (_dir, mut file) =
            file("root:x:0:0::/root:/bin/sh\n# x:x:7:\n+nis:x:8::\ntoor:x:0:0:::\nal:x:1000:\nbad\n");
        assert_eq!(file.by_name(&"al".into()).unwrap().unwrap().uid, 1000);
        assert_eq!(file.by_name(&"toor".into()).unwrap().unwrap().uid, 0);
        assert_eq!(file.by_uid(0).unwrap().unwrap().name, "root".into());
        for nobody in ["# x", "+nis", "bad", "a", ""] {
            assert_eq!(file.by_name(&nobody.into()).unwrap(), None, "{nobody}");
        }
        assert_eq!(file.by_uid(7).unwrap(), None);
    }

    #[test]
    fn a_changed_file_is_read_again_and_a_missing_one_is_an_error() {
        let (dir, mut file) = file("al:x:1000:\n");
        assert!(file.by_name(&"bo".into()).unwrap().is_none());
        let next = dir.path().join("next");
        std::fs::write(&next, "bo:x:1001:\n").unwrap();
        std::fs::rename(&next, dir.path().join("passwd")).unwrap();
        assert_eq!(file.by_name(&"bo".into()).unwrap().unwrap().uid, 1001);
        assert!(file.by_name(&"al".into()).unwrap().is_none());
        std::fs::remove_file(dir.path().join("passwd")).unwrap();
        assert!(file.by_name(&"bo".into()).is_err());
    }
}
