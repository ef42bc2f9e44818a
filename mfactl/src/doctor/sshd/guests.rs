//! Whom sshd is asked about: anybody, root, and somebody for each `Match` block.

use crate::doctor::finding::{Report, Spot};
use crate::doctor::host::Host;
use crate::doctor::mend::Mend;
use crate::pam::sshd::{Config, Visitor};

/// Somebody who comes, and the block that is for them, by number.
#[derive(Clone, Debug)]
pub(super) struct Guest {
    pub(super) visitor: Visitor,
    pub(super) block: Option<usize>,
}

/// Anybody, root, and somebody for each block.
pub(super) fn guests(host: &Host, config: &Config, report: &mut Report) -> Vec<Guest> {
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
    for (number, block) in config.blocks.iter().enumerate().filter(|(_, block)| !block.is_for_all()) {
        let visitor = match anybody.clone().within(&block.criteria) {
            Ok(visitor) => visitor,
            Err(why) => {
                let why = format!("{}: {why}", block.place);
                report.cannot_look("sshd-match", why, Mend::edit(&Spot::from(&block.place)));
                continue;
            }
        };
        // A block for a network may be root's way in.
        if visitor.user == anybody.user {
            all.push(Guest { visitor: as_root(&visitor), block: Some(number) });
        }
        all.push(Guest { visitor, block: Some(number) });
    }
    all
}
