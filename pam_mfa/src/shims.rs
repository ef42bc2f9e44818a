//! What libpam and libc have and no safe crate offers: `pam_syslog`, the environment of a handle, setting
//! its password, the name of the host program, and being called when the module is loaded.
//!
//! One of the two files of this crate with `unsafe`; [`crate::keep`] is the other.
#![allow(unsafe_code, reason = "five things of C, each behind a safe function")]

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::ptr;
use std::sync::atomic::{AtomicU64, Ordering};

use pam::items::ItemType;
use pam::module::PamHandle;

use crate::clock;

#[link(name = "pam")]
unsafe extern "C" {
    fn pam_syslog(handle: *const PamHandle, priority: c_int, format: *const c_char, ...);
    fn pam_getenv(handle: *mut PamHandle, name: *const c_char) -> *const c_char;
    fn pam_set_item(handle: *mut PamHandle, item: c_int, value: *const c_void) -> c_int;
}

/// `PAM_AUTHTOK` is not what it was to be.
#[derive(Debug)]
pub(crate) struct NotSet;

unsafe extern "C" {
    /// libc's own: what this program was called, without its path. Set before `main`.
    static program_invocation_short_name: *const c_char;
}

/// When the module was loaded, in milliseconds since boot; 0: not yet.
static LOADED: AtomicU64 = AtomicU64::new(0);

// SAFETY: the loader calls each function of this section once, before anything else of the module runs. This
// one takes nothing, reads a clock, stores a number, and cannot panic.
#[used]
#[unsafe(link_section = ".init_array")]
static AT_LOAD: extern "C" fn() = note_time;

extern "C" fn note_time() {
    LOADED.store(clock::boot_ms(), Ordering::Relaxed);
}

/// When the module was loaded, in milliseconds since boot. libpam does so where it reads the stack, before it asks
/// for anything.
pub(crate) fn loaded_ms() -> u64 {
    LOADED.load(Ordering::Relaxed)
}

/// `pam_syslog`. A line is never a format: `%n` in a user name is three bytes of a name. A NUL,
/// which no line of ours has, ends it.
pub(crate) fn pam_log(handle: &PamHandle, level: c_int, line: &str) {
    let end = line.bytes().position(|byte| byte == 0).unwrap_or(line.len());
    let Ok(line) = CString::new(&line[..end]) else { return };
    // SAFETY: the handle is libpam's own and alive while an entry point runs; the format takes one
    // C string, and that is what it is given. Both live through the call.
    unsafe { pam_syslog(handle, level, c"%s".as_ptr(), line.as_ptr()) };
}

/// Sets `PAM_AUTHTOK`, which is the password to the modules that come after, or clears it. libpam wipes
/// what was there, and its own copy when the auth phase is over.
pub(crate) fn set_authtok(handle: &mut PamHandle, password: Option<&CStr>) -> Result<(), NotSet> {
    let value = password.map_or(ptr::null(), CStr::as_ptr);
    // SAFETY: the handle is libpam's own and alive while an entry point runs, and this is the only
    // reference to it. The value is NULL, which clears the item, or a C string that lives through the
    // call; libpam copies it. What was read out of the item before is copied where it is read.
    let code = unsafe { pam_set_item(handle, ItemType::AuthTok as c_int, value.cast()) };
    if code == 0 { Ok(()) } else { Err(NotSet) }
}

/// The name of the host program, as it stands before the lines that libc logs for it.
pub(crate) fn program() -> Vec<u8> {
    // SAFETY: libc sets the pointer, to a C string, before any code of a program runs. A program
    // that sets it anew while another of its threads is in here would break libc's own log too.
    let name = unsafe { program_invocation_short_name };
    if name.is_null() {
        return Vec::new();
    }
    // SAFETY: not NULL, so a C string, as above; copied at once.
    unsafe { CStr::from_ptr(name) }.to_bytes().to_vec()
}

/// A variable of the handle's own environment, which the application fills: not the process's.
pub(crate) fn pam_env(handle: &PamHandle, name: &CStr) -> Option<Vec<u8>> {
    // SAFETY: the handle is libpam's own and alive while an entry point runs. libpam only reads it
    // here, whatever the missing `const` of its prototype says; the name is a C string.
    let value = unsafe { pam_getenv(std::ptr::from_ref(handle).cast_mut(), name.as_ptr()) };
    if value.is_null() {
        return None;
    }
    // SAFETY: not NULL, so a C string that libpam owns until the variable is set again, which
    // nothing does before it is copied here.
    Some(unsafe { CStr::from_ptr(value) }.to_bytes().to_vec())
}
