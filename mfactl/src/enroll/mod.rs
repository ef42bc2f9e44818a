//! `mfactl enroll`: a new factor for the caller's own account.
//!
//! ```text
//!          EnrollBegin [^1]            EnrollConfirm, right code
//! nothing ────────────▶ pending ───────────────────────────────▶ active
//!                          │  ▲  wrong code: asked again, TRIES times
//!                          │  └──────────────┘
//!                          └─▶ nothing: given up, cancelled, or 15 minutes over
//! ```
//!
//! [^1]: By the session alone while the policy lets users enrol; else by a code that an administrator
//! handed over ([`handed_over`]), or by one of a factor that the account has ([`crate::step_up`]).

mod handed_over;
mod kept;
mod pending;
mod picture;
pub(crate) mod qr;
mod screen;
mod ssh_key;
mod terminal;
mod uri;

use std::ffi::OsStr;
use std::io::IsTerminal;
use std::os::unix::ffi::OsStrExt;

use mfa_proto::account::Enrolled;
use mfa_proto::answer::Code;
use mfa_proto::fault::Fault;
use mfa_proto::secret::Secret;
use serde::Serialize;
use zeroize::Zeroizing;

use self::pending::{Pending, Request};
use self::picture::Canvas;
use self::qr::QrForm;
use crate::ask::{self, Stdin};
use crate::bus::Bus;
use crate::cli::{Enroll, Shape, Stage, Wish};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::print::Out;
use crate::print::escape::shown;
use crate::print::time::clock;

/// How many wrong codes end the interactive form.
const TRIES: usize = 5;

/// Does what `verb` asks.
pub(crate) async fn enroll(verb: Enroll) -> Result<Exit, Failure> {
    match verb.stage {
        None => at_the_terminal(verb.wish).await,
        Some(Stage::Begin { wish, shape }) => begin(wish, shape).await,
        Some(Stage::Confirm { enrollment, signature: Some(file), shape, .. }) => {
            let factor = ssh_key::confirm(&enrollment, &file).await?;
            confirmed(&factor, &Secret::new(Vec::new()), ssh_key::ENROLLED, shape)
        }
        Some(Stage::Confirm { enrollment, code, signature: None, shape }) => {
            confirm(&enrollment, code.as_deref(), shape).await
        }
        Some(Stage::Cancel { enrollment }) => {
            Bus::connect().await?.enroll_cancel(&enrollment).await?;
            Ok(Exit::Done)
        }
    }
}

/// Everything in one go, with a person there to scan and type.
async fn at_the_terminal(wish: Wish) -> Result<Exit, Failure> {
    let person = ask::is_terminal() && std::io::stdout().is_terminal();
    if wish.is_ssh_key()? && (person || wish.key.is_some()) {
        return ssh_key::enroll(&wish).await;
    }
    if !person {
        return Err(Failure::Usage(
            "`mfactl enroll` shows what is to be enrolled and asks for an answer, so it needs a terminal. Without one, use \
             `mfactl enroll begin --json`, then `mfactl enroll confirm ID --json`"
                .to_owned(),
        ));
    }
    let code = handed_over::ask(wish.handed_over, &mut Stdin)?;
    let request = Request::of(&wish, code.as_ref())?;
    let bus = Bus::connect().await?;
    let canvas = canvas(&wish.qr)?;
    let pending = Pending::open(&bus, &wish, &request).await?;
    let outcome = converse(&bus, &pending, &wish.qr, canvas).await;
    if outcome.is_err() {
        let _ = bus.enroll_cancel(&pending.id).await; // else it ends by itself
    }
    outcome
}

async fn converse(
    bus: &Bus,
    pending: &Pending,
    form: &QrForm,
    canvas: Option<Canvas>,
) -> Result<Exit, Failure> {
    let mut out = Out::stdout()?;
    pending.show(&mut out, form, canvas)?;
    for left in (0..TRIES).rev() {
        out.flush()?;
        let code = pending.ask(&mut out)?;
        match bus.enroll_confirm(&pending.id, code.digits()).await {
            Ok(Enrolled { backup_codes, .. }) => {
                return farewell(&mut out, &Secret::new(backup_codes));
            }
            Err(failure) if failure.is(Fault::WrongCode) => {
                let time = bus.status().await.ok().map(|status| status.time);
                out.line(&screen::wrong(pending.moves(), time, left))?;
            }
            Err(failure) => return Err(failure),
        }
    }
    out.flush()?;
    Err(Failure::GivenUp(format!(
        "{TRIES} codes were wrong: nothing was enrolled; begin again when you like"
    )))
}

/// What a new factor brings: backup codes, shown and asked back, and a word about the next login.
fn farewell(out: &mut Out, backup_codes: &Secret<Vec<String>>) -> Result<Exit, Failure> {
    out.line("")?;
    out.line(&screen::enrolled(backup_codes.expose()))?;
    out.flush()?;
    kept::ask_back(backup_codes.expose(), &mut Stdin, |said| {
        out.line(said)?;
        out.flush()
    })?;
    out.line(screen::AFTERWARDS)?;
    out.flush()?;
    Ok(Exit::Done)
}

/// The first half, for programs; without `--json`, for people who confirm elsewhere.
async fn begin(wish: Wish, shape: Shape) -> Result<Exit, Failure> {
    if wish.is_ssh_key()? {
        if wish.key.is_some() {
            return Err(Failure::Usage("`--key` signs at once: it is for `mfactl enroll` alone".to_owned()));
        }
        return ssh_key::begin(&wish, shape).await;
    }
    if shape.json && matches!(wish.qr, QrForm::Utf8 | QrForm::Ascii) {
        return Err(Failure::Usage("`--qr utf8` and `--qr ascii` do not go with `--json`".to_owned()));
    }
    let code = handed_over::ask(wish.handed_over, &mut Stdin)?;
    let request = Request::of(&wish, code.as_ref())?;
    let bus = Bus::connect().await?;
    let canvas = canvas(&wish.qr)?;
    let pending = Pending::open(&bus, &wish, &request).await?;
    let outcome = pending.hand_out(&wish.qr, canvas, shape);
    if outcome.is_err() {
        let _ = bus.enroll_cancel(&pending.id).await; // else it ends by itself
    }
    outcome
}

/// The second half.
async fn confirm(enrollment: &str, code: Option<&OsStr>, shape: Shape) -> Result<Exit, Failure> {
    let typed = match code {
        Some(code) if code != "-" => ask::Line::new(code.as_bytes().to_vec()),
        _ => ask::line(screen::QUESTION, true)?
            .ok_or_else(|| Failure::Usage("no code on standard input".to_owned()))?,
    };
    let code = Code::parse(&typed)
        .ok_or_else(|| Failure::Usage("that is no code: a code has 6 to 8 digits".to_owned()))?;
    let bus = Bus::connect().await?;
    let Enrolled { factor, backup_codes } = match bus.enroll_confirm(enrollment, code.digits()).await {
        Err(Failure::Fault(Fault::WrongCode, text)) => {
            let time = bus
                .status()
                .await
                .map_or(text, |status| format!("the server's clock says {} UTC", clock(status.time)));
            return Err(Failure::Fault(Fault::WrongCode, time));
        }
        outcome => outcome?,
    };
    let backup_codes = Secret::new(backup_codes);
    let text =
        Zeroizing::new(format!("{}\n{}", *screen::enrolled(backup_codes.expose()), screen::AFTERWARDS));
    confirmed(&factor, &backup_codes, &text, shape)
}

/// Tells of a factor that was confirmed.
fn confirmed(
    factor: &str,
    backup_codes: &Secret<Vec<String>>,
    text: &str,
    shape: Shape,
) -> Result<Exit, Failure> {
    let mut out = Out::stdout()?;
    if shape.json {
        out.json(&Confirmed { factor: &shown(factor), backup_codes: backup_codes.expose() })?;
    } else {
        out.line(text)?;
    }
    out.flush()?;
    Ok(Exit::Done)
}

/// Created before the enrolment begins: a file that cannot be written costs nothing.
fn canvas(form: &QrForm) -> Result<Option<Canvas>, Failure> {
    match form {
        QrForm::Picture(format, path) => Canvas::create(*format, path).map(Some),
        _ => Ok(None),
    }
}

/// `mfactl enroll confirm --json`.
#[derive(Serialize)]
struct Confirmed<'a> {
    factor: &'a str,
    backup_codes: &'a [String],
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::print::schema;

    #[test]
    fn a_confirmation_has_this_shape() {
        let confirmed = Confirmed { factor: "11", backup_codes: &["a".to_owned()] };
        schema::holds("enroll-confirm", &confirmed);
        assert_eq!(serde_json::to_string(&confirmed).unwrap(), r#"{"factor":"11","backup_codes":["a"]}"#);
    }
}
