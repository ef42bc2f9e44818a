//! `mfactl pam plan`: what would change, whom it asks, and the way in that needs no mfad.

use serde::Serialize;

use super::effect;
use super::plan::{self, Plan, Wish, diff};
use crate::bus::Bus;
use crate::cli::Shape;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::print::Out;

/// Shows it, and changes nothing.
pub(super) async fn show(wish: &Wish, shape: Shape) -> Result<Exit, Failure> {
    let plan = Plan::of(wish)?;
    let mut out = Out::stdout()?;
    if shape.json {
        out.json(&View::of(&plan))?;
    } else if plan.changes.is_empty() {
        out.line("nothing would change")?;
    } else {
        out.line(&words(&plan).await)?;
    }
    out.flush()?;
    Ok(if plan.changes.is_empty() { Exit::Done } else { Exit::Differs })
}

/// `mfactl pam plan --json`.
#[derive(Serialize)]
struct View {
    /// Whether anything would change.
    changes: bool,
    /// Each service, and whether its stack shows a first factor before it asks.
    services: Vec<ServiceView>,
    /// The files that would change.
    files: Vec<String>,
    /// The ways in that need no mfad.
    break_glass: Vec<String>,
    /// Of the effective result.
    hash: String,
}

#[derive(Serialize)]
struct ServiceView {
    service: String,
    attested: bool,
    root_passes: bool,
}

impl View {
    fn of(plan: &Plan) -> Self {
        let service = |service: &plan::Service| ServiceView {
            service: service.name.clone(),
            attested: service.proof.attested,
            root_passes: service.proof.root_passes,
        };
        Self {
            changes: !plan.changes.is_empty(),
            services: plan.services.iter().map(service).collect(),
            files: plan.changes.iter().map(|change| change.file.display().to_string()).collect(),
            break_glass: plan.glass.open.iter().map(ToString::to_string).collect(),
            hash: plan.hash.clone(),
        }
    }
}

/// The plan for people: the difference, whom it asks, and the way in that needs no mfad.
pub(super) async fn words(plan: &Plan) -> String {
    let mut text: String = plan.changes.iter().map(diff).collect();
    text.push('\n');
    let who = match Bus::connect().await {
        Ok(bus) => effect::lines(&bus, plan).await,
        Err(failure) => Err(failure),
    };
    let who = who.unwrap_or_else(|failure| vec![format!("Who:         not known: {failure}")]);
    text.push_str(&format!("{}\n", who.join("\n")));
    let glass: Vec<String> = plan.glass.open.iter().map(ToString::to_string).collect();
    let glass = if glass.is_empty() { plan.glass.none() } else { glass.join(", or ") };
    text.push_str(&format!("Break-glass: {glass}\n"));
    if let Some(note) = plan.glass.note().filter(|_| !plan.glass.open.is_empty()) {
        text.push_str(&format!("NOTE:        {note}\n"));
    }
    text.push_str(&format!("Hash:        {}", plan.hash));
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::print::schema;

    #[test]
    fn a_plan_has_this_shape() {
        let service = ServiceView { service: "sshd".into(), attested: true, root_passes: false };
        let view = View {
            changes: true,
            services: vec![service],
            files: vec!["/etc/pam.d/sshd".into()],
            break_glass: vec!["root's password at the console".into()],
            hash: "00ff".into(),
        };
        schema::holds("pam-plan", &view);
    }
}
