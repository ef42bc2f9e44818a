//! `mfactl user show`: one account in full.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use mfa_proto::account::Codes;
use mfa_proto::admin::{Door, UserDetail};
use mfa_proto::identity::escaped;

use super::counted;
use crate::bus::Bus;
use crate::cli::Shape;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::print::answer;
use crate::print::escape::shown;
use crate::print::json::DetailView;
use crate::print::time::utc_or_never;
use crate::status::{factor_line, mode_words};

pub(super) async fn show(bus: &Bus, user: &OsStr, shape: Shape) -> Result<Exit, Failure> {
    let user = bus.user_show(user.as_bytes()).await?;
    answer(shape, &DetailView::from(&user), &detail_lines(&user).join("\n"))?;
    Ok(Exit::Done)
}

fn detail_lines(user: &UserDetail) -> Vec<String> {
    let mut lines = vec![format!("User:     {} (uid {})", escaped(&user.name), user.uid)];
    lines.push(format!("Mode:     {}", mode_words(&user.mode)));
    if user.locked {
        lines.push("Locked:   YES, no code is accepted until `mfactl user unlock`".to_owned());
    }
    if user.factors.is_empty() {
        lines.push("Factors:  none".to_owned());
    } else {
        lines.push("Factors:".to_owned());
        lines.extend(user.factors.iter().map(|factor| factor_line(factor, &user.allowed)));
    }
    lines.push(format!("Codes:    {}", codes_line(&user.codes)));
    if !user.open.is_empty() {
        lines.push(format!("Open:     {}", shown(&user.open)));
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

/// The backup codes, for one who cannot make new ones.
fn codes_line(codes: &Codes) -> String {
    if codes.made == 0 && codes.left == 0 {
        return "none".to_owned();
    }
    let weak = match codes.weak {
        0 => String::new(),
        weak => format!("; {weak} of them WEAK, from another system"),
    };
    format!("{} left, made {}{weak}", codes.left, utc_or_never(codes.made))
}

#[cfg(test)]
mod tests {
    use super::*;

    // S13, S16
    #[test]
    fn what_an_administrator_has_to_see_is_told() {
        let mut user = UserDetail {
            name: b"al".to_vec(),
            uid: 7,
            factors: Vec::new(),
            codes: Codes { left: 3, weak: 2, made: 1_795_424_700 },
            locked: true,
            open: "recovery until\x1b".into(),
            doors: Vec::new(),
            mode: "required\x1b".into(),
            allowed: Vec::new(),
        };
        let text = detail_lines(&user).join("\n");
        assert!(text.contains("Locked:   YES"), "{text}");
        assert!(text.contains(r"Mode:     required\x1b"), "{text}");
        assert!(text.contains("Codes:    3 left, made 2026-11-23 09:05:00 UTC; 2 of them WEAK"), "{text}");
        assert!(text.contains(r"Open:     recovery until\x1b"), "{text}");
        (user.locked, user.open, user.codes) = (false, String::new(), Codes::default());
        let text = detail_lines(&user).join("\n");
        assert!(!text.contains("Locked:") && !text.contains("Open:"), "{text}");
        assert!(text.contains("Codes:    none"), "{text}");
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
