//! Policy, over many settings and many logins: against a second evaluator, and by what must hold of all of them.
#![forbid(unsafe_code)]

mod damage;
mod judge;
mod naive;
mod names;
mod properties;
mod sound;
mod speed;
mod table;
mod world;
