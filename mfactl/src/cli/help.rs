//! What stands under the long help of a verb, and in the sections of its manual page: a line that ends
//! in a colon is a heading, indented lines stand as they are, all else is for people to read.

use crate::exit::Exit;

/// Of `mfactl` itself.
pub(super) fn mfactl() -> String {
    let exits = Exit::help();
    let (_, exits) = exits.split_once('\n').unwrap_or_default();
    format!("{MFACTL}\n\nExit status:\n{exits}\n{PLUGIN}\n\n{FILES}")
}

const MFACTL: &str = "\
Examples:
  mfactl enroll                      # add an authenticator app, at a terminal
  mfactl status                      # what does a login ask of me?
  mfactl test                        # try a code as a login would
  mfactl codes renew                 # backup codes, for a lost phone
  sudo mfactl user list --not-enrolled
  sudo mfactl user invite alice --reason 'starts on Monday'
  sudo mfactl user recover alice --verified-by 'passport, at the desk'
  sudo mfactl import google-authenticator --all --dry-run
  sudo mfactl audit --user alice
  sudo mfactl policy explain alice   # what does a login ask of alice, and why?

Output for programs:
With --json, answers and lists are JSON on standard output, one object a line; questions and errors go \
to standard error. Times are Unix seconds, and 0 is never. Names of users and services are bytes: what is \
not printable stands escaped, as \\x1b. Keys are only ever added: none is renamed or removed, and none \
changes its type, so programs ignore keys that they do not know. The JSON Schema (draft 2020-12) of each \
shape is in /usr/share/mfad/schema: status.json is that of `mfactl status --json`.

No output has a colour unless it goes to a terminal, and none where NO_COLOR is set and not empty.";

const FILES: &str = "\
Files:
  /run/dbus/system_bus_socket        where mfad is asked; no variable moves it
  /etc/mfad/mfad.toml                who is asked for a factor
  /usr/share/mfad/schema             the JSON Schemas of --json";

const PLUGIN: &str = "\
One verb has others: `mfactl doctor` ends as monitoring plugins do, with 0 OK, 1 WARNING, 2 CRITICAL or 3 UNKNOWN.";

pub(super) const ENROLL: &str = "\
Examples:
  mfactl enroll                      # shows a QR code, asks for one code
  mfactl enroll --label tablet --replace phone
  mfactl enroll --type hotp --label fob
  mfactl enroll --type ssh-key       # shows a line that your security key signs with, elsewhere
  mfactl enroll --type ssh-key --key ~/.ssh/id_ed25519_sk
  mfactl enroll --qr png=/dev/shm/qr.png
  mfactl enroll --invitation         # asks for what an administrator gave you
  mfactl enroll --recovery           # the same, after everything was lost

Notes:
The code that confirms the enrolment is spent by that: the next login needs the next one. Keep the session \
open, and try a login in another one before you close it.

With the first factor come backup codes, each for one login without the app. They are shown once; one \
of them is asked back, to show that they were kept.

Whoever has a factor already is asked for a code of it. Where a factor is required and there is none, an \
administrator's invitation or recovery code is needed.

A QR code that is too large for the terminal is not shown: type the secret, or write a picture with \
--qr png=FILE, and delete it after the scan. With NO_COLOR the code has the colours of the terminal: on a dark \
ground it is light on dark, which not every scanner reads.

A security key of OpenSSH opens logins over ssh without a code, and nothing else: so an app comes first, and a code of \
it is asked for. The key signs a challenge, mostly on another machine, by the line that is shown; paste what that line \
prints. With --key it is signed here, by ssh-keygen: with the private file of a key that is plugged in here, or the public \
one of a key that your agent has.

Without a terminal, use `mfactl enroll begin --json` and `mfactl enroll confirm`.";

pub(super) const ENROLL_BEGIN: &str = "\
Examples:
  mfactl enroll begin --label phone --json
  mfactl enroll begin --invitation --json <invitation.txt
  mfactl enroll begin --qr svg=qr.svg
  mfactl enroll begin --type ssh-key --json | jq -r .command

Input:
With --invitation or --recovery, the first line of standard input is that code; where a code of another \
factor is needed as well, it is the next line.";

pub(super) const ENROLL_CONFIRM: &str = "\
Examples:
  mfactl enroll confirm 5f0c17 123456
  printf '%s\\n' \"$code\" | mfactl enroll confirm 5f0c17 - --json
  mfactl enroll confirm 5f0c17 --signature challenge.sig";

pub(super) const STATUS: &str = "\
Examples:
  mfactl status
  mfactl status --json | jq .codes.left
  mfactl status >/dev/null || [ $? -ne 3 ] || echo 'please enrol'";

pub(super) const TEST: &str = "\
Examples:
  mfactl test
  printf '%s\\n' \"$code\" | mfactl test --json";

pub(super) const FACTOR: &str = "\
Examples:
  mfactl factor list
  mfactl factor rename phone 'old phone'
  mfactl factor remove 'old phone'

Names:
A factor is named by its label as it is spelt, or by its id, which `mfactl factor list` shows. Where two have \
one label, only the id will do.";

pub(super) const CODES: &str = "\
Examples:
  mfactl codes
  mfactl codes renew
  mfactl codes --json | jq .left";

pub(super) const CODES_RENEW: &str = "\
Examples:
  mfactl codes renew
  printf '%s\\n' \"$code\" | mfactl codes renew --json";

pub(super) const REMEMBERED: &str = "\
Examples:
  mfactl remembered list
  mfactl remembered forget --all     # before you lend the laptop
  sudo mfactl remembered list --user alice

Notes:
What is remembered, for how long, and what has to be the same again is in [remember] of /etc/mfad/mfad.toml; \
as shipped, nothing is. It is the proof of one login that counts again, of one user on one host: the password or \
the key is asked all the same, and a rule that wants a fresh code gets one.";

pub(super) const REMEMBERED_LIST: &str = "\
Examples:
  mfactl remembered list
  mfactl remembered list --json | jq -r .address
  sudo mfactl remembered list --user alice";

pub(super) const REMEMBERED_FORGET: &str = "\
Examples:
  mfactl remembered forget 5f0c17a2b1d4e693
  mfactl remembered forget --all
  sudo mfactl remembered forget --all --user alice";

pub(super) const USER: &str = "\
Examples:
  sudo mfactl user list --single
  sudo mfactl user show alice
  sudo mfactl user invite alice --reason 'starts on Monday'
  sudo mfactl user recover alice --verified-by 'passport, at the desk'
  sudo mfactl user lock alice --reason 'laptop stolen'
  sudo mfactl user unlock alice --reason 'wrong clock' --clock";

pub(super) const USER_LIST: &str = "\
Examples:
  sudo mfactl user list
  sudo mfactl user list --not-enrolled   # who has none; whom the policy lets be: mfactl report coverage
  sudo mfactl user list --single         # one lost phone from being locked out
  sudo mfactl user list --gone           # accounts whose user has left
  sudo mfactl user list --json | jq -r 'select(.locked) | .name'";

pub(super) const USER_INVITE: &str = "\
Examples:
  sudo mfactl user invite alice --reason 'starts on Monday'
  sudo mfactl user invite alice --hours 8 --reason 'new phone' --as ada
  sudo mfactl user list --not-enrolled --json | jq -r .name

Notes:
Hand the invitation over so that nobody else sees it, and not along with the password. It is for who has no \
factor; for who has lost one there is `mfactl user recover`.";

pub(super) const USER_RECOVER: &str = "\
Examples:
  sudo mfactl user recover alice --verified-by 'passport, at the desk'
  sudo mfactl user recover alice --verified-by 'called back' --ticket 4711
  sudo mfactl user recover root --verified-by console --break-glass 'all phones lost'

Notes:
The factors that the user had end when the new one is confirmed, and not before. How you made sure who \
asks is kept in the audit, with the ticket and the reason.";

pub(super) const USER_RESET: &str = "\
Examples:
  sudo mfactl user reset alice --reason 'phone stolen'";

pub(super) const USER_LOCK: &str = "\
Examples:
  sudo mfactl user lock alice --reason 'laptop stolen'
  sudo mfactl user unlock alice --reason 'laptop is back'";

pub(super) const USER_UNLOCK: &str = "\
Examples:
  sudo mfactl user unlock alice --reason 'typed wrong codes'
  sudo mfactl user unlock alice --reason 'the clock was ahead' --clock";

pub(super) const USER_REMOVE: &str = "\
Examples:
  sudo mfactl user remove alice --reason 'has left'
  sudo mfactl user list --gone           # who could be removed";

pub(super) const AUDIT: &str = "\
Examples:
  sudo mfactl audit --user alice
  sudo mfactl audit --since-seq 4000 --json | jq -r 'select(.event == \"refused\")'
  sudo mfactl audit verify

Notes:
A program that follows the audit remembers the last `seq` it has seen, and gives it to --since-seq. \
`mfactl audit verify` ends with exit code 1 where the chain is broken.";

pub(super) const POLICY: &str = "\
Examples:
  sudo mfactl policy explain alice --address 192.0.2.7
  sudo mfactl policy simulate --since 7d --with new.toml";

pub(super) const POLICY_EXPLAIN: &str = "\
Examples:
  sudo mfactl policy explain alice
  sudo mfactl policy explain alice --address 192.0.2.7 --key ~alice/.ssh/id_ed25519.pub
  sudo mfactl policy explain alice --service sudo --command '/bin/bash -l'
  sudo mfactl policy explain alice --service su --target root
  sudo mfactl policy explain bob --time 2026-12-24 --all
  sudo mfactl policy explain alice --json | jq -r .verdict.decision

Exit status:
  0  the login is let in, or asked for a code
  1  it is refused, whatever is answered

Notes:
A rule is shown with its file and line, and each of its conditions with yes, no or unknown. JSON always has every \
rule that was looked at. Wrong codes that were typed are none of the policy's; where they would hinder this login all \
the same, a line that begins with \"Besides:\" says so.

A time that is to come is answered by what is there now: nobody enrols or is seen until then.";

pub(super) const POLICY_SIMULATE: &str = "\
Examples:
  sudo mfactl policy simulate --with new.toml
  sudo mfactl policy simulate --since 30d --with new.toml --csv >changes.csv
  sudo mfactl policy simulate --with new.toml --json | jq -r 'select(.change == \"newly_refused\") | .user'

Exit status:
  0  no decision would change
  7  some would

Notes:
FILE stands in the place of /etc/mfad/mfad.toml, and what is in mfad.toml.d holds as it does now. It is checked as at \
a reload, and nothing is put in force.

Each verdict of the audit is judged twice, by the settings in force and by the others, as if the login came again \
within the next seven days at the same time of the week: with the account, its groups and what is remembered as they \
are now. So a date that comes within those days counts, and grace begins now. A login with three wrong codes has \
three verdicts.

Of a command at sudo the audit keeps the program alone: a pattern that asks for arguments is unknown then, and taken \
the stricter way. Verdicts of an mfad that did not keep what it judged by are counted, and not judged.

With --json the last line is the summary: policy-simulate-summary.json is its schema. With --csv it goes to standard \
error.";

pub(super) const EXEMPT: &str = "\
Examples:
  sudo mfactl exempt list
  sudo mfactl exempt add alice --reason 'new phone comes Friday' --service sshd --for 3d
  sudo mfactl exempt end 3fa9c2d1 --reason 'phone is there'";

pub(super) const EXEMPT_LIST: &str = "\
Examples:
  sudo mfactl exempt list
  sudo mfactl exempt list --json | jq -r 'select(.state == \"ends_soon\") | .place'
  sudo mfactl exempt list --csv >exemptions.csv";

pub(super) const EXEMPT_ADD: &str = "\
Examples:
  sudo mfactl exempt add alice --reason 'new phone comes Friday' --for 3d
  sudo mfactl exempt add deploy --reason CHG-118 --service sshd --address 192.0.2.10 --for 12h

Notes:
Only who passed the first factor is let in without a code: at sshd by key, elsewhere where the rest of the stack \
lets in. Give as many conditions as you can. An exemption ends by the wall clock and by the time that the host has \
run, whichever comes first: a clock that is set back makes none longer.";

pub(super) const EXEMPT_END: &str = "\
Examples:
  sudo mfactl exempt end 3fa9c2d1 --reason 'phone is there'";

pub(super) const REPORT: &str = "\
Examples:
  sudo mfactl report coverage
  sudo mfactl report exemptions --csv >exemptions.csv
  sudo mfactl report recoveries --since 90d
  sudo mfactl report failures --since 7d --json

CSV:
As RFC 4180 has it, and each row begins with host, version, time, settings and audit, so that the reports of many hosts \
can be put into one file; where there is nothing to tell, one row says so. A cell that a spreadsheet would take \
for a formula begins with an apostrophe.";

pub(super) const REPORT_COVERAGE: &str = "\
Examples:
  sudo mfactl report coverage
  sudo mfactl report coverage --group admins
  sudo mfactl report coverage --csv >coverage.csv        # one row a person
  sudo mfactl report coverage --json | jq -r '.people[] | select(.standing | IN(\"not_enrolled\", \"unusable\")) | .name'

Notes:
People are those of /etc/passwd who can log in, as `mfactl user list --not-enrolled` has them, and whoever has an \
account of mfad. Whom a directory has, and who never enrolled, is not listed there.";

pub(super) const REPORT_EXEMPTIONS: &str = "\
Examples:
  sudo mfactl report exemptions
  sudo mfactl report exemptions --all-since 90d --csv >exemptions.csv";

pub(super) const REPORT_RECOVERIES: &str = "\
Examples:
  sudo mfactl report recoveries
  sudo mfactl report recoveries --since 2026-01-01 --csv >recoveries.csv";

pub(super) const REPORT_FAILURES: &str = "\
Examples:
  sudo mfactl report failures
  sudo mfactl report failures --since 24h --json | jq '.doors[0]'";

pub(super) const PAM: &str = "\
Examples:
  mfactl pam plan sshd sudo                  # what would change, and whom it would ask
  mfactl pam apply sshd sudo                 # put it in place, on trial until you have logged in
  mfactl pam status                          # what protects each service, and what is gone
  mfactl pam remove sshd                     # take it out again

Files:
  /etc/pam.d/SERVICE                         our lines stand between two marks
  /etc/ssh/sshd_config.d/00-mfad.conf        what sshd is told
  /var/lib/mfactl                            what is on trial, and what was kept";

pub(super) const PAM_PLAN: &str = "\
Examples:
  mfactl pam plan sshd
  mfactl pam plan sshd --first key
  mfactl pam plan sshd --replace pam_google_authenticator
  mfactl pam plan sshd --break-glass-from 192.0.2.0/24
  mfactl pam plan sshd --break-glass-from none   # take that way in away again";

pub(super) const PAM_APPLY: &str = "\
Examples:
  mfactl pam apply sshd sudo
  mfactl pam apply sshd sudo --no-confirm --proven \"$HASH\"   # what was kept on another host

A fleet:
Keep it on one host with a trial; `mfactl pam status --json` there tells the hash of what it came to. \
With the same --first, --replace and --break-glass-from, and --no-confirm --proven HASH, other hosts take it over, \
without a terminal: exit code 0 where it is in place or was already, 7 where this host would come to something else, and then nothing was changed.";

pub(super) const PAM_REMOVE: &str = "\
Examples:
  mfactl pam remove sshd sudo
  mfactl pam remove --all                    # before the package is removed";

/// Of `mfactl doctor`: with all that it can find.
pub(super) fn doctor() -> String {
    let findings: String = crate::doctor::list().iter().map(|line| format!("  {line}\n")).collect();
    format!("{DOCTOR}\n\nFindings:\n{findings}\n{DOCTOR_FILES}")
}

const DOCTOR_FILES: &str = "\
Files:
  /etc/mfad/doctor.toml              what is ignored, and why";

const DOCTOR: &str = "\
Examples:
  sudo mfactl doctor
  sudo mfactl doctor --all
  sudo mfactl doctor --json | jq -r '.findings[] | select(.severity == \"critical\") | .mend'
  sudo mfactl doctor --ignore sudoers-nopasswd:backup --reason 'runs from a timer'
  mfactl doctor --list

Exit status:
  0  OK: nothing is wrong
  1  WARNING
  2  CRITICAL: someone is let in, or all are locked out, or would be; or a wrong command line
  3  UNKNOWN: doctor could not look at something

Notes:
These are the exit codes of monitoring plugins, and the first line is for their eyes. What is critical comes before \
what could not be looked at. Findings that are ignored do not count; they are kept in /etc/mfad/doctor.toml, \
with the reason.

A command under \"Mend\" is for root's shell. Read it before you run it, and keep a session open.";

pub(crate) const IMPORT: &str = "\
Examples:
  sudo mfactl import google-authenticator --all --dry-run
  sudo mfactl import google-authenticator --all --reason 'moving to mfad'
  sudo mfactl import oath --all

Notes:
First with --dry-run, which needs no code and changes nothing: exit code 7 says that there is something to \
take over. What comes over can be taken over again: it is known, and stays as it is. Codes that were used with the \
old module after the import are still new to mfad: when the stacks have changed, --refresh raises the marks.

A seed below 128 bits is taken with --allow-weak only; such a user had better enrol anew.";

pub(crate) const IMPORT_GOOGLE: &str = "\
Examples:
  sudo mfactl import google-authenticator alice --dry-run
  sudo mfactl import google-authenticator --all --reason 'moving to mfad'
  sudo mfactl import google-authenticator --all --file '/var/lib/ga/${USER}' --owner root
  sudo mfactl import google-authenticator --all --refresh
  sudo mfactl import google-authenticator --all --dry-run --json | jq -r .outcome";

pub(crate) const IMPORT_OATH: &str = "\
Examples:
  sudo mfactl import oath --all --dry-run
  sudo mfactl import oath alice --file /etc/users.oath --label fob";

pub(super) const COMPLETIONS: &str = "\
Examples:
  source <(mfactl completions bash)      # this shell only
  mfactl completions bash >~/.local/share/bash-completion/completions/mfactl
  mfactl completions zsh >/usr/local/share/zsh/site-functions/_mfactl
  mfactl completions fish >~/.config/fish/completions/mfactl.fish";
