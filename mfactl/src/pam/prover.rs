//! Whoever puts a change on trial must be one who could prove it.

use super::effect::{Fate, explained};
use super::family::Family;
use super::names;
use crate::acting::Acting;
use crate::bus::Bus;
use crate::cli::Authority;
use crate::failure::Failure;
use crate::print::escape::shown;

/// Refuses where whoever runs this would not be asked for a code, or has none to give.
pub(super) async fn could_prove(bus: &Bus, families: &[Family]) -> Result<(), Failure> {
    let Acting::Named(me) = Acting::of(Authority::default()) else { return Ok(()) };
    let name = shown(&String::from_utf8_lossy(&me));
    for family in families {
        let explained = explained(bus, &me, family).await?;
        let why = match Fate::of(&explained) {
            Fate::Asked { .. } if explained.verdict.decision == "ask" && explained.besides.is_empty() => {
                continue;
            }
            Fate::Asked { .. } if explained.besides.is_empty() => {
                format!(
                    "{}, so it would not be proven; mfactl remembered forget first",
                    shown(&explained.sentence)
                )
            }
            Fate::Asked { .. } => {
                let besides: Vec<String> = explained.besides.iter().map(|besides| shown(besides)).collect();
                format!("{name} could not prove {}: {}", family.name, besides.join("; "))
            }
            Fate::WithoutFactor | Fate::InGrace(_) | Fate::NoFactor => format!(
                "{name} has no factor that could prove {}; enrol first (mfactl enroll)",
                names(families)
            ),
            Fate::Observed | Fate::Off => format!(
                "{}, so nothing could be proven; set the mode, for a group of {name} at least, to optional or \
                 required first",
                shown(&explained.sentence)
            ),
            Fate::Exempt => format!(
                "{}, so nothing could be proven; it takes somebody whom the policy asks",
                shown(&explained.sentence)
            ),
            Fate::Refused => shown(&explained.sentence),
        };
        return Err(Failure::GivenUp(format!("{why}; nothing was changed")));
    }
    Ok(())
}
