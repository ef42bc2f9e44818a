//! `mfactl enroll --type ssh-key`: a security key for ssh, by its signature of a challenge of mfad's.
//!
//! ```text
//! SshKeyBegin ──challenge──▶ ssh-keygen, here or on the laptop ──signature──▶ SshKeyConfirm
//! ```
//!
//! The key is mostly plugged into the machine that its user sits at, and not into this one: so the line
//! that signs is printed, and its answer read back. With `--key` the signature is made here, by the
//! caller's own ssh-keygen in the caller's own environment: an agent that came along with the login
//! signs for a key elsewhere. Nothing of what ssh-keygen says is believed but by mfad, which verifies it.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use mfa_proto::account::Challenge;
use mfa_proto::fault::Fault;
use serde::Serialize;

use super::TRIES;
use super::qr::QrForm;
use crate::ask::{Stdin, Typist};
use crate::bus::Bus;
use crate::cli::{Shape, Wish};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::print::Out;
use crate::print::escape::shown;
use crate::{run, step_up};

/// What ends a signature, and is the last line of it that is read.
const END: &[u8] = b"-----END SSH SIGNATURE-----";
/// The longest signature that is sent, in bytes; mfad looks at no longer one.
const LONGEST: usize = 8192;
/// The file of OpenSSH's own choice.
const USUAL: &str = "~/.ssh/id_ed25519_sk";

/// Everything in one go: with a person there, or with a key that signs here.
pub(super) async fn enroll(wish: &Wish) -> Result<Exit, Failure> {
    let bus = Bus::connect().await?;
    let open = Open::begin(&bus, wish).await?;
    let outcome = open.converse(&bus, wish, &mut Out::stdout()?).await;
    if outcome.is_err() {
        let _ = bus.enroll_cancel(open.id()).await; // else it ends by itself
    }
    outcome
}

/// The first half, for programs and for people who confirm later.
pub(super) async fn begin(wish: &Wish, shape: Shape) -> Result<Exit, Failure> {
    let bus = Bus::connect().await?;
    let open = Open::begin(&bus, wish).await?;
    let outcome = open.hand_out(shape);
    if outcome.is_err() {
        let _ = bus.enroll_cancel(open.id()).await; // else it ends by itself
    }
    outcome
}

/// A challenge that mfad has opened and nobody has signed yet.
struct Open(Challenge);

impl Open {
    /// Asks mfad for one, by a code of a factor of the account.
    async fn begin(bus: &Bus, wish: &Wish) -> Result<Self, Failure> {
        plain(wish)?;
        let (label, replace) = (wish.label.as_deref(), wish.replace.as_deref());
        let begin = async || bus.ssh_key_begin(label.unwrap_or_default(), replace.unwrap_or_default()).await;
        Self::of(step_up::own(bus, begin).await.map_err(refused)?)
    }

    /// Takes only what can stand in a command as it is.
    fn of(challenge: Challenge) -> Result<Self, Failure> {
        let odd = |text: &str| text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let namespace = challenge.namespace.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'@');
        if odd(&challenge.enrollment) || odd(&challenge.challenge) || !namespace {
            return Err(Failure::Garbled("that challenge cannot stand in a command".to_owned()));
        }
        Ok(Self(challenge))
    }

    /// Names it in `SshKeyConfirm` and `EnrollCancel`.
    fn id(&self) -> &str {
        &self.0.enrollment
    }

    /// The line that signs it, in any shell.
    fn command(&self) -> String {
        let Challenge { challenge, namespace, .. } = &self.0;
        format!("echo {challenge} | ssh-keygen -Y sign -n {namespace} -f {USUAL}")
    }

    fn invitation(&self) -> String {
        let pin = if self.0.pin { "; this host wants its PIN too" } else { "" };
        format!(
            "Your security key signs a challenge. On the machine that it is plugged into, run\n\n  {}\n\n\
             with the file of your own key, if that is another. Touch the key when it blinks{pin}.",
            self.command()
        )
    }

    /// With a person there: asked until a signature holds.
    async fn converse(&self, bus: &Bus, wish: &Wish, out: &mut Out) -> Result<Exit, Failure> {
        if wish.key.is_none() {
            out.line(&self.invitation())?;
        }
        for left in (0..TRIES).rev() {
            out.flush()?;
            let signature = match &wish.key {
                Some(key) => self.sign(key)?,
                None => pasted(&mut Stdin)?,
            };
            match bus.ssh_key_confirm(self.id(), &signature).await {
                Ok(_) => return farewell(out),
                // Another try with the same key would be the same.
                Err(failure) if !failure.is(Fault::WrongCode) || left == 0 || wish.key.is_some() => {
                    return Err(unsigned(failure));
                }
                Err(failure) => {
                    out.line(&format!("{}\nSign it anew, or press Ctrl-C.", unsigned(failure)))?;
                }
            }
        }
        Err(Failure::GivenUp(format!("{TRIES} signatures did not hold: nothing was enrolled")))
    }

    /// Signs here, by the caller's ssh-keygen.
    fn sign(&self, key: &Path) -> Result<Vec<u8>, Failure> {
        let failed = |why: String| Failure::GivenUp(format!("{why}: nothing was enrolled"));
        let program = run::find("ssh-keygen").ok_or_else(|| failed("there is no ssh-keygen".to_owned()))?;
        let mut sign = Command::new(program);
        sign.args(["-q", "-Y", "sign", "-n", &self.0.namespace]).arg("-f").arg(key);
        sign.stdin(Stdio::piped()).stdout(Stdio::piped()); // what it asks goes to the terminal
        let spoken = |error: std::io::Error| failed(format!("ssh-keygen: {error}"));
        let mut child = sign.spawn().map_err(spoken)?;
        if let Some(mut challenge) = child.stdin.take() {
            let _ = challenge.write_all(self.0.challenge.as_bytes()); // one that reads nothing has ended
        }
        let said = child.wait_with_output().map_err(spoken)?;
        if said.status.success() {
            Ok(said.stdout)
        } else {
            Err(failed(format!("ssh-keygen did not sign with {}", shown(&key.to_string_lossy()))))
        }
    }

    /// Prints what is needed to confirm it later.
    fn hand_out(&self, shape: Shape) -> Result<Exit, Failure> {
        let mut out = Out::stdout()?;
        let Challenge { enrollment, challenge, namespace, pin, seconds } = &self.0;
        if shape.json {
            let (pin, seconds) = (*pin, *seconds);
            out.json(&Begun { enrollment, challenge, namespace, command: &self.command(), pin, seconds })?;
        } else {
            out.line(&self.invitation())?;
            out.line(&format!(
                "\nConfirm it within {} minutes:  mfactl enroll confirm {enrollment} --signature FILE",
                seconds.div_ceil(60)
            ))?;
        }
        out.flush()?;
        Ok(Exit::Done)
    }
}

/// Confirms with a signature that was made elsewhere: of that file, or of standard input.
pub(super) async fn confirm(enrollment: &str, file: &OsStr) -> Result<String, Failure> {
    let signature = if file == "-" {
        pasted(&mut Stdin)?
    } else {
        let unread = |error| Failure::Unread(shown(&file.to_string_lossy()), error);
        let mut text = Vec::new();
        let opened = File::open(file).map_err(unread)?;
        opened.take(LONGEST as u64 + 1).read_to_end(&mut text).map_err(unread)?;
        text
    };
    if signature.len() > LONGEST {
        return Err(Failure::Usage("that is no signature: it is too long".to_owned()));
    }
    Bus::connect().await?.ssh_key_confirm(enrollment, &signature).await.map_err(unsigned)
}

fn farewell(out: &mut Out) -> Result<Exit, Failure> {
    out.line(ENROLLED)?;
    out.flush()?;
    Ok(Exit::Done)
}

/// The last words.
pub(super) const ENROLLED: &str = "Enrolled. A login over ssh that this key opened asks for no code any more; all else \
                                   does.\nKeep this session open, and try a login in another one before you close it.";

/// What is for codes is not for keys.
fn plain(wish: &Wish) -> Result<(), Failure> {
    let codes = wish.algorithm.is_some() || wish.digits.is_some() || wish.period.is_some();
    if codes || wish.handed_over.invitation || wish.handed_over.recovery || !matches!(wish.qr, QrForm::Auto) {
        return Err(Failure::Usage(
            "of the options of an app, `--type ssh-key` takes only --label and --replace".to_owned(),
        ));
    }
    Ok(())
}

/// The lines up to the one that ends a signature.
fn pasted(typist: &mut impl Typist) -> Result<Vec<u8>, Failure> {
    let mut signature = Vec::new();
    let mut prompt = "Paste what it prints, from BEGIN to END:\n";
    while let Some(line) = typist.line(prompt, true)? {
        prompt = "";
        let line = line.trim_ascii();
        if signature.is_empty() && line.is_empty() {
            continue;
        }
        signature.extend_from_slice(line);
        signature.push(b'\n');
        if line == END {
            return Ok(signature);
        }
        if signature.len() > LONGEST {
            return Err(Failure::Usage("that is no signature: it is too long".to_owned()));
        }
    }
    Err(if typist.is_person() {
        Failure::GivenUp("no signature was given: nothing was enrolled".to_owned())
    } else {
        Failure::Usage("no whole signature on standard input".to_owned())
    })
}

/// Why no challenge was given.
fn refused(failure: Failure) -> Failure {
    failure
        .explained(Fault::NotEnrolled, || {
            "a security key opens logins over ssh only: enrol an authenticator app first, with `mfactl enroll`"
                .to_owned()
        })
        .explained(Fault::AlreadyEnrolled, || {
            "there is no room for another security key; `mfactl factor list` shows what you have".to_owned()
        })
        .explained(Fault::NotFound, || {
            "you have no such security key to replace; `mfactl factor list` shows what you have".to_owned()
        })
}

/// Why a signature was not taken.
fn unsigned(failure: Failure) -> Failure {
    failure.explained(Fault::WrongCode, || "mfad does not take that signature".to_owned())
}

/// `mfactl enroll begin --type ssh-key --json`.
#[derive(Serialize)]
struct Begun<'a> {
    enrollment: &'a str,
    challenge: &'a str,
    namespace: &'a str,
    command: &'a str,
    pin: bool,
    seconds: u32,
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::ask::Script;
    use crate::cli::{Cli, Verb};
    use crate::print::schema;

    fn challenge() -> Challenge {
        Challenge {
            enrollment: "00ff".into(),
            challenge: "abcd2345".into(),
            namespace: "enroll@mfad".into(),
            pin: false,
            seconds: 900,
        }
    }

    #[test]
    fn a_beginning_has_this_shape() {
        let open = Open::of(challenge()).unwrap();
        let command = open.command();
        assert_eq!(command, "echo abcd2345 | ssh-keygen -Y sign -n enroll@mfad -f ~/.ssh/id_ed25519_sk");
        let (namespace, challenge) = ("enroll@mfad", "abcd2345");
        let begun = Begun { enrollment: "00ff", challenge, namespace, command: "x", pin: true, seconds: 900 };
        schema::holds("enroll-begin-ssh-key", &begun);
        assert_eq!(
            serde_json::to_string(&begun).unwrap(),
            r#"{"enrollment":"00ff","challenge":"abcd2345","namespace":"enroll@mfad","command":"x","pin":true,"seconds":900}"#
        );
    }

    #[test]
    fn what_cannot_stand_in_a_command_is_not_printed_as_one() {
        for odd in [
            Challenge { challenge: "a;rm".into(), ..challenge() },
            Challenge { challenge: String::new(), ..challenge() },
            Challenge { namespace: "a b".into(), ..challenge() },
            Challenge { enrollment: "\x1b".into(), ..challenge() },
        ] {
            assert!(matches!(Open::of(odd), Err(Failure::Garbled(_))));
        }
    }

    #[test]
    fn a_paste_ends_with_its_last_line() {
        let mut person = Script::of_person(&[
            "",
            "-----BEGIN SSH SIGNATURE-----",
            " U1NI\r",
            "-----END SSH SIGNATURE-----",
            "ls",
        ]);
        let signature = pasted(&mut person).unwrap();
        assert_eq!(signature, b"-----BEGIN SSH SIGNATURE-----\nU1NI\n-----END SSH SIGNATURE-----\n");
        assert_eq!(person.left(), 1);
        assert_eq!(pasted(&mut Script::of_person(&["x"])).unwrap_err().exit(), Exit::Refused);
        assert_eq!(pasted(&mut Script::of_program(&["x"])).unwrap_err().exit(), Exit::Usage);
        assert!(pasted(&mut Script::of_person(&["xxxxxxxxxxxxxxx"; 1000])).is_err());
    }

    #[test]
    fn what_is_for_an_app_is_not_for_a_key() {
        let wish = |line: &str| {
            let words = ["mfactl", "enroll", "--type", "ssh-key"].into_iter().chain(line.split_whitespace());
            let Verb::Enroll(enroll) = Cli::try_parse_from(words).unwrap().verb else { panic!("{line}") };
            enroll.wish
        };
        assert!(plain(&wish("--label yubikey --replace old --key k.pub")).is_ok());
        for odd in
            ["--digits 8", "--period 30", "--algorithm SHA1", "--invitation", "--recovery", "--qr none"]
        {
            assert!(matches!(plain(&wish(odd)), Err(Failure::Usage(_))), "{odd}");
        }
    }
}
