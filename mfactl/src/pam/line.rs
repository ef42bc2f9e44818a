//! One file of a PAM stack, read as libpam reads it.
//!
//! Source: pam.d(5) and `libpam/pam_handlers.c` of Linux-PAM: a comment begins at any `#`, a line
//! goes on after a `\` at its end, what is in brackets is one word, facilities and the names of controls
//! know no case. `against_libpam` compares all of it with the libpam that is installed.

use std::fmt;

use super::control::{Action, Control, MODULE_UNKNOWN, PERM_DENIED};

/// What a line is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Facility {
    /// Who is it.
    Auth,
    /// May they.
    Account,
    /// Changing a password.
    Password,
    /// Before and after.
    Session,
}

impl Facility {
    /// The word of the file.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::Account => "account",
            Self::Password => "password",
            Self::Session => "session",
        }
    }

    fn parse(word: &str) -> Option<Self> {
        [Self::Auth, Self::Account, Self::Password, Self::Session]
            .into_iter()
            .find(|facility| word.eq_ignore_ascii_case(facility.word()))
    }
}

/// What a line asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    /// A module.
    Module {
        /// What its answers do.
        control: Control,
        /// As written: a name, or a path.
        module: String,
        /// Its arguments.
        arguments: Vec<String>,
    },
    /// The lines of another service, of this facility, as if they stood here.
    Include(String),
    /// The same, but the end of its stack is not the end of this one.
    Substack(String),
    /// `@include`: the lines of another service, of every facility.
    IncludeAll(String),
    /// What libpam cannot make out: it fails there, and does what the line wants done then.
    Broken {
        /// What is wrong.
        why: &'static str,
        /// What is done on that failure.
        action: Action,
    },
    /// What makes libpam give the whole file up.
    Unreadable(&'static str),
}

/// A line of a file, continued ones as one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// The number of its first line in the file, from 1.
    pub(crate) number: usize,
    /// How many lines of the file it takes.
    pub(crate) lines: usize,
    /// What it is for; none: every facility (`@include`, what cannot be read), or a word that is none.
    pub(crate) facility: Option<Facility>,
    /// What it asks for.
    pub(crate) rule: Rule,
}

impl Line {
    /// Whether it has a say in that facility, in a file that is read for all of them.
    pub(crate) fn is_for(&self, facility: Facility) -> bool {
        match (self.facility, &self.rule) {
            (_, Rule::Unreadable(_)) | (None, Rule::IncludeAll(_)) => true,
            (Some(of), _) => of == facility,
            // Where the facility is no word that libpam knows, it takes the one that matters most.
            (None, _) => facility == Facility::Auth,
        }
    }

    /// The same in a file that is read for that facility alone (`include`, `substack`).
    pub(crate) fn is_for_alone(&self, facility: Facility) -> bool {
        self.facility.is_none_or(|of| of == facility)
    }

    /// The module that it asks, without folder and ending.
    pub(crate) fn module(&self) -> Option<&str> {
        match &self.rule {
            Rule::Module { module, .. } => Some(module_name(module)),
            _ => None,
        }
    }
}

/// A module's name without ending, and without the folder where modules are: `pam_unix`. One from elsewhere
/// keeps its folder: it only calls itself so.
pub(crate) fn module_name(path: &str) -> &str {
    let is_of_modules = |folder: &str| {
        let below = folder.starts_with("/lib") || folder.starts_with("/usr/lib");
        below && folder.ends_with("/security") && !folder.contains("..")
    };
    let name =
        path.rsplit_once('/').filter(|(folder, _)| is_of_modules(folder)).map_or(path, |(_, file)| file);
    name.strip_suffix(".so").unwrap_or(name)
}

/// Older libpams do not always survive it.
const NAMELESS: &str = "a module without a name, and what libpam does then is not defined";

/// Whether nothing is left of a module without folder and ending; libpam takes no such name for its log.
fn is_nameless(path: &str) -> bool {
    let file = path.rsplit('/').next().unwrap_or(path);
    matches!(file.rsplit_once('.').map_or(file, |(name, _)| name), "" | "?")
}

/// What stands between words. A carriage return does not: libpam takes it for a part of the word.
const BLANK: [char; 2] = [' ', '\t'];
/// The longest line, with those that continue it, that every libpam reads as one, in bytes. Older ones cut
/// longer lines, comments too, and read what is left as a line of its own.
const LONGEST: usize = 1022;

/// Every line of a file that is not empty.
pub(crate) fn parse(text: &[u8]) -> Vec<Line> {
    let text = String::from_utf8_lossy(text);
    let mut lines = Vec::new();
    let unreadable = |number, why| {
        let rule = Rule::Unreadable(why);
        Line { number, lines: 1, facility: None, rule }
    };
    let mut open: Option<(usize, String)> = None;
    for (number, raw) in (1..).zip(text.split_terminator('\n')) {
        if raw.contains('\0') || open.as_ref().map_or(0, |(_, whole)| whole.len()) + raw.len() > LONGEST {
            lines.push(unreadable(number, "longer than libpam reads, or no text"));
        }
        let bare = raw.trim_start_matches(BLANK);
        if bare.is_empty() || bare.starts_with('#') {
            if open.is_some() {
                // Older ones go on with the line after it, newer ones do not.
                let why = "the line before is to be continued here, and what libpam does then is not defined";
                lines.push(unreadable(number, why));
            }
            continue;
        }
        let (began, mut whole) = open.take().unwrap_or((number, String::new()));
        let (bare, commented) = bare.split_once('#').map_or((bare, false), |(bare, _)| (bare, true));
        let continued = bare.trim_end_matches(BLANK).strip_suffix('\\').filter(|_| !commented);
        whole.push_str(continued.unwrap_or(bare));
        if continued.is_some() {
            whole.push(' ');
            open = Some((began, whole));
            continue;
        }
        lines.extend(line(began, number + 1 - began, &whole));
    }
    lines.extend(open.map(|(began, _)| unreadable(began, "it is to be continued, and the file ends")));
    lines
}

fn line(number: usize, lines: usize, text: &str) -> Option<Line> {
    let mut words = words(text).into_iter();
    let first = words.next()?;
    let whole = |facility, rule| Some(Line { number, lines, facility, rule });
    if first.eq_ignore_ascii_case("@include") {
        let rule = words.next().map_or(Rule::Unreadable("@include names no file"), Rule::IncludeAll);
        return whole(None, rule);
    }
    // A `-` only keeps libpam from logging a module that is not installed.
    let facility = Facility::parse(first.strip_prefix('-').unwrap_or(&first));
    let broken = |why, action| whole(facility, Rule::Broken { why, action });
    let Some(control) = words.next() else { return broken("no control", Action::Bad) };
    let module = words.next();
    let include = control.eq_ignore_ascii_case("include");
    if include || control.eq_ignore_ascii_case("substack") {
        // Some libpams do not survive that.
        let Some(other) = module else {
            return whole(None, Rule::Unreadable("it includes, and names no file"));
        };
        return whole(facility, if include { Rule::Include(other) } else { Rule::Substack(other) });
    }
    if module.as_deref().is_some_and(is_nameless) {
        return whole(facility, Rule::Unreadable(NAMELESS));
    }
    let Some(control) = Control::parse(&control) else {
        return broken("no control that libpam knows", Action::Bad);
    };
    if facility.is_none() {
        return broken("no facility that libpam knows", control.on(PERM_DENIED));
    }
    match module {
        Some(module) if !module.contains('.') => {
            broken("a module without its ending, .so", control.on(MODULE_UNKNOWN))
        }
        Some(module) => whole(facility, Rule::Module { control, module, arguments: words.collect() }),
        None => broken("no module", control.on(PERM_DENIED)),
    }
}

/// Words between blanks; what is in brackets is one word, without them.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = text.trim_start_matches(BLANK);
    while !rest.is_empty() {
        let Some(inner) = rest.strip_prefix('[') else {
            let end = rest.find(BLANK).unwrap_or(rest.len());
            words.push(rest[..end].to_owned());
            rest = rest[end..].trim_start_matches(BLANK);
            continue;
        };
        let mut escaped = false;
        let close = inner.find(|c: char| {
            let closes = c == ']' && !escaped;
            escaped = c == '\\';
            closes
        });
        let end = close.unwrap_or(inner.len());
        words.push(inner[..end].replace("\\]", "]"));
        rest = inner.get(end + 1..).unwrap_or_default().trim_start_matches(BLANK);
    }
    words
}

impl fmt::Display for Facility {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> Line {
        let lines = parse(text.as_bytes());
        assert_eq!(lines.len(), 1, "{lines:?}");
        lines.into_iter().next().unwrap()
    }

    #[test]
    fn a_line_is_read_as_libpam_reads_it() {
        let line = one("# above\n-AUTH\tRequired  /lib/security/pam_x.so a=1 [b c\\]d] # and so on\n");
        assert_eq!((line.number, line.facility), (2, Some(Facility::Auth)));
        assert_eq!(line.module(), Some("pam_x"));
        let Rule::Module { control, arguments, .. } = line.rule else { panic!() };
        assert_eq!(control, Control::of(Action::Ok, Action::Ignore, Action::Bad));
        assert_eq!(arguments, ["a=1", "b c]d"]);
    }

    #[test]
    fn a_line_goes_on_after_a_backslash() {
        let lines = parse(b"auth \\\n  required \\\n pam_a.so\nauth required pam_b.so");
        let seen: Vec<_> = lines.iter().map(|line| (line.number, line.lines, line.module())).collect();
        assert_eq!(seen, [(1, 3, Some("pam_a")), (4, 1, Some("pam_b"))]);
    }

    #[test]
    fn what_cannot_be_read_is_kept_as_broken() {
        for text in [
            "auth",
            "auth required",
            "auth mandatory pam_unix.so",
            "authentic required pam_unix.so",
            "auth [success=often] pam_unix.so",
            "auth [success=0] pam_unix.so",
            "auth [success=1 pam_unix.so",
            "@include",
        ] {
            let line = one(text);
            assert!(matches!(line.rule, Rule::Broken { .. } | Rule::Unreadable(_)), "{text}: {line:?}");
        }
    }

    #[test]
    fn what_libpams_read_differently_is_unreadable() {
        let long = format!("# {}\nauth required pam_unix.so\n", "x".repeat(LONGEST));
        for text in [
            &long,
            "auth required \\\n",
            "auth \\\n\nrequired pam_unix.so\n",
            "auth\0 required pam_unix.so\n",
        ] {
            let lines = parse(text.as_bytes());
            assert!(lines.iter().any(|line| matches!(line.rule, Rule::Unreadable(_))), "{text}: {lines:?}");
        }
        // A carriage return is a part of the word before it.
        assert_eq!(one("@include common-auth\r\n").rule, Rule::IncludeAll("common-auth\r".into()));
    }

    #[test]
    fn includes_are_told_apart() {
        assert_eq!(one("@include common-auth").rule, Rule::IncludeAll("common-auth".into()));
        assert_eq!(one("auth include system-auth").rule, Rule::Include("system-auth".into()));
        assert_eq!(one("auth substack system-auth").rule, Rule::Substack("system-auth".into()));
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_fall(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..400)) {
            let lines = parse(&bytes);
            proptest::prop_assert!(lines.iter().all(|line| line.number >= 1 && line.lines >= 1));
        }
    }
}
