//! Terminal sequences in what programs print: colours are for a terminal, all else is for nobody here.

/// Takes the sequences out of a stream, wherever it is cut.
#[derive(Debug, Default)]
pub(crate) struct Escapes {
    state: State,
    sequence: Vec<u8>,
}

#[derive(Debug, Default, Clone, Copy)]
enum State {
    #[default]
    Text,
    /// After ESC.
    Begun,
    /// In `ESC [ ... letter`.
    Control,
    /// In `ESC ] ... BEL`, such as the title of a window.
    Title,
}

const ESC: u8 = 0x1b;
const BEL: u8 = 0x07;

impl Escapes {
    /// The text of `bytes`, with the colours in it where `colours`, and without carriage returns.
    pub(crate) fn strip(&mut self, bytes: &[u8], colours: bool) -> Vec<u8> {
        let mut text = Vec::with_capacity(bytes.len());
        for &byte in bytes {
            match self.state {
                State::Text if byte == ESC => {
                    self.sequence = vec![ESC];
                    self.state = State::Begun;
                }
                State::Text if matches!(byte, b'\r' | BEL) => {}
                State::Text => text.push(byte),
                State::Begun => {
                    self.sequence.push(byte);
                    self.state = match byte {
                        b'[' => State::Control,
                        b']' => State::Title,
                        _ => State::Text,
                    };
                }
                State::Control => {
                    self.sequence.push(byte);
                    if (b'@'..=b'~').contains(&byte) {
                        if byte == b'm' && colours {
                            text.append(&mut self.sequence);
                        }
                        self.state = State::Text;
                    }
                }
                State::Title if byte == BEL => self.state = State::Text,
                State::Title => {}
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::Escapes;

    const SHOWN: &[u8] = b"\x1b[?2004h\x1b]0;title\x07\x1b[30;47mab\x1b[0m$ \r\n";

    #[test]
    fn nothing_but_text_is_left() {
        assert_eq!(Escapes::default().strip(SHOWN, false), b"ab$ \n");
    }

    #[test]
    fn colours_stay_where_they_are_wanted() {
        assert_eq!(Escapes::default().strip(SHOWN, true), b"\x1b[30;47mab\x1b[0m$ \n");
    }

    #[test]
    fn a_sequence_may_come_in_pieces() {
        let mut escapes = Escapes::default();
        let text: Vec<u8> = SHOWN.iter().flat_map(|byte| escapes.strip(&[*byte], false)).collect();
        assert_eq!(text, b"ab$ \n");
    }
}
