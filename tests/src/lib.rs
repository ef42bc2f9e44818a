//! Disposable machines in which real programs meet the product: OpenSSH, sudo, su and pamtester over
//! libpam, with nothing of the host's own PAM, users, sshd or bus touched.
//!
//! ```no_run
//! use mfa_tests::{Machine, Stack, Totp, User};
//!
//! let machine = Machine::new()
//!     .user(User::named("alice").password("pw").enrolled(Totp::sha1()))
//!     .pam("sshd", Stack::password_then_mfa())
//!     .start();
//! let code = machine.token("alice").code();
//! machine.ssh("alice").password("pw").code(&code).assert_granted();
//! ```
//!
//! A [`Booted`] machine is one whose process 1 is systemd, for packages and units; all else has none, and starts
//! sooner. A [`Machine`] is an overlay of a cached root file system in namespaces of its own: ready in a tenth of
//! a second, gone with everything in it when dropped. Who comes to log in is an [`Attempt`]; what it saw
//! is an [`Outcome`]. Nothing here sleeps for luck: [`wait`] waits for conditions, under deadlines.
//!
//! Machines are started as root with a reduced capability bounding set, see [`rights`].

#![deny(unsafe_code)]
#![allow(
    clippy::missing_panics_doc,
    reason = "a fixture panics, with what it saw, wherever something is not as a test needs it"
)]
#![allow(
    clippy::disallowed_methods,
    reason = "clock and environment are the product's to be given; a test of it stands outside, and has the real ones"
)]

pub mod attempt;
pub mod audit;
pub mod booted;
pub mod builder;
pub mod clock;
pub mod daemon;
pub mod docker;
pub mod document;
pub mod faketime;
pub mod files;
pub mod host;
pub mod image;
pub mod inside;
pub mod libpam;
pub mod machine;
pub mod mfactl;
pub mod mmdb;
pub mod outcome;
pub mod package;
pub mod picture;
pub mod product;
pub mod rights;
pub mod screen;
pub mod security_key;
pub mod stack;
pub mod strace;
pub mod syslog;
pub mod terminal;
pub mod token;
pub mod transcript;
pub mod user;
pub mod wait;
pub mod window;
pub mod writes;

pub use attempt::{Attempt, together};
pub use audit::{Audit, Record};
pub use booted::Booted;
pub use builder::Blueprint;
pub use image::Suite;
pub use inside::{Inside, Ran};
pub use machine::Machine;
pub use outcome::{Outcome, Verdict};
pub use security_key::SecurityKey;
pub use stack::Stack;
pub use token::{Presses, Token};
pub use user::{Totp, User};
