//! The vocabulary and the bus interface that `pam_mfa`, `mfad` and `mfactl` share.
//!
//! This crate does no I/O and decides nothing. It names things once: the addresses, the methods
//! and their shapes ([`names`], [`step`], [`account`], [`admin`], [`rollout`], [`policy`]), what a person may type
//! ([`answer`], [`one_time`]), the facts a login host reports ([`facts`]), times for people ([`time`]), and the closed set of errors
//! ([`fault`]). It is linked into login processes, so it stays small.
#![forbid(unsafe_code)]

pub mod account;
pub mod admin;
pub mod answer;
pub mod facts;
pub mod fault;
pub mod identity;
pub mod names;
pub mod one_time;
pub mod policy;
pub mod rollout;
pub mod secret;
pub mod step;
pub mod time;
