//! What a run must reach, and whether it did.

use serde::Serialize;

use crate::course::{Measured, Round, Series};
use crate::footprint::Sizes;
use crate::stack::Stack;
use crate::statistics::{Ratio, Summary};

/// One limit.
#[derive(Debug, Serialize)]
pub(crate) struct Target {
    pub(crate) what: String,
    pub(crate) at_most: f64,
    /// Absent where the run did not measure it: then it is missed.
    pub(crate) found: Option<f64>,
}

impl Target {
    fn new(what: &str, at_most: f64, found: Option<f64>) -> Self {
        Self { what: what.to_owned(), at_most, found }
    }

    /// Whether it is reached.
    pub(crate) fn reached(&self) -> bool {
        self.found.is_some_and(|found| found <= self.at_most)
    }
}

/// The times inside the processes, round by round.
pub(crate) fn inside(rounds: &[Round]) -> Vec<Vec<u64>> {
    rounds.iter().map(|round| round.samples.iter().map(|sample| sample.inside_ns).collect()).collect()
}

/// The time of each burst, as a round of one.
pub(crate) fn bursts(rounds: &[Round]) -> Vec<Vec<u64>> {
    rounds.iter().map(|round| round.all_ns.into_iter().collect()).collect()
}

/// Logins of people with a right code that were refused.
pub(crate) fn refused(rounds: &[Round]) -> usize {
    rounds.iter().flat_map(|round| &round.samples).filter(|sample| !sample.granted()).count()
}

/// How `ours` compares with `theirs` in one part.
pub(crate) fn ratio(
    part: &[Series],
    times: fn(&[Round]) -> Vec<Vec<u64>>,
    ours: Stack,
    theirs: Stack,
) -> Option<Ratio> {
    let of = |stack| part.iter().find(|series| series.stack == stack).map(|series| times(&series.rounds));
    Ratio::of(&of(ours)?, &of(theirs)?)
}

/// All limits, in the order in which they are shown.
#[allow(clippy::cast_precision_loss, reason = "sizes and counts are far below 2^53")]
pub(crate) fn all(measured: &Measured, sizes: Option<&Sizes>) -> Vec<Target> {
    let overall = |part, times, theirs| ratio(part, times, Stack::Mfa, theirs).map(|ratio| ratio.overall);
    let ours = |part: &[Series]| -> Option<usize> {
        let series: Vec<&Series> = part.iter().filter(|series| series.stack.is_ours()).collect();
        if series.is_empty() { None } else { Some(series.iter().map(|series| refused(&series.rounds)).sum()) }
    };
    let refused = Some([&measured.fresh, &measured.one_process, &measured.at_once])
        .and_then(|parts| parts.into_iter().map(|part| ours(part)).sum::<Option<usize>>());
    let scale = measured.scale.as_ref().and_then(|scale| {
        let median = |rounds| Summary::of(inside(rounds).concat()).map(|summary| summary.median_ms);
        Some(median(&scale.many)? / median(&scale.few)?)
    });
    let resident = measured.scale.as_ref().and_then(|scale| scale.memory_of_many);
    let left = measured.left.iter().find(|(stack, _)| *stack == Stack::Mfa).map(|(_, left)| left);
    let mebibytes = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    vec![
        Target::new("fresh process, median, × google", 0.5, overall(&measured.fresh, inside, Stack::Google)),
        Target::new("fresh process, median, × pam_oath", 0.75, overall(&measured.fresh, inside, Stack::Oath)),
        Target::new("logins at once, × google", 0.5, overall(&measured.at_once, bursts, Stack::Google)),
        Target::new("honest logins refused", 0.0, refused.map(|count| count as f64)),
        Target::new("median, many enrolled × few", 1.1, scale),
        Target::new("pam_mfa.so by -p, MiB", 1.2, sizes.map(|sizes| mebibytes(sizes.alone_bytes))),
        Target::new(
            "pam_mfa.so by --workspace, MiB",
            1.2,
            sizes.map(|sizes| mebibytes(sizes.workspace_bytes)),
        ),
        Target::new(
            "mfad resident with many enrolled, MiB",
            24.0,
            resident.map(|memory| memory.resident_kib as f64 / 1024.0),
        ),
        Target::new("threads left", 0.0, left.map(|left| f64::from(left.threads))),
        Target::new("descriptors left", 0.0, left.map(|left| f64::from(left.descriptors))),
    ]
}
