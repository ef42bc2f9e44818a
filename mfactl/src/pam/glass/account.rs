//! Root's account, as they look at it who let root in, whatever was shown: its shell, and whether it has expired.

use std::fmt;
use std::fs;
use std::os::unix::fs::PermissionsExt;

use nix::unistd::{Uid, User};

use crate::pam::control::{RENEW, SUCCESS};
use crate::run;
use crate::user::host::has_shell;

/// `PAM_ACCT_EXPIRED` and `PAM_AUTHTOK_EXPIRED`.
const EXPIRED: [i32; 2] = [13, 27];

/// What keeps root out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shut {
    /// Why, for people.
    pub(crate) why: String,
    /// The file that says so.
    pub(crate) file: &'static str,
    /// The command that mends it.
    pub(crate) mend: &'static str,
}

impl fmt::Display for Shut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.why, self.mend)
    }
}

/// Root, by NSS.
pub(crate) fn root() -> Option<User> {
    User::from_uid(Uid::from_raw(0)).ok().flatten()
}

/// Whether anything of the account keeps root out. To be asked by root.
pub(crate) fn is_open() -> Result<(), Shut> {
    shell()?;
    // What pam_unix asks in the account phase. Who has to renew a password is let in to do so.
    let said = run::ask("unix_chkpwd", &["root", "chkexpiry"]);
    let code = said.as_ref().ok().and_then(|said| said.code);
    if code.is_some_and(|code| [SUCCESS, RENEW].iter().any(|good| usize::try_from(code) == Ok(*good))) {
        return Ok(());
    }
    let (file, renew) = ("/etc/shadow", "chage --expiredate -1 --inactive -1 root");
    let why = match (code, said) {
        (Some(code), _) if EXPIRED.contains(&code) => {
            return Err(Shut { why: "root's account has expired".to_owned(), file, mend: renew });
        }
        (Some(code), _) => {
            format!("whether root's account has expired is not known: unix_chkpwd ends with {code}")
        }
        (None, said) => {
            let why = said.err().unwrap_or_else(|| "unix_chkpwd was killed".to_owned());
            format!("whether root's account has expired is not known: {why}")
        }
    };
    Err(Shut { why, file, mend: "chage --list root" })
}

/// `allowed_user` of sshd: a shell that is there and can be run; and one that is no word of farewell.
fn shell() -> Result<(), Shut> {
    let shell = root().map(|root| root.shell).unwrap_or_default();
    let shell = if shell.as_os_str().is_empty() { "/bin/sh".into() } else { shell };
    let runs =
        fs::metadata(&shell).is_ok_and(|about| about.is_file() && about.permissions().mode() & 0o111 != 0);
    if runs && has_shell(b"root") {
        return Ok(());
    }
    let why = format!("root's shell, {}, lets nobody in", shell.display());
    Err(Shut { why, file: "/etc/passwd", mend: "usermod --shell /bin/sh root" })
}
