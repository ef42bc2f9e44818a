//! The people: who has no factor, who has but one, whose account outlived them.

use mfa_proto::identity::escaped;
use mfa_proto::rollout::{ASKED_AT_ONCE, Person as Standing};

use super::finding::{Finding, Report};
use super::host::Host;
use super::kind::Kind;
use super::mend::{self, Mend};
use crate::bus::Bus;
use crate::failure::Failure;
use crate::print::escape::shown;
use crate::print::time::utc;
use crate::user::host::{OnHost, Person};

/// How long before its end grace is told of, in seconds: a week.
const SOON: u64 = 7 * 86_400;

/// Looks at all of them.
pub(super) async fn look(host: &Host, report: &mut Report) {
    let Some(bus) = &host.bus else { return }; // told of already
    match unready(bus, &host.people).await {
        Ok((unready, now)) => without_factor(&unready, now, report),
        Err(failure) => {
            report.cannot_look("coverage", failure, Mend::ByHand("mfactl report coverage".into()));
        }
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

/// The people without a factor that counts, as mfad sees each of them, but for those who need none; and its time.
async fn unready(bus: &Bus, people: &[Person]) -> Result<(Vec<Standing>, u64), Failure> {
    let names: Vec<&[u8]> = people.iter().map(|person| person.name.as_slice()).collect();
    let mut unready = Vec::new();
    for some in names.chunks(ASKED_AT_ONCE) {
        unready.extend(bus.coverage(some).await?);
    }
    // A root who cannot log in by a password of this host is no way in: but a key may be, or a directory.
    let lacks = |person: &Standing| matches!(person.standing.as_str(), "not_enrolled" | "unusable");
    unready.retain(|person| lacks(person) && person.uid != 0);
    Ok((unready, bus.in_force().await?.time))
}

/// Tells of them, and whether some are soon refused.
fn without_factor(unready: &[Standing], now: u64, report: &mut Report) {
    for person in unready {
        let name = escaped(&person.name);
        let (mode, whom) = (shown(&person.mode), mend::quoted(&name));
        let (detail, mend) = if person.standing == "unusable" {
            // Who has had one is recovered, not invited.
            let recover = format!("mfactl user recover {whom} --verified-by TEXT");
            (format!("mode {mode}, and no factor that this host takes"), recover)
        } else {
            (format!("mode {mode}"), format!("mfactl user invite {whom} --reason TEXT"))
        };
        report.found(Finding {
            kind: Kind::WithoutFactor,
            subject: name,
            spot: None,
            detail,
            mend: Mend::ByHand(mend),
        });
    }
    // Each part of the policy has a grace of its own, and not everybody has any.
    let first = unready.iter().map(|person| person.grace_ends).filter(|ends| *ends > 0).min();
    if let Some(ends) = first.filter(|ends| ends.saturating_sub(now) < SOON) {
        report.found(Finding {
            kind: Kind::GraceEnds,
            subject: "grace".into(),
            spot: None,
            detail: format!("on {}", utc(ends)),
            mend: Mend::ByHand("mfactl user list --not-enrolled".into()),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(name: &str, grace_ends: u64) -> Standing {
        Standing { name: name.into(), mode: "required".into(), grace_ends, ..Standing::default() }
    }

    // S19
    #[test]
    fn the_first_grace_that_ends_is_told_of_a_week_before() {
        let told = |people: &[Standing]| {
            let mut report = Report::default();
            without_factor(people, 1_000_000, &mut report);
            report.findings.iter().map(|finding| finding.kind.id()).collect::<Vec<_>>()
        };
        let (none, far, near) = (person("al", 0), person("bo", 1_000_000 + SOON), person("cy", 1_000_007));
        assert_eq!(told(&[none.clone(), far.clone()]), ["without-factor"; 2]);
        assert_eq!(
            told(&[none, far, near]),
            ["without-factor", "without-factor", "without-factor", "grace-ends"]
        );
        assert_eq!(told(&[]), [""; 0]);
    }
}
