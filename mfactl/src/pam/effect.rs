//! What a plan means in people: who will be asked, who is let in without, who is shut out.

use crate::bus::Bus;
use crate::failure::Failure;
use crate::user::{Enrolled, Person, who_log_in};

use super::plan::Plan;

/// Whom mfad asks, by its mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Nobody: nothing could be proven.
    Nobody,
    /// Who has a factor; the others are let in.
    Enrolled,
    /// Everybody; who has no factor is refused, once grace is over.
    Everybody,
}

impl Mode {
    fn of(word: &str) -> Self {
        match word {
            "required" => Self::Everybody,
            "optional" => Self::Enrolled,
            _ => Self::Nobody,
        }
    }
}

/// The people of this host, counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Effect {
    /// Whom mfad asks.
    pub(crate) mode: Mode,
    /// Until when nobody is hindered, Unix seconds; 0: no such time.
    pub(crate) grace_ends: u64,
    /// How many there are.
    pub(crate) people: usize,
    /// How many of them have a factor.
    pub(crate) enrolled: usize,
}

impl Effect {
    /// Counts them.
    pub(crate) async fn of(bus: &Bus) -> Result<Self, Failure> {
        let status = bus.status().await?;
        let enrolled = Enrolled::of(bus).await?;
        let people = who_log_in()?;
        let has = people.iter().filter(|person: &&Person| enrolled.has(person)).count();
        Ok(Self {
            mode: Mode::of(&status.mode),
            grace_ends: status.grace_ends,
            people: people.len(),
            enrolled: has,
        })
    }

    /// In words, for one plan.
    pub(crate) fn words(&self, plan: &Plan) -> String {
        let Self { people, enrolled, .. } = self;
        let others = people - enrolled;
        let mut text = match self.mode {
            Mode::Nobody => format!("none of {people} people asked: the mode in mfad.toml asks nobody"),
            Mode::Enrolled => {
                format!("{enrolled} of {people} people asked, {others} let in without: they have no factor")
            }
            Mode::Everybody if self.grace_ends > 0 => {
                format!("{people} people asked; {others} without a factor are let in while grace runs")
            }
            Mode::Everybody => format!("{people} people asked; {others} without a factor are REFUSED"),
        };
        let exceptions = plan.gate.iter().flat_map(|gate| &gate.exceptions);
        for block in exceptions.filter(|block| !always_asks(block.methods.as_deref().unwrap_or_default())) {
            text.push_str(&format!("; not asked at sshd: {} ({})", block.criteria, block.place));
        }
        if plan.services.iter().any(|service| service.proof.root_passes) {
            text.push_str("; root is not asked at su");
        }
        text
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
    use super::*;

    #[test]
    fn one_list_without_the_prompt_is_enough_not_to_be_asked() {
        assert!(always_asks("publickey,keyboard-interactive keyboard-interactive:pam"));
        assert!(!always_asks("publickey keyboard-interactive") && !always_asks("any"));
    }
}
