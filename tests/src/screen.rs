//! What a terminal shows, as a picture, and a real scanner in front of it.
//!
//! The scanner is zbar, which reads a QR code as a telephone does: it sees dark and light, whatever the
//! program meant. So the letters around the code are painted too, and the terminal's own colours matter.

use std::io::Write;
use std::process::{Command, Stdio};

/// A character cell, in pixels.
const CELL: (usize, usize) = (8, 16);

/// The colours that a terminal has by itself, as grey: ink and paper.
#[derive(Debug, Clone, Copy)]
pub enum Ground {
    /// Light letters on a dark ground.
    Dark,
    /// Dark letters on a light ground.
    Light,
}

/// A grey picture, a byte a pixel.
#[derive(Debug)]
pub struct Picture {
    width: usize,
    height: usize,
    grey: Vec<u8>,
}

impl Picture {
    /// Everything that was `shown` on a terminal of that ground, with some of the terminal around it.
    pub fn of(shown: &str, ground: Ground) -> Self {
        let plain = match ground {
            Ground::Dark => (230, 20),
            Ground::Light => (20, 250),
        };
        let lines: Vec<Vec<(char, u8, u8)>> = shown.lines().map(|line| cells(line, plain)).collect();
        let columns = lines.iter().map(Vec::len).max().unwrap_or(0) + 4;
        let (width, height) = (columns * CELL.0, (lines.len() + 4) * CELL.1);
        let mut grey = vec![plain.1; width * height];
        for (row, line) in lines.iter().enumerate() {
            for (column, &(letter, ink, paper)) in line.iter().enumerate() {
                for y in 0..CELL.1 {
                    for x in 0..CELL.0 {
                        let at = ((row + 2) * CELL.1 + y) * width + (column + 2) * CELL.0 + x;
                        grey[at] = if inked(letter, x, y) { ink } else { paper };
                    }
                }
            }
        }
        Self { width, height, grey }
    }

    /// The same from a little way off, where letters run together: as a telephone sees plain characters.
    #[must_use]
    pub fn from_afar(self) -> Self {
        let Self { width, height, grey } = self;
        let near = |at: usize, end: usize, by: usize| at.saturating_sub(by)..(at + by).min(end);
        let mean = |x: usize, y: usize| {
            let pixels = near(y, height, CELL.1 / 2)
                .flat_map(|y| near(x, width, CELL.0 / 2).map(move |x| (x, y)))
                .map(|(x, y)| usize::from(grey[y * width + x]));
            let (sum, count) = pixels.fold((0, 0), |(sum, count), pixel| (sum + pixel, count + 1));
            u8::try_from(sum / count).expect("a mean of bytes is one")
        };
        let seen = (0..width * height).map(|at| mean(at % width, at / width)).collect();
        Self { width, height, grey: seen }
    }

    /// What the scanner reads in it; panics where it reads nothing.
    pub fn scanned(&self) -> String {
        let mut file = format!("P5\n{} {}\n255\n", self.width, self.height).into_bytes();
        file.extend_from_slice(&self.grey);
        scanned(&file)
    }
}

/// What the scanner reads in the bytes of a picture file; panics where it reads nothing.
pub fn scanned(file: &[u8]) -> String {
    let mut scanner = Command::new("zbarimg")
        .args(["--quiet", "--raw", "-Sdisable", "-Sqrcode.enable", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("zbarimg, of Debian's zbar-tools, is needed");
    let mut stdin = scanner.stdin.take().expect("piped");
    stdin.write_all(file).expect("the scanner reads its picture");
    drop(stdin);
    let output = scanner.wait_with_output().expect("the scanner ends");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "the scanner found no code: {said}");
    String::from_utf8(output.stdout).expect("text").trim_end().to_owned()
}

/// The characters of a line, each with its ink and its paper.
fn cells(line: &str, plain: (u8, u8)) -> Vec<(char, u8, u8)> {
    let (mut ink, mut paper) = plain;
    let mut cells = Vec::new();
    let mut rest = line.chars();
    while let Some(letter) = rest.next() {
        if letter != '\x1b' {
            cells.push((letter, ink, paper));
            continue;
        }
        assert_eq!(rest.next(), Some('['), "only colours are expected of {line:?}");
        let sequence: String = rest.by_ref().take_while(|&c| c != 'm').collect();
        let numbers: Vec<u8> = sequence.split(';').map(|n| n.parse().unwrap_or(0)).collect();
        let mut at = 0;
        while at < numbers.len() {
            match numbers[at..] {
                [38, 5, colour, ..] => (ink, at) = (grey(colour), at + 3),
                [48, 5, colour, ..] => (paper, at) = (grey(colour), at + 3),
                [0, ..] => ((ink, paper), at) = (plain, at + 1),
                [30, ..] => (ink, at) = (40, at + 1),
                [40, ..] => (paper, at) = (40, at + 1),
                [47, ..] => (paper, at) = (190, at + 1),
                ref other => panic!("not a colour that this terminal has: {other:?}"),
            }
        }
    }
    cells
}

/// The black and the white of the 256 colours, which no palette changes.
fn grey(colour: u8) -> u8 {
    match colour {
        16 => 0,
        231 => 255,
        other => panic!("not a colour that this terminal has: {other}"),
    }
}

/// Whether a character has ink at this pixel of its cell. `#` is as in the console's own font; other letters
/// are some ink in the middle of their cell, which is all that a scanner makes of them.
fn inked(letter: char, x: usize, y: usize) -> bool {
    const HASH: [u8; 16] = [0, 0, 0, 0x6c, 0x6c, 0xfe, 0x6c, 0x6c, 0x6c, 0xfe, 0x6c, 0x6c, 0, 0, 0, 0];
    match letter {
        ' ' => false,
        '█' => true,
        '▀' => y < CELL.1 / 2,
        '▄' => y >= CELL.1 / 2,
        '#' => HASH[y] >> (7 - x) & 1 == 1,
        _ => (4..12).contains(&y) && (1..7).contains(&x) && (x + y).is_multiple_of(3),
    }
}
