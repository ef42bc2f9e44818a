//! Policy: who is asked, when, and why. Pure: settings and a login in, a decision out.
//!
//! The settings make [`Rules`]. What is known of a login is a [`Case`]; [`Rules::demand`] says what is asked of
//! it, and [`decide`] what is done, given what the account is. A signal that is missing is unknown, never
//! false, and every rule takes the unknown to the stricter side: so neither a rule that asks nor the loss of
//! a signal ever lets somebody in who would have been asked before.

mod command;
mod condition;
mod decision;
mod demand;
mod enrol;
pub mod granted;
mod lint;
mod mode;
mod networks;
mod rule;
mod rules;
mod signals;
mod times;
mod truth;

pub use command::{Command, Pattern};
pub use condition::{Conditions, Sight, terminal};
pub use decision::{Already, Decision, Permitted, Standing, decide, decide_unobserved};
pub use demand::{Asked, By, Demand, Weighed};
pub use enrol::{AfterGrace, Entry, Leave, may_enrol};
pub use granted::Grant;
pub use lint::{Databases, Finding, Named, Nobody, findings, named};
pub use mode::Mode;
pub use networks::{Network, Prefix};
pub use rule::{Effect, Exemption, Rule};
pub use rules::{Admins, Bind, Factors, ForgetOn, Recovery, Remember, Rules, ServiceAccounts, SuSubject};
pub use signals::{Case, Coordinates, Fingerprint, Groups, History, Place, Seen, Signals};
pub use times::Times;
pub use truth::Truth;
