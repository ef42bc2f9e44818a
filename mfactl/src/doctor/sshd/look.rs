//! Looking at what holds before a stack that asks.

use std::path::Path;

use super::Sshd;
use super::change::{set, taken};
use super::guests::Guest;
use super::holds::Holds;
use crate::doctor::finding::{Finding, Report, Spot};
use crate::doctor::host::{Host, Service};
use crate::doctor::kind::Kind;
use crate::doctor::mend::{self, Mend};
use crate::pam::gate::OURS as OUR_FILE;
use crate::pam::glass::lets_root_in;
use crate::pam::sshd::{Setting, in_a_word};
use crate::pam::stack::Act;
use crate::pam::walk::{OURS, asks_for_factor};

/// Shorter than this sshd hangs up while the question is open, in seconds.
const GRACE: u32 = 120;
/// Fewer tries than this are used up by the keys of an ordinary agent.
const TRIES: u32 = 3;

/// Looks at sshd, where its stack names us.
pub(in crate::doctor) fn look(host: &Host, sshd: Option<&Sshd>, report: &mut Report) {
    let Some(sshd) = sshd else { return };
    let service = host.service("sshd").filter(|service| service.names_us());
    let Some((_, anybody)) = sshd.asked.first() else { return };
    let mut look = Look { host, sshd, report };
    if host.services.iter().any(Service::asks) {
        look.other_service(anybody);
    }
    let Some(service) = service else { return };
    look.beaten();
    look.for_all(anybody);
    for (guest, holds) in &sshd.asked {
        look.guest(service, guest, holds, anybody);
    }
}

struct Look<'a> {
    host: &'a Host,
    sshd: &'a Sshd,
    report: &'a mut Report,
}

impl Look<'_> {
    /// Adds a finding about a setting, which becomes `better`.
    fn found(&mut self, kind: Kind, keyword: &str, holds: &Holds, better: &str, detail: &str) {
        let now = holds.get(&keyword.to_ascii_lowercase());
        let (spot, mend) = set(&self.sshd.config, keyword, now, better);
        let subject = "sshd".into();
        self.report.found(Finding { kind, subject, spot: Some(spot), detail: detail.into(), mend });
    }

    /// The service that sshd calls itself before PAM, where it can be told.
    fn other_service(&mut self, anybody: &Holds) {
        let name = anybody.get("pamservicename");
        if !matches!(name, "" | "sshd") && !self.host.asks(name) {
            self.found(Kind::SshdOtherService, "PAMServiceName", anybody, "sshd", name);
        }
    }

    /// What does not differ between visitors.
    fn for_all(&mut self, anybody: &Holds) {
        if anybody.is("usepam", "no") {
            self.found(Kind::SshdWithoutPam, "UsePAM", anybody, "yes", "");
        }
        let seconds = anybody.number("logingracetime");
        if let Some(seconds) = seconds.filter(|seconds| (1..GRACE).contains(seconds)) {
            let detail = format!("{seconds} s");
            self.found(Kind::GraceTimeShort, "LoginGraceTime", anybody, &GRACE.to_string(), &detail);
        }
        if anybody.is("usedns", "yes") {
            self.found(Kind::UseDns, "UseDNS", anybody, "no", "");
        }
        let wants_pin = self.host.setting("factors", "ssh_key_pin").and_then(toml::Value::as_bool);
        let options = anybody.get("pubkeyauthoptions");
        if wants_pin == Some(true) && !options.split(',').any(|option| option == "verify-required") {
            let better = match options {
                "" | "none" => "verify-required".to_owned(),
                others => format!("{others},verify-required"),
            };
            self.found(Kind::KeyPinUnasked, "PubkeyAuthOptions", anybody, &better, options);
        }
        for setting in &self.sshd.config.settings {
            if setting.written.eq_ignore_ascii_case("ChallengeResponseAuthentication") {
                let spot = Spot::from(&setting.place);
                let mend = mend::on_line(&spot, "s/[A-Za-z]+/KbdInteractiveAuthentication/");
                self.report.found(Finding {
                    kind: Kind::OldKeyword,
                    subject: "sshd".into(),
                    spot: Some(spot),
                    detail: setting.written.clone(),
                    mend,
                });
            }
        }
    }

    /// Lines for all that say what is needed here, after another that says the contrary.
    fn beaten(&mut self) {
        const NEEDED: [(&str, &str); 3] =
            [("usepam", "yes"), ("kbdinteractiveauthentication", "yes"), ("passwordauthentication", "no")];
        for (keyword, needed) in NEEDED {
            let for_all =
                |setting: &&Setting| setting.keyword == keyword && self.sshd.config.is_for_all(setting);
            let mut lines = self.sshd.config.settings.iter().filter(for_all);
            let Some(first) = lines.next().filter(|first| !first.value.eq_ignore_ascii_case(needed)) else {
                continue;
            };
            let Some(beaten) = lines.find(|line| line.value.eq_ignore_ascii_case(needed)) else { continue };
            let line = first.place.line;
            let change = mend::sed(&first.place.file, &format!("{line}d"));
            self.report.found(Finding {
                kind: Kind::SettingBeaten,
                subject: beaten.written.clone(),
                spot: Some(Spot::from(&beaten.place)),
                detail: format!("{}:{line} comes first", first.place.file.display()),
                mend: taken(&change),
            });
        }
    }

    fn guest(&mut self, service: &Service, guest: &Guest, holds: &Holds, anybody: &Holds) {
        // A block that changes nothing of a setting has nothing to be told of.
        let differs = |keyword: &str| guest.block.is_none() || holds.get(keyword) != anybody.get(keyword);
        if holds.is("kbdinteractiveauthentication", "no")
            && holds.takes("keyboard-interactive")
            && differs("kbdinteractiveauthentication")
        {
            self.found(Kind::KbdInteractiveOff, "KbdInteractiveAuthentication", holds, "yes", "");
        }
        if holds.is("passwordauthentication", "yes")
            && holds.takes("password")
            && differs("passwordauthentication")
            && !password_and_code_in_one_field(service)
        {
            self.found(Kind::PasswordFeedsCode, "PasswordAuthentication", holds, "no", "");
        }
        let tries = holds.number("maxauthtries").filter(|tries| *tries < TRIES);
        if let Some(tries) = tries.filter(|_| differs("maxauthtries")) {
            self.found(Kind::MaxAuthTriesLow, "MaxAuthTries", holds, "6", &tries.to_string());
        }
        if guest.visitor.user == "root" {
            self.root(guest, holds);
        }
        self.key_alone(guest, holds, anybody);
    }

    /// Root's answers are replaced by junk where root may come by key only.
    fn root(&mut self, guest: &Guest, holds: &Holds) {
        let by_key_only = matches!(holds.get("permitrootlogin"), "prohibit-password" | "without-password");
        if guest.block.is_none()
            && by_key_only
            && holds.wants_an_answer()
            && lets_root_in(&holds.0)
            && self.sshd.roots_key_is_of_no_use()
        {
            let now = holds.get("permitrootlogin");
            let (spot, _) = set(&self.sshd.config, "PermitRootLogin", now, now);
            self.report.found(Finding {
                kind: Kind::RootAnswersReplaced,
                subject: "sshd".into(),
                spot: Some(spot),
                detail: now.into(),
                // With `PermitRootLogin yes` a root without a factor would come in by password alone, from anywhere.
                mend: Mend::ByHand("mfactl pam apply sshd --break-glass-from NETWORK".into()),
            });
        }
    }

    /// The line of a block that says what is enough there.
    fn methods_of(&self, number: usize) -> Option<&Setting> {
        let mut settings = self.sshd.config.settings.iter();
        settings.find(|setting| setting.block == Some(number) && setting.keyword == "authenticationmethods")
    }

    /// Whether what a block lets in by is the doing of another, which is told of itself: of one with a say in it,
    /// where this has none, or of the one that our own file repeats.
    fn told_of_elsewhere(&self, number: usize, methods: &str) -> bool {
        let blocks = &self.sshd.config.blocks;
        let says = |other: usize| self.methods_of(other).is_some_and(|setting| setting.value == methods);
        let mut others = (0..blocks.len()).filter(|other| *other != number && says(*other));
        if self.methods_of(number).is_none() {
            return others.next().is_some();
        }
        let is_ours = |number: usize| blocks[number].place.file == Path::new(OUR_FILE);
        is_ours(number)
            && others.any(|other| !is_ours(other) && blocks[other].written == blocks[number].written)
    }

    /// A method that comes in without PAM's auth phase.
    fn key_alone(&mut self, guest: &Guest, holds: &Holds, anybody: &Holds) {
        let Some(method) = holds.skips().filter(|_| !self.host.enforced_at_sshd()) else { return };
        let is_root = guest.visitor.user == "root";
        if is_root && (guest.block.is_some() || !holds.root_by_key() || !self.sshd.root_has_key()) {
            return; // the way in for the day on which mfad fails, or none at all
        }
        let Some(number) = guest.block else {
            let both = "publickey,keyboard-interactive keyboard-interactive";
            return self.found(Kind::KeySkipsCode, "AuthenticationMethods", holds, both, method);
        };
        if anybody.skips() == Some(method) {
            return; // told of already
        }
        if self.told_of_elsewhere(number, &holds.0.methods()) {
            return;
        }
        let block = &self.sshd.config.blocks[number];
        let setting = self.methods_of(number);
        let spot = Spot::from(setting.map_or(&block.place, |setting| &setting.place));
        let script = match setting {
            Some(_) => "s/[^[:space:]].*/AuthenticationMethods publickey,keyboard-interactive/",
            None => "a AuthenticationMethods publickey,keyboard-interactive",
        };
        let Mend::Run(change) = mend::on_line(&spot, script) else { return };
        self.report.found(Finding {
            kind: Kind::MatchBlockSkips,
            subject: in_a_word(&block.criteria),
            spot: Some(spot),
            detail: format!("{method} alone, for example for {}", guest.visitor.user),
            mend: taken(&change),
        });
    }
}

/// Whether the stack takes the code out of the same field as the password.
fn password_and_code_in_one_field(service: &Service) -> bool {
    let first_pass = ["forward_pass", "use_first_pass", "try_first_pass"];
    service.auth.iter().filter(|step| asks_for_factor(step)).all(|step| {
        matches!(&step.act, Act::Ask { module, arguments, .. }
            if module == OURS && arguments.iter().any(|word| first_pass.contains(&word.as_str())))
    })
}
