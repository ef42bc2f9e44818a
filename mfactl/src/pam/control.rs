//! What a line does on each answer of its module, as pam.d(5) writes it and `libpam/pam_misc.c` reads it.

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
    Jump(u16),
}

impl Action {
    /// The action that a text begins with, and what follows it.
    fn take(text: &str) -> Option<(Self, &str)> {
        const WORDS: [(&str, Action); 6] = [
            ("ignore", Action::Ignore),
            ("ok", Action::Ok),
            ("done", Action::Done),
            ("bad", Action::Bad),
            ("die", Action::Die),
            ("reset", Action::Reset),
        ];
        let word = WORDS.iter().find_map(|(word, action)| Some((*action, text.strip_prefix(word)?)));
        word.or_else(|| {
            let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
            let lines = text[..end].parse().ok().filter(|lines| *lines > 0)?;
            Some((Self::Jump(lines), &text[end..]))
        })
    }
}

/// The answers of a module, by their numbers (`_pam_types.h`).
pub(crate) const CODES: [&str; 32] = [
    "success",
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
    "ignore",
    "abort",
    "authtok_expired",
    "module_unknown",
    "bad_item",
    "conv_again",
    "incomplete",
];
/// `PAM_SUCCESS`.
pub(crate) const SUCCESS: usize = 0;
/// `PAM_PERM_DENIED`: what libpam answers itself where a line names no module.
pub(crate) const PERM_DENIED: usize = 6;
/// `PAM_NEW_AUTHTOK_REQD`: right, but the password has to be changed.
pub(crate) const RENEW: usize = 12;
/// `PAM_IGNORE`.
pub(crate) const IGNORE: usize = 25;
/// `PAM_MODULE_UNKNOWN`: what libpam answers where the module is not there.
pub(crate) const MODULE_UNKNOWN: usize = 28;

/// The action for each answer, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Control([Action; CODES.len()]);

impl Control {
    /// The action on one answer.
    pub(crate) const fn on(&self, code: usize) -> Action {
        self.0[code]
    }

    /// Those on every answer.
    pub(crate) const fn all(&self) -> &[Action] {
        &self.0
    }

    /// The actions on whatever is no success, no wish for a new password and no `ignore`; each once.
    pub(crate) fn others(&self) -> Vec<Action> {
        let mut others = Vec::new();
        for (code, action) in self.0.iter().enumerate() {
            if ![SUCCESS, RENEW, IGNORE].contains(&code) && !others.contains(action) {
                others.push(*action);
            }
        }
        others
    }

    /// The actions on success and on a wish for a new password, on `ignore`, and on all others.
    pub(crate) fn of(success: Action, ignore: Action, others: Action) -> Self {
        let mut actions = [others; CODES.len()];
        (actions[SUCCESS], actions[RENEW], actions[IGNORE]) = (success, success, ignore);
        Self(actions)
    }

    /// None: libpam cannot read it, and fails whatever the module answers.
    pub(crate) fn parse(word: &str) -> Option<Self> {
        use Action::{Bad, Die, Done, Ignore, Ok};
        Some(match word.to_ascii_lowercase().as_str() {
            "required" => Self::of(Ok, Ignore, Bad),
            "requisite" => Self::of(Ok, Ignore, Die),
            "sufficient" => Self::of(Done, Ignore, Ignore),
            "optional" => Self::of(Ok, Ignore, Ignore),
            _ => return Self::table(word),
        })
    }

    /// As `_pam_parse_control` reads it: names in lower case, no space needed behind an action, a default
    /// for what has none so far.
    fn table(text: &str) -> Option<Self> {
        let space = |c: char| c.is_ascii_whitespace() || c == '\x0b';
        let mut actions = [None; CODES.len()];
        let mut rest = text.trim_start_matches(space);
        while !rest.is_empty() {
            let code = CODES.iter().position(|name| rest.starts_with(name));
            let name = code.map_or("default", |code| CODES[code]);
            let value = rest.strip_prefix(name)?.trim_start_matches(space).strip_prefix('=')?;
            let (action, left) = Action::take(value.trim_start_matches(space))?;
            match code {
                Some(code) => actions[code] = Some(action),
                None => actions.iter_mut().for_each(|unsaid| *unsaid = unsaid.or(Some(action))),
            }
            rest = left.trim_start_matches(space);
        }
        // What a table leaves unsaid fails (`_PAM_ACTION_UNDEF`: bad).
        Some(Self(actions.map(|action| action.unwrap_or(Action::Bad))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_says_what_each_answer_does_and_what_it_leaves_out_fails() {
        let control = Control::parse("success=2 default=ignore").unwrap();
        assert_eq!(control.on(SUCCESS), Action::Jump(2));
        assert_eq!((control.on(IGNORE), control.others()), (Action::Ignore, vec![Action::Ignore]));
        let control = Control::parse("success = ok user_unknown=die").unwrap();
        assert_eq!((control.on(SUCCESS), control.on(IGNORE)), (Action::Ok, Action::Bad));
        assert_eq!(control.others(), [Action::Bad, Action::Die]);
    }
}
