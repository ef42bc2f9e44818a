//! What the settings ask of a login, whoever comes: the mode, then the rules and exemptions, of which all
//! that match are taken and the strictest wins.

use mfa_proto::{identity::UnixTime, step::Reason};

use super::{Case, Effect, Exemption, Mode, Rules, Sight, Truth};

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Demand {
    /// Nobody is asked: the mode is off.
    Off,
    /// No factor: an exemption, or a rule that skips.
    Nothing,
    /// A factor of who has one; others are let through for that reason.
    IfEnrolled(Reason),
    /// A factor.
    Factor {
        /// Proven in this login: what is remembered does not count.
        fresh: bool,
    },
    /// Nobody is let in.
    Deny,
}

/// Who asks it: named in the audit, and by explanations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// `[policy]`.
    Policy,
    /// `[group.NAME]`, by its place.
    Group(usize),
    /// `policy.service_accounts`.
    ServiceAccounts,
    /// A rule, by its place.
    Rule(usize),
    /// An exemption of the settings, by its place.
    Exempt(usize),
    /// An exemption that was granted meanwhile, by its place.
    Granted(usize),
}

/// What is asked of one login, and by whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// What.
    pub demand: Demand,
    /// Whether it is recorded only, and nobody is hindered.
    pub observed: bool,
    /// By what, of those that asked the strictest.
    pub by: By,
    /// All that demand a factor: grace ends with the first of theirs.
    pub demanding: Vec<By>,
}

impl Asked {
    /// A fresh factor, whatever the settings say: of who changes an account.
    pub fn for_a_change() -> Self {
        Self { demand: Demand::Factor { fresh: true }, observed: false, by: By::Policy, demanding: vec![] }
    }
}

/// Something that was looked at on the way to a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Weighed {
    /// What.
    pub what: By,
    /// Whether it is about this login.
    pub holds: Truth,
    /// Whether it was taken.
    pub taken: bool,
}

impl Rules {
    /// What is asked of that login. `granted`: exemptions besides those of the settings.
    pub fn demand(&self, case: Case<'_>, granted: &[Exemption]) -> Asked {
        self.weigh(case, granted, &mut |_| {})
    }

    /// The same, telling of all that was looked at, in order.
    pub fn weigh(&self, case: Case<'_>, granted: &[Exemption], tell: &mut dyn FnMut(Weighed)) -> Asked {
        self.weigh_sight(&self.sight(case), granted, tell)
    }

    /// The same of a login as it is seen by these rules: [`Rules::sight`].
    pub fn weigh_sight(
        &self,
        sight: &Sight<'_>,
        granted: &[Exemption],
        tell: &mut dyn FnMut(Weighed),
    ) -> Asked {
        let (mode, by) = self.strictest_mode(sight, tell);
        if mode == Mode::Off {
            return Asked { demand: Demand::Off, observed: false, by, demanding: Vec::new() };
        }
        let mut asked = self.by_mode(sight, mode, by, tell);
        let mut strictest: Option<(Effect, By)> = None;
        let mut take = |what: By, holds: Truth, effect: Effect| {
            let taken = effect.is_taken(holds);
            tell(Weighed { what, holds, taken });
            if !taken {
                return;
            }
            if matches!(effect, Effect::Ask | Effect::AskFresh) {
                asked.demanding.push(what);
            }
            if strictest.is_none_or(|(before, _)| effect > before) {
                strictest = Some((effect, what));
            }
        };
        for (at, rule) in self.rules.iter().enumerate() {
            take(By::Rule(at), rule.holds(sight), rule.then);
        }
        for (at, exemption) in self.exemptions.iter().enumerate() {
            take(By::Exempt(at), exemption.holds(sight), Effect::Skip);
        }
        for (at, exemption) in granted.iter().enumerate() {
            take(By::Granted(at), exemption.holds(sight), Effect::Skip);
        }
        if let Some((effect, by)) = strictest {
            (asked.demand, asked.by) = match effect {
                Effect::Skip => (Demand::Nothing, by),
                // The mode may have asked it already: the rule asks it all the same.
                Effect::Ask => (Demand::Factor { fresh: false }, by),
                Effect::AskFresh => (Demand::Factor { fresh: true }, by),
                Effect::Deny => (Demand::Deny, by),
            };
        }
        asked
    }

    /// The mode that is in force for the subject.
    pub fn mode_of(&self, case: Case<'_>) -> Mode {
        self.strictest_mode(&self.sight(case), &mut |_| {}).0
    }

    /// The login as rules see it.
    pub fn sight<'a>(&'a self, case: Case<'a>) -> Sight<'a> {
        Sight::new(case, &self.networks, self.mentioned)
    }

    /// The strictest mode of the subject's groups that have one, else the host's. Where the groups are not
    /// known, the strictest of all.
    fn strictest_mode(&self, sight: &Sight<'_>, tell: &mut dyn FnMut(Weighed)) -> (Mode, By) {
        let (mut strictest, mut certain): (Option<(Mode, By)>, bool) = (None, true);
        for (at, (name, mode)) in self.group_modes.iter().enumerate() {
            let holds = sight.in_group(name);
            let taken = holds != Truth::No;
            tell(Weighed { what: By::Group(at), holds, taken });
            certain &= holds != Truth::Unknown;
            if taken && strictest.is_none_or(|(before, _)| *mode > before) {
                strictest = Some((*mode, By::Group(at)));
            }
        }
        let (mode, by) = match strictest {
            Some((mode, by)) if certain || mode > self.mode => (mode, by),
            _ => (self.mode, By::Policy),
        };
        tell(Weighed { what: By::Policy, holds: Truth::Yes, taken: by == By::Policy });
        (mode, by)
    }

    /// What a mode asks, before any rule.
    fn by_mode(&self, sight: &Sight<'_>, mode: Mode, by: By, tell: &mut dyn FnMut(Weighed)) -> Asked {
        let asked = |demand, observed, by| Asked { demand, observed, by, demanding: Vec::new() };
        if mode == Mode::Optional || mode == Mode::Required && !self.is_required_by(sight.case.now) {
            return asked(Demand::IfEnrolled(Reason::Optional), false, by);
        }
        // `Observe` shows what `Required` would do.
        let observed = mode == Mode::Observe;
        if !self.service_accounts.is_empty() {
            let holds = self.service_accounts.holds(sight);
            let taken = Effect::Skip.is_taken(holds);
            tell(Weighed { what: By::ServiceAccounts, holds, taken });
            if taken {
                return asked(Demand::IfEnrolled(Reason::ServiceAccount), observed, By::ServiceAccounts);
            }
        }
        Asked { demanding: vec![by], ..asked(Demand::Factor { fresh: false }, observed, by) }
    }

    /// Whether the date from which a factor is required has come.
    fn is_required_by(&self, now: UnixTime) -> bool {
        self.required_from.is_none_or(|from| now >= from)
    }
}
