//! `mfactl user`: the accounts of others, for root.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use mfa_proto::admin::{Door, UserDetail, UserRow};
use mfa_proto::identity::escaped;
use serde::Serialize;

use crate::bus::Bus;
use crate::cli::{Shape, User};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::print::Out;
use crate::print::escape::shown;
use crate::print::json::{DetailView, UserView};
use crate::print::time::utc_or_never;
use crate::status::factor_line;

/// Does what `verb` asks.
pub(crate) async fn user(verb: User) -> Result<Exit, Failure> {
    let bus = Bus::connect().await?;
    match verb {
        User::List(shape) => list(&bus, shape).await,
        User::Show { user, shape } => show(&bus, &user, shape).await,
        User::Reset { user, why, shape } => {
            let factors = bus.user_reset(user.as_bytes(), &why.reason).await?;
            let user = escaped(user.as_bytes());
            let said = format!("{user}: {}", counted(factors, "factor", "ended"));
            report(&Reset { user, factors }, &said, shape)
        }
        User::Unlock { user, why, clock, shape } => {
            let doors = bus.user_unlock(user.as_bytes(), &why.reason, clock).await?;
            let user = escaped(user.as_bytes());
            let said = format!("{user}: {}", counted(doors, "door", "opened"));
            report(&Unlock { user, doors }, &said, shape)
        }
    }
}

/// `mfactl user reset --json`.
#[derive(Serialize)]
struct Reset {
    user: String,
    factors: u32,
}

/// `mfactl user unlock --json`.
#[derive(Serialize)]
struct Unlock {
    user: String,
    doors: u32,
}

fn report(view: &impl Serialize, said: &str, shape: Shape) -> Result<Exit, Failure> {
    let mut out = Out::stdout()?;
    if shape.json {
        out.json(view)?;
    } else {
        out.line(said)?;
    }
    out.flush()?;
    Ok(Exit::Done)
}

/// Page by page, so that the memory taken does not grow with the accounts.
async fn list(bus: &Bus, shape: Shape) -> Result<Exit, Failure> {
    let mut out = Out::stdout()?;
    if !shape.json {
        out.line(HEAD)?;
    }
    let mut after = Vec::new();
    loop {
        let page = bus.user_list(&after).await?;
        for row in &page {
            if row.name <= after {
                return Err(Failure::Garbled("the list of users is out of order".to_owned()));
            }
            after.clone_from(&row.name);
            if shape.json { out.json(&UserView::from(row))? } else { out.line(&list_line(row))? }
        }
        out.flush()?;
        if page.is_empty() {
            return Ok(Exit::Done);
        }
    }
}

const HEAD: &str = "USER                            UID  FACTORS  LIMITED  LAST USED";

fn list_line(row: &UserRow) -> String {
    format!(
        "{:<24} {:>10} {:>8} {:>8}  {}",
        escaped(&row.name),
        row.uid,
        row.factors,
        row.limited,
        utc_or_never(row.last_used),
    )
}

async fn show(bus: &Bus, user: &OsStr, shape: Shape) -> Result<Exit, Failure> {
    let user = bus.user_show(user.as_bytes()).await?;
    let mut out = Out::stdout()?;
    if shape.json {
        out.json(&DetailView::from(&user))?;
    } else {
        for line in detail_lines(&user) {
            out.line(&line)?;
        }
    }
    out.flush()?;
    Ok(Exit::Done)
}

fn detail_lines(user: &UserDetail) -> Vec<String> {
    let mut lines = vec![format!("User:     {} (uid {})", escaped(&user.name), user.uid)];
    if user.factors.is_empty() {
        lines.push("Factors:  none".to_owned());
    } else {
        lines.push("Factors:".to_owned());
        lines.extend(user.factors.iter().map(factor_line));
    }
    if user.doors.is_empty() {
        lines.push("Doors:    none".to_owned());
    } else {
        lines.push("Doors:".to_owned());
        lines.extend(user.doors.iter().map(door_line));
    }
    lines
}

fn door_line(door: &Door) -> String {
    let state = match (door.closed, door.wait) {
        (true, _) => "CLOSED until unlocked".to_owned(),
        (false, 0) => "open".to_owned(),
        (false, seconds) => format!("waits {seconds} s"),
    };
    format!(
        "  {}: {}; {}; {}\n      last {}",
        shown(&door.what),
        if door.known { "known" } else { "not known" },
        counted(door.failures, "failure", "in a row"),
        state,
        utc_or_never(door.last_used),
    )
}

/// `no factor ended`, `1 factor ended`, `2 factors ended`.
fn counted(number: u32, thing: &str, what: &str) -> String {
    match number {
        0 => format!("no {thing} {what}"),
        1 => format!("1 {thing} {what}"),
        _ => format!("{number} {thing}s {what}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_stand_under_their_heads() {
        let row = UserRow {
            name: b"alice".to_vec(),
            uid: 1000,
            factors: 1,
            codes: 0,
            locked: false,
            limited: 0,
            last_used: 0,
        };
        let line = list_line(&row);
        assert_eq!(line, "alice                          1000        1        0  never");
        for head in ["UID", "FACTORS", "LIMITED"] {
            let end = HEAD.find(head).unwrap() + head.len();
            assert_ne!(&line[end - 1..end], " ", "{head}");
        }
    }

    // S29
    #[test]
    fn a_name_forges_no_row() {
        let row = UserRow {
            name: b"a\nroot\x1b[8m".to_vec(),
            uid: 1,
            factors: 1,
            codes: 0,
            locked: false,
            limited: 0,
            last_used: 0,
        };
        assert!(list_line(&row).starts_with(r"a\x0aroot\x1b[8m "));
    }

    #[test]
    fn a_door_says_what_it_waits_for() {
        let door = |closed, wait| Door {
            what: "console".into(),
            known: false,
            failures: 1,
            wait,
            closed,
            last_used: 0,
        };
        assert!(door_line(&door(true, 60)).contains("CLOSED until unlocked"));
        assert!(door_line(&door(false, 60)).contains("1 failure in a row; waits 60 s\n      last never"));
        assert!(door_line(&door(false, 0)).contains("; open\n"));
    }
}
