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

#[cfg(test)]
mod tests {
    use mfa_proto::identity::{ServiceName, UnixTime, UserName};

    use super::*;
    use crate::{
        account::Door,
        audit::{Act, Event, RecordedReason},
    };

    fn record(event: Event) -> Record {
        Record {
            seq: 7,
            time: UnixTime(1),
            event,
            account: None,
            user: UserName::new(b"al\nice".to_vec()),
            subject: Some("bob".into()),
            service: Some(ServiceName::new(b"su".to_vec())),
            door: Some(Door::Local(1000)),
            judged: None,
        }
    }

    fn refused() -> Entry {
        let reason = RecordedReason(mfa_proto::step::Reason::Altered);
        Entry::of_record(&record(Event::Refused { reason, attested: true, collapsed: 0 }))
    }

    #[test]
    fn the_manual_names_every_field() {
        let page = include_str!("../../../packaging/man/mfad.8");
        let act = Act { by: "root".into(), reason: "asked".into(), break_glass: String::new() };
        let told = [refused(), Entry::of_record(&record(Event::Locked { act }))];
        let names: Vec<&str> = told.iter().flat_map(|entry| &entry.fields).map(|(name, _)| *name).collect();
        assert!(names.len() > 10, "{names:?}");
        for name in names.iter().chain(&["MFAD_EVENT"]) {
            assert!(page.contains(&format!("\n.B {name}\n")), "{name}");
        }
    }

    // S13, S29
    #[test]
    fn a_record_is_told_field_by_field_escaped_and_without_what_it_does_not_have() {
        let entry = refused();
        let field = |name: &str| entry.fields.iter().find(|(key, _)| *key == name).map(|(_, value)| &**value);
        assert_eq!((entry.level, entry.word), (Level::Alert, "refused"));
        assert_eq!(field("MFAD_USER"), Some(r"al\x0aice"));
        assert_eq!((field("MFAD_SUBJECT"), field("MFAD_SERVICE")), (Some("bob"), Some("su")));
        assert_eq!((field("MFAD_REASON"), field("MFAD_SEQ")), (Some("altered_record"), Some("7")));
        assert_eq!(field("MFAD_ADMINISTRATOR"), None);
    }

    #[test]
    fn what_is_too_long_is_cut_between_characters() {
        let entry = Entry::of_notice(Notice::NoBus, &format!("a{}", "ä".repeat(LONGEST)));
        assert!(entry.text.len() <= LONGEST && entry.text.len() > LONGEST - 4);
    }
}
