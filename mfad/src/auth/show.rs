//! An enrolment inside a prompt: what the app needs, as a picture and as text, the question last.
//!
//! A prompt holds no colours and no cursor movement, so the picture is drawn in the terminal's own
//! two colours, light modules in ink: most terminals are dark. The text secret stands beside it
//! always, since nobody here knows what the terminal can show.

use data_encoding::BASE32_NOPAD;
use mfa_proto::{identity::UserName, secret::in_fours};
use qrcode::{Color, EcLevel, QrCode};
use zeroize::Zeroizing;

use super::{enrolling::Showing, uri::uri, words};
use crate::policy::Entry;

/// The light border, in modules. The standard says 4; scanners do with 2, and a terminal is small.
const BORDER: usize = 2;

/// The whole prompt.
pub(super) fn text(entry: &Entry, user: &UserName, showing: &Showing) -> String {
    let secret = Zeroizing::new(BASE32_NOPAD.encode(showing.seed.expose()));
    let uri = Zeroizing::new(uri(entry, user, &showing.kind, &secret));
    let picture = picture(&uri, showing.ascii).unwrap_or_default(); // too long for any: the text stands
    let text = words::scan(&in_fours(&secret), showing.ascii);
    // One allocation: a string that grows leaves copies behind.
    ["\n", &picture, &text, words::CONFIRM].concat()
}

/// Half blocks, two modules a character; or two characters a module.
fn picture(uri: &str, ascii: bool) -> Option<Zeroizing<String>> {
    let code = QrCode::with_error_correction_level(uri, EcLevel::L).ok()?;
    let side = code.width();
    let modules = Zeroizing::new(
        code.into_colors().into_iter().map(|color| color == Color::Light).collect::<Vec<bool>>(),
    );
    let all = side + 2 * BORDER;
    let is_light = |x: usize, y: usize| match (x.checked_sub(BORDER), y.checked_sub(BORDER)) {
        (Some(x), Some(y)) if x < side && y < side => modules[y * side + x],
        _ => y < all, // the border; below the last row there is nothing
    };
    let mut text = Zeroizing::new(String::with_capacity(all * (all + 1) * 4));
    for row in 0..if ascii { all } else { all.div_ceil(2) } {
        for x in 0..all {
            if ascii {
                text.push_str(if is_light(x, row) { "##" } else { "  " });
                continue;
            }
            text.push(match (is_light(x, 2 * row), is_light(x, 2 * row + 1)) {
                (true, true) => '\u{2588}',
                (true, false) => '\u{2580}',
                (false, true) => '\u{2584}',
                (false, false) => ' ',
            });
        }
        text.push('\n');
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use mfa_proto::secret::Secret;

    use super::*;
    use crate::{
        account::FactorId,
        factor::{FactorKind, Totp},
    };

    fn entry() -> Entry {
        Entry { issuer: "host".into(), label: "{user}".into() }
    }

    fn showing(ascii: bool) -> Showing {
        Showing {
            account: crate::account::AccountId([1; 16]),
            factor: FactorId([2; 16]),
            kind: FactorKind::Totp(Totp::default()),
            seed: Arc::new(Secret::new(vec![7; 20])),
            ascii,
        }
    }

    #[test]
    fn a_prompt_has_the_picture_the_secret_and_the_question_last() {
        let text = text(&entry(), &"alice".into(), &showing(false));
        assert!(text.contains('\u{2588}') && text.contains("A4DQ OBYH"), "{text}");
        assert!(text.ends_with(words::CONFIRM) && text.starts_with('\n'), "{text}");
        let widest = text.lines().map(|line| line.chars().count()).max().unwrap();
        assert!(widest <= 80 && text.lines().count() <= 30, "{widest} columns: {text}");
        assert!(text.len() < 4000, "{} bytes", text.len());
        assert!(!text.contains('\x1b'));
    }

    #[test]
    fn a_terminal_without_block_characters_gets_ascii() {
        let text = text(&entry(), &"alice".into(), &showing(true));
        assert!(text.is_ascii() && text.contains("####"), "{text}");
    }

    // As mfad.toml(5) says.
    #[test]
    fn issuer_and_label_of_21_letters_fit_a_window_of_24_rows() {
        let rows = |issuer: &str, label: &str| {
            let entry = Entry { issuer: issuer.into(), label: label.into() };
            text(&entry, &"alice".into(), &showing(false)).lines().count()
        };
        assert_eq!(rows("abcdefghijklmnop", "{user}"), 24);
        assert_eq!(rows("abcdefghijklmnopq", "{user}"), 26);
        assert_eq!(rows("abcdef", "{user}@abcdefg"), 24);
        assert_eq!(rows("abcdef", "{user}@abcdefgh"), 26);
    }
}
