//! `mfactl user`: the accounts of others, for root.
//!
//! Whoever changes one shows an own factor first, or breaks the glass ([`crate::step_up`]).

mod hand_over;
pub(crate) mod host;
pub(crate) mod list;
mod not_enrolled;
mod show;

pub(crate) use self::host::{Person, who_log_in};

use std::os::unix::ffi::OsStrExt;

use mfa_proto::identity::escaped;
use serde::Serialize;

use crate::acting::Acting;
use crate::bus::Bus;
use crate::cli::{Change, User};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::print::answer;
use crate::step_up;

/// Does what `verb` asks.
pub(crate) async fn user(verb: User) -> Result<Exit, Failure> {
    let bus = Bus::connect().await?;
    match verb {
        User::List { only, shape } if only.not_enrolled => not_enrolled::list(&bus, shape).await,
        User::List { only, shape } => list::list(&bus, only, shape).await,
        User::Show { user, shape } => show::show(&bus, &user, shape).await,
        User::Invite { change, hours } => hand_over::invite(&bus, change, hours).await,
        User::Recover(recovery) => hand_over::recover(&bus, recovery).await,
        User::Reset(change) => reset(&bus, change).await,
        User::Lock(change) => lock(&bus, change).await,
        User::Unlock { change, clock } => unlock(&bus, change, clock).await,
        User::Remove(change) => remove(&bus, change).await,
    }
}

/// `mfactl user reset --json` and `mfactl user remove --json`.
#[derive(Serialize)]
struct Ended {
    user: String,
    /// How many factors ended.
    factors: u32,
}

async fn reset(bus: &Bus, change: Change) -> Result<Exit, Failure> {
    let Change { user, reason, authority, shape } = change;
    let reset = async |why: &_| bus.user_reset(user.as_bytes(), why).await;
    let factors = step_up::administrator(bus, &Acting::of(authority), &reason, reset).await?;
    let user = escaped(user.as_bytes());
    let words = format!(
        "{user}: {}. {user} enrols again with `mfactl enroll`; whom the policy does not let, needs `mfactl user invite`.",
        counted(factors, "factor", "ended")
    );
    answer(shape, &Ended { user, factors }, &words)?;
    Ok(Exit::Done)
}

async fn remove(bus: &Bus, change: Change) -> Result<Exit, Failure> {
    let Change { user, reason, authority, shape } = change;
    let remove = async |why: &_| bus.user_remove(user.as_bytes(), why).await;
    let factors = step_up::administrator(bus, &Acting::of(authority), &reason, remove).await?;
    let user = escaped(user.as_bytes());
    let words =
        format!("{user}: removed, {}. The audit keeps its history.", counted(factors, "factor", "ended"));
    answer(shape, &Ended { user, factors }, &words)?;
    Ok(Exit::Done)
}

/// `mfactl user lock --json`.
#[derive(Serialize)]
struct Locked {
    user: String,
    locked: bool,
}

async fn lock(bus: &Bus, change: Change) -> Result<Exit, Failure> {
    let Change { user, reason, authority, shape } = change;
    let lock = async |why: &_| bus.user_lock(user.as_bytes(), why).await;
    step_up::administrator(bus, &Acting::of(authority), &reason, lock).await?;
    let user = escaped(user.as_bytes());
    let words = format!(
        "{user}: locked, no code is accepted. Sessions that are open stay open (loginctl terminate-user). \
         `mfactl user unlock` ends it."
    );
    answer(shape, &Locked { user, locked: true }, &words)?;
    Ok(Exit::Done)
}

/// `mfactl user unlock --json`.
#[derive(Serialize)]
struct Unlocked {
    user: String,
    /// How many doors were opened.
    doors: u32,
}

async fn unlock(bus: &Bus, change: Change, clock: bool) -> Result<Exit, Failure> {
    let Change { user, reason, authority, shape } = change;
    let unlock = async |why: &_| bus.user_unlock(user.as_bytes(), clock, why).await;
    let doors = step_up::administrator(bus, &Acting::of(authority), &reason, unlock).await?;
    let user = escaped(user.as_bytes());
    let words = format!("{user}: unlocked, {}", counted(doors, "door", "opened"));
    answer(shape, &Unlocked { user, doors }, &words)?;
    Ok(Exit::Done)
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
    use crate::print::schema;

    #[test]
    fn changes_have_these_shapes() {
        let user = || "al".to_owned();
        schema::holds("user-reset", &Ended { user: user(), factors: 2 });
        schema::holds("user-remove", &Ended { user: user(), factors: 2 });
        schema::holds("user-lock", &Locked { user: user(), locked: true });
        schema::holds("user-unlock", &Unlocked { user: user(), doors: 1 });
        let ended = serde_json::to_string(&Ended { user: user(), factors: 2 }).unwrap();
        assert_eq!(ended, r#"{"user":"al","factors":2}"#);
        let locked = serde_json::to_string(&Locked { user: user(), locked: true }).unwrap();
        assert_eq!(locked, r#"{"user":"al","locked":true}"#);
        let unlocked = serde_json::to_string(&Unlocked { user: user(), doors: 1 }).unwrap();
        assert_eq!(unlocked, r#"{"user":"al","doors":1}"#);
    }

    #[test]
    fn a_number_of_things_is_said_as_people_say_it() {
        let said = [0, 1, 2].map(|number| counted(number, "door", "opened"));
        assert_eq!(said, ["no door opened", "1 door opened", "2 doors opened"]);
    }
}
