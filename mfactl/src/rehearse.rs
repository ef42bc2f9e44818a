//! `mfactl test`: the login's dialogue for the caller's own account.

use mfa_proto::answer::Answer;
use mfa_proto::names::TRIES;
use mfa_proto::step::{Kind, Reason, Step};
use serde::Serialize;

use crate::ask;
use crate::bus::Bus;
use crate::cli::Shape;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::print::Out;
use crate::print::escape::{shown, shown_lines};

/// The service that the daemon is told.
const SERVICE: &[u8] = b"mfactl";
/// How many questions are answered at most, those about help and visibility included.
const ROUNDS: u32 = 10;

/// Asks, sends, and says how a login would have ended.
pub(crate) async fn test(shape: Shape) -> Result<Exit, Failure> {
    let ending = dialogue(&Bus::connect().await?).await?;
    let mut out = Out::stdout()?;
    if shape.json {
        out.json(&ending.view())?;
    } else {
        out.line(&ending.words())?;
    }
    out.flush()?;
    Ok(ending.exit())
}

/// The daemon may ask again: as often as a login would at a terminal, once for a line of input.
async fn dialogue(bus: &Bus) -> Result<Ending, Failure> {
    let mut step = bus.login_begin(SERVICE).await?;
    let (mut tries, mut rounds) = (0, 0);
    let tries_allowed = if ask::is_terminal() { TRIES } else { 1 };
    while step.kind() == Kind::Ask && tries < tries_allowed && rounds < ROUNDS {
        let Some(typed) = ask::line(&shown_lines(&step.text), step.echo)? else {
            return Err(Failure::Usage("no code on standard input; nothing was judged".to_owned()));
        };
        let answer = Answer::parse(&typed);
        rounds += 1;
        tries += u32::from(matches!(answer, Answer::Code(_)) || !ask::is_terminal());
        step = bus.login_answer(&step.token, answer.to_wire()).await?;
    }
    Ok(Ending(step))
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
                "Granted. That code is now spent: the next login needs the next one.".to_owned()
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

fn why(reason: Option<Reason>) -> &'static str {
    match reason {
        Some(Reason::Plain) | None => "mfad gives no reason",
        Some(Reason::WrongCode) => "the code is not right",
        Some(Reason::Spent) => "the code was used before; wait for the next one",
        Some(Reason::Limited) => "too many tries",
        Some(Reason::NotEnrolled) => "a factor is required and you have none; run `mfactl enroll`",
        Some(Reason::DoorClosed) => "too many wrong codes from here; an administrator has to unlock it",
        Some(Reason::NoCode) => "what was typed cannot be a code",
        Some(Reason::Expired) => "the question had expired; start again",
        Some(Reason::Help | Reason::Visible) => "no code was given",
        Some(Reason::PolicyOff) => "the mode is `off`, nobody is asked",
        Some(Reason::Observed) => "the mode is `observe`, codes are judged and hinder nobody",
        Some(Reason::Optional) => "you have no factor, and the mode is `optional`; run `mfactl enroll`",
        Some(Reason::UnknownUser) => "mfad does not know your user",
        Some(Reason::Altered) => "your account's record does not verify; tell an administrator",
        Some(Reason::Disabled) => "your factor was switched off after too many wrong codes",
        Some(Reason::Ambiguous) => "your name and your uid belong to two accounts; tell an administrator",
        Some(Reason::Clock) => "the server's clock cannot be believed; tell an administrator",
        Some(Reason::NoCaller) => "mfad could not tell who asks",
        Some(Reason::NoSettings) => "mfad has no settings that it can use; tell an administrator",
        Some(Reason::NoProof) => "no proof was given",
        Some(Reason::Locked) => "your account is locked; tell an administrator",
        Some(Reason::Grace) => "you have no factor yet, and will need one soon; run `mfactl enroll`",
        Some(Reason::Enrolling) => "a factor is being enrolled",
        Some(Reason::MayNotEnrol) => "you may not enrol by yourself; ask an administrator for an invitation",
        Some(Reason::TriesUsedUp) => "no try is left in this login; start again",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert_eq!(
            serde_json::to_string(&ending.view()).unwrap(),
            r#"{"granted":false,"outcome":"refused","reason":"limited","wait":240,"text":"no\\x1b"}"#
        );
    }
}
