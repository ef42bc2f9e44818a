//! Codes that an administrator hands over to a user: invitations and recovery codes. They log
//! nobody in; with one, the user enrols.

use std::os::unix::ffi::OsStrExt;

use mfa_proto::identity::escaped;
use mfa_proto::secret::Secret;
use serde::Serialize;
use zeroize::Zeroizing;

use crate::acting::Acting;
use crate::bus::Bus;
use crate::cli::{Change, Recovery};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::print::answer;
use crate::print::escape::shown;
use crate::step_up;

/// `mfactl user invite --json`.
#[derive(Serialize)]
struct Invited<'a> {
    user: &'a str,
    invitation: &'a str,
    hours: u32,
}

pub(super) async fn invite(bus: &Bus, change: Change, hours: u32) -> Result<Exit, Failure> {
    let Change { user, reason, authority, shape } = change;
    let invite = async |why: &_| bus.user_invite(user.as_bytes(), hours, why).await.map(Secret::new);
    let code = step_up::administrator(bus, &Acting::of(authority), &reason, invite).await?;
    let user = escaped(user.as_bytes());
    let words = words(&user, code.expose(), &format!("invited for {hours} hours"), "--invitation");
    answer(shape, &Invited { user: &user, invitation: code.expose(), hours }, &words)?;
    Ok(Exit::Done)
}

/// `mfactl user recover --json`.
#[derive(Serialize)]
struct Recovered<'a> {
    user: &'a str,
    recovery_code: &'a str,
    hours: u32,
}

pub(super) async fn recover(bus: &Bus, recovery: Recovery) -> Result<Exit, Failure> {
    let Recovery { user, verified_by, ticket, reason, authority, shape } = recovery;
    let recover = async |why: &_| {
        let (code, hours) = bus.user_recover(user.as_bytes(), &verified_by, &ticket, why).await?;
        Ok((Secret::new(code), hours))
    };
    let (code, hours) = step_up::administrator(bus, &Acting::of(authority), &reason, recover).await?;
    let user = escaped(user.as_bytes());
    let words = words(&user, code.expose(), &format!("may enrol again within {hours} hours"), "--recovery");
    answer(shape, &Recovered { user: &user, recovery_code: code.expose(), hours }, &words)?;
    Ok(Exit::Done)
}

/// The code, and what happens with it.
fn words(user: &str, code: &str, what: &str, flag: &str) -> Zeroizing<String> {
    let code = Zeroizing::new(shown(code));
    let mut text = Zeroizing::new(String::with_capacity(1024));
    for part in [
        user,
        ": ",
        what,
        ".\nThe code is shown this once, and can be used once:\n\n  ",
        &code,
        "\n\nHand it over so that nobody else sees it, and not along with the password.\n\
         It does not log in; with it, the user enrols:\n  \
         - at the login's prompt for a code, after the password, by typing it there, or\n  \
         - in an own session:  mfactl enroll ",
        flag,
    ] {
        text.push_str(part);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::print::schema;

    const CODE: &str = "I-7KQ2M-X4TPD-H9WC";

    // S16
    #[test]
    fn a_code_is_shown_with_what_to_do_with_it() {
        let text = words("al", CODE, "invited for 72 hours", "--invitation");
        assert!(text.starts_with("al: invited for 72 hours.\nThe code is shown this once"), "{}", *text);
        assert!(text.contains("\n  I-7KQ2M-X4TPD-H9WC\n"), "{}", *text);
        assert!(text.contains("after the password"), "{}", *text);
        assert!(text.ends_with("mfactl enroll --invitation"), "{}", *text);
        assert!(!words("al", "\x1b", "", "").contains('\x1b'));
    }

    #[test]
    fn handed_over_codes_have_these_shapes() {
        let view = Invited { user: "al", invitation: CODE, hours: 72 };
        schema::holds("user-invite", &view);
        assert_eq!(
            serde_json::to_string(&view).unwrap(),
            r#"{"user":"al","invitation":"I-7KQ2M-X4TPD-H9WC","hours":72}"#
        );
        let view = Recovered { user: "al", recovery_code: "R-7KQ2M-X4TPD-H9WC", hours: 24 };
        schema::holds("user-recover", &view);
        assert_eq!(
            serde_json::to_string(&view).unwrap(),
            r#"{"user":"al","recovery_code":"R-7KQ2M-X4TPD-H9WC","hours":24}"#
        );
    }
}
