//! Paints text as a terminal would show it, and reads the picture with a real scanner (zbar).

use std::io::Write;
use std::process::{Command, Stdio};

/// A character cell, in pixels.
const CELL: (usize, usize) = (8, 16);

/// The colours that a terminal has by itself.
#[derive(Clone, Copy, Debug)]
pub(super) enum Ground {
    Dark,
    Light,
}

/// A grey picture: width, height, a byte a pixel.
pub(super) struct Picture {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) grey: Vec<u8>,
}

/// `text` with its colours on a terminal of that ground, with some of the terminal around it.
pub(super) fn painted(text: &str, ground: Ground) -> Picture {
    let plain = match ground {
        Ground::Dark => (230, 20),
        Ground::Light => (20, 250),
    };
    let lines: Vec<Vec<(char, u8, u8)>> = text.lines().map(|line| cells(line, plain)).collect();
    let columns = lines.iter().map(Vec::len).max().unwrap() + 4;
    let (width, height) = (columns * CELL.0, (lines.len() + 4) * CELL.1);
    let mut grey = vec![plain.1; width * height];
    for (row, line) in lines.iter().enumerate() {
        for (column, &(c, ink, paper)) in line.iter().enumerate() {
            for y in 0..CELL.1 {
                for x in 0..CELL.0 {
                    let at = ((row + 2) * CELL.1 + y) * width + (column + 2) * CELL.0 + x;
                    grey[at] = if inked(c, x, y) { ink } else { paper };
                }
            }
        }
    }
    Picture { width, height, grey }
}

/// The characters of a line, each with its ink and its paper.
fn cells(line: &str, plain: (u8, u8)) -> Vec<(char, u8, u8)> {
    let (mut ink, mut paper) = plain;
    let mut cells = Vec::new();
    let mut rest = line.chars();
    while let Some(c) = rest.next() {
        if c != '\x1b' {
            cells.push((c, ink, paper));
            continue;
        }
        assert_eq!(rest.next(), Some('['));
        let sequence: String = rest.by_ref().take_while(|&c| c != 'm').collect();
        let numbers: Vec<u8> = sequence.split(';').map(|n| n.parse().unwrap()).collect();
        let mut at = 0;
        while at < numbers.len() {
            match numbers[at..] {
                [38, 5, colour, ..] => (ink, at) = (grey(colour), at + 3),
                [48, 5, colour, ..] => (paper, at) = (grey(colour), at + 3),
                [0, ..] => ((ink, paper), at) = (plain, at + 1),
                [30, ..] => (ink, at) = (40, at + 1),
                [40, ..] => (paper, at) = (40, at + 1),
                [47, ..] => (paper, at) = (190, at + 1),
                ref other => panic!("not a colour: {other:?}"),
            }
        }
    }
    cells
}

/// The two colours of the 256 that are used.
fn grey(colour: u8) -> u8 {
    match colour {
        16 => 0,
        231 => 255,
        _ => panic!("not a colour of ours: {colour}"),
    }
}

/// Whether `c` has ink at this pixel of its cell. `#` as in the console's own font.
fn inked(c: char, x: usize, y: usize) -> bool {
    const HASH: [u8; 16] = [0, 0, 0, 0x6c, 0x6c, 0xfe, 0x6c, 0x6c, 0x6c, 0xfe, 0x6c, 0x6c, 0, 0, 0, 0];
    match c {
        ' ' => false,
        '█' => true,
        '▀' => y < CELL.1 / 2,
        '▄' => y >= CELL.1 / 2,
        '#' => HASH[y] >> (7 - x) & 1 == 1,
        other => panic!("no such letter in this font: {other:?}"),
    }
}

/// The picture as a camera sees it that does not resolve letters: a quarter as wide and as high,
/// each pixel the mean of a cell around it.
pub(super) fn blurred(picture: &Picture) -> Picture {
    const STEP: usize = 4;
    let mean = |x: usize, y: usize| {
        let columns = x.saturating_sub(CELL.0 / 2)..(x + CELL.0 / 2).min(picture.width);
        let rows = y.saturating_sub(CELL.1 / 2)..(y + CELL.1 / 2).min(picture.height);
        let count = columns.len() * rows.len();
        let row = |y: usize| &picture.grey[y * picture.width..][columns.clone()];
        let sum: usize = rows.flat_map(row).map(|&grey| usize::from(grey)).sum();
        u8::try_from(sum / count).unwrap()
    };
    let (width, height) = (picture.width / STEP, picture.height / STEP);
    let grey = (0..width * height).map(|at| mean(at % width * STEP, at / width * STEP)).collect();
    Picture { width, height, grey }
}

/// What zbar reads in the picture.
pub(super) fn read_by_scanner(picture: &Picture) -> String {
    let mut file = format!("P5\n{} {}\n255\n", picture.width, picture.height).into_bytes();
    file.extend_from_slice(&picture.grey);
    read_file_by_scanner(&file)
}

/// What zbar reads in a picture file's bytes.
pub(super) fn read_file_by_scanner(file: &[u8]) -> String {
    let mut scanner = Command::new("zbarimg")
        .args(["--quiet", "--raw", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("zbarimg, of Debian's zbar-tools, is needed");
    scanner.stdin.take().unwrap().write_all(file).unwrap();
    let output = scanner.wait_with_output().unwrap();
    assert!(output.status.success(), "zbar found no code: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}
