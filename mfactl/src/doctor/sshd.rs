//! sshd before a stack that asks: what holds there is asked of sshd itself (`sshd -T`), for somebody of each
//! `Match` block, for root, and for anybody else.

use std::path::Path;

use nix::unistd::{Gid, Group, User};

use super::finding::{Finding, Report, Spot};
use super::host::{Host, Service};
use super::kind::Kind;
use super::mend::{self, Mend};
use super::run;
use super::sshd_config::{Block, Config};
use crate::pam::sshd::{CONFIG, Effective, Visitor, in_network};
use crate::pam::stack::Act;
use crate::pam::walk::{OURS, asks_for_factor};

/// Shorter than this sshd hangs up while the question is open, in seconds.
const GRACE: u32 = 120;
/// Fewer tries than this are used up by the keys of an ordinary agent.
const TRIES: u32 = 3;
/// Where a server that no systemd started keeps its process id.
const PID: &str = "/run/sshd.pid";
/// Methods that need no stack of PAM's.
const WITHOUT_PAM: [(&str, &str); 3] = [
    ("publickey", "pubkeyauthentication"),
    ("hostbased", "hostbasedauthentication"),
    ("gssapi-with-mic", "gssapiauthentication"),
];

/// Somebody who comes, and the block that is for them, by number.
#[derive(Clone, Debug)]
struct Guest {
    visitor: Visitor,
    block: Option<usize>,
}

/// What holds for a guest.
struct Holds(Effective);

impl Holds {
    fn get(&self, keyword: &str) -> &str {
        self.0.value(keyword)
    }

    fn is(&self, keyword: &str, value: &str) -> bool {
        self.get(keyword).eq_ignore_ascii_case(value)
    }

    fn number(&self, keyword: &str) -> Option<u32> {
        self.get(keyword).parse().ok()
    }

    /// Whether some list of methods that is enough answers to this; `any` does.
    fn some_list(&self, is: impl Fn(&str) -> bool) -> bool {
        let lists = self.0.methods();
        lists == "any" || lists.split_whitespace().any(is)
    }

    /// A method that logs in by itself without PAM's auth phase.
    fn skips(&self) -> Option<&'static str> {
        let on = WITHOUT_PAM.iter().filter(|(_, keyword)| self.is(keyword, "yes")).map(|(method, _)| *method);
        let alone = |method: &str| self.some_list(|list| list.split(',').all(|one| one == method));
        on.into_iter().find(|method| alone(method))
    }

    /// Whether that method is any part of a login.
    fn takes(&self, method: &str) -> bool {
        self.some_list(|list| list.split(',').any(|one| one.split(':').next() == Some(method)))
    }

    /// Whether every login has to answer a question.
    fn wants_an_answer(&self) -> bool {
        !self.some_list(|list| !list.contains("keyboard-interactive"))
    }

    /// Whether root comes in by key alone.
    fn root_by_key(&self) -> bool {
        !matches!(self.get("permitrootlogin"), "no" | "") && self.skips() == Some("publickey")
    }
}

/// What sshd told, for everyone who was asked about.
pub(super) struct Sshd {
    config: Config,
    asked: Vec<(Guest, Holds)>,
}

impl Sshd {
    /// Asks; nothing where there is no sshd.
    pub(super) fn ask(host: &Host, report: &mut Report) -> Option<Self> {
        run::find("sshd")?;
        let config = Config::read();
        let mut asked = Vec::new();
        for guest in guests(host, &config) {
            match Effective::of(Path::new(CONFIG), &guest.visitor) {
                Ok(effective) => asked.push((guest, Holds(effective))),
                Err(why) => {
                    refused(&why, &config, report);
                    return None;
                }
            }
        }
        Some(Self { config, asked })
    }

    /// Whether root comes in by key alone, from anywhere or from a network of its own.
    pub(super) fn root_by_key(&self) -> bool {
        self.asked.iter().any(|(guest, holds)| guest.visitor.user == "root" && holds.root_by_key())
    }

    /// The files in which the keys of that user may be.
    fn key_files(&self, user: &User) -> Vec<std::path::PathBuf> {
        let patterns = self.asked.first().map_or("", |(_, holds)| holds.get("authorizedkeysfile"));
        let expand = |pattern: &str| {
            let path = pattern.replace("%h", &user.dir.to_string_lossy()).replace("%u", &user.name);
            user.dir.join(path.replace("%%", "%"))
        };
        patterns.split_whitespace().filter(|pattern| *pattern != "none").map(expand).collect()
    }

    /// Whether that user has a key here.
    pub(super) fn has_key(&self, user: &str) -> bool {
        let Ok(Some(user)) = User::from_name(user) else { return false };
        let holds = |path: &std::path::PathBuf| {
            std::fs::read_to_string(path).is_ok_and(|text| {
                text.lines().any(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#'))
            })
        };
        self.key_files(&user).iter().any(holds)
    }
}

/// sshd does not say what holds: for a fault of its settings, or because it cannot.
fn refused(why: &str, config: &Config, report: &mut Report) {
    // What AuthenticationMethods wants is switched off: sshd says so, and no more.
    if why.contains("Disabled method \"keyboard-interactive\"") {
        let (spot, mend) = set(config, "KbdInteractiveAuthentication", "no", "yes");
        return report.found(Finding {
            kind: Kind::KbdInteractiveOff,
            subject: "sshd".into(),
            spot: Some(spot),
            detail: why.lines().last().unwrap_or_default().into(),
            mend,
        });
    }
    let place = why.split_once(" line ").and_then(|(file, rest)| {
        let file = file.rsplit([' ', '\n']).next()?.trim_end_matches(':');
        let line = rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()?;
        file.starts_with('/').then(|| Spot { file: file.into(), line: Some(line) })
    });
    let Some(spot) = place else {
        return report.cannot_look("sshd", why, Mend::ByHand("sshd -T".into()));
    };
    let mend = Mend::edit(&spot);
    report.found(Finding {
        kind: Kind::SshdConfigBroken,
        subject: "sshd".into(),
        spot: Some(spot),
        detail: why.lines().next().unwrap_or_default().into(),
        mend,
    });
}

/// Anybody, root, and somebody for each block.
fn guests(host: &Host, config: &Config) -> Vec<Guest> {
    let in_blocks: Vec<&str> = config
        .blocks
        .iter()
        .flat_map(|block| &block.criteria)
        .filter(|(name, _)| name == "user")
        .flat_map(|(_, value)| value.split(','))
        .collect();
    let mut people = host.people.iter().filter_map(|person| std::str::from_utf8(&person.name).ok());
    let somebody = people.find(|name| *name != "root" && !in_blocks.contains(name));
    let anybody =
        Visitor { user: somebody.map_or(Visitor::anybody().user, str::to_owned), ..Visitor::anybody() };
    let as_root = |visitor: &Visitor| Visitor { user: "root".into(), ..visitor.clone() };
    let mut all = vec![
        Guest { visitor: anybody.clone(), block: None },
        Guest { visitor: as_root(&anybody), block: None },
    ];
    for (number, block) in config.blocks.iter().enumerate() {
        let visitor = visitor_of(block, anybody.clone());
        // A block for a network may be root's way in.
        if visitor.user == anybody.user {
            all.push(Guest { visitor: as_root(&visitor), block: Some(number) });
        }
        all.push(Guest { visitor, block: Some(number) });
    }
    all
}

/// Somebody whom a block is for.
fn visitor_of(block: &Block, mut visitor: Visitor) -> Visitor {
    for (name, value) in &block.criteria {
        let first = value.split(',').find(|pattern| !pattern.starts_with('!')).unwrap_or_default();
        match name.as_str() {
            "user" if first != "*" => visitor.user = first.replace(['*', '?'], "x"),
            "group" => visitor.user = member_of(first).unwrap_or(visitor.user),
            "address" if first != "*" => visitor.address = in_network(first),
            _ => {}
        }
    }
    visitor
}

/// One who is in that group.
fn member_of(group: &str) -> Option<String> {
    let group = Group::from_name(group).ok()??;
    let by_group = |gid: Gid| {
        let passwd = std::fs::read_to_string("/etc/passwd").ok()?;
        let line = passwd.lines().find(|line| line.split(':').nth(3) == Some(&gid.to_string()))?;
        line.split(':').next().map(str::to_owned)
    };
    group.mem.first().cloned().or_else(|| by_group(group.gid))
}

/// Looks at sshd, where its stack names us.
pub(super) fn look(host: &Host, sshd: Option<&Sshd>, report: &mut Report) {
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
        for setting in &self.sshd.config.settings {
            if setting.written.eq_ignore_ascii_case("ChallengeResponseAuthentication") {
                let mend = mend::on_line(&setting.spot, "s/[A-Za-z]+/KbdInteractiveAuthentication/");
                self.report.found(Finding {
                    kind: Kind::OldKeyword,
                    subject: "sshd".into(),
                    spot: Some(setting.spot.clone()),
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
            let for_all = |setting: &&super::sshd_config::Setting| {
                setting.keyword == keyword && setting.block.is_none()
            };
            let mut lines = self.sshd.config.settings.iter().filter(for_all);
            let Some(first) = lines.next().filter(|first| !first.value.eq_ignore_ascii_case(needed)) else {
                continue;
            };
            let Some(beaten) = lines.find(|line| line.value.eq_ignore_ascii_case(needed)) else { continue };
            let line = first.spot.line.unwrap_or(1);
            let change = mend::sed(&first.spot.file, &format!("{line}d"));
            self.report.found(Finding {
                kind: Kind::SettingBeaten,
                subject: beaten.written.clone(),
                spot: Some(beaten.spot.clone()),
                detail: format!("{}:{line} comes first", first.spot.file.display()),
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
        if guest.block.is_none() && by_key_only && holds.wants_an_answer() && self.sshd.has_key("root") {
            self.found(
                Kind::RootAnswersReplaced,
                "PermitRootLogin",
                holds,
                "yes",
                holds.get("permitrootlogin"),
            );
        }
    }

    /// A method that comes in without PAM's auth phase.
    fn key_alone(&mut self, guest: &Guest, holds: &Holds, anybody: &Holds) {
        let Some(method) = holds.skips().filter(|_| !self.host.enforced_at_sshd()) else { return };
        let is_root = guest.visitor.user == "root";
        if is_root && (guest.block.is_some() || !holds.root_by_key() || !self.sshd.has_key("root")) {
            return; // the way in for the day on which mfad fails, or none at all
        }
        let Some(number) = guest.block else {
            let keys = self.host.people.iter().filter_map(|person| std::str::from_utf8(&person.name).ok());
            let keys = keys.filter(|name| self.sshd.has_key(name)).count();
            let detail = match method {
                "publickey" => format!("{keys} of {} people have a key here", self.host.people.len()),
                other => other.to_owned(),
            };
            let both = "publickey,keyboard-interactive keyboard-interactive";
            return self.found(Kind::KeySkipsCode, "AuthenticationMethods", holds, both, &detail);
        };
        if anybody.skips() == Some(method) {
            return; // told of already
        }
        let block = &self.sshd.config.blocks[number];
        let setting = self
            .sshd
            .config
            .settings
            .iter()
            .find(|setting| setting.block == Some(number) && setting.keyword == "authenticationmethods");
        let spot = setting.map_or(&block.spot, |setting| &setting.spot);
        let script = match setting {
            Some(_) => "s/[^[:space:]].*/AuthenticationMethods publickey,keyboard-interactive/",
            None => "a AuthenticationMethods publickey,keyboard-interactive",
        };
        let Mend::Run(change) = mend::on_line(spot, script) else { return };
        let subject =
            block.criteria.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>();
        self.report.found(Finding {
            kind: Kind::MatchBlockSkips,
            subject: subject.join(","),
            spot: Some(spot.clone()),
            detail: format!("{method} alone, for example for {}", guest.visitor.user),
            mend: taken(&change),
        });
    }
}

/// Where a setting is that is `now`, and what makes it `better`: on its line, or ahead of all others.
fn set(config: &Config, keyword: &str, now: &str, better: &str) -> (Spot, Mend) {
    let (spot, change) = match config.line(&keyword.to_ascii_lowercase(), now) {
        Some(setting) => {
            let Spot { file, line } = &setting.spot;
            let script = format!("{}s/[^[:space:]].*/{keyword} {better}/", line.unwrap_or(1));
            (setting.spot.clone(), mend::sed(file, &script))
        }
        None => (Spot::file(CONFIG), mend::sed(Path::new(CONFIG), &format!("1i {keyword} {better}"))),
    };
    (spot, taken(&change))
}

/// A change of sshd's files, checked and taken.
fn taken(change: &str) -> Mend {
    Mend::Run(format!("{change} && sshd -t{}", reload()))
}

/// Whether the stack takes the code out of the same field as the password.
fn password_and_code_in_one_field(service: &Service) -> bool {
    let first_pass = ["forward_pass", "use_first_pass", "try_first_pass"];
    service.auth.iter().filter(|step| asks_for_factor(step)).all(|step| {
        matches!(&step.act, Act::Ask { module, arguments, .. }
            if module == OURS && arguments.iter().any(|word| first_pass.contains(&word.as_str())))
    })
}

/// What makes a running sshd take its settings: systemd, or its own signal.
fn reload() -> String {
    if Path::new("/run/systemd/system").exists() {
        let debian = ["/usr/lib/systemd/system/ssh.service", "/lib/systemd/system/ssh.service"];
        let name = if debian.iter().any(|path| Path::new(path).exists()) { "ssh" } else { "sshd" };
        format!(" && systemctl reload {name}")
    } else if Path::new(PID).exists() {
        format!(" && kill -HUP \"$(cat {PID})\"")
    } else {
        String::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(pairs: &[(&str, &str)]) -> Holds {
        let lines: Vec<String> = pairs.iter().map(|(keyword, value)| format!("{keyword} {value}")).collect();
        Holds(Effective::parse(&lines.join("\n")))
    }

    #[test]
    fn a_method_skips_where_a_list_has_nothing_else() {
        let with = |methods: &str| {
            holds(&[("authenticationmethods", methods), ("pubkeyauthentication", "yes")]).skips()
        };
        for methods in
            ["any", "", "publickey", "publickey,keyboard-interactive publickey", "publickey,publickey"]
        {
            assert_eq!(with(methods), Some("publickey"), "{methods}");
        }
        for methods in
            ["publickey,keyboard-interactive", "keyboard-interactive publickey,keyboard-interactive:pam"]
        {
            assert_eq!(with(methods), None, "{methods}");
        }
        assert_eq!(holds(&[("authenticationmethods", "any")]).skips(), None, "the method is off");
        let gssapi = [("authenticationmethods", "any"), ("gssapiauthentication", "yes")];
        assert_eq!(holds(&gssapi).skips(), Some("gssapi-with-mic"));
    }

    #[test]
    fn somebody_is_found_for_a_block() {
        let block = |criteria: &[(&str, &str)]| {
            let criteria =
                criteria.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            let base = Visitor { user: "al".into(), address: "192.0.2.1".into() };
            let found = visitor_of(&Block { spot: Spot::file(CONFIG), criteria }, base);
            (found.user, found.address)
        };
        assert_eq!(block(&[("user", "!bo,svc-*,cy")]).0, "svc-x");
        assert_eq!(block(&[("address", "!10.1.0.0/16,10.0.0.0/8")]).1, "10.0.0.0");
        assert_eq!(block(&[("group", "root")]).0, "root");
    }

    #[test]
    fn what_sshd_does_not_take_is_found_in_its_words() {
        let mut report = Report::default();
        refused(
            "/etc/ssh/sshd_config: line 7: Bad configuration option: Foo\r\nmore",
            &Config::default(),
            &mut report,
        );
        let found = &report.findings[0];
        assert_eq!((found.kind, found.spot.as_ref().unwrap().line), (Kind::SshdConfigBroken, Some(7)));
        refused("Missing privilege separation directory: /run/sshd", &Config::default(), &mut report);
        assert_eq!(report.findings[1].kind, Kind::CannotLook);
    }
}
