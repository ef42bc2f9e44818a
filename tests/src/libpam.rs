//! Real libpam, driven as a host drives it: the one file of `tests/` with `unsafe`.
//!
//! A [`Session`] is a `pam_handle_t` with its conversation. The conversation is a closure that gets one
//! message at a time, and may look at and change the items of the handle, as a careless or hostile
//! host or module would between a prompt and its answer. Besides libpam, the few calls of libc are
//! here that tests of a hostile host need and that no safe crate offers.
#![allow(unsafe_code)]

mod words;

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::fs;
use std::io;
use std::marker::PhantomData;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::ptr;

pub use words::{Code, Flags, Item, Prompt, Style};

/// `pam_handle_t`, which only libpam looks into.
#[repr(C)]
struct Handle {
    opaque: [u8; 0],
}

#[repr(C)]
struct Message {
    style: c_int,
    text: *const c_char,
}

#[repr(C)]
struct Response {
    text: *mut c_char,
    /// Unused by libpam, and zero.
    code: c_int,
}

type Converse = extern "C" fn(c_int, *mut *const Message, *mut *mut Response, *mut c_void) -> c_int;

#[repr(C)]
struct Conv {
    converse: Option<Converse>,
    data: *mut c_void,
}

#[link(name = "pam")]
unsafe extern "C" {
    fn pam_start(
        service: *const c_char,
        user: *const c_char,
        conv: *const Conv,
        handle: *mut *mut Handle,
    ) -> c_int;
    fn pam_start_confdir(
        service: *const c_char,
        user: *const c_char,
        conv: *const Conv,
        confdir: *const c_char,
        handle: *mut *mut Handle,
    ) -> c_int;
    fn pam_end(handle: *mut Handle, status: c_int) -> c_int;
    fn pam_set_item(handle: *mut Handle, item: c_int, value: *const c_void) -> c_int;
    fn pam_get_item(handle: *const Handle, item: c_int, value: *mut *const c_void) -> c_int;
    fn pam_putenv(handle: *mut Handle, name_value: *const c_char) -> c_int;
    fn pam_getenv(handle: *mut Handle, name: *const c_char) -> *const c_char;
    fn pam_authenticate(handle: *mut Handle, flags: c_int) -> c_int;
    fn pam_acct_mgmt(handle: *mut Handle, flags: c_int) -> c_int;
    fn pam_setcred(handle: *mut Handle, flags: c_int) -> c_int;
    fn pam_open_session(handle: *mut Handle, flags: c_int) -> c_int;
    fn pam_close_session(handle: *mut Handle, flags: c_int) -> c_int;
}

/// Answers one message: `None` is a NULL answer, an error ends the conversation with that code.
pub type Answer<'c> = dyn FnMut(&Prompt, &mut Items<'_>) -> Result<Option<Vec<u8>>, Code> + 'c;

/// How the host talks to its user.
pub enum Conversation<'c> {
    /// Every message goes to the closure, texts and errors too.
    Answering(Box<Answer<'c>>),
    /// The conversation function is NULL.
    Absent,
    /// Every call fails with this code.
    Failing(Code),
    /// Every call says success and hands back no replies at all.
    NullReplies,
}

impl<'c> Conversation<'c> {
    /// A conversation by closure.
    pub fn answering(
        answer: impl FnMut(&Prompt, &mut Items<'_>) -> Result<Option<Vec<u8>>, Code> + 'c,
    ) -> Self {
        Self::Answering(Box::new(answer))
    }
}

/// What the conversation function finds behind `appdata_ptr`.
struct Talk<'c> {
    handle: *mut Handle,
    conversation: Conversation<'c>,
}

/// The items and the environment of a handle.
pub struct Items<'h> {
    handle: *mut Handle,
    borrowed: PhantomData<&'h mut Handle>,
}

impl Items<'_> {
    /// Sets an item, or clears it. [`Code::BAD_ITEM`] for a value with a NUL inside.
    pub fn set(&mut self, item: Item, value: Option<&[u8]>) -> Code {
        let value = match value.map(CString::new).transpose() {
            Ok(value) => value,
            Err(_nul) => return Code::BAD_ITEM,
        };
        let pointer = value.as_ref().map_or(ptr::null(), |value| value.as_ptr());
        // SAFETY: the handle is alive (it outlives `self`), the value is NULL or a C string, and libpam copies it.
        Code(unsafe { pam_set_item(self.handle, item.number(), pointer.cast()) })
    }

    /// The bytes of an item, where it is set.
    pub fn get(&self, item: Item) -> Option<Vec<u8>> {
        let mut value = ptr::null();
        // SAFETY: the handle is alive, and `value` is a place for one pointer.
        let code = unsafe { pam_get_item(self.handle, item.number(), &raw mut value) };
        if code != 0 || value.is_null() {
            return None;
        }
        // SAFETY: the items of `Item` are C strings that libpam owns; it is copied before anything can change it.
        Some(unsafe { CStr::from_ptr(value.cast()) }.to_bytes().to_vec())
    }

    /// Puts `NAME=value` into the handle's environment, as sshd does for `SSH_CONNECTION`.
    pub fn put_env(&mut self, name_value: &str) -> Code {
        let Ok(text) = CString::new(name_value) else {
            return Code::BAD_ITEM;
        };
        // SAFETY: the handle is alive, and libpam copies the string.
        Code(unsafe { pam_putenv(self.handle, text.as_ptr()) })
    }

    /// A variable of the handle's environment.
    pub fn env(&self, name: &str) -> Option<Vec<u8>> {
        let name = CString::new(name).ok()?;
        // SAFETY: the handle is alive, and the name is a C string.
        let value = unsafe { pam_getenv(self.handle, name.as_ptr()) };
        if value.is_null() {
            return None;
        }
        // SAFETY: libpam owns the C string until the variable changes; it is copied here.
        Some(unsafe { CStr::from_ptr(value) }.to_bytes().to_vec())
    }
}

/// One `pam_start` to `pam_end`.
pub struct Session<'c> {
    handle: *mut Handle,
    /// From `Box::into_raw`: libpam holds the same pointer, so no Rust reference to it may live over a call.
    talk: *mut Talk<'c>,
    last: Code,
}

impl<'c> Session<'c> {
    /// Starts a transaction of `service`, for `user` where the host knows one already.
    pub fn start(service: &str, user: Option<&[u8]>, conversation: Conversation<'c>) -> Result<Self, Code> {
        Self::start_with(service, user, conversation, None)
    }

    /// The same with the stacks in that folder, and none of this host's.
    pub fn start_in(
        folder: &Path,
        service: &str,
        user: Option<&[u8]>,
        conversation: Conversation<'c>,
    ) -> Result<Self, Code> {
        let folder = CString::new(folder.as_os_str().as_bytes()).map_err(|_nul| Code::BAD_ITEM)?;
        Self::start_with(service, user, conversation, Some(&folder))
    }

    fn start_with(
        service: &str,
        user: Option<&[u8]>,
        conversation: Conversation<'c>,
        folder: Option<&CStr>,
    ) -> Result<Self, Code> {
        let service = CString::new(service).map_err(|_nul| Code::BAD_ITEM)?;
        let user = user.map(CString::new).transpose().map_err(|_nul| Code::BAD_ITEM)?;
        let converse = match conversation {
            Conversation::Absent => None,
            _ => Some(converse as Converse),
        };
        let talk = Box::into_raw(Box::new(Talk { handle: ptr::null_mut(), conversation }));
        let conv = Conv { converse, data: talk.cast() };
        let mut handle = ptr::null_mut();
        let user = user.as_ref().map_or(ptr::null(), |user| user.as_ptr());
        // SAFETY: C strings or NULL where allowed; libpam copies them and `conv`; `handle` is a place for one pointer.
        let code = Code(unsafe {
            match folder {
                None => pam_start(service.as_ptr(), user, &raw const conv, &raw mut handle),
                Some(folder) => pam_start_confdir(
                    service.as_ptr(),
                    user,
                    &raw const conv,
                    folder.as_ptr(),
                    &raw mut handle,
                ),
            }
        });
        if !code.is_success() || handle.is_null() {
            // SAFETY: made by `Box::into_raw` above, and no handle exists that could still use it.
            drop(unsafe { Box::from_raw(talk) });
            return Err(code);
        }
        // SAFETY: made above and not yet used by libpam: no conversation runs outside an entry point.
        unsafe { (*talk).handle = handle };
        Ok(Self { handle, talk, last: code })
    }

    /// The items of this transaction.
    pub fn items(&mut self) -> Items<'_> {
        Items { handle: self.handle, borrowed: PhantomData }
    }

    fn call(&mut self, entry: unsafe extern "C" fn(*mut Handle, c_int) -> c_int, flags: Flags) -> Code {
        // SAFETY: the handle is alive until `Drop`, and its conversation data with it.
        self.last = Code(unsafe { entry(self.handle, flags.0) });
        self.last
    }

    /// `pam_authenticate`.
    pub fn authenticate(&mut self, flags: Flags) -> Code {
        self.call(pam_authenticate, flags)
    }

    /// `pam_acct_mgmt`.
    pub fn acct_mgmt(&mut self, flags: Flags) -> Code {
        self.call(pam_acct_mgmt, flags)
    }

    /// `pam_setcred`.
    pub fn setcred(&mut self, flags: Flags) -> Code {
        self.call(pam_setcred, flags)
    }

    /// `pam_open_session`.
    pub fn open_session(&mut self, flags: Flags) -> Code {
        self.call(pam_open_session, flags)
    }

    /// `pam_close_session`.
    pub fn close_session(&mut self, flags: Flags) -> Code {
        self.call(pam_close_session, flags)
    }

    /// Ends the transaction with the last code; the same as dropping it.
    pub fn end(self) {
        drop(self);
    }
}

impl Drop for Session<'_> {
    fn drop(&mut self) {
        // SAFETY: `pam_end` is called once, and the conversation data is freed after it, since clean-up
        // functions of modules may still converse.
        unsafe {
            pam_end(self.handle, self.last.0);
            drop(Box::from_raw(self.talk));
        }
    }
}

/// The conversation function that libpam is given.
extern "C" fn converse(
    count: c_int,
    messages: *mut *const Message,
    replies: *mut *mut Response,
    data: *mut c_void,
) -> c_int {
    // A panic must not unwind into C: a failed conversation is what the module sees.
    catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: `data` is the `Talk` of a live session, libpam passes `count` messages and a place for the
        // replies, and no other reference to the `Talk` lives while an entry point runs.
        unsafe { converse_all(count, messages, replies, &mut *data.cast::<Talk<'_>>()) }
    }))
    .unwrap_or(Code::CONV_ERR)
    .0
}

/// Answers `count` messages into an array that the module will free.
///
/// # Safety
/// `messages` points to `count` valid messages, `replies` to a place for one pointer.
unsafe fn converse_all(
    count: c_int,
    messages: *mut *const Message,
    replies: *mut *mut Response,
    talk: &mut Talk<'_>,
) -> Code {
    // SAFETY: a place for one pointer, by the contract; NULL is what a failed conversation leaves there.
    unsafe { *replies = ptr::null_mut() };
    let answer = match &mut talk.conversation {
        Conversation::Answering(answer) => answer,
        Conversation::Failing(code) => return *code,
        Conversation::Absent => return Code::CONV_ERR,
        Conversation::NullReplies => return Code::SUCCESS,
    };
    let mut items = Items { handle: talk.handle, borrowed: PhantomData };
    let mut answers = Vec::new();
    for index in 0..usize::try_from(count).unwrap_or(0) {
        // SAFETY: within `count`; the message and its text live through this call. A NULL text reads as empty.
        let prompt = unsafe {
            let message = &**messages.add(index);
            let text = if message.text.is_null() { c"" } else { CStr::from_ptr(message.text) };
            Prompt { style: Style::from_number(message.style), text: text.to_bytes().to_vec() }
        };
        match answer(&prompt, &mut items) {
            Ok(reply) => answers.push(reply),
            Err(code) => return code,
        }
    }
    // SAFETY: `calloc` and `malloc` memory, as the contract of a conversation wants it: the module frees both.
    // Each string has room for its bytes and the zero that `calloc` left behind them.
    unsafe {
        let array = libc::calloc(answers.len().max(1), size_of::<Response>()).cast::<Response>();
        if array.is_null() {
            return Code::BUF_ERR;
        }
        for (index, bytes) in answers.iter().enumerate() {
            if let Some(bytes) = bytes {
                let text = libc::calloc(bytes.len() + 1, 1).cast::<u8>();
                if text.is_null() {
                    return Code::BUF_ERR;
                }
                ptr::copy_nonoverlapping(bytes.as_ptr(), text, bytes.len());
                (*array.add(index)).text = text.cast();
            }
        }
        *replies = array;
    }
    Code::SUCCESS
}

/// What is set for a signal: the handler's address (0 default, 1 ignored) and the flags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Disposition {
    /// Address of the handler, or 0 and 1 for default and ignored.
    pub handler: usize,
    /// `sa_flags`.
    pub flags: c_int,
}

/// Asks the kernel what is set for `signal`, changing nothing; `None` for those it does not tell about.
pub fn disposition(signal: c_int) -> Option<Disposition> {
    // SAFETY: all zeroes is a valid `sigaction`; with a NULL action the call only fills it.
    unsafe {
        let mut found: libc::sigaction = std::mem::zeroed();
        (libc::sigaction(signal, ptr::null(), &raw mut found) == 0)
            .then_some(Disposition { handler: found.sa_sigaction, flags: found.sa_flags })
    }
}

/// Ignores SIGCHLD, as some daemons do: a child's status is then lost.
pub fn ignore_child_signals() {
    // SAFETY: setting a signal to ignored runs no code of ours.
    unsafe { libc::signal(libc::SIGCHLD, libc::SIG_IGN) };
}

/// The locale of this process, all categories, as `setlocale(LC_ALL, NULL)` tells it.
pub fn locale() -> String {
    // SAFETY: with NULL it only asks; the answer is a C string of libc's, copied before anything can change it.
    unsafe {
        let name = libc::setlocale(libc::LC_ALL, ptr::null());
        if name.is_null() { String::new() } else { CStr::from_ptr(name).to_string_lossy().into_owned() }
    }
}

/// Does `body` in a forked child, which then ends with the code that it gives, and tells the child's process id.
///
/// So does sshd for each login that asks: the child has all that its parent had loaded, and its own libpam state.
/// Refused where this process has other threads: a child of theirs may find locks held for ever.
pub fn in_child(body: impl FnOnce() -> u8) -> io::Result<libc::pid_t> {
    const ENTRIES_OF_ONE_THREAD: u64 = 3; // `.`, `..` and the thread itself, as links
    if fs::metadata("/proc/self/task")?.nlink() != ENTRIES_OF_ONE_THREAD {
        return Err(io::Error::other("only a process with one thread may fork"));
    }
    // SAFETY: this is the only thread, so the child may do whatever the parent may.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => {
            let code = catch_unwind(AssertUnwindSafe(body)).unwrap_or(u8::MAX);
            std::process::exit(i32::from(code))
        }
        child => Ok(child),
    }
}
