//! Where mfad is, and what its interfaces and methods are called.
//!
//! The addresses are fixed here and nowhere else: no environment variable, argument or setting
//! moves them, since a login process runs with the environment of whoever started it.

/// The well-known name on the system bus. Only the daemon's user may own it (bus policy).
pub const BUS_NAME: &str = "org.mfad1";
/// The one object, on the bus and on the socket alike.
pub const OBJECT_PATH: &str = "/org/mfad1";
/// The system bus, as an address in D-Bus syntax.
pub const SYSTEM_BUS: &str = "unix:path=/run/dbus/system_bus_socket";
/// The folder of the socket. Its owner is the daemon's user: the module believes no other peer.
pub const RUN_DIR: &str = "/run/mfad";
/// The peer-to-peer D-Bus socket for root's logins (mode 0600).
pub const SOCKET: &str = "/run/mfad/pam.sock";

/// `Begin`, `Answer`, `Settle`, `Admit`: root only, over [`SOCKET`].
pub const AUTHENTICATOR: &str = "org.mfad1.Authenticator";
/// `Begin`, `Answer` for the caller's own account, over the system bus (screen lockers).
pub const LOCKER: &str = "org.mfad1.Locker";
/// The caller's own account, over the system bus.
pub const ACCOUNT: &str = "org.mfad1.Account";
/// Every account, over the system bus, uid 0 only.
pub const ADMIN: &str = "org.mfad1.Admin";

/// How long one call may take, in seconds, unless a step said more. Typing is not counted.
pub const CALL_SECONDS: u64 = 5;
/// How long a question stays open, in seconds: below sshd's `LoginGraceTime` of 120.
pub const QUESTION_SECONDS: u32 = 100;
/// How long what an auth phase proved waits to be settled, in seconds.
pub const TICKET_SECONDS: u32 = 120;
/// How many answers a login may give that were tries.
pub const TRIES: u32 = 3;
