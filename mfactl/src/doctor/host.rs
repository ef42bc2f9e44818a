//! What doctor looks at, read once: the services that ask, the people, the settings, mfad's own answers.

use std::time::Duration;

use mfa_proto::admin::UserRow;

use super::finding::Report;
use super::mend::Mend;
use crate::bus::Bus;
use crate::failure::Failure;
use crate::pam::clock::Stopwatch;
use crate::pam::family::Family;
use crate::pam::line::Facility;
use crate::pam::stack::{Files, Step};
use crate::pam::walk::{OURS, asks_for_factor};
use crate::user::host::{Person, people};
use crate::user::list::each;

/// An answer that takes longer does not come.
const HANGS: Duration = Duration::from_secs(5);

/// A service, with what libpam goes through for it.
pub(super) struct Service {
    /// Its name.
    pub(super) name: String,
    /// Its auth lines.
    pub(super) auth: Vec<Step>,
    /// Its account lines.
    pub(super) account: Vec<Step>,
}

impl Service {
    /// Whether it asks for a factor.
    pub(super) fn asks(&self) -> bool {
        self.auth.iter().any(asks_for_factor)
    }

    /// Whether any line of it is ours.
    pub(super) fn names_us(&self) -> bool {
        self.auth.iter().chain(&self.account).any(|step| step.asks(OURS))
    }

    /// Whether its account phase asks mfad about logins that were not asked for a code.
    pub(super) fn enforces(&self) -> bool {
        self.account.iter().any(|step| step.asks(OURS) && step.has_argument("account_enforce"))
    }
}

/// This host.
pub(super) struct Host {
    /// Its PAM files.
    pub(super) files: Files,
    /// The services that people come by: no files that others include, none that runs by itself.
    pub(super) services: Vec<Service>,
    /// The people of `/etc/passwd`.
    pub(super) people: Vec<Person>,
    /// The settings, all files merged; none where they cannot be read.
    pub(super) settings: Option<toml::Table>,
    /// A connection to mfad, where it answers.
    pub(super) bus: Option<Bus>,
    /// The accounts that mfad has.
    pub(super) accounts: Vec<UserRow>,
    /// Why mfad did not tell them.
    pub(super) silent: Option<Failure>,
}

impl Host {
    /// Looks around; what cannot be read is told of.
    pub(super) async fn look(report: &mut Report) -> Self {
        let files = Files::of_this_host();
        let mut services = Vec::new();
        for name in files.services() {
            if Family::of(name.as_ref()).is_err() {
                continue;
            }
            match (files.stack(&name, Facility::Auth), files.stack(&name, Facility::Account)) {
                (Ok(auth), Ok(account)) => services.push(Service { name, auth, account }),
                (Err(error), _) | (_, Err(error)) => {
                    report.cannot_look(&format!("pam-{name}"), error, Mend::apply(&name));
                }
            }
        }
        let people = people().unwrap_or_else(|failure| {
            report.cannot_look("people", failure, Mend::ByHand("getent passwd".into()));
            Vec::new()
        });
        let clock = Stopwatch::start();
        let mut told = ask().await;
        // One that was just being started anew has hung up; one that hangs was waited for.
        if told.is_err() && clock.elapsed() < HANGS {
            told = ask().await;
        }
        let (bus, accounts, silent) = match told {
            Ok((bus, accounts)) => (Some(bus), accounts, None),
            Err(failure) => (None, Vec::new(), Some(failure)),
        };
        let settings = super::settings::read();
        Self { files, services, people, settings, bus, accounts, silent }
    }

    /// The service of that name.
    pub(super) fn service(&self, name: &str) -> Option<&Service> {
        self.services.iter().find(|service| service.name == name)
    }

    /// Whether that service asks for a factor.
    pub(super) fn asks(&self, name: &str) -> bool {
        self.service(name).is_some_and(Service::asks)
    }

    /// A setting of that section; none: not set, or unread.
    pub(super) fn setting(&self, section: &str, key: &str) -> Option<&toml::Value> {
        self.settings.as_ref()?.get(section)?.get(key)
    }

    /// Whether the policy refuses logins over SSH that showed no factor.
    pub(super) fn policy_enforces(&self) -> bool {
        // By its name, or by the one that it had.
        ["enforce_account", "account_enforce"].iter().any(|key| {
            let services = self.setting("policy", key).and_then(toml::Value::as_array);
            services.is_some_and(|services| services.iter().any(|name| name.as_str() == Some("sshd")))
        })
    }

    /// Whether a login over SSH by key alone is refused in the account phase.
    pub(super) fn enforced_at_sshd(&self) -> bool {
        self.policy_enforces() && self.service("sshd").is_some_and(Service::enforces)
    }
}

/// mfad's accounts.
async fn ask() -> Result<(Bus, Vec<UserRow>), Failure> {
    let bus = Bus::connect().await?;
    let mut accounts = Vec::new();
    let listed = each(&bus, |row| {
        accounts.push(row.clone());
        Ok(())
    });
    listed.await?;
    Ok((bus, accounts))
}
