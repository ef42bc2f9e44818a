//! Comma-separated values, as RFC 4180 has them: lines end with CR LF, and a cell that needs it stands in quotes.
//!
//! Whoever opens them in a spreadsheet must not run what a user has put into a name: a cell that would be taken for a
//! formula begins with an apostrophe. (S29)

/// One line, without its end.
pub(crate) fn line(cells: &[String]) -> String {
    let cells: Vec<String> = cells.iter().map(|text| cell(text)).collect();
    cells.join(",")
}

/// The end of a line, before the line feed that [`Out::line`](super::Out::line) writes.
pub(crate) const END: &str = "\r";

fn cell(text: &str) -> String {
    let is_formula =
        text.trim_start().starts_with(['=', '+', '-', '@', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}'])
            || text.starts_with(['\t', '\r', '\n']);
    let text = if is_formula { format!("'{text}") } else { text.to_owned() };
    if text.contains(['"', ',', '\r', '\n', ';']) || text.starts_with(' ') || text.ends_with(' ') {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(cells: &[&str]) -> String {
        line(&cells.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn cells_stand_as_rfc_4180_has_them() {
        assert_eq!(of(&["a", "b c", ""]), "a,b c,");
        assert_eq!(of(&["a,b", "say \"hi\"", "two\r\nlines"]), "\"a,b\",\"say \"\"hi\"\"\",\"two\r\nlines\"");
    }

    // S29
    #[test]
    fn no_cell_is_a_formula() {
        for text in ["=1+1", "+1", "-1", "@SUM(A1)", " =1", "\t=1", "\r=1", "=cmd|' /C calc'!A0", "\u{ff1d}1"]
        {
            let cell = of(&[text]);
            assert!(cell.trim_start_matches('"').starts_with('\''), "{text:?}: {cell:?}");
        }
        assert_eq!(of(&["a=b", "10.0.0.0/8", "SHA256:+x"]), "a=b,10.0.0.0/8,SHA256:+x");
    }
}
