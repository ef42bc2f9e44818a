//! Root's logins: `org.mfad1.Authenticator`, peer to peer on a socket of the daemon's own, so
//! that nothing that is done to the system bus keeps root's logins out.
//!
//! Calls are read one by one from a connection; the message loop is our own, without an object
//! server, since a login waits for it.

use std::{
    io,
    os::unix::{fs::PermissionsExt, net::UnixListener as StdListener},
    path::Path,
    sync::Arc,
    time::Duration,
};

use futures_lite::StreamExt;
use mfa_proto::{
    answer::Answer,
    facts::{self, Facts},
    fault::Fault,
    identity::{LONGEST_USER_NAME, ServiceName, UserName},
    names::AUTHENTICATOR,
    step::Step,
};
use zbus::{Guid, Message, MessageStream, connection::Builder, message::Type};
use zruntime::{Shared, SharedRuntime, net::unix::UnixListener};

use super::{CallerUid, LONGEST_SERVICE, args, called, fails, pace::paced, stream::Stream, tell};
use crate::{
    auth::{Auth, Failure, question::Via},
    deliver::{Log, Notice},
    world::Clock,
};

/// Connections that may be open: each is a login in its dialogue.
const CONNECTIONS: usize = 1024;
/// How long a connection may take to say hello.
const HELLO: Duration = Duration::from_secs(5);
/// How long a connection may be silent: a question's life and a little more.
const SILENCE: Duration = Duration::from_secs(120);
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

/// Serves logins until the runtime ends.
pub async fn serve(listener: StdListener, auth: Auth, clock: Arc<dyn Clock>, log: Log) -> io::Result<()> {
    let runtime = SharedRuntime::current()?;
    let listener = UnixListener::<Shared>::from_std(&runtime, listener)?;
    let guid = Guid::generate();
    let open = Arc::new(());
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                log.tell(Notice::SocketFails, &format!("the login socket does not accept: {error}"));
                runtime.sleep(Duration::from_millis(50)).await; // no descriptor left: do not spin
                continue;
            }
        };
        let Some(peer) = CallerUid::of_socket(&stream).filter(|peer| peer.is_root()) else { continue };
        if Arc::strong_count(&open) > CONNECTIONS {
            continue; // closed without a word
        }
        let (auth, clock, log, ticket) = (auth.clone(), clock.clone(), log.clone(), open.clone());
        let builder = Builder::socket(Stream::new(stream, peer)).server(guid.clone()).p2p();
        let timer = runtime.clone();
        runtime
            .spawn("login", async move {
                if let Ok(Ok(stream)) = timer.timeout(HELLO, builder.build_message_stream()).await {
                    converse(stream, &timer, &auth, &*clock, &log).await;
                }
                drop(ticket); // one connection less
            })
            .detach();
    }
}

async fn converse(
    mut stream: MessageStream,
    runtime: &SharedRuntime,
    auth: &Auth,
    clock: &dyn Clock,
    log: &Log,
) {
    let connection = zbus::Connection::from(&stream);
    while let Ok(Some(Ok(message))) = runtime.timeout(SILENCE, stream.next()).await {
        if message.message_type() != Type::MethodCall {
            continue;
        }
        let answer = answer(&message, auth, clock).await;
        let header = message.header();
        let reply = match answer {
            Ok(step) => Message::method_return(&header).build(&step),
            Err(failure) => {
                tell(log, &failure);
                fails(&header, &failure)
            }
        };
        let Ok(reply) = reply else { break };
        let sent = connection.send(&reply).await;
        if sent.is_err() {
            break;
        }
    }
    let _ = connection.close().await; // the login is over either way
}

async fn answer(message: &Message, auth: &Auth, clock: &dyn Clock) -> Result<Step, Failure> {
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
            auth.begin(user, service, &facts).await
        }
        "Admit" => {
            let (user, service, facts) = context(args(message)?)?;
            paced(clock, auth.admit(user, service, &facts)).await
        }
        "Answer" => {
            let (token, typed): (Vec<u8>, Vec<u8>) = args(message)?;
            let typed = zeroize::Zeroizing::new(typed);
            check_token(&token)?;
            paced(clock, auth.answer(Via::Login, &token, Answer::parse(&typed))).await
        }
        "Settle" => {
            let ticket: Vec<u8> = args(message)?;
            check_token(&ticket)?;
            auth.settle(&ticket).await
        }
        _ => Err(bad("there is no such method")),
    }
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
