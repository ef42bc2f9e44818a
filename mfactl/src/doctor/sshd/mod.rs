//! sshd before a stack that asks: what holds there is asked of sshd itself (`sshd -T`), for somebody of each
//! `Match` block, for root, and for anybody else.

mod change;
mod guests;
mod holds;
mod look;

use std::path::Path;

use self::change::set;
use self::guests::{Guest, guests};
use self::holds::Holds;
pub(super) use self::look::look;
use super::finding::{Finding, Report, Spot};
use super::host::Host;
use super::kind::Kind;
use super::mend::Mend;
use crate::pam::glass::roots_key;
use crate::pam::sshd::{CONFIG, Config, Effective};
use crate::run;

/// What sshd told, for everyone who was asked about.
pub(super) struct Sshd {
    config: Config,
    asked: Vec<(Guest, Holds)>,
}

impl Sshd {
    /// Asks; nothing where there is no sshd.
    pub(super) fn ask(host: &Host, report: &mut Report) -> Option<Self> {
        run::find("sshd")?;
        let config = Config::read(Path::new(CONFIG), None).unwrap_or_else(|why| {
            report.cannot_look("sshd-config", why, Mend::ByHand("sshd -t".into()));
            Config::default()
        });
        let mut asked = Vec::new();
        for guest in guests(host, &config, report) {
            match Effective::of(Path::new(CONFIG), &guest.visitor) {
                Ok(effective) => asked.push((guest, Holds(effective))),
                Err(why) => {
                    refused(&why, &config, report);
                    return None;
                }
            }
        }
        Some(Self { config, asked })
    }

    /// Where it looks for keys, where it takes those that were not touched: `AuthorizedKeysFile`.
    pub(super) fn key_files(&self) -> Option<&str> {
        let (_, holds) = self.asked.first()?;
        (!holds.asks_for_touch()).then(|| holds.get("authorizedkeysfile"))
    }

    /// The program that says which keys it takes, where it may take them untouched, and what forbids that.
    pub(super) fn keys_by_command(&self) -> Option<(String, Spot, Mend)> {
        let program = |holds: &Holds| holds.get("authorizedkeyscommand").to_owned();
        let is_told = |holds: &&Holds| !matches!(holds.get("authorizedkeyscommand"), "" | "none");
        let mut all = self.asked.iter().map(|(_, holds)| holds).filter(is_told);
        let holds = all.find(|holds| !holds.asks_for_touch())?;
        let now = holds.get("pubkeyauthoptions");
        let better = match now {
            "" | "none" => "touch-required".to_owned(),
            others => format!("{others},touch-required"),
        };
        let (spot, mend) = set(&self.config, "PubkeyAuthOptions", now, &better);
        Some((program(holds), spot, mend))
    }

    /// Whether root comes in by key alone, from anywhere or from a network of its own.
    pub(super) fn root_by_key(&self) -> bool {
        self.asked.iter().any(|(guest, holds)| guest.visitor.user == "root" && holds.root_by_key())
    }

    /// Whether root has a key here, and comes in by it from nowhere.
    fn roots_key_is_of_no_use(&self) -> bool {
        self.root_has_key() && !self.root_by_key()
    }

    /// Whether root has a key here.
    pub(super) fn root_has_key(&self) -> bool {
        self.asked.first().is_some_and(|(_, holds)| roots_key(&holds.0))
    }
}

/// sshd does not say what holds: for a fault of its settings, or because it cannot.
fn refused(why: &str, config: &Config, report: &mut Report) {
    // What AuthenticationMethods wants is switched off: sshd says so, and no more.
    if why.contains("Disabled method \"keyboard-interactive\"") {
        let (spot, mend) = set(config, "KbdInteractiveAuthentication", "no", "yes");
        return report.found(Finding {
            kind: Kind::KbdInteractiveOff,
            subject: "sshd".into(),
            spot: Some(spot),
            detail: why.lines().last().unwrap_or_default().into(),
            mend,
        });
    }
    let place = why.split_once(" line ").and_then(|(file, rest)| {
        let file = file.rsplit([' ', '\n']).next()?.trim_end_matches(':');
        let line = rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()?;
        file.starts_with('/').then(|| Spot { file: file.into(), line: Some(line) })
    });
    let Some(spot) = place else {
        return report.cannot_look("sshd", why, Mend::ByHand("sshd -T".into()));
    };
    let mend = Mend::edit(&spot);
    report.found(Finding {
        kind: Kind::SshdConfigBroken,
        subject: "sshd".into(),
        spot: Some(spot),
        detail: why.lines().next().unwrap_or_default().into(),
        mend,
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_sshd_does_not_take_is_found_in_its_words() {
        let mut report = Report::default();
        refused(
            "/etc/ssh/sshd_config: line 7: Bad configuration option: Foo\r\nmore",
            &Config::default(),
            &mut report,
        );
        let found = &report.findings[0];
        assert_eq!((found.kind, found.spot.as_ref().unwrap().line), (Kind::SshdConfigBroken, Some(7)));
        refused("Missing privilege separation directory: /run/sshd", &Config::default(), &mut report);
        assert_eq!(report.findings[1].kind, Kind::CannotLook);
    }
}
