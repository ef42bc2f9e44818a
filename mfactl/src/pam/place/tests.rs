use super::*;
use crate::pam::stack::tests::host;

fn place(files: &Files, service: &str, first: First, replace: Option<&str>) -> Result<Placed, Unplaced> {
    super::place(files, service, Wanted { first, replace, glass: Glass::Whole })
}

/// As Debian ships them.
const COMMON_AUTH: &str = "auth [success=1 default=ignore] pam_unix.so nullok\nauth requisite pam_deny.so\n\
                           auth required pam_permit.so\n";
const COMMON_ACCOUNT: &str = "account [success=1 new_authtok_reqd=done default=ignore] pam_unix.so\n\
                              account requisite pam_deny.so\naccount required pam_permit.so\n";
const SSHD: &str = "@include common-auth\naccount required pam_nologin.so\n@include common-account\n";
const SU: &str = "auth sufficient pam_rootok.so\nsession required pam_env.so\n@include common-auth\n@include common-account\n";

fn debian(more: &[(&str, &str)]) -> Files {
    host(&[&[("common-auth", COMMON_AUTH), ("common-account", COMMON_ACCOUNT)], more].concat())
}

fn text(placed: &Placed) -> String {
    let change = placed.change.as_ref().expect("a change");
    String::from_utf8(change.after.clone().expect("a text")).unwrap()
}

/// The lines that are not comments.
fn lines(placed: &Placed) -> Vec<String> {
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    text(placed).lines().filter(|line| !line.starts_with('#')).map(words).collect()
}

#[test]
fn on_debian_it_stands_behind_the_include_and_before_the_account_lines() {
    let host = debian(&[("sudo", SSHD)]);
    let placed = place(&host, "sudo", First::Password, None).unwrap();
    assert_eq!(
        lines(&placed),
        [
            "@include common-auth",
            "auth required pam_mfa.so first_factor=requisite",
            "account required pam_mfa.so",
            "account required pam_nologin.so",
            "@include common-account",
        ]
    );
    assert!(placed.proof.attested);
    assert_eq!(without_us(&text(&placed)).unwrap(), SSHD);
}

#[test]
fn a_second_run_changes_nothing() {
    for (service, first) in [("sudo", First::Password), ("sshd", First::Either), ("sshd", First::Key)] {
        let host = debian(&[(service, SSHD)]);
        let once = text(&place(&host, service, first, None).unwrap());
        let again = host.with(&Path::new(FOLDER).join(service), Some(once.into_bytes()));
        assert!(place(&again, service, first, None).unwrap().change.is_none(), "{service} {first:?}");
    }
}

#[test]
fn at_sshd_who_shows_a_key_has_a_branch_of_its_own() {
    let placed = place(&debian(&[("sshd", SSHD)]), "sshd", First::Either, None).unwrap();
    assert_eq!(
        lines(&placed)[..4],
        [
            "auth [success=ignore default=1] pam_mfa.so key-passed",
            "auth [success=done default=die] pam_mfa.so first_factor=requisite",
            "@include common-auth",
            "auth required pam_mfa.so first_factor=requisite",
        ]
    );
    let key = place(&debian(&[("sshd", SSHD)]), "sshd", First::Key, None).unwrap();
    assert_eq!(
        lines(&key)[..2],
        [
            "auth [success=ok default=die] pam_mfa.so key-passed",
            "auth required pam_mfa.so first_factor=requisite"
        ]
    );
    assert_eq!(without_us(&text(&key)).unwrap(), SSHD);
}

#[test]
fn root_by_key_needs_no_module_and_everybody_else_does() {
    let sshd = debian(&[("sshd", SSHD)]);
    let wanted = Wanted { first: First::Either, replace: None, glass: Glass::RootsKey };
    let placed = super::place(&sshd, "sshd", wanted).unwrap();
    assert_eq!(
        lines(&placed)[4..7],
        [
            "account [success=ignore default=1] pam_succeed_if.so quiet user = root",
            "account [default=1] pam_mfa.so",
            "account required pam_mfa.so",
        ]
    );
    assert_eq!(without_us(&text(&placed)).unwrap(), SSHD);
    let again = sshd.with(&Path::new(FOLDER).join("sshd"), Some(text(&placed).into_bytes()));
    assert!(super::place(&again, "sshd", wanted).unwrap().change.is_none());
}

#[test]
fn root_passes_at_su_and_su_l_includes_su() {
    let host = debian(&[("su", SU), ("su-l", "auth include su\naccount include su\n")]);
    let placed = place(&host, "su", First::Password, None).unwrap();
    assert!(placed.proof.root_passes && placed.proof.attested);
    let change = placed.change.unwrap();
    let host = host.with(&change.file, change.after);
    assert!(place(&host, "su-l", First::Password, None).unwrap().change.is_none());
}

const SYSTEM_AUTH: &str = "auth required pam_env.so\nauth sufficient pam_unix.so\nauth required pam_deny.so\n\
                           account required pam_unix.so\n";

#[test]
fn on_red_hat_an_include_becomes_a_substack() {
    let sudo = "#%PAM-1.0\nauth       include      system-auth\naccount    include      system-auth\n";
    let host = host(&[("sudo", sudo), ("system-auth", SYSTEM_AUTH)]);
    let placed = place(&host, "sudo", First::Password, None).unwrap();
    assert_eq!(
        lines(&placed),
        [
            "auth substack system-auth",
            "auth required pam_mfa.so",
            "account required pam_mfa.so",
            "account include system-auth"
        ]
    );
    assert!(!placed.proof.attested);
    assert_eq!(without_us(&text(&placed)).unwrap(), sudo);
}

#[test]
fn on_suse_the_shipped_file_is_copied_first() {
    let shipped = "auth include common-auth\naccount include common-account\n";
    let suse = "auth required pam_env.so\nauth required pam_unix.so try_first_pass\n";
    let host = host(&[("common-auth", suse), ("common-account", "account required pam_unix.so\n")])
        .with(Path::new("/usr/lib/pam.d/sudo"), Some(shipped.into()));
    let placed = place(&host, "sudo", First::Password, None).unwrap();
    let change = placed.change.as_ref().unwrap();
    assert_eq!((change.file.as_path(), &change.before), (Path::new("/etc/pam.d/sudo"), &None));
    assert_eq!(lines(&placed)[..2], ["auth include common-auth", "auth required pam_mfa.so"]);
}

#[test]
fn on_arch_it_goes_through_three_files() {
    let host = host(&[
        ("sshd", "auth include system-remote-login\naccount include system-remote-login\n"),
        ("system-remote-login", "auth include system-login\naccount include system-login\n"),
        (
            "system-login",
            "auth required pam_shells.so\nauth include system-auth\naccount include system-auth\n",
        ),
        (
            "system-auth",
            "auth required pam_faillock.so preauth\n-auth [success=2 default=ignore] pam_systemd_home.so\n\
                         auth [success=1 default=bad] pam_unix.so try_first_pass nullok\n\
                         auth [default=die] pam_faillock.so authfail\nauth optional pam_permit.so\n\
                         auth required pam_env.so\naccount required pam_unix.so\n",
        ),
    ]);
    let placed = place(&host, "sshd", First::Password, None).unwrap();
    assert_eq!(lines(&placed)[1], "auth required pam_mfa.so");
    // pam_shells may have failed before, and the stack goes on.
    assert!(!placed.proof.attested);
}

#[test]
fn another_module_makes_way() {
    for (module, arguments) in
        [("pam_google_authenticator", "nullok"), ("pam_oath", "usersfile=/etc/users.oath window=20 digits=6")]
    {
        let with = |arguments: &str| {
            format!("@include common-auth\nauth required {module}.so {arguments}\n@include common-account\n")
        };
        let theirs = with(arguments);
        let placed = place(&debian(&[("sshd", &theirs)]), "sshd", First::Password, Some(module)).unwrap();
        assert_eq!(
            lines(&placed)[..3],
            [
                "@include common-auth",
                "auth required pam_mfa.so first_factor=requisite",
                "account required pam_mfa.so"
            ]
        );
        assert_eq!(without_us(&text(&placed)).unwrap(), theirs);
        for one_field in ["forward_pass", "use_first_pass"] {
            let host = debian(&[("sshd", &with(&format!("{arguments} {one_field}")))]);
            let refused = place(&host, "sshd", First::Password, Some(module));
            assert!(matches!(refused, Err(Unplaced::OneField(_))), "{module} {one_field}");
        }
        let refused = place(&debian(&[("sshd", SSHD)]), "sshd", First::Password, Some(module));
        assert!(matches!(refused, Err(Unplaced::NotThere(_))), "{module}");
    }
}

/// `AuthenticationMethods publickey,keyboard-interactive`: the stack itself has to ask for no password.
#[test]
fn where_a_key_comes_first_another_module_makes_way_and_the_password_too() {
    let google = "auth required pam_google_authenticator.so\n@include common-account\n";
    let ours = [
        "auth [success=ok default=die] pam_mfa.so key-passed",
        "auth required pam_mfa.so first_factor=requisite",
        "account required pam_mfa.so",
    ];
    // As the usual set-up with keys has it, and one that asks for all three.
    let alone = format!("#@include common-auth\n{google}");
    let both = format!("@include common-auth\nauth optional pam_env.so\n{google}");
    for theirs in [&alone, &both] {
        let host = debian(&[("sshd", theirs.as_str())]);
        let placed = place(&host, "sshd", First::Key, Some("pam_google_authenticator")).unwrap();
        assert!(placed.proof.attested);
        let lines: Vec<String> =
            lines(&placed).into_iter().filter(|line| !line.contains("pam_env")).collect();
        assert_eq!(lines[..3], ours, "{theirs}");
        assert_eq!(without_us(&text(&placed)).unwrap(), *theirs);
        let again = host.with(&Path::new(FOLDER).join("sshd"), Some(text(&placed).into_bytes()));
        for replace in [Some("pam_google_authenticator"), None] {
            assert!(place(&again, "sshd", First::Key, replace).unwrap().change.is_none(), "{theirs}");
        }
    }
    // Without a key there is no first factor in the first: the code alone would do.
    for first in [First::Password, First::Either] {
        let refused = place(&debian(&[("sshd", &alone)]), "sshd", first, Some("pam_google_authenticator"));
        assert!(matches!(refused, Err(Unplaced::NotProved(_))), "{first:?}");
    }
    // A line that brings the account lines as well is not taken out.
    let all = format!("{COMMON_AUTH}{COMMON_ACCOUNT}");
    for theirs in ["@include all\n".to_owned(), format!("@include all\n{google}")] {
        let replace = theirs.contains("google").then_some("pam_google_authenticator");
        let refused = place(&debian(&[("sshd", &theirs), ("all", &all)]), "sshd", First::Key, replace);
        assert!(matches!(refused, Err(Unplaced::BringsMore(1))), "{theirs}");
    }
    // Two lines that ask for a password, and none is left.
    let two = format!("auth required pam_sss.so\n{SSHD}");
    let placed = place(&debian(&[("sshd", &two)]), "sshd", First::Key, None).unwrap();
    assert_eq!(lines(&placed)[..3], ours);
    assert_eq!(without_us(&text(&placed)).unwrap(), two);
}

#[test]
fn what_is_not_known_is_refused_with_the_line_to_place() {
    let host = debian(&[
        ("odd", "auth required pam_odd.so\n@include common-account\n"),
        ("trust", "auth sufficient pam_wheel.so trust\n@include common-auth\n@include common-account\n"),
        ("hand", "auth optional pam_mfa.so\n@include common-auth\n@include common-account\n"),
    ]);
    let refused = |service| place(&host, service, First::Password, None).unwrap_err();
    assert!(matches!(refused("odd"), Unplaced::NoFirstFactor));
    assert!(matches!(refused("none"), Unplaced::NoFile));
    assert!(matches!(refused("hand"), Unplaced::ByHand(1, _)));
    let said = refused("trust").to_string();
    assert!(
        said.contains("pam_wheel (/etc/pam.d/trust:1) succeeds") && said.contains("place it by hand"),
        "{said}"
    );
}

#[test]
fn a_jump_written_out_is_not_cut_in_two() {
    let own = "auth [success=1 default=ignore] pam_unix.so\nauth requisite pam_deny.so\nauth required pam_permit.so\n\
               account required pam_unix.so\n";
    let placed = place(&debian(&[("x", own)]), "x", First::Password, None).unwrap();
    assert_eq!(lines(&placed)[3], "auth required pam_mfa.so first_factor=requisite");
}
