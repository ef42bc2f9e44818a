//! The shapes of `sk-api.h`. What is handed over, OpenSSH frees: it is of the C library's memory.

use std::ffi::c_char;
use std::ptr;

/// `struct sk_enroll_response`.
#[derive(Debug)]
#[repr(C)]
pub struct EnrollResponse {
    pub(crate) flags: u8,
    pub(crate) public_key: *mut u8,
    pub(crate) public_key_len: usize,
    pub(crate) key_handle: *mut u8,
    pub(crate) key_handle_len: usize,
    pub(crate) signature: *mut u8,
    pub(crate) signature_len: usize,
    pub(crate) attestation_cert: *mut u8,
    pub(crate) attestation_cert_len: usize,
    pub(crate) authdata: *mut u8,
    pub(crate) authdata_len: usize,
}

impl Default for EnrollResponse {
    fn default() -> Self {
        let (nothing, none) = (ptr::null_mut(), 0);
        Self {
            flags: 0,
            public_key: nothing,
            public_key_len: none,
            key_handle: nothing,
            key_handle_len: none,
            signature: nothing,
            signature_len: none,
            attestation_cert: nothing,
            attestation_cert_len: none,
            authdata: nothing,
            authdata_len: none,
        }
    }
}

/// `struct sk_sign_response`.
#[derive(Debug)]
#[repr(C)]
pub struct SignResponse {
    pub(crate) flags: u8,
    pub(crate) counter: u32,
    pub(crate) sig_r: *mut u8,
    pub(crate) sig_r_len: usize,
    pub(crate) sig_s: *mut u8,
    pub(crate) sig_s_len: usize,
}

/// `struct sk_resident_key`, of which there are none.
#[derive(Debug)]
#[repr(C)]
pub struct ResidentKey {
    _opaque: [u8; 0],
}

/// `struct sk_option`.
#[derive(Debug)]
#[repr(C)]
pub struct SkOption {
    name: *mut c_char,
    value: *mut c_char,
    required: u8,
}

/// A list that ends with NULL, or NULL.
pub(crate) type Options = *mut *mut SkOption;

/// Whether an option is required: none is known here.
///
/// # Safety
/// `options` is NULL, or points to a list of options that ends with NULL.
pub(crate) unsafe fn required(options: Options) -> bool {
    if options.is_null() {
        return false;
    }
    let mut at = options;
    loop {
        // SAFETY: no end was met before this one.
        let Some(option) = (unsafe { (*at).as_ref() }) else { return false };
        if option.required != 0 {
            return true;
        }
        // SAFETY: the end comes later.
        at = unsafe { at.add(1) };
    }
}

/// A copy of `bytes` for OpenSSH, and its length; NULL where there are none.
pub(crate) fn copied(bytes: &[u8]) -> (*mut u8, usize) {
    // SAFETY: calloc gives that much room, or NULL; a byte more, so that no copy is NULL.
    let room = unsafe { libc::calloc(1, bytes.len() + 1) }.cast::<u8>();
    assert!(!room.is_null(), "no memory");
    // SAFETY: there is room for them.
    unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), room, bytes.len()) };
    (room, bytes.len())
}

/// `value` for OpenSSH.
pub(crate) fn allocated<T>(value: T) -> *mut T {
    // SAFETY: calloc gives that much room, aligned for whatever it is, or NULL.
    let room = unsafe { libc::calloc(1, size_of::<T>()) }.cast::<T>();
    assert!(!room.is_null(), "no memory");
    // SAFETY: there is room for it.
    unsafe { room.write(value) };
    room
}
