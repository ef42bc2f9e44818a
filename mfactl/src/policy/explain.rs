//! `mfactl policy explain`: the path of a decision.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

use mfa_proto::policy::{Condition, Explained, File, Known, Settings, Supposed, Verdict, Weighed};
use serde::Serialize;

use super::{VerdictView, key};
use crate::bus::Bus;
use crate::cli::Explain;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::print::answer;
use crate::print::escape::shown;
use crate::print::time::utc;

/// The login that is asked about.
pub(super) fn supposed(asked: &Explain) -> Result<Supposed, Failure> {
    let bytes =
        |text: &Option<OsString>| text.as_ref().map(|text| text.as_bytes().to_vec()).unwrap_or_default();
    let service = asked.service.as_bytes().to_vec();
    if asked.target.is_some() && !matches!(&service[..], b"su" | b"su-l") {
        return Err(Failure::Usage(
            "--target is for su: no other service tells mfad whom one becomes".into(),
        ));
    }
    Ok(Supposed {
        user: asked.user.as_bytes().to_vec(),
        service,
        target: bytes(&asked.target),
        address: asked.address.map(|address| address.to_string()).unwrap_or_default(),
        key: asked.key.as_deref().map(key::named).transpose()?.unwrap_or_default(),
        command: bytes(&asked.command),
        tty: bytes(&asked.tty),
        time: asked.time.unwrap_or(0),
    })
}

/// Asks, and prints it. A login that is refused is a negative answer.
pub(super) async fn explain(bus: &Bus, supposed: Supposed, asked: &Explain) -> Result<Exit, Failure> {
    let explained = bus.explain(&supposed).await?;
    answer(asked.shape, &ExplainView::from(&explained), &lines(&explained, asked.all).join("\n"))?;
    Ok(match explained.verdict.decision.as_str() {
        "ask" | "let_in" => Exit::Done,
        _ => Exit::Refused,
    })
}

fn lines(explained: &Explained, all: bool) -> Vec<String> {
    let mut lines = vec![format!("{}.", shown(&explained.sentence)), String::new()];
    let mut row = |name: &str, text: &str| lines.push(format!("{name:<10}{text}"));
    for besides in &explained.besides {
        row("Besides:", &shown(besides));
    }
    let account = match explained.standing.as_str() {
        "enrolled" => "has a factor".to_owned(),
        "not_enrolled" if explained.grace_ends > 0 => {
            format!("has no factor; grace until {}", utc(explained.grace_ends))
        }
        "not_enrolled" => "has no factor, and no grace".to_owned(),
        "unknown" => "nobody has that name".to_owned(),
        "locked" => "is locked".to_owned(),
        _ => "is not clear: a record was altered, or the name and the uid lead to two accounts".to_owned(),
    };
    row("Account:", &account);
    row(
        "Mode:",
        &format!(
            "{}{}",
            shown(&explained.mode),
            if explained.observed { ", so nobody is hindered" } else { "" }
        ),
    );
    row("Asked:", asked_words(&explained.asked));
    row(
        "Counts:",
        match explained.already.as_str() {
            "remembered" => "an earlier proof, which is remembered",
            "security_key" => "the security key that opened this login",
            _ => "nothing yet",
        },
    );
    lines.push("Login:".to_owned());
    lines.extend(explained.known.iter().map(known_line));
    lines.extend(weighed_lines(&explained.weighed, all));
    lines.extend(settings_lines(&explained.settings));
    lines.push(String::new());
    lines.push("What is unknown is taken the stricter way: a rule that asks or denies is taken, one that skips is not.".into());
    lines
}

fn asked_words(asked: &str) -> &'static str {
    match asked {
        "off" => "nothing of anybody",
        "nothing" => "nothing",
        "if_enrolled" => "a code of who has a factor",
        "factor" => "a code",
        "fresh_factor" => "a code, whatever is remembered",
        _ => "nothing: nobody is let in",
    }
}

fn known_line(known: &Known) -> String {
    let value = if known.value.is_empty() { "unknown".to_owned() } else { shown(&known.value) };
    let note = if known.note.is_empty() { String::new() } else { format!(" ({})", shown(&known.note)) };
    format!("  {:<10}{value}{note}", shown(&known.what))
}

fn weighed_lines(weighed: &[Weighed], all: bool) -> Vec<String> {
    let is_told = |weighed: &&Weighed| all || weighed.taken || weighed.holds != "no";
    let mut lines = vec!["Looked at:".to_owned()];
    for weighed in weighed.iter().filter(is_told) {
        lines.push(weighed_line(weighed));
        if !weighed.conditions.is_empty() {
            let conditions: Vec<String> = weighed.conditions.iter().map(condition_words).collect();
            lines.push(format!("              {}", conditions.join(", ")));
        }
    }
    let left_out = weighed.iter().filter(|weighed| !is_told(weighed)).count();
    match left_out {
        0 => {}
        1 => lines.push("  1 more is not about this login; --all shows it".to_owned()),
        more => lines.push(format!("  {more} more are not about this login; --all shows them")),
    }
    lines
}

fn weighed_line(weighed: &Weighed) -> String {
    let taken = match (weighed.taken, weighed.holds.as_str()) {
        (true, "unknown") => "TAKEN, unknown",
        (true, _) => "TAKEN",
        (false, "unknown") => "left, unknown",
        (false, _) => "left",
    };
    let at = if weighed.at.is_empty() { String::new() } else { format!(" ({})", shown(&weighed.at)) };
    format!("  {taken:<16}{:<10}{}{at}", shown(&weighed.effect), shown(&weighed.what))
}

fn condition_words(condition: &Condition) -> String {
    let what = match (condition.what.as_str(), condition.unless) {
        ("until", _) => return "it has ended".to_owned(),
        (what, false) => shown(what),
        (what, true) => format!("unless {}", shown(what)),
    };
    format!("{what} {}", shown(&condition.holds))
}

fn settings_lines(settings: &Settings) -> Vec<String> {
    let mut lines = vec![format!("Settings, in force since {}:", utc(settings.taken))];
    if settings.files.is_empty() {
        lines.push("  the last good ones, which were kept".to_owned());
    }
    for file in &settings.files {
        lines.push(format!("  {}  sha256 {}", shown(&file.path), shown(&file.sha256)));
    }
    if !settings.fault.is_empty() {
        lines.push(format!("  NEWER ONES ARE BROKEN, and not in force: {}", shown(&settings.fault)));
    }
    lines
}

/// `mfactl policy explain --json`.
#[derive(Serialize)]
struct ExplainView {
    sentence: String,
    verdict: VerdictView,
    mode: String,
    asked: String,
    observed: bool,
    standing: String,
    grace_ends: u64,
    already: String,
    besides: Vec<String>,
    known: Vec<KnownView>,
    weighed: Vec<WeighedView>,
    settings: SettingsView,
}

#[derive(Serialize)]
struct KnownView {
    what: String,
    value: String,
    note: String,
}

#[derive(Serialize)]
struct WeighedView {
    what: String,
    at: String,
    effect: String,
    holds: String,
    taken: bool,
    conditions: Vec<ConditionView>,
}

#[derive(Serialize)]
struct ConditionView {
    what: String,
    unless: bool,
    holds: String,
}

#[derive(Serialize)]
struct SettingsView {
    files: Vec<FileView>,
    taken: u64,
    fault: String,
}

#[derive(Serialize)]
struct FileView {
    path: String,
    sha256: String,
}

impl From<&Explained> for ExplainView {
    fn from(explained: &Explained) -> Self {
        let verdict: &Verdict = &explained.verdict;
        Self {
            sentence: shown(&explained.sentence),
            verdict: verdict.into(),
            mode: shown(&explained.mode),
            asked: shown(&explained.asked),
            observed: explained.observed,
            standing: shown(&explained.standing),
            grace_ends: explained.grace_ends,
            already: shown(&explained.already),
            besides: explained.besides.iter().map(|text| shown(text)).collect(),
            known: explained.known.iter().map(Into::into).collect(),
            weighed: explained.weighed.iter().map(Into::into).collect(),
            settings: (&explained.settings).into(),
        }
    }
}

impl From<&Known> for KnownView {
    fn from(Known { what, value, note }: &Known) -> Self {
        Self { what: shown(what), value: shown(value), note: shown(note) }
    }
}

impl From<&Weighed> for WeighedView {
    fn from(weighed: &Weighed) -> Self {
        let condition = |condition: &Condition| ConditionView {
            what: shown(&condition.what),
            unless: condition.unless,
            holds: shown(&condition.holds),
        };
        Self {
            what: shown(&weighed.what),
            at: shown(&weighed.at),
            effect: shown(&weighed.effect),
            holds: shown(&weighed.holds),
            taken: weighed.taken,
            conditions: weighed.conditions.iter().map(condition).collect(),
        }
    }
}

impl From<&Settings> for SettingsView {
    fn from(settings: &Settings) -> Self {
        let file = |file: &File| FileView { path: shown(&file.path), sha256: shown(&file.sha256) };
        Self {
            files: settings.files.iter().map(file).collect(),
            taken: settings.taken,
            fault: shown(&settings.fault),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::print::schema;

    fn explained() -> Explained {
        let weighed = |what: &str, holds: &str, taken: bool| Weighed {
            what: what.into(),
            at: "/etc/mfad/mfad.toml:12".into(),
            effect: "ask_fresh".into(),
            holds: holds.into(),
            taken,
            conditions: vec![Condition { what: "service".into(), unless: false, holds: holds.into() }],
        };
        Explained {
            sentence: "alice is asked for a fresh code at sudo: rule \"shells\" (/etc/mfad/mfad.toml:12)"
                .into(),
            verdict: Verdict {
                decision: "ask".into(),
                why: "fresh".into(),
                by: "rule shells".into(),
                ..Verdict::default()
            },
            settings: Settings {
                files: vec![File { path: "/etc/mfad/mfad.toml".into(), sha256: "00ff".into() }],
                taken: 1_795_424_700,
                fault: "x\x1b[2J".into(),
            },
            known: vec![Known { what: "address".into(), value: String::new(), note: "not given".into() }],
            mode: "required".into(),
            weighed: vec![weighed("rule shells", "unknown", true), weighed("rule other", "no", false)],
            asked: "fresh_factor".into(),
            observed: false,
            standing: "enrolled".into(),
            grace_ends: 0,
            already: "nothing".into(),
            besides: vec!["the door console is closed".into()],
        }
    }

    #[test]
    fn the_sentence_comes_first_and_what_does_not_match_is_counted() {
        let text = lines(&explained(), false);
        assert!(
            text[0].starts_with("alice is asked for a fresh code at sudo: rule \"shells\""),
            "{}",
            text[0]
        );
        assert!(text.contains(&"  address   unknown (not given)".to_owned()), "{text:#?}");
        assert!(
            text.contains(&"  TAKEN, unknown  ask_fresh rule shells (/etc/mfad/mfad.toml:12)".to_owned()),
            "{text:#?}"
        );
        assert!(text.contains(&"  1 more is not about this login; --all shows it".to_owned()), "{text:#?}");
        assert!(lines(&explained(), true).iter().any(|line| line.contains("rule other")));
    }

    // S29
    #[test]
    fn an_explanation_has_this_shape_and_drives_no_terminal() {
        schema::holds("policy-explain", &ExplainView::from(&explained()));
        assert!(!lines(&explained(), true).concat().contains('\x1b'));
    }
}
