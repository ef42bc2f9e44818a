//! A QR code as a picture file. The file holds the secret: it is new, private, and gone again if
//! the enrolment did not begin.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::qr::{Format, Modules};
use crate::failure::Failure;
use crate::print::escape::shown;

/// The light border that the standard asks for, in modules.
const BORDER: usize = 4;
/// Pixels a module.
const SCALE: usize = 8;

/// A file that was created and has no picture yet.
pub(crate) struct Canvas {
    file: File,
    path: PathBuf,
    format: Format,
    kept: bool,
}

impl Canvas {
    /// Creates the file: it must not exist yet, and only its owner can read it.
    pub(crate) fn create(format: Format, path: &Path) -> Result<Self, Failure> {
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
            .map_err(|error| failed(path, error))?;
        Ok(Self { file, path: path.to_owned(), format, kept: false })
    }

    /// Draws the code, and keeps the file.
    pub(crate) fn draw(mut self, code: &Modules) -> Result<(), Failure> {
        let picture = match self.format {
            Format::Png => png(code),
            Format::Svg => svg(code),
        };
        self.file.write_all(&picture).map_err(|error| failed(&self.path, error))?;
        self.kept = true;
        Ok(())
    }
}

impl Drop for Canvas {
    fn drop(&mut self) {
        if !self.kept {
            let _ = std::fs::remove_file(&self.path); // created by us, and empty
        }
    }
}

fn failed(path: &Path, error: std::io::Error) -> Failure {
    Failure::File(shown(&path.to_string_lossy()), error)
}

/// A path a row of dark modules, in units of modules.
fn svg(code: &Modules) -> Zeroizing<Vec<u8>> {
    let side = code.side() + 2 * BORDER;
    let mut text = Zeroizing::new(Vec::with_capacity(side * side * 16));
    text.extend_from_slice(
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {side} {side}\" \
             width=\"{0}\" height=\"{0}\" shape-rendering=\"crispEdges\">\n\
             <path fill=\"#fff\" d=\"M0 0h{side}v{side}H0z\"/>\n<path d=\"",
            side * SCALE
        )
        .as_bytes(),
    );
    for y in 0..side {
        for x in (0..side).filter(|&x| code.is_dark(x, y, BORDER)) {
            text.extend_from_slice(format!("M{x} {y}h1v1h-1z").as_bytes());
        }
    }
    text.extend_from_slice(b"\"/>\n</svg>\n");
    text
}

/// One bit a pixel, in deflate's stored blocks: a code is small, and so stays the code for it.
/// Source: the PNG specification (RFC 2083), RFC 1950, RFC 1951.
fn png(code: &Modules) -> Zeroizing<Vec<u8>> {
    let side = (code.side() + 2 * BORDER) * SCALE;
    let rows = scanlines(code, side);
    let mut zlib = Zeroizing::new(Vec::with_capacity(rows.len() + rows.len() / 1000 + 64));
    zlib.extend_from_slice(&[0x78, 0x01]);
    let mut blocks = rows.chunks(usize::from(u16::MAX)).peekable();
    while let Some(block) = blocks.next() {
        let length = u16::try_from(block.len()).unwrap_or(u16::MAX); // a chunk is no longer
        zlib.push(u8::from(blocks.peek().is_none()));
        zlib.extend_from_slice(&length.to_le_bytes());
        zlib.extend_from_slice(&(!length).to_le_bytes());
        zlib.extend_from_slice(block);
    }
    zlib.extend_from_slice(&adler32(&rows).to_be_bytes());

    let pixels = u32::try_from(side).unwrap_or(u32::MAX).to_be_bytes(); // at most 185 modules a side
    let mut header = [pixels, pixels].concat();
    header.extend_from_slice(&[1, 0, 0, 0, 0]); // a bit a pixel, grey, nothing fancy
    let mut picture = Zeroizing::new(Vec::with_capacity(zlib.len() + 64));
    picture.extend_from_slice(b"\x89PNG\r\n\x1a\n");
    chunk(&mut picture, *b"IHDR", &header);
    chunk(&mut picture, *b"IDAT", &zlib);
    chunk(&mut picture, *b"IEND", &[]);
    picture
}

/// Each row behind its filter byte, 1 for light.
fn scanlines(code: &Modules, side: usize) -> Zeroizing<Vec<u8>> {
    let width = 1 + side.div_ceil(8);
    let mut rows = Zeroizing::new(vec![0u8; side * width]);
    for y in 0..side {
        for x in 0..side {
            if !code.is_dark(x / SCALE, y / SCALE, BORDER) {
                rows[y * width + 1 + x / 8] |= 0x80 >> (x % 8);
            }
        }
    }
    rows
}

fn chunk(picture: &mut Vec<u8>, kind: [u8; 4], data: &[u8]) {
    picture.extend_from_slice(&u32::try_from(data.len()).unwrap_or(u32::MAX).to_be_bytes());
    let start = picture.len();
    picture.extend_from_slice(&kind);
    picture.extend_from_slice(data);
    let sum = crc32(&picture[start..]);
    picture.extend_from_slice(&sum.to_be_bytes());
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |sum, &byte| {
        (0..8).fold(sum ^ u32::from(byte), |sum, _| (sum >> 1) ^ (0xedb8_8320 & (sum & 1).wrapping_neg()))
    })
}

fn adler32(bytes: &[u8]) -> u32 {
    let (a, b) = bytes.iter().fold((1u32, 0u32), |(a, b), &byte| {
        let a = (a + u32::from(byte)) % 65_521;
        (a, (b + a) % 65_521)
    });
    b << 16 | a
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use mfa_tests::screen::scanned;

    use super::super::qr::MINIMAL;
    use super::*;

    #[test]
    fn the_sums_are_those_of_the_specifications() {
        assert_eq!(crc32(b"IEND"), 0xae42_6082);
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        assert_eq!(adler32(b"Wikipedia"), 0x11e6_0398);
    }

    #[test]
    fn a_scanner_reads_the_png_of_a_short_and_of_a_long_code() {
        for uri in [MINIMAL.to_owned(), format!("{MINIMAL}&more={}", "x".repeat(900))] {
            assert_eq!(scanned(&png(&Modules::of(&uri).unwrap())), uri);
        }
    }

    #[test]
    fn the_svg_has_a_square_for_every_dark_module() {
        let code = Modules::of(MINIMAL).unwrap();
        let text = String::from_utf8(svg(&code).to_vec()).unwrap();
        let dark = (0..code.side() * code.side())
            .filter(|at| code.is_dark(at % code.side(), at / code.side(), 0))
            .count();
        assert_eq!(text.matches("h1v1h-1z").count(), dark);
        assert!(text.contains("viewBox=\"0 0 41 41\"") && text.contains("M4 4h1v1h-1z"));
    }

    #[test]
    fn the_file_is_private_and_new_and_gone_if_unused() {
        let path = std::env::temp_dir().join(format!("mfactl-picture-{}.png", std::process::id()));
        let canvas = Canvas::create(Format::Png, &path).unwrap();
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert!(matches!(Canvas::create(Format::Png, &path), Err(Failure::File(..))));
        drop(canvas);
        assert!(!path.exists());
        Canvas::create(Format::Png, &path).unwrap().draw(&Modules::of(MINIMAL).unwrap()).unwrap();
        assert!(path.exists());
        std::fs::remove_file(&path).unwrap();
    }
}
