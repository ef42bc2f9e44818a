//! What is not asked by the host's own settings, whatever mfad's say: the ways in for the day on which mfad fails,
//! lines that root alone passes, and those whom sshd lets in otherwise. (S25)

use std::path::Path;

use super::row::Row;
use crate::pam::family::Family;
use crate::pam::glass::Ways;
use crate::pam::line::Facility;
use crate::pam::root::is_for_root_alone;
use crate::pam::sshd::{Block, CONFIG, blocks};
use crate::pam::stack::{Files, Step};
use crate::pam::walk::OURS;

/// Of this host. Those that are root's, the break-glass, come first.
pub(super) fn rows() -> Vec<Row> {
    let files = Files::of_this_host();
    let mut rows = Vec::new();
    for service in files.services() {
        if Family::of(service.as_ref()).is_err() {
            continue;
        }
        for facility in [Facility::Auth, Facility::Account] {
            let steps = files.stack(&service, facility).unwrap_or_default();
            let Some(ours) = steps.iter().position(|step| step.asks(OURS)) else { continue };
            rows.extend(steps[..ours].iter().filter_map(|step| of_line(step, &service, facility)));
        }
    }
    for way in Ways::now(&files).open {
        rows.push(Row { reason: format!("needs no mfad: {way}"), ..glass() });
    }
    let found = blocks(Path::new(CONFIG), Path::new("")).unwrap_or_default();
    let (root, others): (Vec<Row>, Vec<Row>) =
        found.iter().filter(|block| skips(block)).map(of_block).partition(|row| row.kind == "break_glass");
    rows.extend(root);
    rows.extend(others);
    rows
}

fn glass() -> Row {
    Row {
        kind: "break_glass".into(),
        id: String::new(),
        who: "root".into(),
        only: String::new(),
        reason: String::new(),
        until: 0,
        state: "in_force",
        given: 0,
        by: String::new(),
        break_glass: String::new(),
        place: String::new(),
    }
}

/// A line before ours that root alone passes.
fn of_line(step: &Step, service: &str, facility: Facility) -> Option<Row> {
    let reason = if step.asks("pam_rootok") {
        "root's own session is not asked"
    } else if is_for_root_alone(step) {
        "root passes this line without mfad"
    } else {
        return None;
    };
    let only = format!("service {service}, {} phase", facility.word());
    Some(Row { only, reason: reason.into(), place: step.place.to_string(), ..glass() })
}

/// Whether one list of methods that is enough leaves PAM's prompt out.
fn skips(block: &Block) -> bool {
    let lists = block.methods.as_deref().unwrap_or_default();
    lists
        .split_whitespace()
        .any(|list| !list.split(',').any(|method| method.starts_with("keyboard-interactive")))
}

fn of_block(block: &Block) -> Row {
    let words: Vec<&str> = block.criteria.split_whitespace().collect();
    let user = words.windows(2).find(|pair| pair[0].eq_ignore_ascii_case("user")).map(|pair| pair[1]);
    let kind = if user == Some("root") { "break_glass" } else { "sshd" };
    Row {
        kind: kind.into(),
        who: user.unwrap_or("everybody").into(),
        only: format!("service sshd, Match {}", crate::print::escape::shown(&block.criteria)),
        reason: format!("sshd lets in by {}", block.methods.as_deref().unwrap_or_default()),
        place: block.place.to_string(),
        ..glass()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pam::stack::Place;

    // S25
    #[test]
    fn a_block_that_leaves_the_prompt_out_is_an_exemption() {
        let block = |criteria: &str, methods: &str| Block {
            place: Place { file: "/etc/ssh/sshd_config.d/00-mfad.conf".into(), line: 5 },
            criteria: criteria.into(),
            methods: Some(methods.into()),
            no_prompt: None,
        };
        let root = block("User root Address 192.0.2.0/24", "publickey");
        assert!(skips(&root) && skips(&block("User ansible", "publickey keyboard-interactive")));
        assert!(!skips(&block("Group ops", "publickey,keyboard-interactive")));
        assert_eq!((of_block(&root).kind.as_str(), of_block(&root).who.as_str()), ("break_glass", "root"));
        let ansible = of_block(&block("User ansible", "publickey"));
        assert_eq!((ansible.kind.as_str(), ansible.who.as_str()), ("sshd", "ansible"));
        assert_eq!(ansible.place, "/etc/ssh/sshd_config.d/00-mfad.conf:5");
    }
}
