//! Lines whose other end is a script.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::Duration;

use super::*;

const OK: &[u8] = b"OK 0123456789abcdef0123456789abcdef\r\n";

fn call() -> Message {
    Message::method_call("/", "Ping").interface("org.mfad1.Test").build(&7_u32).unwrap()
}

fn reply(call: &Message, body: &str) -> Vec<u8> {
    Message::method_return(&call.header()).build(&body).unwrap().data().to_vec()
}

fn signal() -> Vec<u8> {
    Message::signal("/", "org.mfad1.Test", "Noise").build(&()).unwrap().data().to_vec()
}

/// Makes one call, in 300 ms, to a peer that sends what `script` writes; the text of the reply.
fn exchange(script: impl FnOnce(&mut UnixStream, &Message) + Send + 'static) -> Result<String, Failed> {
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    let call = call();
    let sent = call.clone();
    thread::spawn(move || {
        // The call first: an end that closes with something unread resets the connection.
        let mut heard = [0; 4096];
        let length = theirs.read(&mut heard).unwrap();
        assert!(length > sent.data().len());
        script(&mut theirs, &sent);
    });
    let mut line = Line::to_peer(ours.into(), Clock::start(Duration::from_millis(300)));
    Ok(line.call(&call)?.deserialize()?)
}

/// Stays at the other end until this end is gone.
fn linger(stream: &mut UnixStream) {
    let _ = stream.read_to_end(&mut Vec::new());
}

#[test]
fn the_handshake_and_the_first_call_go_out_together_and_the_next_call_alone() {
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    let (first, second) = (call(), call());
    let peer = {
        let (first, second) = (first.clone(), second.clone());
        thread::spawn(move || {
            let mut heard = vec![0; 4096];
            let length = theirs.read(&mut heard).unwrap();
            theirs.write_all(&[OK, &reply(&first, "one")].concat()).unwrap();
            let mut next = vec![0; 4096];
            let next_length = theirs.read(&mut next).unwrap();
            theirs.write_all(&reply(&second, "two")).unwrap();
            (heard[..length].to_vec(), next[..next_length].to_vec())
        })
    };
    let mut line = Line::to_peer(ours.into(), Clock::start(Duration::from_secs(5)));
    assert_eq!(line.call(&first).unwrap().deserialize::<String>().unwrap(), "one");
    assert_eq!(line.call(&second).unwrap().deserialize::<String>().unwrap(), "two");
    let (heard, next) = peer.join().unwrap();
    let uid: String = geteuid().to_string().chars().map(|digit| format!("3{digit}")).collect();
    let greeting = format!("\0AUTH EXTERNAL {uid}\r\nBEGIN\r\n").into_bytes();
    assert_eq!(heard, [greeting, first.data().to_vec()].concat());
    assert_eq!(next, second.data().to_vec());
}

#[test]
fn a_reply_may_come_byte_by_byte_and_be_long() {
    let long = "x".repeat(60_000);
    let expected = long.clone();
    let read = exchange(move |stream, call| {
        for byte in [OK, &reply(call, "")[..20]].concat() {
            stream.write_all(&[byte]).unwrap();
        }
        stream.write_all(&reply(call, "")[20..]).unwrap();
        linger(stream);
    });
    assert_eq!(read.unwrap(), "");
    let read = exchange(move |stream, call| stream.write_all(&[OK, &reply(call, &long)].concat()).unwrap());
    assert_eq!(read.unwrap(), expected);
}

#[test]
fn what_is_not_the_reply_is_passed_over() {
    let read = exchange(|stream, call| {
        let other = self::call();
        let noise = [OK, &signal(), &reply(&other, "another's"), other.data(), &signal()].concat();
        stream.write_all(&[&noise, &reply(call, "ours")[..]].concat()).unwrap();
        linger(stream);
    });
    assert_eq!(read.unwrap(), "ours");
}

/// Somebody who never stops talking takes no more time than somebody who says nothing.
#[test]
fn noise_without_end_is_given_up_in_time() {
    let read = exchange(|stream, _| {
        let _ = stream.write_all(OK);
        while stream.write_all(&signal()).is_ok() {}
    });
    assert_eq!(read, Err(Failed::Silent));
}

#[test]
fn a_handshake_that_is_refused_or_no_handshake_is_a_failure() {
    let refused = Err(Failed::Fault("handshake refused".into()));
    for line in ["REJECTED EXTERNAL\r\n", "ERROR\r\n", "\r\n", "OKAY\r\n", "DATA\r\n"] {
        let read = exchange(move |stream, call| {
            let _ = stream.write_all(&[line.as_bytes(), &reply(call, "ours")].concat());
        });
        assert_eq!(read, refused, "{line:?}");
    }
    let endless = exchange(|stream, _| while stream.write_all(&[b'O'; 64]).is_ok() {});
    assert_eq!(endless, Err(Failed::NotUnderstood));
}

#[test]
fn a_peer_that_goes_away_at_any_byte_is_lost() {
    let length = OK.len() + reply(&call(), "ours").len();
    for end in 0..length {
        let read = exchange(move |stream, call| {
            let whole = [OK, &reply(call, "ours")].concat();
            stream.write_all(&whole[..end]).unwrap();
        });
        assert_eq!(read, Err(Failed::Lost), "after {end} bytes");
    }
}

#[test]
fn a_peer_that_stops_in_the_middle_is_given_up_in_time() {
    for end in [0, 10, OK.len(), OK.len() + 8, OK.len() + 30] {
        let read = exchange(move |stream, call| {
            let whole = [OK, &reply(call, "ours")].concat();
            stream.write_all(&whole[..end]).unwrap();
            linger(stream);
        });
        assert_eq!(read, Err(Failed::Silent), "after {end} bytes");
    }
}

#[test]
fn an_error_is_told_by_its_name() {
    let read = exchange(|stream, call| {
        let error = Message::error(&call.header(), "org.mfad1.Error.Limited").build(&"later").unwrap();
        stream.write_all(&[OK, error.data()].concat()).unwrap();
    });
    assert_eq!(read, Err(Failed::Fault("org.mfad1.Error.Limited".into())));
}

/// S28, seen from this side: no length that a peer names is believed.
#[test]
fn what_is_no_message_or_too_long_a_one_is_not_understood() {
    let mut huge_body = reply(&call(), "ours");
    huge_body[4..8].copy_from_slice(&0x0700_0000_u32.to_le_bytes());
    let mut huge_fields = reply(&call(), "ours");
    huge_fields[12..16].copy_from_slice(&0x0700_0000_u32.to_le_bytes());
    let mut big_endian = reply(&call(), "ours");
    big_endian[0] = b'B';
    for bytes in
        [vec![0; 64], vec![0xff; 64], b"HTTP/1.1 200 OK\r\n\r\n".to_vec(), huge_body, huge_fields, big_endian]
    {
        let sent = bytes.clone();
        let read = exchange(move |stream, _| stream.write_all(&[OK, &sent].concat()).unwrap());
        assert_eq!(read, Err(Failed::NotUnderstood), "{bytes:?}");
    }
}

#[test]
fn a_call_to_a_peer_that_is_gone_is_lost() {
    let (ours, theirs) = UnixStream::pair().unwrap();
    drop(theirs);
    let mut line = Line::to_peer(ours.into(), Clock::start(Duration::from_secs(5)));
    assert_eq!(line.call(&call()).err(), Some(Failed::Lost));
}

/// A peer that reads nothing: what does not fit waits no longer than anything else.
#[test]
fn a_call_that_nobody_reads_is_given_up_in_time() {
    let (ours, _theirs) = UnixStream::pair().unwrap();
    let mut line = Line::to_peer(ours.into(), Clock::start(Duration::from_millis(100)));
    let call = Message::method_call("/", "Ping").build(&vec![0_u8; 8 << 20]).unwrap();
    assert_eq!(line.call(&call).err(), Some(Failed::Silent));
}
