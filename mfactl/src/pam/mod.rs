//! `mfactl pam`: the second factor in front of a service, and away from it again.
//!
//! A file is read as libpam reads it ([`line`]), with all that it includes ([`stack`]), and every way
//! through it is gone ([`walk`]), so that what is said of a stack is proved ([`proof`]). Where our lines go
//! ([`place`], [`gate`]) is worked out before anything is written ([`plan`]). What is written stays
//! only when a login through it has been seen ([`trial`]); until then there is always something that puts
//! it back ([`arm`], [`undo`]).

#[cfg(test)]
mod against_libpam;
mod apply;
mod arm;
mod block;
pub(crate) mod clock;
pub(crate) mod control;
pub(crate) mod drift;
mod effect;
pub(crate) mod family;
mod fingerprint;
pub(crate) mod folder;
pub(crate) mod gate;
pub(crate) mod glass;
pub(crate) mod line;
pub(crate) mod place;
mod plan;
pub(crate) mod proof;
mod prover;
pub(crate) mod record;
mod remove;
mod rollback;
pub(crate) mod root;
mod show;
pub(crate) mod sshd;
pub(crate) mod stack;
pub(crate) mod status;
mod trial;
mod undo;
mod unplaced;
pub(crate) mod walk;

use std::path::PathBuf;

use nix::unistd::getuid;

pub(crate) use self::glass::KeyFrom;
pub(crate) use self::place::{First, PEERS};

use self::family::Family;
use self::plan::Wish;
use crate::cli::{Pam, PamWish};
use crate::exit::Exit;
use crate::failure::Failure;

/// Does what is asked.
pub(crate) async fn pam(verb: Pam) -> Result<Exit, Failure> {
    if !getuid().is_root() {
        return Err(Failure::RootOnly);
    }
    match verb {
        Pam::Plan { wish, shape } => show::show(&wished(wish)?, shape).await,
        Pam::Apply { wish, no_confirm: false, within, .. } => apply::try_out(&wished(wish)?, within).await,
        Pam::Apply { wish, proven, .. } => apply::roll_out(&wished(wish)?, &proven.unwrap_or_default()),
        Pam::Status { only_bad, shape } => status::status(shape, only_bad, clock::now()),
        Pam::Rollback { armed, after } => rollback::rollback(armed.as_deref(), after),
        Pam::Remove { services, all } => remove::remove(&services, all),
    }
}

fn wished(wish: PamWish) -> Result<Wish, Failure> {
    let mut families: Vec<Family> = Vec::new();
    for name in &wish.services {
        let family = Family::of(name).map_err(Failure::Usage)?;
        if !families.contains(&family) {
            families.push(family);
        }
    }
    let PamWish { first, replace, break_glass_from, .. } = wish;
    let at_sshd = families.iter().any(|family| family.name == "sshd");
    if !at_sshd && (first.is_some() || break_glass_from.is_some()) {
        return Err(Failure::Usage("--first and --break-glass-from are for sshd, which is not named".into()));
    }
    Ok(Wish { families, first, replace, glass_from: break_glass_from })
}

/// The module, where libpam looks for it.
pub(crate) fn module() -> Option<PathBuf> {
    Some(folder::module_file("pam_mfa.so")).filter(|file| file.exists())
}
