//! Where our lines may stand in a service's file, and which lines make way for them.

use super::First;
use super::draft::Draft;
use crate::pam::line::{Facility, Line, Rule, parse};
use crate::pam::proof::{Flaw, prove};
use crate::pam::stack::Act;
use crate::pam::unplaced::Unplaced;
use crate::pam::walk::knows_first_factor;

/// Lines of the file that make way for others.
pub(super) struct Cut {
    /// Where the block with our lines stands.
    pub(super) at: Span,
    /// What is there instead, before our lines that ask.
    pub(super) lead: Vec<String>,
    /// Further lines that make way, for nothing.
    pub(super) gone: Vec<Span>,
}

/// Lines of the file that a block stands for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    /// Before which line of the file (from 0) the block stands.
    pub(super) from: usize,
    /// How many lines it stands for.
    pub(super) lines: usize,
}

impl Span {
    fn of(line: &Line) -> Self {
        Self { from: line.number - 1, lines: line.lines }
    }

    fn after(line: &Line) -> Self {
        Self { from: line.number - 1 + line.lines, lines: 0 }
    }
}

/// Whoever shows no key goes no further.
const KEY_FIRST: &str = "auth     [success=ok default=die]   pam_mfa.so key-passed";

impl Draft<'_> {
    /// Where the block may stand, the best first.
    pub(super) fn cuts(&self) -> Result<Vec<Cut>, Unplaced> {
        let lines = parse(self.text.as_bytes());
        let auth: Vec<&Line> =
            lines.iter().filter(|line| self.brings(line, Facility::Auth, |_| true)).collect();
        let knows = |act: &Act| matches!(act, Act::Ask { module, .. } if knows_first_factor(module));
        let firsts: Vec<&Line> =
            auth.iter().copied().filter(|line| self.brings(line, Facility::Auth, knows)).collect();
        if let Some(module) = self.wanted.replace {
            let at = Span::of(Self::makes_way(&auth, module)?);
            return self.in_place(at, &firsts);
        }
        let (Some((anchor, others)), Some(last)) = (firsts.split_last(), auth.last()) else {
            return Err(self.nowhere());
        };
        if self.wanted.first == First::Key {
            self.makes_way_for_key(anchor)?;
            return self.in_place(Span::of(anchor), others);
        }
        let behind = |line: &Line| Cut { at: Span::after(line), lead: Vec::new(), gone: Vec::new() };
        let mut cuts = vec![behind(anchor)];
        if last.number != anchor.number {
            cuts.push(behind(last));
        }
        if let Rule::Include(other) = &anchor.rule {
            let lead = vec![format!("auth     substack   {other}")];
            cuts.push(Cut { at: Span::of(anchor), lead, gone: Vec::new() });
        }
        Ok(cuts)
    }

    /// In the place of a line. Where a key comes first, every line that asks for a password makes way too.
    fn in_place(&self, at: Span, firsts: &[&Line]) -> Result<Vec<Cut>, Unplaced> {
        if self.wanted.first != First::Key {
            return Ok(vec![Cut { at, lead: Vec::new(), gone: Vec::new() }]);
        }
        let gone: Result<Vec<Span>, Unplaced> =
            firsts.iter().map(|line| self.makes_way_for_key(line).map(|()| Span::of(line))).collect();
        Ok(vec![Cut { at, lead: vec![KEY_FIRST.into()], gone: gone? }])
    }

    /// Who is asked for no password still has to pass the account lines, which one `@include` may bring as well.
    fn makes_way_for_key(&self, line: &Line) -> Result<(), Unplaced> {
        let others = [Facility::Account, Facility::Password, Facility::Session];
        let brings_more = others.into_iter().any(|other| self.brings(line, other, |_| true));
        if brings_more { Err(Unplaced::BringsMore(line.number)) } else { Ok(()) }
    }

    /// Why there is no line to stand behind: one that libpam cannot read comes first.
    fn nowhere(&self) -> Unplaced {
        let flaws = prove(self.files, self.service).err().unwrap_or_default();
        let broken: Vec<Flaw> = flaws.into_iter().filter(|flaw| matches!(flaw, Flaw::Broken(..))).collect();
        if broken.is_empty() { Unplaced::NoFirstFactor } else { Unplaced::NotProved(broken) }
    }

    /// The line of the module that makes way.
    fn makes_way<'a>(auth: &[&'a Line], module: &str) -> Result<&'a Line, Unplaced> {
        let is_it = |line: &&&Line| line.module() == Some(module);
        let Some(line) = auth.iter().find(is_it) else { return Err(Unplaced::NotThere(module.into())) };
        let Rule::Module { arguments, .. } = &line.rule else {
            return Err(Unplaced::NotThere(module.into()));
        };
        if arguments.iter().any(|argument| matches!(argument.as_str(), "forward_pass" | "use_first_pass")) {
            return Err(Unplaced::OneField(module.into()));
        }
        Ok(line)
    }
}
