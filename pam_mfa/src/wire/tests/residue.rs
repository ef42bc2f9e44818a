//! What ten thousand dialogues leave in their process: nothing, memory included. (S36)
//!
//! In a process of its own, since the other tests have threads and descriptors; the server is in
//! this one. Every way in which a dialogue can end takes its turn.

use std::fs;
use std::path::Path;
use std::time::Duration;

use mfa_proto::answer::Answer;
use mfa_proto::facts::Facts;
use mfa_proto::step::{Reason, Step};
use zbus::message::Message;

use super::errand;
use super::server::{Move, Site, fault, member, reply, serve};
use crate::context::tests::Table;
use crate::dialogue::{self, Ended, Manner, Question, User, Verdict};
use crate::failed::Failed;
use crate::socket::Place;
use crate::wire::{Door, Wire};

const ROUNDS: usize = 10_000;
/// How many rounds there are to one that waits for its time to be over.
const SILENT_EVERY: usize = 250;
const PATIENCE: Duration = Duration::from_millis(20);

/// The ways to end, by the name of the user who meets them, and what they come to.
const ENDINGS: [(&str, &str); 8] = [
    ("proven", "proven"),
    ("refused", "refused"),
    ("last-word", "refused"),
    ("fault", "mfad_fault"),
    ("garbage", "not_understood"),
    ("lost-at-begin", "mfad_lost"),
    ("lost-at-answer", "mfad_lost"),
    ("hangs-up", "no_conversation"),
];

/// mfad, treating each user as the name says.
fn fickle(call: &Message) -> Move {
    let body = call.body();
    if member(call) == "Answer" {
        let (token, _): (Vec<u8>, Vec<u8>) = body.deserialize().unwrap();
        return if token == b"lost-at-answer" { Move::Close } else { reply(call, &Step::proven(token)) };
    }
    let (user, _, _): (Vec<u8>, Vec<u8>, Facts) = body.deserialize().unwrap();
    let refusal = Step::refused(Reason::Limited, 60, "Not accepted.".into());
    match std::str::from_utf8(&user).unwrap() {
        "refused" => reply(call, &refusal),
        "last-word" => match reply(call, &refusal) {
            Move::Send(message) => Move::SendLast(message),
            other => other,
        },
        "fault" => fault(call, "org.mfad1.Error.Unavailable"),
        "garbage" => reply(call, &1_u32),
        "lost-at-begin" => Move::Close,
        "silent" => Move::Hang,
        _ => reply(call, &Step::ask(Reason::Plain, false, 100, user, "Verification code: ".into())),
    }
}

#[test]
fn ten_thousand_dialogues_leave_no_thread_and_no_descriptor() {
    if let Some(root) = errand::given() {
        return ten_thousand_dialogues(&root);
    }
    let site = Site::new();
    serve(&site.socket, fickle);
    let name = "wire::tests::residue::ten_thousand_dialogues_leave_no_thread_and_no_descriptor";
    let done = errand::run(name, site.root(), None).wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success(), "{said}{}", String::from_utf8_lossy(&done.stderr));
    assert!(said.contains(&format!("{ROUNDS} dialogues")), "{said}");
}

fn ten_thousand_dialogues(root: &Path) {
    let (folder, socket) = (root.join("mfad"), root.join("mfad/pam.sock"));
    let place = Place { folder: &folder, socket: &socket, bus: &root.join("bus"), span: PATIENCE };
    for (user, _) in ENDINGS {
        dialogue(user, Place { span: Duration::from_secs(5), ..place });
    }
    let before = residue();
    let mut half = 0;
    for round in 0..ROUNDS {
        if round == ROUNDS / 2 {
            half = resident();
        }
        let (user, expected) = match round % SILENT_EVERY {
            0 => ("silent", "mfad_silent"),
            _ => ENDINGS[round % ENDINGS.len()],
        };
        let patience = if user == "silent" { PATIENCE } else { Duration::from_secs(5) };
        assert_eq!(dialogue(user, Place { span: patience, ..place }), expected, "{user}, round {round}");
        assert_eq!(residue(), before, "after {user}, round {round}");
    }
    let grown = resident() - half;
    assert!(grown < 64, "{grown} pages more than half-way");
    println!("{ROUNDS} dialogues");
}

/// One dialogue, and the word for its end.
fn dialogue(user: &str, place: Place<'_>) -> &'static str {
    let context = Table::login("sshd", user.as_bytes()).read();
    let mut typist = Typist(user != "hangs-up");
    let mut wire = Wire::new(place, Door::Socket, &context);
    match dialogue::run(&mut wire, &mut typist, Manner::default()) {
        Ok(Verdict { ended: Ended::Proven(_), .. }) => "proven",
        Ok(_) => "refused",
        Err(failed) => failed.word(),
    }
}

/// Types a code, unless the conversation fails.
struct Typist(bool);

impl User for Typist {
    fn ask(&mut self, _: &Question) -> Result<Option<Answer>, Failed> {
        if self.0 { Ok(Some(Answer::parse(b"123456"))) } else { Err(Failed::NoConversation) }
    }

    fn heard(&mut self, _: &Step) {}
}

/// The threads of this process and its descriptors, by number, with what each descriptor is.
fn residue() -> Vec<(String, String)> {
    let list = |folder| -> Vec<_> {
        let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect::<Vec<_>>();
        entries.into_iter().map(|path| (path.display().to_string(), fs::read_link(path))).collect()
    };
    let threads = list("/proc/self/task").into_iter().map(|(thread, _)| (thread, String::new()));
    // A listing's own descriptor is gone when its link is read.
    let descriptors = list("/proc/self/fd").into_iter();
    let descriptors = descriptors.filter_map(|(fd, link)| Some((fd, link.ok()?.display().to_string())));
    let mut found: Vec<_> = threads.chain(descriptors).collect();
    found.sort();
    found
}

/// The resident memory of this process, in pages.
fn resident() -> i64 {
    let sizes = fs::read_to_string("/proc/self/statm").unwrap();
    sizes.split(' ').nth(1).unwrap().parse().unwrap()
}
