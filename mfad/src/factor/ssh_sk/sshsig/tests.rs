//! Signatures that hold, and all that do not.

use proptest::prelude::*;

use super::{
    super::fake::{Device, armoured},
    *,
};

const CHALLENGE: &str = "tgfq2n7rcs4zupxjyo5dlmk3ehwivb6a";
const KINDS: [KeyType; 2] = [KeyType::Ed25519, KeyType::EcdsaP256];

fn judged(device: &Device, message: &[u8]) -> Result<Signed, BadSignature> {
    verify(&device.sign(message), NAMESPACE, CHALLENGE)
}

#[test]
fn a_touched_key_of_either_type_is_known_by_its_signature() {
    for kind in KINDS {
        for seed in 1..40 {
            let device = Device::new(kind, seed);
            let expected =
                Signed { key: device.print(), kind, application: "ssh:".into(), pin: false, counter: 7 };
            assert_eq!(judged(&device, CHALLENGE.as_bytes()), Ok(expected.clone()), "{kind:?} {seed}");
            let pin = Device { flags: 0x05, ..device };
            assert_eq!(judged(&pin, CHALLENGE.as_bytes()), Ok(Signed { pin: true, ..expected }));
        }
    }
}

#[test]
fn the_line_that_the_challenge_stood_on_may_have_an_end() {
    let device = Device::new(KeyType::Ed25519, 1);
    for end in ["\n", "\r\n"] {
        assert!(judged(&device, format!("{CHALLENGE}{end}").as_bytes()).is_ok());
    }
    for other in ["\n\n", " ", "x"] {
        assert_eq!(judged(&device, format!("{CHALLENGE}{other}").as_bytes()), Err(BadSignature::Wrong));
    }
}

#[test]
fn a_signature_for_something_else_is_refused_with_the_reason() {
    for kind in KINDS {
        let device = || Device::new(kind, 1);
        let challenge = CHALLENGE.as_bytes();
        assert_eq!(judged(&device(), b"another"), Err(BadSignature::Wrong));
        let file = Device { namespace: "file", ..device() };
        assert_eq!(judged(&file, challenge), Err(BadSignature::Namespace));
        let web = Device { application: "example.org", ..device() };
        assert_eq!(judged(&web, challenge), Err(BadSignature::Application));
        for flags in [0x00, 0x04, 0x80] {
            let untouched = Device { flags, ..device() };
            assert_eq!(judged(&untouched, challenge), Err(BadSignature::NotTouched));
        }
    }
}

/// Made by `ssh-keygen -Y sign` of OpenSSH 9.2 with a key in a file.
#[test]
fn a_key_in_a_file_is_no_security_key() {
    let text = b"-----BEGIN SSH SIGNATURE-----
U1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTkAAAAgDApn2+qIC9AyIU5BtIoC9wLLAe
/XeRLOujazCf/zzAwAAAADZm9vAAAAAAAAAAZzaGE1MTIAAABTAAAAC3NzaC1lZDI1NTE5
AAAAQC6DY4rnqn/F8ZxH5NgEHFgkdZoxWnkKlVjT12Li1mr3I2U07/qeD8MQimGM+0gYS/
1Rg4opakfibVBC381gHgg=
-----END SSH SIGNATURE-----";
    assert_eq!(verify(text, "foo", "x"), Err(BadSignature::NoSecurityKey));
}

#[test]
fn what_is_not_armoured_is_none() {
    let whole = Device::new(KeyType::Ed25519, 1).sign(CHALLENGE.as_bytes());
    let whole = std::str::from_utf8(&whole).unwrap();
    let refused = |text: &str| {
        assert_eq!(verify(text.as_bytes(), NAMESPACE, CHALLENGE), Err(BadSignature::Malformed), "{text}");
    };
    refused("");
    refused(whole.trim_end().strip_suffix(END).unwrap());
    refused(whole.strip_prefix(BEGIN).unwrap());
    refused(&format!("x{whole}"));
    refused(&whole.replacen('\n', "\n=", 2));
    refused(&format!("{whole}{}", " ".repeat(LONGEST)));
    assert!(verify(whole.replace('\n', "\r\n").as_bytes(), NAMESPACE, CHALLENGE).is_ok());
    assert!(verify(&[0xff; 9], NAMESPACE, CHALLENGE).is_err());
}

/// The empty key of ed25519, with a signature that the equation alone lets hold for every message.
#[test]
fn a_key_that_anything_holds_under_is_refused() {
    let device = Device::new(KeyType::Ed25519, 1);
    let (frame, blob) = (device.frame(CHALLENGE.as_bytes()), device.blob());
    let point_at = 10 + 4 + 4 + device.kind.word().len() + 4;
    let mut small = frame.clone();
    small[point_at..point_at + 32].fill(0);
    small[point_at] = 1;
    let signature_at = frame.len() - 5 - 64;
    small[signature_at..signature_at + 64].fill(0);
    small[signature_at] = 1;
    assert_eq!(&frame[14..14 + blob.len()], &blob[..]);
    assert_eq!(verify(&armoured(&small), NAMESPACE, CHALLENGE), Err(BadSignature::Wrong));
}

#[test]
fn a_number_is_written_in_its_shortest_form_or_is_none() {
    let of = |bytes: &[u8]| {
        let mut text = Vec::new();
        bytes.encode(&mut text).unwrap();
        scalar(&mut text.as_slice())
    };
    assert_eq!(of(&[1]).unwrap()[31], 1);
    assert_eq!(of(&[0, 0x80]).unwrap()[31], 0x80);
    for odd in [&[][..], &[0], &[0, 1], &[0x80], &[0, 0, 0x80], &[1; 33]] {
        assert!(of(odd).is_err(), "{odd:?}");
    }
}

proptest! {
    #[test]
    fn whatever_is_read_nothing_panics(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let _ = verify(&bytes, NAMESPACE, CHALLENGE);
        let framed = [b"SSHSIG\0\0\0\x01", &bytes[..]].concat();
        prop_assert!(verify(&armoured(&framed), NAMESPACE, CHALLENGE).is_err());
    }

    #[test]
    fn a_signature_with_another_byte_never_holds(kind in 0..2usize, at in any::<prop::sample::Index>(), flip in 1u8..) {
        let device = Device::new(KINDS[kind], 3);
        let mut frame = device.frame(CHALLENGE.as_bytes());
        let at = at.index(frame.len());
        frame[at] ^= flip;
        prop_assert!(verify(&armoured(&frame), NAMESPACE, CHALLENGE).is_err());
    }

    #[test]
    fn a_signature_that_is_cut_or_goes_on_never_holds(kind in 0..2usize, keep in any::<prop::sample::Index>(), more in proptest::collection::vec(any::<u8>(), 1..9)) {
        let frame = Device::new(KINDS[kind], 3).frame(CHALLENGE.as_bytes());
        prop_assert!(verify(&armoured(&frame[..keep.index(frame.len())]), NAMESPACE, CHALLENGE).is_err());
        prop_assert!(verify(&armoured(&[frame, more].concat()), NAMESPACE, CHALLENGE).is_err());
    }

    #[test]
    fn a_length_that_lies_never_panics(at in any::<prop::sample::Index>(), length in any::<u32>()) {
        let mut frame = Device::new(KeyType::EcdsaP256, 3).frame(CHALLENGE.as_bytes());
        let at = at.index(frame.len() - 4);
        let before = frame[at..at + 4].to_vec();
        frame[at..at + 4].copy_from_slice(&length.to_be_bytes());
        prop_assume!(frame[at..at + 4] != before[..]);
        prop_assert!(verify(&armoured(&frame), NAMESPACE, CHALLENGE).is_err());
    }
}
