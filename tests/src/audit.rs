//! What mfad wrote down.

use std::time::Duration;

use serde_json::Value;

use crate::inside::Inside;
use crate::wait;

/// One row of the audit, as `mfactl audit --json` prints it.
#[derive(Debug, Clone)]
pub struct Record(Value);

impl Record {
    /// A field as text; empty where there is none, since nothing is never what a test looks for.
    pub fn text(&self, field: &str) -> &str {
        self.0[field].as_str().unwrap_or_default()
    }

    /// A field as it is.
    pub fn field(&self, field: &str) -> &Value {
        &self.0[field]
    }
}

/// The whole audit of a machine, oldest first.
#[derive(Debug, Clone)]
#[must_use]
pub struct Audit(Vec<Record>);

impl Inside {
    /// Asks mfad for its audit.
    pub fn audit(&self) -> Audit {
        let printed = self.exec(&["mfactl", "audit", "--json"]).stdout_of_success();
        let row = |line: &str| {
            serde_json::from_str(line).unwrap_or_else(|error| panic!("no JSON: {error}\n{line}"))
        };
        Audit(printed.lines().map(|line| Record(row(line))).collect())
    }

    /// Asks for the audit until it holds a row that `is`, for up to 5 seconds.
    pub fn audited(&self, what: &str, is: impl Fn(&Record) -> bool) -> Record {
        wait::until(Duration::from_secs(5), || self.audit().0.into_iter().rfind(|record| is(record)))
            .unwrap_or_else(|| panic!("no row of {what} in\n{}", self.audit().printed()))
    }
}

impl Audit {
    /// Its rows, oldest first.
    pub fn records(&self) -> &[Record] {
        &self.0
    }

    /// The rows in which every named field has the given text.
    pub fn with(&self, fields: &[(&str, &str)]) -> Vec<&Record> {
        self.0.iter().filter(|record| fields.iter().all(|(name, text)| record.text(name) == *text)).collect()
    }

    /// Panics where the last row of `user` at `service` does not have this reason.
    pub fn assert_last(&self, reason: &str, user: &str, service: &str) {
        let last =
            self.with(&[("user", user), ("service", service)]).pop().map(|record| record.text("reason"));
        assert_eq!(last, Some(reason), "of {user} at {service}:\n{}", self.printed());
    }

    /// All of it, for messages.
    pub fn printed(&self) -> String {
        self.0.iter().map(|record| record.0.to_string()).collect::<Vec<_>>().join("\n")
    }
}
