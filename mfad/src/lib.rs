//! mfad: decides whether a second factor is asked, and whether it was given.
//!
//! The folders are layers, and imports point down only:
//!
//! | layer | modules | what is there |
//! |---|---|---|
//! | 6 | `main`, [`settings`] | compose |
//! | 5 | [`bus`] | doors: who calls, may they, translate |
//! | 4 | [`auth`] | use cases: the only code that opens a transaction |
//! | 3 | [`store`], [`keys`], [`deliver`], [`places`] | adapters |
//! | 2 | [`factor`], [`policy`], [`limits`], [`audit`], [`account`] | pure: no I/O, no clock, no randomness |
//! | 1 | [`world`], [`crypto`] | primitives |
//! | 0 | `mfa_proto` | vocabulary |
#![forbid(unsafe_code)]

pub mod account;
pub mod audit;
pub mod auth;
pub mod bus;
pub mod crypto;
pub mod deliver;
pub mod factor;
pub mod keys;
pub mod limits;
pub mod places;
pub mod policy;
pub mod settings;
pub mod store;
pub mod world;
