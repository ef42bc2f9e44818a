//! Which services belong together, and which are never touched.

use std::ffi::OsStr;

/// Services that are protected, tried and rolled back together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Family {
    /// What it is called: that of the first service.
    pub(crate) name: String,
    /// Its services, the one that others include first.
    pub(crate) services: Vec<String>,
}

/// Families of more than one service, or of another name than their service.
const KNOWN: [(&str, &[&str]); 3] =
    [("sudo", &["sudo", "sudo-i"]), ("su", &["su", "su-l"]), ("polkit", &["polkit-1"])];

/// Services that nobody sits at: they run without a person who could answer.
const UNATTENDED: [&str; 8] =
    ["cron", "crond", "atd", "runuser", "runuser-l", "systemd-user", "systemd-run0", "cups"];
/// Files that others include: a line there would be in cron too.
const SHARED: [&str; 9] = [
    "other",
    "system-auth",
    "password-auth",
    "postlogin",
    "system-login",
    "system-local-login",
    "system-remote-login",
    "fingerprint-auth",
    "smartcard-auth",
];

impl Family {
    /// The family of that name, or of that service; an error says why there is none.
    pub(crate) fn of(name: &OsStr) -> Result<Self, String> {
        let name = name.to_str().filter(|name| is_service_name(name)).ok_or("a service has a plain name")?;
        if UNATTENDED.contains(&name) || name.starts_with("systemd-") {
            return Err(format!("{name} runs where nobody sits: it is never asked for a second factor"));
        }
        if SHARED.contains(&name) || name.starts_with("common-") {
            return Err(format!(
                "{name} is included by services that run without a person, such as cron; name the services instead"
            ));
        }
        let known = KNOWN.iter().find(|(family, services)| *family == name || services.contains(&name));
        let alone = [name];
        let (name, services): (&str, &[&str]) = known.map_or((name, &alone[..]), |(name, of)| (name, of));
        Ok(Self { name: name.into(), services: services.iter().map(|name| (*name).to_owned()).collect() })
    }

    /// Whether a login at that service is one of this family.
    pub(crate) fn has(&self, service: &str) -> bool {
        self.services.iter().any(|of| of == service)
    }
}

/// What they are called, for people.
pub(crate) fn names(families: &[Family]) -> String {
    families.iter().map(|family| family.name.as_str()).collect::<Vec<_>>().join(", ")
}

/// Letters, digits and `-_.`, not hidden. In lower case: libpam makes it so, whatever the host says.
fn is_service_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(['.', '-'])
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn services(name: &str) -> Result<Vec<String>, String> {
        Family::of(name.as_ref()).map(|family| family.services)
    }

    #[test]
    fn services_that_are_one_to_a_person_are_one_family() {
        assert_eq!(services("sudo").unwrap(), ["sudo", "sudo-i"]);
        assert_eq!(services("sudo-i"), services("sudo"));
        assert_eq!(services("su-l").unwrap(), ["su", "su-l"]);
        assert_eq!(services("polkit-1"), services("polkit"));
        assert_eq!(services("cockpit").unwrap(), ["cockpit"]);
    }

    #[test]
    fn what_runs_without_a_person_is_never_touched() {
        for name in [
            "cron",
            "runuser-l",
            "systemd-user",
            "common-auth",
            "system-auth",
            "other",
            "../x",
            ".x",
            "SUDO",
            "",
        ] {
            assert!(services(name).is_err(), "{name}");
        }
    }
}
