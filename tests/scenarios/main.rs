//! What people and attackers do, over real programs: one sentence a test, in a machine of its own.
//!
//! `// S3` cites the line of the security requirements that a test holds. Every test needs a machine, and so
//! root with reduced rights: `tests/run NAME` runs those whose names contain NAME.

mod account_phase;
mod daemon_gone;
mod enrolment;
mod fixture;
mod hostile_caller;
mod limits;
mod login;
mod people;
mod replay;
mod strangers;
