//! An enrolment that mfad has opened and nobody has confirmed yet.

use mfa_proto::account::{EnrollRequest, Enrollment};
use mfa_proto::answer::Code;
use mfa_proto::fault::Fault;
use mfa_proto::one_time::OneTimeCode;
use mfa_proto::secret::Secret;
use serde::Serialize;
use zeroize::Zeroize;

use super::picture::Canvas;
use super::qr::{Modules, QrForm};
use super::screen;
use super::terminal::{Shown, Terminal};
use super::uri::{Entry, Moves};
use crate::ask;
use crate::bus::Bus;
use crate::cli::{FactorKind, HandedOver, Shape, Wish};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::print::Out;
use crate::print::escape::shown;
use crate::step_up;

/// An enrolment that waits for its code.
pub(super) struct Pending {
    /// Names it in `EnrollConfirm`.
    pub(super) id: String,
    secret: Secret<String>,
    uri: Secret<String>,
    seconds: u32,
    entry: Entry,
}

impl Pending {
    /// Asks mfad for one: by the code that was handed over, or, where the account has a factor, by a
    /// code of that one.
    pub(super) async fn open(bus: &Bus, wish: &Wish, request: &Request) -> Result<Self, Failure> {
        let begun = step_up::own(bus, async || bus.enroll_begin(&request.0).await).await;
        Self::of(begun.map_err(|failure| refused(failure, wish.handed_over))?)
    }

    /// What makes the app show another code.
    pub(super) fn moves(&self) -> Moves {
        self.entry.moves
    }

    /// Takes only what can be shown, scanned and named as it stands.
    fn of(begun: Enrollment) -> Result<Self, Failure> {
        let Enrollment { enrollment: id, secret, uri, seconds } = begun;
        let (secret, uri) = (Secret::new(secret), Secret::new(uri));
        let plain = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
        match Entry::read(uri.expose()) {
            Some(entry) if plain(&id) && plain(secret.expose()) => {
                Ok(Self { id, secret, uri, seconds, entry })
            }
            _ => Err(Failure::Garbled("no authenticator app would read this enrolment".to_owned())),
        }
    }

    /// Puts on the screen what the app needs, the QR code below it.
    pub(super) fn show(&self, out: &mut Out, form: &QrForm, canvas: Option<Canvas>) -> Result<(), Failure> {
        out.line(&screen::invitation(&self.entry, self.secret.expose()))?;
        let Some(code) = Modules::of(self.uri.expose()) else {
            out.line("The account's name is too long for a QR code: type the secret.")?;
            return Ok(());
        };
        if let (Some(canvas), QrForm::Picture(_, path)) = (canvas, form) {
            canvas.draw(&code)?;
            let path = shown(&path.to_string_lossy());
            out.line(&format!("The QR code is in {path}. It holds the secret: delete it after the scan.\n"))?;
        }
        let terminal = Terminal::of_stdout();
        match terminal.choose(form, &code) {
            Shown::Utf8 => out.line(&code.half_blocks(terminal.colours()))?,
            Shown::Ascii => out.line(&code.ascii(terminal.colours()))?,
            Shown::NoRoom(columns, rows) => out.line(&format!("{}\n", screen::no_room(columns, rows)))?,
            Shown::Nothing => {}
        }
        Ok(())
    }

    /// Asks until what is typed has the shape of a code.
    pub(super) fn ask(&self, out: &mut Out) -> Result<Code, Failure> {
        loop {
            let typed = ask::line(screen::QUESTION, true)?
                .ok_or_else(|| Failure::GivenUp("no code was given: nothing was enrolled".to_owned()))?;
            match Code::parse(&typed) {
                Some(code) if code.digits().len() == self.entry.digits as usize => return Ok(code),
                _ => out.line(&screen::no_code(self.entry.digits))?,
            }
            out.flush()?;
        }
    }

    /// Prints what is needed to confirm it later.
    pub(super) fn hand_out(
        &self,
        form: &QrForm,
        canvas: Option<Canvas>,
        shape: Shape,
    ) -> Result<Exit, Failure> {
        let mut out = Out::stdout()?;
        let (uri, seconds) = (self.uri.expose(), self.seconds);
        if shape.json {
            if let (Some(canvas), Some(code)) = (canvas, Modules::of(uri)) {
                canvas.draw(&code)?;
            }
            out.json(&Begun { enrollment: &self.id, secret: self.secret.expose(), uri, seconds })?;
        } else {
            self.show(&mut out, form, canvas)?;
            out.line(uri)?;
            out.line(&format!(
                "\nConfirm it within {} minutes:  mfactl enroll confirm {}",
                seconds.div_ceil(60),
                self.id
            ))?;
        }
        out.flush()?;
        Ok(Exit::Done)
    }
}

/// What mfad is asked for; wiped, since it may hold a code.
pub(super) struct Request(EnrollRequest);

impl Request {
    /// Empty strings and zeros leave the choice to the daemon.
    pub(super) fn of(wish: &Wish, code: Option<&OneTimeCode>) -> Result<Self, Failure> {
        if matches!(wish.kind, FactorKind::Hotp) && wish.period.is_some() {
            return Err(Failure::Usage("`--period` is for codes by time; `--type hotp` has none".to_owned()));
        }
        Ok(Self(EnrollRequest {
            kind: wish.kind.word().to_owned(),
            label: wish.label.clone().unwrap_or_default(),
            algorithm: wish.algorithm.map(|algorithm| algorithm.word().to_owned()).unwrap_or_default(),
            digits: wish.digits.unwrap_or_default(),
            period: wish.period.unwrap_or_default(),
            replace: wish.replace.clone().unwrap_or_default(),
            code: code.map(|code| code.canonical().to_vec()).unwrap_or_default(),
        }))
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        self.0.code.zeroize();
    }
}

/// Why no enrolment was opened, and who can help.
fn refused(failure: Failure, handed_over: HandedOver) -> Failure {
    if handed_over.invitation || handed_over.recovery {
        let invalid = || {
            "that code is not valid for your account: it was used or has expired, or it is another's; ask an \
             administrator for a new one"
                .to_owned()
        };
        return failure
            .explained(Fault::NotPermitted, invalid)
            .explained(Fault::WrongCode, invalid)
            .explained(Fault::Expired, invalid);
    }
    failure
        .explained(Fault::NotPermitted, || {
            "you may not enrol by yourself now. An administrator can invite you (mfactl user invite NAME); then \
             run `mfactl enroll --invitation`"
                .to_owned()
        })
        .explained(Fault::NotFound, || {
            "you have no such factor to replace; `mfactl factor list` shows what you have".to_owned()
        })
}

/// `mfactl enroll begin --json`.
#[derive(Serialize)]
struct Begun<'a> {
    enrollment: &'a str,
    secret: &'a str,
    uri: &'a str,
    seconds: u32,
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::{Cli, Verb};
    use crate::print::schema;

    fn begun() -> Enrollment {
        Enrollment {
            enrollment: "00ff".into(),
            secret: "JBSWY3DPEHPK3PXP".into(),
            uri: "otpauth://totp/alice?secret=JBSWY3DPEHPK3PXP".into(),
            seconds: 900,
        }
    }

    #[test]
    fn a_beginning_has_this_shape() {
        let begun =
            Begun { enrollment: "00ff", secret: "ABCD", uri: "otpauth://totp/a?secret=ABCD", seconds: 900 };
        schema::holds("enroll-begin", &begun);
        assert_eq!(
            serde_json::to_string(&begun).unwrap(),
            r#"{"enrollment":"00ff","secret":"ABCD","uri":"otpauth://totp/a?secret=ABCD","seconds":900}"#
        );
    }

    #[test]
    fn an_enrolment_that_cannot_be_shown_as_it_stands_is_not_shown() {
        assert!(Pending::of(begun()).is_ok());
        for odd in [
            Enrollment { enrollment: "00\x1b".into(), ..begun() },
            Enrollment { secret: "AB CD".into(), ..begun() },
            Enrollment { secret: String::new(), ..begun() },
            Enrollment { uri: "otpauth://totp/al\x1bice?secret=A".into(), ..begun() },
        ] {
            assert!(matches!(Pending::of(odd), Err(Failure::Garbled(_))));
        }
    }

    fn wish(line: &str) -> Wish {
        let words = ["mfactl", "enroll"].into_iter().chain(line.split_whitespace());
        let Verb::Enroll(enroll) = Cli::try_parse_from(words).unwrap().verb else { panic!("{line}") };
        enroll.wish
    }

    #[test]
    fn what_is_asked_for_is_what_was_wished() {
        let wished = wish("--type hotp --label fob --digits 8 --replace phone --invitation");
        let code = OneTimeCode::parse(b"i-7kq2m-x4tpd-h9wc").unwrap();
        let request = Request::of(&wished, Some(&code)).unwrap();
        let expected = EnrollRequest {
            kind: "hotp".into(),
            label: "fob".into(),
            digits: 8,
            replace: "phone".into(),
            code: b"I7KQ2MX4TPDH9WC".to_vec(),
            ..EnrollRequest::default()
        };
        assert_eq!(request.0, expected);
        let nothing = EnrollRequest { kind: "totp".into(), ..EnrollRequest::default() };
        assert_eq!(Request::of(&wish(""), None).unwrap().0, nothing);
        assert!(matches!(Request::of(&wish("--type hotp --period 60"), None), Err(Failure::Usage(_))));
    }

    // S19
    #[test]
    fn who_may_not_enrol_is_told_who_can_help() {
        let fault = |fault| Failure::Fault(fault, "why".into());
        let told = refused(fault(Fault::NotPermitted), HandedOver::default());
        assert_eq!(told.exit(), Exit::NotPermitted);
        let text = told.to_string();
        assert!(text.contains("mfactl user invite") && text.contains("mfactl enroll --invitation"), "{text}");
        let handed_over = HandedOver { invitation: true, recovery: false };
        for kind in [Fault::NotPermitted, Fault::WrongCode, Fault::Expired] {
            let text = refused(fault(kind), handed_over).to_string();
            assert!(text.contains("for a new one") && text.ends_with("(why)"), "{text}");
        }
        assert!(refused(fault(Fault::Limited), handed_over).is(Fault::Limited));
    }
}
