//! Why a run could not do what was asked, in words that say what to do next.

use std::io;

use mfa_proto::fault::Fault;
use mfa_proto::step::Reason;
use zbus::DBusError as _;

use crate::exit::Exit;
use crate::print::escape::shown;
use crate::reason::why;

/// What stopped a run. Shown after `mfactl: `, with the words of mfad or of the bus in brackets.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// mfad answered with one of its own errors, and a sentence.
    #[error("{}{}", advice(*.0), said(.1))]
    Fault(Fault, String),
    /// The same, where the verb knows better than [`advice`] what to do next.
    #[error("{}{}", .1, said(.2))]
    Explained(Fault, String, String),
    /// The code that was asked for was not given: nothing was changed.
    #[error("nothing was done: {}{}", why(*.0), wait(*.1))]
    NotProven(Option<Reason>, u32),
    /// An administrator's verb, called by another.
    #[error("only root may do this; try it with sudo")]
    RootOnly,
    /// The bus's own policy refused the call or the connection.
    #[error("the system bus refuses this call: the bus policy of mfad is missing or does not allow it{}", said(.0))]
    BusRefused(String),
    /// The bus has no room for this caller now.
    #[error("the system bus is at its limits for you; try again later{}", said(.0))]
    BusLimits(String),
    /// Nobody listens where the bus should be.
    #[error("the system bus cannot be reached; is dbus running?{}", said(.0))]
    NoBus(String),
    /// Nobody owns mfad's name, and the bus could not start it.
    #[error("mfad is not running or not installed; its log says more (systemctl status mfad){}", said(.0))]
    NoDaemon(String),
    /// No answer within the deadline, or the connection broke.
    #[error("mfad did not answer in time; is it running? (systemctl status mfad){}", said(.0))]
    NoAnswer(String),
    /// An answer that is not what the interface promises.
    #[error("mfad answered something that this mfactl does not understand; are both of one version?{}", said(.0))]
    Garbled(String),
    /// The command line or the input is not usable.
    #[error("{0}")]
    Usage(String),
    /// The person gave up, or the tries are over.
    #[error("{0}")]
    GivenUp(String),
    /// A file could not be read.
    #[error("cannot read {}: {}", .0, .1)]
    Unread(String, io::Error),
    /// A file could not be written.
    #[error("cannot write {}: {}", .0, .1)]
    File(String, io::Error),
    /// Standard output or the terminal failed.
    #[error("cannot write the answer: {0}")]
    Output(#[from] io::Error),
    /// Standard input or the terminal failed.
    #[error("cannot read what was typed: {0}")]
    Input(io::Error),
}

impl Failure {
    /// What the process ends with.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Fault(fault, _) | Self::Explained(fault, ..) => (*fault).into(),
            Self::NotProven(reason, _) => Exit::of_refusal(*reason),
            Self::RootOnly | Self::BusRefused(_) => Exit::NotPermitted,
            Self::BusLimits(_) => Exit::Limited,
            Self::NoBus(_) | Self::NoDaemon(_) | Self::NoAnswer(_) | Self::Garbled(_) => Exit::Unreachable,
            Self::Usage(_) => Exit::Usage,
            Self::GivenUp(_) | Self::Unread(..) | Self::File(..) | Self::Output(_) | Self::Input(_) => {
                Exit::Refused
            }
        }
    }

    /// Whether the reader of our output went away: nothing to tell anybody.
    pub(crate) fn is_broken_pipe(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }

    /// Whether this is mfad's `fault`.
    pub(crate) fn is(&self, fault: Fault) -> bool {
        matches!(self, Self::Fault(found, _) | Self::Explained(found, ..) if *found == fault)
    }

    /// The same failure, with `words` for it where it is mfad's `fault`.
    pub(crate) fn explained(self, fault: Fault, words: impl FnOnce() -> String) -> Self {
        match self {
            Self::Fault(found, text) if found == fault => Self::Explained(fault, words(), text),
            other => other,
        }
    }

    /// The same failure of an administrator's call: where `root` does not call, "not permitted"
    /// means "not root".
    pub(crate) fn of_admin(self, root: bool) -> Self {
        match self {
            Self::Fault(Fault::NotPermitted, _) | Self::BusRefused(_) if !root => Self::RootOnly,
            other => other,
        }
    }

    /// An error reply, by its D-Bus name.
    fn reply(name: &str, text: &str) -> Self {
        if let Some(fault) = Fault::from_name(name) {
            return Self::Fault(fault, text.to_owned());
        }
        let kind = name.strip_prefix("org.freedesktop.DBus.Error.").unwrap_or(name);
        let text = text.to_owned();
        match kind {
            "AccessDenied" | "AuthFailed" | "InteractiveAuthorizationRequired" => Self::BusRefused(text),
            "LimitsExceeded" => Self::BusLimits(text),
            "ServiceUnknown" | "NameHasNoOwner" => Self::NoDaemon(text),
            spawn if spawn.starts_with("Spawn.") => Self::NoDaemon(text),
            "NoReply" | "Timeout" | "TimedOut" | "Disconnected" => Self::NoAnswer(text),
            "NoServer" | "NoNetwork" | "BadAddress" | "IOError" => Self::NoBus(text),
            _ => Self::Garbled(format!("{name}: {text}")),
        }
    }
}

impl From<zbus::Error> for Failure {
    fn from(error: zbus::Error) -> Self {
        match error {
            zbus::Error::MethodError(name, text, _) => {
                Self::reply(name.as_str(), text.as_deref().unwrap_or_default())
            }
            zbus::Error::FDO(error) => match *error {
                zbus::fdo::Error::ZBus(error) => error.into(),
                error => Self::reply(error.name().as_str(), error.description().unwrap_or_default()),
            },
            zbus::Error::Connection(error, _) => Self::NoBus(error.to_string()),
            zbus::Error::Handshake(text) => Self::BusRefused(text),
            zbus::Error::InputOutput(error) => Self::NoAnswer(error.to_string()),
            other => Self::Garbled(other.to_string()),
        }
    }
}

/// What a fault means, and what to do about it.
fn advice(fault: Fault) -> &'static str {
    match fault {
        Fault::NotPermitted => "you may not do this",
        Fault::NeedsProof => {
            "this needs a code of your own factor, and mfad does not take the one that was given; try again"
        }
        Fault::NotEnrolled => "the account has no factor; its user enrols one with `mfactl enroll`",
        Fault::AlreadyEnrolled => {
            "the account has a factor already; `mfactl factor list` shows what it has, and \
             `mfactl enroll --replace LABEL` puts another in its place"
        }
        Fault::NotFound => "there is no such user, factor or enrolment",
        Fault::InvalidArgument => "mfad does not take that",
        Fault::WrongCode => "that code is not right",
        Fault::Expired => "the enrolment has ended; begin again with `mfactl enroll`",
        Fault::Limited => "too many tries; wait a few minutes, then try again",
        Fault::Unavailable => "mfad could not decide; its log says why (journalctl -u mfad)",
    }
}

/// How long to wait until another try is judged.
fn wait(seconds: u32) -> String {
    if seconds == 0 { String::new() } else { format!("; try again in {seconds} s") }
}

/// The other side's own words, made safe for a terminal.
fn said(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!(" ({})", shown(text)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exit_of(name: &str) -> u8 {
        Failure::reply(name, "").exit().number()
    }

    #[test]
    fn what_the_bus_itself_answers_has_its_exit_code() {
        let expected = [
            ("ServiceUnknown", 5),
            ("NameHasNoOwner", 5),
            ("Spawn.ExecFailed", 5),
            ("NoReply", 5),
            ("TimedOut", 5),
            ("UnknownMethod", 5),
            ("UnknownObject", 5),
            ("AccessDenied", 4),
            ("LimitsExceeded", 6),
            ("SomethingNew", 5),
        ];
        for (name, number) in expected {
            assert_eq!(exit_of(&format!("org.freedesktop.DBus.Error.{name}")), number, "{name}");
        }
        assert_eq!(exit_of("org.example.Surprise"), 5);
    }

    #[test]
    fn an_error_of_the_bus_arrives_by_either_of_zbus_s_ways() {
        let unknown = zbus::fdo::Error::ServiceUnknown("no such name".into());
        assert!(matches!(Failure::from(zbus::Error::FDO(Box::new(unknown))), Failure::NoDaemon(_)));
        let broken = std::io::Error::from(io::ErrorKind::ConnectionReset);
        assert!(matches!(Failure::from(zbus::Error::from(broken)), Failure::NoAnswer(_)));
    }

    #[test]
    fn an_administrator_s_verb_says_that_it_is_root_s() {
        for failure in
            [Failure::Fault(Fault::NotPermitted, String::new()), Failure::BusRefused(String::new())]
        {
            let failure = failure.of_admin(false);
            assert_eq!(failure.exit(), Exit::NotPermitted);
            assert!(failure.to_string().contains("only root"), "{failure}");
        }
        assert!(Failure::Fault(Fault::NotFound, String::new()).of_admin(false).is(Fault::NotFound));
        let of_root = Failure::Fault(Fault::NotPermitted, "not so".into()).of_admin(true);
        assert_eq!(of_root.to_string(), "you may not do this (not so)");
    }

    #[test]
    fn better_words_keep_the_fault_and_what_mfad_said() {
        let failure = || Failure::Fault(Fault::NotPermitted, "the grace is over".into());
        let told = failure().explained(Fault::NotPermitted, || "ask for an invitation".into());
        assert!(told.is(Fault::NotPermitted));
        assert_eq!(told.exit(), Exit::NotPermitted);
        assert_eq!(told.to_string(), "ask for an invitation (the grace is over)");
        let other = failure().explained(Fault::NotFound, || "wrong words".into());
        assert_eq!(other.to_string(), failure().to_string());
    }

    #[test]
    fn a_proof_that_failed_says_why_and_for_how_long_to_wait() {
        let failure = Failure::NotProven(Some(Reason::Limited), 240);
        assert_eq!(failure.exit(), Exit::Limited);
        assert_eq!(failure.to_string(), "nothing was done: too many tries; try again in 240 s");
        assert_eq!(Failure::NotProven(Some(Reason::NotEnrolled), 0).exit(), Exit::NotEnrolled);
        assert_eq!(Failure::NotProven(Some(Reason::WrongCode), 0).exit(), Exit::Refused);
    }

    #[test]
    fn every_fault_says_what_to_do_in_its_own_words() {
        let words: std::collections::BTreeSet<_> = Fault::ALL.iter().copied().map(advice).collect();
        assert_eq!(words.len(), Fault::ALL.len());
    }

    #[test]
    fn the_words_of_the_daemon_cannot_drive_the_terminal() {
        let failure = Failure::reply(Fault::NotFound.name(), "no \x1b[2J\nsuch \u{9b}user");
        assert_eq!(
            failure.to_string(),
            r"there is no such user, factor or enrolment (no \x1b[2J\x0asuch \u{9b}user)"
        );
    }
}
