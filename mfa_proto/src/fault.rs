//! The closed set of errors that a call may end in. None of them is ever a step.

macro_rules! faults {
    ($($(#[$doc:meta])* $name:ident;)*) => {
        /// Why a call has no answer. On the wire: `org.mfad1.Error.<name>` and a sentence.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Fault { $($(#[$doc])* $name,)* }

        impl Fault {
            /// Every fault.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];
            /// The D-Bus error name.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => concat!("org.mfad1.Error.", stringify!($name)),)* }
            }
            /// The fault of that D-Bus error name.
            pub fn from_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|fault| fault.name() == name)
            }
        }
    };
}

faults! {
    /// The caller may not do this.
    NotPermitted;
    /// A factor must be proven first, in this same connection.
    NeedsProof;
    /// The account has no factor.
    NotEnrolled;
    /// The account has a factor already.
    AlreadyEnrolled;
    /// No such user, factor or enrolment.
    NotFound;
    /// An argument is malformed, too long, or not known.
    InvalidArgument;
    /// The code that should confirm is not right.
    WrongCode;
    /// The enrolment has ended.
    Expired;
    /// Too many tries or calls: try later.
    Limited;
    /// The daemon could not judge: store, key, names or settings are at fault.
    Unavailable;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_known_by_its_name() {
        for &fault in Fault::ALL {
            assert_eq!(Fault::from_name(fault.name()), Some(fault));
        }
        assert_eq!(Fault::from_name("org.freedesktop.DBus.Error.NoReply"), None);
        assert_eq!(Fault::NotPermitted.name(), "org.mfad1.Error.NotPermitted");
    }
}
