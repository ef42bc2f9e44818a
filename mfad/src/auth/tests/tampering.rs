//! A store that somebody wrote to, set back or took away.

use super::*;

// S30
#[test]
fn swapped_sealed_rows_refuse_and_never_refuse_others() {
    let host = Host::new(Mode::Required);
    let (alice, bob) = (host.enrol(1000), host.enrol(1001));
    host.sql(
        "CREATE TABLE other AS SELECT * FROM factor; \
         UPDATE factor SET sealed = (SELECT sealed FROM other WHERE other.id <> factor.id);",
    );
    for (user, seed) in [("alice", &bob), ("alice", &alice), ("bob", &alice)] {
        let step = host.login(user, &attested(HOME), &host.code(seed, 0));
        assert_eq!((step.kind(), step.reason()), (Kind::Refused, Some(Reason::Altered)));
    }
}

// S30
#[test]
fn an_altered_older_or_missing_state_refuses_that_account_only() {
    for attack in [
        "UPDATE account_state SET body = zeroblob(length(body)) WHERE account = (SELECT id FROM account WHERE name = CAST('alice' AS BLOB))",
        "UPDATE account_state SET tag = zeroblob(32) WHERE account = (SELECT id FROM account WHERE name = CAST('alice' AS BLOB))",
        "DELETE FROM account_state WHERE account = (SELECT id FROM account WHERE name = CAST('alice' AS BLOB))",
        "UPDATE account SET uid = CASE uid WHEN 1000 THEN 5 ELSE uid END, name = CASE uid WHEN 1000 THEN CAST('x' AS BLOB) ELSE name END",
        "DELETE FROM account WHERE uid = 1000",
    ] {
        for mode in [Mode::Optional, Mode::Required] {
            let mut host = Host::new(mode);
            let (alice, bob) = (host.enrol(1000), host.enrol(1001));
            host.sql(attack);
            for restarted in [false, true] {
                if restarted {
                    host.restart();
                    host.clock.pass(30);
                }
                let asked = host.begin("alice", "sshd", &attested(HOME));
                assert_eq!(asked.kind(), Kind::Ask, "{attack} {mode:?} restarted {restarted}");
                let refused = host.answer(&asked, &host.code(&alice, 0));
                assert!(
                    matches!(refused.reason(), Some(Reason::Altered | Reason::NotEnrolled)),
                    "{attack} {mode:?} restarted {restarted}: {refused:?}"
                );
                assert_eq!(
                    host.login("bob", &attested(HOME), &host.code(&bob, 0)).kind(),
                    Kind::Proven,
                    "{attack}"
                );
            }
        }
    }
}

/// What hides from the audit's index, or takes away, what tells of alice; whether bob's last record is still shown.
const HIDING: &[(&str, bool)] = &[
    ("", true),
    ("UPDATE audit SET account = NULL", true),
    ("UPDATE audit SET account = (SELECT id FROM account WHERE uid = 1001)", true),
    // Where the record of the login is gone that spent the code, nobody's state is shown to be the latest.
    ("DELETE FROM audit WHERE seq = (SELECT max(seq) FROM audit)", false),
    (
        "UPDATE audit SET body = (SELECT body FROM audit WHERE seq = 1) WHERE seq = (SELECT max(seq) FROM audit)",
        false,
    ),
    ("UPDATE audit SET tag = zeroblob(32)", false),
];

// S30: an older row with a valid code of its own.
#[test]
fn a_state_set_back_to_an_older_one_is_seen_while_running_and_at_the_next_start() {
    for (hides, bob_is_shown) in HIDING {
        let mut host = Host::new(Mode::Required);
        let (alice, bob) = (host.enrol(1000), host.enrol(1001));
        host.sql("CREATE TABLE old AS SELECT * FROM account_state");
        let code = host.code(&alice, 0);
        assert_eq!(host.login("alice", &attested(HOME), &code).kind(), Kind::Proven);
        let back = "REPLACE INTO account_state SELECT * FROM old WHERE account = (SELECT id FROM account WHERE uid = 1000)";
        host.sql(&format!("BEGIN; {back}; {hides}; COMMIT"));
        for restarted in [false, true] {
            if restarted {
                host.restart();
            }
            let refused = host.login("alice", &attested(HOME), &code);
            assert_eq!(refused.reason(), Some(Reason::Altered), "{hides} restarted {restarted}");
            let bobs = host.login("bob", &attested(HOME), &host.code(&bob, i64::from(restarted)));
            assert_eq!(bobs.kind() == Kind::Proven, *bob_is_shown, "{hides} restarted {restarted}: {bobs:?}");
            let alarms = host.audited().iter().filter(|(event, _)| event == "roster_altered").count();
            assert_eq!(alarms, 1 + usize::from(restarted), "{hides}");
        }
    }
}

// S30: what the walk goes by is what was last committed, whoever committed it.
#[test]
fn who_goes_on_where_another_was_set_back_is_believed_as_before() {
    let host = Host::new(Mode::Required);
    let (_alice, bob) = (host.enrol(1000), host.enrol(1001));
    host.sql(
        "UPDATE account_state SET version = 0 WHERE account = (SELECT id FROM account WHERE uid = 1000)",
    );
    for _ in 0..3 {
        assert_eq!(host.login("bob", &attested(HOME), &host.code(&bob, 0)).kind(), Kind::Proven);
        host.clock.pass(30);
    }
    host.sql("CREATE TABLE again AS SELECT 1"); // somebody else writes: all is compared again
    assert_eq!(host.login("bob", &attested(HOME), &host.code(&bob, 0)).kind(), Kind::Proven);
    // Nor do strangers get new tries.
    let tried = |n| host.login("mallory", &from(HOME), &format!("{n:06}")).reason();
    let reasons: Vec<_> = (0..12).map(tried).collect();
    assert_eq!(reasons.last(), Some(&Some(Reason::Limited)), "{reasons:?}");
}

// S30: another's account put under one's name.
#[test]
fn an_index_that_leads_to_another_account_is_refused() {
    let host = Host::new(Mode::Required);
    let (_alice, bob) = (host.enrol(1000), host.enrol(1001));
    host.sql(
        "UPDATE account SET uid = uid + 5000, name = CAST(name || '_' AS BLOB); \
              UPDATE account SET uid = CASE uid WHEN 6000 THEN 1001 ELSE 1000 END, \
                                 name = CAST(CASE uid WHEN 6000 THEN 'bob' ELSE 'alice' END AS BLOB);",
    );
    let step = host.login("alice", &attested(HOME), &host.code(&bob, 0));
    assert_eq!((step.kind(), step.reason()), (Kind::Refused, Some(Reason::Altered)));
}

// S30
#[test]
fn an_altered_inserted_or_removed_audit_row_breaks_the_chain_where_it_is() {
    for (attack, at) in [
        ("UPDATE audit SET body = CAST('x' AS BLOB) WHERE seq = 3", 3),
        ("DELETE FROM audit WHERE seq = 4", 4),
        ("DELETE FROM audit WHERE seq = (SELECT max(seq) FROM audit)", 8),
        ("UPDATE audit SET tag = (SELECT tag FROM audit WHERE seq = 1) WHERE seq = 2", 2),
        ("UPDATE audit SET account = NULL WHERE seq = 5", 5),
        ("UPDATE audit SET account = zeroblob(16) WHERE seq = 1", 1),
        ("UPDATE audit SET user = CAST('bob' AS BLOB) WHERE seq = 6", 6),
    ] {
        let host = Host::new(Mode::Required);
        host.enrol(1000);
        for _ in 0..5 {
            host.login("alice", &from(HOME), "000000");
        }
        let sound = run(host.auth.audit_verify()).unwrap();
        assert!(sound.intact && sound.rows == 8, "{sound:?}");
        host.sql(attack);
        let broken = run(host.auth.audit_verify()).unwrap();
        assert_eq!((broken.intact, broken.broken_at), (false, at), "{attack}: {broken:?}");
    }
}

// S30: nothing is the same as a store in which nobody is enrolled.
#[test]
fn a_store_that_is_gone_empty_or_without_its_head_is_never_taken_for_a_new_one() {
    let keys = Arc::new(Keys::new(&Secret::new([7; 32])));
    let host = Host::new(Mode::Optional);
    host.enrol(1000);
    host.sql("DELETE FROM meta; DELETE FROM account; DELETE FROM account_state; DELETE FROM audit");
    assert!(matches!(Sqlite::open(&host.db(), &keys), Err(crate::store::StoreError::WrongKey)));
    assert!(Sqlite::create(&host.db(), &keys).is_err(), "and none is made over it");
    let empty = host.dir.path().join("empty");
    std::fs::write(&empty, "").unwrap();
    assert!(matches!(Sqlite::open(&empty, &keys), Err(crate::store::StoreError::NoStore { .. })));
    assert!(Sqlite::open(&host.dir.path().join("gone"), &keys).is_err());
}

// S23
#[test]
fn another_key_opens_nothing_and_a_newer_schema_is_left_alone() {
    let host = Host::new(Mode::Required);
    host.enrol(1000);
    let other = Arc::new(Keys::new(&Secret::new([8; 32])));
    assert!(matches!(Sqlite::open(&host.db(), &other), Err(crate::store::StoreError::WrongKey)));
    let keys = Arc::new(Keys::new(&Secret::new([7; 32])));
    // The next release's, which says that this one can go on with it; and one that says it cannot.
    host.sql("PRAGMA user_version = 3");
    assert!(Sqlite::open(&host.db(), &keys).is_ok());
    host.sql(
        "PRAGMA user_version = 99; UPDATE meta SET value = CAST('98' AS BLOB) WHERE key = 'readable_by'",
    );
    let refused = Sqlite::open(&host.db(), &keys).err().unwrap().to_string();
    assert!(refused.contains("schema 99 is newer than the 2"), "{refused}");
}
