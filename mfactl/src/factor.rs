//! `mfactl factor`: the caller's own factors, by the names that the caller gave them.

use mfa_proto::account::{Factor as Enrolled, Status};
use mfa_proto::fault::Fault;
use serde::Serialize;

use crate::bus::Bus;
use crate::cli::{Factor, Shape};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::print::escape::shown;
use crate::print::json::FactorView;
use crate::print::time::utc;
use crate::print::{Out, answer};
use crate::status::factor_line;
use crate::step_up;

/// Does what `verb` asks.
pub(crate) async fn factor(verb: Factor) -> Result<Exit, Failure> {
    let bus = Bus::connect().await?;
    match verb {
        Factor::List(shape) => list(&bus, shape).await,
        Factor::Rename { factor, label, shape } => rename(&bus, &factor, &label, shape).await,
        Factor::Remove { factor, shape } => remove(&bus, &factor, shape).await,
    }
}

async fn list(bus: &Bus, shape: Shape) -> Result<Exit, Failure> {
    let Status { factors, allowed, .. } = bus.status().await?;
    let mut out = Out::stdout()?;
    for factor in &factors {
        if shape.json {
            out.json(&FactorView::from(factor))?;
        } else {
            out.line(&factor_line(factor, &allowed))?;
            out.line(&format!("      id {}", shown(&factor.id)))?;
        }
    }
    if factors.is_empty() && !shape.json {
        out.line("You have no factor; enrol one with `mfactl enroll`.")?;
    }
    out.flush()?;
    Ok(if factors.is_empty() { Exit::NotEnrolled } else { Exit::Done })
}

/// `mfactl factor rename --json`.
#[derive(Serialize)]
struct Renamed {
    factor: String,
    label: String,
}

async fn rename(bus: &Bus, named: &str, label: &str, shape: Shape) -> Result<Exit, Failure> {
    let factors = bus.status().await?.factors;
    let factor = find(&factors, named)?;
    step_up::own(bus, async || bus.factor_rename(&factor.id, label).await).await?;
    let view = Renamed { factor: shown(&factor.id), label: shown(label) };
    let words = format!("{} is called {} now.", shown(&factor.label), view.label);
    answer(shape, &view, &words)?;
    Ok(Exit::Done)
}

/// `mfactl factor remove --json`.
#[derive(Serialize)]
struct Removed {
    factor: String,
    label: String,
    /// How many factors are left.
    left: usize,
}

async fn remove(bus: &Bus, named: &str, shape: Shape) -> Result<Exit, Failure> {
    let factors = bus.status().await?.factors;
    let factor = find(&factors, named)?;
    let removed = step_up::own(bus, async || bus.factor_remove(&factor.id).await).await;
    removed.map_err(|failure| {
        failure.explained(Fault::NotPermitted, || {
            "this factor may not go now: enrol another one first with `mfactl enroll`, or put one in its place with \
             `mfactl enroll --replace`"
                .to_owned()
        })
    })?;
    let left = factors.len() - 1;
    let view = Removed { factor: shown(&factor.id), label: shown(&factor.label), left };
    answer(shape, &view, &farewell(&view, factor.kind == "ssh_sk"))?;
    Ok(Exit::Done)
}

fn farewell(removed: &Removed, key: bool) -> String {
    let void = if key { "it opens no login any more" } else { "its codes are not accepted any more" };
    let next = match removed.left {
        0 => "You have no factor now; enrol one with `mfactl enroll`.",
        1 => "You have one factor left.",
        _ => "Your other factors stay as they are.",
    };
    format!("{} has ended: {void}. {next}", removed.label)
}

/// The factor that the user means: by its label as it is spelt, or by its id.
fn find<'a>(factors: &'a [Enrolled], named: &str) -> Result<&'a Enrolled, Failure> {
    let mut found =
        factors.iter().filter(|factor| factor.label == named || factor.id.eq_ignore_ascii_case(named));
    match (found.next(), found.next()) {
        (Some(factor), None) => Ok(factor),
        (None, _) => Err(Failure::Explained(Fault::NotFound, none(factors, named), String::new())),
        (Some(_), Some(_)) => Err(Failure::Usage(several(factors, named))),
    }
}

fn none(factors: &[Enrolled], named: &str) -> String {
    let labels: Vec<_> = factors.iter().map(|factor| shown(&factor.label)).collect();
    let has = if labels.is_empty() {
        "you have none; enrol one with `mfactl enroll`".to_owned()
    } else {
        format!("you have: {}", labels.join(", "))
    };
    format!("you have no factor {}; {has}", shown(named))
}

fn several(factors: &[Enrolled], named: &str) -> String {
    let mut text = format!("more than one of your factors is called {}; say which by its id:", shown(named));
    for factor in factors.iter().filter(|factor| factor.label == named) {
        text.push_str(&format!(
            "\n  {}  {}, made {}",
            shown(&factor.id),
            shown(&factor.kind),
            utc(factor.created)
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::print::schema;

    fn factor(id: &str, label: &str) -> Enrolled {
        Enrolled {
            id: id.into(),
            label: label.into(),
            kind: "totp".into(),
            algorithm: "SHA1".into(),
            digits: 6,
            period: 30,
            created: 0,
            last_used: 0,
            disabled: false,
            key: String::new(),
            application: String::new(),
            pin: false,
        }
    }

    #[test]
    fn a_factor_is_found_by_its_label_or_its_id() {
        let factors = [factor("00ff", "phone"), factor("00fe", "tablet")];
        assert_eq!(find(&factors, "tablet").unwrap().id, "00fe");
        assert_eq!(find(&factors, "00FF").unwrap().id, "00ff");
    }

    #[test]
    fn a_factor_is_never_guessed() {
        let factors = [factor("00ff", "phone"), factor("00fe", "phone\x1b")];
        for named in ["", "00", "Phone", "phon"] {
            let failure = find(&factors, named).unwrap_err();
            assert_eq!(failure.exit(), Exit::Refused, "{named:?}");
            assert!(failure.to_string().contains(r"you have: phone, phone\x1b"), "{failure}");
        }
        assert!(find(&[], "phone").unwrap_err().to_string().contains("mfactl enroll"));
    }

    #[test]
    fn of_two_with_one_label_the_ids_are_shown() {
        let factors = [factor("00ff", "phone"), factor("00fe", "phone"), factor("00fd", "other")];
        let failure = find(&factors, "phone").unwrap_err();
        assert_eq!(failure.exit(), Exit::Usage);
        let text = failure.to_string();
        assert!(
            text.contains("\n  00ff  ") && text.contains("\n  00fe  ") && !text.contains("00fd"),
            "{text}"
        );
        assert_eq!(find(&factors, "00fe").unwrap().id, "00fe");
    }

    #[test]
    fn a_label_that_is_the_id_of_another_factor_is_ambiguous() {
        let factors = [factor("00ff", "phone"), factor("00fe", "00ff")];
        assert_eq!(find(&factors, "00ff").unwrap_err().exit(), Exit::Usage);
    }

    #[test]
    fn changes_have_these_shapes_and_say_what_is_left() {
        let view = Removed { factor: "00ff".into(), label: "phone".into(), left: 0 };
        schema::holds("factor-remove", &view);
        assert_eq!(serde_json::to_string(&view).unwrap(), r#"{"factor":"00ff","label":"phone","left":0}"#);
        assert!(farewell(&view, false).contains("enrol one") && farewell(&view, false).contains("its codes"));
        assert!(farewell(&view, true).contains("it opens no login"));
        let view = Renamed { factor: "00ff".into(), label: "tablet".into() };
        schema::holds("factor-rename", &view);
        assert_eq!(serde_json::to_string(&view).unwrap(), r#"{"factor":"00ff","label":"tablet"}"#);
    }
}
