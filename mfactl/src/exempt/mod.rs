//! `mfactl exempt`: who is not asked, and for how long.

mod host;
pub(crate) mod row;

use std::os::unix::ffi::OsStrExt;

use mfa_proto::identity::escaped;
use mfa_proto::rollout::{Exempt as Wanted, Exemption};
use serde::Serialize;

use self::row::Row;
use crate::acting::Acting;
use crate::bus::Bus;
use crate::cli::{Add, Exempt, Form};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::print::time::{days_until, utc};
use crate::print::{Out, answer, escape::shown};
use crate::step_up;

/// Does what `verb` asks.
pub(crate) async fn exempt(verb: Exempt) -> Result<Exit, Failure> {
    let bus = Bus::connect().await?;
    match verb {
        Exempt::List(form) => list(&bus, form).await,
        Exempt::Add(add) => give(&bus, add).await,
        Exempt::End { id, reason, authority, shape } => {
            let end = async |why: &_| bus.exempt_end(&id, why).await;
            step_up::administrator(&bus, &Acting::of(authority), &reason, end).await?;
            let id = shown(&id);
            let words = format!("{id}: ended. Its user is asked for a code again.");
            answer(shape, &Ended { id, ended: true }, &words)?;
            Ok(Exit::Done)
        }
    }
}

/// `mfactl exempt end --json`.
#[derive(Serialize)]
struct Ended {
    id: String,
    ended: bool,
}

/// `mfactl exempt add --json`.
#[derive(Serialize)]
struct Given {
    id: String,
    user: String,
    until: u64,
    only: String,
}

async fn give(bus: &Bus, add: Add) -> Result<Exit, Failure> {
    let Add { user, reason, service, address, key, seconds, authority, shape } = add;
    let wanted = Wanted { user: user.as_bytes().to_vec(), service, address, key, seconds };
    let give = async |why: &_| bus.exempt_add(&wanted, why).await;
    let Exemption { id, until, only, .. } =
        step_up::administrator(bus, &Acting::of(authority), &reason, give).await?;
    let (id, user, only) = (shown(&id), escaped(user.as_bytes()), shown(&only.join("; ")));
    let at = if only.is_empty() { "EVERYWHERE".to_owned() } else { format!("at {only}") };
    let words = format!(
        "{user}: not asked for a code {at}, until {}.\n`mfactl exempt end {id} --reason TEXT` ends it.",
        utc(until)
    );
    answer(shape, &Given { id, user, until, only }, &words)?;
    Ok(Exit::Done)
}

/// All exemptions, those that need no mfad first; and whether those of the command line are as they were given.
pub(crate) async fn all(bus: &Bus) -> Result<(Vec<Row>, bool, u64), Failure> {
    let told = bus.exempt_list().await?;
    let mut rows = host::rows();
    rows.extend(told.all.iter().map(|exemption| Row::of(exemption, told.time)));
    Ok((rows, told.intact, told.time))
}

/// What is said where the store was written to by another.
pub(crate) const ALTERED: &str = "ALTERED: the exemptions of the command line are not what they were, and none of \
                                  them holds (mfactl audit; who can write to /var/lib/mfad?)";

async fn list(bus: &Bus, form: Form) -> Result<Exit, Failure> {
    let (rows, intact, now) = all(bus).await?;
    let mut out = Out::stdout()?;
    if form.csv {
        out.csv(&Row::COLUMNS.map(str::to_owned))?;
    }
    for row in &rows {
        if form.json {
            out.json(row)?;
        } else if form.csv {
            out.csv(&row.cells())?;
        } else {
            row.lines(now).iter().try_for_each(|line| out.line(line))?;
        }
    }
    if rows.is_empty() && !form.json && !form.csv {
        out.line("nobody is exempt")?;
    }
    if !intact && !form.json && !form.csv {
        out.line(ALTERED)?;
    }
    out.flush()?;
    Ok(if intact { Exit::Done } else { Exit::Refused })
}

/// `until 2026-11-23 09:05:00 UTC, in 6 days`.
pub(crate) fn until(row: &Row, now: u64) -> String {
    match (row.until, row.state) {
        (0, _) => "no end".to_owned(),
        (until, "ended") => format!("ended {}", utc(until)),
        (until, "over") => format!("OVER since {}", utc(until)),
        (until, "ends_soon") => format!("ENDS in {}, {}", days_until(until, now), utc(until)),
        (until, _) => format!("until {}, in {}", utc(until), days_until(until, now)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::print::schema;

    #[test]
    fn answers_have_these_shapes() {
        schema::holds("exempt-end", &Ended { id: "3fa9c2d1".into(), ended: true });
        let given = Given { id: "3fa9c2d1".into(), user: "al".into(), until: 7, only: "service sshd".into() };
        schema::holds("exempt-add", &given);
    }
}
