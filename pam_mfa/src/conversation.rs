//! The host's conversation: the module's only way to its user.

use mfa_proto::secret::Secret;
use mfa_proto::step::Step;
use pam::constants::{
    PAM_ERROR_MSG, PAM_PROMPT_ECHO_OFF, PAM_PROMPT_ECHO_ON, PAM_TEXT_INFO, PamMessageStyle,
};
use pam::conv::Conv;
use pam::items::AuthTok;
use pam::module::PamHandle;

use crate::failed::Failed;
use crate::journal::{Level, log};
use crate::record::Phase;
use crate::respondent::Host;

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
        self.send(PAM_ERROR_MSG, text);
    }

    /// Tells the user something that keeps nobody out, where the host shows it at all.
    pub(crate) fn remind(&self, text: &str) {
        self.send(PAM_TEXT_INFO, text);
    }

    fn send(&self, style: PamMessageStyle, text: &str) {
        if let Ok(Some(conversation)) = self.handle.get_item::<Conv<'_>>() {
            let _ = conversation.send(style, text);
        }
    }

    /// Has the user read a text, inside a prompt: no other channel reaches a user of ssh before the
    /// session does. Whatever is answered is dropped, and so is a host that has nobody to show it to.
    pub(crate) fn show(&self, text: &str) {
        drop(self.prompt(text, true));
    }
}

impl Host for Conversation<'_> {
    /// What is typed is copied once, into a place that is wiped. (pam-bindings wipes and frees the
    /// host's reply, and wipes its own copy when it is dropped.)
    fn prompt(&self, prompt: &str, echo: bool) -> Result<Secret<Vec<u8>>, Failed> {
        let style = if echo { PAM_PROMPT_ECHO_ON } else { PAM_PROMPT_ECHO_OFF };
        let conversation = self.handle.get_item::<Conv<'_>>().ok().flatten();
        let typed = conversation.and_then(|conversation| conversation.send(style, prompt).ok().flatten());
        let typed = typed.ok_or(Failed::NoConversation)?;
        Ok(Secret::new(typed.as_bytes().to_vec()))
    }

    fn first_pass(&self) -> Option<Secret<Vec<u8>>> {
        let typed = self.handle.get_item::<AuthTok<'_>>().ok().flatten()?;
        Some(Secret::new(typed.as_bytes().to_vec()))
    }

    fn heard(&self, step: &Step) {
        if self.debug {
            let reason = step.reason().map_or("unknown", mfa_proto::step::Reason::word);
            let line = format!("debug: step {:?} reason={reason} seconds={}", step.kind(), step.seconds);
            log(self.handle, Phase::Authentication, Level::Debug, &line);
        }
    }
}
