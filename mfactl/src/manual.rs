//! `mfactl man`: the manual's pages of section 1, one a verb, out of the definitions of the command line.
//!
//! What stands under a verb's long help in plain text becomes sections of its page:
//!
//! ```text
//! Examples:                      .SH EXAMPLES
//!   mfactl enroll                as it stands
//! Words for people.              a paragraph
//! ```

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;

use clap::{Command, CommandFactory};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use crate::cli::Cli;
use crate::exit::Exit;
use crate::failure::Failure;

/// The pages of the other sections, which are written by hand.
const OTHERS: [&str; 3] = ["mfad.toml(5)", "mfad(8)", "pam_mfa(8)"];

/// Writes every page into `folder`.
pub(crate) fn write(folder: &Path) -> Result<Exit, Failure> {
    for (name, page) in pages()? {
        let path = folder.join(name);
        // As root in a folder of somebody else's, a link there must not lead it to another file.
        let written = OpenOptions::new().write(true).create_new(true).open(&path);
        let written = written.and_then(|mut file| file.write_all(&page));
        written.map_err(|error| Failure::File(path.display().to_string(), error))?;
    }
    Ok(Exit::Done)
}

/// Name and text of every page.
fn pages() -> std::io::Result<Vec<(String, Vec<u8>)>> {
    let mut mfactl = Cli::command().disable_help_subcommand(true);
    mfactl.build();
    let mut pages = Vec::new();
    gather(&mfactl, &[], &mut pages)?;
    Ok(pages)
}

fn gather(verb: &Command, above: &[&str], pages: &mut Vec<(String, Vec<u8>)>) -> std::io::Result<()> {
    let name = name(verb);
    pages.push((format!("{name}.1"), page(verb, above)?));
    let above = [above, &[name]].concat();
    verb.get_subcommands().filter(|verb| !verb.is_hide_set()).try_for_each(|verb| gather(verb, &above, pages))
}

/// `mfactl-user-recover`.
fn name(verb: &Command) -> &str {
    verb.get_display_name().unwrap_or_else(|| verb.get_name())
}

/// The page of `verb`, which belongs to the verbs `above`.
fn page(verb: &Command, above: &[&str]) -> std::io::Result<Vec<u8>> {
    let man = Man::new(verb.clone());
    // By hand, since an empty argument (no date: the same source makes the same page) has to be quoted.
    let title = name(verb).to_uppercase().replace('-', "\\-");
    let mut page =
        format!(".TH {title} 1 \"\" \"mfactl {}\" \"mfad manual\"\n", env!("CARGO_PKG_VERSION")).into_bytes();
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    if verb.get_arguments().any(|argument| !argument.is_hide_set()) {
        man.render_options_section(&mut page)?;
    }
    if verb.get_subcommands().any(|verb| !verb.is_hide_set()) {
        man.render_subcommands_section(&mut page)?;
    }
    let mut rest = Roff::new();
    if let Some(text) = verb.get_after_long_help().or_else(|| verb.get_after_help()) {
        sections(&mut rest, &text.to_string());
    }
    see_also(&mut rest, above);
    rest.to_writer(&mut page)?;
    Ok(page)
}

/// The sections of a help text; see the head of this file.
fn sections(roff: &mut Roff, text: &str) {
    let mut verbatim = false;
    for line in text.lines() {
        let indented = line.strip_prefix("  ");
        if verbatim && indented.is_none() && !line.is_empty() {
            roff.control("fi", []).control("RE", []);
            verbatim = false;
        }
        match (indented, line.strip_suffix(':')) {
            (Some(example), _) => {
                if !verbatim {
                    roff.control("RS", ["4"]).control("nf", []);
                    verbatim = true;
                }
                roff.text([roman(example)]);
            }
            (None, Some(heading)) => {
                roff.control("SH", [heading.to_uppercase().as_str()]);
            }
            (None, None) if line.is_empty() && verbatim => {
                roff.control("sp", []);
            }
            (None, None) if line.is_empty() => {
                roff.control("PP", []);
            }
            (None, None) => {
                roff.text([roman(line)]);
            }
        }
    }
    if verbatim {
        roff.control("fi", []).control("RE", []);
    }
}

fn see_also(roff: &mut Roff, above: &[&str]) {
    roff.control("SH", ["SEE ALSO"]);
    let above = above.iter().rev().map(|name| format!("{name}(1)"));
    let pages: Vec<String> = above.chain(OTHERS.map(str::to_owned)).collect();
    let mut words = Vec::new();
    for (at, page) in pages.iter().enumerate() {
        if at > 0 {
            words.push(roman(", "));
        }
        let (name, section) = page.split_at(page.find('(').unwrap_or(page.len()));
        words.extend([bold(name), roman(section)]);
    }
    roff.text(words);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_help_text_becomes_sections() {
        let mut roff = Roff::new();
        sections(&mut roff, "Examples:\n  a --b\n\n  .c\nWords.\n\nMore:\n  x");
        let text = roff.to_roff();
        let expected = ".SH EXAMPLES\n.RS 4\n.nf\na \\-\\-b\n.sp\n\\&.c\n.fi\n.RE\nWords.\n.SH MORE\n.RS 4\n.nf\nx\n.fi\n.RE\n";
        assert_eq!(text.replace(".PP\n", ""), expected);
    }

    #[test]
    fn every_verb_that_is_shown_has_a_page() {
        let pages = pages().unwrap();
        let names: Vec<&str> = pages.iter().map(|(name, _)| name.as_str()).collect();
        for name in ["mfactl.1", "mfactl-enroll-begin.1", "mfactl-user-recover.1", "mfactl-completions.1"] {
            assert!(names.contains(&name), "{names:?}");
        }
        assert!(!names.iter().any(|name| name.contains("mfactl-man") || name.contains("help")), "{names:?}");
    }

    #[test]
    fn a_page_has_what_is_looked_for() {
        let pages = pages().unwrap();
        let page = |wanted: &str| {
            let (_, page) = pages.iter().find(|(name, _)| name == wanted).unwrap();
            String::from_utf8(page.clone()).unwrap()
        };
        let mfactl = page("mfactl.1");
        for heading in
            ["NAME", "SYNOPSIS", "EXAMPLES", "\"EXIT STATUS\"", "\"OUTPUT FOR PROGRAMS\"", "\"SEE ALSO\""]
        {
            assert!(mfactl.contains(&format!("\n.SH {heading}\n")), "{heading}: {mfactl}");
        }
        for exit in Exit::ALL {
            assert!(mfactl.contains(&format!("\n{}  {}\n", exit.number(), exit.means())), "{mfactl}");
        }
        assert!(page("mfactl-user-recover.1").contains("\\fBmfactl\\-user\\fR(1), \\fBmfactl\\fR(1), "));
    }
}
