//! What people and attackers do, over real programs: one sentence a test, in a machine of its own.
//!
//! `// S3` cites the line of the security requirements that a test holds. Every test needs a machine, and so
//! root with reduced rights: `tests/run NAME` runs those whose names contain NAME.

mod account_phase;
mod administration;
mod backup_codes;
mod clock;
mod codes;
mod containers;
mod crash;
mod credential;
mod daemon_gone;
mod disk;
mod doctor;
mod documents;
mod enrolment;
mod factors;
mod false_mfad;
mod faults;
mod first_enrolment;
mod first_login;
mod first_pass;
mod fixture;
mod hostile_caller;
mod hostile_host;
mod import;
mod import_files;
mod journal;
mod limits;
mod login;
mod name_services;
mod names;
mod packages;
mod packed;
mod pam_apply;
mod pam_booted;
mod pam_rollback;
mod pam_user;
mod people;
mod picture;
mod policy;
mod qr;
mod recovery;
mod replay;
mod rescue;
mod screens;
mod secrets;
mod settings;
mod settling;
mod start_up;
mod step_up;
mod strangers;
mod tampering;
mod told;
mod unit;
mod using;
