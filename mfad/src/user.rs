//! The daemon's user, and becoming it: what that user may have put in its folders is not opened by root.

use nix::unistd::{User, setgroups, setresgid, setresuid};

use crate::serve::{STATE_DIR, USER};

/// Who it is.
pub(crate) fn find() -> Result<User, String> {
    let user = User::from_name(USER).map_err(|error| format!("looking for user {USER}: {error}"))?;
    user.ok_or_else(|| {
        format!(
            "there is no user {USER}: useradd --system --home-dir {STATE_DIR} --shell /usr/sbin/nologin {USER}"
        )
    })
}

/// Gives up root for good.
pub(crate) fn step_down_to(user: &User) -> Result<(), String> {
    let step_down = || {
        setgroups(&[])?;
        setresgid(user.gid, user.gid, user.gid)?;
        setresuid(user.uid, user.uid, user.uid)
    };
    step_down().map_err(|error| format!("becoming {USER}: {error}"))
}
