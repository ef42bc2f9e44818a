//! What mends a finding: a command to be run as it stands, or the file to be opened where it is wrong.

use std::path::Path;

use super::finding::Spot;

/// What mends a finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Mend {
    /// A shell command that does it.
    Run(String),
    /// A command that begins it: somebody has to decide the rest.
    ByHand(String),
}

impl Mend {
    /// The command.
    pub(super) fn command(&self) -> &str {
        match self {
            Self::Run(command) | Self::ByHand(command) => command,
        }
    }

    /// An editor, at the line.
    pub(super) fn edit(spot: &Spot) -> Self {
        let file = quoted(&spot.file.to_string_lossy());
        Self::ByHand(match spot.line {
            Some(line) => format!("vi +{line} {file}"),
            None => format!("vi {file}"),
        })
    }

    /// Who owns a file, and who may do what with it.
    pub(super) fn list(file: &Path) -> Self {
        Self::ByHand(format!("ls -l {}", quoted(&file.to_string_lossy())))
    }

    /// Sets a service up anew.
    pub(super) fn apply(service: &str) -> Self {
        Self::ByHand(format!("mfactl pam apply {}", quoted(service)))
    }

    /// The package's own files put back, out of the file that it was installed from: it is in no repository.
    pub(super) fn reinstall() -> Self {
        let (version, machine) = (env!("CARGO_PKG_VERSION"), std::env::consts::ARCH);
        Self::ByHand(if Path::new("/usr/bin/apt-get").exists() {
            format!("apt-get install --reinstall ./mfad_{version}-1_{}.deb", debians(machine))
        } else {
            format!("rpm --upgrade --replacepkgs ./mfad-{version}-1.{machine}.rpm")
        })
    }
}

/// What Debian calls a kind of machine.
fn debians(machine: &str) -> &str {
    match machine {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "x86" => "i386",
        other => other,
    }
}

/// `sed -i` with a script, on one file.
pub(super) fn sed(file: &Path, script: &str) -> String {
    format!("sed -i -E {} {}", quoted(script), quoted(&file.to_string_lossy()))
}

/// A command on the line of `spot`; the editor where no line is known.
pub(super) fn on_line(spot: &Spot, script: &str) -> Mend {
    match spot.line {
        Some(line) => Mend::Run(sed(&spot.file, &format!("{line}{script}"))),
        None => Mend::edit(spot),
    }
}

/// Takes out what stands on a line. The line stays, empty: the numbers of those below are good for what is mended next,
/// and a second run takes nothing more.
pub(super) fn emptied(spot: &Spot) -> Mend {
    on_line(spot, "s/.*//")
}

/// Gives a PAM line another control.
pub(super) fn control(spot: &Spot, word: &str) -> Mend {
    on_line(spot, &format!("s/^([[:space:]]*-?[a-zA-Z]+[[:space:]]+)(\\[[^]]*\\]|[^[:space:]]+)/\\1{word}/"))
}

/// A word for the shell.
pub(super) fn quoted(word: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:=,@+".contains(&byte);
    if !word.is_empty() && word.bytes().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

/// A text for the left side of `s///`, taken as it is.
pub(super) fn literal(text: &str) -> String {
    let special = |c: char| r"\/.*[]^$+?(){}|".contains(c);
    text.chars().fold(String::new(), |mut out, c| {
        if special(c) {
            out.push('\\');
        }
        out.push(c);
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_stays_one_word_of_the_shell() {
        assert_eq!(quoted("/etc/pam.d/sshd"), "/etc/pam.d/sshd");
        assert_eq!(quoted("a b'c"), r"'a b'\''c'");
        assert_eq!(quoted(""), "''");
    }

    #[test]
    fn a_file_of_any_name_is_one_word_of_the_command() {
        assert_eq!(Mend::list(Path::new("/etc/a;reboot")).command(), "ls -l '/etc/a;reboot'");
    }

    #[test]
    fn a_text_is_taken_as_it_is() {
        assert_eq!(literal("a.b/c=[d]"), r"a\.b\/c=\[d\]");
    }
}
