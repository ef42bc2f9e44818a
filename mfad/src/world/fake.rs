//! A world for tests: a clock that moves when told, and users of a file.

use std::{
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
};

use mfa_proto::identity::UnixTime;

use super::{Clock, Entropy, HostId, KernelEntropy, Moment, Names, NoEntropy, World};

/// A clock that stands still.
pub(crate) struct FakeClock(Mutex<Moment>);

impl FakeClock {
    pub(crate) fn at(wall: u64) -> Arc<Self> {
        Arc::new(Self(Mutex::new(Moment { wall: UnixTime(wall), boot_ms: 1_000_000, boot: [1; 16] })))
    }

    /// Time goes by on both clocks.
    pub(crate) fn pass(&self, seconds: u64) {
        let mut now = self.0.lock().unwrap();
        now.wall.0 += seconds;
        now.boot_ms += seconds * 1000;
    }

    /// Somebody sets the wall clock.
    pub(crate) fn set_wall(&self, wall: u64) {
        self.0.lock().unwrap().wall.0 = wall;
    }

    /// The machine was off for `seconds`.
    pub(crate) fn reboot(&self, seconds: u64) {
        let mut now = self.0.lock().unwrap();
        now.wall.0 += seconds;
        now.boot_ms = 1000;
        now.boot[0] += 1;
    }
}

impl Clock for FakeClock {
    fn now(&self) -> Moment {
        *self.0.lock().unwrap()
    }
}

/// The kernel's generator, until it is made to fail.
pub(crate) struct FakeEntropy(AtomicU32);

impl FakeEntropy {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self(AtomicU32::new(u32::MAX)))
    }

    /// Gives so many times more, and then fails.
    pub(crate) fn give(&self, times: u32) {
        self.0.store(times, Ordering::SeqCst);
    }
}

impl Entropy for FakeEntropy {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), NoEntropy> {
        let one_less = |left: u32| left.checked_sub(1);
        self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less).map_err(|_| NoEntropy)?;
        KernelEntropy.fill(bytes)
    }
}

/// A world at that clock, with that chance and the users of `passwd`.
pub(crate) fn world(clock: &Arc<FakeClock>, entropy: &Arc<FakeEntropy>, passwd: &Path) -> World {
    let names = Names::of_file(passwd, clock.clone());
    World::new(clock.clone(), entropy.clone(), names).on(Some(HostId([1; 16])))
}
