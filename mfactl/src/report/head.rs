//! The head of a report: whose it is, and how far its record can be believed.

use mfa_proto::admin::AuditState;
use mfa_proto::rollout::InForce;
use serde::Serialize;

use crate::bus::Bus;
use crate::failure::Failure;
use crate::print::Out;
use crate::print::escape::shown;
use crate::print::time::{iso, utc};

/// See the module.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Head {
    /// The host's name.
    host: String,
    /// mfad's version.
    version: String,
    /// mfad's time, Unix seconds.
    pub(super) time: u64,
    /// SHA-256 of the settings in force, hexadecimal.
    settings: String,
    /// The mode of the host.
    mode: String,
    /// The audit's chain.
    pub(super) audit: Chain,
}

/// What became of verifying it.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Chain {
    /// Whether each row follows from the one before.
    pub(super) intact: bool,
    /// Up to this row it does.
    verified: u64,
    /// The first row that does not; 0: none.
    broken_at: u64,
    /// The head of the chain, hexadecimal.
    head: String,
}

/// A report whose rows are all of one kind.
#[derive(Serialize)]
pub(super) struct Whole<'a, R> {
    #[serde(flatten)]
    pub(super) head: &'a Head,
    pub(super) rows: &'a [R],
}

impl Head {
    /// Asks mfad, and has the whole audit verified.
    pub(super) async fn of(bus: &Bus) -> Result<Self, Failure> {
        let (in_force, audit) = (bus.in_force().await?, bus.audit_verify().await?);
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        Ok(Self::put_together(host.trim(), &in_force, &audit))
    }

    pub(super) fn put_together(host: &str, in_force: &InForce, audit: &AuditState) -> Self {
        Self {
            host: shown(host),
            version: shown(&in_force.version),
            time: in_force.time,
            settings: shown(&in_force.settings),
            mode: shown(&in_force.mode),
            audit: Chain {
                intact: audit.intact,
                verified: if audit.intact { audit.rows } else { audit.broken_at.saturating_sub(1) },
                broken_at: audit.broken_at,
                head: shown(&audit.head),
            },
        }
    }

    /// For people.
    pub(super) fn lines(&self) -> [String; 3] {
        let Self { host, version, settings, mode, audit, .. } = self;
        let chain = if audit.intact {
            format!("intact, verified up to row {}, head {}", audit.verified, short(&audit.head))
        } else {
            format!("NOT INTACT from row {} on: do not trust what follows from it", audit.broken_at)
        };
        [
            format!("Host:      {host}, mfad {version}, {}", utc(self.time)),
            format!("Settings:  mode {mode}, SHA-256 {}", short(settings)),
            format!("Audit:     {chain}"),
        ]
    }

    /// Comma-separated values. The head is in each row: so any reader takes them, and those of many hosts stay apart
    /// in one file.
    pub(super) fn csv(&self, out: &mut Out, columns: &[&str], rows: &[Vec<String>]) -> std::io::Result<()> {
        let named = ["host", "version", "time", "settings", "audit"].iter().chain(columns);
        out.csv(&named.map(|name| (*name).to_owned()).collect::<Vec<_>>())?;
        let audit = if self.audit.intact {
            format!("intact up to {}", self.audit.verified)
        } else {
            format!("broken at {}", self.audit.broken_at)
        };
        let head =
            [self.host.clone(), self.version.clone(), iso(self.time), self.settings.clone(), audit].to_vec();
        if rows.is_empty() {
            return out.csv(&[head, vec![String::new(); columns.len()]].concat());
        }
        rows.iter().try_for_each(|row| out.csv(&[&head[..], row].concat()))
    }
}

/// As much of a hash as a line holds; --json and --csv have all of it.
fn short(hash: &str) -> String {
    let begin: String = hash.chars().take(16).collect();
    if begin.len() < hash.len() { format!("{begin}...") } else { begin }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::report) fn head() -> Head {
        let in_force =
            InForce { version: "1.0".into(), settings: "ab".into(), mode: "required".into(), time: 7 };
        Head::put_together(
            "web1",
            &in_force,
            &AuditState { intact: true, rows: 9, broken_at: 0, head: "ff".into() },
        )
    }

    #[test]
    fn a_broken_chain_is_said_before_anything_else() {
        let audit = AuditState { intact: false, rows: 9, broken_at: 4, head: "ff".into() };
        let head = Head::put_together("web1", &InForce::default(), &audit);
        assert!(head.lines()[2].contains("NOT INTACT from row 4"));
        assert_eq!(head.audit.verified, 3);
    }
}
