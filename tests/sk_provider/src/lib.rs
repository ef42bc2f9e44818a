//! A security key in software: what OpenSSH calls a `SecurityKeyProvider`, and loads as it loads the
//! library of a real device. For disposable machines alone.
//!
//! It keeps nothing: the handle of a key is its type and its seed, as a real device wraps them. It is touched by
//! whoever wants it to be, and takes any PIN: it signs with the flags that the key was made with. Two variables let
//! it lie as a broken or an altered device would: `SK_PROVIDER_FLAGS` (the flags of every signature, a number) and
//! `SK_PROVIDER_COUNTER`.
//!
//! The C interface is that of OpenSSH's `sk-api.h`, version 10, which OpenSSH 8.9 to 10.0 have.

#![allow(clippy::disallowed_methods, reason = "for tests: its environment is what it is told by")]

mod abi;
mod device;

use std::ffi::{CStr, c_char, c_int};
use std::slice;

use abi::{EnrollResponse, Options, ResidentKey, SignResponse, allocated, copied};
use device::{Key, Kind};

/// `SSH_SK_VERSION_MAJOR`.
const VERSION: u32 = 0x000a_0000;
const ERR_GENERAL: c_int = -1;
const ERR_UNSUPPORTED: c_int = -2;
const ERR_PIN_REQUIRED: c_int = -3;
/// `SSH_SK_USER_VERIFICATION_REQD`.
const VERIFIED: u8 = 0x04;
/// Presence and verification: of what was asked, what stands in a signature.
const SIGNED: u8 = 0x01 | VERIFIED;

/// Which `sk-api.h` this is.
#[unsafe(no_mangle)]
pub extern "C" fn sk_api_version() -> u32 {
    VERSION
}

/// Makes a key.
///
/// # Safety
/// As `sk-api.h` says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sk_enroll(
    alg: u32,
    _challenge: *const u8,
    _challenge_len: usize,
    _application: *const c_char,
    flags: u8,
    pin: *const c_char,
    options: Options,
    response: *mut *mut EnrollResponse,
) -> c_int {
    let Some(kind) = Kind::of(alg) else { return ERR_UNSUPPORTED };
    // SAFETY: OpenSSH hands over its list of options, which ends with NULL, or NULL.
    if unsafe { abi::required(options) } {
        return ERR_UNSUPPORTED;
    }
    if flags & VERIFIED != 0 && pin.is_null() {
        return ERR_PIN_REQUIRED;
    }
    let Ok(key) = Key::generate(kind) else { return ERR_GENERAL };
    let (public_key, public_key_len) = copied(&key.public());
    let (key_handle, key_handle_len) = copied(&key.handle());
    let (signature, signature_len) = copied(&[]);
    let made = EnrollResponse {
        flags,
        public_key,
        public_key_len,
        key_handle,
        key_handle_len,
        signature,
        signature_len,
        ..EnrollResponse::default()
    };
    // SAFETY: `response` is where OpenSSH wants the answer.
    unsafe { *response = allocated(made) };
    0
}

/// Signs `data`.
///
/// # Safety
/// As `sk-api.h` says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sk_sign(
    alg: u32,
    data: *const u8,
    data_len: usize,
    application: *const c_char,
    key_handle: *const u8,
    key_handle_len: usize,
    flags: u8,
    pin: *const c_char,
    options: Options,
    response: *mut *mut SignResponse,
) -> c_int {
    // SAFETY: OpenSSH hands over its list of options, which ends with NULL, or NULL.
    if unsafe { abi::required(options) } {
        return ERR_UNSUPPORTED;
    }
    if flags & VERIFIED != 0 && pin.is_null() {
        return ERR_PIN_REQUIRED;
    }
    // SAFETY: both are as long as OpenSSH says, and the application ends with NUL.
    let (data, handle, application) = unsafe {
        (
            slice::from_raw_parts(data, data_len),
            slice::from_raw_parts(key_handle, key_handle_len),
            CStr::from_ptr(application),
        )
    };
    let Some(key) = Key::of_handle(handle).filter(|key| Kind::of(alg) == Some(key.kind())) else {
        return ERR_GENERAL;
    };
    let flags = lie("SK_PROVIDER_FLAGS").unwrap_or(flags & SIGNED);
    let counter = lie("SK_PROVIDER_COUNTER").unwrap_or(1);
    let (r, s) = key.sign(application.to_bytes(), flags, counter, data);
    let (r, s) = (copied(&r), copied(&s));
    let made = SignResponse { flags, counter, sig_r: r.0, sig_r_len: r.1, sig_s: s.0, sig_s_len: s.1 };
    // SAFETY: `response` is where OpenSSH wants the answer.
    unsafe { *response = allocated(made) };
    0
}

/// It keeps no keys.
#[unsafe(no_mangle)]
pub extern "C" fn sk_load_resident_keys(
    _pin: *const c_char,
    _options: Options,
    _keys: *mut *mut *mut ResidentKey,
    _count: *mut usize,
) -> c_int {
    ERR_UNSUPPORTED
}

/// What a test wants it to say, whatever is so.
fn lie<T: std::str::FromStr>(variable: &str) -> Option<T> {
    std::env::var(variable).ok()?.parse().ok()
}
