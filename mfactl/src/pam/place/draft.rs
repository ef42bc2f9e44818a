//! A service's file with our lines in it, proved.

use std::path::Path;

use super::cut::{Cut, Span};
use super::{First, Wanted, account_lines};
use crate::pam::block::block;
use crate::pam::line::{Facility, Line, parse};
use crate::pam::proof::{Proof, prove};
use crate::pam::stack::{Act, Files};
use crate::pam::unplaced::Unplaced;
use crate::pam::walk::knows_first_factor;

/// A service's file without us, and what is to become of it.
pub(super) struct Draft<'a> {
    pub(super) files: &'a Files,
    pub(super) service: &'a str,
    pub(super) file: &'a Path,
    pub(super) text: &'a str,
    pub(super) wanted: Wanted<'a>,
}

impl Draft<'_> {
    /// The first place that is proved, those first that attest.
    pub(super) fn best(&self) -> Result<(String, Proof), Unplaced> {
        let mut worst = None;
        let mut unattested = None;
        for cut in self.cuts()? {
            for claims in [true, false] {
                let text = self.with(&cut, claims);
                let files = self.files.clone().with(self.file, Some(text.clone().into_bytes()));
                match prove(&files, self.service) {
                    Ok(proof) if claims => return Ok((text, proof)),
                    Ok(proof) => {
                        unattested.get_or_insert((text, proof));
                    }
                    Err(flaws) if !claims => {
                        worst.get_or_insert(flaws);
                    }
                    Err(_) => {}
                }
            }
        }
        unattested.ok_or_else(|| Unplaced::NotProved(worst.unwrap_or_default()))
    }

    /// Whether a line comes to a step of that kind.
    pub(super) fn brings(&self, line: &Line, facility: Facility, kind: impl Fn(&Act) -> bool) -> bool {
        let steps = self.files.steps_of(line, self.file, facility).unwrap_or_default();
        steps.iter().any(|step| kind(&step.act))
    }

    /// The whole file with our lines.
    fn with(&self, cut: &Cut, claims: bool) -> String {
        let takes_out = format!("mfactl pam remove {}", self.service);
        let asks = |control: &str| {
            let claim = if claims { " first_factor=requisite" } else { "" };
            format!("auth     {control}   pam_mfa.so{claim}")
        };
        let lines: Vec<&str> = self.text.split_terminator('\n').collect();
        let was = |span: Span| &lines[span.from..][..span.lines];
        let mut own = cut.lead.clone();
        own.push(asks("required"));
        let parsed = parse(self.text.as_bytes());
        let first_of = |facility, kind: fn(&Act) -> bool| {
            parsed.iter().find(|line| self.brings(line, facility, kind)).map(|line| line.number - 1)
        };
        // In the order that they have where they meet.
        let mut blocks: Vec<(Span, String)> = Vec::new();
        if self.wanted.first == First::Either && self.service == "sshd" {
            // Who shows a key is asked for the code alone: a branch of its own, which counts no included line.
            let at = first_of(
                Facility::Auth,
                |act| matches!(act, Act::Ask { module, .. } if knows_first_factor(module)),
            );
            let key = "auth     [success=ignore default=1]   pam_mfa.so key-passed".to_owned();
            let branch = block(&takes_out, &[], &[key, asks("[success=done default=die]")]);
            let from = at.unwrap_or(cut.at.from).min(cut.at.from);
            blocks.push((Span { from, lines: 0 }, branch));
        }
        blocks.push((cut.at, block(&takes_out, was(cut.at), &own)));
        blocks.extend(cut.gone.iter().map(|span| (*span, block(&takes_out, was(*span), &[]))));
        let account = block(&takes_out, &[], &account_lines(self.wanted.glass));
        let from = first_of(Facility::Account, |_| true).unwrap_or(lines.len());
        blocks.push((Span { from, lines: 0 }, account));
        blocks.sort_by_key(|(span, _)| span.from);
        let mut text = String::new();
        let mut next = 0;
        for (span, block) in blocks {
            lines[next..span.from.max(next)].iter().for_each(|line| text.extend([line, "\n"]));
            text.push_str(&block);
            next = span.from.max(next) + span.lines;
        }
        lines[next..].iter().for_each(|line| text.extend([line, "\n"]));
        text
    }
}
