//! `mfactl not-me`: somebody else was at the caller's account.

use serde::Serialize;

use crate::bus::Bus;
use crate::cli::Shape;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::print::answer;
use crate::print::escape::{shown, shown_lines};

/// `mfactl not-me --json`.
#[derive(Serialize)]
struct Undone {
    undone: String,
}

/// Tells mfad, and prints what was undone.
pub(crate) async fn not_me(shape: Shape) -> Result<Exit, Failure> {
    let said = Bus::connect().await?.not_me().await?;
    answer(shape, &Undone { undone: shown(&said) }, &words(&said))?;
    Ok(Exit::Done)
}

fn words(said: &str) -> String {
    let undone = shown_lines(said.trim());
    let undone = if undone.is_empty() { "There was nothing to undo." } else { &undone };
    format!("{undone}\nTell an administrator, and change your password: who logged in as you may know it.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::print::schema;

    #[test]
    fn what_was_undone_is_told_and_cannot_drive_the_terminal() {
        let text = words("The factor phone has ended.\nThe account is locked.\x1b[2J\n");
        assert!(
            text.starts_with("The factor phone has ended.\nThe account is locked.\\x1b[2J\nTell an"),
            "{text}"
        );
        assert!(words("").starts_with("There was nothing to undo."));
        let view = Undone { undone: shown("a\nb") };
        schema::holds("not-me", &view);
        assert_eq!(serde_json::to_string(&view).unwrap(), r#"{"undone":"a\\x0ab"}"#);
    }
}
