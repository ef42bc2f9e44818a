//! Whoever puts a change on trial must be one who could prove it.

use super::effect::{Fate, explained};
use super::family::{Family, names};
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
            Fate::Asked { .. } if explained.verdict.decision == "ask" => continue,
            // The trial will show it.
            Fate::DeniedInPart if explained.standing == "enrolled" && explained.besides.is_empty() => {
                continue;
            }
            Fate::Asked { .. } => {
                let sentence = shown(&explained.sentence);
                format!("{sentence}, so it would not be proven; mfactl remembered forget first")
            }
            Fate::WithoutFactor | Fate::InGrace(_) | Fate::NoFactor { .. } => format!(
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
            Fate::DeniedInPart | Fate::Refused if explained.besides.is_empty() => shown(&explained.sentence),
            Fate::DeniedInPart | Fate::Refused => {
                format!("{name} could not prove {}: {}", family.name, shown(&explained.besides.join("; ")))
            }
        };
        return Err(Failure::GivenUp(format!("{why}; nothing was changed")));
    }
    Ok(())
}
