//! A window of 80 columns and 24 rows, with what a person sees in it: tmux draws it.
//!
//! A screen that was looked at and found good is kept, in `tests/scenarios/screens`, and a screen that
//! differs fails its test. What changes from run to run is masked first. The screen that was seen is left
//! in cargo's target folder, from where `tests/run --accept` takes it over.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::attempt::quoted;
use crate::inside::Inside;
use crate::{product, wait};

/// How long a screen may take to show what it is waited for.
const PATIENCE: Duration = Duration::from_secs(20);

/// What stands after the last that a program showed.
const ENDED: &str = "[ended]";

/// A program in a window. It ends with its window.
#[derive(Debug)]
pub struct Window {
    /// tmux's socket and settings are in this folder.
    folder: PathBuf,
}

impl Window {
    /// Starts a shell command line as `user`, in a window of 80 x 24.
    pub fn open(inside: &Inside, user: &str, command: &str) -> Self {
        static OPENED: AtomicUsize = AtomicUsize::new(1);
        let number = OPENED.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("mfa-window-{}-{number}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder for tmux");
        fs::write(folder.join("settings"), "set -g status off\n").expect("tmux's settings");
        // The program's end is seen, and what it showed last stays.
        let command = format!("{command}\nprintf '{ENDED}'\nread -r _");
        let command = inside.command(user, &["bash", "-c", &command]);
        let words = std::iter::once(command.get_program()).chain(command.get_args());
        let line: Vec<String> = words.map(|word| quoted(&word.to_string_lossy())).collect();
        let window = Self { folder };
        window.tmux(&["new-session", "-d", "-x", "80", "-y", "24", &line.join(" ")]);
        window
    }

    fn tmux(&self, arguments: &[&str]) -> String {
        let run = Command::new("tmux")
            .env_remove("TMUX")
            .env("LC_ALL", "C.UTF-8")
            .arg("-S")
            .arg(self.folder.join("socket"))
            .arg("-f")
            .arg(self.folder.join("settings"))
            .arg("-u")
            .args(arguments)
            .output();
        let run = run.expect("tmux, of Debian, is needed");
        let said = String::from_utf8_lossy(&run.stderr);
        assert!(run.status.success(), "tmux {arguments:?}: {said}");
        String::from_utf8(run.stdout).expect("tmux prints UTF-8")
    }

    /// What is in the window now, without what is empty below and at the ends of lines.
    pub fn screen(&self) -> String {
        self.captured(&[])
    }

    /// The same, with what has scrolled out of it at the top.
    pub fn scrolled(&self) -> String {
        self.captured(&["-S", "-"])
    }

    fn captured(&self, more: &[&str]) -> String {
        let text = self.tmux(&[&["capture-pane", "-p"], more].concat());
        let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
        lines.join("\n").trim_end_matches('\n').to_owned() + "\n"
    }

    /// Waits until the last line of the window ends with `question`; what the window shows then.
    pub fn until(&self, question: &str) -> String {
        let asks = || Some(self.screen()).filter(|screen| screen.trim_end().ends_with(question.trim_end()));
        wait::until(PATIENCE, asks)
            .unwrap_or_else(|| panic!("waited {PATIENCE:?} in vain for {question:?}:\n{}", self.screen()))
    }

    /// Waits for the end of the program; what the window shows then.
    pub fn ended(&self) -> String {
        let screen = self.until(ENDED);
        screen.trim_end().trim_end_matches(ENDED).trim_end().to_owned() + "\n"
    }

    /// Types `text` and presses Enter; the window shows something else when this returns.
    pub fn answer(&self, text: &str) {
        let before = self.screen();
        if !text.is_empty() {
            self.tmux(&["send-keys", "-l", text]);
        }
        self.tmux(&["send-keys", "Enter"]);
        wait::for_condition("an answer changes the screen", PATIENCE, || self.screen() != before);
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        let end = Command::new("tmux").arg("-S").arg(self.folder.join("socket")).arg("kill-server").output();
        drop(end); // it may be gone
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Screens that were seen, to be compared with those that are kept.
#[derive(Debug, Default)]
#[must_use]
pub struct Screens {
    differences: String,
}

impl Screens {
    /// This one is kept under `name`.
    pub fn see(&mut self, name: &str, screen: &str) {
        let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("scenarios/screens/{name}.txt"));
        let seen = product::target().join(format!("screens/{name}.txt"));
        let screen = masked(screen);
        if fs::read_to_string(&kept).is_ok_and(|kept| kept == screen) {
            let _ = fs::remove_file(&seen); // of an earlier run
            return;
        }
        let folder = seen.parent().expect("a file has a folder");
        let written = fs::create_dir_all(folder).and_then(|()| fs::write(&seen, &screen));
        written.expect("cargo's target folder can be written to");
        let before = if kept.exists() { kept.as_path() } else { Path::new("/dev/null") };
        let diff = Command::new("diff").arg("-u").arg(before).arg(&seen).output().expect("diff starts");
        self.differences.push_str(&String::from_utf8_lossy(&diff.stdout));
    }

    /// Panics, with the differences, where one of them is another than the one that is kept.
    pub fn assert_kept(self) {
        let Self { differences } = self;
        assert!(
            differences.is_empty(),
            "screens are not as they are kept; if that is as it should be: tests/run --accept\n{differences}"
        );
    }
}

/// The screen with all that is another in each run in its place: secrets, codes, times, ids, QR codes.
pub(crate) fn masked(screen: &str) -> String {
    screen.lines().map(|line| masked_line(line) + "\n").collect()
}

fn masked_line(line: &str) -> String {
    if line.contains(['\u{2588}', '\u{2580}', '\u{2584}']) {
        return "[QR code]".into();
    }
    let secret = line.split_whitespace().filter(|word| is_group(word)).count() >= 4;
    // By words, with what stands between them as it is.
    let mut masked = String::new();
    for word in line.split_inclusive(' ') {
        let bare = word.trim_end_matches(' ');
        let core = bare.trim_end_matches(['.', ',', ':', ')']);
        masked.push_str(&masked_word(core, secret));
        masked.push_str(&word[core.len()..]);
    }
    masked
}

/// Whether a word may be four characters of a secret.
fn is_group(word: &str) -> bool {
    word.len() == 4 && word.bytes().all(|byte| byte.is_ascii_uppercase() || (b'2'..=b'7').contains(&byte))
}

/// 9 for a digit and X for a letter, in what no person chose.
fn masked_word(word: &str, secret: bool) -> String {
    let parts: Vec<&str> = word.split('-').collect();
    let base32 = |text: &str| text.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit());
    let lengths: Vec<usize> = parts.iter().map(|part| part.len()).collect();
    let one_time = lengths == [1, 5, 5, 4] && parts.iter().all(|part| base32(part));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let date = lengths == [4, 2, 2] && parts.iter().all(|part| digits(part));
    let time = matches!(word.len(), 5 | 8) && word.contains(':') && word.split(':').all(digits);
    let code = digits(word) && word.len() == 6;
    let four = secret && is_group(word);
    let id = word.len() == 32 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    let stamp = word.len() == 20 && word.ends_with('Z') && word.contains('T');
    if one_time {
        return format!("{}-XXXXX-XXXXX-XXXX", parts[0]);
    }
    if !(date || time || code || four || id || stamp) {
        return word.to_owned();
    }
    let one = |c: char| match c {
        _ if four => 'X',
        c if c.is_ascii_hexdigit() && id => 'f',
        c if c.is_ascii_digit() => '9',
        c => c,
    };
    word.chars().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::masked;

    #[test]
    fn what_changes_from_run_to_run_is_masked_and_nothing_else() {
        let screen = "  Secret  JBSW Y3DP EHPK 3PXP\n  3-7KQ2M-X4TPD-H9WC  0-8ABCD-EFGHJ-KMNP\n\
                      Code: 123456\non 2026-11-25 at 16:14, 2026-11-25T16:14:59Z.\nTOTP by time, SHA1, 6 digits, 30 s\n";
        let expected = "  Secret  XXXX XXXX XXXX XXXX\n  3-XXXXX-XXXXX-XXXX  0-XXXXX-XXXXX-XXXX\n\
                        Code: 999999\non 9999-99-99 at 99:99, 9999-99-99T99:99:99Z.\nTOTP by time, SHA1, 6 digits, 30 s\n";
        assert_eq!(masked(screen), expected);
    }
}
