//! Where our lines go in a service's file: the first place that is proved to protect.
//!
//! Tried in turn: right after the line that brings the first factor, after the last line of the auth
//! phase, and the same with an `include` made a `substack`, since what follows an included
//! `sufficient` never runs. A place that cannot claim an attested first factor comes after those that can.
//! Whatever is not proved is refused, with the line to place by hand.

use std::path::{Path, PathBuf};

use super::block::{block, made_way, without_blocks};
use super::line::{Facility, Line, Rule, parse};
use super::proof::{Flaw, Proof, prove};
use super::stack::{Act, Files};
use super::unplaced::Unplaced;
use super::walk::{OURS, asks_for_factor, knows_first_factor};

/// The folder of an administrator's PAM files.
const FOLDER: &str = "/etc/pam.d";

/// What comes before the code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum First {
    /// An SSH key.
    Key,
    /// A password.
    Password,
    /// An SSH key where one was shown, else a password.
    Either,
}

/// Modules that ask for a code as ours does, and may make way for it.
pub(crate) const PEERS: [&str; 2] = ["pam_google_authenticator", "pam_oath"];

/// What a service's file is to have.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted<'a> {
    /// What comes before the code.
    pub(crate) first: First,
    /// Which other module makes way; none: the one that has, if any.
    pub(crate) replace: Option<&'a str>,
    /// Who needs no module of ours in the account phase.
    pub(crate) glass: Glass,
}

/// Whom our account lines let go on whatever becomes of the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Glass {
    /// Nobody.
    Whole,
    /// Root, who comes in by key alone: sshd asks no auth line then, and the account lines all the same.
    RootsKey,
}

/// A file as it is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    /// Which.
    pub(crate) file: PathBuf,
    /// What it holds now; none: it is not there.
    pub(crate) before: Option<Vec<u8>>,
    /// What it will hold; none: it goes.
    pub(crate) after: Option<Vec<u8>>,
}

/// A service that is protected, and what that takes; no change where it is so already.
#[derive(Debug)]
pub(crate) struct Placed {
    /// The file, if it has to change.
    pub(crate) change: Option<Change>,
    /// What was proved.
    pub(crate) proof: Proof,
}

/// Finds the place in one service's file.
pub(crate) fn place(files: &Files, service: &str, wanted: Wanted<'_>) -> Result<Placed, Unplaced> {
    let unread = |error: std::io::Error| Unplaced::Unread(error.to_string());
    let Some((found, text)) = files.of_service(service).map_err(unread)? else {
        return Err(Unplaced::NoFile);
    };
    let file = Path::new(FOLDER).join(service);
    let before = if found == file { Some(text.clone()) } else { None };
    let Ok(now) = String::from_utf8(text) else { return Err(Unplaced::Unread("it is no text".into())) };
    let text = without_blocks(&now);
    if let Some(ours) = parse(text.as_bytes()).iter().find(|line| line.module() == Some(OURS)) {
        return match prove(files, service) {
            Ok(proof) => Ok(Placed { change: None, proof }),
            Err(flaws) => Err(Unplaced::ByHand(ours.number, flaws)),
        };
    }
    // Where it includes a service that asks already, as su-l does, there is nothing to add.
    let bare = files.clone().with(&file, Some(text.clone().into_bytes()));
    if let Ok(proof) = prove(&bare, service) {
        let change = (text != now).then(|| Change { file, before, after: Some(text.into_bytes()) });
        return Ok(Placed { change, proof });
    }
    if let Some(target) = files.link(&file) {
        return Err(Unplaced::Link(target));
    }
    let wanted = Wanted { replace: wanted.replace.or_else(|| replaced(&now)), ..wanted };
    let draft = Draft { files: &bare, service, file: &file, text: &text, wanted };
    let (after, proof) = draft.best()?;
    let change =
        (after != now || before.is_none()).then(|| Change { file, before, after: Some(after.into_bytes()) });
    Ok(Placed { change, proof })
}

/// Which module has made way for ours: it does not come back because the same is put in place again.
fn replaced(now: &str) -> Option<&'static str> {
    let was = made_way(now);
    let was = parse(was.as_bytes());
    PEERS.into_iter().find(|peer| was.iter().any(|line| line.module() == Some(peer)))
}

/// A service's file without us, and what is to become of it.
struct Draft<'a> {
    files: &'a Files,
    service: &'a str,
    file: &'a Path,
    text: &'a str,
    wanted: Wanted<'a>,
}

/// Lines of the file that make way for others.
struct Cut {
    /// Where the block with our lines stands.
    at: Span,
    /// What is there instead, before our lines that ask.
    lead: Vec<String>,
    /// Further lines that make way, for nothing.
    gone: Vec<Span>,
}

/// Lines of the file that a block stands for.
#[derive(Clone, Copy, Debug)]
struct Span {
    /// Before which line of the file (from 0) the block stands.
    from: usize,
    /// How many lines it stands for.
    lines: usize,
}

impl Span {
    fn of(line: &Line) -> Self {
        Self { from: line.number - 1, lines: line.lines }
    }

    fn after(line: &Line) -> Self {
        Self { from: line.number - 1 + line.lines, lines: 0 }
    }
}

/// Whoever shows no key goes no further.
const KEY_FIRST: &str = "auth     [success=ok default=die]   pam_mfa.so key-passed";

impl Draft<'_> {
    /// The first place that is proved, those first that attest.
    fn best(&self) -> Result<(String, Proof), Unplaced> {
        let mut worst = None;
        let mut unattested = None;
        for cut in self.cuts()? {
            for claims in [true, false] {
                let text = self.with(&cut, claims);
                let files = self.files.clone().with(self.file, Some(text.clone().into_bytes()));
                match prove(&files, self.service) {
                    Ok(proof) if claims => return Ok((text, proof)),
                    Ok(proof) => {
                        unattested.get_or_insert((text, proof));
                    }
                    Err(flaws) if !claims => {
                        worst.get_or_insert(flaws);
                    }
                    Err(_) => {}
                }
            }
        }
        unattested.ok_or_else(|| Unplaced::NotProved(worst.unwrap_or_default()))
    }

    /// Where the block may stand, the best first.
    fn cuts(&self) -> Result<Vec<Cut>, Unplaced> {
        let lines = parse(self.text.as_bytes());
        let auth: Vec<&Line> =
            lines.iter().filter(|line| self.brings(line, Facility::Auth, |_| true)).collect();
        let knows = |act: &Act| matches!(act, Act::Ask { module, .. } if knows_first_factor(module));
        let mut firsts = auth.iter().copied().filter(|line| self.brings(line, Facility::Auth, knows));
        if let Some(module) = self.wanted.replace {
            let at = Span::of(Self::makes_way(&auth, module)?);
            return Ok(vec![self.in_place(at, firsts.collect())]);
        }
        let (Some(anchor), Some(last)) = (firsts.next_back(), auth.last()) else {
            return Err(self.nowhere());
        };
        if self.wanted.first == First::Key {
            return Ok(vec![self.in_place(Span::of(anchor), firsts.collect())]);
        }
        let behind = |line: &Line| Cut { at: Span::after(line), lead: Vec::new(), gone: Vec::new() };
        let mut cuts = vec![behind(anchor)];
        if last.number != anchor.number {
            cuts.push(behind(last));
        }
        if let Rule::Include(other) = &anchor.rule {
            let lead = vec![format!("auth     substack   {other}")];
            cuts.push(Cut { at: Span::of(anchor), lead, gone: Vec::new() });
        }
        Ok(cuts)
    }

    /// In the place of a line. Where a key comes first, every line that asks for a password makes way too.
    fn in_place(&self, at: Span, firsts: Vec<&Line>) -> Cut {
        if self.wanted.first != First::Key {
            return Cut { at, lead: Vec::new(), gone: Vec::new() };
        }
        Cut { at, lead: vec![KEY_FIRST.into()], gone: firsts.into_iter().map(Span::of).collect() }
    }

    /// Why there is no line to stand behind: one that libpam cannot read comes first.
    fn nowhere(&self) -> Unplaced {
        let flaws = prove(self.files, self.service).err().unwrap_or_default();
        let broken: Vec<Flaw> = flaws.into_iter().filter(|flaw| matches!(flaw, Flaw::Broken(..))).collect();
        if broken.is_empty() { Unplaced::NoFirstFactor } else { Unplaced::NotProved(broken) }
    }

    /// The line of the module that makes way.
    fn makes_way<'a>(auth: &[&'a Line], module: &str) -> Result<&'a Line, Unplaced> {
        let is_it = |line: &&&Line| line.module() == Some(module);
        let Some(line) = auth.iter().find(is_it) else { return Err(Unplaced::NotThere(module.into())) };
        let Rule::Module { arguments, .. } = &line.rule else {
            return Err(Unplaced::NotThere(module.into()));
        };
        if arguments.iter().any(|argument| matches!(argument.as_str(), "forward_pass" | "use_first_pass")) {
            return Err(Unplaced::OneField(module.into()));
        }
        Ok(line)
    }

    /// Whether a line comes to a step of that kind.
    fn brings(&self, line: &Line, facility: Facility, kind: impl Fn(&Act) -> bool) -> bool {
        let steps = self.files.steps_of(line, self.file, facility).unwrap_or_default();
        steps.iter().any(|step| kind(&step.act))
    }

    /// The whole file with our lines.
    fn with(&self, cut: &Cut, claims: bool) -> String {
        let takes_out = format!("mfactl pam remove {}", self.service);
        let asks = |control: &str| {
            let claim = if claims { " first_factor=requisite" } else { "" };
            format!("auth     {control}   pam_mfa.so{claim}")
        };
        let lines: Vec<&str> = self.text.split_terminator('\n').collect();
        let was = |span: Span| &lines[span.from..][..span.lines];
        let mut own = cut.lead.clone();
        own.push(asks("required"));
        let parsed = parse(self.text.as_bytes());
        let first_of = |facility, kind: fn(&Act) -> bool| {
            parsed.iter().find(|line| self.brings(line, facility, kind)).map(|line| line.number - 1)
        };
        // In the order that they have where they meet.
        let mut blocks: Vec<(Span, String)> = Vec::new();
        if self.wanted.first == First::Either && self.service == "sshd" {
            // Who shows a key is asked for the code alone: a branch of its own, which counts no included line.
            let at = first_of(
                Facility::Auth,
                |act| matches!(act, Act::Ask { module, .. } if knows_first_factor(module)),
            );
            let key = "auth     [success=ignore default=1]   pam_mfa.so key-passed".to_owned();
            let branch = block(&takes_out, &[], &[key, asks("[success=done default=die]")]);
            let from = at.unwrap_or(cut.at.from).min(cut.at.from);
            blocks.push((Span { from, lines: 0 }, branch));
        }
        blocks.push((cut.at, block(&takes_out, was(cut.at), &own)));
        blocks.extend(cut.gone.iter().map(|span| (*span, block(&takes_out, was(*span), &[]))));
        let account = block(&takes_out, &[], &account_lines(self.wanted.glass));
        let from = first_of(Facility::Account, |_| true).unwrap_or(lines.len());
        blocks.push((Span { from, lines: 0 }, account));
        blocks.sort_by_key(|(span, _)| span.from);
        let mut text = String::new();
        let mut next = 0;
        for (span, block) in blocks {
            lines[next..span.from.max(next)].iter().for_each(|line| text.extend([line, "\n"]));
            text.push_str(&block);
            next = span.from.max(next) + span.lines;
        }
        lines[next..].iter().for_each(|line| text.extend([line, "\n"]));
        text
    }
}

/// Account lines by which root goes on whatever ours answers, the module that is gone included: they stand before the
/// one for everybody. What a login of root's proves is settled all the same.
pub(crate) const ROOTS: [&str; 2] = [
    "account  [success=ignore default=1]   pam_succeed_if.so quiet user = root",
    "account  [default=1]   pam_mfa.so",
];

/// Our lines of the account phase.
fn account_lines(glass: Glass) -> Vec<String> {
    let roots = if glass == Glass::RootsKey { &ROOTS[..] } else { &[] };
    let everybodys = "account  required   pam_mfa.so";
    roots.iter().chain([&everybodys]).map(ToString::to_string).collect()
}

/// The file without any line of ours, those placed by hand included; none: it has none.
pub(crate) fn without_us(text: &str) -> Option<String> {
    let bare = without_blocks(text);
    let ours: Vec<(usize, usize)> = parse(bare.as_bytes())
        .iter()
        .filter(|line| line.module() == Some(OURS))
        .map(|line| (line.number - 1, line.lines))
        .collect();
    let is_ours = |at: usize| ours.iter().any(|(from, length)| (*from..from + length).contains(&at));
    let kept: String = bare
        .split_inclusive('\n')
        .enumerate()
        .filter(|(at, _)| !is_ours(*at))
        .map(|(_, line)| line)
        .collect();
    (kept != text).then_some(kept)
}

/// Whether a service's own stack asks us.
pub(crate) fn asks_us(files: &Files, service: &str) -> bool {
    files.stack(service, Facility::Auth).is_ok_and(|steps| steps.iter().any(asks_for_factor))
}

#[cfg(test)]
mod tests {
    use super::super::stack::tests::host;
    use super::*;

    fn place(files: &Files, service: &str, first: First, replace: Option<&str>) -> Result<Placed, Unplaced> {
        super::place(files, service, Wanted { first, replace, glass: Glass::Whole })
    }

    /// As Debian ships them.
    const COMMON_AUTH: &str = "auth [success=1 default=ignore] pam_unix.so nullok\nauth requisite pam_deny.so\n\
                               auth required pam_permit.so\n";
    const COMMON_ACCOUNT: &str = "account [success=1 new_authtok_reqd=done default=ignore] pam_unix.so\n\
                                  account requisite pam_deny.so\naccount required pam_permit.so\n";
    const SSHD: &str = "@include common-auth\naccount required pam_nologin.so\n@include common-account\n";
    const SU: &str = "auth sufficient pam_rootok.so\nsession required pam_env.so\n@include common-auth\n@include common-account\n";

    fn debian(more: &[(&str, &str)]) -> Files {
        host(&[&[("common-auth", COMMON_AUTH), ("common-account", COMMON_ACCOUNT)], more].concat())
    }

    fn text(placed: &Placed) -> String {
        let change = placed.change.as_ref().expect("a change");
        String::from_utf8(change.after.clone().expect("a text")).unwrap()
    }

    /// The lines that are not comments.
    fn lines(placed: &Placed) -> Vec<String> {
        let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
        text(placed).lines().filter(|line| !line.starts_with('#')).map(words).collect()
    }

    #[test]
    fn on_debian_it_stands_behind_the_include_and_before_the_account_lines() {
        let host = debian(&[("sudo", SSHD)]);
        let placed = place(&host, "sudo", First::Password, None).unwrap();
        assert_eq!(
            lines(&placed),
            [
                "@include common-auth",
                "auth required pam_mfa.so first_factor=requisite",
                "account required pam_mfa.so",
                "account required pam_nologin.so",
                "@include common-account",
            ]
        );
        assert!(placed.proof.attested);
        assert_eq!(without_us(&text(&placed)).unwrap(), SSHD);
    }

    #[test]
    fn a_second_run_changes_nothing() {
        for (service, first) in [("sudo", First::Password), ("sshd", First::Either), ("sshd", First::Key)] {
            let host = debian(&[(service, SSHD)]);
            let once = text(&place(&host, service, first, None).unwrap());
            let again = host.with(&Path::new(FOLDER).join(service), Some(once.into_bytes()));
            assert!(place(&again, service, first, None).unwrap().change.is_none(), "{service} {first:?}");
        }
    }

    #[test]
    fn at_sshd_who_shows_a_key_has_a_branch_of_its_own() {
        let placed = place(&debian(&[("sshd", SSHD)]), "sshd", First::Either, None).unwrap();
        assert_eq!(
            lines(&placed)[..4],
            [
                "auth [success=ignore default=1] pam_mfa.so key-passed",
                "auth [success=done default=die] pam_mfa.so first_factor=requisite",
                "@include common-auth",
                "auth required pam_mfa.so first_factor=requisite",
            ]
        );
        let key = place(&debian(&[("sshd", SSHD)]), "sshd", First::Key, None).unwrap();
        assert_eq!(
            lines(&key)[..2],
            [
                "auth [success=ok default=die] pam_mfa.so key-passed",
                "auth required pam_mfa.so first_factor=requisite"
            ]
        );
        assert_eq!(without_us(&text(&key)).unwrap(), SSHD);
    }

    #[test]
    fn root_by_key_needs_no_module_and_everybody_else_does() {
        let sshd = debian(&[("sshd", SSHD)]);
        let wanted = Wanted { first: First::Either, replace: None, glass: Glass::RootsKey };
        let placed = super::place(&sshd, "sshd", wanted).unwrap();
        assert_eq!(
            lines(&placed)[4..7],
            [
                "account [success=ignore default=1] pam_succeed_if.so quiet user = root",
                "account [default=1] pam_mfa.so",
                "account required pam_mfa.so",
            ]
        );
        assert_eq!(without_us(&text(&placed)).unwrap(), SSHD);
        let again = sshd.with(&Path::new(FOLDER).join("sshd"), Some(text(&placed).into_bytes()));
        assert!(super::place(&again, "sshd", wanted).unwrap().change.is_none());
    }

    #[test]
    fn root_passes_at_su_and_su_l_includes_su() {
        let host = debian(&[("su", SU), ("su-l", "auth include su\naccount include su\n")]);
        let placed = place(&host, "su", First::Password, None).unwrap();
        assert!(placed.proof.root_passes && placed.proof.attested);
        let change = placed.change.unwrap();
        let host = host.with(&change.file, change.after);
        assert!(place(&host, "su-l", First::Password, None).unwrap().change.is_none());
    }

    const SYSTEM_AUTH: &str = "auth required pam_env.so\nauth sufficient pam_unix.so\nauth required pam_deny.so\n\
                               account required pam_unix.so\n";

    #[test]
    fn on_red_hat_an_include_becomes_a_substack() {
        let sudo = "#%PAM-1.0\nauth       include      system-auth\naccount    include      system-auth\n";
        let host = host(&[("sudo", sudo), ("system-auth", SYSTEM_AUTH)]);
        let placed = place(&host, "sudo", First::Password, None).unwrap();
        assert_eq!(
            lines(&placed),
            [
                "auth substack system-auth",
                "auth required pam_mfa.so",
                "account required pam_mfa.so",
                "account include system-auth"
            ]
        );
        assert!(!placed.proof.attested);
        assert_eq!(without_us(&text(&placed)).unwrap(), sudo);
    }

    #[test]
    fn on_suse_the_shipped_file_is_copied_first() {
        let shipped = "auth include common-auth\naccount include common-account\n";
        let suse = "auth required pam_env.so\nauth required pam_unix.so try_first_pass\n";
        let host = host(&[("common-auth", suse), ("common-account", "account required pam_unix.so\n")])
            .with(Path::new("/usr/lib/pam.d/sudo"), Some(shipped.into()));
        let placed = place(&host, "sudo", First::Password, None).unwrap();
        let change = placed.change.as_ref().unwrap();
        assert_eq!((change.file.as_path(), &change.before), (Path::new("/etc/pam.d/sudo"), &None));
        assert_eq!(lines(&placed)[..2], ["auth include common-auth", "auth required pam_mfa.so"]);
    }

    #[test]
    fn on_arch_it_goes_through_three_files() {
        let host = host(&[
            ("sshd", "auth include system-remote-login\naccount include system-remote-login\n"),
            ("system-remote-login", "auth include system-login\naccount include system-login\n"),
            (
                "system-login",
                "auth required pam_shells.so\nauth include system-auth\naccount include system-auth\n",
            ),
            (
                "system-auth",
                "auth required pam_faillock.so preauth\n-auth [success=2 default=ignore] pam_systemd_home.so\n\
                             auth [success=1 default=bad] pam_unix.so try_first_pass nullok\n\
                             auth [default=die] pam_faillock.so authfail\nauth optional pam_permit.so\n\
                             auth required pam_env.so\naccount required pam_unix.so\n",
            ),
        ]);
        let placed = place(&host, "sshd", First::Password, None).unwrap();
        assert_eq!(lines(&placed)[1], "auth required pam_mfa.so");
        // pam_shells may have failed before, and the stack goes on.
        assert!(!placed.proof.attested);
    }

    #[test]
    fn another_module_makes_way() {
        for (module, arguments) in [
            ("pam_google_authenticator", "nullok"),
            ("pam_oath", "usersfile=/etc/users.oath window=20 digits=6"),
        ] {
            let with = |arguments: &str| {
                format!(
                    "@include common-auth\nauth required {module}.so {arguments}\n@include common-account\n"
                )
            };
            let theirs = with(arguments);
            let placed = place(&debian(&[("sshd", &theirs)]), "sshd", First::Password, Some(module)).unwrap();
            assert_eq!(
                lines(&placed)[..3],
                [
                    "@include common-auth",
                    "auth required pam_mfa.so first_factor=requisite",
                    "account required pam_mfa.so"
                ]
            );
            assert_eq!(without_us(&text(&placed)).unwrap(), theirs);
            for one_field in ["forward_pass", "use_first_pass"] {
                let host = debian(&[("sshd", &with(&format!("{arguments} {one_field}")))]);
                let refused = place(&host, "sshd", First::Password, Some(module));
                assert!(matches!(refused, Err(Unplaced::OneField(_))), "{module} {one_field}");
            }
            let refused = place(&debian(&[("sshd", SSHD)]), "sshd", First::Password, Some(module));
            assert!(matches!(refused, Err(Unplaced::NotThere(_))), "{module}");
        }
    }

    /// `AuthenticationMethods publickey,keyboard-interactive`: the stack itself has to ask for no password.
    #[test]
    fn where_a_key_comes_first_another_module_makes_way_and_the_password_too() {
        let google = "auth required pam_google_authenticator.so\n@include common-account\n";
        let ours = [
            "auth [success=ok default=die] pam_mfa.so key-passed",
            "auth required pam_mfa.so first_factor=requisite",
            "account required pam_mfa.so",
        ];
        // As the usual set-up with keys has it, and one that asks for all three.
        let alone = format!("#@include common-auth\n{google}");
        let both = format!("@include common-auth\nauth optional pam_env.so\n{google}");
        for theirs in [&alone, &both] {
            let host = debian(&[("sshd", theirs.as_str())]);
            let placed = place(&host, "sshd", First::Key, Some("pam_google_authenticator")).unwrap();
            assert!(placed.proof.attested);
            let lines: Vec<String> =
                lines(&placed).into_iter().filter(|line| !line.contains("pam_env")).collect();
            assert_eq!(lines[..3], ours, "{theirs}");
            assert_eq!(without_us(&text(&placed)).unwrap(), *theirs);
            let again = host.with(&Path::new(FOLDER).join("sshd"), Some(text(&placed).into_bytes()));
            for replace in [Some("pam_google_authenticator"), None] {
                assert!(place(&again, "sshd", First::Key, replace).unwrap().change.is_none(), "{theirs}");
            }
        }
        // Without a key there is no first factor in the first: the code alone would do.
        for first in [First::Password, First::Either] {
            let refused =
                place(&debian(&[("sshd", &alone)]), "sshd", first, Some("pam_google_authenticator"));
            assert!(matches!(refused, Err(Unplaced::NotProved(_))), "{first:?}");
        }
        // Two lines that ask for a password, and none is left.
        let two = format!("auth required pam_sss.so\n{SSHD}");
        let placed = place(&debian(&[("sshd", &two)]), "sshd", First::Key, None).unwrap();
        assert_eq!(lines(&placed)[..3], ours);
        assert_eq!(without_us(&text(&placed)).unwrap(), two);
    }

    #[test]
    fn what_is_not_known_is_refused_with_the_line_to_place() {
        let host = debian(&[
            ("odd", "auth required pam_odd.so\n@include common-account\n"),
            ("trust", "auth sufficient pam_wheel.so trust\n@include common-auth\n@include common-account\n"),
            ("hand", "auth optional pam_mfa.so\n@include common-auth\n@include common-account\n"),
        ]);
        let refused = |service| place(&host, service, First::Password, None).unwrap_err();
        assert!(matches!(refused("odd"), Unplaced::NoFirstFactor));
        assert!(matches!(refused("none"), Unplaced::NoFile));
        assert!(matches!(refused("hand"), Unplaced::ByHand(1, _)));
        let said = refused("trust").to_string();
        assert!(
            said.contains("pam_wheel (/etc/pam.d/trust:1) succeeds") && said.contains("place it by hand"),
            "{said}"
        );
    }

    #[test]
    fn a_jump_written_out_is_not_cut_in_two() {
        let own = "auth [success=1 default=ignore] pam_unix.so\nauth requisite pam_deny.so\nauth required pam_permit.so\n\
                   account required pam_unix.so\n";
        let placed = place(&debian(&[("x", own)]), "x", First::Password, None).unwrap();
        assert_eq!(lines(&placed)[3], "auth required pam_mfa.so first_factor=requisite");
    }
}
