//! The rows in SQL.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use mfa_proto::identity::{UnixTime, UserName};
use rusqlite::{Connection, OptionalExtension, Params, Row, params};

use super::{StoreError, database};
use crate::{
    account::{AccountId, FactorId},
    audit::Event,
    store::{AuditRow, FactorRow, MetaKey, RosterEntry, Rows, SeenRow, StateRow, Txn},
};

/// One connection.
pub(super) struct Db {
    conn: Connection,
    sound: Arc<AtomicBool>,
    /// What the next transaction is to record.
    pub(super) news: Option<Event>,
}

impl Db {
    pub(super) fn new(conn: Connection) -> Self {
        Self { conn, sound: Arc::new(AtomicBool::new(false)), news: None }
    }

    pub(super) fn sound(&self) -> bool {
        self.sound.load(Ordering::Acquire)
    }

    pub(super) fn set_sound(&self, sound: bool) {
        self.sound.store(sound, Ordering::Release);
    }

    pub(super) fn share_soundness(&mut self, of: &Self) {
        self.sound = Arc::clone(&of.sound);
    }

    pub(super) fn data_version(&self) -> Result<i64, StoreError> {
        self.conn.pragma_query_value(None, "data_version", |row| row.get(0)).map_err(|error| database(&error))
    }

    /// Runs a statement without rows; gives nothing, so that `COMMIT` and the like read well.
    pub(super) fn execute(&self, sql: &str) -> Result<(), StoreError> {
        self.change(sql, []).map(drop)
    }

    fn change(&self, sql: &str, params: impl Params) -> Result<usize, StoreError> {
        let run = || self.conn.prepare_cached(sql)?.execute(params);
        run().map_err(|error| database(&error))
    }

    fn one<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>, StoreError> {
        let run = || self.conn.prepare_cached(sql)?.query_row(params, read).optional();
        run().map_err(|error| database(&error))
    }

    fn many<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, StoreError> {
        let run = || -> rusqlite::Result<Vec<T>> {
            self.conn.prepare_cached(sql)?.query_map(params, read)?.collect()
        };
        run().map_err(|error| database(&error))
    }
}

/// `SQLite`'s integers are signed; ours fit, and what would not is never equal to anything.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

fn account_row(row: &Row<'_>) -> rusqlite::Result<AccountId> {
    row.get(0).map(AccountId)
}

fn audit_row(row: &Row<'_>) -> rusqlite::Result<AuditRow> {
    Ok(AuditRow {
        seq: unsigned(row.get(0)?),
        account: row.get::<_, Option<[u8; 16]>>(1)?.map(AccountId),
        user: UserName::new(row.get::<_, Vec<u8>>(2)?),
        body: row.get(3)?,
        tag: row.get(4)?,
    })
}

fn roster_row(row: &Row<'_>) -> rusqlite::Result<RosterEntry> {
    let name = UserName::new(row.get::<_, Vec<u8>>(2)?);
    let version = unsigned(row.get::<_, Option<i64>>(3)?.unwrap_or(0));
    Ok(RosterEntry { id: account_row(row)?, uid: row.get(1)?, name, version })
}

impl Rows for Db {
    fn account_of_uid(&mut self, uid: u32) -> Result<Option<AccountId>, StoreError> {
        self.one("SELECT id FROM account WHERE uid = ?1", [uid], account_row)
    }

    fn account_of_name(&mut self, name: &UserName) -> Result<Option<AccountId>, StoreError> {
        self.one("SELECT id FROM account WHERE name = ?1", [name.as_bytes()], account_row)
    }

    fn state(&mut self, of: AccountId) -> Result<Option<StateRow>, StoreError> {
        self.one("SELECT version, body, tag FROM account_state WHERE account = ?1", [of.0], |row| {
            Ok(StateRow { version: unsigned(row.get(0)?), body: row.get(1)?, tag: row.get(2)? })
        })
    }

    fn factor(&mut self, id: FactorId) -> Result<Option<FactorRow>, StoreError> {
        self.one("SELECT account, version, sealed FROM factor WHERE id = ?1", [id.0], |row| {
            Ok(FactorRow { account: account_row(row)?, version: row.get(1)?, sealed: row.get(2)? })
        })
    }

    fn accounts(&mut self, after: &UserName, most: u32) -> Result<Vec<RosterEntry>, StoreError> {
        let sql = "SELECT id, uid, name, version FROM account LEFT JOIN account_state ON account = id
                   WHERE name > ?1 ORDER BY name LIMIT ?2";
        self.many(sql, params![after.as_bytes(), most], roster_row)
    }

    fn each_account(&mut self, each: &mut dyn FnMut(&RosterEntry)) -> Result<(), StoreError> {
        let sql = "SELECT id, uid, name, version FROM account LEFT JOIN account_state ON account = id";
        let mut run = || -> rusqlite::Result<()> {
            let mut statement = self.conn.prepare(sql)?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                each(&roster_row(row)?);
            }
            Ok(())
        };
        run().map_err(|error| database(&error))
    }

    fn audit(&mut self, after: u64, most: u32) -> Result<Vec<AuditRow>, StoreError> {
        let sql = "SELECT seq, account, user, body, tag FROM audit WHERE seq > ?1 ORDER BY seq LIMIT ?2";
        self.many(sql, params![signed(after), most], audit_row)
    }

    fn last_audit(&mut self, of: AccountId) -> Result<Option<AuditRow>, StoreError> {
        let sql =
            "SELECT seq, account, user, body, tag FROM audit WHERE account = ?1 ORDER BY seq DESC LIMIT 1";
        self.one(sql, [of.0], audit_row)
    }

    fn seen(&mut self, uid: u32) -> Result<Option<SeenRow>, StoreError> {
        self.one("SELECT first, time, offered, tag FROM seen WHERE uid = ?1", [uid], |row| {
            let times = [row.get(0)?, row.get(1)?, row.get(2)?];
            let [first, time, offered] = times.map(|time| UnixTime(unsigned(time)));
            Ok(SeenRow { first, time, offered, tag: row.get(3)? })
        })
    }

    fn meta(&mut self, key: MetaKey) -> Result<Option<Vec<u8>>, StoreError> {
        self.one("SELECT value FROM meta WHERE key = ?1", [key.word()], |row| row.get(0))
    }

    fn roster_is_sound(&self) -> bool {
        self.sound()
    }
}

impl Txn for Db {
    fn add_account(&mut self, id: AccountId, uid: u32, name: &UserName) -> Result<(), StoreError> {
        let sql = "INSERT INTO account (id, uid, name) VALUES (?1, ?2, ?3)";
        self.change(sql, params![id.0, uid, name.as_bytes()]).map(drop)
    }

    fn put_state(&mut self, of: AccountId, was: Option<u64>, row: &StateRow) -> Result<(), StoreError> {
        let (version, body, tag) = (signed(row.version), &row.body, &row.tag);
        let changed = match was {
            None => self.change(
                "INSERT INTO account_state (account, version, body, tag) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT DO NOTHING",
                params![of.0, version, body, tag],
            )?,
            Some(was) => self.change(
                "UPDATE account_state SET version = ?2, body = ?3, tag = ?4
                 WHERE account = ?1 AND version = ?5",
                params![of.0, version, body, tag, signed(was)],
            )?,
        };
        if changed == 1 { Ok(()) } else { Err(StoreError::Conflict) }
    }

    fn put_factor(&mut self, id: FactorId, row: &FactorRow) -> Result<(), StoreError> {
        let sql = "INSERT INTO factor (id, account, version, sealed) VALUES (?1, ?2, ?3, ?4)
                   ON CONFLICT (id) DO UPDATE SET version = ?3, sealed = ?4 WHERE account = ?2";
        let changed = self.change(sql, params![id.0, row.account.0, row.version, row.sealed])?;
        if changed == 1 { Ok(()) } else { Err(StoreError::Conflict) }
    }

    fn end_factor(&mut self, id: FactorId, now: UnixTime) -> Result<(), StoreError> {
        let sql = "UPDATE factor SET sealed = NULL, ended = ?2 WHERE id = ?1";
        self.change(sql, params![id.0, signed(now.0)]).map(drop)
    }

    fn spend(&mut self, nonce: &[u8; 16], boot: &[u8; 16], until_ms: u64) -> Result<bool, StoreError> {
        let sql = "INSERT INTO spent (nonce, boot, until) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
        Ok(self.change(sql, params![nonce, boot, signed(until_ms)])? == 1)
    }

    fn forget_spent(&mut self, boot: &[u8; 16], now_ms: u64) -> Result<(), StoreError> {
        self.change("DELETE FROM spent WHERE boot <> ?1 OR until < ?2", params![boot, signed(now_ms)])
            .map(drop)
    }

    fn append_audit(&mut self, row: &AuditRow) -> Result<(), StoreError> {
        let sql = "INSERT INTO audit (seq, account, user, body, tag) VALUES (?1, ?2, ?3, ?4, ?5)
                   ON CONFLICT DO NOTHING";
        let account = row.account.map(|id| id.0);
        let values = params![signed(row.seq), account, row.user.as_bytes(), row.body, row.tag];
        if self.change(sql, values)? == 1 { Ok(()) } else { Err(StoreError::Conflict) }
    }

    fn set_seen(&mut self, uid: u32, row: &SeenRow) -> Result<(), StoreError> {
        let sql = "INSERT INTO seen (uid, first, time, offered, tag) VALUES (?1, ?2, ?3, ?4, ?5)
                   ON CONFLICT (uid) DO UPDATE SET first = ?2, time = ?3, offered = ?4, tag = ?5";
        let [first, time, offered] = [row.first, row.time, row.offered].map(|time| signed(time.0));
        self.change(sql, params![uid, first, time, offered, row.tag]).map(drop)
    }

    fn remove_account(&mut self, id: AccountId) -> Result<(), StoreError> {
        self.change("DELETE FROM account_state WHERE account = ?1", [id.0])?;
        self.change("DELETE FROM account WHERE id = ?1", [id.0]).map(drop)
    }

    fn forget_seen(&mut self, uid: u32) -> Result<(), StoreError> {
        self.change("DELETE FROM seen WHERE uid = ?1", [uid]).map(drop)
    }

    fn drop_factor(&mut self, id: FactorId) -> Result<(), StoreError> {
        self.change("DELETE FROM factor WHERE id = ?1", [id.0]).map(drop)
    }

    fn take_news(&mut self) -> Option<Event> {
        self.news.take()
    }

    fn set_meta(&mut self, key: MetaKey, value: &[u8]) -> Result<(), StoreError> {
        let sql = "INSERT INTO meta (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = ?2";
        self.change(sql, params![key.word(), value]).map(drop)
    }
}
