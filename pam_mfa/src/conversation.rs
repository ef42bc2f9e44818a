//! The host's conversation: the module's only way to its user.

use mfa_proto::answer::Answer;
use mfa_proto::step::Step;
use pam::constants::{PAM_ERROR_MSG, PAM_PROMPT_ECHO_OFF, PAM_PROMPT_ECHO_ON};
use pam::conv::Conv;
use pam::module::PamHandle;

use crate::dialogue::User;
use crate::failed::Failed;
use crate::journal::{Level, log};
use crate::record::Phase;

/// The user of a PAM handle.
pub(crate) struct Conversation<'a> {
    /// The handle. Its conversation is looked up for each message: the host may change it.
    pub(crate) handle: &'a PamHandle,
    /// Whether each step is logged.
    pub(crate) debug: bool,
}

impl Conversation<'_> {
    /// Tells the user why, where the host shows it at all. Nothing relies on it.
    pub(crate) fn tell(&self, text: &str) {
        if let Ok(Some(conversation)) = self.handle.get_item::<Conv<'_>>() {
            let _ = conversation.send(PAM_ERROR_MSG, text);
        }
    }
}

impl User for Conversation<'_> {
    /// What is typed is read here, and wiped here: only its canonical form goes on. (pam-bindings
    /// wipes and frees the host's reply, and wipes its own copy when it is dropped.)
    fn ask(&mut self, prompt: &str, echo: bool) -> Result<Answer, Failed> {
        let style = if echo { PAM_PROMPT_ECHO_ON } else { PAM_PROMPT_ECHO_OFF };
        let conversation = self.handle.get_item::<Conv<'_>>().ok().flatten();
        let typed = conversation.and_then(|conversation| conversation.send(style, prompt).ok().flatten());
        let typed = typed.ok_or(Failed::NoConversation)?;
        Ok(Answer::parse(typed.as_bytes()))
    }

    fn heard(&mut self, step: &Step) {
        if self.debug {
            let reason = step.reason().map_or("unknown", mfa_proto::step::Reason::word);
            let line = format!("debug: step {:?} reason={reason} seconds={}", step.kind(), step.seconds);
            log(self.handle, Phase::Authentication, Level::Debug, &line);
        }
    }
}
