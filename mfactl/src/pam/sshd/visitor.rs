//! Somebody who logs in, as sshd is asked about them (`sshd -T -C`), and whom a `Match` block is for.

use std::fmt;

use nix::unistd::{Gid, Group};

/// Somebody who logs in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Visitor {
    /// Under which name.
    pub(crate) user: String,
    /// From which address.
    pub(crate) address: String,
    /// From a host of which name; none: that of the address is not looked up.
    pub(crate) host: Option<String>,
    /// To which address of this host.
    pub(crate) to: String,
    /// To which port.
    pub(crate) port: String,
}

impl fmt::Display for Visitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { user, address, host, to, port } = self;
        let host = host.as_ref().unwrap_or(address);
        write!(f, "user={user},host={host},addr={address},laddr={to},lport={port}")
    }
}

impl Visitor {
    /// Somebody whom nobody has thought of: of a name and addresses (RFC 5737) that no block names.
    pub(crate) fn anybody() -> Self {
        Self {
            user: "mfad-anybody".into(),
            address: "192.0.2.77".into(),
            host: None,
            to: "192.0.2.78".into(),
            port: "22".into(),
        }
    }

    /// The same, made one whom these criteria are for, as far as one can be made up. An error names what sshd cannot
    /// be asked about.
    pub(crate) fn within(mut self, criteria: &[(String, String)]) -> Result<Self, String> {
        for (name, value) in criteria {
            let first = value.split(',').find(|pattern| !pattern.starts_with('!'));
            let first = first.filter(|pattern| *pattern != "*");
            match (name.as_str(), first) {
                ("all", _) | ("user" | "group" | "host" | "address" | "localaddress" | "localport", None) => {
                }
                ("user", Some(first)) => self.user = filled(first, "x"),
                ("group", Some(first)) => self.user = member_of(first).unwrap_or(self.user),
                ("host", Some(first)) => self.host = Some(filled(first, "x")),
                ("address", Some(first)) => self.address = in_network(first),
                ("localaddress", Some(first)) => self.to = in_network(first),
                ("localport", Some(first)) => first.clone_into(&mut self.port),
                (other, _) => return Err(format!("what holds for Match {other} cannot be asked of sshd")),
            }
        }
        Ok(self)
    }
}

fn filled(pattern: &str, with: &str) -> String {
    pattern.replace(['*', '?'], with)
}

/// An address of a network: that which names it, or the pattern with its stars filled in.
pub(crate) fn in_network(network: &str) -> String {
    filled(network.split('/').next().unwrap_or_default(), "1")
}

/// One who is in that group: by its list, or because it is their own.
fn member_of(group: &str) -> Option<String> {
    let group = Group::from_name(group).ok()??;
    let by_group = |gid: Gid| {
        let passwd = std::fs::read_to_string("/etc/passwd").ok()?;
        let line = passwd.lines().find(|line| line.split(':').nth(3) == Some(&gid.to_string()))?;
        line.split(':').next().map(str::to_owned)
    };
    group.mem.first().cloned().or_else(|| by_group(group.gid))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn within(criteria: &[(&str, &str)]) -> Result<Visitor, String> {
        let criteria: Vec<_> =
            criteria.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Visitor::anybody().within(&criteria)
    }

    #[test]
    fn somebody_is_found_for_a_block() {
        assert_eq!(within(&[("user", "!bo,svc-*,cy")]).unwrap().user, "svc-x");
        assert_eq!(within(&[("user", "*")]).unwrap(), Visitor::anybody());
        assert_eq!(within(&[("address", "!10.1.0.0/16,10.0.0.0/8")]).unwrap().address, "10.0.0.0");
        let inside =
            within(&[("host", "*.example.org"), ("localaddress", "10.0.0.7"), ("localport", "2222")]);
        assert_eq!(
            inside.unwrap().to_string(),
            "user=mfad-anybody,host=x.example.org,addr=192.0.2.77,laddr=10.0.0.7,lport=2222"
        );
    }

    /// By the group's number among those of users, not by a user of that number.
    #[test]
    fn a_member_of_a_group_without_a_list_is_whose_own_it_is() {
        let passwd = std::fs::read_to_string("/etc/passwd").unwrap();
        let own = passwd.lines().find_map(|line| {
            let fields: Vec<&str> = line.split(':').collect();
            let group = Group::from_gid(Gid::from_raw(fields[3].parse().ok()?)).ok()??;
            (fields[2] != fields[3] && group.mem.is_empty()).then(|| (group.name, fields[3].to_owned()))
        });
        let (group, gid) = own.expect("a user whose number is not that of the group");
        let user = within(&[("group", &group)]).unwrap().user;
        assert!(
            passwd
                .lines()
                .any(|line| line.starts_with(&format!("{user}:"))
                    && line.split(':').nth(3) == Some(gid.as_str())),
            "{user} is not in {group}"
        );
    }

    #[test]
    fn what_sshd_cannot_be_asked_about_is_named() {
        for name in ["exec", "rdomain", "tagged", "version", "canonical", "final", "invalid-user", "new"] {
            assert!(within(&[("user", "al"), (name, "x")]).unwrap_err().contains(name));
        }
    }
}
