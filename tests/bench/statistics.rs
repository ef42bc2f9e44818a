//! Medians, percentiles and ratios.

use serde::Serialize;

/// What a list of times comes to, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Summary {
    pub(crate) count: usize,
    pub(crate) median_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) least_ms: f64,
    pub(crate) most_ms: f64,
}

impl Summary {
    /// Of times in nanoseconds; `None` of none.
    pub(crate) fn of(mut times_ns: Vec<u64>) -> Option<Self> {
        times_ns.sort_unstable();
        Some(Self {
            count: times_ns.len(),
            median_ms: quantile_ms(&times_ns, 0.5)?,
            p99_ms: quantile_ms(&times_ns, 0.99)?,
            least_ms: quantile_ms(&times_ns, 0.0)?,
            most_ms: quantile_ms(&times_ns, 1.0)?,
        })
    }
}

/// The quantile of sorted times, between neighbours by proportion.
#[allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "times of logins are far below 2^53 ns, and positions within the list"
)]
fn quantile_ms(sorted_ns: &[u64], part: f64) -> Option<f64> {
    let last = sorted_ns.len().checked_sub(1)?;
    let at = last as f64 * part;
    let below = sorted_ns[at.floor() as usize] as f64;
    let above = sorted_ns[at.ceil() as usize] as f64;
    Some((below + (above - below) * at.fract()) / 1e6)
}

/// How one stack's median compares with another's, over the rounds of a run.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Ratio {
    /// Median over all logins, by median over all logins.
    pub(crate) overall: f64,
    /// The ratios of single rounds: their first and third quartile, which tell how steady `overall` is.
    pub(crate) round_quartiles: (f64, f64),
}

impl Ratio {
    /// Of two lists of rounds, each the times of its logins.
    pub(crate) fn of(ours: &[Vec<u64>], theirs: &[Vec<u64>]) -> Option<Self> {
        let median = |times: Vec<u64>| Summary::of(times).map(|summary| summary.median_ms);
        let overall = median(ours.concat())? / median(theirs.concat())?;
        let rounds = ours.iter().zip(theirs);
        let mut ratios: Vec<f64> = rounds
            .filter_map(|(ours, theirs)| Some(median(ours.clone())? / median(theirs.clone())?))
            .collect();
        ratios.sort_unstable_by(f64::total_cmp);
        let last = ratios.len().checked_sub(1)?;
        Some(Self { overall, round_quartiles: (ratios[last / 4], ratios[last - last / 4]) })
    }
}

#[cfg(test)]
#[allow(clippy::float_cmp, reason = "these values are exact")]
mod tests {
    use super::*;

    #[test]
    fn a_median_lies_between_two_in_the_middle() {
        let summary = Summary::of(vec![4_000_000, 1_000_000, 2_000_000, 3_000_000]).expect("four times");
        assert_eq!((summary.median_ms, summary.least_ms, summary.most_ms), (2.5, 1.0, 4.0));
    }

    #[test]
    fn of_nothing_there_is_no_median() {
        assert_eq!(Summary::of(Vec::new()), None);
    }

    #[test]
    fn a_ratio_is_of_medians_not_of_means() {
        let ours = vec![vec![1_000_000, 1_000_000, 90_000_000]];
        let theirs = vec![vec![2_000_000, 2_000_000, 2_000_000]];
        assert_eq!(Ratio::of(&ours, &theirs).expect("one round").overall, 0.5);
    }
}
