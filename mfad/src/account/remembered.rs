//! Proofs that count again for a time.

use serde::{Deserialize, Serialize};

/// The remembered proofs of an account.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remembered {}
