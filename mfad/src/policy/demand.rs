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

    /// The strictest that may be asked of that login at any time of the week.
    pub fn demand_at_any_time(&self, case: Case<'_>) -> Asked {
        self.weigh_sight(&self.sight_at_any_time(case), &[], &mut |_| {})
    }

    /// The same as [`demand`](Self::demand), telling of all that was looked at, in order.
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
        let in_force = self.mode_in_force(sight, tell);
        if in_force.mode == Mode::Off {
            return in_force.asks(Demand::Off);
        }
        let mut asked = self.by_mode(sight, in_force, tell);
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
        self.mode_in_force(&self.sight(case), &mut |_| {}).mode
    }

    /// The login as rules see it.
    pub fn sight<'a>(&'a self, case: Case<'a>) -> Sight<'a> {
        Sight::new(case, &self.networks, self.mentioned)
    }

    /// The same where it may come at any time of the week.
    pub fn sight_at_any_time<'a>(&'a self, case: Case<'a>) -> Sight<'a> {
        self.sight(case).at_any_time()
    }

    /// The strictest mode of the subject's groups that have one, else the host's. Where the groups are not
    /// known, the strictest of all.
    fn mode_in_force(&self, sight: &Sight<'_>, tell: &mut dyn FnMut(Weighed)) -> InForce {
        let (mut may_set, mut certain) = (Vec::new(), true);
        for (at, (name, mode)) in self.group_modes.iter().enumerate() {
            let holds = sight.in_group(name);
            let taken = holds != Truth::No;
            tell(Weighed { what: By::Group(at), holds, taken });
            certain &= holds != Truth::Unknown;
            if taken {
                may_set.push((*mode, By::Group(at)));
            }
        }
        if may_set.is_empty() || !certain {
            may_set.insert(0, (self.mode, By::Policy));
        }
        let mode = may_set.iter().map(|(mode, _)| *mode).max().unwrap_or(self.mode);
        let by: Vec<By> = may_set.into_iter().filter(|(its, _)| *its == mode).map(|(_, by)| by).collect();
        tell(Weighed { what: By::Policy, holds: Truth::Yes, taken: by[0] == By::Policy });
        InForce { mode, by }
    }

    /// What a mode asks, before any rule.
    fn by_mode(&self, sight: &Sight<'_>, in_force: InForce, tell: &mut dyn FnMut(Weighed)) -> Asked {
        let mode = in_force.mode;
        if mode == Mode::Optional || mode == Mode::Required && !self.is_required_by(sight.case.for_dates) {
            return in_force.asks(Demand::IfEnrolled(Reason::Optional));
        }
        let asked = in_force.asks(Demand::Factor { fresh: false });
        if !self.service_accounts.is_empty() {
            let holds = self.service_accounts.holds(sight);
            let taken = Effect::Skip.is_taken(holds);
            tell(Weighed { what: By::ServiceAccounts, holds, taken });
            if taken {
                let demand = Demand::IfEnrolled(Reason::ServiceAccount);
                return Asked { demand, by: By::ServiceAccounts, demanding: Vec::new(), ..asked };
            }
        }
        asked
    }

    /// Whether the date from which a factor is required has come.
    fn is_required_by(&self, now: UnixTime) -> bool {
        self.required_from.is_none_or(|from| now >= from)
    }
}

/// The mode that is in force for a subject.
struct InForce {
    mode: Mode,
    /// All that set it, the host first; never empty. Where the groups are not known, all that may.
    by: Vec<By>,
}

impl InForce {
    /// That demand by this mode. Under `Observe` it is what `Required` would ask.
    fn asks(self, demand: Demand) -> Asked {
        let by = self.by[0];
        let demanding = if matches!(demand, Demand::Factor { .. }) { self.by } else { Vec::new() };
        Asked { demand, observed: self.mode == Mode::Observe, by, demanding }
    }
}
