//! The system bus: `Account` and `Locker` for everybody's own account, `Admin` for root.
//!
//! The address is fixed: no environment variable moves it. Where there is no bus, or it goes
//! away, logins over the socket go on and the bus is looked for again. It is served by a thread
//! of its own, so that no flood of calls here keeps a login waiting.

use std::{num::NonZeroUsize, sync::Arc, time::Duration};

use futures_channel::oneshot;
use futures_lite::{StreamExt, future};
use mfa_proto::{
    account::EnrollRequest,
    answer::Answer,
    fault::Fault,
    identity::ServiceName,
    names::{ACCOUNT, ADMIN, BUS_NAME, LOCKER, OBJECT_PATH, SYSTEM_BUS},
    policy::LONGEST_SETTINGS,
};
use zbus::{
    Connection, DynamicType, Message, MessageStream,
    connection::Builder,
    message::{Flags, Header, Type},
};
use zeroize::Zeroizing;
use zruntime::{SharedRuntime, mpmc};

use super::{
    CallerUid, LONGEST_SERVICE, Proofs, Quotas, args, called,
    caller::{Callers, Unasked},
    fails,
    pace::paced,
    tell,
};
use crate::{
    auth::{Auth, Failure, question::Via},
    deliver::{Log, Notice},
    world::Clock,
};

/// How long until the bus is looked for again.
const AGAIN: Duration = Duration::from_secs(1);
/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(20);
/// Messages that wait in the connection; more wait in the bus.
const QUEUED: NonZeroUsize = NonZeroUsize::new(256).unwrap();
/// Calls in flight, of all users together; more wait in the connection.
const IN_FLIGHT: NonZeroUsize = NonZeroUsize::new(128).unwrap();
/// The longest arguments of a call, in bytes.
const LONGEST: usize = 16 << 10;
/// The same of root's call that brings settings.
const LONGEST_WITH_SETTINGS: usize = LONGEST_SETTINGS + LONGEST;

/// What the interfaces need.
#[derive(Clone)]
pub struct Desk {
    /// The use cases.
    pub auth: Auth,
    /// Of all callers.
    pub quotas: Quotas,
    /// Which connections have proven a factor lately.
    pub proofs: Proofs,
    /// For the pace of refusals.
    pub clock: Arc<dyn Clock>,
    /// For the operator.
    pub log: Log,
}

/// Serves the bus until the runtime ends, connecting again whenever it must. Says so the first time.
pub async fn serve(desk: Desk, served: oneshot::Sender<()>) {
    let mut served = Some(served);
    let Ok(runtime) = SharedRuntime::current() else { return };
    let mut told = false;
    loop {
        let stream = match runtime.timeout(CONNECT, connect()).await {
            Ok(stream) => stream.map_err(|error| error.to_string()),
            Err(_) => Err("it does not answer".to_owned()),
        };
        match stream {
            Ok((stream, callers)) => {
                told = false;
                served.take().map(|served| served.send(()));
                desk.log.tell(Notice::BusServed, "serving on the system bus");
                // Proofs of its own: another bus gives the same names again.
                let proofs = Proofs::new(desk.clock.clone());
                converse(&Desk { proofs, ..desk.clone() }, &runtime, stream, callers).await;
                desk.log.tell(Notice::BusGone, "the system bus is gone: looking for it again");
            }
            Err(why) if !told => {
                told = true;
                desk.log
                    .tell(Notice::NoBus, &format!("no system bus ({why}): logins are served, mfactl is not"));
            }
            Err(_) => {}
        }
        runtime.sleep(AGAIN).await;
    }
}

async fn connect() -> zbus::Result<(MessageStream, Callers)> {
    let callers = Callers::connect(SYSTEM_BUS).await?;
    let stream = Builder::address(SYSTEM_BUS).max_queued(QUEUED).build_message_stream().await?;
    Connection::from(&stream).request_name(BUS_NAME).await?;
    Ok((stream, callers))
}

/// Answers calls until a connection is lost.
async fn converse(desk: &Desk, runtime: &SharedRuntime, mut stream: MessageStream, callers: Callers) {
    let bus = Connection::from(&stream);
    let (take, give_back) = mpmc::bounded(IN_FLIGHT);
    let (tell_lost, told) = mpmc::bounded(NonZeroUsize::MIN);
    let lost = async {
        let _ = told.recv().await;
    };
    let calls = async {
        while let Some(Ok(message)) = stream.next().await {
            if !is_asked(&message) || take.send(()).await.is_err() {
                continue;
            }
            let (desk, bus, give_back) = (desk.clone(), bus.clone(), give_back.clone());
            let (callers, tell_lost) = (callers.clone(), tell_lost.clone());
            let serve = async move {
                let header = message.header();
                match callers.of_message(&header).await {
                    Ok(caller) => desk.serve(&bus, caller, &message, &header).await,
                    Err(Unasked::Unknown(failure)) => desk.refuse(&bus, &header, &failure).await,
                    Err(Unasked::Lost) => drop(tell_lost.try_send(())),
                }
                let _ = give_back.try_recv();
            };
            runtime.spawn("call", serve).detach();
        }
    };
    future::or(calls, lost).await;
}

/// Whether that is a call whose caller waits for the answer. No other is of any use here, and the bus bounds how many
/// of these a caller has open.
fn is_asked(message: &Message) -> bool {
    let unanswered = message.header().primary().flags().contains(Flags::NO_REPLY_EXPECTED);
    message.message_type() == Type::MethodCall && !unanswered
}

/// A reply that was built, or why it could not be.
type Reply = zbus::Result<Message>;

fn reply<T: serde::Serialize + DynamicType>(
    header: &Header<'_>,
    body: Result<T, Failure>,
) -> Result<Reply, Failure> {
    body.map(|body| Message::method_return(header).build(&body))
}

impl Desk {
    async fn serve(&self, bus: &Connection, caller: CallerUid, message: &Message, header: &Header<'_>) {
        match self.answer(caller, message, header).await {
            Ok(Ok(reply)) => drop(bus.send(&reply).await), // the caller may be gone
            Ok(Err(_)) => {}
            Err(failure) => self.refuse(bus, header, &failure).await,
        }
    }

    async fn refuse(&self, bus: &Connection, header: &Header<'_>, failure: &Failure) {
        tell(&self.log, failure);
        if let Ok(error) = fails(header, failure) {
            let _ = bus.send(&error).await;
        }
    }

    async fn answer(
        &self,
        caller: CallerUid,
        message: &Message,
        header: &Header<'_>,
    ) -> Result<Reply, Failure> {
        let _in_flight = self.quotas.admit(caller)?;
        let (interface, member) = called(header)?;
        let longest = match (interface, member) {
            (ADMIN, "Simulate") if caller.is_root() => LONGEST_WITH_SETTINGS,
            _ => LONGEST,
        };
        if message.body().data().len() > longest {
            return Err(Failure::new(Fault::InvalidArgument, "the arguments are too long"));
        }
        match interface {
            ACCOUNT => self.account(caller.number(), member, message, header).await,
            LOCKER => self.locker(caller.number(), member, message, header).await,
            ADMIN if caller.is_root() => self.admin(member, message, header).await,
            ADMIN => Err(Failure::new(Fault::NotPermitted, "only root may do this")),
            _ => Err(unknown()),
        }
    }

    /// `org.mfad1.Account`: the caller's own.
    async fn account(
        &self,
        uid: u32,
        member: &str,
        message: &Message,
        header: &Header<'_>,
    ) -> Result<Reply, Failure> {
        let proven = || self.proofs.of(header);
        match member {
            "Status" => reply(header, self.auth.status(uid).await),
            "EnrollBegin" => {
                let request: EnrollRequest = args(message)?;
                reply(header, self.auth.enroll_begin(uid, request, proven()).await)
            }
            "EnrollConfirm" => {
                let (enrollment, code): (String, Vec<u8>) = args(message)?;
                let code = Zeroizing::new(code);
                reply(header, self.auth.enroll_confirm(uid, &enrollment, &code).await)
            }
            "EnrollCancel" => {
                let enrollment: String = args(message)?;
                reply(header, self.auth.enroll_cancel(uid, &enrollment).await)
            }
            "SshKeyBegin" => {
                let (label, replace): (String, String) = args(message)?;
                reply(header, self.auth.ssh_key_begin(uid, &label, &replace, proven()).await)
            }
            "SshKeyConfirm" => {
                let (enrollment, signature): (String, Vec<u8>) = args(message)?;
                reply(header, self.auth.ssh_key_confirm(uid, &enrollment, signature).await)
            }
            "StepUpBegin" => reply(header, self.auth.step_up_begin(uid).await),
            "StepUpAnswer" => self.step_up(Via::OwnChange(uid), message, header).await,
            "FactorRename" => {
                let (factor, label): (String, String) = args(message)?;
                reply(header, self.auth.factor_rename(uid, &factor, &label, proven()).await)
            }
            "FactorRemove" => {
                let factor: String = args(message)?;
                reply(header, self.auth.factor_remove(uid, &factor, proven()).await)
            }
            "CodesRenew" => reply(header, self.auth.codes_renew(uid, proven()).await),
            "NotMe" => reply(header, self.auth.not_me(uid).await),
            "RememberedList" => reply(header, self.auth.remembered(uid).await),
            "RememberedForget" => {
                let id: String = args(message)?;
                reply(header, self.auth.remembered_forget(uid, &id).await)
            }
            _ => Err(unknown()),
        }
    }

    /// An answer of a step-up; what it proves is this connection's.
    async fn step_up(&self, via: Via, message: &Message, header: &Header<'_>) -> Result<Reply, Failure> {
        let (token, answer): (Vec<u8>, Vec<u8>) = args(message)?;
        let answer = Zeroizing::new(answer);
        let judged = async {
            let (step, proven) = self.auth.step_up_answer(via, &token, Answer::parse(&answer)).await?;
            if let Some(proven) = proven {
                self.proofs.keep(header, proven);
            }
            Ok(step)
        };
        reply(header, paced(&*self.clock, judged).await)
    }

    /// `org.mfad1.Locker`: a login's dialogue for the caller's own account.
    async fn locker(
        &self,
        uid: u32,
        member: &str,
        message: &Message,
        header: &Header<'_>,
    ) -> Result<Reply, Failure> {
        match member {
            "Begin" => {
                let service: Vec<u8> = args(message)?;
                if service.len() > LONGEST_SERVICE {
                    return Err(Failure::new(Fault::InvalidArgument, "the service is too long"));
                }
                reply(header, self.auth.begin_locker(uid, ServiceName::new(service)).await)
            }
            "Answer" => {
                let (token, answer): (Vec<u8>, Vec<u8>) = args(message)?;
                let answer = Zeroizing::new(answer);
                let judged = self.auth.answer(Via::Locker(uid), &token, Answer::parse(&answer));
                reply(header, paced(&*self.clock, judged).await)
            }
            _ => Err(unknown()),
        }
    }

    /// `org.mfad1.Admin`: root's, of every account.
    async fn admin(&self, member: &str, message: &Message, header: &Header<'_>) -> Result<Reply, Failure> {
        let proven = || self.proofs.of(header);
        match member {
            "UserList" => {
                let (after, most) = args(message)?;
                reply(header, self.auth.user_list(after, most).await)
            }
            "UserShow" => {
                let user = args(message)?;
                reply(header, self.auth.user_show(user).await)
            }
            "StepUpBegin" => {
                let administrator = args(message)?;
                reply(header, self.auth.admin_step_up_begin(administrator).await)
            }
            "StepUpAnswer" => self.step_up(Via::AdminChange, message, header).await,
            "UserInvite" => {
                let (user, hours, why) = args(message)?;
                reply(header, self.auth.user_invite(user, hours, why, proven()).await)
            }
            "UserRecover" => {
                let (user, verified_by, ticket, why) = args(message)?;
                reply(header, self.auth.user_recover(user, verified_by, ticket, why, proven()).await)
            }
            "UserReset" => {
                let (user, why) = args(message)?;
                reply(header, self.auth.user_reset(user, why, proven()).await)
            }
            "UserLock" => {
                let (user, why) = args(message)?;
                reply(header, self.auth.user_lock(user, why, proven()).await)
            }
            "UserUnlock" => {
                let (user, clock, why) = args(message)?;
                reply(header, self.auth.user_unlock(user, clock, why, proven()).await)
            }
            "UserRemove" => {
                let (user, why) = args(message)?;
                reply(header, self.auth.user_remove(user, why, proven()).await)
            }
            "RememberedList" => {
                let user = args(message)?;
                reply(header, self.auth.user_remembered(user).await)
            }
            "RememberedForget" => {
                let (user, id): (Vec<u8>, String) = args(message)?;
                reply(header, self.auth.user_forget(user, &id).await)
            }
            "Import" => {
                let (import, why) = args(message)?;
                reply(header, self.auth.import(import, why, proven()).await)
            }
            "Audit" => {
                let (after, most, user) = args(message)?;
                reply(header, self.auth.audit(after, most, user).await)
            }
            "ExemptAdd" => {
                let (wanted, why) = args(message)?;
                reply(header, self.auth.exempt_add(wanted, why, proven()).await)
            }
            "ExemptEnd" => {
                let (id, why): (String, _) = args(message)?;
                reply(header, self.auth.exempt_end(&id, why, proven()).await)
            }
            "ExemptList" => reply(header, self.auth.exempt_list().await),
            "Coverage" => reply(header, self.auth.coverage(args(message)?).await),
            "AuditEntries" => {
                let (after, most) = args(message)?;
                reply(header, self.auth.audit_entries(after, most).await)
            }
            "InForce" => reply(header, Ok(self.auth.in_force())),
            "Watch" => reply(header, self.auth.watch(args(message)?).await),
            "Explain" => reply(header, self.auth.explain(args(message)?).await),
            "Simulate" => reply(header, self.auth.simulate(args(message)?).await),
            "AuditVerify" => reply(header, self.auth.audit_verify().await),
            _ => Err(unknown()),
        }
    }
}

fn unknown() -> Failure {
    Failure::new(Fault::InvalidArgument, format!("there is no such method at {OBJECT_PATH}"))
}
