//! Refusals leave on a timer, not when the work is done: how long it took tells nothing.

use std::time::Duration;

use mfa_proto::step::{Kind, Reason, Step};

use crate::{auth::Failure, world::Clock};

/// Every refused answer takes this long, or a multiple of it.
pub(super) const REFUSAL: Duration = Duration::from_millis(300);

/// Runs `work` and holds its answer back until the next beat, unless it is good news or what was
/// asked for.
pub(super) async fn paced(
    clock: &dyn Clock,
    work: impl Future<Output = Result<Step, Failure>>,
) -> Result<Step, Failure> {
    held(clock, work, |answer| !answer.as_ref().is_ok_and(leaves_at_once)).await
}

/// Runs `work` and holds its answer back until the next beat where it `waits`. The timer starts before the work.
pub(super) async fn held<T>(
    clock: &dyn Clock,
    work: impl Future<Output = T>,
    waits: impl FnOnce(&T) -> bool,
) -> T {
    let Ok(runtime) = zruntime::SharedRuntime::current() else { return work.await };
    let (beat, arrived) = (runtime.sleep(REFUSAL), clock.now());
    let answer = work.await;
    if !waits(&answer) {
        return answer;
    }
    let beat_ms = u64::try_from(REFUSAL.as_millis()).unwrap_or(u64::MAX);
    let worked_ms = clock.now().boot_ms_since(&arrived).unwrap_or(0);
    if worked_ms < beat_ms {
        beat.await;
    } else {
        runtime.sleep(Duration::from_millis(beat_ms - worked_ms % beat_ms)).await;
    }
    answer
}

fn leaves_at_once(step: &Step) -> bool {
    match step.kind() {
        Kind::Proven | Kind::Waived => true,
        Kind::Ask => matches!(step.reason(), Some(Reason::Help | Reason::Visible)),
        Kind::Refused => false,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use mfa_proto::{answer::Answer, facts::Facts};

    use super::*;
    use crate::auth::{question::Via, tests::Host};

    /// Samples of each kind of refusal.
    const SAMPLES: usize = 5_000;
    /// Attempts at one time.
    const AT_ONCE: usize = 250;
    /// Users of each kind. Each makes four attempts, within the budget of every door.
    const USERS: usize = SAMPLES / 4;
    /// Beyond this a difference is no chance: as in dudect (Reparaz, Balasch, Verbauwhede, 2017).
    const LEAK: f64 = 4.5;

    /// What a stranger may be refused for.
    #[derive(Clone, Copy, Debug, PartialEq)]
    enum Kind {
        Wrong,
        NotEnrolled,
        Unknown,
        Locked,
    }

    const KINDS: [Kind; 4] = [Kind::Wrong, Kind::NotEnrolled, Kind::Unknown, Kind::Locked];

    impl Kind {
        fn user(self, n: usize) -> String {
            let prefix = match self {
                Self::Wrong => "wrong",
                Self::NotEnrolled => "bare",
                Self::Unknown => "nobody",
                Self::Locked => "locked",
            };
            format!("{prefix}{}", n % USERS)
        }
    }

    fn attempt(host: &Host, kind: Kind, n: usize) -> f64 {
        let (user, clock) = (kind.user(n), host.clock.clone());
        zruntime::block_on(async {
            let begun = host.auth.begin(user.as_str().into(), "sshd".into(), &Facts::new()).await.unwrap();
            let asked = begun.step;
            #[expect(clippy::disallowed_methods, reason = "a stranger has a clock of their own")]
            let sent = Instant::now();
            let answered =
                paced(&*clock, host.auth.answer(Via::Login, &asked.token, Answer::parse(b"000000")));
            let _ = answered.await.unwrap();
            sent.elapsed().as_secs_f64()
        })
    }

    /// Welch's t of two samples.
    fn welch(a: &[f64], b: &[f64]) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "thousands")]
        let of = |x: &[f64]| {
            let n = x.len() as f64;
            let mean = x.iter().sum::<f64>() / n;
            (mean, x.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0) / n)
        };
        let ((mean_a, error_a), (mean_b, error_b)) = (of(a), of(b));
        (mean_a - mean_b) / (error_a + error_b).sqrt()
    }

    // S21
    #[test]
    fn how_long_a_refusal_takes_tells_nothing() {
        let users = |kind: Kind| (0..USERS).map(move |n| kind.user(n));
        let host = Host::with_users(
            users(Kind::Wrong).chain(users(Kind::Locked)),
            users(Kind::NotEnrolled),
            users(Kind::Locked),
        );
        let one = |of: usize| {
            // Every thread has all kinds in turn, so that a slow moment of the machine meets them all.
            let own = (of..SAMPLES).step_by(AT_ONCE);
            let turns = own.flat_map(|n| (0..4).map(move |turn| (KINDS[(n + turn) % 4], n)));
            turns.map(|(kind, n)| (kind, attempt(&host, kind, n))).collect::<Vec<_>>()
        };
        let all = std::thread::scope(|scope| {
            let one = &one;
            let threads: Vec<_> = (0..AT_ONCE).map(|of| scope.spawn(move || one(of))).collect();
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
        });
        assert!(all.len() == 4 * SAMPLES && all.iter().all(|(_, took)| *took >= REFUSAL.as_secs_f64()));
        // The slowest tenth is the machine's own business, and would hide what a small leak adds.
        let mut sorted: Vec<f64> = all.iter().map(|(_, took)| *took).collect();
        sorted.sort_by(f64::total_cmp);
        let slow = sorted[sorted.len() / 10 * 9];
        let of = |kind| {
            let own = all.iter().filter(|(k, took)| *k == kind && *took < slow);
            own.map(|(_, took)| *took).collect::<Vec<_>>()
        };
        let wrong = of(Kind::Wrong);
        for kind in &KINDS[1..] {
            let t = welch(&wrong, &of(*kind));
            assert!(t.abs() < LEAK, "{kind:?} is told from a wrong code: t = {t:.1}");
        }
    }
}
