//! Why there is no verdict. None of these lets anybody in.

use std::fmt;
use std::io;

use zbus::Error;

/// What kept mfad from giving a verdict, or the module from understanding it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Failed {
    /// No connection could be made in time: nobody listens, and the bus could not have it started.
    Unreachable,
    /// What is at the socket's place cannot be mfad: somebody tampers, or the set-up is broken.
    Untrusted(&'static str),
    /// The connection ended in the middle.
    Lost,
    /// No answer in time.
    Silent,
    /// mfad, or the bus, answered with an error.
    Fault(String),
    /// The operating system did not give what a connection takes: descriptors, mostly.
    System(String),
    /// The reply is none that the contract has.
    NotUnderstood,
    /// The caller is not root, and the user to be proven is not the caller.
    NotOwnAccount,
    /// There is no conversation, it failed, or it gave no reply.
    NoConversation,
}

impl Failed {
    /// The word in logs: `snake_case`, stable.
    pub(crate) const fn word(&self) -> &'static str {
        match self {
            Self::Unreachable => "mfad_unreachable",
            Self::Untrusted(_) => "mfad_untrusted",
            Self::Lost => "mfad_lost",
            Self::Silent => "mfad_silent",
            Self::Fault(_) => "mfad_fault",
            Self::System(_) => "system_error",
            Self::NotUnderstood => "not_understood",
            Self::NotOwnAccount => "not_own_account",
            Self::NoConversation => "no_conversation",
        }
    }

    /// What the operator may know besides the word; untrusted bytes, to be escaped.
    pub(crate) fn detail(&self) -> &str {
        match self {
            Self::Untrusted(detail) => detail,
            Self::Fault(detail) | Self::System(detail) => detail,
            Self::Unreachable
            | Self::Lost
            | Self::Silent
            | Self::NotUnderstood
            | Self::NotOwnAccount
            | Self::NoConversation => "",
        }
    }

    /// An error of the operating system while reaching mfad.
    pub(crate) fn system(error: impl fmt::Display) -> Self {
        Self::System(error.to_string())
    }
}

impl From<io::Error> for Failed {
    /// While a connection is being made: everything but a peer that hung up is the system's.
    fn from(error: io::Error) -> Self {
        if is_hang_up(&error) { Self::Lost } else { Self::system(error) }
    }
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        match error {
            Error::InputOutput(error) if is_hang_up(&error) => Self::Lost,
            // The bus's words for a callee that went away in the call.
            Error::FDO(error) if matches!(*error, zbus::fdo::Error::NoReply(_)) => Self::Lost,
            Error::FDO(error) => Self::Fault(error.to_string()),
            Error::MethodError(name, _, _) => Self::Fault(name.to_string()),
            Error::InputOutput(error) => Self::system(error),
            _ => Self::NotUnderstood,
        }
    }
}

/// Whether an error says that the peer is gone, rather than that this end cannot go on.
fn is_hang_up(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, NotConnected, UnexpectedEof};
    matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset | NotConnected | UnexpectedEof)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn io(kind: io::ErrorKind) -> Error {
        Error::InputOutput(Arc::new(kind.into()))
    }

    #[test]
    fn a_peer_that_hung_up_is_told_from_a_host_that_lacks_descriptors() {
        assert_eq!(Failed::from(io(io::ErrorKind::BrokenPipe)), Failed::Lost);
        assert_eq!(Failed::from(io(io::ErrorKind::ConnectionReset)), Failed::Lost);
        let full = Error::InputOutput(Arc::new(io::Error::from_raw_os_error(24)));
        assert!(matches!(Failed::from(full), Failed::System(_)));
    }

    #[test]
    fn a_callee_that_went_away_behind_the_bus_is_lost_too() {
        let gone = Error::FDO(Box::new(zbus::fdo::Error::NoReply("gone".into())));
        assert_eq!(Failed::from(gone), Failed::Lost);
        let unknown = Error::FDO(Box::new(zbus::fdo::Error::ServiceUnknown("org.mfad1".into())));
        assert!(matches!(Failed::from(unknown), Failed::Fault(_)));
    }

    #[test]
    fn what_is_not_a_reply_of_the_contract_is_not_understood() {
        assert_eq!(Failed::from(Error::IncorrectType), Failed::NotUnderstood);
        assert_eq!(Failed::from(Error::InvalidReply), Failed::NotUnderstood);
    }
}
