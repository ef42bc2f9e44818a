//! What an auth phase leaves in the PAM handle for the account phase of the same handle.
//!
//! Hosts call the account phase only after the whole auth stack passed, so a ticket that comes back
//! out of the handle says that the password was right too. It is taken out once. A handle in which
//! nothing was proven has nothing here but a mark, and a new auth phase forgets what an earlier one left.
//!
//! One of the two files of this crate with `unsafe`; [`crate::shims`] is the other.
#![allow(unsafe_code, reason = "pam-bindings cannot know which type lies under a name")]

use std::cell::RefCell;
use std::sync::atomic::{AtomicBool, Ordering};

use mfa_proto::secret::Secret;
use pam::module::{PamHandle, PamResult};

use crate::context::Context;

/// The name in the handle. It holds a [`Slot`] and never anything else.
const NAME: &str = "org.mfad1.pam_mfa.proof";

/// The name of the mark in the first handle. It holds a [`First`] and never anything else.
const FIRST: &str = "org.mfad1.pam_mfa.first";

/// The mark in the first handle.
struct First;

/// Whose proof, and what is left to do for it.
pub(crate) struct Proof {
    /// The login that was proven.
    pub(crate) context: Context,
    /// What is left to do.
    pub(crate) rest: Rest,
}

/// What is left to do for a proof.
pub(crate) enum Rest {
    /// To be settled with this ticket.
    Settle(Secret<Vec<u8>>),
    /// Nothing: settled, or nothing was pending.
    Nothing,
    /// Settling went wrong: this handle's account phase fails from now on.
    Spoiled,
}

impl Proof {
    /// A proof for the login of `context`; an empty ticket means that nothing is pending.
    pub(crate) fn new(context: Context, ticket: Vec<u8>) -> Self {
        let rest = if ticket.is_empty() { Rest::Nothing } else { Rest::Settle(Secret::new(ticket)) };
        Self { context, rest }
    }
}

/// What lies in the handle. libpam frees it with the handle, and the ticket wipes itself.
type Slot = RefCell<Option<Proof>>;

/// Puts a proof into the handle, in place of an earlier one. An error means that it is not kept.
pub(crate) fn put(handle: &mut PamHandle, proof: Proof) -> PamResult<()> {
    if let Some(slot) = slot(handle) {
        slot.replace(Some(proof));
        return Ok(());
    }
    handle.set_data(NAME, Box::new(Slot::new(Some(proof))))
}

/// Takes the proof out of the handle.
pub(crate) fn take(handle: &PamHandle) -> Option<Proof> {
    slot(handle)?.take()
}

/// Whether this is the handle that the module was loaded for: the first of its process that comes here. Of the
/// next ones in a process that lives on, nothing says when libpam read their stack.
pub(crate) fn is_first(handle: &mut PamHandle) -> bool {
    static CAME: AtomicBool = AtomicBool::new(false);
    if !CAME.swap(true, Ordering::Relaxed) {
        return handle.set_data(FIRST, Box::new(First)).is_ok();
    }
    // SAFETY: only the line above sets `FIRST`, to a boxed `First`.
    unsafe { handle.get_data::<First>(FIRST) }.is_ok()
}

fn slot(handle: &PamHandle) -> Option<&Slot> {
    // SAFETY: only `put` sets `NAME`, to a boxed `Slot`. The shared reference ends before anything
    // else is done to the handle, and `PamHandle` is neither `Send` nor `Sync`.
    unsafe { handle.get_data::<Slot>(NAME) }.ok()
}
