//! What systemd gives the daemon and wants of it: the login socket, word when it serves, and signs of
//! life. Started by the bus alone, it gets none of them, and says nothing.

use std::{os::unix::net::UnixListener, path::Path, time::Duration};

use futures_channel::oneshot;
use listenfd::ListenFd;
use mfa_proto::names::SOCKET;
use mfad::{
    deliver::{Log, Notice},
    store::Store,
};
use sd_notify::NotifyState;
use zruntime::SharedRuntime;

/// How long word may wait for the system bus: without one, logins are served all the same.
const BUS: Duration = Duration::from_secs(20);
/// How long between a start that failed and the next.
const REST: Duration = Duration::from_secs(3);

/// The login socket, where systemd listens already. Takes it out of the environment: before there is a thread.
pub(crate) fn login_socket() -> Result<Option<UnixListener>, String> {
    let mut given = ListenFd::from_env();
    match given.len() {
        0 => return Ok(None),
        1 => {}
        n => return Err(format!("systemd gives {n} sockets, and mfad has one: was mfad.socket changed?")),
    }
    let socket = given.take_unix_listener(0).map_err(|error| format!("the socket of systemd: {error}"))?;
    let Some(socket) = socket else { return Ok(None) };
    let address = socket.local_addr().map_err(|error| format!("the socket of systemd: {error}"))?;
    if address.as_pathname() != Some(Path::new(SOCKET)) {
        return Err(format!(
            "systemd listens at {address:?}, and pam_mfa asks at {SOCKET}: was mfad.socket changed?"
        ));
    }
    Ok(Some(socket))
}

/// Tells systemd that the daemon is ready when both doors serve, and then, as often as it wants to
/// know, that it is well: after a read that came through the store. Ends only with the runtime.
pub(crate) async fn report(runtime: SharedRuntime, store: Store, log: Log, bus: oneshot::Receiver<()>) {
    let status = match runtime.timeout(BUS, bus).await {
        Ok(_) => "serving",
        Err(_) => "serving logins; there is no system bus",
    };
    say(&[NotifyState::Ready, NotifyState::Status(status)]);
    let Some(wanted) = sd_notify::watchdog_enabled() else { return };
    let beat = wanted / 3;
    loop {
        match runtime.timeout(beat, store.beat()).await {
            Ok(Ok(())) => say(&[NotifyState::Watchdog]),
            Ok(Err(error)) => log.tell(Notice::StoreSilent, &format!("the store does not answer: {error}")),
            Err(_) => log.tell(Notice::StoreSilent, "the store does not answer in time"),
        }
        runtime.sleep(beat).await;
    }
}

/// Waits a little before a start that failed ends, where systemd would try the next at once: what is wrong with
/// key, store or folders is not mended by that, and would fill the journal.
pub(crate) fn rest() {
    if is_told() {
        std::thread::sleep(REST);
    }
}

#[expect(clippy::disallowed_methods, reason = "systemd names its socket so, and this is no login process")]
fn is_told() -> bool {
    std::env::var_os("NOTIFY_SOCKET").is_some()
}

fn say(state: &[NotifyState<'_>]) {
    let _ = sd_notify::notify(state); // where nobody wants to know it, there is nobody to tell
}
