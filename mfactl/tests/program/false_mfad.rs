//! A false mfad on a bus of its own: mfactl finds it where the system bus is, in a mount namespace.
//!
//! The bus's address is fixed in mfactl, so the folder of its socket is mounted over for one program.
//! Every string that it answers tries to drive the terminal.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::{Command, Stdio};

use futures_lite::StreamExt;
use mfa_proto::account::{Codes, Enrolled, Enrollment, Factor, Remembered, Status};
use mfa_proto::admin::{AuditRow, AuditState, Door, Imported, UserDetail, UserRow};
use mfa_proto::fault::Fault;
use mfa_proto::policy::{Condition, Explained, File, Known, Rejudged, Settings, Simulated, Verdict, Weighed};
use mfa_proto::rollout::{AuditEntry, Exemption, Exemptions, InForce, Person};
use mfa_proto::step::{Reason, Step};
use nix::unistd::geteuid;
use zbus::connection::Builder;
use zbus::message::{Header, Message};
use zbus::{Connection, Guid};

/// What it does with whoever calls.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Manner {
    /// Every change needs a proof, and each question is asked.
    Asks,
    /// Everything is done at once; a login is asked for one code, and any will do.
    Grants,
}

/// What there is to import, as `{folder}/NAME` in a command line.
const FILES: [(&str, &str); 4] = [
    ("new.toml", "[policy]\nmode = \"off\"\n"),
    ("users.oath", "HOTP/T30/6 root - 3132333435363738393031323334353637383930\n"),
    ("nobody.oath", "# nobody\n"),
    ("root.google", "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP\n\" TOTP_AUTH\n"),
];

/// It serves until the test ends.
pub(crate) struct FalseMfad {
    folder: tempfile::TempDir,
}

impl FalseMfad {
    pub(crate) fn start(manner: Manner) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in FILES {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            std::fs::set_permissions(&path, Permissions::from_mode(0o400)).unwrap();
        }
        let listener = UnixListener::bind(folder.path().join("system_bus_socket")).unwrap();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let stream = stream.unwrap();
                std::thread::spawn(move || zbus::block_on(serve(stream, manner)));
            }
        });
        Self { folder }
    }

    /// mfactl with these words, which finds this mfad; half a minute is all it gets (exit code 124).
    pub(crate) fn mfactl(&self, words: &str) -> Command {
        const INSIDE: &str =
            "mount -t tmpfs none /run && mkdir /run/dbus && mount --bind \"$1\" /run/dbus || exit 99
            shift; exec \"$@\"";
        let mut mfactl = Command::new("timeout");
        mfactl.args(["--kill-after=5", "30", "unshare", "--mount"]);
        if !geteuid().is_root() {
            mfactl.args(["--user", "--map-current-user", "--keep-caps"]);
        }
        mfactl.args(["sh", "-c", INSIDE, "sh"]).arg(self.folder.path()).arg(crate::MFACTL);
        let folder = self.folder.path().to_str().unwrap();
        mfactl.args(words.split_whitespace().map(|word| word.replace("{folder}", folder)));
        mfactl.env_remove("CLICOLOR_FORCE").env_remove("NO_COLOR").env_remove("SUDO_USER");
        mfactl.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        mfactl
    }
}

async fn serve(stream: UnixStream, manner: Manner) -> zbus::Result<()> {
    let mut calls =
        Builder::unix_stream(stream).server(Guid::generate()).p2p().build_message_stream().await?;
    let bus = Connection::from(&calls);
    while let Some(Ok(call)) = calls.next().await {
        bus.send(&answer(manner, &call, &call.header())?).await?;
    }
    Ok(())
}

fn answer(manner: Manner, call: &Message, header: &Header<'_>) -> zbus::Result<Message> {
    let reply = Message::method_return(header);
    let member = header.member().map_or("", |member| member.as_str());
    let asks = Step::ask(Reason::Plain, false, 100, vec![1], hostile("Verification code: "));
    match (manner, member) {
        (_, "Hello") => reply.build(&":1.7"),
        (_, "Status") => reply.build(&status()),
        (_, "Begin" | "StepUpBegin") => reply.build(&asks),
        (_, "UserList") => {
            let (after, _): (Vec<u8>, u32) = call.body().deserialize()?;
            reply.build(&if after.is_empty() { vec![user_row()] } else { Vec::new() })
        }
        (_, "UserShow") => reply.build(&user()),
        (_, "Audit") => {
            let (after, _, _): (u64, u32, Vec<u8>) = call.body().deserialize()?;
            reply.build(&if after == 0 { vec![audit_row()] } else { Vec::new() })
        }
        (_, "AuditVerify") => {
            reply.build(&AuditState { intact: true, rows: 1, broken_at: 0, head: hostile("ff") })
        }
        (_, "Explain") => reply.build(&explained()),
        (_, "Simulate") => reply.build(&simulated()),
        (_, "ExemptList") => reply.build(&Exemptions { intact: true, time: 5, all: vec![exemption()] }),
        (_, "Coverage") => reply.build(&vec![person()]),
        (_, "AuditEntries") => {
            let (after, _): (u64, u32) = call.body().deserialize()?;
            reply.build(&if after == 0 { vec![entry()] } else { Vec::new() })
        }
        (_, "InForce") => reply.build(&InForce {
            version: hostile("0.1"),
            settings: hostile("ff"),
            mode: hostile("required"),
            time: 5,
        }),
        (_, "RememberedList") => reply.build(&vec![remembered()]),
        (_, "RememberedForget") => reply.build(&1u32),
        (_, "NotMe") => reply.build(&hostile("nothing")),
        (_, "EnrollCancel") => reply.build(&()),
        (Manner::Asks, _) => Message::error(header, Fault::NeedsProof.name()).build(&hostile("prove it")),
        (Manner::Grants, "Answer") => {
            reply.build(&Step { text: hostile("3 left"), ..Step::proven(Vec::new()) })
        }
        (Manner::Grants, "EnrollBegin") => reply.build(&enrollment()),
        (Manner::Grants, "EnrollConfirm") => reply
            .build(&Enrolled { factor: hostile("00ff"), backup_codes: vec!["3-7KQ2M-X4TPD-H9WC".into()] }),
        (Manner::Grants, "CodesRenew") => reply.build(&vec!["3-7KQ2M-X4TPD-H9WC"]),
        (Manner::Grants, "UserInvite") => reply.build(&"I-7KQ2M-X4TPD-H9WC"),
        (Manner::Grants, "UserRecover") => reply.build(&("R-7KQ2M-X4TPD-H9WC", 24u32)),
        (Manner::Grants, "UserReset" | "UserRemove" | "UserUnlock") => reply.build(&1u32),
        (Manner::Grants, "Import") => {
            reply.build(&Imported { outcome: "imported".into(), scratch_codes: 0, bits: 160 })
        }
        (Manner::Grants, "ExemptAdd") => reply.build(&exemption()),
        (Manner::Grants, "FactorRename" | "FactorRemove" | "UserLock" | "ExemptEnd") => reply.build(&()),
        (Manner::Grants, other) => Message::error(header, Fault::InvalidArgument.name()).build(&other),
    }
}

/// `text`, and what makes a terminal do something.
fn hostile(text: &str) -> String {
    format!("{text}\x1b[31m\u{9b}2J")
}

fn factor() -> Factor {
    Factor {
        id: "00ff".into(),
        label: "phone".into(),
        kind: hostile("totp"),
        algorithm: hostile("SHA1"),
        digits: 6,
        period: 30,
        created: 1,
        last_used: 2,
        disabled: true,
        key: String::new(),
        application: String::new(),
        pin: false,
    }
}

const CODES: Codes = Codes { left: 3, weak: 1, made: 4 };

fn status() -> Status {
    Status {
        user: hostile("alice").into_bytes(),
        mode: hostile("required"),
        factors: vec![factor()],
        codes: CODES,
        locked: true,
        allowed: vec![hostile("totp")],
        grace_ends: 9,
        time: 5,
        remembered: 1,
    }
}

fn remembered() -> Remembered {
    Remembered {
        id: hostile("00ff"),
        service: hostile("sshd"),
        key: hostile("SHA256:abc"),
        address: hostile("192.0.2.7"),
        tty: hostile("pts/1"),
        factor: hostile("phone"),
        made: 1,
        ends: 2,
    }
}

fn enrollment() -> Enrollment {
    Enrollment {
        enrollment: "00ff".into(),
        secret: "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP".into(),
        uri: "otpauth://totp/alice%1b%5b31m?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=host".into(),
        seconds: 900,
    }
}

fn user_row() -> UserRow {
    let name = hostile("alice").into_bytes();
    UserRow { name, uid: 4_000_000_000, factors: 1, codes: 0, locked: true, limited: 1, last_used: 5 }
}

fn user() -> UserDetail {
    let what = hostile("address 192.0.2.7");
    UserDetail {
        name: hostile("alice").into_bytes(),
        uid: 1000,
        factors: vec![factor()],
        codes: CODES,
        locked: true,
        open: hostile("recovery"),
        doors: vec![Door { what, known: true, failures: 5, wait: 60, closed: true, last_used: 5 }],
        mode: hostile("required"),
        allowed: vec![hostile("totp")],
    }
}

fn verdict() -> Verdict {
    let by = hostile("rule shells");
    Verdict { decision: "ask".into(), why: hostile("fresh"), by, at: hostile("mfad.toml:1") }
}

fn explained() -> Explained {
    let weighed = Weighed {
        what: hostile("rule shells"),
        at: hostile("mfad.toml:1"),
        effect: hostile("ask"),
        holds: hostile("yes"),
        taken: true,
        conditions: vec![Condition { what: hostile("key"), unless: true, holds: hostile("no") }],
    };
    Explained {
        sentence: hostile("alice is asked"),
        verdict: verdict(),
        settings: Settings {
            files: vec![File { path: hostile("/etc"), sha256: hostile("00") }],
            taken: 5,
            fault: hostile("broken"),
        },
        known: vec![Known { what: hostile("user"), value: hostile("alice"), note: hostile("note") }],
        mode: hostile("required"),
        weighed: vec![weighed],
        asked: hostile("factor"),
        observed: true,
        standing: hostile("enrolled"),
        grace_ends: 9,
        already: hostile("nothing"),
        besides: vec![hostile("a door is closed")],
    }
}

fn simulated() -> Simulated {
    let login = Rejudged {
        seq: 1,
        time: 5,
        user: hostile("alice").into_bytes(),
        subject: hostile("root").into_bytes(),
        service: hostile("sshd").into_bytes(),
        door: hostile("console"),
        now: verdict(),
        would: verdict(),
        change: hostile("none"),
    };
    Simulated {
        logins: vec![login],
        judged: 1,
        too_old: 1,
        unanswered: 1,
        by_program: 1,
        next: 1,
        last: 1,
        ended: true,
        warnings: vec![hostile("old name")],
    }
}

fn exemption() -> Exemption {
    Exemption {
        kind: hostile("granted"),
        id: hostile("00ff"),
        users: vec![hostile("alice").into_bytes()],
        groups: vec![hostile("ops")],
        only: vec![hostile("service sshd")],
        reason: hostile("CHG-7"),
        until: 9,
        over: false,
        given: 4,
        by: hostile("ada"),
        break_glass: hostile("night"),
        defined_at: hostile("/etc/mfad/mfad.toml:3"),
    }
}

fn person() -> Person {
    Person {
        name: hostile("alice").into_bytes(),
        uid: 1000,
        mode: hostile("required"),
        standing: hostile("enrolled"),
        ..Person::default()
    }
}

fn entry() -> AuditEntry {
    AuditEntry {
        row: audit_row(),
        alarm: true,
        refusals: 1,
        by: hostile("ada"),
        reason: hostile("lost"),
        break_glass: hostile("night"),
        verified_by: hostile("passport"),
        ticket: hostile("7"),
        what: hostile("00ff"),
        only: hostile("service sshd"),
        until: 9,
    }
}

fn audit_row() -> AuditRow {
    AuditRow {
        seq: 1,
        time: 5,
        event: hostile("refused"),
        reason: hostile("wrong_code"),
        user: hostile("alice").into_bytes(),
        subject: hostile("root").into_bytes(),
        service: hostile("sshd").into_bytes(),
        door: hostile("console"),
        detail: hostile("try 2"),
        because: hostile("policy"),
    }
}
