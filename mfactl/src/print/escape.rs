//! Text of others, made safe for a terminal.

use std::fmt::Write;

/// `text` on one line: what could move the cursor, change colours or reverse the reading
/// direction stands as `\xNN` or `\u{…}`; other Unicode stays as it is.
pub(crate) fn shown(text: &str) -> String {
    escaped_but(text, |_| false)
}

/// [`shown`], with line breaks and tabs kept: for prompts of several lines.
pub(crate) fn shown_lines(text: &str) -> String {
    escaped_but(text, |c| matches!(c, '\n' | '\t'))
}

fn escaped_but(text: &str, keep: impl Fn(char) -> bool) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        if keep(c) || !deceives(c) {
            safe.push(c);
        } else if c.is_ascii() {
            let _ = write!(safe, "\\x{:02x}", u32::from(c)); // writing to a String cannot fail
        } else {
            let _ = write!(safe, "\\u{{{:x}}}", u32::from(c));
        }
    }
    safe
}

/// Control characters, separators of lines, and what reorders or hides its neighbours.
fn deceives(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_terminal_obeys_gets_through() {
        assert_eq!(shown("a\x1b]0;x\x07\r\nb\x7f\u{9b}31m"), r"a\x1b]0;x\x07\x0d\x0ab\x7f\u{9b}31m");
        assert_eq!(shown("abc\u{202e}fed\u{2028}"), r"abc\u{202e}fed\u{2028}");
    }

    #[test]
    fn ordinary_words_of_any_script_stay() {
        assert_eq!(shown("José's phone · 電話"), "José's phone · 電話");
    }

    #[test]
    fn a_prompt_may_have_lines() {
        assert_eq!(shown_lines("one\n\ttwo\r\x1b"), "one\n\ttwo\\x0d\\x1b");
    }
}
