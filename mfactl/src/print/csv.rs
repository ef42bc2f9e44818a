//! Comma-separated values: RFC 4180, in which no cell is a formula.

/// One row, without the end of its line. What a spreadsheet would compute stands behind an apostrophe.
pub(crate) fn line<C: AsRef<str>>(cells: impl IntoIterator<Item = C>) -> String {
    cells.into_iter().map(|cell| quoted(cell.as_ref())).collect::<Vec<_>>().join(",")
}

fn quoted(cell: &str) -> String {
    let formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let cell = if formula { format!("'{cell}") } else { cell.to_owned() };
    if cell.contains([',', '"', '\n', '\r']) { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_end_a_cell_or_compute_does_neither() {
        assert_eq!(line(["a", "b,c", "say \"x\"", "", "=1+1"]), "a,\"b,c\",\"say \"\"x\"\"\",,'=1+1");
        assert_eq!(line(["two\nlines", "-1", "@SUM(a)"]), "\"two\nlines\",'-1,'@SUM(a)");
    }
}
