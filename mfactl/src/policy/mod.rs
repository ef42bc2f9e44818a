//! `mfactl policy`: why a login is decided as it is, and what other settings would decide.

mod explain;
mod key;
mod simulate;
pub(crate) mod when;

use mfa_proto::policy::Verdict;
use serde::Serialize;

use crate::bus::Bus;
use crate::cli::Policy;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::print::escape::shown;

/// Does what `verb` asks.
pub(crate) async fn policy(verb: Policy) -> Result<Exit, Failure> {
    match verb {
        Policy::Explain(asked) => {
            let supposed = explain::supposed(&asked)?; // before anything is connected: what is wrong is said at once
            explain::explain(&Bus::connect().await?, supposed, &asked).await
        }
        Policy::Simulate(asked) => {
            let simulation = simulate::simulation(&asked)?;
            simulate::simulate(&Bus::connect().await?, simulation, &asked).await
        }
    }
}

/// What is done with a login, in `--json`.
#[derive(Serialize)]
struct VerdictView {
    decision: String,
    why: String,
    by: String,
    at: String,
}

impl From<&Verdict> for VerdictView {
    fn from(verdict: &Verdict) -> Self {
        Self {
            decision: shown(&verdict.decision),
            why: shown(&verdict.why),
            by: shown(&verdict.by),
            at: shown(&verdict.at),
        }
    }
}
