//! What a service's stack must hold before it is called protected: nobody passes without our line,
//! somebody passes with it, and it claims no more than is so.

use std::fmt;
use std::io;

use super::line::Facility;
use super::root::Root;
use super::stack::{Act, Files, Place, Step};
use super::walk::{Answer, End, OURS, Ours, Walk, asks_for_factor};

/// What a stack comes to that holds all of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Proof {
    /// Whoever is asked for the second factor has shown a first one.
    pub(crate) attested: bool,
    /// Root passes without any (`pam_rootok`, or a line for root alone).
    pub(crate) root_passes: bool,
}

/// Why a stack does not protect, or locks out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// The files could not be read.
    Unread(String),
    /// A line that libpam cannot read, or a file that is missing: whoever comes there is refused.
    Broken(Place, String),
    /// There is no line of ours that asks.
    NotAsked,
    /// This way grants without asking us.
    Bypass(String),
    /// This way grants though we refused.
    RefusalIgnored(String),
    /// This way grants for a code alone: no first factor that is known.
    CodeAlone(String),
    /// No way grants with a right code.
    NobodyPasses,
    /// Who is not asked for a factor is refused.
    NotAskedRefused,
    /// A line says `first_factor=requisite`, but is come to with a wrong password as well.
    ClaimsTooMuch(Place),
    /// The account phase does not ask us.
    NoAccountLine,
    /// This way of the account phase leaves us out.
    AccountSkipped(String),
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unread(why) => write!(f, "the PAM files cannot be read: {why}"),
            Self::Broken(place, why) => write!(f, "{place}: {why}: everyone who comes here is refused"),
            Self::NotAsked => write!(f, "no auth line asks for the second factor"),
            Self::Bypass(way) => write!(f, "this way grants without a second factor: {way}"),
            Self::RefusalIgnored(way) => {
                write!(f, "this way grants though the second factor was refused: {way}")
            }
            Self::CodeAlone(way) => {
                write!(f, "this way grants for a code alone, without a first factor that is known: {way}")
            }
            Self::NobodyPasses => write!(f, "no way grants, even with the right code"),
            Self::NotAskedRefused => write!(f, "who is not asked for a second factor is refused"),
            Self::ClaimsTooMuch(place) => write!(
                f,
                "{place}: first_factor=requisite is not so here: this line is come to with a wrong password too"
            ),
            Self::NoAccountLine => {
                write!(f, "no account line of {OURS}.so: what a login proves is never settled")
            }
            Self::AccountSkipped(way) => write!(f, "this way of the account phase leaves {OURS} out: {way}"),
        }
    }
}

/// Services whose process is the caller's own, made root by its file: only there `pam_rootok` tells root from
/// others. A server of logins runs as root whoever comes.
const ROOT_IS_THE_CALLER: [&str; 4] = ["su", "su-l", "chsh", "chfn"];

/// Whether a way of the auth phase is one of root's alone, that asks root for no second factor. A name is not enough
/// for it: whoever says that they are root has to have shown a first factor.
pub(crate) fn is_roots(service: &str, end: &End) -> bool {
    let shown = end.seen.first || end.seen.key;
    end.seen.root == Root::Asks && ROOT_IS_THE_CALLER.contains(&service)
        || end.seen.root == Root::Enters && shown && end.seen.ours == Ours::Unasked
}

/// A way through the account phase that others than root can go, and on which we are not asked. Who has to renew a
/// password is let in once that is done. Root's own way, for the day on which mfad fails, is no flaw.
pub(crate) fn skips_account(walk: &Walk) -> Option<&End> {
    let lets_in = |end: &&End| (end.granted || end.renews) && end.seen.root != Root::Enters;
    walk.ends.iter().filter(lets_in).find(|end| end.seen.ours == Ours::Unasked)
}

/// Goes every way through a service's stack.
pub(crate) fn prove(files: &Files, service: &str) -> Result<Proof, Vec<Flaw>> {
    let read = |facility| files.stack(service, facility).map_err(|error| vec![unread(&error)]);
    let (auth, account) = (read(Facility::Auth)?, read(Facility::Account)?);
    let mut flaws = broken(&auth);
    flaws.extend(broken(&account));
    let walk = Walk::through(&auth);
    flaws.extend(flaws_of_auth(service, &auth, &walk));
    flaws.extend(flaws_of_account(&account));
    if !flaws.is_empty() {
        return Err(flaws);
    }
    let root_passes =
        walk.ends.iter().any(|end| end.granted && is_roots(service, end) && end.seen.ours == Ours::Unasked);
    Ok(Proof { attested: is_attested(&walk), root_passes })
}

fn unread(error: &io::Error) -> Flaw {
    Flaw::Unread(error.to_string())
}

/// Lines that refuse everyone.
fn broken(steps: &[Step]) -> Vec<Flaw> {
    let broken = |step: &Step| Some(Flaw::Broken(step.place.clone(), step.broken()?.to_owned()));
    steps.iter().filter_map(broken).collect()
}

/// Whether whoever comes to our line that asks has shown a first factor, or a key to sshd.
pub(crate) fn is_attested(walk: &Walk) -> bool {
    !walk.arrivals.is_empty()
        && walk.arrivals.iter().all(|arrival| arrival.unhurt && (arrival.seen.first || arrival.seen.key))
}

fn flaws_of_auth(service: &str, steps: &[Step], walk: &Walk) -> Vec<Flaw> {
    if !steps.iter().any(asks_for_factor) {
        return vec![Flaw::NotAsked];
    }
    let mut flaws = Vec::new();
    let granted: Vec<&End> = walk.ends.iter().filter(|end| end.granted && !is_roots(service, end)).collect();
    let one = |ours: Ours| granted.iter().find(|end| end.seen.ours == ours);
    if let Some(end) = one(Ours::Unasked) {
        flaws.push(Flaw::Bypass(way(steps, end)));
    }
    if let Some(end) = one(Ours::Refused) {
        flaws.push(Flaw::RefusalIgnored(way(steps, end)));
    }
    let alone = |end: &&&End| end.seen.ours == Ours::Passed && !end.seen.first && !end.seen.key;
    if let Some(end) = granted.iter().find(alone) {
        flaws.push(Flaw::CodeAlone(way(steps, end)));
    }
    if one(Ours::Passed).is_none() {
        flaws.push(Flaw::NobodyPasses);
    }
    if one(Ours::NotRequired).is_none() {
        flaws.push(Flaw::NotAskedRefused);
    }
    let claims = |step: &&Step| asks_for_factor(step) && step.has_argument("first_factor=requisite");
    if let Some(step) = steps.iter().find(claims).filter(|_| !is_attested(walk)) {
        flaws.push(Flaw::ClaimsTooMuch(step.place.clone()));
    }
    flaws
}

fn flaws_of_account(steps: &[Step]) -> Vec<Flaw> {
    if !steps.iter().any(|step| step.asks(OURS)) {
        return vec![Flaw::NoAccountLine];
    }
    let walk = Walk::through(steps);
    skips_account(&walk).map(|end| Flaw::AccountSkipped(way(steps, end))).into_iter().collect()
}

/// A way, for people: which lines answered what.
pub(crate) fn way(steps: &[Step], end: &End) -> String {
    let line = |&(at, answer): &(usize, Answer)| {
        let step = steps.get(at)?;
        let Act::Ask { module, .. } = &step.act else { return None };
        let said = match answer {
            Answer::Success => "succeeds",
            Answer::Ignore => "is left out",
            Answer::Renew => "wants a new password",
            Answer::Failure => "fails",
        };
        Some(format!("{module} ({}) {said}", step.place))
    };
    end.way.iter().filter_map(line).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::super::stack::tests::host;
    use super::*;

    const COMMON_AUTH: &str = "auth [success=1 default=ignore] pam_unix.so nullok\nauth requisite pam_deny.so\n\
                               auth required pam_permit.so\n";
    const COMMON_ACCOUNT: &str = "account [success=1 new_authtok_reqd=done default=ignore] pam_unix.so\n\
                                  account requisite pam_deny.so\naccount required pam_permit.so\n";
    const SYSTEM_AUTH: &str =
        "auth required pam_env.so\nauth sufficient pam_unix.so\nauth required pam_deny.so\n";

    fn proof(auth: &str, account: &str) -> Result<Proof, Vec<Flaw>> {
        proof_of("x", auth, account)
    }

    fn proof_of(service: &str, auth: &str, account: &str) -> Result<Proof, Vec<Flaw>> {
        let text = format!("{auth}{account}");
        let host = host(&[
            ("x", text.as_str()),
            ("su", text.as_str()),
            ("common-auth", COMMON_AUTH),
            ("common-account", COMMON_ACCOUNT),
            ("system-auth", SYSTEM_AUTH),
        ]);
        prove(&host, service)
    }

    const ACCOUNT: &str = "account required pam_mfa.so\n@include common-account\n";

    fn flaws(auth: &str) -> Vec<Flaw> {
        proof(auth, ACCOUNT).unwrap_err()
    }

    #[test]
    fn debians_include_and_our_lines_behind_and_before_protect() {
        let auth = "@include common-auth\nauth required pam_mfa.so first_factor=requisite\n";
        assert_eq!(proof(auth, ACCOUNT), Ok(Proof { attested: true, root_passes: false }));
        let root = format!("auth sufficient pam_rootok.so\n{auth}");
        assert_eq!(proof_of("su", &root, ACCOUNT), Ok(Proof { attested: true, root_passes: true }));
        // Elsewhere it is the server that is root, whoever comes.
        let found = proof(&root, ACCOUNT).unwrap_err();
        assert!(
            matches!(&found[0], Flaw::Bypass(way) if way.contains("pam_rootok (/etc/pam.d/x:1) succeeds")),
            "{found:?}"
        );
    }

    /// As the guide for administrators has it, for the day on which mfad fails.
    #[test]
    fn a_line_for_root_alone_is_a_way_of_roots() {
        const FOR_ROOT: &str = "sufficient pam_succeed_if.so quiet user = root\n";
        let auth = "@include common-auth\nauth required pam_mfa.so first_factor=requisite\n";
        let protects = |root_passes| Ok(Proof { attested: true, root_passes });
        assert_eq!(proof(auth, &format!("account {FOR_ROOT}{ACCOUNT}")), protects(false));
        let skipped = proof(auth, &format!("account {}{ACCOUNT}", FOR_ROOT.replace("= root", "= bob")));
        assert!(matches!(skipped.unwrap_err()[..], [Flaw::AccountSkipped(_)]));
        let after_password = auth.replace("auth required", &format!("auth {FOR_ROOT}auth required"));
        assert_eq!(proof(&after_password, ACCOUNT), protects(true));
        // Before it, root's name alone would let in.
        let found = proof(&format!("auth {FOR_ROOT}{auth}"), ACCOUNT).unwrap_err();
        assert!(matches!(found[..], [Flaw::Bypass(_)]), "{found:?}");
    }

    #[test]
    fn a_branch_for_keys_needs_no_counting() {
        let auth = "auth [success=ignore default=1] pam_mfa.so key-passed\n\
                    auth [success=done default=die] pam_mfa.so first_factor=requisite\n\
                    @include common-auth\nauth required pam_mfa.so first_factor=requisite\n";
        assert_eq!(proof(auth, ACCOUNT), Ok(Proof { attested: true, root_passes: false }));
    }

    #[test]
    fn on_red_hat_the_password_may_have_been_wrong() {
        let auth = "auth substack system-auth\nauth required pam_mfa.so\n";
        assert_eq!(proof(auth, ACCOUNT), Ok(Proof { attested: false, root_passes: false }));
        let claims = auth.replace("pam_mfa.so", "pam_mfa.so first_factor=requisite");
        assert!(matches!(flaws(&claims)[..], [Flaw::ClaimsTooMuch(_)]));
    }

    #[test]
    fn each_flaw_is_found() {
        let asks = "auth required pam_mfa.so\n";
        assert!(matches!(flaws("@include common-auth\n")[..], [Flaw::NotAsked]));
        let found = flaws(&format!("auth include system-auth\n{asks}"));
        assert!(
            matches!(&found[0], Flaw::Bypass(way) if way.contains("pam_unix (/etc/pam.d/system-auth:2) succeeds")),
            "{found:?}"
        );
        let found = flaws("@include common-auth\nauth optional pam_mfa.so\n");
        assert!(matches!(found[..], [Flaw::RefusalIgnored(_)]), "{found:?}");
        let found = flaws(asks);
        assert!(matches!(found[..], [Flaw::CodeAlone(_), Flaw::NotAskedRefused]), "{found:?}");
        let found = flaws(&format!("@include gone\n{asks}"));
        assert!(matches!(found[0], Flaw::Broken(..)), "{found:?}");
        let found = flaws(&format!("auth requisite pam_deny.so\n{asks}"));
        assert!(found.contains(&Flaw::NobodyPasses), "{found:?}");
        // The key alone, and the line that asks jumped over with it.
        let found =
            flaws("auth sufficient pam_mfa.so key-passed\n@include common-auth\nauth required pam_mfa.so\n");
        assert!(
            matches!(&found[0], Flaw::Bypass(way) if way.contains("pam_mfa (/etc/pam.d/x:1) succeeds")),
            "{found:?}"
        );
    }

    #[test]
    fn an_account_line_that_is_missing_or_left_out_is_a_flaw() {
        let auth = "@include common-auth\nauth required pam_mfa.so first_factor=requisite\n";
        assert_eq!(proof(auth, "@include common-account\n"), Err(vec![Flaw::NoAccountLine]));
        let after = "account sufficient pam_unix.so\naccount required pam_mfa.so\n";
        let found = proof(auth, after).unwrap_err();
        assert!(matches!(found[..], [Flaw::AccountSkipped(_)]), "{found:?}");
        // Whose password has to be changed is let in once it is, so that end counts too.
        let after = "@include common-account\naccount required pam_mfa.so\n";
        let found = proof(auth, after).unwrap_err();
        assert!(
            matches!(&found[..], [Flaw::AccountSkipped(way)] if way.contains("wants a new password")),
            "{found:?}"
        );
    }
}
