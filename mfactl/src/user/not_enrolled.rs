//! `mfactl user list --not-enrolled`: who logs in and has no factor, whatever policy says of them.

use std::collections::HashSet;

use mfa_proto::admin::UserRow;
use mfa_proto::identity::escaped;
use serde::Serialize;

use super::host::{Person, who_log_in};
use super::list::each;
use crate::bus::Bus;
use crate::cli::Shape;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::print::Out;

/// A line of `mfactl user list --not-enrolled --json`.
#[derive(Serialize)]
struct View {
    name: String,
    uid: u32,
}

/// Prints the people of this host who can log in and have no factor.
pub(super) async fn list(bus: &Bus, shape: Shape) -> Result<Exit, Failure> {
    let enrolled = Enrolled::of(bus).await?;
    let mut out = Out::stdout()?;
    if !shape.json {
        out.line("USER                            UID")?;
    }
    for person in who_log_in()?.iter().filter(|person| !enrolled.has(person)) {
        let Person { ref name, uid } = *person;
        let name = escaped(name);
        if shape.json { out.json(&View { name, uid })? } else { out.line(&format!("{name:<24} {uid:>10}"))? }
    }
    out.flush()?;
    Ok(Exit::Done)
}

/// Who has a factor: by name or by uid, as mfad finds an account.
#[derive(Default)]
struct Enrolled {
    names: HashSet<Vec<u8>>,
    uids: HashSet<u32>,
}

impl Enrolled {
    /// Reads every account.
    async fn of(bus: &Bus) -> Result<Self, Failure> {
        let mut enrolled = Self::default();
        each(bus, |row| {
            enrolled.note(row);
            Ok(())
        })
        .await?;
        Ok(enrolled)
    }

    fn note(&mut self, row: &UserRow) {
        if row.factors > 0 {
            self.names.insert(row.name.clone());
            self.uids.insert(row.uid);
        }
    }

    /// Whether that person has one.
    fn has(&self, person: &Person) -> bool {
        self.names.contains(&person.name) || self.uids.contains(&person.uid)
    }
}

#[cfg(test)]
mod tests {
    use super::super::list::tests::row;
    use super::*;
    use crate::print::schema;

    // S19
    #[test]
    fn an_account_without_a_factor_is_not_enrolled() {
        let mut enrolled = Enrolled::default();
        enrolled.note(&UserRow { name: b"al".to_vec(), uid: 7, ..row() });
        enrolled.note(&UserRow { name: b"bo".to_vec(), uid: 8, factors: 0, ..row() });
        let has = |name: &[u8], uid| enrolled.has(&Person { name: name.to_vec(), uid });
        assert!(has(b"al", 7) && has(b"al", 9) && has(b"alias", 7));
        assert!(!has(b"bo", 8) && !has(b"cy", 9));
    }

    #[test]
    fn a_person_has_this_shape() {
        let view = View { name: "al".into(), uid: 7 };
        schema::holds("user-list-not-enrolled", &view);
        assert_eq!(serde_json::to_string(&view).unwrap(), r#"{"name":"al","uid":7}"#);
    }
}
