//! One file of a PAM stack, read as libpam reads it.
//!
//! Source: pam.d(5) and `libpam/pam_handlers.c` of Linux-PAM: a comment begins at any `#`, a line
//! goes on after a `\` at its end, an argument in brackets may hold spaces, words know no case.

use std::fmt;

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

/// What libpam does on a module's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Action {
    /// Nothing.
    Ignore,
    /// Counts; the stack goes on.
    Ok,
    /// Counts; the stack ends.
    Done,
    /// Fails; the stack goes on.
    Bad,
    /// Fails; the stack ends.
    Die,
    /// Forgets what counted so far.
    Reset,
    /// Leaves out so many lines.
    Jump(usize),
}

impl Action {
    fn parse(word: &str) -> Option<Self> {
        Some(match word.to_ascii_lowercase().as_str() {
            "ignore" => Self::Ignore,
            "ok" => Self::Ok,
            "done" => Self::Done,
            "bad" => Self::Bad,
            "die" => Self::Die,
            "reset" => Self::Reset,
            number => Self::Jump(number.parse().ok().filter(|lines| *lines > 0)?),
        })
    }
}

/// The action for each answer, as far as answers differ in what they mean: success, "leave me out",
/// and all others, of which a line may tell several apart.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Control {
    /// On `PAM_SUCCESS`.
    pub(crate) success: Action,
    /// On `PAM_IGNORE`.
    pub(crate) ignore: Action,
    /// On any other answer; not empty, each once.
    pub(crate) others: Vec<Action>,
}

/// How many answers libpam knows besides `success` and `ignore`.
const OTHER_CODES: [&str; 30] = [
    "open_err",
    "symbol_err",
    "service_err",
    "system_err",
    "buf_err",
    "perm_denied",
    "auth_err",
    "cred_insufficient",
    "authinfo_unavail",
    "user_unknown",
    "maxtries",
    "new_authtok_reqd",
    "acct_expired",
    "session_err",
    "cred_unavail",
    "cred_expired",
    "cred_err",
    "no_module_data",
    "conv_err",
    "authtok_err",
    "authtok_recover_err",
    "authtok_lock_busy",
    "authtok_disable_aging",
    "try_again",
    "abort",
    "authtok_expired",
    "module_unknown",
    "bad_item",
    "conv_again",
    "incomplete",
];

impl Control {
    fn of(success: Action, others: Action) -> Self {
        Self { success, ignore: Action::Ignore, others: vec![others] }
    }

    fn parse(word: &str) -> Option<Self> {
        use Action::{Bad, Die, Done, Ignore, Ok};
        if let Some(table) = word.strip_prefix('[') {
            return Self::table(table.strip_suffix(']')?);
        }
        Some(match word.to_ascii_lowercase().as_str() {
            "required" => Self::of(Ok, Bad),
            "requisite" => Self::of(Ok, Die),
            "sufficient" => Self::of(Done, Ignore),
            "optional" => Self::of(Ok, Ignore),
            _ => return None,
        })
    }

    fn table(text: &str) -> Option<Self> {
        let (mut success, mut ignore, mut default) = (None, None, None);
        let mut named = [None; OTHER_CODES.len()];
        for pair in text.replace('=', " = ").split_whitespace().collect::<Vec<_>>().chunks(3) {
            let [code, "=", action] = pair else { return None };
            let action = Action::parse(action)?;
            match code.to_ascii_lowercase().as_str() {
                "success" => success = Some(action),
                "ignore" => ignore = Some(action),
                "default" => default = Some(action),
                other => named[OTHER_CODES.iter().position(|code| *code == other)?] = Some(action),
            }
        }
        // What a table leaves unsaid fails (`_PAM_ACTION_UNDEF`: bad).
        let default = default.unwrap_or(Action::Bad);
        let mut others = Vec::new();
        for action in named.map(|action| action.unwrap_or(default)) {
            if !others.contains(&action) {
                others.push(action);
            }
        }
        Some(Self { success: success.unwrap_or(default), ignore: ignore.unwrap_or(default), others })
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
    /// What libpam cannot read: it fails whoever comes here.
    Broken(&'static str),
}

/// A line of a file, continued ones as one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// The number of its first line in the file, from 1.
    pub(crate) number: usize,
    /// How many lines of the file it takes.
    pub(crate) lines: usize,
    /// What it is for; none: every facility (`@include`, and what cannot be read).
    pub(crate) facility: Option<Facility>,
    /// Begins with `-`: a module that is not installed is left out.
    pub(crate) silent: bool,
    /// What it asks for.
    pub(crate) rule: Rule,
}

impl Line {
    /// Whether it has a say in that facility.
    pub(crate) fn is_for(&self, facility: Facility) -> bool {
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

/// A module's name without folder and ending: `pam_unix`.
pub(crate) fn module_name(path: &str) -> &str {
    let file = path.rsplit('/').next().unwrap_or(path);
    file.strip_suffix(".so").unwrap_or(file)
}

/// Every line of a file that is not empty.
pub(crate) fn parse(text: &[u8]) -> Vec<Line> {
    let text = String::from_utf8_lossy(text);
    let mut lines = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (number, raw) in (1..).zip(text.lines()) {
        let bare = raw.split('#').next().unwrap_or("").trim();
        let (began, mut whole) = open.take().unwrap_or((number, String::new()));
        let continued = bare.strip_suffix('\\').filter(|_| !raw.contains('#'));
        whole.push_str(continued.unwrap_or(bare));
        if continued.is_some() {
            whole.push(' ');
            open = Some((began, whole));
            continue;
        }
        lines.extend(line(began, number + 1 - began, &whole));
    }
    if let Some((began, whole)) = open {
        lines.extend(line(began, 1, &whole));
    }
    lines
}

fn line(number: usize, lines: usize, text: &str) -> Option<Line> {
    let mut words = words(text).into_iter();
    let first = words.next()?;
    let whole = |facility, silent, rule| Some(Line { number, lines, facility, silent, rule });
    if first.eq_ignore_ascii_case("@include") {
        let rule = words.next().map_or(Rule::Broken("@include names no file"), Rule::IncludeAll);
        return whole(None, false, rule);
    }
    let bare = first.strip_prefix('-').unwrap_or(&first);
    let silent = bare.len() < first.len();
    let Some(facility) = Facility::parse(bare) else {
        return whole(None, silent, Rule::Broken("no facility that libpam knows"));
    };
    let broken = |what| whole(Some(facility), silent, Rule::Broken(what));
    let Some(control) = words.next() else { return broken("no control") };
    let Some(module) = words.next() else { return broken("no module") };
    if control.eq_ignore_ascii_case("include") {
        return whole(Some(facility), silent, Rule::Include(module));
    }
    if control.eq_ignore_ascii_case("substack") {
        return whole(Some(facility), silent, Rule::Substack(module));
    }
    let Some(control) = Control::parse(&control) else { return broken("no control that libpam knows") };
    whole(Some(facility), silent, Rule::Module { control, module, arguments: words.collect() })
}

/// Words between spaces; what is in brackets is one word, brackets kept only around a control.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let end = if rest.starts_with('[') {
            let mut escaped = false;
            let close = rest.char_indices().find(|&(_, c)| {
                let closes = c == ']' && !escaped;
                escaped = c == '\\';
                closes
            });
            close.map_or(rest.len(), |(at, _)| at + 1)
        } else {
            rest.find(char::is_whitespace).unwrap_or(rest.len())
        };
        let word = &rest[..end];
        // Third and later bracketed words are arguments: without their brackets.
        let inner = word.strip_prefix('[').and_then(|word| word.strip_suffix(']'));
        words.push(match inner {
            Some(inner) if words.len() > 1 => inner.replace("\\]", "]"),
            _ => word.to_owned(),
        });
        rest = rest[end..].trim_start();
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
        assert_eq!((line.number, line.silent, line.facility), (2, true, Some(Facility::Auth)));
        assert_eq!(line.module(), Some("pam_x"));
        let Rule::Module { control, arguments, .. } = line.rule else { panic!() };
        assert_eq!(control, Control::of(Action::Ok, Action::Bad));
        assert_eq!(arguments, ["a=1", "b c]d"]);
    }

    #[test]
    fn a_line_goes_on_after_a_backslash() {
        let lines = parse(b"auth \\\n  required \\\n pam_a.so\nauth required pam_b.so");
        let seen: Vec<_> = lines.iter().map(|line| (line.number, line.lines, line.module())).collect();
        assert_eq!(seen, [(1, 3, Some("pam_a")), (4, 1, Some("pam_b"))]);
    }

    #[test]
    fn a_table_says_what_each_answer_does_and_what_it_leaves_out_fails() {
        let Rule::Module { control, .. } = one("auth [success=2 default=ignore] pam_unix.so nullok").rule
        else {
            panic!()
        };
        assert_eq!(control.success, Action::Jump(2));
        assert_eq!((control.ignore, control.others), (Action::Ignore, vec![Action::Ignore]));
        let Rule::Module { control, .. } = one("auth [success = ok user_unknown=die] pam_unix.so").rule
        else {
            panic!()
        };
        assert_eq!((control.success, control.ignore), (Action::Ok, Action::Bad));
        assert_eq!(control.others, [Action::Bad, Action::Die]);
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
            assert!(matches!(line.rule, Rule::Broken(_)), "{text}: {line:?}");
        }
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
