//! `packaging/doc/using.md`, for users: alice does all of it in one machine, with one telephone after another.

use std::collections::VecDeque;

use mfa_tests::document::Page;
use mfa_tests::{Stack, Token};

use crate::people::{backup_codes, not_enrolled};

const PAGE: &str = "packaging/doc/using.md";

/// What alice has in her hands.
#[derive(Default)]
struct Hands {
    /// Shows the codes of the step before this one first.
    phone: Option<Token>,
    /// What the questions for a code are answered with: a step of the telephone's, as counted from now, or paper.
    steps: VecDeque<Option<i64>>,
    paper: Vec<String>,
}

impl Hands {
    fn answer(&mut self, prompt: &str) -> String {
        if prompt.contains("assword") {
            return "pw".into();
        }
        let codes = backup_codes(prompt);
        if !codes.is_empty() {
            self.paper = codes; // and Enter: nothing is shown to have been kept
            return String::new();
        }
        if let Some(secret) = prompt.lines().find_map(|line| line.trim().strip_prefix("Secret ")) {
            let phone = Token::of_secret(secret.trim());
            let code = phone.code_at(-1);
            self.phone = Some(phone);
            return code;
        }
        match (self.steps.pop_front().expect("no further question"), &self.phone) {
            (Some(step), Some(phone)) => phone.code_at(step),
            _ => self.paper.pop().expect("a code is left"),
        }
    }
}

#[test]
fn a_user_does_all_that_the_page_for_users_says() {
    let machine = crate::rescue::served(
        mfa_tests::Machine::new().user(not_enrolled("alice")).pam("sshd", Stack::password_then_mfa()),
    );
    // A login by the telephone, one by paper, new paper for old, then the telephone again.
    let mut hands = Hands { steps: [Some(0), None, None, Some(1)].into(), ..Hands::default() };
    Page::of(PAGE, "user").play(&machine, &mut |prompt| hands.answer(prompt));
    let code = hands.phone.expect("enrolled").code();
    let _ = machine.ssh("alice").password("pw").code(&code).assert_refused();
    machine.audit().assert_last("locked", "alice", "sshd");
}
