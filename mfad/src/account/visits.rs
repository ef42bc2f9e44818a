//! What settled logins came with, and from where.

use serde::{Deserialize, Serialize};

/// Keys and places of an account's settled logins.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Visits {}
