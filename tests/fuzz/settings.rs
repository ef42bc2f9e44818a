//! Any text, read as settings: see `sound`. The bounded form of it, from damaged settings, is a test of mfad's.
#![no_main]

#[path = "../../mfad/tests/policy/sound.rs"]
mod sound;

libfuzzer_sys::fuzz_target!(|text: &str| {
    sound::holds_of(text);
});
