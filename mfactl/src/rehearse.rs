//! `mfactl test`: the login's dialogue for the caller's own account.

use mfa_proto::step::{Kind, Reason, Step};
use serde::Serialize;

use crate::ask::Stdin;
use crate::bus::Bus;
use crate::cli::Shape;
use crate::dialogue::{self, Examiner};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::print::Out;
use crate::print::escape::{shown, shown_lines};
use crate::reason::why;

/// The service that the daemon is told.
const SERVICE: &[u8] = b"mfactl";

/// Asks, sends, and says how a login would have ended.
pub(crate) async fn test(shape: Shape) -> Result<Exit, Failure> {
    let bus = Bus::connect().await?;
    let Some(last) = dialogue::hold(&Locker(&bus), &mut Stdin).await? else {
        return Err(Failure::Usage("no code on standard input; nothing was judged".to_owned()));
    };
    let ending = Ending(last);
    let mut out = Out::stdout()?;
    if shape.json {
        out.json(&ending.view())?;
    } else {
        out.line(&ending.words())?;
    }
    out.flush()?;
    Ok(ending.exit())
}

/// The dialogue of a screen locker, which is that of a login without its context.
struct Locker<'bus>(&'bus Bus);

impl Examiner for Locker<'_> {
    async fn begin(&self) -> Result<Step, Failure> {
        self.0.login_begin(SERVICE).await
    }

    async fn answer(&self, token: &[u8], answer: &[u8]) -> Result<Step, Failure> {
        self.0.login_answer(token, answer).await
    }
}

/// The last step: one that asks again is a refusal for the reason it gives.
struct Ending(Step);

/// `mfactl test --json`.
#[derive(Serialize)]
struct View {
    granted: bool,
    outcome: &'static str,
    reason: &'static str,
    wait: u32,
    text: String,
}

impl Ending {
    fn granted(&self) -> bool {
        matches!(self.0.kind(), Kind::Proven | Kind::Waived)
    }

    /// For how long a login would have to wait, in seconds.
    fn wait(&self) -> u32 {
        if self.0.kind() == Kind::Refused { self.0.seconds } else { 0 }
    }

    fn exit(&self) -> Exit {
        match (self.0.kind(), self.0.reason()) {
            (Kind::Waived, Some(Reason::Optional | Reason::NotEnrolled)) => Exit::NotEnrolled,
            (Kind::Proven | Kind::Waived, _) => Exit::Done,
            (Kind::Ask | Kind::Refused, reason) => Exit::of_refusal(reason),
        }
    }

    fn view(&self) -> View {
        let outcome = match self.0.kind() {
            Kind::Proven => "proven",
            Kind::Waived => "waived",
            Kind::Ask | Kind::Refused => "refused",
        };
        View {
            granted: self.granted(),
            outcome,
            reason: self.0.reason().map_or("unknown", Reason::word),
            wait: self.wait(),
            text: shown(&self.0.text),
        }
    }

    fn words(&self) -> String {
        match (self.0.kind(), self.0.reason()) {
            (Kind::Proven, _) => {
                let granted = "Granted. That code is now spent: the next login needs the next one.";
                // What a login would show: how many backup codes are left, once one was used.
                let told = shown_lines(&self.0.text);
                [granted, told.trim()].join("\n").trim_end().to_owned()
            }
            (Kind::Waived, reason) => format!("A login would not be hindered: {}.", why(reason)),
            (Kind::Ask | Kind::Refused, reason) => {
                let wait = match self.wait() {
                    0 => String::new(),
                    seconds => format!(" Try again in {seconds} s."),
                };
                format!("Refused: {}.{wait}", why(reason))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::print::schema;

    #[test]
    fn only_a_proof_or_a_waiver_grants() {
        assert!(Ending(Step::proven(Vec::new())).granted());
        assert!(Ending(Step::waived(Reason::PolicyOff)).granted());
        let again = Step::ask(Reason::WrongCode, false, 100, vec![1], "again: ".into());
        assert!(!Ending(again.clone()).granted());
        assert_eq!(Ending(again).exit(), Exit::Refused);
        let unknown = Step { kind: 99, ..Step::proven(Vec::new()) };
        assert!(!Ending(unknown).granted());
    }

    #[test]
    fn what_a_login_would_show_is_shown() {
        let told = Step { text: "Backup code used; 3 left.\n".into(), ..Step::proven(Vec::new()) };
        assert!(Ending(told).words().ends_with("the next one.\nBackup code used; 3 left."));
        assert!(Ending(Step::proven(Vec::new())).words().ends_with("the next one."));
    }

    #[test]
    fn exit_codes_tell_apart_what_a_script_would() {
        let refused = |reason| Ending(Step::refused(reason, 0, String::new())).exit();
        assert_eq!(Ending(Step::proven(Vec::new())).exit(), Exit::Done);
        assert_eq!(Ending(Step::waived(Reason::Optional)).exit(), Exit::NotEnrolled);
        assert_eq!(refused(Reason::NotEnrolled), Exit::NotEnrolled);
        assert_eq!(refused(Reason::Limited), Exit::Limited);
        assert_eq!(refused(Reason::Spent), Exit::Refused);
    }

    #[test]
    fn a_limited_user_is_told_how_long_to_wait() {
        let ending = Ending(Step::refused(Reason::Limited, 240, "no\x1b".into()));
        assert_eq!(ending.words(), "Refused: too many tries. Try again in 240 s.");
        schema::holds("test", &ending.view());
        assert_eq!(
            serde_json::to_string(&ending.view()).unwrap(),
            r#"{"granted":false,"outcome":"refused","reason":"limited","wait":240,"text":"no\\x1b"}"#
        );
    }
}
