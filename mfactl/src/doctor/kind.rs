//! Everything that doctor can find: one line each.

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Severity {
    /// Good to know.
    Info,
    /// Doctor could not look: it may be anything.
    Unknown,
    /// Somebody may be let in, or locked out, one day.
    Warning,
    /// Somebody is let in who should not be, or all are locked out, or will be at the first mishap.
    Critical,
}

impl Severity {
    /// The word of `--json`.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Unknown => "unknown",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

macro_rules! kinds {
    ($($name:ident $id:literal $severity:ident $title:literal $means:literal;)*) => {
        /// What can be found.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub(super) enum Kind { $($name,)* }

        impl Kind {
            /// Every kind, in the order of `--list`.
            pub(super) const ALL: &'static [Self] = &[$(Self::$name),*];
            /// Its name: it never changes.
            pub(super) const fn id(self) -> &'static str { match self { $(Self::$name => $id),* } }
            /// How bad it is.
            pub(super) const fn severity(self) -> Severity { match self { $(Self::$name => Severity::$severity),* } }
            /// What is the matter, in one line.
            pub(super) const fn title(self) -> &'static str { match self { $(Self::$name => $title),* } }
            /// What comes of it.
            pub(super) const fn means(self) -> &'static str { match self { $(Self::$name => $means),* } }
        }
    };
}

kinds! {
    // PAM: the stacks that ask.
    WayRound "way-round" Critical "a way through the stack asks for no code" "Whoever goes it is let in by the first factor alone.";
    RefusalIgnored "refusal-ignored" Critical "a wrong code is let in" "The line's control does not mind what the module answers.";
    CodeAlone "code-alone" Critical "a code alone lets in" "No password, ticket or key is asked for before it; who is not asked for a code shows nothing at all.";
    NobodyPasses "nobody-passes" Critical "nobody is let in, even with the right code" "Every way through the stack ends in a refusal.";
    NothingSucceeds "nothing-succeeds" Critical "who is not asked for a code is refused" "The module answers PAM_IGNORE for them, and nothing else in the stack answers PAM_SUCCESS.";
    KeyWithoutCode "key-without-code" Critical "a key passes without a code" "The line with key-passed ends the stack, or jumps over the line that asks.";
    AccountLineMissing "account-line-missing" Warning "the stack has no account line of pam_mfa" "What a login proves is never settled: no enrolment in a login, no recovery, and wrong tries are never forgotten.";
    AccountLineSkipped "account-line-skipped" Warning "a way through the account phase leaves pam_mfa out" "What such a login proves is never settled.";
    AskedTwice "asked-twice" Critical "one login is asked for two codes" "A code is good for one question: the second is refused until the next code comes.";
    FirstFactorNotHeld "first-factor-not-held" Critical "first_factor=requisite is written, and is not so" "The line is come to after a wrong password too: a stranger is told what only the user may know, and can have a factor switched off.";
    FirstFactorUnsaid "first-factor-unsaid" Info "first_factor=requisite could be written" "The stack holds it. With it people are told why a code is refused, and for how long to wait.";
    ArgumentUnknown "argument-unknown" Critical "the line has an argument that pam_mfa does not know" "The module refuses everybody, since it cannot know what was meant.";
    PamLineBroken "pam-line-broken" Critical "libpam cannot read a line of the stack" "Everybody who comes to it is refused.";
    LineInSharedFile "line-in-shared-file" Critical "pam_mfa stands in a file that others include" "Cron and other services that nobody sits at come by it.";
    OtherSecondFactor "other-second-factor" Warning "another module asks for a second factor too" "People are asked twice, or its codes still let them in.";
    FaillockCounts "faillock-counts" Warning "wrong codes are counted as wrong passwords" "A module after pam_mfa counts its refusals: some of them close the account at every service.";
    ModuleMissing "module-missing" Critical "pam_mfa.so is not there" "Everybody is refused where the stack names it.";
    ModuleWritable "module-writable" Critical "others than root can change pam_mfa.so" "Who does runs what they like as root, in every login.";
    PamFileWritable "pam-file-writable" Critical "others than root can change a PAM file" "Who does logs in as anybody.";
    // Services.
    ProtectionGone "protection-gone" Critical "what mfactl pam apply put in place is gone" "A package or another tool has written the files anew: nobody is asked there any more.";
    ProtectionDiffers "protection-differs" Warning "a stack is not as mfactl pam apply left it" "Somebody, or a package, has changed what was tried and kept.";
    NothingAsks "nothing-asks" Warning "no service asks for a code" "mfad is installed, and no PAM file asks it.";
    SudoLoginUnasked "sudo-login-unasked" Critical "sudo -i asks for no code" "It is a service of its own: who has the password goes that way.";
    DoorFromNetwork "door-from-network" Warning "a service that is reached by network asks for no code" "Who has the password logs in there.";
    DoorHere "door-here" Info "a service of this host asks for no code" "Who is here already becomes another by a password alone.";
    // sshd.
    SshdConfigBroken "sshd-config-broken" Critical "sshd does not take its settings" "It goes on with the old ones, and does not start again.";
    SshdWithoutPam "sshd-without-pam" Critical "sshd does not use PAM" "Nobody is asked for a code.";
    SshdOtherService "sshd-other-service" Critical "sshd uses another PAM service, which asks for no code" "The stack that is looked after is not the one that is used.";
    KbdInteractiveOff "keyboard-interactive-off" Critical "sshd asks no questions" "Without keyboard-interactive nobody can type a code: who is asked for one is refused.";
    KeySkipsCode "key-skips-code" Critical "a key alone logs in over SSH" "sshd lets in by key without PAM's auth phase: no code is asked for.";
    EnforcedByHalf "enforced-by-half" Warning "account_enforce is said in one place of two" "It takes the word on pam_mfa's account line and sshd in policy.enforce_account: one alone does nothing.";
    MatchBlockSkips "match-block-skips" Critical "a Match block lets in without a code" "Whoever it matches comes in by key alone.";
    MatchBlockStays "match-block-stays" Critical "a Match block that was taken out still lets in" "mfad's own file, which sshd reads first, has a copy of it: whoever it matches is not asked for a code.";
    MatchBlockUnheard "match-block-unheard" Warning "a Match block has no effect" "mfad's own file is read first, and does not have it: whom it is to let in is refused, or asked for a code.";
    PasswordFeedsCode "password-feeds-code" Warning "sshd's password method answers the question for the code" "It gives the password as answer to every question: who has a factor is refused, and a try is counted.";
    SettingBeaten "setting-beaten" Warning "a setting of sshd's has no effect" "sshd takes the first value that it reads, and another file says otherwise before.";
    RootAnswersReplaced "root-answers-replaced" Warning "root's answers are thrown away by sshd" "PermitRootLogin takes root's key only, and AuthenticationMethods wants an answer as well: root never logs in.";
    GraceTimeShort "grace-time-short" Warning "sshd hangs up before a code can be typed" "LoginGraceTime is shorter than the question stays open.";
    MaxAuthTriesLow "max-auth-tries-low" Warning "sshd hangs up before the question" "Each key that a client offers is a try of MaxAuthTries.";
    UseDns "use-dns" Info "sshd looks up the names of its clients" "What logs show is a name that the other side chose, and a slow name server delays every login.";
    KeyWithoutTouch "key-without-touch" Warning "a security key that counts as a factor signs without a touch" "no-touch-required: whoever gets at the machine that it is plugged into logs in here, and mfad cannot tell.";
    KeyTouchUnasked "key-touch-unasked" Info "a program may have sshd take security keys without a touch" "Where AuthorizedKeysCommand says no-touch-required, an enrolled key logs in untouched, and neither mfad nor doctor can tell.";
    KeyPinUnasked "key-pin-unasked" Warning "sshd asks security keys for no PIN, and the policy does" "A key whose user gave a PIN when it was enrolled may log in without one: sshd tells nobody what it was told.";
    OldKeyword "old-keyword" Info "a setting of sshd's has an old name" "ChallengeResponseAuthentication may be gone in a next release, and what it says with it.";
    // sudo.
    SudoersBroken "sudoers-broken" Critical "sudo does not take its settings" "Nobody can use sudo, or a file of it has no effect.";
    SudoersNopasswd "sudoers-nopasswd" Warning "NOPASSWD: sudo asks nothing" "Whoever has a session there runs these commands without a code.";
    SudoersNoAuthenticate "sudoers-no-authenticate" Critical "!authenticate: sudo asks nobody" "PAM's auth phase is left out: no password and no code.";
    SudoersExemptGroup "sudoers-exempt-group" Critical "exempt_group: sudo asks the members of a group nothing" "PAM's auth phase is left out for them: no password and no code.";
    SudoOtherService "sudo-other-service" Critical "sudo uses another PAM service, which asks for no code" "The stack that is looked after is not the one that is used.";
    SudoersOtherPassword "sudoers-other-password" Warning "sudo asks for another's password" "Then it asks for that one's code as well, which is not the code of who sits there.";
    SudoersLongTimestamp "sudoers-long-timestamp" Warning "sudo remembers for long" "Whoever comes to an open session runs commands as root without a code.";
    // mfad.
    MfadSilent "mfad-silent" Critical "mfad does not answer" "Everybody who is asked for a code is refused.";
    SettingsBroken "settings-broken" Critical "mfad's settings are broken" "The last good ones are in force, or everybody is refused.";
    SettingRenamed "setting-renamed" Info "a setting of mfad's has an old name" "The old name is accepted for two releases, and then the settings are broken.";
    SettingDoubtful "setting-doubtful" Info "what a setting says cannot be meant" "It does nothing, or not what it seems to: `mfad --check` says the same of it.";
    NameOfNobody "name-of-nobody" Warning "the settings name somebody who is not there" "What they say of that user, or of that group, is about nobody: whoever was meant is asked like everybody else.";
    ModeAsksNobody "mode-asks-nobody" Warning "the policy asks nobody" "Its mode is off or observe, and no group's is another: stacks ask mfad, and mfad lets everybody through.";
    SettingsModes "settings-modes" Critical "others than root can change mfad's settings" "mfad does not take them; who can write them decides who is asked.";
    KeyMissing "key-missing" Critical "the key is not there" "mfad does not start without, and no factor can be read.";
    KeyModes "key-modes" Critical "others than mfad can read the key" "With it and the store, every seed can be read. mfad does not start with such a key.";
    StoreUnreadable "store-unreadable" Critical "key and store do not go together" "mfad does not start again: the key is another one, or the store is damaged or altered.";
    StoreModes "store-modes" Critical "others than mfad can reach the store" "It holds every factor, sealed.";
    StoreFileSystem "store-file-system" Critical "the store is where it is lost, or not kept in order" "In memory all enrolments are gone at the next boot; over a network a code may be spent twice.";
    SocketModes "socket-modes" Critical "the socket of logins is not as it must be" "Others could ask in the name of root, or be asked in place of mfad; or logins cannot reach it.";
    BusPolicyMissing "bus-policy-missing" Critical "the bus does not know mfad" "Nobody can enrol, and no administrator can help.";
    BusPolicyChanged "bus-policy-changed" Critical "the bus policy of mfad is not the one that it came with" "Others may take mfad's name, or call what is root's.";
    DiskLow "disk-low" Warning "there is little room left for the store" "Logins go on from a reserve for a while; then everybody who is asked for a code is refused.";
    HostCloned "host-cloned" Warning "key and store were made for another host" "Clones share seeds: a code that was spent here is good there.";
    NameUnseen "name-unseen" Critical "mfad does not see a user that this host knows" "The name service is out of the daemon's reach: such users are refused.";
    ClockUnsynchronised "clock-unsynchronised" Warning "nothing keeps the clock right" "Codes go by time: a minute's error locks everybody out.";
    LsmDenies "lsm-denies" Critical "SELinux or AppArmor keeps somebody from mfad" "What is denied is refused: a login, or the daemon itself.";
    UnitChanged "unit-changed" Warning "the unit of mfad was changed on this host" "What keeps the daemon in may no longer hold.";
    UnitDisabled "unit-disabled" Warning "mfad's socket is not started at boot" "The first logins after a boot wait for the bus, or are refused.";
    // People.
    NoBreakGlass "no-break-glass" Critical "no way in is left when mfad fails" "Neither root at the console nor root by key gets in without it.";
    WithoutFactor "without-factor" Warning "somebody has no factor that counts" "By the mode of the policy they are let in without a code, or locked out.";
    GraceEnds "grace-ends" Warning "grace ends soon, and somebody has no factor" "From then on they are refused, and enrol by an administrator's invitation only.";
    SingleFactor "single-factor" Info "somebody has one factor and no backup code" "One lost phone locks them out.";
    ExemptionEnds "exemption-ends" Warning "an exemption ends soon" "From then on its users are asked for a code, and refused where they have no factor.";
    ExemptionOver "exemption-over" Info "an exemption of the settings is over" "It lets nobody in any more; whoever reads the settings may think that it does.";
    ExemptionsAltered "exemptions-altered" Critical "exemptions in the store were altered" "Somebody else than mfad wrote to the store. None of those from the command line holds.";
    AccountGone "account-gone" Info "an account's user is gone" "Who gets the name or the uid next finds another's factor.";
    // Doctor itself.
    CannotLook "cannot-look" Unknown "doctor could not look" "What it would have found is not known.";
}

impl Kind {
    /// The kind of that id.
    pub(super) fn of(id: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.id() == id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_id_is_a_word_of_its_own() {
        let mut ids: Vec<&str> = Kind::ALL.iter().map(|kind| kind.id()).collect();
        assert!(ids.len() >= 25);
        for id in &ids {
            assert!(id.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'), "{id}");
            assert_eq!(Kind::of(id).map(Kind::id), Some(*id));
        }
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), Kind::ALL.len());
    }

    #[test]
    fn titles_fit_a_line_and_meanings_are_sentences() {
        for kind in Kind::ALL {
            assert!(kind.title().len() <= 64, "{}: {}", kind.id(), kind.title().len());
            assert!(kind.means().ends_with('.') && kind.means().len() <= 150, "{}", kind.id());
        }
    }
}
