//! The world outside, as seen by mfad: time, chance and names.
//!
//! `main` makes one [`World`] and passes it down; nothing else in the daemon asks the kernel for
//! the time or for randomness (clippy's `disallowed-methods` holds that).

#[cfg(test)]
pub(crate) mod fake;
mod host;
pub mod names;
mod passwd;
mod slowly;

use std::{sync::Arc, time::Duration};

use mfa_proto::identity::UnixTime;
use nix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

pub use host::HostId;
pub use names::{Names, NamesError, Person};
pub use slowly::{Slowly, TooBusy};

/// An instant on both clocks.
///
/// The wall clock can be set, the boot clock cannot; they are told apart wherever an expiry must
/// survive a clock that is set back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moment {
    /// The wall clock.
    pub wall: UnixTime,
    /// Milliseconds since boot, suspended time included.
    pub boot_ms: u64,
    /// The kernel's random id of this boot.
    pub boot: [u8; 16],
}

impl Moment {
    /// Milliseconds since `earlier` on the boot clock; `None` over a reboot or backwards.
    pub fn boot_ms_since(&self, earlier: &Self) -> Option<u64> {
        if self.boot != earlier.boot {
            return None;
        }
        self.boot_ms.checked_sub(earlier.boot_ms)
    }
}

/// Tells the time.
pub trait Clock: Send + Sync {
    /// Now. Cannot fail: a kernel without these clocks does not run this program.
    fn now(&self) -> Moment;
}

/// Why there is no randomness. Nothing is made without it.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the kernel gives no randomness")]
pub struct NoEntropy;

/// Gives randomness.
pub trait Entropy: Send + Sync {
    /// Fills `bytes` from the kernel's generator, or fails; never half.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), NoEntropy>;
}

/// `N` random bytes.
pub fn random<const N: usize>(entropy: &dyn Entropy) -> Result<[u8; N], NoEntropy> {
    let mut bytes = [0; N];
    entropy.fill(&mut bytes)?;
    Ok(bytes)
}

/// Everything outside, in one handle.
#[derive(Clone)]
pub struct World {
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub entropy: Arc<dyn Entropy>,
    /// Who is who.
    pub names: Names,
    /// Which host this is; none where it has no identity of its own.
    pub host: Option<HostId>,
    /// Where hashes of new codes are made: nobody waits for them who is not there to.
    pub making: Slowly,
    /// Where codes are compared with hashes, some 50 ms each: who waits longest is answered well before the login host
    /// gives up.
    pub comparing: Slowly,
}

impl World {
    /// With pools of their own for the two kinds of slow work.
    pub fn new(clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>, names: Names) -> Self {
        let (making, comparing) = (Slowly::start(1, 16), Slowly::start(1, 23));
        Self { clock, entropy, names, host: None, making, comparing }
    }

    /// On that host.
    #[must_use]
    pub fn on(self, host: Option<HostId>) -> Self {
        Self { host, ..self }
    }
}

/// The kernel's clocks.
pub struct KernelClock {
    boot: [u8; 16],
}

impl KernelClock {
    /// Reads the id of this boot.
    pub fn new() -> std::io::Result<Self> {
        let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id")?;
        let hex: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
        let boot = data_encoding::HEXLOWER_PERMISSIVE
            .decode(&hex)
            .ok()
            .and_then(|bytes| bytes.try_into().ok())
            .ok_or_else(|| std::io::Error::other("boot_id is no UUID"))?;
        Ok(Self { boot })
    }
}

fn read(clock: ClockId) -> Duration {
    clock_gettime(clock).map_or(Duration::ZERO, Duration::from)
}

impl Clock for KernelClock {
    fn now(&self) -> Moment {
        let boot_ms = u64::try_from(read(ClockId::CLOCK_BOOTTIME).as_millis()).unwrap_or(u64::MAX);
        Moment { wall: UnixTime(read(ClockId::CLOCK_REALTIME).as_secs()), boot_ms, boot: self.boot }
    }
}

/// The kernel's generator.
pub struct KernelEntropy;

impl Entropy for KernelEntropy {
    #[expect(clippy::disallowed_methods, reason = "this is the one place")]
    fn fill(&self, bytes: &mut [u8]) -> Result<(), NoEntropy> {
        getrandom::fill(bytes).map_err(|_| NoEntropy)
    }
}
