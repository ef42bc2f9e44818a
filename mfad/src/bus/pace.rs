//! Refusals leave on a timer, not when the work is done: how long it took tells nothing.

use std::time::Duration;

use mfa_proto::step::{Kind, Reason, Step};

use crate::{auth::Failure, world::Clock};

/// Every refused answer takes this long, or a multiple of it.
pub(super) const REFUSAL: Duration = Duration::from_millis(300);

/// Runs `work` and holds its answer back until the next beat, unless it is good news or what was
/// asked for. The timer starts before the work.
pub(super) async fn paced(
    clock: &dyn Clock,
    work: impl Future<Output = Result<Step, Failure>>,
) -> Result<Step, Failure> {
    let Ok(runtime) = zruntime::SharedRuntime::current() else { return work.await };
    let (beat, arrived) = (runtime.sleep(REFUSAL), clock.now());
    let answer = work.await;
    if answer.as_ref().is_ok_and(leaves_at_once) {
        return answer;
    }
    beat.await;
    let beat_ms = u64::try_from(REFUSAL.as_millis()).unwrap_or(u64::MAX);
    let late = clock.now().boot_ms_since(&arrived).unwrap_or(0);
    if late >= 2 * beat_ms {
        runtime.sleep(Duration::from_millis(beat_ms - late % beat_ms)).await;
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
