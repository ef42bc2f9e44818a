//! A picture of a window, for a document: what a terminal showed, as SVG.
//!
//! It is kept beside the documents. A test plays the session again and compares; where it shows something else now,
//! the new picture is left in cargo's target folder, from where `tests/run --accept` takes it over.

use std::fmt::Write;
use std::fs;

use crate::document::repository;
use crate::product;

/// A character cell, in pixels: of a font of 14 pixels.
const CELL: (usize, usize) = (8, 19);
/// What is left free around the text, and the bar on top of it.
const MARGIN: usize = 16;
const BAR: usize = 30;
/// How many columns the picture has at least.
const COLUMNS: usize = 64;

/// The picture of `screen`, with `title` in its bar. Prompts of shells, such as `alice@host:~$ `, stand out.
pub fn svg(title: &str, screen: &str) -> String {
    let lines: Vec<&str> = screen.trim_end().lines().collect();
    let columns = lines.iter().map(|line| line.chars().count()).max().unwrap_or(0).max(COLUMNS);
    let (width, height) = (columns * CELL.0 + 2 * MARGIN, lines.len() * CELL.1 + BAR + 2 * MARGIN);
    let mut svg = format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img">
<title>{}</title>
<style>text {{ font: 14px ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; fill: #e6e6e6; white-space: pre }}
.shell {{ fill: #8bd49c }} .title {{ fill: #9a9a9a; text-anchor: middle }}</style>
<rect width="{width}" height="{height}" rx="8" fill="#16181d"/>
<path d="M0 {BAR}V8a8 8 0 0 1 8-8H{}a8 8 0 0 1 8 8v{}z" fill="#2a2d35"/>
<text class="title" x="{}" y="20">{}</text>
"##,
        escaped(title),
        width - 8,
        BAR - 8,
        width / 2,
        escaped(title),
    );
    for (row, line) in lines.iter().enumerate() {
        let (shell, rest) = line.split_at(shell_prompt(line));
        let y = BAR + MARGIN + row * CELL.1 + 14;
        let shell = if shell.is_empty() {
            String::new()
        } else {
            format!(r#"<tspan class="shell">{}</tspan>"#, escaped(shell))
        };
        let _ = writeln!(svg, r#"<text x="{MARGIN}" y="{y}">{shell}{}</text>"#, escaped(rest)); // to a string
    }
    svg.push_str("</svg>\n");
    svg
}

/// The length of a shell's prompt at the start of a line: `user@host:folder$ `.
fn shell_prompt(line: &str) -> usize {
    let end = line.find("$ ").or_else(|| line.ends_with('$').then(|| line.len() - 1));
    end.filter(|&end| line[..end].contains('@') && !line[..end].contains(' ')).map_or(0, |end| end + 1)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Panics where `packaging/doc/NAME` is another picture than this one.
pub fn assert_kept(name: &str, picture: &str) {
    let kept = repository().join("packaging/doc").join(name);
    let seen = product::target().join("pictures").join(name);
    // Seconds that are left of something are others each time.
    let words = |text: &str| text.replace(|c: char| c.is_ascii_digit(), "");
    if fs::read_to_string(&kept).is_ok_and(|kept| words(&kept) == words(picture)) {
        let _ = fs::remove_file(&seen); // of an earlier run
        return;
    }
    let folder = seen.parent().expect("a file has a folder");
    let written = fs::create_dir_all(folder).and_then(|()| fs::write(&seen, picture));
    written.expect("cargo's target folder can be written to");
    panic!(
        "{} is not what a terminal shows now; look at {}, then: tests/run --accept",
        kept.display(),
        seen.display()
    );
}

#[cfg(test)]
mod tests {
    use super::{shell_prompt, svg};

    #[test]
    fn a_shell_s_prompt_is_told_from_others() {
        assert_eq!(shell_prompt("alice@laptop:~$ ssh server"), "alice@laptop:~$".len());
        assert_eq!(shell_prompt("alice@laptop:~$"), "alice@laptop:~$".len());
        for line in ["(alice@server) Password:", "costs $ 5", "root"] {
            assert_eq!(shell_prompt(line), 0, "{line}");
        }
    }

    #[test]
    fn what_is_shown_is_text_and_no_markup() {
        assert!(svg("t", "a <b> & c\n").contains("a &lt;b&gt; &amp; c"));
    }
}
