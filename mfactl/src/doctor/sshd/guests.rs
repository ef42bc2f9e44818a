//! Whom sshd is asked about: anybody, root, and somebody for each `Match` block.

use nix::unistd::{Gid, Group};

use super::config::{Block, Config};
use crate::doctor::host::Host;
use crate::pam::sshd::{Visitor, in_network};

/// Somebody who comes, and the block that is for them, by number.
#[derive(Clone, Debug)]
pub(super) struct Guest {
    pub(super) visitor: Visitor,
    pub(super) block: Option<usize>,
}

/// Anybody, root, and somebody for each block.
pub(super) fn guests(host: &Host, config: &Config) -> Vec<Guest> {
    let in_blocks: Vec<&str> = config
        .blocks
        .iter()
        .flat_map(|block| &block.criteria)
        .filter(|(name, _)| name == "user")
        .flat_map(|(_, value)| value.split(','))
        .collect();
    let mut people = host.people.iter().filter_map(|person| std::str::from_utf8(&person.name).ok());
    let somebody = people.find(|name| *name != "root" && !in_blocks.contains(name));
    let anybody =
        Visitor { user: somebody.map_or(Visitor::anybody().user, str::to_owned), ..Visitor::anybody() };
    let as_root = |visitor: &Visitor| Visitor { user: "root".into(), ..visitor.clone() };
    let mut all = vec![
        Guest { visitor: anybody.clone(), block: None },
        Guest { visitor: as_root(&anybody), block: None },
    ];
    for (number, block) in config.blocks.iter().enumerate() {
        let visitor = visitor_of(block, anybody.clone());
        // A block for a network may be root's way in.
        if visitor.user == anybody.user {
            all.push(Guest { visitor: as_root(&visitor), block: Some(number) });
        }
        all.push(Guest { visitor, block: Some(number) });
    }
    all
}

/// Somebody whom a block is for.
fn visitor_of(block: &Block, mut visitor: Visitor) -> Visitor {
    for (name, value) in &block.criteria {
        let first = value.split(',').find(|pattern| !pattern.starts_with('!')).unwrap_or_default();
        match name.as_str() {
            "user" if first != "*" => visitor.user = first.replace(['*', '?'], "x"),
            "group" => visitor.user = member_of(first).unwrap_or(visitor.user),
            "address" if first != "*" => visitor.address = in_network(first),
            _ => {}
        }
    }
    visitor
}

/// One who is in that group.
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
    use crate::doctor::finding::Spot;
    use crate::pam::sshd::CONFIG;

    #[test]
    fn somebody_is_found_for_a_block() {
        let block = |criteria: &[(&str, &str)]| {
            let criteria =
                criteria.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            let base = Visitor { user: "al".into(), address: "192.0.2.1".into() };
            let found = visitor_of(&Block { spot: Spot::file(CONFIG), criteria }, base);
            (found.user, found.address)
        };
        assert_eq!(block(&[("user", "!bo,svc-*,cy")]).0, "svc-x");
        assert_eq!(block(&[("address", "!10.1.0.0/16,10.0.0.0/8")]).1, "10.0.0.0");
        assert_eq!(block(&[("group", "root")]).0, "root");
    }
}
