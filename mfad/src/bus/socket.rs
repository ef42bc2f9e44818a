//! Root's logins: `org.mfad1.Authenticator`, peer to peer on a socket of the daemon's own, so
//! that nothing that is done to the system bus keeps root's logins out.
//!
//! Calls are read one by one from a connection; the message loop is our own, without an object
//! server, since a login waits for it.

use std::{
    io,
    os::unix::{fs::PermissionsExt, net::UnixListener as StdListener},
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_lite::StreamExt;
use mfa_proto::{
    answer::Answer,
    facts::{self, Facts},
    fault::Fault,
    identity::{LONGEST_USER_NAME, ServiceName, UserName},
    names::AUTHENTICATOR,
    step::{Kind, Step},
};
use zbus::{Guid, Message, MessageStream, connection::Builder, message::Type};
use zruntime::{Shared, SharedRuntime, net::unix::UnixListener};

use super::{
    CallerUid, LONGEST_SERVICE, args, called, fails,
    pace::{held, paced},
    seats::{SEATS, Seat, Seats},
    stream::Stream,
    tell,
};
use crate::{
    auth::{
        Auth, Failure,
        login::{Begun, Whence},
        question::Via,
    },
    deliver::{Log, Notice},
    world::Clock,
};

/// Connections that may be open: every login that waits for an answer, and those that have not begun or are done.
const CONNECTIONS: usize = SEATS + 256;
/// How long a connection may take to say hello, and may be silent where no answer is waited for: whoever runs su can
/// stop it between two calls.
const HELLO: Duration = Duration::from_secs(5);
/// How long a connection may be silent after a question: its life and a little more.
const SILENCE: Duration = Duration::from_secs(120);
/// How often the log is told that logins are turned away, in milliseconds.
const TOLD_AGAIN_MS: u64 = 60_000;
/// The longest message, in bytes: nine facts of 4 KiB and a name.
const LONGEST: usize = 64 << 10;
/// The longest token that is looked at, in bytes.
const TOKEN: usize = 16 << 10;

/// Binds the socket at `path`, mode 0600, in place of one that a dead daemon left.
pub fn bind(path: &Path) -> io::Result<StdListener> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = StdListener::bind(path)?; // made with umask 077
    std::fs::set_permissions(path, PermissionsExt::from_mode(0o600))?;
    Ok(listener)
}

/// What every connection has.
#[derive(Clone)]
struct Hall {
    auth: Auth,
    clock: Arc<dyn Clock>,
    log: Log,
    seats: Seats,
    /// When the log was last told that logins are turned away, in milliseconds of the boot clock.
    told: Arc<Mutex<Option<u64>>>,
}

/// Serves logins until the runtime ends.
pub async fn serve(listener: StdListener, auth: Auth, clock: Arc<dyn Clock>, log: Log) -> io::Result<()> {
    let runtime = SharedRuntime::current()?;
    let listener = UnixListener::<Shared>::from_std(&runtime, listener)?;
    let guid = Guid::generate();
    let open = Arc::new(());
    let hall = Hall { auth, clock, log, seats: Seats::default(), told: Arc::default() };
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                hall.log.tell(Notice::SocketFails, &format!("the login socket does not accept: {error}"));
                runtime.sleep(Duration::from_millis(50)).await; // no descriptor left: do not spin
                continue;
            }
        };
        let Some(peer) = CallerUid::of_socket(&stream).filter(|peer| peer.is_root()) else { continue };
        if Arc::strong_count(&open) > CONNECTIONS {
            hall.turn_away(&format!("{CONNECTIONS} connections are open at the login socket"));
            continue; // closed without a word
        }
        let (hall, timer, ticket) = (hall.clone(), runtime.clone(), open.clone());
        let builder = Builder::socket(Stream::new(stream, peer)).server(guid.clone()).p2p();
        runtime
            .spawn("login", async move {
                if let Ok(Ok(stream)) = timer.timeout(HELLO, builder.build_message_stream()).await {
                    hall.converse(stream, &timer).await;
                }
                drop(ticket); // one connection less
            })
            .detach();
    }
}

impl Hall {
    async fn converse(&self, mut stream: MessageStream, runtime: &SharedRuntime) {
        let connection = zbus::Connection::from(&stream);
        let mut seat = None;
        loop {
            let patience = if seat.is_some() { SILENCE } else { HELLO };
            let Ok(Some(Ok(message))) = runtime.timeout(patience, stream.next()).await else { break };
            if message.message_type() != Type::MethodCall {
                continue;
            }
            let answer = self.answer(&message, &mut seat).await;
            let header = message.header();
            let reply = match answer {
                Ok(step) => Message::method_return(&header).build(&step),
                Err(failure) => {
                    tell(&self.log, &failure);
                    fails(&header, &failure)
                }
            };
            let Ok(reply) = reply else { break };
            if connection.send(&reply).await.is_err() {
                break;
            }
        }
        let _ = connection.close().await; // the login is over either way
    }

    async fn answer(&self, message: &Message, seat: &mut Option<Seat>) -> Result<Step, Failure> {
        let (auth, clock) = (&self.auth, &*self.clock);
        let header = message.header();
        let (interface, member) = called(&header)?;
        if interface != AUTHENTICATOR {
            return Err(bad("there is only org.mfad1.Authenticator here"));
        }
        if message.body().data().len() > LONGEST {
            return Err(bad("the arguments are too long"));
        }
        match member {
            "Begin" => {
                let (user, service, facts) = context(args(message)?)?;
                *seat = None;
                let begun = auth.begin(user, service, &facts);
                let Begun { step, from, .. } = held(clock, begun, is_slow_to_tell).await?;
                if let (Kind::Ask, Some(from)) = (step.kind(), from) {
                    *seat = Some(self.seat(from)?);
                }
                Ok(step)
            }
            "Admit" => {
                let (user, service, facts) = context(args(message)?)?;
                paced(clock, auth.admit(user, service, &facts)).await
            }
            "Answer" => {
                let (token, typed): (Vec<u8>, Vec<u8>) = args(message)?;
                let typed = zeroize::Zeroizing::new(typed);
                check_token(&token)?;
                let step = paced(clock, auth.answer(Via::Login, &token, Answer::parse(&typed))).await?;
                if step.kind() != Kind::Ask {
                    *seat = None; // nothing more is waited for
                }
                Ok(step)
            }
            "Settle" => {
                let ticket: Vec<u8> = args(message)?;
                check_token(&ticket)?;
                auth.settle(&ticket).await
            }
            _ => Err(bad("there is no such method")),
        }
    }

    fn seat(&self, from: Whence) -> Result<Seat, Failure> {
        self.seats.take(from).inspect_err(|failure| self.turn_away(&failure.said))
    }

    /// Tells the log that a login is turned away, once a minute: who makes many would fill it.
    fn turn_away(&self, why: &str) {
        let now = self.clock.now().boot_ms;
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.is_none_or(|told| now.saturating_sub(told) >= TOLD_AGAIN_MS) {
            *told = Some(now);
            self.log.tell(Notice::LoginsTurnedAway, &format!("logins are turned away: {why}"));
        }
    }
}

/// Whether a question leaves on the beat too. What name services take for a user's groups would tell strangers who is
/// known, and to which of them.
fn is_slow_to_tell(begun: &Result<Begun, Failure>) -> bool {
    begun.as_ref().is_ok_and(|begun| begun.asked_groups && begun.step.kind() == Kind::Ask)
}

type Context = (Vec<u8>, Vec<u8>, Facts);

/// A name that is too long to be anybody's is an unknown user's, as any other odd name. It is cut
/// to a length that is still nobody's, so that strangers do not fill the audit.
fn context((mut user, service, mut facts): Context) -> Result<(UserName, ServiceName, Facts), Failure> {
    if user.len() > facts::LONGEST || service.len() > LONGEST_SERVICE {
        return Err(bad("the user or the service is too long"));
    }
    user.truncate(LONGEST_USER_NAME + 1);
    facts.retain(|_, value| value.len() <= facts::LONGEST);
    Ok((UserName::new(user), ServiceName::new(service), facts))
}

fn check_token(token: &[u8]) -> Result<(), Failure> {
    if token.len() > TOKEN { Err(bad("the token is too long")) } else { Ok(()) }
}

fn bad(said: &str) -> Failure {
    Failure::new(Fault::InvalidArgument, said)
}
