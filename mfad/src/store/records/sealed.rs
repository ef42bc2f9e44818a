//! Sealed rows: seeds, and the hashes of one-time codes. Each is bound to its account, its row, its
//! version and what it is, so that none passes for another.

use mfa_proto::secret::Secret;
use serde::Serialize;

use super::{Account, Records, Sound};
use crate::{
    account::{AccountId, Factor, FactorId, Voucher},
    crypto::SlowHash,
    factor::FactorKind,
    store::{FactorRow, StoreError},
};

/// The schema that sealed rows are bound to.
const SCHEMA: &[u8] = b"mfad 1";

/// What lies in a sealed row: bound into it, so that none passes for another.
#[derive(Clone, Copy, Serialize)]
enum Sealed<'a> {
    Seed(&'a FactorKind),
    Hashes(Hashes),
}

/// Whose hashes lie in a sealed row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Hashes {
    /// Of ten backup codes, by their slots.
    Backup,
    /// Of an invitation or a recovery code.
    Voucher(Voucher),
}

fn context(account: AccountId, row: FactorId, version: u32, what: Sealed<'_>) -> Result<Vec<u8>, StoreError> {
    let bound = (SCHEMA, "factor", account, row, version, what);
    postcard::to_allocvec(&bound).map_err(|_| StoreError::Malformed("factor"))
}

impl Sound<'_> {
    /// The seed of one of the account's factors; `None` when it does not open.
    pub fn seed(
        &mut self,
        account: &Account,
        factor: &Factor,
    ) -> Result<Option<Secret<Vec<u8>>>, StoreError> {
        self.sealed(account, factor.id, factor.version, Sealed::Seed(&factor.kind))
    }

    /// The hashes of the account's one-time codes in that row; `None` when it does not open.
    pub fn hashes(
        &mut self,
        account: &Account,
        row: [u8; 16],
        what: Hashes,
    ) -> Result<Option<Vec<SlowHash>>, StoreError> {
        let opened = self.sealed(account, FactorId(row), 1, Sealed::Hashes(what))?;
        let all = |bytes: &Secret<Vec<u8>>| bytes.expose().as_chunks().0.to_vec();
        Ok(opened.as_ref().map(all))
    }

    fn sealed(
        &mut self,
        account: &Account,
        id: FactorId,
        version: u32,
        what: Sealed<'_>,
    ) -> Result<Option<Secret<Vec<u8>>>, StoreError> {
        let Some(row) = self.rows.factor(id)? else { return Ok(None) };
        let Some(sealed) = row.sealed else { return Ok(None) };
        if row.account != account.id || row.version != version {
            return Ok(None);
        }
        let context = context(account.id, id, version, what)?;
        Ok(self.keys.open(&context, &sealed).ok())
    }
}

impl Records<'_> {
    /// Seals a factor's seed into its row.
    pub fn put_seed(
        &mut self,
        account: &Account,
        id: FactorId,
        version: u32,
        kind: &FactorKind,
        seed: &[u8],
    ) -> Result<(), StoreError> {
        self.put_sealed(account, id, version, Sealed::Seed(kind), seed)
    }

    /// Seals hashes of one-time codes into a row of their own.
    pub fn put_hashes(
        &mut self,
        account: &Account,
        row: [u8; 16],
        what: Hashes,
        hashes: &[SlowHash],
    ) -> Result<(), StoreError> {
        self.put_sealed(account, FactorId(row), 1, Sealed::Hashes(what), hashes.as_flattened())
    }

    fn put_sealed(
        &mut self,
        account: &Account,
        id: FactorId,
        version: u32,
        what: Sealed<'_>,
        secret: &[u8],
    ) -> Result<(), StoreError> {
        let context = context(account.id, id, version, what)?;
        let sealed = self.keys.seal(self.entropy, &context, secret)?;
        self.txn.put_factor(id, &FactorRow { account: account.id, version, sealed: Some(sealed) })
    }

    /// Ends whatever lies sealed in that row.
    pub fn end(&mut self, row: [u8; 16]) -> Result<(), StoreError> {
        self.txn.end_factor(FactorId(row), self.now.wall)
    }

    /// Drops a sealed row that never became a factor.
    pub fn discard(&mut self, row: [u8; 16]) -> Result<(), StoreError> {
        self.txn.drop_factor(FactorId(row))
    }
}
