//! An enrolment that mfad has opened and nobody has confirmed yet.

use mfa_proto::account::{EnrollRequest, Enrollment};
use mfa_proto::answer::Code;
use mfa_proto::secret::Secret;
use serde::Serialize;

use super::picture::Canvas;
use super::qr::{Modules, QrForm};
use super::screen;
use super::terminal::{Shown, Terminal};
use super::uri::Entry;
use crate::ask;
use crate::bus::Bus;
use crate::cli::{FactorKind, Shape, Wish};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::print::Out;
use crate::print::escape::shown;

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
    /// Asks mfad for one.
    pub(super) async fn open(bus: &Bus, wish: &Wish) -> Result<Self, Failure> {
        Self::of(bus.enroll_begin(&request(wish)).await?)
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

/// Empty strings and zeros leave the choice to the daemon.
fn request(wish: &Wish) -> EnrollRequest {
    let kind = match wish.kind {
        FactorKind::Totp => "totp",
    };
    EnrollRequest {
        kind: kind.to_owned(),
        label: wish.label.clone().unwrap_or_default(),
        algorithm: wish.algorithm.map(|algorithm| algorithm.word().to_owned()).unwrap_or_default(),
        digits: wish.digits.unwrap_or_default(),
        period: wish.period.unwrap_or_default(),
        ..EnrollRequest::default()
    }
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
    use super::*;

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
}
