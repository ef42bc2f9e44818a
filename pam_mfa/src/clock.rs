//! The time that a login may take without its user.
//!
//! Between two prompts everything has one span in all: connecting, the handshake, having mfad
//! started, the call, and making a lost connection again. zbus bounds none of it but the call.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use zruntime::{Shared, SharedRuntime, Sleep};

use crate::failed::Failed;

/// What is left of the time between two prompts.
pub(crate) struct Clock {
    end: Sleep<Shared>,
    span: Duration,
}

impl Clock {
    /// A clock, running.
    pub(crate) fn start(runtime: &SharedRuntime, span: Duration) -> Self {
        Self { end: runtime.sleep(span), span }
    }

    /// Starts anew.
    pub(crate) fn restart(&mut self) {
        self.end.reset_after(self.span);
    }

    /// Does `work`, or gives up when the time is over. What is done by then counts.
    pub(crate) async fn bound<T>(
        &mut self,
        work: impl Future<Output = Result<T, Failed>>,
    ) -> Result<T, Failed> {
        let end = Pin::new(&mut self.end);
        either(work, async {
            end.await;
            Err(Failed::Silent)
        })
        .await
    }
}

/// The output of whichever is done first; of `first`, when both are. The other is dropped.
pub(crate) async fn either<T>(first: impl Future<Output = T>, second: impl Future<Output = T>) -> T {
    let (mut first, mut second) = (pin!(first), pin!(second));
    poll_fn(|context| match first.as_mut().poll(context) {
        Poll::Pending => second.as_mut().poll(context),
        ready @ Poll::Ready(_) => ready,
    })
    .await
}

/// Lets the runtime run what is ready, once.
///
/// The last thing in each `block_on` of the module: a task that was woken and then dropped leaves
/// its number in the runtime's queue, and `block_on` would start a thread to look at it.
pub(crate) async fn settle_down() {
    let mut yielded = false;
    poll_fn(|context| {
        if yielded {
            return Poll::Ready(());
        }
        yielded = true;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use super::*;

    #[test]
    fn what_is_never_done_ends_in_time_and_what_is_done_counts() {
        zbus::block_on(async {
            let runtime = SharedRuntime::current().unwrap();
            let mut clock = Clock::start(&runtime, Duration::from_millis(20));
            assert_eq!(clock.bound(pending::<Result<(), _>>()).await, Err(Failed::Silent));
            assert_eq!(clock.bound(ready(Ok(7))).await, Ok(7));
            assert_eq!(clock.bound(pending::<Result<(), _>>()).await, Err(Failed::Silent));
            clock.restart();
            let slow = async {
                runtime.sleep(Duration::from_millis(1)).await;
                Ok(8)
            };
            assert_eq!(clock.bound(slow).await, Ok(8));
        });
    }
}
