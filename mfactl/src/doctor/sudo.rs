//! sudo before a stack that asks: what its settings take away again.
//!
//! Whether sudo takes its files is asked of `visudo`; on which line something is said, is read from the
//! files. Source: sudoers(5).

use std::path::{Path, PathBuf};

use nix::unistd::geteuid;

use super::finding::{Finding, Report, Spot};
use super::host::Host;
use super::kind::Kind;
use super::mend::{self, Mend};
use crate::run;

const FILE: &str = "/etc/sudoers";
/// How deep files may include each other; sudo's own limit.
const DEPTH: usize = 128;
/// sudo remembers for longer than this, in minutes: long enough to leave a desk.
const LONG: f64 = 30.0;

/// Looks at sudo's settings, where its stack asks.
pub(super) fn look(host: &Host, report: &mut Report) {
    if !host.asks("sudo") && !host.asks("sudo-i") {
        return;
    }
    // For others than root it reads nothing, and says that all is wrong.
    if geteuid().is_root()
        && let Ok(said) = run::ask("visudo", &["-c"])
        && !said.well
    {
        return broken(&format!("{}{}", said.err, said.out), report);
    }
    let sources = std::fs::read_to_string("/etc/nsswitch.conf").unwrap_or_default();
    let sources = sources.lines().find_map(|line| line.trim().strip_prefix("sudoers:"));
    if let Some(source) =
        sources.and_then(|all| all.split_whitespace().find(|one| matches!(*one, "sss" | "ldap")))
    {
        let why = format!("rules of a directory ({source}) are not read");
        report.cannot_look("sudoers-directory", why, Mend::ByHand("sudo -l -U root".into()));
    }
    if let Err(error) = file(host, Path::new(FILE), 0, report) {
        let show = Mend::ByHand("sudo -l -U root".into());
        report.cannot_look("sudoers", error, show);
    }
}

/// An editor that lets nobody save what sudo does not take.
fn visudo(file: &Path) -> Mend {
    Mend::ByHand(format!("visudo -f {}", mend::quoted(&file.to_string_lossy())))
}

/// What visudo says: `/etc/sudoers.d/x:3:7: syntax error`.
fn broken(said: &str, report: &mut Report) {
    let place = |line: &str| {
        let mut parts = line.trim_start_matches(">>> ").split(':');
        let (file, number) = (parts.next()?, parts.next()?.trim());
        let number = number.parse().ok();
        file.starts_with('/').then(|| Spot { file: file.into(), line: number })
    };
    let fault = said.lines().find(|line| !line.ends_with("parsed OK") && line.contains('/'));
    let spot = fault.and_then(place).unwrap_or_else(|| Spot::file(FILE));
    let mend = visudo(&spot.file);
    report.found(Finding {
        kind: Kind::SudoersBroken,
        subject: "sudo".into(),
        spot: Some(spot),
        detail: fault.unwrap_or_default().trim().into(),
        mend,
    });
}

fn file(host: &Host, path: &Path, depth: usize, report: &mut Report) -> std::io::Result<()> {
    let bytes = std::fs::read(path)?;
    let text = String::from_utf8_lossy(&bytes);
    for line in lines(&text) {
        let mut words = line.text.split_whitespace();
        let included = match words.next() {
            Some("@include" | "#include") => words.next().map(|path| vec![PathBuf::from(path)]),
            Some("@includedir" | "#includedir") => words.next().map(|path| folder(Path::new(path))),
            Some(word) if word.starts_with('#') && !is_uid(word) => continue,
            _ => None,
        };
        match included {
            Some(files) if depth < DEPTH => {
                for inner in files {
                    let inner = path.parent().unwrap_or(Path::new("/etc")).join(inner);
                    file(host, &inner, depth + 1, report)?;
                }
            }
            Some(_) => {}
            None => rule(path, &line, &|service| host.asks(service), report),
        }
    }
    Ok(())
}

/// A line with those that it goes on in after a `\`.
#[derive(Debug, PartialEq, Eq)]
struct Line {
    /// The number of its first line, from 1.
    number: usize,
    /// How many lines of the file it takes.
    lines: usize,
    text: String,
}

/// Every line that is not empty.
fn lines(text: &str) -> Vec<Line> {
    let mut whole: Vec<Line> = Vec::new();
    let mut goes_on = false;
    for (number, line) in (1..).zip(text.lines()) {
        let bare = line.strip_suffix('\\').unwrap_or(line);
        match whole.last_mut() {
            Some(open) if goes_on => {
                open.text.push_str(bare);
                open.lines += 1;
            }
            _ => whole.push(Line { number, lines: 1, text: bare.to_owned() }),
        }
        goes_on = line.ends_with('\\');
    }
    whole.retain(|line| !line.text.trim().is_empty());
    whole
}

/// `#1000` at the beginning of a line is a user, and no comment.
fn is_uid(word: &str) -> bool {
    word.len() > 1 && word[1..].bytes().all(|byte| byte.is_ascii_digit() || byte == b',')
}

/// The files of an `@includedir`: no dot and no tilde at the end in their names.
fn folder(path: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
    let taken = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        path.is_file() && !name.contains('.') && !name.ends_with('~')
    };
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(taken).collect();
    files.sort();
    files
}

/// What a setting may be given, in quotes or without.
const VALUE: &str = "(\"[^\"]*\"|[^,[:space:]]+)";

/// What one line takes away. `asks`: whether a PAM service of that name asks for a factor.
fn rule(path: &Path, whole: &Line, asks: &dyn Fn(&str) -> bool, report: &mut Report) {
    let line = whole.text.split(" #").next().unwrap_or_default().trim();
    let spot = Spot { file: path.to_owned(), line: Some(whole.number) };
    let mut found = |kind: Kind, subject: &str, script: &str| {
        let mend = match mend::on_line(&spot, script) {
            Mend::Run(command) if whole.lines == 1 => Mend::Run(format!("{command} && visudo -c")),
            _ => visudo(path),
        };
        let (subject, spot, detail) = (subject.to_owned(), Some(spot.clone()), line.to_owned());
        report.found(Finding { kind, subject, spot, detail, mend });
    };
    if !line.starts_with("Defaults") {
        if line.contains("NOPASSWD:") || line.contains("NOPASSWD :") {
            let whom = line.split_whitespace().next().unwrap_or_default();
            found(Kind::SudoersNopasswd, whom, "s/NOPASSWD[[:space:]]*:[[:space:]]*//g");
        }
        return;
    }
    let settings = line.split_once(char::is_whitespace).map_or("", |(_, rest)| rest);
    for setting in settings.split(',').map(|setting| setting.replace(' ', "")) {
        let (name, value) = setting.split_once('=').unwrap_or((&setting, ""));
        match name {
            "!authenticate" => {
                found(Kind::SudoersNoAuthenticate, name, "s/![[:space:]]*authenticate/authenticate/");
            }
            "targetpw" | "rootpw" | "runaspw" => {
                found(Kind::SudoersOtherPassword, name, &format!("s/\\b{name}\\b/!{name}/"));
            }
            "exempt_group" => found(Kind::SudoersExemptGroup, unquoted(value), &left_out(name)),
            "pam_service" | "pam_login_service" | "pam_askpass_service" if !asks(unquoted(value)) => {
                let right = if name == "pam_login_service" && asks("sudo-i") { "sudo-i" } else { "sudo" };
                let script = format!("s/(\\b{name}[[:space:]]*=[[:space:]]*){VALUE}/\\1{right}/");
                found(Kind::SudoOtherService, name, &script);
            }
            // Negative: for ever.
            "timestamp_timeout"
                if value.parse::<f64>().is_ok_and(|minutes| !(0.0..=LONG).contains(&minutes)) =>
            {
                found(
                    Kind::SudoersLongTimestamp,
                    value,
                    "s/(timestamp_timeout[[:space:]]*=[[:space:]]*)-?[0-9.]+/\\115/",
                );
            }
            _ => {}
        }
    }
}

fn unquoted(value: &str) -> &str {
    value.trim_matches('"')
}

/// Takes a setting out of its list; all of the line, where it stands alone: an empty list is an error. Another line, as
/// after a second run, is left as it is, and none is lost: the numbers of those below stay.
fn left_out(name: &str) -> String {
    let setting = format!("\\b{name}[[:space:]]*=[[:space:]]*{VALUE}");
    format!("{{/{setting}/!b;s/,[[:space:]]*{setting}//;t;s/{setting}[[:space:]]*,[[:space:]]*//;t;s/.*//}}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(line: &str) -> Vec<Kind> {
        let mut report = Report::default();
        let asks = |service: &str| matches!(service, "sudo" | "sudo-i" | "doas");
        rule(Path::new(FILE), &Line { number: 7, lines: 1, text: line.to_owned() }, &asks, &mut report);
        report.findings.iter().map(|finding| finding.kind).collect()
    }

    #[test]
    fn what_mends_one_line_takes_no_other_however_often_it_is_run() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("sudoers");
        let rules = ["root ALL=(ALL) ALL", "al ALL=(ALL) ALL"];
        let text = format!(
            "Defaults exempt_group=a\n{}\nDefaults env_reset, exempt_group = \"b\"\n{}\n",
            rules[0], rules[1]
        );
        std::fs::write(&file, text).unwrap();
        for number in [1, 3, 1, 2, 3] {
            let script = format!("{number}{}", left_out("exempt_group"));
            let ran = std::process::Command::new("sed").args(["-i", "-E", &script]).arg(&file).status();
            assert!(ran.unwrap().success());
        }
        let left = format!("\n{}\nDefaults env_reset\n{}\n", rules[0], rules[1]);
        assert_eq!(std::fs::read_to_string(&file).unwrap(), left);
    }

    #[test]
    fn each_way_of_asking_less_is_found() {
        assert_eq!(kinds("al ALL=(ALL) NOPASSWD: ALL"), [Kind::SudoersNopasswd]);
        assert_eq!(kinds("%x ALL=NOPASSWD:/bin/a, PASSWD: /bin/b"), [Kind::SudoersNopasswd]);
        assert_eq!(kinds("Defaults:al !authenticate"), [Kind::SudoersNoAuthenticate]);
        assert_eq!(kinds("Defaults env_reset, targetpw"), [Kind::SudoersOtherPassword]);
        assert_eq!(kinds("Defaults timestamp_timeout=-1"), [Kind::SudoersLongTimestamp]);
        assert_eq!(kinds("Defaults timestamp_timeout = 120"), [Kind::SudoersLongTimestamp]);
        assert_eq!(kinds("Defaults exempt_group = \"wheel\""), [Kind::SudoersExemptGroup]);
        assert_eq!(kinds("Defaults:al pam_service=other"), [Kind::SudoOtherService]);
        assert_eq!(kinds("Defaults env_reset, pam_login_service = \"login\""), [Kind::SudoOtherService]);
        assert_eq!(kinds("Defaults pam_askpass_service=x"), [Kind::SudoOtherService]);
        for fine in [
            "al ALL=(ALL) ALL",
            "Defaults !targetpw,timestamp_timeout=0",
            "Defaults authenticate",
            "Defaults pam_service=doas, pam_login_service=\"sudo-i\"",
        ] {
            assert_eq!(kinds(fine), [], "{fine}");
        }
    }

    #[test]
    fn lines_go_on_and_uids_are_no_comments() {
        let line = |number, lines, text: &str| Line { number, lines, text: text.to_owned() };
        assert_eq!(lines("a \\\nb\n\nc\n"), [line(1, 2, "a b"), line(4, 1, "c")]);
        assert!(is_uid("#1000") && !is_uid("#") && !is_uid("#x"));
    }

    #[test]
    fn what_sudo_does_not_take_is_found_in_its_words() {
        let mut report = Report::default();
        broken("/etc/sudoers.d/x:3:7: syntax error\nal ALL\n   ^~~\n/etc/sudoers: parsed OK\n", &mut report);
        let spot = report.findings[0].spot.clone().unwrap();
        assert_eq!((spot.file.to_str(), spot.line), (Some("/etc/sudoers.d/x"), Some(3)));
    }
}
