//! One entry of the log: a line for people, and the same in fields for machines.

use mfa_proto::identity::escaped;

use super::kind::{self, Level, Notice};
use crate::audit::Record;

/// The longest value, in bytes; what is longer is cut, so that an entry is one datagram.
const LONGEST: usize = 8 << 10;

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) level: Level,
    /// One line, escaped.
    pub(super) text: String,
    /// Of its kind.
    pub(super) id: &'static str,
    /// The stable word of its kind.
    pub(super) word: &'static str,
    /// What else there is to know: name and escaped value.
    pub(super) fields: Vec<(&'static str, String)>,
}

impl Entry {
    /// What the daemon says of itself; the text is escaped here.
    pub(super) fn of_notice(notice: Notice, text: &str) -> Self {
        let text = cut(escaped(text.as_bytes()));
        let (id, word) = (kind::of_notice(&notice), notice.word());
        Self { level: notice.level(), text, id, word, fields: Vec::new() }
    }

    /// A record of the audit.
    pub(super) fn of_record(record: &Record) -> Self {
        let event = &record.event;
        let name = |name: &[u8]| escaped(name);
        let fields = [
            ("MFAD_USER", name(record.user.as_bytes())),
            ("MFAD_SUBJECT", record.subject.as_ref().map(|it| name(it.as_bytes())).unwrap_or_default()),
            ("MFAD_SERVICE", record.service.as_ref().map(|it| name(it.as_bytes())).unwrap_or_default()),
            ("MFAD_DOOR", record.door.as_ref().map(ToString::to_string).unwrap_or_default()),
            ("MFAD_REASON", event.reason().to_owned()),
            ("MFAD_ADMINISTRATOR", event.act().map(|act| escaped(act.by.as_bytes())).unwrap_or_default()),
            ("MFAD_DETAIL", escaped(event.detail().as_bytes())),
            ("MFAD_SEQ", record.seq.to_string()),
        ];
        Self {
            level: if event.alarms() { Level::Alert } else { Level::Info },
            text: cut(record.to_string()), // escaped by its Display
            id: kind::of_event(event),
            word: event.word(),
            fields: fields
                .into_iter()
                .filter(|(_, value)| !value.is_empty())
                .map(|(name, value)| (name, cut(value)))
                .collect(),
        }
    }
}

fn cut(mut text: String) -> String {
    // Escaped text is ASCII or whole characters: cut where one begins.
    let end = (0..=LONGEST.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    text.truncate(end);
    text
}
