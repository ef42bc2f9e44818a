//! `mfactl pam`: the second factor in front of a service, and away from it again.
//!
//! A file is read as libpam reads it ([`line`]), with all that it includes ([`stack`]), and every way
//! through it is gone ([`walk`]).

pub(crate) mod block;
pub(crate) mod family;
pub(crate) mod line;
pub(crate) mod place;
pub(crate) mod proof;
pub(crate) mod stack;
pub(crate) mod walk;
