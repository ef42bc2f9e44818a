//! The shapes of `--json`. Names of users and services are bytes: they stand escaped, as
//! [`escaped`] does it. Times are Unix seconds; 0 is "never".

use mfa_proto::account::{Codes, Factor, Status};
use mfa_proto::admin::{AuditRow, Door, UserDetail, UserRow};
use mfa_proto::identity::escaped;
use serde::Serialize;

use super::escape::shown;

/// A factor, without its secret.
#[derive(Serialize)]
pub(crate) struct FactorView {
    id: String,
    label: String,
    kind: String,
    algorithm: String,
    digits: u32,
    period: u32,
    created: u64,
    last_used: u64,
    disabled: bool,
    key: String,
    application: String,
    pin: bool,
}

impl From<&Factor> for FactorView {
    fn from(factor: &Factor) -> Self {
        Self {
            id: shown(&factor.id),
            label: shown(&factor.label),
            kind: shown(&factor.kind),
            algorithm: shown(&factor.algorithm),
            digits: factor.digits,
            period: factor.period,
            created: factor.created,
            last_used: factor.last_used,
            disabled: factor.disabled,
            key: shown(&factor.key),
            application: shown(&factor.application),
            pin: factor.pin,
        }
    }
}

/// The backup codes of an account; also `mfactl codes --json`.
#[derive(Serialize)]
pub(crate) struct CodesView {
    left: u32,
    weak: u32,
    made: u64,
}

impl From<&Codes> for CodesView {
    fn from(&Codes { left, weak, made }: &Codes) -> Self {
        Self { left, weak, made }
    }
}

/// `mfactl status --json`.
#[derive(Serialize)]
pub(crate) struct StatusView {
    user: String,
    mode: String,
    time: u64,
    factors: Vec<FactorView>,
    codes: CodesView,
    locked: bool,
    grace_ends: u64,
    allowed: Vec<String>,
    remembered: u32,
}

impl From<&Status> for StatusView {
    fn from(status: &Status) -> Self {
        Self {
            user: escaped(&status.user),
            mode: shown(&status.mode),
            time: status.time,
            factors: status.factors.iter().map(Into::into).collect(),
            codes: (&status.codes).into(),
            locked: status.locked,
            grace_ends: status.grace_ends,
            allowed: status.allowed.iter().map(|kind| shown(kind)).collect(),
            remembered: status.remembered,
        }
    }
}

/// A line of `mfactl user list --json`.
#[derive(Serialize)]
pub(crate) struct UserView {
    name: String,
    uid: u32,
    factors: u32,
    codes: u32,
    locked: bool,
    limited: u32,
    last_used: u64,
}

impl From<&UserRow> for UserView {
    fn from(row: &UserRow) -> Self {
        let &UserRow { uid, factors, codes, locked, limited, last_used, .. } = row;
        Self { name: escaped(&row.name), uid, factors, codes, locked, limited, last_used }
    }
}

/// A place that tries came from.
#[derive(Serialize)]
pub(crate) struct DoorView {
    what: String,
    known: bool,
    failures: u32,
    wait: u32,
    closed: bool,
    last_used: u64,
}

impl From<&Door> for DoorView {
    fn from(door: &Door) -> Self {
        let &Door { known, failures, wait, closed, last_used, .. } = door;
        Self { what: shown(&door.what), known, failures, wait, closed, last_used }
    }
}

/// `mfactl user show --json`.
#[derive(Serialize)]
pub(crate) struct DetailView {
    name: String,
    uid: u32,
    factors: Vec<FactorView>,
    codes: CodesView,
    locked: bool,
    open: String,
    doors: Vec<DoorView>,
    mode: String,
    allowed: Vec<String>,
}

impl From<&UserDetail> for DetailView {
    fn from(user: &UserDetail) -> Self {
        Self {
            name: escaped(&user.name),
            uid: user.uid,
            factors: user.factors.iter().map(Into::into).collect(),
            codes: (&user.codes).into(),
            locked: user.locked,
            open: shown(&user.open),
            doors: user.doors.iter().map(Into::into).collect(),
            mode: shown(&user.mode),
            allowed: user.allowed.iter().map(|kind| shown(kind)).collect(),
        }
    }
}

/// A line of `mfactl audit --json`.
#[derive(Serialize)]
pub(crate) struct AuditView {
    seq: u64,
    time: u64,
    event: String,
    reason: String,
    user: String,
    subject: String,
    service: String,
    door: String,
    detail: String,
    because: String,
}

impl From<&AuditRow> for AuditView {
    fn from(row: &AuditRow) -> Self {
        Self {
            seq: row.seq,
            time: row.time,
            event: shown(&row.event),
            reason: shown(&row.reason),
            user: escaped(&row.user),
            subject: escaped(&row.subject),
            service: escaped(&row.service),
            door: shown(&row.door),
            detail: shown(&row.detail),
            because: shown(&row.because),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::schema;
    use super::*;

    fn text(value: &impl Serialize) -> String {
        serde_json::to_string(value).unwrap()
    }

    fn factor() -> Factor {
        Factor {
            id: "00ff".into(),
            label: "phone\x1b[1m".into(),
            kind: "totp".into(),
            algorithm: "SHA1".into(),
            digits: 6,
            period: 30,
            created: 5,
            last_used: 0,
            disabled: false,
            key: String::new(),
            application: String::new(),
            pin: false,
        }
    }

    const FACTOR: &str = r#"{"id":"00ff","label":"phone\\x1b[1m","kind":"totp","algorithm":"SHA1","digits":6,"period":30,"created":5,"last_used":0,"disabled":false,"key":"","application":"","pin":false}"#;

    const CODES: &str = r#"{"left":7,"weak":2,"made":4}"#;

    #[test]
    fn a_status_has_this_shape() {
        let status = Status {
            user: b"al".to_vec(),
            mode: "optional".into(),
            factors: vec![factor()],
            codes: Codes { left: 7, weak: 2, made: 4 },
            locked: true,
            allowed: vec!["totp".into()],
            grace_ends: 86_400,
            time: 9,
            remembered: 1,
        };
        schema::holds("status", &StatusView::from(&status));
        schema::holds("codes", &CodesView::from(&status.codes));
        schema::holds("factor-list", &FactorView::from(&status.factors[0]));
        assert_eq!(
            text(&StatusView::from(&status)),
            format!(
                r#"{{"user":"al","mode":"optional","time":9,"factors":[{FACTOR}],"codes":{CODES},"locked":true,"grace_ends":86400,"allowed":["totp"],"remembered":1}}"#
            )
        );
    }

    #[test]
    fn a_user_has_these_shapes() {
        let row = UserRow {
            name: b"a\n\xff".to_vec(),
            uid: 7,
            factors: 1,
            codes: 9,
            locked: true,
            limited: 2,
            last_used: 3,
        };
        schema::holds("user-list", &UserView::from(&row));
        assert_eq!(
            text(&UserView::from(&row)),
            r#"{"name":"a\\x0a\\xff","uid":7,"factors":1,"codes":9,"locked":true,"limited":2,"last_used":3}"#
        );
        let door =
            Door { what: "console".into(), known: true, failures: 5, wait: 60, closed: false, last_used: 3 };
        let user = UserDetail {
            name: b"al".to_vec(),
            uid: 7,
            factors: vec![factor()],
            codes: Codes { left: 7, weak: 2, made: 4 },
            locked: true,
            open: "invitation\x1b".into(),
            doors: vec![door],
            mode: "required".into(),
            allowed: vec!["totp".into(), "backup".into()],
        };
        schema::holds("user-show", &DetailView::from(&user));
        let door = r#"{"what":"console","known":true,"failures":5,"wait":60,"closed":false,"last_used":3}"#;
        assert_eq!(
            text(&DetailView::from(&user)),
            format!(
                r#"{{"name":"al","uid":7,"factors":[{FACTOR}],"codes":{CODES},"locked":true,"open":"invitation\\x1b","doors":[{door}],"mode":"required","allowed":["totp","backup"]}}"#
            )
        );
    }

    // S29
    #[test]
    fn an_audit_row_has_this_shape_and_forges_nothing() {
        let row = AuditRow {
            seq: 1,
            time: 2,
            event: "refused".into(),
            reason: "wrong_code".into(),
            user: b"a\"b".to_vec(),
            subject: Vec::new(),
            service: b"sshd".to_vec(),
            door: "address 192.0.2.7".into(),
            detail: "x\u{9b}2J\n".into(),
            because: "rule a\x1b".into(),
        };
        schema::holds("audit", &AuditView::from(&row));
        assert_eq!(
            text(&AuditView::from(&row)),
            r#"{"seq":1,"time":2,"event":"refused","reason":"wrong_code","user":"a\\\"b","subject":"","service":"sshd","door":"address 192.0.2.7","detail":"x\\u{9b}2J\\x0a","because":"rule a\\x1b"}"#
        );
    }
}
