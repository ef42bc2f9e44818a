//! What a plan means in people: who will be asked, who is let in without, who is shut out.
//!
//! The policy itself is asked, of each person at each service: modes of groups, rules, exemptions and grace count
//! as they will at the login. Of the login nothing else is known, which policy takes the stricter way: what a rule or an
//! exemption makes of an address or a command is told as so in part.

use mfa_proto::identity::escaped;
use mfa_proto::policy::{Explained, Supposed, Weighed};
use mfa_proto::step::Reason;

use super::family::Family;
use super::plan::Plan;
use crate::bus::Bus;
use crate::failure::Failure;
use crate::print::time::day;
use crate::user::{Person, who_log_in};

/// How many are named before the rest is counted.
const NAMED: usize = 5;

/// What becomes of somebody's login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// A code is asked for, and a right one lets in; perhaps not in every such login.
    Asked {
        /// Whether an exemption may lift it: from some address, say.
        in_part: bool,
    },
    /// Let in, having no factor.
    WithoutFactor,
    /// Let in, having no factor, until that time: Unix seconds.
    InGrace(u64),
    /// Let in by an exemption or a rule, or as an account of a program.
    Exempt,
    /// Let in, and only recorded.
    Observed,
    /// Let in, as everybody whose mode is `off`.
    Off,
    /// Refused, having no factor.
    NoFactor {
        /// Whether an exemption may lift it.
        in_part: bool,
    },
    /// Denied by a rule that may be about the login, and may not.
    DeniedInPart,
    /// Refused, whatever is answered: locked, altered, without a factor that works, or denied by a rule.
    Refused,
}

impl Fate {
    /// What mfad says of a login.
    pub(crate) fn of(explained: &Explained) -> Self {
        let verdict = &explained.verdict;
        let of =
            |effect: &'static str| explained.weighed.iter().filter(move |weighed| weighed.effect == effect);
        let may_hold = |weighed: &Weighed| weighed.holds == "unknown";
        let in_part = of("skip").any(|skip| may_hold(skip) && !skip.taken);
        let asked = Self::Asked { in_part };
        let mut denying = of("deny").filter(|deny| deny.taken).peekable();
        match (verdict.decision.as_str(), Reason::from_word(&verdict.why)) {
            ("ask", _) if !explained.besides.is_empty() => Self::Refused,
            ("ask", _) | ("let_in", Some(Reason::Remembered | Reason::SecurityKey)) => asked,
            ("let_in", Some(Reason::Optional)) => Self::WithoutFactor,
            ("let_in", Some(Reason::Grace)) => Self::InGrace(explained.grace_ends),
            ("let_in", Some(Reason::Observed)) => Self::Observed,
            ("let_in", Some(Reason::PolicyOff)) => Self::Off,
            ("let_in", _) => Self::Exempt,
            ("refuse", Some(Reason::NotEnrolled)) => Self::NoFactor { in_part },
            ("deny", _) if denying.peek().is_some() && denying.all(may_hold) => Self::DeniedInPart,
            _ => Self::Refused,
        }
    }
}

/// What mfad would do with a login of `user` at the services of a family.
pub(crate) async fn explained(bus: &Bus, user: &[u8], family: &Family) -> Result<Explained, Failure> {
    let service = family.services[0].as_bytes().to_vec();
    bus.explain(&Supposed { user: user.to_vec(), service, ..Supposed::default() }).await
}

/// The people of this host who come by a family of services, each by name with what becomes of them.
struct Effect(Vec<(String, Fate)>);

/// Whom a plan asks, for people: one line where all of its services ask alike, else a line for those that do.
pub(crate) async fn lines(bus: &Bus, plan: &Plan) -> Result<Vec<String>, Failure> {
    let people = who_log_in()?;
    let mut told: Vec<(Vec<String>, String)> = Vec::new();
    for family in &plan.families {
        let effect = Effect::at(bus, family, &people).await?;
        let mut text = effect.words();
        if family.name == "sshd" {
            let exceptions = plan.gate.iter().flat_map(|gate| &gate.exceptions);
            for block in exceptions.filter(|block| !always_asks(block.methods.as_deref().unwrap_or_default()))
            {
                text.push_str(&format!("; not asked at sshd: {} ({})", block.criteria, block.place));
            }
        }
        if plan.services.iter().any(|service| family.has(&service.name) && service.proof.root_passes) {
            text.push_str(&format!("; root is not asked at {}", family.name));
        }
        match told.iter_mut().find(|(_, same)| *same == text) {
            Some((families, _)) => families.push(family.name.clone()),
            None => told.push((vec![family.name.clone()], text)),
        }
    }
    let alike = told.len() == 1;
    let line = |(families, text): (Vec<String>, String)| {
        let head = if alike { "Who:".to_owned() } else { format!("Who ({}):", families.join(", ")) };
        format!("{head:<12} {text}")
    };
    Ok(told.into_iter().map(line).collect())
}

impl Effect {
    /// Asks about them all.
    async fn at(bus: &Bus, family: &Family, people: &[Person]) -> Result<Self, Failure> {
        let mut all = Vec::new();
        // Neither sudo nor su asks root, who is there already.
        let rises = matches!(family.name.as_str(), "sudo" | "su");
        for person in people.iter().filter(|person| !(rises && person.uid == 0)) {
            let explained = explained(bus, &person.name, family).await?;
            all.push((escaped(&person.name), Fate::of(&explained)));
        }
        Ok(Self(all))
    }

    /// Those of whom that is so, by name.
    fn who(&self, is: impl Fn(Fate) -> bool) -> Vec<&str> {
        self.0.iter().filter(|(_, fate)| is(*fate)).map(|(name, _)| name.as_str()).collect()
    }

    /// In words.
    fn words(&self) -> String {
        let asked = self.who(|fate| matches!(fate, Fate::Asked { .. })).len();
        let mut text = format!("{asked} of {} people asked", self.0.len());
        let mut more = |who: &[&str], words: &str| {
            if !who.is_empty() {
                text.push_str(&format!(", {} {words}", who.len()));
            }
        };
        more(&self.who(|fate| fate == Fate::WithoutFactor), "let in without: they have no factor");
        let first = self.0.iter().filter_map(|(_, fate)| match fate {
            Fate::InGrace(ends) => Some(*ends),
            _ => None,
        });
        let until = first.min().map(day).unwrap_or_default();
        let in_grace = self.who(|fate| matches!(fate, Fate::InGrace(_)));
        more(&in_grace, &format!("without a factor let in while grace runs, to {until}"));
        more(&self.who(|fate| fate == Fate::Observed), "let in: they are only observed");
        more(&self.who(|fate| fate == Fate::Off), "let in: their mode is off");
        let mut named = |words: &str, who: &[&str]| {
            if !who.is_empty() {
                text.push_str(&format!("; {words}: {}", some(who)));
            }
        };
        named("not asked", &self.who(|fate| fate == Fate::Exempt));
        named("exempt in part", &self.who(|fate| fate == Fate::Asked { in_part: true }));
        named("denied in part, by a rule", &self.who(|fate| fate == Fate::DeniedInPart));
        named(
            "REFUSED in part, without a factor",
            &self.who(|fate| fate == Fate::NoFactor { in_part: true }),
        );
        named("REFUSED, without a factor", &self.who(|fate| fate == Fate::NoFactor { in_part: false }));
        named("REFUSED, whatever they answer", &self.who(|fate| fate == Fate::Refused));
        text
    }
}

/// The first of them by name, and how many more there are.
fn some(who: &[&str]) -> String {
    match who.len().checked_sub(NAMED) {
        None | Some(0) => who.join(", "),
        Some(more) => format!("{} and {more} more", who[..NAMED].join(", ")),
    }
}

/// Whether each list of methods that is enough comes to the stack.
fn always_asks(methods: &str) -> bool {
    methods
        .split_whitespace()
        .all(|list| list.split(',').any(|method| method.starts_with("keyboard-interactive")))
}

#[cfg(test)]
mod tests {
    use mfa_proto::policy::{Settings, Verdict};

    use super::*;

    fn explained(decision: &str, why: &str) -> Explained {
        Explained {
            sentence: String::new(),
            verdict: Verdict { decision: decision.into(), why: why.into(), ..Verdict::default() },
            settings: Settings::default(),
            known: Vec::new(),
            mode: "required".into(),
            weighed: Vec::new(),
            asked: "factor".into(),
            observed: false,
            standing: "enrolled".into(),
            grace_ends: 7,
            already: "nothing".into(),
            besides: Vec::new(),
        }
    }

    fn weighed(effect: &str, holds: &str, taken: bool) -> Weighed {
        let (what, at) = ("a rule".into(), String::new());
        Weighed { what, at, effect: effect.into(), holds: holds.into(), taken, conditions: Vec::new() }
    }

    #[test]
    fn what_cannot_be_understood_is_taken_for_a_refusal() {
        for (decision, why, fate) in [
            ("ask", "", Fate::Asked { in_part: false }),
            ("ask", "fresh", Fate::Asked { in_part: false }),
            ("let_in", "remembered", Fate::Asked { in_part: false }),
            ("let_in", "optional", Fate::WithoutFactor),
            ("let_in", "grace", Fate::InGrace(7)),
            ("let_in", "exempt", Fate::Exempt),
            ("let_in", "service_account", Fate::Exempt),
            ("let_in", "observed", Fate::Observed),
            ("let_in", "policy_off", Fate::Off),
            ("refuse", "not_enrolled", Fate::NoFactor { in_part: false }),
            ("refuse", "locked", Fate::Refused),
            ("deny", "", Fate::Refused),
            ("of a later mfad", "", Fate::Refused),
        ] {
            assert_eq!(Fate::of(&explained(decision, why)), fate, "{decision} {why}");
        }
    }

    #[test]
    fn who_is_asked_and_has_no_factor_that_works_is_refused() {
        let mut asked = explained("ask", "");
        asked.besides.push("every factor of the account is disabled, by 100 wrong codes".into());
        assert_eq!(Fate::of(&asked), Fate::Refused);
    }

    #[test]
    fn an_exemption_that_may_hold_is_one_in_part() {
        let (mut asked, mut refused) = (explained("ask", ""), explained("refuse", "not_enrolled"));
        for (holds, in_part) in [("no", false), ("unknown", true)] {
            asked.weighed.push(weighed("skip", holds, false));
            refused.weighed.push(weighed("skip", holds, false));
            assert_eq!(Fate::of(&asked), Fate::Asked { in_part });
            assert_eq!(Fate::of(&refused), Fate::NoFactor { in_part });
        }
    }

    #[test]
    fn a_rule_that_may_deny_does_so_in_part_and_one_that_does_whatever_is_answered() {
        let mut denied = explained("deny", "");
        denied.weighed = vec![weighed("deny", "no", false), weighed("deny", "unknown", true)];
        assert_eq!(Fate::of(&denied), Fate::DeniedInPart);
        denied.weighed.push(weighed("deny", "yes", true));
        assert_eq!(Fate::of(&denied), Fate::Refused);
    }

    #[test]
    fn each_is_counted_once_and_who_is_refused_is_named() {
        let all = [
            ("al", Fate::Asked { in_part: false }),
            ("bo", Fate::Asked { in_part: true }),
            ("cy", Fate::WithoutFactor),
            ("dee", Fate::InGrace(86_400)),
            ("eve", Fate::InGrace(0)),
            ("ansible", Fate::Exempt),
            ("fay", Fate::NoFactor { in_part: false }),
            ("ivo", Fate::NoFactor { in_part: true }),
            ("joe", Fate::DeniedInPart),
            ("gus", Fate::Refused),
            ("hal", Fate::Observed),
            ("ida", Fate::Off),
        ];
        let effect = Effect(all.map(|(name, fate)| (name.to_owned(), fate)).into());
        assert_eq!(
            effect.words(),
            "2 of 12 people asked, 1 let in without: they have no factor, 2 without a factor let in while grace \
             runs, to 1970-01-01, 1 let in: they are only observed, 1 let in: their mode is off; not asked: ansible; \
             exempt in part: bo; denied in part, by a rule: joe; REFUSED in part, without a factor: ivo; REFUSED, \
             without a factor: fay; REFUSED, whatever they answer: gus"
        );
        assert_eq!(some(&["a", "b", "c", "d", "e"]), "a, b, c, d, e");
        assert_eq!(some(&["a", "b", "c", "d", "e", "f", "g"]), "a, b, c, d, e and 2 more");
    }

    #[test]
    fn one_list_without_the_prompt_is_enough_not_to_be_asked() {
        assert!(always_asks("publickey,keyboard-interactive keyboard-interactive:pam"));
        assert!(!always_asks("publickey keyboard-interactive") && !always_asks("any"));
    }
}
