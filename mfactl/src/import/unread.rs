//! Why a file was not read: one closed set, which also travels from the reader to its starter.

macro_rules! unread {
    ($($(#[$doc:meta])* $name:ident = $tag:literal, $later:literal, $words:literal;)*) => {
        /// Why a file was not read. Words only: nothing of the file.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
        pub(crate) enum Unread { $($(#[$doc])* #[error($words)] $name,)* }

        impl Unread {
            /// Every reason.
            #[cfg(test)]
            const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The byte that stands for it in the reader's pipe.
            pub(crate) const fn tag(self) -> u8 { match self { $(Self::$name => $tag),* } }

            /// The reason that `tag` stands for.
            pub(crate) const fn of_tag(tag: u8) -> Option<Self> {
                match tag { $($tag => Some(Self::$name),)* _ => None }
            }

            /// Whether nothing is known of the file: it may be there, and readable another time.
            pub(crate) const fn is_for_now(self) -> bool { match self { $(Self::$name => $later),* } }
        }
    };
}

unread! {
    /// The folder was read, and has no such file.
    NoFile = b'n', false, "there is no such file";
    /// A link in its place, perhaps to the file of another.
    Link = b'l', false, "it is a symbolic link, and links are not followed";
    /// A link or a file where a folder should be.
    Way = b'w', false, "a link, or something that is no folder, is on the way to it";
    /// A FIFO, a device, a folder: what may answer for ever.
    NotRegular = b'r', false, "it is no regular file";
    /// Somebody else's.
    NotOwned = b'o', false, "it does not belong to its user";
    /// One more name elsewhere.
    HardLink = b'h', false, "it has a second name elsewhere (a hard link)";
    /// What others may write is not its user's word.
    Writable = b'g', false, "others may write it; take that right away (chmod go-w), and look at what it says";
    /// Larger than the format allows.
    TooLarge = b's', false, "it is larger than such a file can be";
    /// A path with `..`, or a user's name that makes another path.
    Name = b'p', false, "its path cannot be made for this user's name and home";
    /// The file was replaced or written, several times over.
    Changing = b'c', true, "it changes while it is read; try again";
    /// The home is not there.
    NoHome = b'm', true, "its folder is not there; is the home mounted?";
    /// The home is there, but is not the user's: perhaps the bare mount point.
    BareHome = b'b', true, "the home does not belong to its user; is it mounted?";
    /// The kernel lets the owner not in.
    Denied = b'd', true, "its owner may not read it, or a folder on the way";
    /// Any other error of the system.
    Failed = b'f', true, "the system gave an error";
    /// No answer within the deadline.
    Late = b't', true, "no answer in time; does its file system hang?";
    /// The reader could not become the owner.
    NotDropped = b'u', true, "the reader could not take on the rights of its owner";
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_reason_travels_under_a_tag_of_its_own() {
        let tags: HashSet<u8> = Unread::ALL.iter().map(|unread| unread.tag()).collect();
        assert_eq!(tags.len(), Unread::ALL.len());
        for &unread in Unread::ALL {
            assert_eq!(Unread::of_tag(unread.tag()), Some(unread));
        }
        assert_eq!(Unread::of_tag(0), None);
    }

    #[test]
    fn only_a_folder_that_was_read_has_no_file() {
        for absent in [Unread::NoHome, Unread::BareHome, Unread::Denied, Unread::Failed, Unread::Late] {
            assert!(absent.is_for_now(), "{absent}");
        }
        assert!(!Unread::NoFile.is_for_now());
    }
}
