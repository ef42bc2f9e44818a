//! Services that people come by and that do not ask: other doors of the same house.

use super::finding::{Finding, Report, Spot};
use super::host::{Host, Service};
use super::kind::Kind;
use super::mend::Mend;
use super::stacks::takes_a_password;
use crate::pam::family::Family;

/// Services that are reached by network, as their packages call them.
const FROM_NETWORK: [&str; 15] = [
    "sshd",
    "cockpit",
    "vsftpd",
    "proftpd",
    "pure-ftpd",
    "ftp",
    "xrdp-sesman",
    "xrdp",
    "rexec",
    "rlogin",
    "rsh",
    "telnet",
    "webmin",
    "usermin",
    "shellinabox",
];
/// Services by which somebody who is here becomes another. The console is none of them: it is a way in
/// that needs no mfad.
const HERE: [&str; 11] = [
    "su",
    "su-l",
    "sudo",
    "polkit-1",
    "doas",
    "run0",
    "gdm-password",
    "lightdm",
    "sddm",
    "kde",
    "xscreensaver",
];

/// Looks at the services that do not ask.
pub(super) fn look(host: &Host, report: &mut Report) {
    if !host.services.iter().any(Service::asks) {
        return report.found(Finding {
            kind: Kind::NothingAsks,
            subject: "pam".into(),
            spot: Some(Spot::file("/etc/pam.d")),
            detail: String::new(),
            mend: Mend::apply("sshd"),
        });
    }
    sudo_login(host, report);
    for service in host.services.iter().filter(|service| !service.asks()) {
        let name = service.name.as_str();
        let kind = match name {
            _ if FROM_NETWORK.contains(&name) => Kind::DoorFromNetwork,
            _ if HERE.contains(&name) => Kind::DoorHere,
            _ => continue,
        };
        // Of su and su-l one is enough: they are set up together.
        let first = Family::of(name.as_ref()).is_ok_and(|family| {
            let unasked = |of: &&String| host.service(of).is_some_and(|service| !service.asks());
            family.services.iter().find(unasked).is_none_or(|of| of == name)
        });
        if first && takes_a_password(&service.auth) {
            let (spot, mend) = (file_of(host, name), Mend::apply(name));
            report.found(Finding { kind, subject: name.into(), spot, detail: String::new(), mend });
        }
    }
}

/// `sudo -i` is `sudo-i` where sudo was built so, as everywhere but on few.
fn sudo_login(host: &Host, report: &mut Report) {
    if !host.asks("sudo") || host.asks("sudo-i") {
        return;
    }
    let Some(spot) = file_of(host, "sudo-i") else { return };
    report.found(Finding {
        kind: Kind::SudoLoginUnasked,
        subject: "sudo-i".into(),
        spot: Some(spot),
        detail: String::new(),
        mend: Mend::apply("sudo"),
    });
}

fn file_of(host: &Host, service: &str) -> Option<Spot> {
    let (file, _) = host.files.of_service(service).ok()??;
    Some(Spot::file(file))
}
