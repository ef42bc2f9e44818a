//! Where a user's file is: a folder that is trusted to be what its path says, and a way below it on
//! which no link is followed.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use super::unread::Unread;

/// Where the module keeps the file unless a `secret=` in the PAM line says otherwise.
pub(crate) const USUAL: &str = "~/.google_authenticator";

/// A file on its way below a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// Opened as any path is: the home, as the account's entry names it, or the root folder.
    pub(crate) base: PathBuf,
    /// The components below, the file last. Each is opened without following a link.
    pub(crate) below: Vec<OsString>,
}

impl Place {
    /// An absolute path from the root folder, with no link allowed on all of its way.
    pub(crate) fn absolute(path: &Path) -> Option<Self> {
        let way = path.as_os_str().as_bytes().strip_prefix(b"/")?;
        Some(Self { base: "/".into(), below: components(way)? })
    }

    /// The whole path.
    pub(crate) fn path(&self) -> PathBuf {
        self.base.join(self.below.iter().collect::<PathBuf>())
    }

    /// Whether the way begins at a home.
    pub(crate) fn is_below_home(&self) -> bool {
        self.base != Path::new("/")
    }
}

/// Where the files of all users are, as `secret=` in a PAM line says it: `~/` or `${HOME}/` at the
/// beginning, or an absolute path; `${USER}` anywhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pattern {
    from_home: bool,
    way: Vec<u8>,
}

impl Pattern {
    /// Takes what was given on the command line.
    pub(crate) fn parse(given: &OsStr) -> Result<Self, &'static str> {
        let given = given.as_bytes();
        let from_home = given.strip_prefix(b"~/").or_else(|| given.strip_prefix(b"${HOME}/"));
        let (from_home, way) = match (from_home, given.strip_prefix(b"/")) {
            (Some(way), _) => (true, way),
            (None, Some(way)) => (false, way),
            (None, None) => return Err("it begins with `/`, `~/` or `${HOME}/`"),
        };
        if components(&filled(way, b"user").ok_or("only `${USER}` stands for something in it")?).is_none() {
            return Err("it names a file, without `..`");
        }
        if !from_home && filled(way, b"a") == filled(way, b"b") {
            return Err("it has to differ from user to user: put `${USER}` or `~/` in it");
        }
        Ok(Self { from_home, way: way.to_vec() })
    }

    /// The file of one user.
    pub(crate) fn of(&self, user: &[u8], home: &Path) -> Result<Place, Unread> {
        if matches!(user, b"" | b"." | b"..") || user.contains(&b'/') {
            return Err(Unread::Name);
        }
        let below = filled(&self.way, user).and_then(|way| components(&way)).ok_or(Unread::Name)?;
        if !self.from_home {
            return Ok(Place { base: "/".into(), below });
        }
        if home.is_absolute() { Ok(Place { base: home.to_owned(), below }) } else { Err(Unread::Name) }
    }
}

/// `way` with the user's name in; `None` where anything else is to be filled in.
fn filled(way: &[u8], user: &[u8]) -> Option<Vec<u8>> {
    const USER: &[u8] = b"${USER}";
    let (mut rest, mut filled) = (way, Vec::new());
    while let [first, after @ ..] = rest {
        if let Some(after) = rest.strip_prefix(USER) {
            filled.extend_from_slice(user);
            rest = after;
        } else if *first == b'$' {
            return None;
        } else {
            filled.push(*first);
            rest = after;
        }
    }
    Some(filled)
}

/// The components of a relative path, at least one; `None` where one of them leads upwards.
fn components(way: &[u8]) -> Option<Vec<OsString>> {
    let components: Vec<_> =
        way.split(|&byte| byte == b'/').filter(|name| !matches!(*name, b"" | b".")).collect();
    if way.ends_with(b"/") || components.is_empty() || components.contains(&&b".."[..]) || way.contains(&0) {
        return None;
    }
    Some(components.into_iter().map(|name| OsString::from_vec(name.to_vec())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pattern: &str, user: &str) -> Result<PathBuf, Unread> {
        let home = format!("/home/{user}");
        Pattern::parse(OsStr::new(pattern))
            .unwrap()
            .of(user.as_bytes(), Path::new(&home))
            .map(|place| place.path())
    }

    #[test]
    fn a_pattern_says_what_secret_says_in_a_pam_line() {
        for (pattern, path) in [
            (USUAL, "/home/al/.google_authenticator"),
            ("${HOME}/.ssh/ga", "/home/al/.ssh/ga"),
            ("/var/lib/ga/${USER}", "/var/lib/ga/al"),
            ("/var/lib//./ga/${USER}-${USER}.txt", "/var/lib/ga/al-al.txt"),
        ] {
            assert_eq!(of(pattern, "al"), Ok(path.into()), "{pattern}");
        }
    }

    #[test]
    fn a_pattern_that_leads_nowhere_or_everyone_to_one_file_is_a_usage_error() {
        for pattern in [
            "",
            "ga",
            "~",
            "~/",
            "~bob/ga",
            "/ga/../${USER}",
            "/ga/$USER",
            "/ga/${UID}",
            "/etc/ga",
            "/${USER}/",
        ] {
            assert!(Pattern::parse(OsStr::new(pattern)).is_err(), "{pattern}");
        }
    }

    // S29
    #[test]
    fn a_name_makes_no_other_path() {
        for user in ["..", ".", "a/b", "../../etc/shadow", "", "a\0b"] {
            assert_eq!(of("/var/lib/ga/${USER}", user), Err(Unread::Name), "{user}");
        }
        assert_eq!(of("/var/lib/ga/${USER}", "${USER}"), Ok("/var/lib/ga/${USER}".into()));
    }

    #[test]
    fn a_home_is_an_absolute_path() {
        let pattern = Pattern::parse(OsStr::new(USUAL)).unwrap();
        assert_eq!(pattern.of(b"al", Path::new("home")), Err(Unread::Name));
        assert!(pattern.of(b"al", Path::new("/home/al")).unwrap().is_below_home());
    }

    #[test]
    fn an_absolute_path_allows_no_link_at_all() {
        let place = Place::absolute(Path::new("/etc/users.oath")).unwrap();
        assert_eq!((place.base, place.below), ("/".into(), vec!["etc".into(), "users.oath".into()]));
        for path in ["etc/users.oath", "/", "/etc/../x", "/etc/"] {
            assert_eq!(Place::absolute(Path::new(path)), None, "{path}");
        }
    }
}
