//! What mfad writes to its disk while it runs, and what of it is there after the power was cut at some moment.
//!
//! A write is on the disk for certain once the file was synchronised after it. Until then it may be there, or not, or
//! in part, whatever became of the others. strace tells all of it, bytes included, so a disk can be put together as it
//! may have been at every moment.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::daemon::Mfad;
use crate::strace::Traced;

/// Where the store is.
const STATE: &str = "/var/lib/mfad";
/// What of it counts: what lies beside these two is made anew.
const FILES: [&str; 2] = ["mfad.db", "mfad.db-wal"];
/// Where the trace is, inside.
const TRACE: &str = "/tmp/writes";

/// One system call that changes what is on the disk, or makes sure of it.
#[derive(Debug, Clone)]
pub enum Change {
    /// These bytes, at that place.
    Write(u64, Vec<u8>),
    /// The file has that length.
    Length(u64),
    /// What was written to the file is on the disk.
    Sync,
}

/// The files by their names.
pub type Files = BTreeMap<String, Vec<u8>>;

/// mfad while what it writes is written down.
#[derive(Debug)]
pub struct Writing<'a> {
    traced: Traced<'a>,
    before: Files,
}

/// All that was written, and what the files were before.
#[derive(Debug)]
pub struct Writes {
    /// The files as they were, all of it on the disk.
    pub before: Files,
    /// What came then, in order, with the file's name.
    pub changes: Vec<(String, Change)>,
}

impl<'a> Mfad<'a> {
    /// Writes down from here on what it writes. It has nothing to do at this moment.
    pub fn writing(self) -> Writing<'a> {
        let calls = "trace=pwrite64,pwritev,ftruncate,fallocate,fdatasync,fsync,unlink,rename";
        let traced = self.traced(TRACE, &["-y", "-xx", "-s", "1000000", "-e", calls]);
        let folder = traced.inside().path(STATE);
        let read = |name: &str| (name.to_owned(), fs::read(folder.join(name)).expect("a store"));
        Writing { before: FILES.map(read).into(), traced }
    }
}

impl Writing<'_> {
    /// How many changes there were up to now: what was answered by now came after them.
    pub fn changes(&self) -> usize {
        changes(&self.traced.so_far()).len()
    }

    /// Ends it.
    pub fn end(self) -> Writes {
        Writes { before: self.before, changes: changes(&self.traced.end()) }
    }
}

fn changes(trace: &str) -> Vec<(String, Change)> {
    trace.lines().filter_map(change).collect()
}

/// The change of a line such as `17 pwrite64(8<\x2f…>, "\x37…", 4096, 32) = 4096`; none where it is of another file.
fn change(line: &str) -> Option<(String, Change)> {
    let (_, call) = line.split_once(' ')?;
    let (name, arguments) = call.trim_start().split_once('(')?;
    let path = text(arguments.split_once('<')?.1.split_once('>')?.0);
    let file = Path::new(&path).strip_prefix(STATE).ok()?.to_str()?.to_owned();
    if !FILES.contains(&file.as_str()) {
        return None;
    }
    assert!(!line.contains("unfinished") && !line.contains("= -1"), "{}", &line[..line.len().min(200)]);
    let arguments = arguments.split_once(")  ").or_else(|| arguments.rsplit_once(") =")).expect("a result").0;
    let numbers: Vec<&str> = arguments.rsplit(", ").collect();
    let number = |text: &str| text.trim().parse().unwrap_or_else(|_| panic!("no number: {text}"));
    let change = match name {
        "pwrite64" => Change::Write(number(numbers[0]), bytes(numbers[2])),
        "ftruncate" => Change::Length(number(numbers[0])),
        "fdatasync" | "fsync" => Change::Sync,
        _ => panic!("{name} of {path} is not understood"),
    };
    Some((file, change))
}

/// The bytes of `"\x00\x01"`.
fn bytes(quoted: &str) -> Vec<u8> {
    let digits = quoted.trim_matches('"').split("\\x").skip(1);
    digits.map(|digits| u8::from_str_radix(digits, 16).expect("hexadecimal")).collect()
}

fn text(shown: &str) -> String {
    if shown.starts_with("\\x") { String::from_utf8_lossy(&bytes(shown)).into_owned() } else { shown.into() }
}

/// A disk, of which is certain what was synchronised.
#[derive(Debug, Clone)]
pub struct Disk {
    certain: Files,
    /// What was not synchronised yet.
    open: Vec<(String, Change)>,
}

impl Disk {
    /// As it was before.
    pub fn before(writes: &Writes) -> Self {
        Self { certain: writes.before.clone(), open: Vec::new() }
    }

    /// One change more.
    pub fn take(&mut self, (file, change): &(String, Change)) {
        if !matches!(change, Change::Sync) {
            return self.open.push((file.clone(), change.clone()));
        }
        let (synchronised, open): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.open).into_iter().partition(|(of, _)| of == file);
        self.open = open;
        for change in synchronised {
            apply(&mut self.certain, &change);
        }
    }

    /// What is not certain, by the names of the files, in order.
    pub fn open(&self) -> impl Iterator<Item = &str> {
        self.open.iter().map(|(file, _)| file.as_str())
    }

    /// Puts it into a new folder, as the power leaves it: `survives` tells of every uncertain change by its number how
    /// many bytes of it are there.
    pub fn after_a_cut(&self, folder: PathBuf, survives: impl Fn(usize) -> usize) -> PathBuf {
        let mut files = self.certain.clone();
        for (number, (file, change)) in self.open.iter().enumerate() {
            let change = match change {
                Change::Write(at, bytes) => {
                    Change::Write(*at, bytes[..bytes.len().min(survives(number))].into())
                }
                Change::Length(_) if survives(number) == 0 => continue,
                other => other.clone(),
            };
            apply(&mut files, &(file.clone(), change));
        }
        fs::create_dir_all(&folder).expect("a folder");
        for (name, bytes) in files {
            fs::write(folder.join(name), bytes).expect("a file");
        }
        folder
    }
}

fn apply(files: &mut Files, (file, change): &(String, Change)) {
    let bytes = files.get_mut(file).expect("a file of the store");
    match change {
        Change::Write(_, new) if new.is_empty() => {}
        Change::Write(at, new) => {
            let at = usize::try_from(*at).expect("a small file");
            bytes.resize(bytes.len().max(at + new.len()), 0);
            bytes[at..at + new.len()].copy_from_slice(new);
        }
        Change::Length(length) => bytes.resize(usize::try_from(*length).expect("a small file"), 0),
        Change::Sync => {}
    }
}
