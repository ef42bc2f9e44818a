//! `mfactl pam status`: what protects each service now, and what was kept and is gone.

use serde::Serialize;

use super::drift::drift;
use super::family::Family;
use super::fingerprint;
use super::gate;
use super::place::asks_us;
use super::proof::prove;
use super::record::{self, AllKept, Kept};
use super::stack::Files;
use crate::cli::Shape;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::print::Out;
use crate::print::time::utc;

/// A line of `mfactl pam status --json`.
#[derive(Debug, Serialize)]
pub(crate) struct View {
    /// The family.
    pub(crate) family: String,
    /// `kept`, `by_hand`, `differs` or `gone`.
    pub(crate) state: &'static str,
    /// Since when it was kept, Unix seconds; 0: it was not.
    since: u64,
    /// When it was first seen to differ or to be gone; 0: it does not.
    gone: u64,
    /// Of the effective result now.
    hash: String,
    /// What is wrong with the stack, for people.
    flaws: Vec<String>,
}

impl View {
    fn is_well(&self) -> bool {
        matches!(self.state, "kept" | "by_hand") && self.flaws.is_empty()
    }

    fn words(&self) -> String {
        let Self { family, since, gone, .. } = self;
        let mut line = match self.state {
            "kept" => format!("{family:<12} protected since {}", utc(*since)),
            "by_hand" => format!("{family:<12} protected, by lines that were placed by hand"),
            "differs" => format!("{family:<12} DIFFERS from what was kept, seen since {}", utc(*gone)),
            _ => format!("{family:<12} GONE, seen since {}: nobody is asked there any more", utc(*gone)),
        };
        for flaw in &self.flaws {
            line.push_str(&format!("\n{:<12} {flaw}", ""));
        }
        line
    }
}

/// Prints how each family stands; with `only_bad`, those that are not as they were kept.
pub(crate) fn status(shape: Shape, only_bad: bool, now: u64) -> Result<Exit, Failure> {
    if only_bad && record::trial()?.is_some() {
        return Ok(Exit::Done); // who tries it sees how it stands
    }
    // Who changes the stack now is waited for: what is half done would be an alarm.
    let _alone = record::lock()?;
    let mut kept = record::kept()?;
    let before = kept.clone();
    let views = views(&mut kept, now);
    if kept != before {
        record::keep(&kept)?;
    }
    let mut out = Out::stdout()?;
    if let Some(trial) = record::trial()? {
        let families = trial.families.join(", ");
        if !shape.json {
            out.line(&format!("ON TRIAL: {families}; `mfactl pam rollback` puts it back at once"))?;
        }
    }
    if views.is_empty() && !shape.json && !only_bad {
        out.line("no service asks for a second factor: mfactl pam plan sshd sudo")?;
    }
    for view in views.iter().filter(|view| !only_bad || !view.is_well()) {
        if shape.json { out.json(view)? } else { out.line(&view.words())? }
    }
    out.flush()?;
    Ok(match views.iter().all(View::is_well) {
        true => Exit::Done,
        false if views.iter().any(|view| view.state != "differs" && !view.is_well()) => Exit::Refused,
        false => Exit::Differs,
    })
}

pub(crate) fn views(kept: &mut AllKept, now: u64) -> Vec<View> {
    let files = Files::of_this_host();
    let mut families: Vec<Family> = kept.keys().filter_map(|name| Family::of(name.as_ref()).ok()).collect();
    for service in files.services() {
        let Ok(family) = Family::of(service.as_ref()) else { continue };
        if asks_us(&files, &service) && !families.contains(&family) {
            families.push(family);
        }
    }
    families.iter().map(|family| view(&files, family, kept.get_mut(&family.name), now)).collect()
}

fn view(files: &Files, family: &Family, kept: Option<&mut Kept>, now: u64) -> View {
    let hash = fingerprint::now(family);
    let there = |name: &&String| files.of_service(name).is_ok_and(|found| found.is_some());
    let asked: Vec<&String> = family.services.iter().filter(there).collect();
    let mut flaws: Vec<String> = asked
        .iter()
        .flat_map(|name| {
            prove(files, name)
                .err()
                .unwrap_or_default()
                .into_iter()
                .map(move |flaw| format!("{name}: {flaw}"))
        })
        .collect();
    let asks = !asked.is_empty() && asked.iter().all(|name| asks_us(files, name));
    if family.name == "sshd" && kept.is_some() {
        // Its place says that it is of sshd's settings.
        match drift() {
            Ok(found) => flaws.extend(found.iter().map(ToString::to_string)),
            Err(why) => flaws.push(why),
        }
    }
    let gate = family.name != "sshd" || std::path::Path::new(gate::OURS).exists();
    let (state, since, gone) = match kept {
        None => ("by_hand", 0, 0),
        Some(kept) => {
            let same = kept.hash == hash;
            kept.gone = match (same, kept.gone) {
                (true, _) => 0,
                (false, 0) => now,
                (false, seen) => seen,
            };
            let state = if same {
                "kept"
            } else if asks && gate {
                "differs"
            } else {
                "gone"
            };
            (state, kept.since, kept.gone)
        }
    };
    View { family: family.name.clone(), state, since, gone, hash, flaws }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::print::schema;

    #[test]
    fn a_family_has_this_shape_and_bad_ones_are_not_well() {
        let view = |state, flaws: &[&str]| View {
            family: "sshd".into(),
            state,
            since: 1,
            gone: 0,
            hash: "00".into(),
            flaws: flaws.iter().map(ToString::to_string).collect(),
        };
        for state in ["kept", "by_hand", "differs", "gone"] {
            schema::holds("pam-status", &view(state, &["x"]));
        }
        assert!(view("kept", &[]).is_well() && view("by_hand", &[]).is_well());
        assert!(
            !view("kept", &["x"]).is_well()
                && !view("gone", &[]).is_well()
                && !view("differs", &[]).is_well()
        );
    }
}
