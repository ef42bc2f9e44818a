//! The tables, and how a database file is opened.

use std::{os::unix::fs::OpenOptionsExt, path::Path, time::Duration};

use rusqlite::{Connection, OpenFlags, OptionalExtension};

use super::{StoreError, database, pragma};

/// One entry a schema version: what brings the one before to it.
const MIGRATIONS: [&str; 2] = [
    "
    CREATE TABLE meta (
        key     TEXT PRIMARY KEY,
        value   BLOB NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE account (
        id      BLOB PRIMARY KEY,
        uid     INTEGER NOT NULL UNIQUE,
        name    BLOB NOT NULL UNIQUE
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE account_state (
        account BLOB PRIMARY KEY,
        version INTEGER NOT NULL,
        body    BLOB NOT NULL,
        tag     BLOB NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE factor (
        id      BLOB PRIMARY KEY,
        account BLOB NOT NULL,
        version INTEGER NOT NULL,
        sealed  BLOB,
        ended   INTEGER
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE seen (
        uid     INTEGER PRIMARY KEY,
        time    INTEGER NOT NULL,
        offered INTEGER NOT NULL,
        tag     BLOB NOT NULL
    ) STRICT;
    CREATE TABLE spent (
        nonce   BLOB PRIMARY KEY,
        boot    BLOB NOT NULL,
        until   INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE audit (
        seq     INTEGER PRIMARY KEY,
        account BLOB,
        user    BLOB NOT NULL,
        body    BLOB NOT NULL,
        tag     BLOB NOT NULL
    ) STRICT;
    CREATE INDEX audit_of_account ON audit (account, seq) WHERE account IS NOT NULL;
",
    "
    ALTER TABLE seen ADD COLUMN first INTEGER NOT NULL DEFAULT 0;
",
];

/// The schema this program writes.
#[expect(clippy::cast_possible_truncation, reason = "a handful")]
const SCHEMA: u32 = MIGRATIONS.len() as u32;
/// The oldest schema whose program can go on with a store of ours: of the release before at least, for those who must
/// go back to it. So a migration adds tables and columns with defaults; what is to go, goes two releases later.
const READABLE_BY: u32 = 1;
/// "mfad": tells file(1) and us what the file is.
const APPLICATION: i32 = 0x6d66_6164;
/// The size that the log of changes is given, in bytes: the 1,000 pages at which a checkpoint is
/// made, and their headers.
const ROOM: u64 = 1000 * (4096 + 24);
/// How long to wait for a lock that another program holds on the file.
const LOCKED: Duration = Duration::from_secs(1);

/// Makes a new database; an error where a file is.
pub(super) fn create(path: &Path) -> Result<Connection, StoreError> {
    let refused = |error: std::io::Error| StoreError::Database(format!("{}: {error}", path.display()).into());
    std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(refused)?;
    prepare(path, 0)
}

/// Opens to write: brought to our schema, and set to survive a power cut. Never made: a store
/// that is gone must not look like one in which nobody is enrolled.
pub(super) fn open(path: &Path) -> Result<Connection, StoreError> {
    prepare(path, 1)
}

fn prepare(path: &Path, oldest: u32) -> Result<Connection, StoreError> {
    let mut conn = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    let found = version(&conn)?;
    if found < oldest {
        return Err(StoreError::NoStore { path: path.to_owned() });
    }
    pragma(&conn, "journal_mode", "WAL")?;
    pragma(&conn, "synchronous", "FULL")?; // NORMAL loses the last commit at a power cut: a replay
    pragma(&conn, "secure_delete", "ON")?; // an ended factor leaves no seed in a free page
    migrate(&mut conn, found, path)?;
    make_room(&conn, path)?;
    Ok(conn)
}

/// Grows the log of changes to the size that a checkpoint lets it have, so that a commit
/// overwrites blocks that are there: one that makes the file longer costs the file system a
/// commit of its own, several times as much where fsync reaches a disk.
fn make_room(conn: &Connection, path: &Path) -> Result<(), StoreError> {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    if std::fs::metadata(&log).is_ok_and(|meta| meta.len() >= ROOM) {
        return Ok(());
    }
    let steps = format!(
        "PRAGMA secure_delete = OFF;
         CREATE TABLE room (bytes BLOB);
         INSERT INTO room VALUES (zeroblob({ROOM}));
         DROP TABLE room;
         PRAGMA wal_checkpoint(RESTART);
         PRAGMA secure_delete = ON;"
    );
    conn.execute_batch(&steps).map_err(|error| database(&error))
}

/// Opens to read what was committed.
pub(super) fn open_to_read(path: &Path) -> Result<Connection, StoreError> {
    let conn = connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    pragma(&conn, "query_only", "ON")?;
    Ok(conn)
}

/// Opens to read, where [`open`] would open to write.
pub(super) fn open_to_check(path: &Path) -> Result<Connection, StoreError> {
    let conn = open_to_read(path)?;
    match version(&conn)? {
        0 => Err(StoreError::NoStore { path: path.to_owned() }),
        found => known(&conn, found, path).map(|()| conn), // what is older is brought to ours when it is opened to write
    }
}

fn connect(path: &Path, how: OpenFlags) -> Result<Connection, StoreError> {
    let flags = how | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let conn = Connection::open_with_flags(path, flags)
        .map_err(|error| StoreError::Database(format!("{}: {error}", path.display()).into()))?;
    conn.busy_timeout(LOCKED).map_err(|error| database(&error))?;
    conn.set_prepared_statement_cache_capacity(64);
    pragma(&conn, "trusted_schema", "OFF")?;
    pragma(&conn, "cell_size_check", "ON")?;
    pragma(&conn, "cache_size", -2048)?; // 2 MiB
    pragma(&conn, "temp_store", "MEMORY")?;
    Ok(conn)
}

fn version(conn: &Connection) -> Result<u32, StoreError> {
    conn.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(|error| database(&error))
}

/// Refuses what a later release wrote, unless it wrote that programs of our schema can go on with it.
fn known(conn: &Connection, found: u32, path: &Path) -> Result<(), StoreError> {
    let too_new = || StoreError::TooNew { path: path.to_owned(), found, known: SCHEMA };
    if found <= SCHEMA {
        return Ok(());
    }
    let sql = "SELECT CAST(CAST(value AS TEXT) AS INTEGER) FROM meta WHERE key = 'readable_by'";
    let oldest =
        conn.query_row(sql, [], |row| row.get::<_, i64>(0)).optional().map_err(|error| database(&error))?;
    oldest.filter(|oldest| (1..=i64::from(SCHEMA)).contains(oldest)).map(drop).ok_or_else(too_new)
}

fn migrate(conn: &mut Connection, found: u32, path: &Path) -> Result<(), StoreError> {
    known(conn, found, path)?;
    if found >= SCHEMA {
        return Ok(());
    }
    let txn = conn.transaction().map_err(|error| database(&error))?;
    for step in &MIGRATIONS[found as usize..] {
        txn.execute_batch(step).map_err(|error| database(&error))?;
    }
    let sql = "INSERT INTO meta (key, value) VALUES ('readable_by', CAST(?1 AS BLOB))
               ON CONFLICT (key) DO UPDATE SET value = excluded.value";
    txn.execute(sql, [READABLE_BY.to_string()]).map_err(|error| database(&error))?;
    pragma(&txn, "user_version", SCHEMA)?;
    pragma(&txn, "application_id", APPLICATION)?;
    txn.commit().map_err(|error| database(&error))
}
