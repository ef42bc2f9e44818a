//! `mfactl remembered`: places from which no code is asked, since one was shown there.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

use mfa_proto::account::Remembered as Place;
use mfa_proto::fault::Fault;
use serde::Serialize;

use crate::bus::Bus;
use crate::cli::{Remembered, Shape, Which};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::print::escape::shown;
use crate::print::time::utc;
use crate::print::{Out, answer};

/// Does what `verb` asks.
pub(crate) async fn remembered(verb: Remembered) -> Result<Exit, Failure> {
    let bus = Bus::connect().await?;
    match verb {
        Remembered::List { whose, shape } => list(&bus, whose.user, shape).await,
        Remembered::Forget { which, whose, shape } => forget(&bus, &which, whose.user, shape).await,
    }
}

/// A line of `mfactl remembered list --json`.
#[derive(Serialize)]
struct PlaceView {
    id: String,
    service: String,
    key: String,
    address: String,
    tty: String,
    factor: String,
    made: u64,
    ends: u64,
}

impl From<&Place> for PlaceView {
    fn from(place: &Place) -> Self {
        Self {
            id: shown(&place.id),
            service: shown(&place.service),
            key: shown(&place.key),
            address: shown(&place.address),
            tty: shown(&place.tty),
            factor: shown(&place.factor),
            made: place.made,
            ends: place.ends,
        }
    }
}

async fn list(bus: &Bus, user: Option<OsString>, shape: Shape) -> Result<Exit, Failure> {
    let places = match &user {
        Some(user) => bus.user_remembered(user.as_bytes()).await?,
        None => bus.remembered().await?,
    };
    let mut out = Out::stdout()?;
    for place in places.iter().map(PlaceView::from) {
        if shape.json {
            out.json(&place)?;
        } else {
            out.line(&line(&place))?;
        }
    }
    if places.is_empty() && !shape.json {
        out.line("Nothing is remembered: every login asks for a code.")?;
    }
    out.flush()?;
    Ok(Exit::Done)
}

fn line(place: &PlaceView) -> String {
    let from = match (place.service.as_str(), place.key.as_str(), place.address.as_str()) {
        ("sshd", "", "") => "sshd, from anywhere".to_owned(),
        ("sshd", key, "") => format!("sshd, from anywhere with the key\n      {key}"),
        ("sshd", "", address) => format!("sshd, from {address}"),
        ("sshd", key, address) => format!("sshd, from {address} with the key\n      {key}"),
        (service, ..) => format!("{service}, in one session at {}", place.tty),
    };
    let PlaceView { id, factor, .. } = place;
    format!("  {id}: {from}\n      since {} by {factor}, until {}", utc(place.made), utc(place.ends))
}

/// `mfactl remembered forget --json`.
#[derive(Serialize)]
struct Forgotten {
    /// How many counted until now.
    forgotten: u32,
}

async fn forget(bus: &Bus, which: &Which, user: Option<OsString>, shape: Shape) -> Result<Exit, Failure> {
    let id = which.id.as_deref().unwrap_or_default();
    let forgotten = match &user {
        Some(user) => bus.user_forget(user.as_bytes(), id).await,
        None => bus.remembered_forget(id).await,
    };
    let forgotten = forgotten.map_err(|failure| match which.id {
        Some(_) if user.is_none() => failure.explained(Fault::NotFound, || {
            format!("nothing called {} is remembered; `mfactl remembered list` shows what is", shown(id))
        }),
        _ => failure,
    })?;
    let words = match forgotten {
        0 => "Nothing was remembered.".to_owned(),
        1 => "Forgotten: the next login from there asks for a code.".to_owned(),
        many => format!("{many} places are forgotten: the next login from each asks for a code."),
    };
    answer(shape, &Forgotten { forgotten }, &words)?;
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::print::schema;

    fn place() -> Place {
        Place {
            id: "00ff".into(),
            service: "sshd".into(),
            key: "SHA256:abc".into(),
            address: "192.0.2.7".into(),
            tty: String::new(),
            factor: "phone\x1b".into(),
            made: 1_795_424_700,
            ends: 1_795_428_300,
        }
    }

    #[test]
    fn a_place_says_what_it_takes_to_be_the_same() {
        let text = line(&PlaceView::from(&place()));
        assert_eq!(
            text,
            "  00ff: sshd, from 192.0.2.7 with the key\n      SHA256:abc\n      \
             since 2026-11-23 09:05:00 UTC by phone\\x1b, until 2026-11-23 10:05:00 UTC"
        );
        let with = |key: &str, address: &str| {
            let place = Place { key: key.into(), address: address.into(), ..place() };
            line(&PlaceView::from(&place)).lines().next().unwrap().to_owned()
        };
        assert_eq!(with("", "192.0.2.7"), "  00ff: sshd, from 192.0.2.7");
        assert_eq!(with("SHA256:abc", ""), "  00ff: sshd, from anywhere with the key");
        let sudo = Place { service: "sudo".into(), tty: "/dev/pts/3".into(), ..place() };
        assert!(line(&PlaceView::from(&sudo)).starts_with("  00ff: sudo, in one session at /dev/pts/3\n"));
    }

    #[test]
    fn they_have_these_shapes() {
        let view = PlaceView::from(&place());
        schema::holds("remembered-list", &view);
        assert_eq!(
            serde_json::to_string(&view).unwrap(),
            r#"{"id":"00ff","service":"sshd","key":"SHA256:abc","address":"192.0.2.7","tty":"","factor":"phone\\x1b","made":1795424700,"ends":1795428300}"#
        );
        schema::holds("remembered-forget", &Forgotten { forgotten: 2 });
        assert_eq!(serde_json::to_string(&Forgotten { forgotten: 2 }).unwrap(), r#"{"forgotten":2}"#);
    }
}
