//! The table that people read, and the file that holds every sample.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::course::{Amounts, Measured, Round, Series};
use crate::footprint::Sizes;
use crate::stack::Stack;
use crate::statistics::Summary;
use crate::targets::{self, Target, bursts, inside, refused};

/// A writer into a `String` does not fail.
const WRITES: &str = "a string can be written to";

/// The whole table.
pub(crate) fn table(
    amounts: &Amounts,
    measured: &Measured,
    sizes: Option<&Sizes>,
    targets: &[Target],
) -> String {
    let mut text = String::new();
    let logins = amounts.logins;
    heading(
        &mut text,
        &format!("one login in a fresh process ({logins} each, in turns of {})", amounts.block),
    );
    times(&mut text, &measured.fresh, inside);
    heading(&mut text, &format!("one process for {} logins ({logins} each)", amounts.block));
    times(&mut text, &measured.one_process, inside);
    let at_once = amounts.at_once;
    heading(
        &mut text,
        &format!("{logins} logins in fresh processes, {at_once} at once ({} times)", amounts.bursts),
    );
    times(&mut text, &measured.at_once, bursts);
    throughput(&mut text, amounts, &measured.at_once);
    heading(&mut text, "left in a process after its logins");
    for (stack, left) in &measured.left {
        let name = stack.label();
        let (threads, descriptors, growth) = (left.threads, left.descriptors, left.growth_kib);
        let libraries = left.libraries.len();
        write!(
            text,
            "  {name:<30} {threads} threads, {descriptors} descriptors, {libraries} files mapped, {growth} KiB"
        )
        .expect(WRITES);
        let others = if left.others.is_empty() { "" } else { "; also changed: " };
        writeln!(text, "{others}{}", left.others.join(", ")).expect(WRITES);
    }
    scale(&mut text, amounts, measured);
    if let Some(sizes) = sizes {
        heading(&mut text, "pam_mfa.so, stripped");
        let (alone, workspace) = (sizes.alone_bytes, sizes.workspace_bytes);
        writeln!(text, "  built alone {alone} bytes, with the workspace {workspace} bytes").expect(WRITES);
    }
    if amounts.product {
        heading(&mut text, "targets");
        for target in targets {
            let found = target.found.map_or("not measured".to_owned(), |found| format!("{found:.3}"));
            let verdict = if target.reached() { "reached" } else { "MISSED" };
            writeln!(text, "  {:<40} at most {:<6} {found:>12}  {verdict}", target.what, target.at_most)
                .expect(WRITES);
        }
    }
    text
}

fn heading(text: &mut String, words: &str) {
    writeln!(text, "\n{words}").expect(WRITES);
}

/// One line a stack: its times, and how they compare with the peers'.
fn times(text: &mut String, part: &[Series], of: fn(&[Round]) -> Vec<Vec<u64>>) {
    writeln!(
        text,
        "  {:<30} {:>10} {:>10} {:>8}  {:<22} {:<22}",
        "", "median ms", "99 % ms", "refused", "× google (quartiles)", "× oath (quartiles)"
    )
    .expect(WRITES);
    for series in part {
        let Some(summary) = Summary::of(of(&series.rounds).concat()) else { continue };
        let against = |peer| {
            targets::ratio(part, of, series.stack, peer).map_or(String::new(), |ratio| {
                let (low, high) = ratio.round_quartiles;
                format!("{:.2} ({low:.2}-{high:.2})", ratio.overall)
            })
        };
        writeln!(
            text,
            "  {:<30} {:>10.3} {:>10.3} {:>8}  {:<22} {:<22}",
            series.stack.label(),
            summary.median_ms,
            summary.p99_ms,
            refused(&series.rounds),
            against(Stack::Google),
            against(Stack::Oath),
        )
        .expect(WRITES);
    }
}

fn throughput(text: &mut String, amounts: &Amounts, part: &[Series]) {
    for series in part {
        let Some(summary) = Summary::of(bursts(&series.rounds).concat()) else { continue };
        let inside = Summary::of(inside(&series.rounds).concat());
        let (median, p99) = inside.map_or((0.0, 0.0), |inside| (inside.median_ms, inside.p99_ms));
        let a_second = f64::from(amounts.logins) / summary.median_ms * 1000.0;
        let name = series.stack.label();
        writeln!(
            text,
            "  {name:<30} {a_second:>8.0} logins a second; a single one {median:.2} ms, 99 % {p99:.2} ms"
        )
        .expect(WRITES);
    }
}

fn scale(text: &mut String, amounts: &Amounts, measured: &Measured) {
    if let Some(memory) = measured.memory {
        heading(text, "mfad after all of this");
        writeln!(text, "  {memory:?}").expect(WRITES);
    }
    let Some(scale) = &measured.scale else { return };
    heading(text, "few enrolled users, and many (in turns, a fresh process a login)");
    let houses =
        [(amounts.few, &scale.few, scale.memory_of_few), (amounts.many, &scale.many, scale.memory_of_many)];
    for (enrolled, rounds, memory) in houses {
        let Some(summary) = Summary::of(inside(rounds).concat()) else { continue };
        let (median, p99, refused) = (summary.median_ms, summary.p99_ms, refused(rounds));
        writeln!(
            text,
            "  {enrolled:>7} enrolled: {median:.3} ms, 99 % {p99:.3} ms, refused {refused}; {memory:?}"
        )
        .expect(WRITES);
    }
}

/// Writes every sample, with what is needed to make them again.
pub(crate) fn write_raw(
    file: &Path,
    amounts: &Amounts,
    measured: &Measured,
    sizes: Option<&Sizes>,
    targets: &[Target],
) -> Result<(), String> {
    let raw = json!({
        "command": std::env::args().collect::<Vec<_>>(),
        "amounts": amounts,
        "machine": machine(),
        "sizes": sizes,
        "targets": targets,
        "measured": measured,
    });
    let told = |error: std::io::Error| format!("{}: {error}", file.display());
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder).map_err(told)?;
    }
    fs::write(file, format!("{raw}\n")).map_err(told)
}

/// What the figures were measured on.
fn machine() -> Value {
    let read = |file: &str| fs::read_to_string(file).unwrap_or_default();
    let cpuinfo = read("/proc/cpuinfo");
    let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    json!({
        "kernel": read("/proc/sys/kernel/osrelease").trim(),
        "cpu": model.map(|(_, name)| name),
        "cores": std::thread::available_parallelism().map_or(0, std::num::NonZero::get),
        "load": read("/proc/loadavg").trim(),
    })
}
