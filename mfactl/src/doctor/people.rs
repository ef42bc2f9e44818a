//! The people: who has no factor, who has but one, whose account outlived them.

use mfa_proto::admin::UserRow;
use mfa_proto::identity::escaped;

use super::finding::{Finding, Report};
use super::host::Host;
use super::kind::Kind;
use super::mend::{self, Mend};
use crate::print::time::utc;
use crate::user::host::OnHost;

/// How long before its end grace is told of, in seconds: a week.
const SOON: u64 = 7 * 86_400;

/// Looks at all of them.
pub(super) async fn look(host: &Host, report: &mut Report) {
    if host.silent.is_some() {
        return; // told of already
    }
    let before = report.findings.len();
    let mode = host.setting("policy", "mode").and_then(toml::Value::as_str).unwrap_or("?");
    for person in &host.people {
        let is_theirs =
            |row: &&UserRow| row.factors > 0 && (row.name == person.name || row.uid == person.uid);
        // Whoever cannot log in by a password of this host is no way in: but a key may be, or a directory.
        if host.accounts.iter().any(|row| is_theirs(&row)) || person.uid == 0 {
            continue;
        }
        let name = escaped(&person.name);
        report.found(Finding {
            kind: Kind::WithoutFactor,
            subject: name.clone(),
            spot: None,
            detail: format!("mode {mode}"),
            mend: Mend::ByHand(format!("mfactl user invite {} --reason TEXT", mend::quoted(&name))),
        });
    }
    if report.findings.len() > before {
        grace(host, report).await;
    }
    for row in &host.accounts {
        let name = escaped(&row.name);
        let whose = mend::quoted(&name);
        match OnHost::of(&row.name, row.uid) {
            OnHost::Gone | OnHost::OtherUid(_) => report.found(Finding {
                kind: Kind::AccountGone,
                subject: name,
                spot: None,
                detail: String::new(),
                mend: Mend::ByHand(format!("mfactl user remove {whose} --reason TEXT")),
            }),
            OnHost::Unknown(why) => {
                report.cannot_look(
                    &format!("user-{name}"),
                    why,
                    Mend::ByHand(format!("getent passwd {whose}")),
                );
            }
            // Not by root in their name: that would run their login files, and show root their codes.
            OnHost::Here if row.factors == 1 && row.codes == 0 => report.found(Finding {
                kind: Kind::SingleFactor,
                subject: name,
                spot: None,
                detail: String::new(),
                mend: Mend::ByHand(format!("ask {whose} to run: mfactl codes renew")),
            }),
            OnHost::Here => {}
        }
    }
}

/// Whether those without a factor are soon refused.
async fn grace(host: &Host, report: &mut Report) {
    let Some(bus) = &host.bus else { return };
    let status = match bus.status().await {
        Ok(status) => status,
        Err(failure) => return report.cannot_look("grace", failure, Mend::ByHand("mfactl status".into())),
    };
    let left = status.grace_ends.saturating_sub(status.time);
    if status.grace_ends > 0 && left < SOON {
        report.found(Finding {
            kind: Kind::GraceEnds,
            subject: "grace".into(),
            spot: None,
            detail: format!("on {}", utc(status.grace_ends)),
            mend: Mend::ByHand("mfactl user list --not-enrolled".into()),
        });
    }
}
