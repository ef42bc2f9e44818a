//! `mfactl status`: the caller's own account.

use mfa_proto::account::{Factor, Status};
use mfa_proto::identity::escaped;

use crate::bus::Bus;
use crate::cli::Shape;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::print::Out;
use crate::print::escape::shown;
use crate::print::json::StatusView;
use crate::print::time::{utc, utc_or_never};

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
        format!("Mode:     {}{}", shown(&status.mode), meaning(&status.mode)),
        format!("Time:     {} (the server's clock)", utc(status.time)),
    ];
    if status.factors.is_empty() {
        lines.push("Factors:  none; enrol one with `mfactl enroll`".to_owned());
    } else {
        lines.push("Factors:".to_owned());
        lines.extend(status.factors.iter().map(factor_line));
    }
    lines
}

/// One factor, for people.
pub(crate) fn factor_line(factor: &Factor) -> String {
    format!(
        "  {}: {} {}, {} digits, {} s{}\n      made {}, last used {}",
        shown(&factor.label),
        shown(&factor.kind),
        shown(&factor.algorithm),
        factor.digits,
        factor.period,
        if factor.disabled { "; DISABLED after too many wrong codes" } else { "" },
        utc(factor.created),
        utc_or_never(factor.last_used),
    )
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

    // S29
    #[test]
    fn an_account_without_a_factor_is_told_what_to_do() {
        let status = Status {
            user: b"al\x1b".to_vec(),
            mode: "optional".into(),
            factors: Vec::new(),
            codes: mfa_proto::account::Codes::default(),
            locked: false,
            grace_ends: 0,
            time: 0,
        };
        let text = lines(&status).join("\n");
        assert!(text.contains(r"al\x1b"), "{text}");
        assert!(text.contains("mfactl enroll"), "{text}");
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
        };
        assert_eq!(
            factor_line(&factor),
            "  phone: totp SHA1, 6 digits, 30 s; DISABLED after too many wrong codes\n      \
             made 1970-01-01 00:00:00 UTC, last used never"
        );
    }
}
