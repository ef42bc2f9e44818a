//! Modes: what is asked of everybody, or of a group.

use serde::Deserialize;

/// What the host asks of its users. From the loosest to the strictest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Nobody is asked, and nothing is recorded.
    Off,
    /// Nobody is asked; what would have happened is recorded.
    Observe,
    /// Who has a factor is asked for it; others are let through.
    #[default]
    Optional,
    /// Everybody is asked; who has no factor is refused.
    Required,
}

impl Mode {
    /// As in the settings.
    pub fn word(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Observe => "observe",
            Self::Optional => "optional",
            Self::Required => "required",
        }
    }
}
