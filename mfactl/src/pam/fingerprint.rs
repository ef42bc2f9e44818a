//! The hash of what a host comes to: equal on hosts that let in alike, another where any line has another say.
//!
//! Over a text of one line a step, as libpam comes to it. Where a line is written makes no difference, and
//! comments make none. The text is versioned: hosts compare what they kept over releases.

use std::fs;
use std::path::Path;

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use super::control::Action;
use super::family::Family;
use super::gate;
use super::line::Facility;
use super::sshd::{CONFIG, Effective, Visitor};
use super::stack::{Act, Files, Step};

/// What the text begins with.
const FORM: &str = "mfactl pam 1\n";

/// What sshd does before PAM is asked.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gatekeeper {
    /// Its `AuthenticationMethods` for anybody.
    pub(crate) methods: String,
    /// What our file tells it.
    pub(crate) told: String,
}

impl Gatekeeper {
    /// As sshd is now.
    fn now() -> Self {
        let effective = Effective::of(Path::new(CONFIG), &Visitor::anybody());
        let methods = effective.map(|effective| effective.methods()).unwrap_or_default();
        Self { methods, told: fs::read_to_string(gate::OURS).unwrap_or_default() }
    }
}

/// Of what this host does with those services now.
pub(crate) fn now(family: &Family) -> String {
    let files = Files::of_this_host();
    let there = |name: &&String| files.of_service(name).is_ok_and(|found| found.is_some());
    let services: Vec<&str> = family.services.iter().filter(there).map(String::as_str).collect();
    let keeper = (family.name == "sshd").then(Gatekeeper::now);
    fingerprint(&files, &services, keeper.as_ref())
}

/// SHA-256 over the text: 64 hexadecimal digits.
pub(crate) fn fingerprint(files: &Files, services: &[&str], keeper: Option<&Gatekeeper>) -> String {
    HEXLOWER.encode(&Sha256::digest(text(files, services, keeper)))
}

fn text(files: &Files, services: &[&str], keeper: Option<&Gatekeeper>) -> String {
    let mut text = FORM.to_owned();
    for service in services {
        text.push_str(&format!("service {service}\n"));
        for facility in [Facility::Auth, Facility::Account] {
            for step in files.stack(service, facility).unwrap_or_default() {
                text.push_str(&format!("{facility} {} {}\n", step.level, said(&step)));
            }
        }
    }
    if let Some(Gatekeeper { methods, told }) = keeper {
        text.push_str(&format!("sshd {methods}\n"));
        for line in told.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
            text.push_str(&format!("sshd {line}\n"));
        }
    }
    text
}

fn said(step: &Step) -> String {
    match &step.act {
        Act::Ask { control, module, arguments } => {
            let actions: Vec<String> = control.all().iter().map(word).collect();
            let arguments: Vec<String> = arguments.iter().map(|argument| format!(" [{argument}]")).collect();
            format!("{} {module}{}", actions.join(","), arguments.concat())
        }
        Act::Enter => "substack".into(),
        Act::Fail { action, .. } => format!("fail {}", word(action)),
    }
}

fn word(action: &Action) -> String {
    match action {
        Action::Ignore => "ignore".into(),
        Action::Ok => "ok".into(),
        Action::Done => "done".into(),
        Action::Bad => "bad".into(),
        Action::Die => "die".into(),
        Action::Reset => "reset".into(),
        Action::Jump(lines) => lines.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::stack::tests::host;
    use super::*;

    const SUDO: &str =
        "auth required pam_unix.so nullok\nauth required pam_mfa.so\naccount required pam_mfa.so\n";

    fn of(sudo: &str, told: &str) -> String {
        let keeper = Gatekeeper { methods: "publickey".into(), told: told.into() };
        fingerprint(
            &host(&[("sudo", sudo), ("common", "auth required pam_unix.so nullok\n")]),
            &["sudo"],
            Some(&keeper),
        )
    }

    #[test]
    fn it_is_what_it_was_in_releases_before() {
        assert_eq!(
            of(SUDO, "UsePAM yes\n"),
            "2f2faf5e3ee80e87cc0d39129d3b0644bafd36c0c68691cd1fbabe6f500dfc7f"
        );
    }

    /// Root's way past the module, as `--break-glass-from` writes it: whoever else is let by is seen.
    #[test]
    fn a_line_for_root_alone_that_lets_others_by_is_another() {
        let line = "account [success=ignore default=1] pam_succeed_if.so quiet user = root\n";
        let with = |line: &str, more: &str| {
            let account = format!("{line}account [default=1] pam_mfa.so\naccount required");
            of(&SUDO.replace("account required", &account).replace("auth required pam_mfa", more), "")
        };
        let asks = "auth required pam_mfa";
        let kept = with(line, asks);
        for (from, to) in [
            ("= root", "!= root"),
            ("user = root", "uid = 0"),
            ("user = root", "user in root:alice"),
            ("success=ignore", "success=2"),
            ("success=ignore", "success=ok"),
            ("default=1", "default=2"),
            ("default=1", "default=ignore"),
            ("pam_succeed_if.so", "pam_localuser.so"),
            ("pam_succeed_if.so", "/tmp/pam_succeed_if.so"),
            ("quiet", "use_uid"),
        ] {
            assert!(line.contains(from), "{from}");
            assert_ne!(with(&line.replacen(from, to, 1), asks), kept, "{to}");
        }
        let in_auth = format!("{}{asks}", line.replace("account", "auth"));
        assert_ne!(with(line, &in_auth), kept);
    }

    #[test]
    fn where_a_line_is_written_makes_no_difference_and_what_it_says_does() {
        let same = SUDO.replace("auth required pam_unix.so nullok", "# x\n@include common");
        assert_eq!(of(&same, "UsePAM yes"), of(SUDO, "# As in /etc/ssh/x:7\n  UsePAM yes\n"));
        for other in [
            SUDO.replace("nullok", ""),
            SUDO.replace("auth required pam_mfa", "auth optional pam_mfa"),
            SUDO.replace("account required", "account requisite"),
            SUDO.replace("pam_mfa.so\naccount", "/tmp/x/pam_mfa.so\naccount"),
        ] {
            assert_ne!(of(&other, "UsePAM yes"), of(SUDO, "UsePAM yes"), "{other}");
        }
        assert_ne!(of(SUDO, "Match User x\nAuthenticationMethods publickey"), of(SUDO, ""));
    }
}
