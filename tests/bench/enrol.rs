//! Inside a machine: enrols many people with ours, as their enrolments would have left them, by
//! the store's own records. 100,000 over the bus, a process each, would take an hour.

use std::{fs, os::unix::fs::MetadataExt, path::Path, sync::Arc};

use mfa_proto::identity::UserName;
use mfad::{
    account::{AccountId, Factor, FactorId},
    audit::Event,
    factor::{FactorKind, Totp},
    keys::{self, KEY_FILE},
    store::{Context, Records, Store, StoreError, sqlite::Sqlite},
    world::{KernelClock, KernelEntropy, Moment, Names, World, random},
};

use crate::people::{Person, Town};

const DATABASE: &str = "/var/lib/mfad/mfad.db";
/// People whose records share one transaction.
const AT_ONCE: u32 = 500;

/// Enrols the first `count` people of `town` with their seeds. The daemon must not be running.
pub(crate) fn enrol_many(town: Town, count: u32) -> Result<(), String> {
    let said = |error: &dyn std::error::Error| error.to_string();
    let owner = fs::metadata(KEY_FILE).map_err(|error| said(&error))?;
    let keys = Arc::new(keys::read(Path::new(KEY_FILE), owner.uid()).map_err(|error| said(&error))?);
    let engine = Sqlite::open(Path::new(DATABASE), &keys).map_err(|error| said(&error))?;
    let clock = Arc::new(KernelClock::new().map_err(|error| said(&error))?);
    let names = Names::of_file("/etc/passwd", clock.clone());
    let world = World::new(clock, Arc::new(KernelEntropy), names);
    let store = Store::new(engine, keys, world, Arc::new(|_| {}));
    for first in (0..count).step_by(AT_ONCE as usize) {
        let group: Vec<Person> = town.people(first, AT_ONCE.min(count - first)).collect();
        let written =
            store.write(move |records, now| group.iter().try_for_each(|person| enrol(records, now, person)));
        zruntime::block_on(written).map_err(|error| said(&error))?.into_inner();
    }
    drop(store); // the files are whole and checkpointed from here on
    for entry in fs::read_dir("/var/lib/mfad").map_err(|error| said(&error))? {
        let path = entry.map_err(|error| said(&error))?.path();
        std::os::unix::fs::chown(path, Some(owner.uid()), Some(owner.gid())).map_err(|error| said(&error))?;
    }
    Ok(())
}

fn enrol(records: &mut Records<'_>, now: Moment, person: &Person) -> Result<(), StoreError> {
    let name = UserName::from(person.name.as_str());
    let (account, id) = (AccountId(random(records.entropy())?), FactorId(random(records.entropy())?));
    let mut account = records.create(account, person.uid, &name)?;
    let kind = FactorKind::Totp(Totp::default());
    records.put_seed(&account, id, 1, &kind, &person.secret)?;
    account.state.factors.push(Factor {
        id,
        version: 1,
        kind,
        label: "phone".to_owned(),
        created: now.wall,
        last_used: None,
        seed: records.fingerprint(&person.secret),
        attested_failures: 0,
        ahead: None,
        imported: false,
    });
    records.keep(&mut account)?;
    records.audit(Some(&account), Event::Enrolled { label: "phone".to_owned() }, Context::user(&name))
}
