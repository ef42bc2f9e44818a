//! What the terminal can show, and so which form of the QR code.

use std::io::IsTerminal;

use super::qr::{Modules, QrForm};

/// Rows below the code that the question needs.
const QUESTION_ROWS: usize = 2;

/// Where standard output goes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terminal {
    /// Columns and rows; none when it is no terminal, or does not say.
    size: Option<(usize, usize)>,
    /// Whether colours are understood.
    colours: bool,
    /// Whether the locale is UTF-8.
    utf8: bool,
}

/// What is put on the screen.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Shown {
    Utf8,
    Ascii,
    Nothing,
    /// Nothing, since the code would need this many columns and rows.
    NoRoom(usize, usize),
}

impl Terminal {
    /// The terminal of standard output, and the locale of this run.
    pub(crate) fn of_stdout() -> Self {
        let stdout = std::io::stdout();
        let size = terminal_size::terminal_size_of(&stdout)
            .map(|(width, height)| (usize::from(width.0), usize::from(height.0)));
        let colours = stdout.is_terminal() && wants_colours(&env("TERM"), &env("NO_COLOR"));
        Self { size, colours, utf8: is_utf8(["LC_ALL", "LC_CTYPE", "LANG"].map(env)) }
    }

    /// Whether colours are understood.
    pub(crate) fn colours(self) -> bool {
        self.colours
    }

    /// The form in which `code` is shown: as asked, or the best that fits. A code that is cut or
    /// scrolled away cannot be scanned, and would push the secret off the screen.
    pub(crate) fn choose(self, form: &QrForm, code: &Modules) -> Shown {
        match form {
            QrForm::Utf8 => Shown::Utf8,
            QrForm::Ascii => Shown::Ascii,
            QrForm::None | QrForm::Picture(..) => Shown::Nothing,
            QrForm::Auto => {
                let (shown, (columns, rows)) = if self.utf8 {
                    (Shown::Utf8, code.half_block_size())
                } else {
                    (Shown::Ascii, code.ascii_size())
                };
                let rows = rows + QUESTION_ROWS;
                match self.size {
                    Some((width, height)) if width < columns || height < rows => Shown::NoRoom(columns, rows),
                    _ => shown,
                }
            }
        }
    }
}

/// Whether a terminal of this kind has colours, and the user wants them (no-color.org).
fn wants_colours(term: &str, no_color: &str) -> bool {
    !matches!(term, "" | "dumb") && no_color.is_empty()
}

/// Whether the first of the variables that is set names UTF-8, as `setlocale` chooses.
fn is_utf8(variables: [String; 3]) -> bool {
    let locale = variables.into_iter().find(|value| !value.is_empty()).unwrap_or_default();
    let charset = locale.to_ascii_lowercase();
    charset.contains("utf-8") || charset.contains("utf8")
}

#[expect(
    clippy::disallowed_methods,
    reason = "decides how the caller's own screen is drawn, and nothing else"
)]
fn env(name: &str) -> String {
    std::env::var(name).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::qr::MINIMAL;
    use super::*;

    fn chosen(size: Option<(usize, usize)>, utf8: bool, form: &QrForm) -> Shown {
        Terminal { size, colours: true, utf8 }.choose(form, &Modules::of(MINIMAL).unwrap())
    }

    #[test]
    fn a_common_terminal_shows_half_blocks() {
        assert_eq!(chosen(Some((80, 24)), true, &QrForm::Auto), Shown::Utf8);
        assert_eq!(chosen(Some((37, 21)), true, &QrForm::Auto), Shown::Utf8);
        assert_eq!(chosen(None, true, &QrForm::Auto), Shown::Utf8);
    }

    #[test]
    fn without_utf8_it_is_ascii_where_that_fits() {
        assert_eq!(chosen(Some((80, 40)), false, &QrForm::Auto), Shown::Ascii);
        assert_eq!(chosen(Some((80, 24)), false, &QrForm::Auto), Shown::NoRoom(74, 39));
    }

    #[test]
    fn a_code_that_would_be_cut_is_not_shown_unless_asked_for() {
        assert_eq!(chosen(Some((36, 50)), true, &QrForm::Auto), Shown::NoRoom(37, 21));
        assert_eq!(chosen(Some((80, 20)), true, &QrForm::Auto), Shown::NoRoom(37, 21));
        assert_eq!(chosen(Some((10, 10)), false, &QrForm::Utf8), Shown::Utf8);
        assert_eq!(chosen(Some((10, 10)), true, &QrForm::Ascii), Shown::Ascii);
        assert_eq!(chosen(None, true, &QrForm::None), Shown::Nothing);
    }

    #[test]
    fn colours_are_for_terminals_that_have_them_and_users_who_want_them() {
        assert!(wants_colours("xterm-256color", ""));
        for (term, no_color) in [("", ""), ("dumb", ""), ("xterm", "1"), ("xterm", "0")] {
            assert!(!wants_colours(term, no_color), "{term} {no_color}");
        }
    }

    #[test]
    fn the_locale_is_found_as_the_c_library_finds_it() {
        let locale = |all: &str, ctype: &str, lang: &str| is_utf8([all, ctype, lang].map(str::to_owned));
        assert!(locale("", "", "en_GB.UTF-8") && locale("", "C.utf8", "C"));
        assert!(!locale("C", "C.UTF-8", "C.UTF-8") && !locale("", "", "") && !locale("", "", "POSIX"));
    }
}
