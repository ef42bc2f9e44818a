//! What a run says: a row or an object a user, a summary, and what is left to do.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use mfa_proto::identity::escaped;
use serde::Serialize;

use super::outcome::Outcome;
use super::token::{Note, Token};
use crate::exit::Exit;
use crate::print::escape::shown;

/// One factor of a user's, or why there is none.
#[derive(Debug)]
pub(crate) struct Piece {
    pub(crate) outcome: Outcome,
    /// Why, where the outcome does not say it.
    pub(crate) detail: String,
    pub(crate) factor: Option<Factor>,
    pub(crate) notes: Vec<Note>,
}

/// What is told of a token.
#[derive(Debug, Serialize)]
pub(crate) struct Factor {
    label: String,
    kind: &'static str,
    digits: u32,
    period: u32,
    bits: u32,
    /// The first step or counter that is not known to be used; 0: nothing is known.
    next: u64,
    scratch_codes: usize,
}

impl Factor {
    pub(crate) fn of(token: &Token, label: &str) -> Self {
        Self {
            label: shown(label),
            kind: token.moving.word(),
            digits: token.digits,
            period: token.moving.period(),
            bits: token.bits(),
            next: token.next,
            scratch_codes: token.scratch_codes.len(),
        }
    }
}

/// What became of a user.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) user: Vec<u8>,
    /// Where it was looked for, where that is known.
    pub(crate) file: Option<PathBuf>,
    pub(crate) pieces: Vec<Piece>,
}

/// `mfactl import … --json`: one a user.
#[derive(Serialize)]
pub(crate) struct RowView<'a> {
    user: String,
    file: Option<String>,
    outcome: &'static str,
    dry_run: bool,
    factors: Vec<PieceView<'a>>,
}

/// A factor in [`RowView`].
#[derive(Serialize)]
struct PieceView<'a> {
    outcome: &'static str,
    detail: &'a str,
    #[serde(flatten)]
    factor: Option<&'a Factor>,
    warnings: Vec<String>,
}

/// Above the rows.
pub(crate) const HEAD: &str = "USER                      KIND  BITS  CODES  OUTCOME";

impl Row {
    /// The gravest outcome.
    fn outcome(&self) -> Outcome {
        self.pieces.iter().map(|piece| piece.outcome).max().unwrap_or(Outcome::NoFile)
    }

    pub(crate) fn view(&self, dry_run: bool) -> RowView<'_> {
        RowView {
            user: escaped(&self.user),
            file: self.file.as_deref().map(|file| escaped(file.as_os_str().as_bytes())),
            outcome: self.outcome().word(),
            dry_run,
            factors: self.pieces.iter().map(Piece::view).collect(),
        }
    }

    pub(crate) fn lines(&self, dry_run: bool) -> Vec<String> {
        let mut lines = Vec::new();
        for piece in &self.pieces {
            let (kind, bits, codes) = match &piece.factor {
                Some(factor) => (factor.kind, factor.bits.to_string(), factor.scratch_codes.to_string()),
                None => ("-", "-".to_owned(), "-".to_owned()),
            };
            let said = piece.outcome.said(dry_run);
            let detail = if piece.detail.is_empty() { String::new() } else { format!(": {}", piece.detail) };
            lines
                .push(format!("{:<24}  {kind:<4} {bits:>5} {codes:>6}  {said}{detail}", escaped(&self.user)));
            lines.extend(piece.notes.iter().map(|note| format!("    note: {note}")));
        }
        lines
    }
}

impl Piece {
    fn view(&self) -> PieceView<'_> {
        PieceView {
            outcome: self.outcome.word(),
            detail: &self.detail,
            factor: self.factor.as_ref(),
            warnings: self.notes.iter().map(ToString::to_string).collect(),
        }
    }
}

/// What the rows come to.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    counts: BTreeMap<Outcome, usize>,
    /// Users whose factor mfad has now, and where the file is.
    moved: Vec<(Vec<u8>, Option<PathBuf>)>,
}

impl Tally {
    /// Counts a row that was shown.
    pub(crate) fn add(&mut self, row: &Row) {
        *self.counts.entry(row.outcome()).or_default() += 1;
        if row.pieces.iter().any(|piece| piece.outcome.is_with_mfad()) {
            self.moved.push((row.user.clone(), row.file.clone()));
        }
    }

    /// What the run ends with: a refusal outweighs a change that would be made. `named`: whether a user
    /// who has nothing to import was asked for by name.
    pub(crate) fn exit(&self, dry_run: bool, named: bool) -> Exit {
        let any = |which: fn(Outcome) -> bool| self.counts.keys().copied().any(which);
        if any(Outcome::is_refusal) || (named && any(Outcome::is_absence)) {
            Exit::Refused
        } else if dry_run && any(Outcome::is_change) {
            Exit::Differs
        } else {
            Exit::Done
        }
    }

    /// The gravest first: `3 users: 1 would be imported, 2 no file`.
    pub(crate) fn summary(&self, dry_run: bool) -> String {
        let users: usize = self.counts.values().sum();
        let parts: Vec<String> = self
            .counts
            .iter()
            .rev()
            .map(|(outcome, count)| format!("{count} {}", outcome.said(dry_run)))
            .collect();
        let users = if users == 1 { "1 user".to_owned() } else { format!("{users} users") };
        if parts.is_empty() { users } else { format!("{users}: {}", parts.join(", ")) }
    }

    /// How the files of `pam_google_authenticator` are removed: by `owner`, or each by its user.
    pub(crate) fn files_left(&self, owner: Option<&OsStr>) -> Vec<String> {
        const SHOWN: usize = 3;
        if self.moved.is_empty() {
            return Vec::new();
        }
        let mut lines = vec![
            "The files stay, and so do their codes wherever pam_google_authenticator is in a PAM stack."
                .to_owned(),
            "When it is out of all of them, remove each file with its owner's rights:".to_owned(),
        ];
        for (user, file) in self.moved.iter().take(SHOWN) {
            let file = file.as_deref().unwrap_or(Path::new("FILE"));
            let user = owner.map_or(user.as_slice(), OsStr::as_bytes);
            lines.push(format!("  runuser -u {} -- rm -- {}", word(user), word(file.as_os_str().as_bytes())));
        }
        if self.moved.len() > SHOWN {
            lines.push(format!("  … and {} more: --json names every file", self.moved.len() - SHOWN));
        }
        lines
    }

    /// How the lines of `pam_oath` are removed.
    pub(crate) fn lines_left(&self, file: &Path) -> Vec<String> {
        if self.moved.is_empty() {
            return Vec::new();
        }
        let file = word(file.as_os_str().as_bytes());
        vec![
            "The lines stay, and so do their codes wherever pam_oath is in a PAM stack.".to_owned(),
            format!("When it is out of all of them, delete these users' lines, or the file: rm -- {file}"),
        ]
    }
}

/// As one word of the shell (bash, ksh, zsh), of printable ASCII.
fn word(bytes: &[u8]) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"/._-+@,".contains(byte);
    if !bytes.is_empty() && bytes.iter().all(plain) {
        return bytes.iter().map(|&byte| char::from(byte)).collect();
    }
    let inner: String = bytes
        .iter()
        .map(|byte| if plain(byte) { char::from(*byte).to_string() } else { format!("\\x{byte:02x}") })
        .collect();
    format!("$'{inner}'")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::print::schema;

    fn row(user: &[u8], outcome: Outcome) -> Row {
        let piece = Piece { outcome, detail: String::new(), factor: None, notes: Vec::new() };
        Row { user: user.to_vec(), file: Some("/home/x/.ga".into()), pieces: vec![piece] }
    }

    fn tally(outcomes: &[Outcome]) -> Tally {
        let mut tally = Tally::default();
        for outcome in outcomes {
            tally.add(&row(b"x", *outcome));
        }
        tally
    }

    #[test]
    fn a_row_stands_under_its_heads() {
        let mut row = row(b"alice", Outcome::Imported);
        row.pieces[0].factor = Some(Factor {
            label: "imported".into(),
            kind: "totp",
            digits: 6,
            period: 30,
            bits: 80,
            next: 0,
            scratch_codes: 5,
        });
        row.pieces[0].notes.push(Note::WideWindow { codes: 17 });
        let lines = row.lines(true);
        assert_eq!(lines[0], "alice                     totp    80      5  would be imported");
        assert_eq!(lines[1], "    note: the window of 17 codes is not copied; mfad's own applies");
        for (head, cell) in [("KIND", "totp"), ("OUTCOME", "would")] {
            assert_eq!(HEAD.find(head), lines[0].find(cell), "{head}");
        }
        for (head, cell) in [("BITS", "80"), ("CODES", "5 ")] {
            assert_eq!(
                HEAD.find(head).unwrap() + head.len(),
                lines[0].find(cell).unwrap() + cell.trim().len()
            );
        }
    }

    #[test]
    fn an_object_tells_all() {
        let mut row = row(b"al\x1b", Outcome::Refused);
        row.pieces[0].detail = "no".into();
        let mut found = self::row(b"bo", Outcome::Imported);
        found.file = None;
        found.pieces[0].factor = Some(Factor {
            label: "imported".into(),
            kind: "hotp",
            digits: 6,
            period: 0,
            bits: 160,
            next: 7,
            scratch_codes: 5,
        });
        found.pieces[0].notes.push(Note::WideWindow { codes: 17 });
        for row in [&row, &found] {
            schema::holds("import-google-authenticator", &row.view(true));
            schema::holds("import-oath", &row.view(true));
        }
        assert_eq!(
            serde_json::to_string(&row.view(false)).unwrap(),
            r#"{"user":"al\\x1b","file":"/home/x/.ga","outcome":"refused","dry_run":false,"factors":[{"outcome":"refused","detail":"no","warnings":[]}]}"#
        );
    }

    #[test]
    fn the_exit_code_tells_a_script_what_there_is_to_do() {
        use Outcome::{Imported, Known, NoFile, NotAsked, Refreshed, Refused, Unreadable, Weak};
        for (outcomes, dry_run, named, exit) in [
            (&[Imported, Known][..], false, true, Exit::Done),
            (&[Imported, NoFile], false, false, Exit::Done),
            (&[Imported, NoFile], false, true, Exit::Refused),
            (&[Imported, Known], true, true, Exit::Differs),
            (&[NotAsked], true, true, Exit::Differs),
            (&[Refreshed], true, true, Exit::Differs),
            (&[Known], true, true, Exit::Done),
            (&[Imported, Refused], true, false, Exit::Refused),
            (&[Unreadable], false, false, Exit::Refused),
            (&[Weak], false, false, Exit::Refused),
            (&[], true, false, Exit::Done),
        ] {
            assert_eq!(tally(outcomes).exit(dry_run, named), exit, "{outcomes:?}");
        }
    }

    #[test]
    fn a_summary_counts_users() {
        let tally = tally(&[Outcome::Imported, Outcome::NoFile, Outcome::NoFile]);
        assert_eq!(tally.summary(true), "3 users: 1 would be imported, 2 no file");
        assert_eq!(tally.files_left(None).len(), 3);
        assert!(tally.files_left(None)[2].ends_with("runuser -u x -- rm -- /home/x/.ga"));
        assert!(tally.files_left(Some(OsStr::new("root")))[2].contains("-u root "));
        assert!(Tally::default().files_left(None).is_empty());
    }

    // S29
    #[test]
    fn a_command_to_copy_holds_no_trap() {
        assert_eq!(word(b"/home/al/.ga"), "/home/al/.ga");
        assert_eq!(word(b"a b;$(x)'\n\x1b"), r"$'a\x20b\x3b\x24\x28x\x29\x27\x0a\x1b'");
        assert_eq!(word(b""), "$''");
    }
}
