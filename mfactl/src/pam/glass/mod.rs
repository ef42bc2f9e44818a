//! The way in that needs no mfad: it has to be there before anything is protected.

pub(crate) mod account;
mod by_key;
mod console;
mod keys;
mod network;

use std::fmt;

pub(crate) use self::by_key::{NOT_BY_NAME, lets_root_in, roots_key};
pub(crate) use self::console::{opens as console, roots_password};
pub(crate) use self::network::{KeyFrom, ROOT, WHOM, block, kept};

use self::by_key::{as_root, opens_from, takes_key_alone};
use self::console::is_roots_password;
use super::sshd::{Effective, Visitor, in_network};
use super::stack::Files;
use crate::ask;
use crate::failure::Failure;
use crate::run;

/// A way in as root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// Root's password at the console.
    Console,
    /// Root's key over ssh, from that network.
    Key(String),
    /// Root's key over ssh, from anywhere.
    KeyFromAnywhere,
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Console => write!(f, "root's password at the console"),
            Self::Key(network) => write!(f, "root's key over ssh, from {network}"),
            Self::KeyFromAnywhere => write!(f, "root's key over ssh, from anywhere"),
        }
    }
}

/// The ways in as root that ask no mfad.
#[derive(Debug, Default)]
pub(crate) struct Ways {
    /// Those that are open.
    pub(crate) open: Vec<Way>,
    /// Those that are not, and why, for people.
    shut: Vec<(Way, String)>,
}

impl Ways {
    /// As they are now.
    pub(crate) fn now(files: &Files) -> Self {
        let alone = |sshd: &Effective| {
            let more = "sshd asks for more than a key there, or takes none of root's";
            if takes_key_alone(files, sshd) { Ok(()) } else { Err(more.to_owned()) }
        };
        let mut ways = Self::of_console(files);
        match kept() {
            Ok(Some(network)) => {
                let opens = opens_from(files, in_network(&network), alone);
                ways.add(Way::Key(network), opens);
            }
            Ok(None) => {
                let opens = opens_from(files, Visitor::anybody().address, alone);
                ways.add(Way::KeyFromAnywhere, opens);
            }
            Err(why) => ways.shut.push((Way::Key("its network".to_owned()), why)),
        }
        ways
    }

    /// As they are where sshd is told anew, and takes root's key alone from that network.
    pub(crate) fn planned(files: &Files, network: Option<&str>) -> Self {
        let mut ways = Self::of_console(files);
        if let Some(network) = network {
            let opens = opens_from(files, in_network(network), |_| Ok(()));
            ways.add(Way::Key(network.to_owned()), opens);
        }
        ways
    }

    fn of_console(files: &Files) -> Self {
        let mut ways = Self::default();
        ways.add(Way::Console, console(files));
        ways
    }

    fn add(&mut self, way: Way, opens: Result<(), String>) {
        match opens {
            Ok(()) => self.open.push(way),
            Err(why) => self.shut.push((way, why)),
        }
    }

    /// The way from a network that was to be open and is not, and why.
    pub(crate) fn note(&self) -> Option<String> {
        let note = |(way, why): &(Way, String)| format!("{way}, is no way in: {why}");
        self.shut.iter().find(|(way, _)| matches!(way, Way::Key(_))).map(note)
    }

    /// Where none is open: why not, and what to do.
    pub(crate) fn none(&self) -> String {
        let shut: String = self.shut.iter().map(|(way, why)| format!("\n  {way}: {why}")).collect();
        format!(
            "NONE{shut}\n  set a password (passwd root), or let root's key in from your network (mfactl pam apply sshd \
             --break-glass-from NETWORK)"
        )
    }
}

/// Whether root can log in at all: by a password, or by a key over ssh. Where that cannot be told, root can.
pub(crate) fn root_logs_in() -> bool {
    if !nix::unistd::geteuid().is_root() || roots_password() {
        return true; // /etc/shadow is root's to read
    }
    match as_root(Visitor::anybody().address) {
        Ok(sshd) => {
            sshd.value("permitrootlogin") != "no" && sshd.is("pubkeyauthentication") && roots_key(&sshd)
        }
        Err(_) => run::find("sshd").is_some(),
    }
}

/// What came of trying a way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tried {
    /// What is typed there was right.
    Right,
    /// Nothing here could try it: what lets in was looked at.
    LookedAt,
    /// It does not open.
    Wrong,
}

/// Tries a way as far as it can be tried from here.
pub(crate) fn tried(way: &Way) -> Result<Tried, Failure> {
    match way {
        // The key itself is not here.
        Way::Key(_) | Way::KeyFromAnywhere => Ok(Tried::LookedAt),
        Way::Console => {
            let asked = "Root's password, to try the way in at the console (not kept): ";
            let Some(typed) = ask::line(asked, false)? else { return Ok(Tried::Wrong) };
            let right =
                is_roots_password(&typed).map_err(|error| Failure::Unread("unix_chkpwd".into(), error))?;
            Ok(if right { Tried::Right } else { Tried::Wrong })
        }
    }
}

impl Tried {
    /// For people.
    pub(crate) fn words(self, way: &Way) -> String {
        match self {
            Self::Right => format!("Tried: {way} is right, and login's lines and root's account let in."),
            Self::LookedAt => format!(
                "Looked at, not tried: {way}. sshd takes a key of root's from there without a code, and root's account \
                 and the account lines let in. Log in by it once yourself."
            ),
            Self::Wrong => format!("{way} does not let in."),
        }
    }
}
