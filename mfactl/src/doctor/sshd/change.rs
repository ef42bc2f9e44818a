//! How a setting of sshd's is mended: on its line, or ahead of all others; checked by sshd, and taken.

use std::path::Path;

use crate::doctor::finding::Spot;
use crate::doctor::mend::{self, Mend};
use crate::pam::sshd::{CONFIG, Config, Setting};

/// Where a server that no systemd started keeps its process id.
const PID: &str = "/run/sshd.pid";

/// Where a setting is that is `now`, and what makes it `better`: on its line, or ahead of all others.
pub(super) fn set(config: &Config, keyword: &str, now: &str, better: &str) -> (Spot, Mend) {
    let (spot, change) = match line_of(config, &keyword.to_ascii_lowercase(), now) {
        Some(setting) => {
            let script = format!("{}s/[^[:space:]].*/{keyword} {better}/", setting.place.line);
            (Spot::from(&setting.place), mend::sed(&setting.place.file, &script))
        }
        None => (Spot::file(CONFIG), mend::sed(Path::new(CONFIG), &format!("1i {keyword} {better}"))),
    };
    (spot, taken(&change))
}

/// The line that sets `keyword` to `value`: one for all, or in a block.
fn line_of<'a>(config: &'a Config, keyword: &str, value: &str) -> Option<&'a Setting> {
    let is = |setting: &&Setting| setting.keyword == keyword && setting.value.eq_ignore_ascii_case(value);
    let all = || config.settings.iter().filter(is);
    all().find(|setting| config.is_for_all(setting)).or_else(|| all().next())
}

/// A change of sshd's files, checked and taken.
pub(super) fn taken(change: &str) -> Mend {
    Mend::Run(format!("{change} && sshd -t{}", reload()))
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
