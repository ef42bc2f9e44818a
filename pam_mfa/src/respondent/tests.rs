//! Respondents at a host that is a list.

use std::cell::RefCell;
use std::collections::VecDeque;

use super::*;
use crate::args::Args;

/// A host whose earlier modules had `first` typed, and whose user types from a list.
#[derive(Default)]
struct List {
    first: Option<&'static str>,
    typed: RefCell<VecDeque<&'static str>>,
    shown: RefCell<Vec<(String, bool)>>,
}

impl Host for &List {
    fn prompt(&self, prompt: &str, echo: bool) -> Result<Secret<Vec<u8>>, Failed> {
        self.shown.borrow_mut().push((prompt.to_owned(), echo));
        let typed = self.typed.borrow_mut().pop_front().ok_or(Failed::NoConversation)?;
        Ok(Secret::new(typed.into()))
    }

    fn first_pass(&self) -> Option<Secret<Vec<u8>>> {
        self.first.map(|first| Secret::new(first.into()))
    }

    fn heard(&self, _: &Step) {}
}

fn host(first: Option<&'static str>, typed: &[&'static str]) -> List {
    List { first, typed: RefCell::new(typed.iter().copied().collect()), ..List::default() }
}

fn ordinary() -> Question {
    Question { prompt: Secret::new("Code: ".into()), echo: true, ordinary: true, after_loss: false }
}

/// What a respondent of that line answers to `questions` ordinary ones, as it travels, and the password that
/// is left: `None` for one that is not touched, empty for one that is to be cleared.
fn answers(
    host: &List,
    words: &[&std::ffi::CStr],
    questions: usize,
) -> (Vec<Option<String>>, Option<String>) {
    let mut respondent = Respondent::new(host, &Args::parse(words).unwrap());
    let wire = |answer: Answer| answer.to_wire().escape_ascii().to_string();
    let answers = (0..questions).map(|_| respondent.ask(&ordinary()).unwrap().map(wire)).collect();
    let text = |password: Password| {
        password.as_c().map(|text| text.to_str().unwrap().to_owned()).unwrap_or_default()
    };
    (answers, respondent.into_password().map(text))
}

#[expect(clippy::unnecessary_wraps, reason = "one of a list of answers")]
fn some(text: &str) -> Option<String> {
    Some(text.into())
}

/// What cannot be a code, as it travels.
const MARKER: &str = "\\x00";

#[test]
fn without_arguments_each_question_is_put_to_the_user() {
    let host = host(Some("123456"), &["111111", "?", "222222"]);
    let (answers, password) = answers(&host, &[], 3);
    assert_eq!(answers, [some("111111"), some("?"), some("222222")]);
    assert_eq!(password, None);
    assert_eq!(*host.shown.borrow(), vec![("Code: ".to_owned(), true); 3]);
}

#[test]
fn use_first_pass_never_prompts_and_has_one_answer() {
    for (first, wire) in [
        (Some("123 456"), "123456"),
        (Some("3-7kq2m-x4tpd-h9wc"), "37KQ2MX4TPDH9WC"),
        // Not a code, and so no try: nothing of it goes out.
        (Some("hunter2"), MARKER),
        (Some("hunter2123456"), MARKER),
        (Some("?"), MARKER),
        (Some(""), MARKER),
        (None, MARKER),
    ] {
        let host = host(first, &["999999"]);
        let (answers, password) = answers(&host, &[c"use_first_pass"], 2);
        assert_eq!(answers, [some(wire), None], "{first:?}");
        assert_eq!((password, host.shown.borrow().len()), (None, 0), "{first:?}");
    }
}

#[test]
fn try_first_pass_prompts_where_there_is_no_code_or_a_wrong_one() {
    for (first, expected) in [
        (Some("123456"), [some("123456"), some("111111")]),
        (Some("hunter2"), [some("111111"), some("222222")]),
        (Some("hunter2123456"), [some("111111"), some("222222")]),
        (Some("b"), [some("111111"), some("222222")]),
        (None, [some("111111"), some("222222")]),
    ] {
        let host = host(first, &["111111", "222222"]);
        let (answers, password) = answers(&host, &[c"try_first_pass"], 2);
        assert_eq!(answers, expected, "{first:?}");
        assert_eq!(password, None);
    }
}

#[test]
fn forward_pass_takes_one_field_apart_and_asks_once() {
    let host = host(Some("654321"), &["hunter2123456", "hunter2111111"]);
    let (answers, password) = answers(&host, &[c"forward_pass", c"echo"], 2);
    assert_eq!(answers, [some("123456"), None]);
    assert_eq!(password, some("hunter2"));
    let shown = host.shown.borrow();
    assert_eq!(*shown, [("Code: ".to_owned(), false)], "a password is not shown");
}

#[test]
fn forward_pass_hands_on_all_that_is_no_code() {
    for (typed, wire, left) in
        [("hunter2", MARKER, "hunter2"), ("123456", MARKER, "123456"), ("", MARKER, ""), ("?", MARKER, "?")]
    {
        let (answers, password) = answers(&host(None, &[typed]), &[c"forward_pass"], 1);
        assert_eq!((answers, password), (vec![some(wire)], some(left)), "{typed:?}");
    }
    let (answers, password) = answers(&host(None, &["pw12345678"]), &[c"forward_pass", c"digits=8"], 1);
    assert_eq!((answers, password), (vec![some("12345678")], some("pw")));
}

#[test]
fn the_two_go_together() {
    let (used, tried) = ([c"use_first_pass", c"forward_pass"], [c"try_first_pass", c"forward_pass"]);
    let both = host(Some("hunter2123456"), &["other654321"]);
    for words in [used, tried] {
        assert_eq!(answers(&both, &words, 2), (vec![some("123456"), None], some("hunter2")));
    }
    let password = host(Some("hunter2"), &["other654321"]);
    assert_eq!(answers(&password, &used, 2), (vec![some(MARKER), None], some("hunter2")));
    assert_eq!(answers(&password, &tried, 2), (vec![some("654321"), None], some("other")));
}

#[test]
fn an_answer_that_was_lost_is_asked_for_again() {
    let host = host(None, &["a111111", "b222222"]);
    let mut respondent = Respondent::new(&host, &Args::parse(&[c"forward_pass"]).unwrap());
    assert!(respondent.ask(&ordinary()).unwrap().is_some());
    let again = Question { after_loss: true, ..ordinary() };
    assert!(respondent.ask(&again).unwrap().is_some());
    assert_eq!(respondent.into_password().unwrap().as_c(), Some(c"b"));
}

/// Whatever else mfad asks is asked at a prompt, and answered there.
#[test]
fn a_question_of_another_kind_is_no_field_for_two() {
    let other = Question { prompt: Secret::new("Confirm by a code: ".into()), ordinary: false, ..ordinary() };
    for word in [c"forward_pass", c"try_first_pass"] {
        let host = host(Some("123456"), &["e", "pw654321"]);
        let mut respondent = Respondent::new(&host, &Args::parse(&[word]).unwrap());
        assert!(matches!(respondent.ask(&other).unwrap(), Some(Answer::Enrol)), "{word:?}");
        assert!(respondent.ask(&ordinary()).unwrap().is_some(), "the first one of its kind");
    }
}

#[test]
fn use_first_pass_passes_by_what_may_be_passed_by_and_no_more() {
    let other = Question {
        prompt: Secret::new("Enter to go on, e to enrol: ".into()),
        ordinary: false,
        ..ordinary()
    };
    let host = host(Some("123456"), &["e"]);
    let mut respondent = Respondent::new(&host, &Args::parse(&[c"use_first_pass"]).unwrap());
    assert!(matches!(respondent.ask(&other).unwrap(), Some(Answer::Nothing)));
    assert!(respondent.ask(&other).unwrap().is_none());
    assert!(host.shown.borrow().is_empty());
}

#[test]
fn a_host_without_a_conversation_is_a_failure() {
    let host = List::default();
    let mut respondent = Respondent::new(&host, &Args::parse(&[c"forward_pass"]).unwrap());
    assert_eq!(respondent.ask(&ordinary()).err(), Some(Failed::NoConversation));
}
