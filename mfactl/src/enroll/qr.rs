//! A QR code as modules, and as text for a terminal.
//!
//! Scanners want dark modules on a light ground. A terminal may be either, so there the colours are
//! set outright; text that goes elsewhere has ink for dark, as on paper.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use qrcode::{Color, EcLevel, QrCode};
use zeroize::Zeroizing;

/// How the code shall be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum QrForm {
    /// What the terminal can show.
    Auto,
    /// Half blocks: two modules a character.
    Utf8,
    /// Two characters a module.
    Ascii,
    /// Not at all.
    None,
    /// A new file.
    Picture(Format, PathBuf),
}

/// The format of a picture file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Png,
    Svg,
}

impl QrForm {
    /// Reads `auto`, `utf8`, `ascii`, `none`, `png=FILE` or `svg=FILE`.
    pub(crate) fn parse(form: &OsStr) -> Result<Self, &'static str> {
        let picture = |format, path: &[u8]| match path {
            b"" => Err("the name of a file is missing after `=`"),
            path => Ok(Self::Picture(format, PathBuf::from(OsStr::from_bytes(path)))),
        };
        match form.as_bytes() {
            b"auto" => Ok(Self::Auto),
            b"utf8" => Ok(Self::Utf8),
            b"ascii" => Ok(Self::Ascii),
            b"none" => Ok(Self::None),
            [b'p', b'n', b'g', b'=', path @ ..] => picture(Format::Png, path),
            [b's', b'v', b'g', b'=', path @ ..] => picture(Format::Svg, path),
            _ => Err("one of: auto, utf8, ascii, none, png=FILE, svg=FILE"),
        }
    }
}

/// The light border, in modules. The standard says 4; scanners do with 2, and a terminal is small.
const BORDER: usize = 2;
/// Black on white: the plain colours, then the fixed ones of the 256, which no palette changes.
const BLACK_ON_WHITE: &str = "\x1b[30;47;38;5;16;48;5;231m";
/// Black on black, so that the characters of a dark module make one solid square.
const BLACK_ON_BLACK: &str = "\x1b[30;40;38;5;16;48;5;16m";
/// Back to what it was.
const RESET: &str = "\x1b[0m";

/// The modules of a code. They hold the secret: wiped when dropped.
pub(crate) struct Modules {
    side: usize,
    dark: Zeroizing<Vec<bool>>,
}

impl Modules {
    /// The smallest code that holds `text`, at level L: a screen has no stains to correct. `None`
    /// when it is too long for any.
    pub(crate) fn of(text: &str) -> Option<Self> {
        let code = QrCode::with_error_correction_level(text, EcLevel::L).ok()?;
        let side = code.width();
        let dark = code.into_colors().into_iter().map(|color| color == Color::Dark).collect();
        Some(Self { side, dark: Zeroizing::new(dark) })
    }

    /// Modules a side, without a border.
    pub(crate) fn side(&self) -> usize {
        self.side
    }

    /// Whether the module at this place is dark, in coordinates that begin `border` modules outside.
    pub(crate) fn is_dark(&self, x: usize, y: usize, border: usize) -> bool {
        let (Some(x), Some(y)) = (x.checked_sub(border), y.checked_sub(border)) else { return false };
        x < self.side && y < self.side && self.dark[y * self.side + x]
    }

    /// Columns and rows of [`Modules::half_blocks`].
    pub(crate) fn half_block_size(&self) -> (usize, usize) {
        let side = self.side + 2 * BORDER;
        (side, side.div_ceil(2))
    }

    /// Columns and rows of [`Modules::ascii`].
    pub(crate) fn ascii_size(&self) -> (usize, usize) {
        let side = self.side + 2 * BORDER;
        (2 * side, side)
    }

    /// Two modules a character, one above the other.
    pub(crate) fn half_blocks(&self, colours: bool) -> Zeroizing<String> {
        let (columns, rows) = self.half_block_size();
        let mut text = Zeroizing::new(String::with_capacity(rows * (3 * columns + 40)));
        for row in 0..rows {
            if colours {
                text.push_str(BLACK_ON_WHITE);
            }
            for x in 0..columns {
                let halves = (self.is_dark(x, 2 * row, BORDER), self.is_dark(x, 2 * row + 1, BORDER));
                text.push(match halves {
                    (true, true) => '█',
                    (true, false) => '▀',
                    (false, true) => '▄',
                    (false, false) => ' ',
                });
            }
            text.push_str(if colours { "\x1b[0m\n" } else { "\n" });
        }
        text
    }

    /// Two characters a module, for terminals without Unicode.
    pub(crate) fn ascii(&self, colours: bool) -> Zeroizing<String> {
        let (_, rows) = self.ascii_size();
        let mut text = Zeroizing::new(String::with_capacity(rows * rows * 30));
        for y in 0..rows {
            let mut before = None;
            for x in 0..rows {
                let dark = self.is_dark(x, y, BORDER);
                if colours && before != Some(dark) {
                    text.push_str(if dark { BLACK_ON_BLACK } else { BLACK_ON_WHITE });
                    before = Some(dark);
                }
                text.push_str(if dark { "##" } else { "  " });
            }
            text.push_str(if colours { RESET } else { "" });
            text.push('\n');
        }
        text
    }
}

#[cfg(test)]
pub(super) const MINIMAL: &str = "otpauth://totp/alice?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=host";

#[cfg(test)]
mod tests {
    use mfa_tests::screen::{Ground, Picture};

    use super::*;

    fn long() -> String {
        format!(
            "otpauth://totp/{0}:{1}?secret={2}&issuer={0}&algorithm=SHA512&digits=8&period=60",
            "A%20Rather%20Long%20Organisation",
            "somebody.with.a.long.name%40example.org",
            "JBSWY3DPEHPK3PXP".repeat(6)
        )
    }

    #[test]
    fn a_minimal_code_fits_a_terminal_of_24_rows() {
        let code = Modules::of(MINIMAL).unwrap();
        assert_eq!(code.half_block_size(), (37, 19));
        let text = code.half_blocks(false);
        assert_eq!(text.lines().count(), 19);
        assert!(text.lines().all(|line| line.chars().count() == 37));
        let text = code.ascii(false);
        assert_eq!(text.lines().count(), 37);
        assert!(text.is_ascii() && text.lines().all(|line| line.len() == 74));
    }

    #[test]
    fn a_scanner_reads_every_form_on_every_terminal() {
        for uri in [MINIMAL.to_owned(), long()] {
            let code = Modules::of(&uri).unwrap();
            for ground in [Ground::Dark, Ground::Light] {
                for text in [code.half_blocks(true), code.ascii(true)] {
                    assert_eq!(Picture::of(&text, ground).scanned(), uri, "{ground:?}");
                }
            }
        }
    }

    #[test]
    fn a_scanner_reads_the_plain_forms_as_on_paper() {
        for uri in [MINIMAL.to_owned(), long()] {
            let code = Modules::of(&uri).unwrap();
            let text = code.half_blocks(false);
            assert!(!text.contains('\x1b'));
            assert_eq!(Picture::of(&text, Ground::Light).scanned(), uri);
            let text = code.ascii(false);
            assert!(!text.contains('\x1b'));
            assert_eq!(Picture::of(&text, Ground::Light).from_afar().scanned(), uri);
        }
    }

    #[test]
    fn a_text_beyond_any_code_is_none() {
        assert!(Modules::of(&"x".repeat(3000)).is_none());
    }

    #[test]
    fn the_forms_are_named() {
        let parse = |form: &str| QrForm::parse(form.as_ref());
        assert_eq!(parse("utf8"), Ok(QrForm::Utf8));
        assert_eq!(parse("svg=a=b"), Ok(QrForm::Picture(Format::Svg, "a=b".into())));
        assert!(parse("png=").is_err() && parse("").is_err() && parse("UTF8").is_err());
    }
}
