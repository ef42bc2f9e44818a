//! What each kind of entry is called in the journal: one `MESSAGE_ID` a kind, for ever. What it means
//! and what to do is in `packaging/files/mfad.catalog`, under the same id.

use crate::audit::Event;

/// What the daemon says of itself: what is no event of the audit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// It ends, or does not start.
    DoesNotServe,
    /// It has its name on the system bus.
    BusServed,
    /// The system bus went away.
    BusGone,
    /// There is no system bus.
    NoBus,
    /// The login socket does not accept.
    SocketFails,
    /// A request was not judged: refused, and not for its caller's fault.
    CannotJudge,
    /// Other settings are in force.
    SettingsTaken,
    /// The settings cannot be used.
    SettingsBroken,
    /// The settings are in force, and name what has another name now.
    SettingsRenamed,
    /// The settings are in force, but were not kept for a bad day.
    SettingsNotKept,
    /// A database of places cannot be used.
    PlacesUnread,
    /// The audit takes no record.
    AuditFails,
    /// The store does not answer.
    StoreSilent,
    /// Lines were lost.
    LinesLost,
    /// An exemption ends soon.
    ExemptionEnds,
    /// What demands a factor did so before, and grace goes on from that day.
    GraceGoesOn,
    /// Logins are not even asked: too many of that door wait for an answer.
    LoginsTurnedAway,
}

/// How loud an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// As it should be.
    Info,
    /// Something is wrong.
    Warning,
    /// Somebody must look at once.
    Alert,
}

impl Notice {
    /// The word for logs and lists: stable.
    pub fn word(self) -> &'static str {
        match self {
            Self::DoesNotServe => "does_not_serve",
            Self::BusServed => "bus_served",
            Self::BusGone => "bus_gone",
            Self::NoBus => "no_bus",
            Self::SocketFails => "socket_fails",
            Self::CannotJudge => "cannot_judge",
            Self::SettingsTaken => "settings_taken",
            Self::SettingsBroken => "settings_broken",
            Self::SettingsRenamed => "settings_renamed",
            Self::SettingsNotKept => "settings_not_kept",
            Self::PlacesUnread => "places_unread",
            Self::AuditFails => "audit_fails",
            Self::StoreSilent => "store_silent",
            Self::LinesLost => "lines_lost",
            Self::ExemptionEnds => "exemption_ends",
            Self::GraceGoesOn => "grace_goes_on",
            Self::LoginsTurnedAway => "logins_turned_away",
        }
    }

    /// How loud it is.
    pub fn level(self) -> Level {
        match self {
            Self::BusServed | Self::SettingsTaken => Level::Info,
            Self::BusGone
            | Self::NoBus
            | Self::SocketFails
            | Self::SettingsRenamed
            | Self::SettingsNotKept
            | Self::LinesLost
            | Self::PlacesUnread
            | Self::ExemptionEnds
            | Self::GraceGoesOn
            | Self::LoginsTurnedAway => Level::Warning,
            Self::DoesNotServe
            | Self::CannotJudge
            | Self::SettingsBroken
            | Self::AuditFails
            | Self::StoreSilent => Level::Alert,
        }
    }
}

/// Writes the function and the list of all that it answers, so that no kind is left out of either.
macro_rules! ids {
    ($(#[$doc:meta])* $name:ident($kind:ident), $all:ident: $($pattern:pat => $id:literal,)+) => {
        $(#[$doc])*
        pub fn $name(kind: &$kind) -> &'static str {
            match kind {
                $($pattern => $id,)+
            }
        }

        #[cfg(test)]
        const $all: &[&str] = &[$($id),+];
    };
}

ids! {
    /// The `MESSAGE_ID` of an event of the audit.
    of_event(Event), OF_EVENTS:
    Event::Started => "adb8c38e2a66430c924314d5d7a19812",
    Event::Granted { .. } => "a5526da00688441b8752b29b72b64409",
    Event::Refused { .. } => "6610c77b8586499fb847a9dc462710eb",
    Event::Waived { .. } => "05f7d012566a4e869d4155eac8ab0b66",
    Event::Settled => "f0107d5797444886bea42e3fd2a4b00b",
    Event::EnrollmentBegun => "87d5b9f595c74eddb93f7a3e35875994",
    Event::Enrolled { .. } => "8965669989094f74b2b7453d4a252c68",
    Event::EnrollmentFailed => "e9c08ea8ac5c4ea697582b6206c18cd1",
    Event::EnrollmentCancelled => "263ceb29d2e640be8dcd65fbc3eb27ac",
    Event::Ended { .. } => "30fb5209a19d4734ab26c8fd37f8cf71",
    Event::Renamed { .. } => "ef5e1ecf055c4301a4c652b6114b6762",
    Event::CodesMade => "2be40a5e01094f1f8dc80861aece595a",
    Event::Redeemed { .. } => "cf212e22a3e446fe86f077f82d4288bb",
    Event::NotMe => "e95ebda09dce46669706314c3dd8ba58",
    Event::Invited { .. } => "f4e34eb938c448e0ba760a6a0d24ba71",
    Event::RecoveryGiven { .. } => "ce87c954b8f94b39b803d1401a77f55a",
    Event::Reset { .. } => "45065b2f3f61423aa05f12600b209a6d",
    Event::Locked { .. } => "955d249ae9144dd89ea06d9819652e22",
    Event::Unlocked { .. } => "4463c28a37234317be8f038234f30fc1",
    Event::Removed { .. } => "f6f3999dae1e4f42a25028ebdf144f69",
    Event::Refreshed { .. } => "d0be45aa182943af98fe1b249b9a6ba5",
    Event::Imported { .. } => "32cef0f203ef4b39985116b4f009bed6",
    Event::ClockJumped { .. } => "21bf4fc608284aff8c20d9a1b65d577e",
    Event::RosterAltered => "68b738af5aa04935bfa1166c777fc992",
    Event::SettingsKept { .. } => "bb2c3765d648444eb9e3aac38cfafe7e",
    Event::ReserveGone => "990afee9a414444eb85202fe6ca8e168",
    Event::ReserveMade => "365dc0469a21452e8e2666e831d5750d",
    Event::SettledNew => "98ced200a507482db73306f3df90be49",
    Event::Remembered { .. } => "a9f5aacb216f489c98b7aec2c64a0eef",
    Event::Forgotten { .. } => "b41eae46329c42d59185393ebda941dd",
    Event::Exempted { .. } => "afc8084184054ac09a037531ced43982",
    Event::ExemptionEnded { .. } => "cf90b0a02a8f4362a61dedf0791ecbbb",
    Event::ExemptionsAltered => "d3825b12d5ec49e8831f71580ca8368e",
}

ids! {
    /// The `MESSAGE_ID` of a notice.
    of_notice(Notice), OF_NOTICES:
    Notice::DoesNotServe => "2cebdeb4611746bda48a958928791cb7",
    Notice::BusServed => "840bec9cfec84db28a1b204b1674b3f1",
    Notice::BusGone => "cf7efe22c0b440758843718d2824d179",
    Notice::NoBus => "1575805ec23f4285acc3d59391bb24c5",
    Notice::SocketFails => "993e7755944643f592cd8258697c3ed6",
    Notice::CannotJudge => "943487f272d04b3bb44d32388a8f4ee9",
    Notice::SettingsTaken => "14f5d2cd566a46ebbdaf3c72bdd1a397",
    Notice::SettingsBroken => "b42ac91c799d4bd784f0bb385523d600",
    Notice::SettingsRenamed => "f97a9109143942bab41bd87e4ebeee21",
    Notice::SettingsNotKept => "0f1e55e695664ecf848d6fb5e1e9710d",
    Notice::PlacesUnread => "d2b0b6e1c9a74f0f8a3f5d6c2e417b98",
    Notice::AuditFails => "3521a63de38f4cb5985b3c7fb912a727",
    Notice::StoreSilent => "5d2f3c1e8f0b4f6f9b6f0a4f3c7e1b92",
    Notice::LinesLost => "a18ccbaa7ffd4661855efda085d090ba",
    Notice::ExemptionEnds => "9633b59f7318416097d9c898831530b0",
    Notice::GraceGoesOn => "9f2344f11a2a40dfa2a210d2ff1e30b8",
    Notice::LoginsTurnedAway => "4b6f0d0c1e8a4c5f9d27a3e5b8c1f642",
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const CATALOGUE: &str = include_str!("../../../packaging/files/mfad.catalog");

    #[test]
    fn every_kind_has_one_id_and_one_entry_of_the_catalogue() {
        let ids: Vec<&str> = OF_EVENTS.iter().chain(OF_NOTICES).copied().collect();
        let distinct: BTreeSet<&str> = ids.iter().copied().collect();
        assert_eq!(distinct.len(), ids.len(), "two kinds share an id");
        for id in &ids {
            assert!(id.len() == 32 && id.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)));
        }
        let told: Vec<&str> = CATALOGUE.lines().filter_map(|line| line.strip_prefix("-- ")).collect();
        assert_eq!(told.len(), ids.len(), "an entry is missing, or is of no kind, or is there twice");
        assert_eq!(told.iter().copied().collect::<BTreeSet<_>>(), distinct);
    }

    #[test]
    fn every_entry_says_what_it_means_and_what_to_do() {
        for entry in CATALOGUE.split("\n-- ").skip(1) {
            let (head, text) = entry.split_once("\n\n").unwrap_or_else(|| panic!("no text: {entry}"));
            for key in ["Subject: ", "Defined-By: mfad", "Documentation: man:mfad(8)"] {
                assert!(head.lines().any(|line| line.starts_with(key)), "{key} is missing: {entry}");
            }
            assert!(text.trim().len() > 30, "{entry}");
            for name in text.split('@').skip(1).step_by(2) {
                assert!(name.starts_with("MFAD_") || name == "MESSAGE", "@{name}@ is no field: {entry}");
            }
        }
    }
}
