use super::*;
use crate::pam::line::Facility;
use crate::pam::stack::tests::host;

const DEBIAN: &str = "auth [success=1 default=ignore] pam_unix.so nullok\nauth requisite pam_deny.so\n\
                      auth required pam_permit.so\nauth optional pam_cap.so\n";

fn walk(text: &str) -> Walk {
    let host = host(&[("x", text), ("common-auth", DEBIAN), ("system-auth", RHEL)]);
    Walk::through(&host.stack("x", Facility::Auth).unwrap())
}

const RHEL: &str = "auth required pam_env.so\nauth sufficient pam_unix.so\nauth required pam_deny.so\n";
const ASKS: &str = "auth required pam_mfa.so\n";

/// What our line has said where the stack grants.
fn granted(walk: &Walk) -> Vec<Ours> {
    let mut ours: Vec<Ours> = walk.ends.iter().filter(|end| end.granted).map(|end| end.seen.ours).collect();
    ours.sort_by_key(|ours| *ours as u8);
    ours.dedup();
    ours
}

#[test]
fn after_debians_include_nobody_passes_without_us_and_the_password_was_right() {
    let walk = walk(&format!("@include common-auth\n{ASKS}"));
    assert_eq!(granted(&walk), [Ours::Passed, Ours::NotRequired]);
    assert!(walk.arrivals.iter().all(|arrival| arrival.unhurt && arrival.seen.first));
}

#[test]
fn what_is_appended_to_an_included_sufficient_never_runs() {
    assert!(granted(&walk(&format!("auth include system-auth\n{ASKS}"))).contains(&Ours::Unasked));
    let substack = walk(&format!("auth substack system-auth\n{ASKS}"));
    assert_eq!(granted(&substack), [Ours::Passed, Ours::NotRequired]);
    assert!(substack.arrivals.iter().any(|arrival| !arrival.unhurt), "asked after a wrong password too");
}

#[test]
fn a_line_that_minds_no_refusal_lets_in_who_is_refused() {
    for line in ["auth optional pam_mfa.so\n", "auth [default=ignore] pam_mfa.so\n"] {
        let walk = walk(&format!("@include common-auth\n{line}"));
        assert!(granted(&walk).contains(&Ours::Refused), "{line}");
    }
}

#[test]
fn a_jump_leaves_out_a_whole_substack_but_one_line_of_an_include() {
    let jump = "auth [success=1 default=ignore] pam_mfa.so key-passed\n";
    let substack = walk(&format!("{jump}auth substack common-auth\n{ASKS}"));
    let by_key = |walk: &Walk| walk.ends.iter().any(|end| end.granted && end.seen.key && !end.seen.first);
    assert!(by_key(&substack));
    let include = walk(&format!("{jump}auth include common-auth\n{ASKS}"));
    assert!(!by_key(&include), "the jump lands on pam_deny");
}

#[test]
fn a_jump_beyond_the_end_fails() {
    let walk = walk("auth required pam_permit.so\nauth [success=3 default=ignore] pam_unix.so\n");
    assert!(walk.ends.iter().all(|end| !(end.granted && end.seen.first)));
}

#[test]
fn a_stack_that_only_ignores_does_not_grant() {
    let walk = walk(ASKS);
    assert_eq!(granted(&walk), [Ours::Passed]);
}

#[test]
fn root_passes_where_the_stack_says_so() {
    let walk = walk(&format!("auth sufficient pam_rootok.so\n@include common-auth\n{ASKS}"));
    let unasked: Vec<_> =
        walk.ends.iter().filter(|end| end.granted && end.seen.ours == Ours::Unasked).collect();
    assert!(!unasked.is_empty() && unasked.iter().all(|end| end.seen.root == Root::Asks));
    assert_eq!(unasked[0].way, [(0, Answer::Success)]);
}

#[test]
fn reset_forgets_a_failure() {
    let walk =
        walk("auth required pam_deny.so\nauth [default=reset] pam_x.so\nauth required pam_permit.so\n");
    assert_eq!(granted(&walk), [Ours::Unasked]);
}

#[test]
fn a_stack_of_many_jumps_is_walked_in_no_time() {
    let text: String =
        (0..60).map(|n| format!("auth [success={} default=ignore] pam_{n}.so\n", n % 3 + 1)).collect();
    assert!(!walk(&text).ends.is_empty());
}
