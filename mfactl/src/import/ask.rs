//! Asks mfad to take what was found, one factor a call.

use mfa_proto::admin::{Import, Imported};
use mfa_proto::fault::Fault;
use zeroize::Zeroize;

use super::args::How;
use super::gather::{Candidate, Hurdle};
use super::outcome::Outcome;
use super::report::{Factor, Piece, Row};
use super::token::Token;
use crate::acting::Acting;
use crate::bus::Bus;
use crate::failure::Failure;
use crate::step_up;

/// mfad, as long as it answers.
pub(crate) struct Asking {
    acting: Acting,
    bus: Option<Bus>,
    /// Why there is no more asking.
    pub(crate) stopped: Option<Failure>,
}

/// What travels, wiped when dropped.
struct Wire(Import);

impl Drop for Wire {
    fn drop(&mut self) {
        self.0.secret.zeroize();
        self.0.scratch_codes.zeroize();
    }
}

impl Asking {
    /// Connects, for the administrator who acts.
    pub(crate) async fn begin(acting: Acting) -> Self {
        match Bus::connect().await {
            Ok(bus) => Self { acting, bus: Some(bus), stopped: None },
            Err(failure) => Self { acting, bus: None, stopped: Some(failure) },
        }
    }

    /// Asks for all the factors of a user.
    pub(crate) async fn row(&mut self, found: Candidate, how: &How) -> Row {
        let Candidate { user, file, tokens } = found;
        let mut pieces = Vec::with_capacity(tokens.len());
        for (at, token) in tokens.into_iter().enumerate() {
            pieces.push(match token {
                Err(hurdle) => Piece::of_hurdle(&hurdle),
                Ok(token) => self.piece(&user, token, &label(&how.label, at), how).await,
            });
        }
        Row { user, file, pieces }
    }

    async fn piece(&mut self, user: &[u8], token: Token, label: &str, how: &How) -> Piece {
        let Some(bus) = &self.bus else { return Piece::unasked(token, label, how) };
        let wire = wire(user, &token, label, how);
        // What concerns this one factor is an answer, too; what the step-up ends with never is.
        let take = async |why: &_| match bus.import(&wire.0, why).await {
            Err(failure) if concerns_one(&failure) => Ok(Err(failure)),
            answer => answer.map(Ok),
        };
        match step_up::administrator(bus, &self.acting, &how.reason, take).await {
            Ok(Ok(answer)) => Piece::of_answer(token, label, &answer),
            Ok(Err(failure)) => Piece::refused(token, label, failure.to_string()),
            Err(failure) => {
                self.bus = None;
                self.stopped = Some(failure);
                Piece::unasked(token, label, how)
            }
        }
    }
}

/// Whether a failure is about one user's factor only, so that the next may be asked for.
fn concerns_one(failure: &Failure) -> bool {
    use Fault::{AlreadyEnrolled, InvalidArgument, NotEnrolled, NotFound, Unavailable};
    [AlreadyEnrolled, InvalidArgument, NotEnrolled, NotFound, Unavailable]
        .iter()
        .any(|fault| failure.is(*fault))
}

/// A user's further factors are numbered.
fn label(label: &str, at: usize) -> String {
    if at == 0 { label.to_owned() } else { format!("{label} {}", at + 1) }
}

fn wire(user: &[u8], token: &Token, label: &str, how: &How) -> Wire {
    Wire(Import {
        user: user.to_vec(),
        label: label.to_owned(),
        kind: token.moving.word().to_owned(),
        algorithm: "SHA1".to_owned(),
        digits: token.digits,
        period: token.moving.period(),
        secret: token.seed.expose().clone(),
        next: token.next,
        scratch_codes: token.scratch_codes.iter().map(|code| code.expose().clone()).collect(),
        allow_weak: how.allow_weak,
        refresh: how.refresh,
        dry_run: how.dry_run,
    })
}

impl Row {
    /// The row of a user for whom mfad is not asked.
    pub(crate) fn unasked(found: Candidate, how: &How) -> Self {
        let Candidate { user, file, tokens } = found;
        let piece = |(at, token): (usize, Result<Token, Hurdle>)| match token {
            Ok(token) => Piece::unasked(token, &label(&how.label, at), how),
            Err(hurdle) => Piece::of_hurdle(&hurdle),
        };
        Self { user, file, pieces: tokens.into_iter().enumerate().map(piece).collect() }
    }
}

impl Piece {
    fn of_hurdle(hurdle: &Hurdle) -> Self {
        let outcome = match hurdle {
            Hurdle::Unread(unread) => Outcome::of_unread(*unread),
            Hurdle::NoLine => Outcome::NoLine,
            Hurdle::Google(_) | Hurdle::Oath(..) | Hurdle::NoUser => Outcome::Refused,
            Hurdle::NoAnswer => Outcome::Unreadable,
        };
        let detail = if outcome.is_absence() { String::new() } else { hurdle.to_string() };
        Self { outcome, detail, factor: None, notes: Vec::new() }
    }

    fn of_answer(token: Token, label: &str, answer: &Imported) -> Self {
        match Outcome::of_answer(answer) {
            Some(outcome) => Self::of_token(token, label, outcome, String::new()),
            None => Self::refused(
                token,
                label,
                "mfad answered something that this mfactl does not know".to_owned(),
            ),
        }
    }

    fn refused(token: Token, label: &str, why: String) -> Self {
        Self::of_token(token, label, Outcome::Refused, why)
    }

    /// What is known of a token without mfad.
    fn unasked(token: Token, label: &str, how: &How) -> Self {
        let outcome = if token.is_weak() && !how.allow_weak && !how.refresh {
            Outcome::Weak
        } else {
            Outcome::NotAsked
        };
        Self::of_token(token, label, outcome, String::new())
    }

    fn of_token(token: Token, label: &str, outcome: Outcome, detail: String) -> Self {
        Self { outcome, detail, factor: Some(Factor::of(&token, label)), notes: token.notes }
    }
}

#[cfg(test)]
mod tests {
    use mfa_proto::names::OBJECT_PATH;
    use mfa_proto::secret::Secret;

    use mfa_proto::admin::Why;

    use super::super::token::{Moving, Note};
    use super::*;
    use crate::cli::{Authority, Shape};

    fn token(seed: &[u8]) -> Token {
        Token {
            moving: Moving::Time { period: 30 },
            digits: 6,
            seed: Secret::new(seed.to_vec()),
            next: 57_841_601,
            scratch_codes: vec![Secret::new(b"12345678".to_vec())],
            notes: vec![Note::Exposed],
        }
    }

    fn how(allow_weak: bool, refresh: bool) -> How {
        How {
            dry_run: true,
            allow_weak,
            refresh,
            label: "imported".into(),
            reason: "import".into(),
            authority: Authority::default(),
            shape: Shape { json: false },
        }
    }

    #[test]
    fn all_of_a_token_travels() {
        let wire = wire(b"al", &token(b"seed"), "phone", &how(true, false));
        let expected = Import {
            user: b"al".to_vec(),
            label: "phone".into(),
            kind: "totp".into(),
            algorithm: "SHA1".into(),
            digits: 6,
            period: 30,
            secret: b"seed".to_vec(),
            next: 57_841_601,
            scratch_codes: vec![b"12345678".to_vec()],
            allow_weak: true,
            refresh: false,
            dry_run: true,
        };
        assert_eq!(wire.0, expected);
        let body = (&wire.0, &Why::default());
        let call = zbus::Message::method_call(OBJECT_PATH, "Import").build(&body).unwrap();
        assert_eq!(call.body().signature().to_string_no_parens(), "(aysssuuaytaaybbb)(ss)");
    }

    // S1
    #[test]
    fn a_weak_seed_is_known_for_weak_without_mfad() {
        let unasked = |seed: &[u8], how: &How| Piece::unasked(token(seed), "x", how).outcome;
        assert_eq!(unasked(&[0; 10], &how(false, false)), Outcome::Weak);
        assert_eq!(unasked(&[0; 10], &how(true, false)), Outcome::NotAsked);
        assert_eq!(unasked(&[0; 10], &how(false, true)), Outcome::NotAsked);
        assert_eq!(unasked(&[0; 16], &how(false, false)), Outcome::NotAsked);
    }

    #[test]
    fn what_concerns_one_user_stops_nobody_else() {
        let fault = |fault| Failure::Fault(fault, String::new());
        assert!(concerns_one(&fault(Fault::NotFound)));
        for stops in [
            fault(Fault::NeedsProof),
            fault(Fault::Limited),
            Failure::RootOnly,
            Failure::NoDaemon(String::new()),
        ] {
            assert!(!concerns_one(&stops), "{stops}");
        }
    }

    #[test]
    fn further_factors_of_a_user_are_numbered() {
        assert_eq!([label("phone", 0), label("phone", 1)], ["phone", "phone 2"]);
    }
}
