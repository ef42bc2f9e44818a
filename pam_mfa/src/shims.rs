//! What libpam has and pam-bindings lacks: the log and the environment of a handle.
//!
//! One of the two files of this crate with `unsafe`; [`crate::keep`] is the other.
#![allow(unsafe_code, reason = "two functions of libpam, each behind a safe one")]

use std::ffi::{CStr, CString, c_char, c_int};

use pam::module::PamHandle;

/// How grave a log line is (`<syslog.h>`; the same numbers on every Linux).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub(crate) enum Level {
    /// Somebody has to act: what answers at the socket is not mfad.
    Alert = 1,
    /// The module cannot do its work: mfad out of reach, or a bad argument.
    Error = 3,
    /// Set up in a way that has no effect.
    Warning = 4,
    /// A refusal.
    Notice = 5,
    /// A success.
    Info = 6,
    /// What `debug` asks for.
    Debug = 7,
}

#[link(name = "pam")]
unsafe extern "C" {
    fn pam_syslog(handle: *const PamHandle, priority: c_int, format: *const c_char, ...);
    fn pam_getenv(handle: *mut PamHandle, name: *const c_char) -> *const c_char;
}

/// Writes one line to the system's log, as `pam_mfa(sshd:auth): LINE`.
///
/// A line is never a format: `%n` in a user name is three bytes of a name. A NUL, which no line of
/// ours has, ends it.
pub(crate) fn log(handle: &PamHandle, level: Level, line: &str) {
    let end = line.bytes().position(|byte| byte == 0).unwrap_or(line.len());
    let Ok(line) = CString::new(&line[..end]) else { return };
    // SAFETY: the handle is libpam's own and alive while an entry point runs; the format takes one
    // C string, and that is what it is given. Both live through the call.
    unsafe { pam_syslog(handle, level as c_int, c"%s".as_ptr(), line.as_ptr()) };
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
