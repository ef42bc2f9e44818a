//! `mfactl user list`: every account, or those that need looking after.

use mfa_proto::admin::UserRow;
use mfa_proto::identity::escaped;
use serde::Serialize;

use super::host::OnHost;
use crate::bus::Bus;
use crate::cli::{Only, Shape};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::print::Out;
use crate::print::escape::shown;
use crate::print::json::UserView;
use crate::print::time::utc_or_never;

/// Prints the accounts that `only` lets through.
pub(super) async fn list(bus: &Bus, only: Only, shape: Shape) -> Result<Exit, Failure> {
    let mut out = Out::stdout()?;
    if !shape.json {
        out.line(HEAD)?;
    }
    each(bus, |row| {
        if only.single && !is_single(row) {
            return Ok(());
        }
        let on_host = if only.gone { Some(OnHost::of(&row.name, row.uid)) } else { None };
        match on_host {
            Some(OnHost::Here) => {}
            Some(on_host) if shape.json => out.json(&GoneView::of(row, &on_host))?,
            Some(on_host) => out.line(&format!("{}  {}", list_line(row), on_host_words(&on_host)))?,
            None if shape.json => out.json(&UserView::from(row))?,
            None => out.line(&list_line(row))?,
        }
        Ok(())
    })
    .await?;
    out.flush()?;
    Ok(Exit::Done)
}

/// Every account, by name. Page by page, so that the memory taken does not grow with the accounts.
pub(crate) async fn each(
    bus: &Bus,
    mut see: impl FnMut(&UserRow) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut after = Vec::new();
    loop {
        let page = bus.user_list(&after).await?;
        for row in &page {
            if row.name <= after {
                return Err(Failure::Garbled("the list of users is out of order".to_owned()));
            }
            after.clone_from(&row.name);
            see(row)?;
        }
        if page.is_empty() {
            return Ok(());
        }
    }
}

/// Whether one lost phone would lock the user out.
fn is_single(row: &UserRow) -> bool {
    row.factors == 1 && row.codes == 0
}

const HEAD: &str = "USER                        UID FACTORS CODES LIMITED  LAST USED";

fn list_line(row: &UserRow) -> String {
    format!(
        "{:<20} {:>10} {:>7} {:>5} {:>7}  {}",
        escaped(&row.name),
        row.uid,
        row.factors,
        row.codes,
        // Of a locked account no code is accepted from anywhere.
        if row.locked { "LOCKED".to_owned() } else { row.limited.to_string() },
        utc_or_never(row.last_used),
    )
}

/// A line of `mfactl user list --gone --json`.
#[derive(Serialize)]
struct GoneView {
    #[serde(flatten)]
    user: UserView,
    /// `gone`, `other_uid` or `unknown`.
    on_host: &'static str,
    /// `other_uid`: which.
    #[serde(skip_serializing_if = "Option::is_none")]
    uid_now: Option<u32>,
}

impl GoneView {
    fn of(row: &UserRow, on_host: &OnHost) -> Self {
        let (on_host, uid_now) = match on_host {
            OnHost::Here => ("here", None),
            OnHost::Gone => ("gone", None),
            OnHost::OtherUid(uid) => ("other_uid", Some(*uid)),
            OnHost::Unknown(_) => ("unknown", None),
        };
        Self { user: row.into(), on_host, uid_now }
    }
}

fn on_host_words(on_host: &OnHost) -> String {
    match on_host {
        OnHost::Here => "here".to_owned(),
        OnHost::Gone => "GONE: nobody has that name".to_owned(),
        OnHost::OtherUid(uid) => format!("GONE: that name has uid {uid} now"),
        OnHost::Unknown(why) => format!("unknown: the name cannot be looked up ({})", shown(why)),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::print::schema;

    pub(in crate::user) fn row() -> UserRow {
        UserRow {
            name: b"alice".to_vec(),
            uid: 1000,
            factors: 1,
            codes: 10,
            locked: false,
            limited: 0,
            last_used: 0,
        }
    }

    #[test]
    fn rows_stand_under_their_heads() {
        let line = list_line(&row());
        assert_eq!(line, "alice                      1000       1    10       0  never");
        for head in ["UID", "FACTORS", "CODES", "LIMITED"] {
            let end = HEAD.find(head).unwrap() + head.len();
            assert_ne!(&line[end - 1..end], " ", "{head}");
        }
        assert_eq!(HEAD.find("LAST USED"), line.find("never"));
    }

    #[test]
    fn a_locked_account_stands_out() {
        assert!(list_line(&UserRow { locked: true, ..row() }).ends_with("  LOCKED  never"));
        assert!(!list_line(&row()).contains("LOCKED"));
    }

    // S29
    #[test]
    fn a_name_forges_no_row() {
        let row = UserRow { name: b"a\nroot\x1b[8m".to_vec(), ..row() };
        assert!(list_line(&row).starts_with(r"a\x0aroot\x1b[8m "));
    }

    #[test]
    fn one_lost_phone_locks_out_who_has_one_factor_and_no_codes() {
        assert!(is_single(&UserRow { codes: 0, ..row() }));
        assert!(!is_single(&row()));
        assert!(!is_single(&UserRow { codes: 0, factors: 2, ..row() }));
        assert!(!is_single(&UserRow { codes: 0, factors: 0, ..row() }));
    }

    #[test]
    fn what_is_not_known_is_not_called_gone() {
        let unknown = OnHost::Unknown("I/O error\x1b".into());
        assert_eq!(on_host_words(&unknown), r"unknown: the name cannot be looked up (I/O error\x1b)");
        for (on_host, json) in [
            (unknown, r#""on_host":"unknown"}"#),
            (OnHost::Gone, r#""on_host":"gone"}"#),
            (OnHost::OtherUid(7), r#""on_host":"other_uid","uid_now":7}"#),
        ] {
            schema::holds("user-list-gone", &GoneView::of(&row(), &on_host));
            let text = serde_json::to_string(&GoneView::of(&row(), &on_host)).unwrap();
            assert!(text.starts_with(r#"{"name":"alice","uid":1000,"#) && text.ends_with(json), "{text}");
        }
    }
}
