//! Dialogues with scripted peers and users.

use std::collections::VecDeque;

use super::*;

/// A peer that answers from a script and notes what it was sent.
struct Script {
    replies: VecDeque<Scripted>,
    calls: Vec<String>,
}

impl Script {
    fn of(replies: impl IntoIterator<Item = Scripted>) -> Self {
        Self { replies: replies.into_iter().collect(), calls: Vec::new() }
    }

    fn next(&mut self, call: String) -> Scripted {
        self.calls.push(call);
        self.replies.pop_front().expect("the script has a reply for each call")
    }
}

impl Peer for Script {
    fn begin(&mut self) -> Scripted {
        self.next("begin".into())
    }

    fn answer(&mut self, token: &[u8], answer: &Answer) -> Scripted {
        let (token, wire) = (token.escape_ascii(), answer.to_wire().escape_ascii());
        self.next(format!("answer {token} {wire}"))
    }

    fn typed(&mut self) {
        self.calls.push("typed".into());
    }
}

/// A user who types from a list, and then hangs up, or is not there to be asked.
#[derive(Default)]
struct Typist {
    answers: VecDeque<&'static str>,
    seen: Vec<(String, bool)>,
    heard: usize,
    silent: bool,
}

impl Typist {
    fn typing(answers: &[&'static str]) -> Self {
        Self { answers: answers.iter().copied().collect(), ..Self::default() }
    }
}

impl User for Typist {
    fn ask(&mut self, question: &Question) -> Result<Option<Answer>, Failed> {
        self.seen.push((question.prompt.expose().clone(), question.echo));
        match self.answers.pop_front() {
            Some(typed) => Ok(Some(Answer::parse(typed.as_bytes()))),
            None if self.silent => Ok(None),
            None => Err(Failed::NoConversation),
        }
    }

    fn heard(&mut self, _: &Step) {
        self.heard += 1;
    }
}

type Scripted = Result<Step, Failed>;

const HELPFUL: Manner<'_> = Manner { prompt: None, echo: false, helpful: true };

#[expect(clippy::unnecessary_wraps, reason = "an entry of a script")]
fn ask(reason: Reason, token: &str) -> Scripted {
    Ok(Step::ask(reason, false, 100, token.into(), ORDINARY.into()))
}

#[expect(clippy::unnecessary_wraps, reason = "an entry of a script")]
fn refused(reason: Reason) -> Scripted {
    Ok(Step::refused(reason, 0, "Not accepted.".into()))
}

#[expect(clippy::unnecessary_wraps, reason = "an entry of a script")]
fn proven(ticket: &str) -> Scripted {
    Ok(Step::proven(ticket.into()))
}

fn play(peer: &mut Script, user: &mut Typist, manner: Manner<'_>) -> Result<Verdict, Failed> {
    run(peer, user, manner)
}

#[test]
fn a_right_code_is_proven_in_two_calls() {
    let mut peer = Script::of([ask(Reason::Plain, "t1"), proven("ticket")]);
    let mut user = Typist::typing(&["123 456"]);
    let verdict = play(&mut peer, &mut user, HELPFUL).unwrap();
    assert_eq!(verdict.ended, Ended::Proven(b"ticket".to_vec()));
    assert_eq!((verdict.reason, verdict.tries), (Some(Reason::Plain), 1));
    assert_eq!(peer.calls, ["begin", "typed", "answer t1 123456"]);
    assert_eq!(user.seen, [(ORDINARY.to_owned(), false)]);
    assert_eq!(user.heard, 2);
}

#[test]
fn where_nothing_is_asked_nothing_is_shown() {
    for (step, ended) in [
        (Ok(Step::waived(Reason::PolicyOff)), Ended::Waived { ticket: Vec::new(), text: String::new() }),
        (
            Ok(Step { token: b"ticket".to_vec(), ..Step::waived(Reason::SecurityKey) }),
            Ended::Waived { ticket: b"ticket".to_vec(), text: String::new() },
        ),
        (proven(""), Ended::Proven(Vec::new())),
        (refused(Reason::Limited), Ended::Refused("Not accepted.".into())),
    ] {
        let mut user = Typist::default();
        let verdict = play(&mut Script::of([step]), &mut user, HELPFUL).unwrap();
        assert_eq!(verdict.ended, ended);
        assert!(user.seen.is_empty());
    }
}

#[test]
fn each_question_is_answered_with_its_own_token() {
    let mut peer = Script::of([
        ask(Reason::Plain, "t1"),
        ask(Reason::WrongCode, "t2"),
        ask(Reason::Spent, "t3"),
        refused(Reason::WrongCode),
    ]);
    let verdict = play(&mut peer, &mut Typist::typing(&["111111", "222222", "333333"]), HELPFUL).unwrap();
    assert_eq!(verdict.ended, Ended::OutOfTries("Not accepted.".into()));
    assert_eq!((verdict.reason, verdict.tries), (Some(Reason::WrongCode), 3));
    let answers: Vec<_> = peer.calls.iter().filter(|call| call.starts_with("answer")).collect();
    assert_eq!(answers, ["answer t1 111111", "answer t2 222222", "answer t3 333333"]);
}

/// What mfad had no time for is none of the three; at sshd, a stranger is asked as often for every name. (S21)
#[test]
fn what_mfad_had_no_time_for_is_no_try_but_a_strangers() {
    for (helpful, tries, ended) in
        [(true, 1, Ended::Proven(Vec::new())), (false, 3, Ended::OutOfTries(String::new()))]
    {
        let busy = (0..4).map(|_| ask(Reason::Busy, "t")).collect::<Vec<_>>();
        let mut peer = Script::of([ask(Reason::Plain, "t")].into_iter().chain(busy).chain([proven("")]));
        let codes = ["3-7KQ2M-X4TPD-H9WC"; 5];
        let verdict = play(&mut peer, &mut Typist::typing(&codes), Manner { helpful, ..HELPFUL }).unwrap();
        assert_eq!((verdict.ended, verdict.tries), (ended, tries));
    }
}

#[test]
fn three_tries_end_it_though_mfad_would_go_on() {
    let mut peer = Script::of((0..4).map(|_| ask(Reason::WrongCode, "t")));
    let mut user = Typist::typing(&["111111", "222222", "333333", "444444"]);
    let verdict = play(&mut peer, &mut user, HELPFUL).unwrap();
    assert_eq!(verdict.ended, Ended::OutOfTries(String::new()));
    assert_eq!(user.seen.len(), 3);
}

/// sshd's `password` method answers every prompt with the password, and replaces what strangers
/// type by junk: the call is made all the same, the text stays here, and the tries run out. (S21)
#[test]
fn what_is_no_code_goes_as_a_marker_and_is_a_try() {
    let mut peer = Script::of((0..4).map(|_| ask(Reason::NoCode, "t")));
    let mut user = Typist::typing(&["hunter2", "\u{8}\n\r\u{7f}IN", "12345"]);
    let verdict = play(&mut peer, &mut user, HELPFUL).unwrap();
    assert_eq!((verdict.ended, verdict.tries), (Ended::OutOfTries(String::new()), 3));
    let answers: Vec<_> = peer.calls.iter().filter(|call| call.starts_with("answer")).collect();
    assert_eq!(answers, ["answer t \\x00"; 3]);
}

#[test]
fn help_is_no_try_and_has_an_end() {
    let mut peer = Script::of((0..9).map(|_| ask(Reason::Help, "t")));
    let mut user = Typist::typing(&["?", "b", "?", "?", "b", "?", "?", "?", "123456"]);
    let verdict = play(&mut peer, &mut user, HELPFUL).unwrap();
    assert_eq!((verdict.ended, verdict.tries), (Ended::OutOfTries(String::new()), 0));
    assert_eq!(user.seen.len(), 8);
}

/// S21: at sshd, a stranger's `?` arrives as junk when the name is nobody's.
#[test]
fn a_stranger_is_not_helped() {
    let stranger = Manner { helpful: false, ..HELPFUL };
    let mut peer = Script::of([ask(Reason::Plain, "t"), ask(Reason::NoCode, "t"), refused(Reason::NoCode)]);
    let verdict = play(&mut peer, &mut Typist::typing(&["?", "b"]), stranger).unwrap();
    assert_eq!(verdict.tries, 2);
    let answers: Vec<_> = peer.calls.iter().filter(|call| call.starts_with("answer")).collect();
    assert_eq!(answers, ["answer t \\x00"; 2]);
}

#[test]
fn an_unknown_kind_is_a_refusal() {
    let odd = Step { kind: 4, ..Step::proven(b"ticket".to_vec()) };
    let verdict = play(&mut Script::of([Ok(odd)]), &mut Typist::default(), HELPFUL).unwrap();
    assert_eq!(verdict.ended, Ended::Refused(String::new()));
}

#[test]
fn a_lost_answer_is_asked_for_again_once_with_a_word_of_explanation() {
    let lost = || Err(Failed::Lost);
    let mut peer = Script::of([ask(Reason::Plain, "t1"), lost(), ask(Reason::Plain, "t2"), proven("")]);
    let mut user = Typist::typing(&["123456", "654321"]);
    let verdict = play(&mut peer, &mut user, HELPFUL).unwrap();
    assert_eq!((verdict.ended, verdict.tries), (Ended::Proven(Vec::new()), 1));
    assert_eq!(peer.calls, ["begin", "typed", "answer t1 123456", "begin", "typed", "answer t2 654321"]);
    assert_eq!(user.seen[0].0, ORDINARY);
    assert_eq!(user.seen[1].0, format!("{AGAIN}{ORDINARY}"));
    assert!(AGAIN.starts_with('\n') && AGAIN.ends_with('\n'));

    let mut peer = Script::of([ask(Reason::Plain, "t"), lost(), ask(Reason::Plain, "t"), lost()]);
    let twice = play(&mut peer, &mut Typist::typing(&["111111", "222222"]), HELPFUL);
    assert_eq!(twice, Err(Failed::Lost));
}

#[test]
fn a_connection_lost_at_the_start_is_made_again_once() {
    let lost = || Err(Failed::Lost);
    let mut peer = Script::of([lost(), ask(Reason::Plain, "t"), proven("")]);
    assert!(play(&mut peer, &mut Typist::typing(&["123456"]), HELPFUL).is_ok());
    assert_eq!(play(&mut Script::of([lost(), lost()]), &mut Typist::default(), HELPFUL), Err(Failed::Lost));
    let mut peer = Script::of([lost(), ask(Reason::Plain, "t"), lost()]);
    assert_eq!(play(&mut peer, &mut Typist::typing(&["123456"]), HELPFUL), Err(Failed::Lost));
}

/// S22: whatever goes wrong at whichever call ends the dialogue as that failure.
#[test]
fn a_failure_at_any_call_is_a_failure() {
    let failures = [
        Failed::Unreachable,
        Failed::Untrusted("x"),
        Failed::Silent,
        Failed::Fault("org.mfad1.Error.Unavailable".into()),
        Failed::System("x".into()),
        Failed::NotUnderstood,
    ];
    for failed in failures {
        let mut peer = Script::of([Err(failed.clone())]);
        assert_eq!(play(&mut peer, &mut Typist::default(), HELPFUL), Err(failed.clone()));
        let mut peer = Script::of([ask(Reason::Plain, "t"), Err(failed.clone())]);
        assert_eq!(play(&mut peer, &mut Typist::typing(&["123456"]), HELPFUL), Err(failed));
    }
    let mut peer = Script::of([ask(Reason::Plain, "t")]);
    assert_eq!(play(&mut peer, &mut Typist::default(), HELPFUL), Err(Failed::NoConversation));
}

#[test]
fn another_prompt_replaces_the_ordinary_line_only() {
    let manner = Manner { prompt: Some("PIN: "), ..HELPFUL };
    let put = |said: &str, text: &str| {
        let step = Step::ask(Reason::Plain, false, 100, Vec::new(), text.into());
        let question = manner.question(said, &step.text, step.echo);
        (question.prompt.expose().clone(), question.ordinary)
    };
    let ordinary = |prompt: &str| (prompt.to_owned(), true);
    let other = |prompt: &str| (prompt.to_owned(), false);
    assert_eq!(put("", ORDINARY), ordinary("PIN: "));
    assert_eq!(put("", "\nNot accepted.\nVerification code: "), ordinary("\nNot accepted.\nPIN: "));
    assert_eq!(put("", "\nNo Verification code: "), other("\nNo Verification code: "));
    assert_eq!(put("", "Confirm by a code: "), other("Confirm by a code: "));
    assert_eq!(put(AGAIN, ORDINARY), ordinary(&format!("{AGAIN}PIN: ")));
}

#[test]
fn what_is_typed_is_shown_where_mfad_or_the_line_says_so() {
    for (asked, argument, shown) in [(false, false, false), (true, false, true), (false, true, true)] {
        let step = Step::ask(Reason::Plain, asked, 100, b"t".to_vec(), ORDINARY.into());
        let mut user = Typist::typing(&["123456"]);
        let manner = Manner { echo: argument, ..HELPFUL };
        play(&mut Script::of([Ok(step), proven("")]), &mut user, manner).unwrap();
        assert_eq!(user.seen[0].1, shown);
    }
}

/// Where nobody can be asked again, the words of the next question are the last words.
#[test]
fn who_has_no_further_answer_is_refused_with_what_would_have_been_said() {
    let text = format!("\nThat code is not right.\n{ORDINARY}");
    let again = Ok(Step::ask(Reason::WrongCode, false, 100, b"t2".to_vec(), text));
    let mut peer = Script::of([ask(Reason::Plain, "t1"), again]);
    let mut user = Typist { silent: true, ..Typist::typing(&["111111"]) };
    let verdict = play(&mut peer, &mut user, HELPFUL).unwrap();
    assert_eq!(verdict.ended, Ended::Refused("That code is not right.".into()));
    assert_eq!((verdict.reason, verdict.tries), (Some(Reason::WrongCode), 1));

    // What was lost was not judged, as far as is known here: that is no verdict. (S22)
    let mut peer = Script::of([ask(Reason::Plain, "t1"), Err(Failed::Lost), ask(Reason::Plain, "t2")]);
    let mut user = Typist { silent: true, ..Typist::typing(&["111111"]) };
    assert_eq!(play(&mut peer, &mut user, HELPFUL), Err(Failed::Lost));
}
