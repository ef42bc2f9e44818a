//! The wire against servers that play mfad and the bus, well and badly.

mod errand;
mod residue;
mod server;

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::os::unix::net::UnixListener;
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::Duration;

use mfa_proto::facts::Facts;
use mfa_proto::step::{Kind, Reason};
use zbus::message::Message;

use self::server::{Move, Site, fault, member, reply, serve};
use super::*;
use crate::context::Item;
use crate::context::tests::Table;

fn login() -> Context {
    Table::login("sshd", b"alice\xff").with(Item::RHost, b"192.0.2.7").read()
}

/// An honest mfad: asks, takes 123456, settles its own ticket.
fn honest(call: &Message) -> Move {
    let body = call.body();
    let step = match member(call).as_str() {
        "Begin" => Step::ask(Reason::Plain, false, 100, b"token".to_vec(), "Verification code: ".into()),
        "Answer" => match body.deserialize::<(Vec<u8>, Vec<u8>)>().unwrap() {
            (token, answer) if token == b"token" && answer == b"123456" => Step::proven(b"ticket".to_vec()),
            _ => Step::refused(Reason::WrongCode, 0, String::new()),
        },
        "Settle" if body.deserialize::<(Vec<u8>,)>().unwrap().0 == b"ticket" => Step::proven(Vec::new()),
        "Admit" => Step::waived(Reason::Optional),
        other => panic!("no call of the contract: {other}"),
    };
    reply(call, &step)
}

fn begin(site: &Site) -> Result<Step, Failed> {
    Wire::new(site.place(), Door::Socket, &login()).begin()
}

fn begin_and_answer(site: &Site) -> Result<Step, Failed> {
    let login = login();
    let mut wire = Wire::new(site.place(), Door::Socket, &login);
    let step = wire.begin()?;
    wire.typed();
    wire.answer(&step.token, &Answer::parse(b"12 34 56"))
}

#[test]
fn every_call_of_the_contract_is_made_as_it_says() {
    let site = Site::new();
    let (said, heard) = channel();
    serve(&site.socket, move |call| {
        let body = call.body();
        let header = call.header();
        assert_eq!(header.interface().unwrap().as_str(), names::AUTHENTICATOR);
        assert_eq!(header.path().unwrap().as_str(), names::OBJECT_PATH);
        said.send((member(call), body.signature().to_string_no_parens())).unwrap();
        if matches!(member(call).as_str(), "Begin" | "Admit") {
            let (user, service, facts): (Vec<u8>, Vec<u8>, Facts) = body.deserialize().unwrap();
            assert_eq!((&user[..], &service[..]), (&b"alice\xff"[..], &b"sshd"[..]));
            assert_eq!(facts, Facts::from([("rhost".into(), b"192.0.2.7".to_vec())]));
        }
        honest(call)
    });

    let proven = begin_and_answer(&site).unwrap();
    assert_eq!((proven.kind(), &proven.token[..]), (Kind::Proven, &b"ticket"[..]));
    let settled = Wire::new(site.place(), Door::Socket, &login()).settle(b"ticket");
    assert_eq!(settled.unwrap().kind(), Kind::Proven);
    let admitted = Wire::new(site.place(), Door::Socket, &login()).admit();
    assert_eq!(admitted.unwrap().reason(), Some(Reason::Optional));

    let calls: Vec<(String, String)> = heard.try_iter().collect();
    let calls: Vec<_> = calls.iter().map(|(method, signature)| (&method[..], &signature[..])).collect();
    let expected = [("Begin", "ayaya{say}"), ("Answer", "ayay"), ("Settle", "ay"), ("Admit", "ayaya{say}")];
    assert_eq!(calls, expected);
}

#[test]
fn one_connection_serves_a_dialogue() {
    let site = Site::new();
    let (said, heard) = channel();
    serve(&site.socket, move |call| {
        said.send(thread::current().id()).unwrap();
        honest(call)
    });
    begin_and_answer(&site).unwrap();
    let threads: Vec<_> = heard.try_iter().collect();
    assert_eq!(threads.len(), 2);
    assert_eq!(threads[0], threads[1]);
}

#[test]
fn an_error_is_never_a_step() {
    for (name, failed) in [
        ("org.mfad1.Error.Unavailable", Failed::Fault("org.mfad1.Error.Unavailable".into())),
        ("org.mfad1.Error.NotEnrolled", Failed::Fault("org.mfad1.Error.NotEnrolled".into())),
        ("org.freedesktop.DBus.Error.NoReply", Failed::Lost),
    ] {
        let site = Site::new();
        serve(&site.socket, move |call| fault(call, name));
        assert_eq!(begin(&site), Err(failed));
    }
}

/// A step with more to it, or of other types, is not this contract's step, whatever it begins with.
#[test]
fn a_reply_of_nearly_the_right_shape_is_not_understood() {
    type Shape = fn(&Message, &[u8], &str) -> Move;
    let (token, text) = (&b"token"[..], "text");
    let shapes: [Shape; 5] = [
        |call, token, text| reply(call, &(1_u32, 0_u32, false, 0_u32, token, text, 0_u32)),
        |call, token, _| reply(call, &(1_u32, 0_u32, false, 0_u32, token)),
        |call, token, text| reply(call, &(1_i32, 0_u32, false, 0_u32, token, text)),
        |call, _, _| reply(call, &1_u32),
        |call, _, _| reply(call, &()),
    ];
    for (number, shape) in shapes.into_iter().enumerate() {
        let site = Site::new();
        serve(&site.socket, move |call| shape(call, token, text));
        assert_eq!(begin(&site), Err(Failed::NotUnderstood), "{number}");
    }
}

#[test]
fn a_peer_that_hangs_up_is_lost() {
    let site = Site::new();
    serve(&site.socket, |_| Move::Close);
    assert_eq!(begin(&site), Err(Failed::Lost));

    let site = Site::new();
    serve(&site.socket, |call| if member(call) == "Answer" { Move::Close } else { honest(call) });
    assert_eq!(begin_and_answer(&site), Err(Failed::Lost));

    // In the handshake.
    let site = Site::new();
    let listener = UnixListener::bind(&site.socket).unwrap();
    thread::spawn(move || listener.incoming().for_each(drop));
    assert_eq!(begin(&site), Err(Failed::Lost));
}

#[test]
fn a_peer_that_hangs_is_given_up_in_time() {
    // Before the handshake.
    let site = Site::new().patient_for(200);
    let _listener = UnixListener::bind(&site.socket).unwrap();
    assert_eq!(begin(&site), Err(Failed::Silent));
    // In the call.
    let site = Site::new().patient_for(200);
    serve(&site.socket, |_| Move::Hang);
    assert_eq!(begin(&site), Err(Failed::Silent));
    // In the second call, which has its own time.
    let site = Site::new().patient_for(200);
    serve(&site.socket, |call| if member(call) == "Answer" { Move::Hang } else { honest(call) });
    assert_eq!(begin_and_answer(&site), Err(Failed::Silent));
}

#[test]
fn typing_takes_none_of_the_time() {
    let site = Site::new().patient_for(300);
    serve(&site.socket, honest);
    let login = login();
    let mut wire = Wire::new(site.place(), Door::Socket, &login);
    let step = wire.begin().unwrap();
    thread::sleep(Duration::from_millis(400));
    wire.typed();
    assert_eq!(wire.answer(&step.token, &Answer::parse(b"123456")).unwrap().kind(), Kind::Proven);
}

/// A full backlog turns a connection away at once, where a blocking one would wait for ever.
#[test]
fn a_listener_whose_queue_is_full_is_given_up_in_time() {
    let site = Site::new().patient_for(200);
    let listener = UnixListener::bind(&site.socket).unwrap();
    nix::sys::socket::listen(&listener, nix::sys::socket::Backlog::new(0).unwrap()).unwrap();
    let _waiting = std::os::unix::net::UnixStream::connect(&site.socket).unwrap();
    assert_eq!(begin(&site), Err(Failed::Unreachable));
}

#[test]
fn an_absent_mfad_is_waited_for_until_the_time_is_over() {
    let site = Site::new().patient_for(200);
    assert_eq!(begin(&site), Err(Failed::Unreachable));
    fs::remove_dir(&site.folder).unwrap();
    assert_eq!(begin(&site), Err(Failed::Unreachable));

    // Comes up by itself, folder and all.
    let site = Site::new();
    fs::remove_dir(&site.folder).unwrap();
    let (folder, socket) = (site.folder.clone(), site.socket.clone());
    thread::spawn(move || {
        thread::sleep(Duration::from_millis(100));
        fs::create_dir(&folder).unwrap();
        serve(&socket, honest);
    });
    assert_eq!(begin(&site).unwrap().kind(), Kind::Ask);
}

/// A bus that starts mfad: answers Hello, tells of what it is asked, and acts on a start.
fn bus(site: &Site, said: Sender<String>, on_start: impl Fn() + Clone + Send + 'static) {
    serve(&site.bus_socket, move |call| {
        let method = member(call);
        let start: Option<(String, u32)> = call.body().deserialize().ok();
        said.send(start.map_or(method.clone(), |(name, flags)| format!("{method} {name} {flags}"))).unwrap();
        if method == "StartServiceByName" {
            on_start();
        }
        if method == "Hello" { reply(call, &":1.7") } else { reply(call, &1_u32) }
    });
}

#[test]
fn an_absent_mfad_is_started_by_the_bus() {
    let site = Site::new();
    let (said, heard) = channel();
    let socket = site.socket.clone();
    bus(&site, said, move || serve(&socket, honest));
    assert_eq!(begin_and_answer(&site).unwrap().kind(), Kind::Proven);
    assert_eq!(heard.try_iter().collect::<Vec<_>>(), ["Hello", "StartServiceByName org.mfad1 0"]);
}

/// A bus that hangs, or says that it started mfad and did not, makes no login longer.
#[test]
fn a_bus_that_hangs_or_lies_changes_nothing() {
    let site = Site::new().patient_for(200);
    let _bus = UnixListener::bind(&site.bus_socket).unwrap();
    assert_eq!(begin(&site), Err(Failed::Unreachable));

    let site = Site::new().patient_for(200);
    let (said, _heard) = channel();
    bus(&site, said, || ());
    assert_eq!(begin(&site), Err(Failed::Unreachable));
}

/// A bus on which the caller's own account is `own`, and mfad is honest.
fn bus_of(site: &Site, own: &'static [u8]) {
    serve(&site.bus_socket, move |call| {
        let header = call.header();
        match (header.interface().unwrap().as_str(), member(call).as_str()) {
            ("org.freedesktop.DBus", "Hello") => return reply(call, &":1.7"),
            (names::ACCOUNT, "Status") => {
                let (user, mode, factors) = (own.to_vec(), "required".into(), Vec::new());
                return reply(
                    call,
                    &Status {
                        user,
                        mode,
                        factors,
                        codes: mfa_proto::account::Codes::default(),
                        locked: false,
                        allowed: Vec::new(),
                        grace_ends: 0,
                        time: 0,
                        remembered: 0,
                    },
                );
            }
            (names::LOCKER, "Begin") => {
                let (service,): (Vec<u8>,) = call.body().deserialize().unwrap();
                assert_eq!(service, b"swaylock");
            }
            (names::LOCKER, "Answer") => {}
            other => panic!("not a call that a locker may make: {other:?}"),
        }
        assert_eq!(header.destination().unwrap().as_str(), names::BUS_NAME);
        honest(call)
    });
}

#[test]
fn a_locker_proves_its_own_user_over_the_bus_and_nobody_else() {
    let site = Site::new();
    bus_of(&site, b"alice\xff");
    let ask = |user: &[u8]| {
        let login = Table::login("swaylock", user).read();
        let mut wire = Wire::new(site.place(), Door::Bus, &login);
        let step = wire.begin()?;
        wire.answer(&step.token, &Answer::parse(b"123456"))
    };
    assert_eq!(ask(b"alice\xff").unwrap().kind(), Kind::Proven);
    for other in [&b"root"[..], b"alice", b"alice\xfe", b""] {
        assert_eq!(ask(other), Err(Failed::NotOwnAccount));
    }
}

#[test]
fn a_bus_that_is_not_there_or_hangs_lets_no_locker_pass() {
    let site = Site::new().patient_for(200);
    let begin = || Wire::new(site.place(), Door::Bus, &login()).begin();
    assert_eq!(begin(), Err(Failed::Unreachable));
    let _bus = UnixListener::bind(&site.bus_socket).unwrap();
    assert_eq!(begin(), Err(Failed::Silent));
}

/// S27: only what root put there is believed.
#[test]
fn a_folder_that_others_could_have_filled_is_not_believed() {
    for mode in [0o775, 0o757, 0o777, 0o1777] {
        let site = Site::new();
        serve(&site.socket, honest);
        fs::set_permissions(&site.folder, fs::Permissions::from_mode(mode)).unwrap();
        assert!(matches!(begin(&site), Err(Failed::Untrusted(_))), "{mode:o}");
    }

    // A link to a folder that would do.
    let mut site = Site::new();
    serve(&site.socket, honest);
    let link = site.root().join("link");
    symlink(&site.folder, &link).unwrap();
    site.folder = link;
    assert!(matches!(begin(&site), Err(Failed::Untrusted(_))));

    // Not a folder at all.
    let mut site = Site::new();
    serve(&site.socket, honest);
    site.folder = site.root().join("file");
    fs::write(&site.folder, "").unwrap();
    assert!(matches!(begin(&site), Err(Failed::Untrusted(_))));
}

/// S27. Needs root, for a server of another user's.
#[test]
fn a_peer_that_is_not_the_owner_of_the_folder_is_not_believed() {
    const OTHER: u32 = 54_321;
    if let Some(socket) = errand::given() {
        serve(&socket, honest);
        return errand::wait_for_the_end();
    }
    let site = Site::new();
    chown(&site.folder, Some(OTHER), Some(OTHER)).expect("this test needs root");
    let name = "wire::tests::a_peer_that_is_not_the_owner_of_the_folder_is_not_believed";
    let server = errand::run(name, &site.socket, Some(OTHER));
    while !site.socket.exists() {
        thread::sleep(Duration::from_millis(5));
    }
    // The folder's own user is believed.
    assert_eq!(begin(&site).unwrap().kind(), Kind::Ask);
    // In a folder of another user's or of root's he is a stranger, and is sent nothing.
    for owner in [OTHER + 1, 0] {
        chown(&site.folder, Some(owner), None).unwrap();
        assert!(matches!(begin(&site), Err(Failed::Untrusted(_))), "{owner}");
    }
    let done = server.wait_with_output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stdout));
    // Root may listen for the owner: systemd does.
    let site = Site::new();
    chown(&site.folder, Some(OTHER), Some(OTHER)).unwrap();
    serve(&site.socket, honest);
    assert_eq!(begin(&site).unwrap().kind(), Kind::Ask);
}
