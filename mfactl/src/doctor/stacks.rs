//! The stacks that ask: whether they ask everybody, let in who is right, and say no more than is so.

use std::path::Path;

use super::finding::{Finding, Report, Spot};
use super::host::{Host, Service};
use super::kind::Kind;
use super::mend::{self, Mend};
use super::steps::{culprit, ends, is_free, own_file, reaches, refuses};
use crate::pam::line::{Facility, Line, Rule, parse};
use crate::pam::proof::{is_attested, is_roots, skips_account, way};
use crate::pam::stack::{Act, Step};
use crate::pam::walk::{End, OURS, Ours, Walk, asks_for_factor, knows_first_factor};

/// Every argument of the module; a word that ends in `=` takes a value.
const ARGUMENTS: [&str; 13] = [
    "key-passed",
    "first_factor=requisite",
    "account_enforce",
    "try_first_pass",
    "use_first_pass",
    "forward_pass",
    "echo",
    "debug",
    "digits=6",
    "digits=7",
    "digits=8",
    "prompt=",
    "prompt",
];

/// Modules that ask for a second factor of their own.
const OTHERS: [&str; 9] = [
    "pam_google_authenticator",
    "pam_oath",
    "pam_duo",
    "pam_u2f",
    "pam_yubico",
    "pam_otpw",
    "pam_linotp",
    "pam_privacyidea",
    "pam_totp",
];

/// Looks at every service that names us.
pub(super) fn look(host: &Host, report: &mut Report) {
    for service in host.services.iter().filter(|service| service.names_us()) {
        let mut looked = Stack { host, service, report };
        looked.broken();
        looked.arguments();
        if service.asks() {
            looked.auth();
            looked.others();
        }
        looked.account();
    }
}

struct Stack<'a> {
    host: &'a Host,
    service: &'a Service,
    report: &'a mut Report,
}

impl Stack<'_> {
    fn found(&mut self, kind: Kind, spot: Option<Spot>, detail: impl Into<String>, mend: Mend) {
        let subject = self.service.name.clone();
        // What a package ships is not changed in its place: the next update would undo it.
        let shipped = spot.as_ref().is_some_and(|spot| !spot.file.starts_with("/etc"));
        let mend = if shipped { Mend::apply(&subject) } else { mend };
        self.report.found(Finding { kind, subject, spot, detail: detail.into(), mend });
    }

    /// Lines that refuse everyone.
    fn broken(&mut self) {
        let service = self.service;
        for step in service.auth.iter().chain(&service.account) {
            if let Some(why) = step.broken() {
                let spot = Spot::from(&step.place);
                let mend = Mend::edit(&spot);
                self.found(Kind::PamLineBroken, Some(spot), why, mend);
            }
        }
    }

    /// Words that the module does not know.
    fn arguments(&mut self) {
        let service = self.service;
        for step in service.auth.iter().chain(&service.account).filter(|step| step.asks(OURS)) {
            let Act::Ask { arguments, .. } = &step.act else { continue };
            let spot = Spot::from(&step.place);
            for word in arguments.iter().filter(|word| !is_argument(word)) {
                let script = format!("s/[[:space:]]+{}([[:space:]]|$)/\\1/", mend::literal(word));
                self.found(Kind::ArgumentUnknown, Some(spot.clone()), word, mend::on_line(&spot, &script));
            }
        }
    }

    fn auth(&mut self) {
        let service = self.service;
        let steps = &service.auth;
        let walk = Walk::through(steps);
        let granted: Vec<&End> =
            walk.ends.iter().filter(|end| end.granted && !is_roots(&service.name, end)).collect();
        let one = |ours: Ours| granted.iter().find(|end| end.seen.ours == ours);
        let asking: Vec<&Step> = steps.iter().filter(|step| asks_for_factor(step)).collect();
        let Some(line) = asking.first().map(|step| Spot::from(&step.place)) else { return };

        if let Some(end) = one(Ours::Unasked) {
            self.way_round(steps, end);
        }
        if let Some(end) = one(Ours::Refused) {
            let minding =
                |step: &&Step| matches!(&step.act, Act::Ask { control, .. } if !refuses(&control.others()));
            let spot =
                asking.iter().copied().find(minding).map_or(line.clone(), |step| Spot::from(&step.place));
            self.found(
                Kind::RefusalIgnored,
                Some(spot.clone()),
                way(steps, end),
                mend::control(&spot, "required"),
            );
        }
        let alone = |end: &&&End| end.seen.ours == Ours::Passed && !end.seen.first && !end.seen.key;
        if let Some(end) = granted.iter().find(alone) {
            let mend = Mend::apply(&service.name);
            self.found(Kind::CodeAlone, Some(line.clone()), way(steps, end), mend);
        }
        if one(Ours::Passed).is_none() {
            self.found(Kind::NobodyPasses, Some(line.clone()), "", Mend::apply(&service.name));
        } else if one(Ours::NotRequired).is_none() {
            // Where a first factor is shown first, `permit` adds nothing to what was shown.
            let mend = if walk.arrivals.iter().all(|arrival| arrival.seen.first || arrival.seen.key) {
                mend::on_line(&line, "i auth required pam_permit.so")
            } else {
                Mend::apply(&service.name)
            };
            self.found(Kind::NothingSucceeds, Some(line.clone()), "", mend);
        }
        self.attested(&asking, &walk);
        self.twice(steps, &asking);
    }

    /// A way that does not ask us, and the line that leads it there.
    fn way_round(&mut self, steps: &[Step], end: &End) {
        let service = self.service;
        let Some((at, answer)) = culprit(steps, end) else {
            let mend = Mend::apply(&service.name);
            return self.found(Kind::WayRound, None, way(steps, end), mend);
        };
        let step = &steps[at];
        let spot = Spot::from(&step.place);
        if step.asks(OURS) {
            let last =
                steps.iter().rfind(|step| own_file(step, &service.name)).map(|step| Spot::from(&step.place));
            let mend = match last {
                Some(last) if !ends(step, answer) => mend::on_line(&last, "a auth required pam_mfa.so"),
                _ => Mend::apply(&service.name),
            };
            return self.found(Kind::KeyWithoutCode, Some(spot), way(steps, end), mend);
        }
        let mend = match self.included_by(step) {
            _ if !ends(step, answer) => Mend::apply(&service.name),
            Some(line) => mend::on_line(&line, "s/include/substack/"),
            None if own_file(step, &service.name) => mend::control(&spot, "requisite"),
            None => Mend::apply(&service.name),
        };
        self.found(Kind::WayRound, Some(spot), way(steps, end), mend);
    }

    /// The line of the service's own file by whose `include` a step came into its stack.
    fn included_by(&self, step: &Step) -> Option<Spot> {
        let (file, text) = self.host.files.of_service(&self.service.name).ok()??;
        let lines = parse(&text);
        let includes = |line: &&Line| {
            matches!(line.rule, Rule::Include(_))
                && self
                    .host
                    .files
                    .steps_of(line, &file, Facility::Auth)
                    .is_ok_and(|steps| steps.iter().any(|inner| inner.place == step.place))
        };
        let line = lines.iter().find(includes)?.number;
        Some(Spot { file, line: Some(line) })
    }

    /// Whether the stack holds what our lines say of it, and says what it holds.
    fn attested(&mut self, asking: &[&Step], walk: &Walk) {
        let holds = is_attested(walk);
        for step in asking {
            let spot = Spot::from(&step.place);
            match (step.has_argument("first_factor=requisite"), holds) {
                (true, false) => {
                    let mend = mend::on_line(&spot, "s/[[:space:]]+first_factor=requisite//");
                    self.found(Kind::FirstFactorNotHeld, Some(spot), "", mend);
                }
                (false, true) => {
                    let mend = mend::on_line(&spot, "s/pam_mfa\\.so/& first_factor=requisite/");
                    self.found(Kind::FirstFactorUnsaid, Some(spot), "", mend);
                }
                _ => {}
            }
        }
    }

    /// A second line of ours that is come to after the first one was passed.
    fn twice(&mut self, steps: &[Step], asking: &[&Step]) {
        for line in asking.iter().skip(1) {
            let before: Vec<Step> =
                steps.iter().take_while(|step| step.place != line.place).cloned().collect();
            let walk = Walk::through(&before);
            let passed = walk
                .ends
                .iter()
                .any(|end| end.granted && end.seen.ours == Ours::Passed && reaches(&before, end));
            if passed {
                let spot = Spot::from(&line.place);
                let mend = self.deletion(&spot);
                self.found(Kind::AskedTwice, Some(spot), "", mend);
            }
        }
    }

    /// Other modules that ask, or count.
    fn others(&mut self) {
        let service = self.service;
        let ours = service.auth.iter().position(asks_for_factor).unwrap_or(usize::MAX);
        for (at, step) in service.auth.iter().enumerate() {
            let Act::Ask { module, .. } = &step.act else { continue };
            let spot = Spot::from(&step.place);
            if OTHERS.contains(&module.as_str()) {
                let mend = self.deletion(&spot);
                self.found(Kind::OtherSecondFactor, Some(spot), module, mend);
            } else if at > ours
                && (module.starts_with("pam_tally")
                    || module == "pam_faillock" && step.has_argument("authfail"))
            {
                let mend = Mend::edit(&spot);
                self.found(Kind::FaillockCounts, Some(spot), module, mend);
            }
        }
    }

    fn account(&mut self) {
        let service = self.service;
        let steps = &service.account;
        if !steps.iter().any(asks_for_factor) {
            let Ok(Some((file, text))) = self.host.files.of_service(&service.name) else { return };
            let script = match self.first_account_line(&file, &text) {
                Some(line) => format!("{line}i account required pam_mfa.so"),
                None => "$a account required pam_mfa.so".to_owned(),
            };
            let mend = Mend::Run(mend::sed(&file, &script));
            return self.found(Kind::AccountLineMissing, Some(Spot::file(file)), "", mend);
        }
        let walk = Walk::through(steps);
        let Some(end) = skips_account(&walk) else { return };
        let (spot, mend) = match culprit(steps, end) {
            Some((at, answer)) if own_file(&steps[at], &service.name) && ends(&steps[at], answer) => {
                let spot = Spot::from(&steps[at].place);
                (Some(spot.clone()), mend::control(&spot, "required"))
            }
            Some((at, _)) => (Some(Spot::from(&steps[at].place)), self.account_line_first()),
            None => (None, Mend::apply(&service.name)),
        };
        self.found(Kind::AccountLineSkipped, spot, way(steps, end), mend);
    }

    /// Our account line ahead of all others, with its words.
    fn account_line_first(&self) -> Mend {
        let service = self.service;
        let by_hand = || Mend::apply(&service.name);
        let Some(step) = service.account.iter().find(|step| asks_for_factor(step)) else { return by_hand() };
        let (Ok(Some((file, text))), Act::Ask { arguments, .. }) =
            (self.host.files.of_service(&service.name), &step.act)
        else {
            return by_hand();
        };
        let Some(first) = self.first_account_line(&file, &text) else { return by_hand() };
        let ours = step.place.line;
        let is_one_word = |word: &String| !word.contains(char::is_whitespace);
        if step.place.file != file || !is_free(&parse(&text), ours) || !arguments.iter().all(is_one_word) {
            return by_hand();
        }
        let words: String = arguments.iter().map(|word| format!(" {word}")).collect();
        let file = mend::quoted(&file.to_string_lossy());
        let insert = mend::quoted(&format!("{first}i account required pam_mfa.so{words}"));
        Mend::Run(format!("sed -i -e {ours}d -e {insert} {file}"))
    }

    /// The first line of a file that has a say in the account phase.
    fn first_account_line(&self, file: &Path, text: &[u8]) -> Option<usize> {
        let says = |line: &&Line| {
            let steps = self.host.files.steps_of(line, file, Facility::Account);
            steps.is_ok_and(|steps| !steps.is_empty())
        };
        parse(text).iter().find(says).map(|line| line.number)
    }

    /// Taking a line out; by hand where another counts lines over it.
    fn deletion(&self, spot: &Spot) -> Mend {
        let text = self.host.files.read(&spot.file).ok().flatten().unwrap_or_default();
        match spot.line {
            Some(line) if is_free(&parse(&text), line) => mend::emptied(spot),
            _ => Mend::edit(spot),
        }
    }
}

/// Whether the module knows that word.
fn is_argument(word: &str) -> bool {
    match word.strip_prefix("prompt=") {
        Some(text) => !text.is_empty() && !text.contains(char::is_control),
        None => ARGUMENTS[..ARGUMENTS.len() - 2].contains(&word),
    }
}

/// Whether a stack has a module that asks for a password at all.
pub(super) fn takes_a_password(steps: &[Step]) -> bool {
    steps.iter().any(|step| matches!(&step.act, Act::Ask { module, .. } if knows_first_factor(module)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the module itself reads, out of its source: a word that is new there has to be known here.
    #[test]
    fn the_arguments_are_those_of_the_module() {
        let source = include_str!("../../../pam_mfa/src/args.rs").split("#[cfg(test)]\nmod ").next().unwrap();
        let words: Vec<&str> =
            source.split("b\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        assert!(words.len() >= 9, "{words:?}");
        for word in &words {
            let known = ARGUMENTS.iter().any(|known| known.starts_with(word));
            assert!(known, "{word} is an argument of the module");
        }
        for known in ARGUMENTS {
            assert!(words.iter().any(|word| known.starts_with(word.trim_end_matches('='))), "{known}");
        }
    }

    #[test]
    fn a_word_is_known_as_a_whole() {
        for word in ["echo", "digits=8", "prompt=Code: "] {
            assert!(is_argument(word), "{word}");
        }
        for word in ["", "Echo", "digits=5", "prompt", "prompt=", "first_factor=required", "nullok"] {
            assert!(!is_argument(word), "{word}");
        }
    }
}
