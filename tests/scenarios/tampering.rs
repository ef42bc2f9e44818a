//! Somebody writes in the store, past mfad: rows are swapped, set back, removed and bent.

use mfa_tests::{Machine, Stack, Verdict};

use crate::people::enrolled;

/// Alice, bob and carol, all enrolled, before sshd. As shipped: who has no factor is not asked.
fn three_people() -> Machine {
    Machine::new()
        .users(["alice", "bob", "carol"].map(enrolled))
        .pam("sshd", Stack::password_then_mfa())
        .start()
}

/// Runs SQL on the store, as root of the host could.
fn sql(machine: &Machine, statements: &str) -> String {
    let ran =
        machine.exec(&["sqlite3", "-bail", "-cmd", ".timeout 5000", "/var/lib/mfad/mfad.db", statements]);
    ran.stdout_of_success()
}

/// Whether a right and fresh code logs `user` in.
fn logs_in(machine: &Machine, user: &str) -> bool {
    let code = machine.token(user).fresh_code();
    let outcome = machine.ssh(user).password("pw").code(&code).code(&code).code(&code).run();
    assert_ne!(outcome.verdict, Verdict::Unjudged, "{outcome}");
    assert!(outcome.verdict == Verdict::Refused || outcome.prompts().len() == 2, "not asked: {outcome}");
    outcome.verdict == Verdict::Granted
}

/// The account id and the factor id of a user, as literals of SQL.
fn ids(machine: &Machine, user: &str) -> (String, String) {
    let query = format!(
        "SELECT quote(a.id), quote(f.id) FROM account a JOIN factor f ON f.account = a.id \
         WHERE a.name = CAST('{user}' AS BLOB) AND f.sealed IS NOT NULL \
         ORDER BY length(f.sealed) LIMIT 1" // the seed: the hashes of backup codes are longer
    );
    let row = sql(machine, &query);
    let (account, factor) = row.trim().split_once('|').expect("one factor");
    (account.into(), factor.into())
}

fn swap(column: &str, table: &str, key: &str, one: &str, other: &str) -> String {
    format!(
        "CREATE TEMP TABLE was AS SELECT {key} AS k, {column} AS c FROM {table} WHERE {key} IN ({one}, {other});
         UPDATE {table} SET {column} = (SELECT c FROM was WHERE k <> {key}) WHERE {key} IN ({one}, {other});"
    )
}

/// Alice and bob are refused with an alarm, carol is not, whether mfad saw it happen or starts with it.
fn refused_with_an_alarm(machine: &Machine, reason: &str) {
    for _restart in 0..2 {
        for user in ["alice", "bob"] {
            assert!(!logs_in(machine, user), "{user} was let in");
            machine.audit().assert_last(reason, user, "sshd");
        }
        assert!(logs_in(machine, "carol"), "carol's rows are as they were");
        machine.mfad().restart();
    }
    let pid = machine.mfad().pid();
    assert!(!logs_in(machine, "alice"));
    assert_eq!(machine.mfad().pid(), pid, "it goes on, and does not start again and again");
    machine.exec(&["mfactl", "audit", "verify"]).stdout_of_success();
}

// S30
#[test]
fn two_seeds_that_changed_places_open_for_neither() {
    let machine = three_people();
    let ((_, alice), (_, bob)) = (ids(&machine, "alice"), ids(&machine, "bob"));
    sql(&machine, &swap("sealed", "factor", "id", &alice, &bob));
    refused_with_an_alarm(&machine, "altered_record");
}

// S30
#[test]
fn two_factors_that_changed_owners_open_for_neither() {
    let machine = three_people();
    let ((_, alice), (_, bob)) = (ids(&machine, "alice"), ids(&machine, "bob"));
    sql(&machine, &swap("account", "factor", "id", &alice, &bob));
    refused_with_an_alarm(&machine, "altered_record");
}

// S30
#[test]
fn two_states_that_changed_places_verify_for_neither() {
    let machine = three_people();
    let ((alice, _), (bob, _)) = (ids(&machine, "alice"), ids(&machine, "bob"));
    for column in ["body", "tag", "version"] {
        sql(&machine, &swap(column, "account_state", "account", &alice, &bob));
    }
    refused_with_an_alarm(&machine, "altered_record");
}

// S30: the attacker has a factor, and wants the account of another to ask for it.
#[test]
fn two_names_that_changed_accounts_let_neither_in() {
    let machine = three_people();
    let ((alice, _), (bob, _)) = (ids(&machine, "alice"), ids(&machine, "bob"));
    sql(
        &machine,
        &format!(
            "UPDATE account SET name = x'00', uid = -1 WHERE id = {alice};
             UPDATE account SET name = CAST('alice' AS BLOB), uid = 1001 WHERE id = {bob};
             UPDATE account SET name = CAST('bob' AS BLOB), uid = 1002 WHERE id = {alice};"
        ),
    );
    let bobs = machine.token("bob").code();
    let _ = machine.ssh("alice").password("pw").code(&bobs).assert_refused();
    refused_with_an_alarm(&machine, "altered_record");
}

// S30, S3: also where the audit's index does not lead to what tells of it any more.
#[test]
fn a_state_set_back_revives_no_code() {
    let machine = three_people();
    let (alice, _) = ids(&machine, "alice");
    sql(&machine, "CREATE TABLE kept AS SELECT * FROM account_state");
    let code = machine.token("alice").code();
    let _ = machine.ssh("alice").password("pw").code(&code).assert_granted();
    sql(
        &machine,
        &format!(
            "BEGIN; DELETE FROM account_state WHERE account = {alice};
             INSERT INTO account_state SELECT * FROM kept WHERE account = {alice}; DROP TABLE kept;
             UPDATE audit SET account = NULL; COMMIT;"
        ),
    );
    for restart in 0..2 {
        let _ = machine.ssh("alice").password("pw").code(&code).assert_refused();
        let audit = machine.audit();
        audit.assert_last("altered_record", "alice", "sshd");
        assert_eq!(audit.with(&[("event", "roster_altered")]).len(), 1 + restart, "{}", audit.printed());
        machine.mfad().restart();
    }
    assert!(logs_in(&machine, "carol"));
    let _ = machine.exec(&["mfactl", "audit", "verify"]).assert_exit(1);
}

// S30: where factors are optional, who has none is not asked; so a removed row must not look like none.
#[test]
fn who_is_deleted_from_the_store_is_refused_and_not_exempt() {
    for tables in [&["factor"][..], &["account_state"], &["account"], &["factor", "account_state", "account"]]
    {
        let machine = three_people();
        let (alice, _) = ids(&machine, "alice");
        for table in tables {
            let key = if *table == "account" { "id" } else { "account" };
            sql(&machine, &format!("DELETE FROM {table} WHERE {key} = {alice}"));
        }
        for _restart in 0..2 {
            assert!(!logs_in(&machine, "alice"), "let in after {tables:?}");
            assert!(logs_in(&machine, "carol"), "kept out after {tables:?}");
            machine.mfad().restart();
        }
    }
}

// S30
#[test]
fn a_flipped_bit_refuses_one_account_and_no_other() {
    for (table, column, key) in [
        ("factor", "sealed", "id"),
        ("account_state", "body", "account"),
        ("account_state", "tag", "account"),
    ] {
        let machine = three_people();
        let (account, factor) = ids(&machine, "alice");
        let alice = if table == "factor" { factor } else { account };
        let hex = sql(&machine, &format!("SELECT hex({column}) FROM {table} WHERE {key} = {alice}"));
        let mut hex = hex.trim().as_bytes().to_vec();
        let last = hex.len() - 1;
        hex[last] = if hex[last] == b'0' { b'1' } else { b'0' };
        let bent = String::from_utf8(hex).expect("hexadecimal");
        sql(&machine, &format!("UPDATE {table} SET {column} = x'{bent}' WHERE {key} = {alice}"));
        assert!(!logs_in(&machine, "alice"), "{table}.{column}");
        assert!(logs_in(&machine, "bob"), "{table}.{column}");
    }
}

// S30
#[test]
fn an_altered_audit_is_noticed() {
    for alter in [
        "UPDATE audit SET body = substr(body, 1, length(body) - 1) WHERE seq = 4",
        "UPDATE audit SET body = (SELECT body FROM audit WHERE seq = 5) WHERE seq = 4",
        "UPDATE audit SET tag = randomblob(32) WHERE seq = 4",
        "DELETE FROM audit WHERE seq = 4",
        "DELETE FROM audit WHERE seq = (SELECT max(seq) FROM audit)",
        "UPDATE audit SET user = CAST('bob' AS BLOB) WHERE seq = 4",
    ] {
        let machine = three_people();
        machine.exec(&["mfactl", "audit", "verify"]).stdout_of_success();
        sql(&machine, alter);
        let _ = machine.exec(&["mfactl", "audit", "verify"]).assert_exit(1);
    }
}
