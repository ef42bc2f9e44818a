//! The documents, and the machines that they speak of.
//!
//! A fenced block says in its first line what it is and where it is tried:
//!
//! ~~~text
//! ```console machine=full-disk          a session: `# command` by root, `$ command` by alice, and what it shows
//! ```console machine=full-disk fails    the same, where every command is to fail
//! ```toml machine=full-disk file=/etc/…  a file, which is written there
//! ```console tried=NAME                 each command is a line of that script, or a string of that other test
//! ```text                               no command: a picture, a line of output
//! ~~~
//!
//! All blocks of one machine are one story: they are played in their order, in a machine that a scenario makes for
//! them. A block that nobody plays fails its scenario, or `documents.rs` where there is none.

use std::path::{Path, PathBuf};
use std::{fs, thread};

use crate::machine::Machine;
use crate::transcript::{self, Stage};

/// The top of the repository.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Who runs a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A scenario, in the machine that it makes under this name.
    Machine(String),
    /// Another test or script of this name.
    Elsewhere(String),
    /// Nobody: there is nothing to run in it.
    Nowhere,
}

/// What a block is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// Commands and what they show; whether they are to fail.
    Session {
        /// Whether every command of it is to fail.
        fails: bool,
    },
    /// A file with this path.
    File(String),
    /// Neither.
    Text,
}

/// A fenced block.
#[derive(Debug, Clone)]
pub struct Block {
    /// The document and the line of the fence, for messages.
    pub at: String,
    /// Who runs it.
    pub place: Place,
    /// What it is.
    pub kind: Kind,
    /// What is in it.
    pub lines: Vec<String>,
}

/// The fenced blocks of a document, named by its path from the top of the repository.
///
/// Panics, naming the line, where a fence does not say what it is and where it is tried.
pub fn blocks(document: &str) -> Vec<Block> {
    let text = fs::read_to_string(repository().join(document))
        .unwrap_or_else(|error| panic!("reading {document}: {error}"));
    let mut blocks = Vec::new();
    let mut lines = text.lines().enumerate();
    while let Some((number, line)) = lines.next() {
        let Some(info) = line.trim_start().strip_prefix("```") else { continue };
        let at = format!("{document}:{}", number + 1);
        let indent = line.len() - line.trim_start().len();
        let inside =
            lines.by_ref().map(|(_, line)| line).take_while(|line| !line.trim_start().starts_with("```"));
        let lines = inside.map(|line| line.get(indent..).unwrap_or_default().to_owned()).collect();
        let (kind, place) = kind_and_place(info, &at);
        blocks.push(Block { at, place, kind, lines });
    }
    blocks
}

fn kind_and_place(info: &str, at: &str) -> (Kind, Place) {
    let mut words = info.split_whitespace();
    let language =
        words.next().unwrap_or_else(|| panic!("{at}: a fence says what it is: ```console, ```text"));
    let (mut place, mut file, mut fails) = (Place::Nowhere, None, false);
    for word in words {
        match word.split_once('=') {
            Some(("machine", name)) => place = Place::Machine(name.into()),
            Some(("tried", name)) => place = Place::Elsewhere(name.into()),
            Some(("file", path)) => file = Some(path.to_owned()),
            None if word == "fails" => fails = true,
            _ => panic!("{at}: not known of a fence: {word}"),
        }
    }
    let kind = match (language, file) {
        ("text", None) => Kind::Text,
        ("console", None) => Kind::Session { fails },
        (_, Some(path)) => Kind::File(path),
        (other, None) => panic!("{at}: ```{other} is neither a session nor a file"),
    };
    assert!(
        (kind == Kind::Text) == (place == Place::Nowhere),
        "{at}: nobody runs this block: say machine=NAME or tried=TEST, or that it is ```text"
    );
    (kind, place)
}

/// The commands of a session, without their prompts; one that goes on after a `\` is one.
pub fn commands(block: &Block) -> Vec<String> {
    transcript::steps(block).into_iter().map(|step| step.command).collect()
}

/// The blocks of one machine of a document, to be played in their order.
#[derive(Debug)]
#[must_use]
pub struct Page {
    name: String,
    blocks: Vec<Block>,
    played: usize,
}

impl Page {
    /// What `document` does in its machine `name`.
    pub fn of(document: &str, name: &str) -> Self {
        let here = Place::Machine(name.to_owned());
        let blocks: Vec<Block> = blocks(document).into_iter().filter(|block| block.place == here).collect();
        assert!(!blocks.is_empty(), "{document} says nothing of a machine {name}");
        Self { name: format!("{document}, machine={name}"), blocks, played: 0 }
    }

    /// How many blocks are not played yet.
    pub fn left(&self) -> usize {
        self.blocks.len() - self.played
    }

    /// Plays the next block; `person` answers what is asked.
    pub fn play_next(&mut self, machine: &Machine, person: &mut dyn FnMut(&str) -> String) {
        let block = self.blocks.get(self.played).unwrap_or_else(|| panic!("{}: no block is left", self.name));
        self.played += 1;
        match &block.kind {
            Kind::Session { fails } => transcript::play(machine, block, *fails, person),
            Kind::File(path) => machine.write(path, 0o644, block.lines.join("\n") + "\n"),
            Kind::Text => unreachable!("a text has no machine"),
        }
    }

    /// Plays the next block, which is a session, somewhere else than in a machine.
    pub fn play_session(&mut self, stage: &dyn Stage, person: &mut dyn FnMut(&str) -> String) {
        let block = &self.blocks[self.played];
        self.played += 1;
        let Kind::Session { fails } = block.kind else { panic!("{} is no session", block.at) };
        transcript::play(stage, block, fails, person);
    }

    /// Plays all that is left; `person` answers what is asked.
    pub fn play(&mut self, machine: &Machine, person: &mut dyn FnMut(&str) -> String) {
        while self.played < self.blocks.len() {
            self.play_next(machine, person);
        }
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        let all = self.played == self.blocks.len();
        assert!(all || thread::panicking(), "{}: {} is not played", self.name, self.blocks[self.played].at);
    }
}

/// Nobody is at the terminal: a command that asks something fails its test.
pub fn nobody(prompt: &str) -> String {
    panic!("nobody is there to answer {prompt:?}")
}
