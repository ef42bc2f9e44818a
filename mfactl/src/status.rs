//! `mfactl status`: the caller's own account.

use mfa_proto::account::{Codes, Factor, Status};
use mfa_proto::identity::escaped;

use crate::bus::Bus;
use crate::cli::Shape;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::print::Out;
use crate::print::escape::shown;
use crate::print::json::StatusView;
use crate::print::time::{day, days_until, utc, utc_or_never};

/// Prints the account. An account without a factor is told by the exit code too.
pub(crate) async fn status(shape: Shape) -> Result<Exit, Failure> {
    let status = Bus::connect().await?.status().await?;
    let mut out = Out::stdout()?;
    if shape.json {
        out.json(&StatusView::from(&status))?;
    } else {
        for line in lines(&status) {
            out.line(&line)?;
        }
    }
    out.flush()?;
    Ok(if status.factors.is_empty() { Exit::NotEnrolled } else { Exit::Done })
}

fn lines(status: &Status) -> Vec<String> {
    let mut lines = vec![
        format!("User:     {}", escaped(&status.user)),
        format!("Mode:     {}", mode_words(&status.mode)),
        format!("Time:     {} (the server's clock)", utc(status.time)),
    ];
    if status.locked {
        lines.push("Locked:   YES, no code is accepted; ask an administrator to unlock it".to_owned());
    }
    if status.grace_ends > status.time {
        let (from, left) = (day(status.grace_ends), days_until(status.grace_ends, status.time));
        lines.push(format!("Grace:    a factor is required from {from}, {left} left"));
    }
    if status.factors.is_empty() {
        lines.push("Factors:  none; enrol one with `mfactl enroll`".to_owned());
    } else {
        lines.push("Factors:".to_owned());
        lines.extend(status.factors.iter().map(|factor| factor_line(factor, &status.allowed)));
    }
    if !status.factors.is_empty() || status.codes.made > 0 {
        lines.push(format!("Codes:    {}", codes_words(&status.codes, &status.allowed)));
    }
    if status.remembered > 0 {
        let places = if status.remembered == 1 {
            "1 place".to_owned()
        } else {
            format!("{} places", status.remembered)
        };
        lines.push(format!("Asked:    for no code from {places}; see `mfactl remembered list`"));
    }
    lines
}

/// The mode in force for somebody, for people.
pub(crate) fn mode_words(mode: &str) -> String {
    format!("{}{}", shown(mode), meaning(mode))
}

/// Whether the host takes that kind. An mfad that does not say what it takes takes all.
fn takes(allowed: &[String], kind: &str) -> bool {
    allowed.is_empty() || allowed.iter().any(|allowed| allowed == kind)
}

/// What is said of a factor of a kind that the host does not take.
fn not_taken(allowed: &[String], kind: &str) -> &'static str {
    if takes(allowed, kind) { "" } else { "; NOT ACCEPTED by this host" }
}

/// One factor, for people. `allowed`: the kinds that the host takes.
pub(crate) fn factor_line(factor: &Factor, allowed: &[String]) -> String {
    if factor.kind == "ssh_sk" {
        return key_line(factor, allowed);
    }
    let by = if factor.kind == "hotp" { "by counter".to_owned() } else { format!("{} s", factor.period) };
    format!(
        "  {}: {} {}, {} digits, {by}{}{}\n      made {}, last used {}",
        shown(&factor.label),
        shown(&factor.kind),
        shown(&factor.algorithm),
        factor.digits,
        if factor.disabled { "; DISABLED after too many wrong codes" } else { "" },
        not_taken(allowed, &factor.kind),
        utc(factor.created),
        utc_or_never(factor.last_used),
    )
}

/// A security key, which gives no codes.
fn key_line(key: &Factor, allowed: &[String]) -> String {
    format!(
        "  {}: ssh_sk {}, {}; opens logins over ssh without a code{}\n      {}, application {}\n      \
         made {}, last used {}",
        shown(&key.label),
        shown(&key.algorithm),
        if key.pin { "with PIN" } else { "no PIN" },
        not_taken(allowed, &key.kind),
        shown(&key.key),
        shown(&key.application),
        utc(key.created),
        utc_or_never(key.last_used),
    )
}

/// The backup codes, for people who may have to make new ones, where the host takes any.
pub(crate) fn codes_words(codes: &Codes, allowed: &[String]) -> String {
    if !takes(allowed, "backup") {
        return "not accepted by this host".to_owned();
    }
    if codes.left == 0 {
        let none = if codes.made == 0 { "none" } else { "none left" };
        return format!("{none}; `mfactl codes renew` makes a new set");
    }
    let weak = match codes.weak {
        0 => String::new(),
        weak => {
            format!("; {weak} of them WEAK, from another system: `mfactl codes renew` makes a new set")
        }
    };
    format!("{} left, made {}{weak}", codes.left, utc_or_never(codes.made))
}

fn meaning(mode: &str) -> &'static str {
    match mode {
        "off" => " (nobody is asked for a code)",
        "observe" => " (codes are judged and logged, and hinder nobody)",
        "optional" => " (whoever has a factor is asked for a code)",
        "required" => " (everybody is asked for a code)",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status() -> Status {
        Status {
            user: b"al\x1b".to_vec(),
            mode: "optional".into(),
            factors: Vec::new(),
            codes: Codes::default(),
            locked: false,
            allowed: Vec::new(),
            grace_ends: 0,
            time: 0,
            remembered: 0,
        }
    }

    // S29
    #[test]
    fn an_account_without_a_factor_is_told_what_to_do() {
        let text = lines(&status()).join("\n");
        assert!(text.contains(r"al\x1b"), "{text}");
        assert!(text.contains("mfactl enroll"), "{text}");
        for word in ["Codes:", "Locked:", "Grace:", "Asked:"] {
            assert!(!text.contains(word), "{text}");
        }
    }

    // S13, S14, S19
    #[test]
    fn what_hinders_the_user_soon_or_now_is_told() {
        let status = Status {
            locked: true,
            grace_ends: 1_795_424_700,
            time: 1_795_424_700 - 5 * 86_400,
            codes: Codes { left: 2, weak: 1, made: 5 },
            ..status()
        };
        let text = lines(&status).join("\n");
        assert!(text.contains("Locked:   YES"), "{text}");
        assert!(text.contains("required from 2026-11-23, 5 days left"), "{text}");
        assert!(text.contains("Codes:    2 left") && text.contains("1 of them WEAK"), "{text}");
        let over = Status { time: status.grace_ends, ..status };
        assert!(!lines(&over).join("\n").contains("Grace:"));
    }

    #[test]
    fn that_no_code_is_asked_somewhere_is_told() {
        let told = |remembered| lines(&Status { remembered, ..status() }).join("\n");
        assert!(told(1).contains("Asked:    for no code from 1 place; see"), "{}", told(1));
        assert!(told(2).contains("from 2 places;"), "{}", told(2));
    }

    #[test]
    fn codes_that_are_used_up_are_told_apart_from_none() {
        assert!(codes_words(&Codes::default(), &[]).starts_with("none; `mfactl codes renew`"));
        assert!(codes_words(&Codes { made: 5, ..Codes::default() }, &[]).starts_with("none left; "));
        let some = Codes { left: 9, weak: 0, made: 1_795_424_700 };
        assert_eq!(codes_words(&some, &["backup".into()]), "9 left, made 2026-11-23 09:05:00 UTC");
        assert_eq!(codes_words(&some, &["totp".into()]), "not accepted by this host");
    }

    #[test]
    fn a_disabled_factor_stands_out() {
        let factor = Factor {
            id: "00".into(),
            label: "phone".into(),
            kind: "totp".into(),
            algorithm: "SHA1".into(),
            digits: 6,
            period: 30,
            created: 0,
            last_used: 0,
            disabled: true,
            key: String::new(),
            application: String::new(),
            pin: false,
        };
        assert_eq!(
            factor_line(&factor, &["totp".into()]),
            "  phone: totp SHA1, 6 digits, 30 s; DISABLED after too many wrong codes\n      \
             made 1970-01-01 00:00:00 UTC, last used never"
        );
    }

    #[test]
    fn a_security_key_is_told_by_its_fingerprint() {
        let key = Factor {
            id: "00".into(),
            label: "yubi\x1bkey".into(),
            kind: "ssh_sk".into(),
            algorithm: "sk-ssh-ed25519@openssh.com".into(),
            digits: 0,
            period: 0,
            created: 0,
            last_used: 0,
            disabled: false,
            key: "SHA256:abc".into(),
            application: "ssh:".into(),
            pin: true,
        };
        assert_eq!(
            factor_line(&key, &[]),
            "  yubi\\x1bkey: ssh_sk sk-ssh-ed25519@openssh.com, with PIN; opens logins over ssh without a code\n      \
             SHA256:abc, application ssh:\n      made 1970-01-01 00:00:00 UTC, last used never"
        );
    }

    #[test]
    fn a_factor_by_counter_has_no_seconds() {
        let factor = Factor {
            id: "00".into(),
            label: "fob".into(),
            kind: "hotp".into(),
            algorithm: "SHA1".into(),
            digits: 6,
            period: 0,
            created: 0,
            last_used: 0,
            disabled: false,
            key: String::new(),
            application: String::new(),
            pin: false,
        };
        assert!(factor_line(&factor, &[]).starts_with("  fob: hotp SHA1, 6 digits, by counter\n"));
        let line = factor_line(&factor, &["totp".into()]);
        assert!(line.contains("by counter; NOT ACCEPTED by this host\n"), "{line}");
    }
}
