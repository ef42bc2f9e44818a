//! Where addresses are, by the operator's databases in MaxMind's format. None is shipped.
//!
//! Read whole into memory, never mapped: such files are replaced, and cut short, under their readers. What
//! cannot be read is told, and what was read of that file before goes on; where nothing was, no place is known, which
//! every rule takes to its stricter side.

use std::{
    fs::File,
    io::Read,
    net::IpAddr,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
};

use maxminddb::Reader;
use serde::{Deserialize, de::DeserializeOwned};

use crate::policy::{self, Coordinates, Place};

/// The largest database, in bytes.
const LARGEST: u64 = 256 << 20;

/// Which files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Databases {
    /// Countries, perhaps with coordinates.
    pub country: Option<PathBuf>,
    /// Autonomous systems.
    pub asn: Option<PathBuf>,
}

/// The databases in use. Cheap to clone; all clones are one.
#[derive(Clone, Default)]
pub struct Places(Arc<RwLock<Arc<Opened>>>);

#[derive(Default)]
struct Opened {
    country: Option<Database>,
    asn: Option<Database>,
}

/// A file that was read. Cheap to clone.
#[derive(Clone)]
struct Database {
    path: PathBuf,
    reader: Arc<Reader<Vec<u8>>>,
}

/// What is read of a database of countries.
#[derive(Deserialize)]
struct Countries {
    country: Option<Country>,
    location: Option<Location>,
}

#[derive(Deserialize)]
struct Country {
    iso_code: Option<String>,
}

#[derive(Deserialize)]
struct Location {
    latitude: Option<f64>,
    longitude: Option<f64>,
}

/// What is read of a database of autonomous systems.
#[derive(Deserialize)]
struct Systems {
    autonomous_system_number: Option<u32>,
}

impl Places {
    /// Reads the files, and uses them from now on in place of those before. Gives what is wrong with those that
    /// cannot be used: of such a file, what was read before goes on.
    pub fn read(&self, files: &Databases) -> Vec<String> {
        let mut wrong = Vec::new();
        let before = self.opened();
        let mut open = |path: &Option<PathBuf>, before: &Option<Database>| {
            let path = path.as_deref()?;
            match open(path) {
                Ok(reader) => Some(Database { path: path.to_owned(), reader: Arc::new(reader) }),
                Err(error) => {
                    wrong.push(format!("{}: {error}", path.display()));
                    before.clone().filter(|before| before.path == path)
                }
            }
        };
        let read =
            Opened { country: open(&files.country, &before.country), asn: open(&files.asn, &before.asn) };
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(read);
        wrong
    }

    /// Which of them are in use.
    pub fn databases(&self) -> policy::Databases {
        let opened = self.opened();
        policy::Databases { country: opened.country.is_some(), asn: opened.asn.is_some() }
    }

    fn opened(&self) -> Arc<Opened> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Where that address is; `None` where no database knows it.
    pub fn of(&self, address: IpAddr) -> Option<Place> {
        let read = self.opened();
        let country: Option<Countries> = look_up(reader(read.country.as_ref()), address);
        let system: Option<Systems> = look_up(reader(read.asn.as_ref()), address);
        let (country, point) = country.map_or((None, None), |found| (found.country, found.location));
        let is_code = |code: &String| code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_uppercase());
        let place = Place {
            asn: system.and_then(|system| system.autonomous_system_number),
            country: country.and_then(|country| country.iso_code).filter(is_code),
            coordinates: point.and_then(|point| Coordinates::of_degrees(point.latitude?, point.longitude?)),
        };
        (place != Place::default()).then_some(place)
    }
}

fn reader(database: Option<&Database>) -> Option<&Reader<Vec<u8>>> {
    database.map(|database| &*database.reader)
}

/// A broken record is none.
fn look_up<T: DeserializeOwned>(database: Option<&Reader<Vec<u8>>>, address: IpAddr) -> Option<T> {
    database?.lookup(address).ok()?.decode().ok()?
}

/// As for the settings: who can write it says where people are.
fn open(path: &Path) -> Result<Reader<Vec<u8>>, String> {
    let file = File::open(path).map_err(|error| error.to_string())?;
    let meta = file.metadata().map_err(|error| error.to_string())?;
    if meta.uid() != 0 && meta.uid() != nix::unistd::geteuid().as_raw() || meta.mode() & 0o022 != 0 {
        return Err("may be written by others than root: it decides who is let in".into());
    }
    if !meta.is_file() || meta.len() > LARGEST {
        return Err("is no plain file, or larger than 256 MiB".into());
    }
    let mut bytes = Vec::with_capacity(usize::try_from(meta.len()).unwrap_or(0));
    file.take(LARGEST).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    Reader::from_source(bytes).map_err(|error| format!("is no database of MaxMind's format: {error}"))
}

#[cfg(test)]
#[path = "../../tests/src/mmdb.rs"]
#[expect(unreachable_pub, reason = "scenarios use it too")]
pub(crate) mod mmdb;

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt};

    use super::*;

    fn written(bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("places.mmdb");
        fs::write(&path, bytes).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        (folder, path)
    }

    fn of(places: &Places, address: &str) -> Option<Place> {
        places.of(address.parse().unwrap())
    }

    #[test]
    fn an_address_is_where_the_databases_say() {
        let countries = mmdb::file(&[
            ("192.0.2.0/24", mmdb::country("DE", Some((52.52, 13.4)))),
            ("2001:db8::/32", mmdb::country("AU", None)),
            ("203.0.113.0/24", mmdb::country("Nowhere", Some((91.0, 0.0)))),
        ]);
        let systems =
            mmdb::file(&[("192.0.2.0/25", mmdb::asn(64_500)), ("198.51.100.0/24", mmdb::asn(64_501))]);
        let ((_one, countries), (_other, systems)) = (written(&countries), written(&systems));
        let places = Places::default();
        assert_eq!(of(&places, "192.0.2.1"), None, "none is shipped");
        assert!(places.read(&Databases { country: Some(countries), asn: Some(systems) }).is_empty());
        let berlin = Coordinates { latitude: 5252, longitude: 1340 };
        let place = |asn, country: Option<&str>, coordinates| {
            Some(Place { asn, country: country.map(str::to_owned), coordinates })
        };
        assert_eq!(of(&places, "192.0.2.1"), place(Some(64_500), Some("DE"), Some(berlin)));
        assert_eq!(of(&places, "::ffff:192.0.2.200"), None, "policy is given the address in its own clothes");
        assert_eq!(of(&places, "192.0.2.200"), place(None, Some("DE"), Some(berlin)));
        assert_eq!(of(&places, "2001:db8:1::1"), place(None, Some("AU"), None));
        assert_eq!(of(&places, "198.51.100.1"), place(Some(64_501), None, None));
        assert_eq!(of(&places, "203.0.113.1"), None, "what is no country and no point is none");
        assert_eq!(of(&places, "10.0.0.1"), None);
    }

    #[test]
    fn what_cannot_be_read_is_told_and_what_was_read_before_goes_on() {
        let good = mmdb::file(&[("192.0.2.0/24", mmdb::country("DE", None))]);
        let places = Places::default();
        let read = |path: &Path| places.read(&Databases { country: Some(path.to_owned()), asn: None });
        for broken in [&b""[..], b"no database", &good[..good.len() - 40], &good[16..]] {
            let (_folder, path) = written(&good);
            assert!(read(&path).is_empty() && of(&places, "192.0.2.1").is_some());
            fs::write(&path, broken).unwrap();
            let told = read(&path);
            // Of some it shows only at a look-up: then the address is nowhere.
            assert_eq!(of(&places, "192.0.2.1").is_some(), !told.is_empty(), "{told:?}");
        }
        let (_folder, path) = written(&good);
        assert!(read(&path).is_empty());
        fs::write(&path, b"").unwrap();
        assert!(of(&places, "192.0.2.1").is_some(), "what was read stays until it is read again");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
        assert!(read(&path)[0].contains("may be written by others"));
        assert!(of(&places, "192.0.2.1").is_some(), "nor then, if it cannot be");
        assert!(read(Path::new("/nowhere.mmdb"))[0].starts_with("/nowhere.mmdb: No such file"));
        assert!(of(&places, "192.0.2.1").is_none());
    }

    // Where a disk has altered it, nothing worse comes of it than that an address is nowhere.
    #[test]
    fn no_altered_byte_is_worse_than_no_database() {
        let good = mmdb::file(&[("192.0.2.0/24", mmdb::country("DE", Some((52.52, 13.4))))]);
        let address = "192.0.2.1".parse().unwrap();
        for at in 0..good.len() {
            for flipped in [0x01, 0x80, 0xff] {
                let mut bytes = good.clone();
                bytes[at] ^= flipped;
                if let Ok(reader) = Reader::from_source(bytes) {
                    let _: Option<Countries> = look_up(Some(&reader), address);
                }
            }
        }
    }
}
