//! What the person at the keyboard answers: fixed bytes, or the code that a token shows now.

use std::cell::Cell;
use std::rc::Rc;
use std::time::{SystemTime, UNIX_EPOCH};

use totp_rs::{Algorithm, Builder, Secret, Totp};

/// One answer of the sequence that a login's prompts consume.
#[derive(Clone)]
pub(crate) enum Answer {
    /// These bytes.
    Bytes(Vec<u8>),
    /// The code of `totp`, so many steps from now.
    Code { totp: Totp, step_offset: i64 },
    /// The code of a token with a button, of which each answer is one press.
    Press { totp: Totp, counter: Rc<Cell<u64>> },
}

impl Answer {
    /// Reads `SECRET[,offset=N][,digits=N][,period=N][,algorithm=SHA1|SHA256|SHA512][,counter=N]`, the secret in base32.
    /// With a counter, it is a token with a button, and its first code is that of the counter.
    pub(crate) fn totp(text: &str, default_offset: i64) -> Result<Self, String> {
        let mut parts = text.split(',');
        let secret = parts.next().unwrap_or_default();
        let secret = Secret::try_from_base32(secret).map_err(|_| "a secret is base32".to_owned())?;
        let mut builder = Builder::new().with_secret(secret);
        let (mut step_offset, mut counter) = (default_offset, None);
        for part in parts {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            let number = || value.parse::<i64>().map_err(|_| format!("{name}= takes a number"));
            builder = match name {
                "offset" => {
                    step_offset = number()?;
                    builder
                }
                "digits" => match value.parse() {
                    Ok(digits @ 6..=9) => builder.with_digits(digits),
                    _ => return Err("digits= takes 6 to 9".to_owned()),
                },
                "counter" => {
                    counter = Some(number()?.unsigned_abs());
                    builder.with_step_duration(1) // a step is what a token by time counts
                }
                "period" => builder.with_step_duration(number()?.max(1).unsigned_abs()),
                "algorithm" => builder.with_algorithm(match value {
                    "SHA1" => Algorithm::SHA1,
                    "SHA256" => Algorithm::SHA256,
                    "SHA512" => Algorithm::SHA512,
                    _ => return Err(format!("unknown algorithm {value}")),
                }),
                _ => return Err(format!("unknown part {name} of a secret")),
            };
        }
        let totp = builder.build_noncompliant();
        Ok(match counter {
            Some(counter) => Self::Press { totp, counter: Rc::new(Cell::new(counter)) },
            None => Self::Code { totp, step_offset },
        })
    }

    /// The bytes to type at this moment.
    pub(crate) fn typed(&self) -> Vec<u8> {
        match self {
            Self::Bytes(bytes) => bytes.clone(),
            Self::Press { totp, counter } => {
                let pressed = counter.replace(counter.get() + 1);
                totp.generate(pressed).to_string().into_bytes()
            }
            Self::Code { totp, step_offset } => {
                let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs());
                let step = totp.next_step(0).cast_signed();
                let then = now.cast_signed().saturating_add(step.saturating_mul(*step_offset));
                totp.generate(then.max(0).cast_unsigned()).to_string().into_bytes()
            }
        }
    }
}

/// Bytes from hexadecimal digits.
pub(crate) fn from_hex(text: &str) -> Result<Vec<u8>, String> {
    let wrong = || "an odd or wrong hexadecimal text".to_owned();
    if !text.is_ascii() || !text.len().is_multiple_of(2) {
        return Err(wrong());
    }
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).map_err(|_| wrong()))
        .collect()
}
