//! Names are bytes: a rule is about one name, and about none that looks like it.

use mfa_proto::identity::{ServiceName, UnixTime, UserName};
use mfad::policy::{Case, Demand, History, Signals};

use crate::judge::read;

// S29
#[test]
fn a_rule_is_about_a_name_byte_by_byte() {
    let rules = read(
        "[policy]\nmode = \"optional\"\n\
         [[rule]]\nname = \"r\"\nwhen = { user = [\"alice\", \"zo\u{eb}\"], target = \"root\", service = \"sshd\" }\nthen = \"deny\"\n",
    );
    let is_denied = |user: &[u8], target: &[u8], service: &[u8]| {
        let (user, target, service) = (UserName::new(user), UserName::new(target), ServiceName::new(service));
        let asked = rules.demand(
            Case {
                subject: &user,
                uid: Some(1000),
                service: Some(&service),
                target: Some(&target),
                now: UnixTime(0),
                for_dates: UnixTime(0),
                signals: &Signals::default(),
                history: History::default(),
            },
            &[],
        );
        asked.demand == Demand::Deny
    };
    assert!(is_denied(b"alice", b"root", b"sshd") && is_denied("zo\u{eb}".as_bytes(), b"root", b"sshd"));
    let long = [&b"alice"[..], &[b'x'; 300]].concat();
    for strange in [
        &b""[..],
        b"Alice",
        b"alice ",
        b" alice",
        b"alice\n",
        b"alice\0",
        b"../alice",
        b"al\xffice",
        b"zo\xeb",
        "zoe\u{308}".as_bytes(),
        &long,
    ] {
        assert!(!is_denied(strange, b"root", b"sshd"), "{strange:?}");
        assert!(
            !is_denied(b"alice", strange, b"sshd") && !is_denied(b"alice", b"root", strange),
            "{strange:?}"
        );
    }
}
