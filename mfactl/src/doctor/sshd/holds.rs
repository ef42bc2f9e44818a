//! What holds for somebody who comes, as sshd itself says it.

use crate::pam::glass::lets_root_in;
use crate::pam::sshd::Effective;

/// Methods that need no stack of PAM's.
const WITHOUT_PAM: [(&str, &str); 3] = [
    ("publickey", "pubkeyauthentication"),
    ("hostbased", "hostbasedauthentication"),
    ("gssapi-with-mic", "gssapiauthentication"),
];

/// What holds for a guest.
pub(super) struct Holds(pub(super) Effective);

impl Holds {
    pub(super) fn get(&self, keyword: &str) -> &str {
        self.0.value(keyword)
    }

    pub(super) fn is(&self, keyword: &str, value: &str) -> bool {
        self.get(keyword).eq_ignore_ascii_case(value)
    }

    pub(super) fn number(&self, keyword: &str) -> Option<u32> {
        self.get(keyword).parse().ok()
    }

    /// Whether a security key has to be touched, whatever is said of it elsewhere.
    pub(super) fn asks_for_touch(&self) -> bool {
        self.get("pubkeyauthoptions").split(',').any(|option| option == "touch-required")
    }

    /// Whether some list of methods that is enough answers to this; `any` does.
    pub(super) fn some_list(&self, is: impl Fn(&str) -> bool) -> bool {
        let lists = self.0.methods();
        lists == "any" || lists.split_whitespace().any(is)
    }

    /// A method that logs in by itself without PAM's auth phase.
    pub(super) fn skips(&self) -> Option<&'static str> {
        let on = WITHOUT_PAM.iter().filter(|(_, keyword)| self.is(keyword, "yes")).map(|(method, _)| *method);
        let alone = |method: &str| self.some_list(|list| list.split(',').all(|one| one == method));
        on.into_iter().find(|method| alone(method))
    }

    /// Whether that method is any part of a login.
    pub(super) fn takes(&self, method: &str) -> bool {
        self.some_list(|list| list.split(',').any(|one| one.split(':').next() == Some(method)))
    }

    /// Whether every login has to answer a question.
    pub(super) fn wants_an_answer(&self) -> bool {
        !self.some_list(|list| !list.contains("keyboard-interactive"))
    }

    /// Whether root comes in by key alone.
    pub(super) fn root_by_key(&self) -> bool {
        let root = self.get("permitrootlogin");
        !matches!(root, "no" | "forced-commands-only" | "")
            && self.skips() == Some("publickey")
            && lets_root_in(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(pairs: &[(&str, &str)]) -> Holds {
        let lines: Vec<String> = pairs.iter().map(|(keyword, value)| format!("{keyword} {value}")).collect();
        Holds(Effective::parse(&lines.join("\n")))
    }

    #[test]
    fn a_method_skips_where_a_list_has_nothing_else() {
        let with = |methods: &str| {
            holds(&[("authenticationmethods", methods), ("pubkeyauthentication", "yes")]).skips()
        };
        for methods in
            ["any", "", "publickey", "publickey,keyboard-interactive publickey", "publickey,publickey"]
        {
            assert_eq!(with(methods), Some("publickey"), "{methods}");
        }
        for methods in
            ["publickey,keyboard-interactive", "keyboard-interactive publickey,keyboard-interactive:pam"]
        {
            assert_eq!(with(methods), None, "{methods}");
        }
        assert_eq!(holds(&[("authenticationmethods", "any")]).skips(), None, "the method is off");
        let gssapi = [("authenticationmethods", "any"), ("gssapiauthentication", "yes")];
        assert_eq!(holds(&gssapi).skips(), Some("gssapi-with-mic"));
    }
}
