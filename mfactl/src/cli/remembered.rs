//! What is remembered of an account's logins.

use std::ffi::OsString;

use clap::{Args, Subcommand, ValueHint};

use super::{Shape, help};

/// Places from which no code is asked.
#[derive(Debug, Subcommand)]
pub(crate) enum Remembered {
    /// List the places from which you are asked for no code now
    #[command(after_long_help = help::REMEMBERED_LIST)]
    List {
        #[command(flatten)]
        whose: Whose,
        #[command(flatten)]
        shape: Shape,
    },
    /// Forget one of them, or all: the next login from there asks for a code
    ///
    /// Nobody is asked for a code first, since this only makes logins harder.
    #[command(after_long_help = help::REMEMBERED_FORGET)]
    Forget {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        whose: Whose,
        #[command(flatten)]
        shape: Shape,
    },
}

/// Whose they are.
#[derive(Args, Debug)]
pub(crate) struct Whose {
    /// Those of another user (root)
    #[arg(long, value_name = "NAME", value_hint = ValueHint::Username)]
    pub(crate) user: Option<OsString>,
}

/// One of them, or all.
#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
pub(crate) struct Which {
    /// The one that `mfactl remembered list` calls so
    #[arg(value_name = "ID", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub(crate) id: Option<String>,
    /// All of them
    #[arg(long)]
    pub(crate) all: bool,
}
