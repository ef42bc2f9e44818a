//! The system bus: `Account` and `Locker` for everybody's own account, `Admin` for root.
//!
//! The address is fixed: no environment variable moves it. Where there is no bus, or it goes
//! away, logins over the socket go on and the bus is looked for again.

use std::{sync::Arc, time::Duration};

use mfa_proto::{
    account::{EnrollRequest, Enrolled, Enrollment, Status},
    admin::{AuditRow, AuditState, UserDetail, UserRow},
    answer::Answer,
    fault::Fault,
    identity::ServiceName,
    names::{BUS_NAME, OBJECT_PATH, SYSTEM_BUS},
    step::Step,
};
use zbus::{Connection, connection::Builder, interface, message::Header};

use super::{CallerUid, Fails, Quotas, pace::paced, quota::InFlight};
use crate::{
    auth::{Auth, Failure, question::Via},
    deliver::Log,
    world::Clock,
};

/// How long until the bus is looked for again.
const AGAIN: Duration = Duration::from_secs(1);
/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(20);
/// Queued messages of a connection; more wait in the bus.
const QUEUED: usize = 256;
/// The longest text argument, in bytes.
const LONGEST: usize = 4096;

/// What all interfaces need.
#[derive(Clone)]
pub struct Desk {
    /// The use cases.
    pub auth: Auth,
    /// Of all callers.
    pub quotas: Quotas,
    /// For the pace of refusals.
    pub clock: Arc<dyn Clock>,
    /// For the operator.
    pub log: Log,
}

/// Serves the bus until the runtime ends, connecting again whenever it must.
pub async fn serve(desk: Desk) {
    let Ok(runtime) = zruntime::SharedRuntime::current() else { return };
    let mut told = false;
    loop {
        match runtime.timeout(CONNECT, connect(&desk)).await {
            Ok(Ok(connection)) => {
                told = false;
                desk.log.info("serving on the system bus");
                connection.closed().await;
                desk.log.warning("the system bus is gone: looking for it again");
            }
            failed if !told => {
                told = true;
                let why = failed.map_or_else(
                    |_| "no answer".into(),
                    |result| result.map_or_else(|e| e.to_string(), |_| String::new()),
                );
                desk.log.warning(&format!("no system bus ({why}): logins are served, mfactl is not"));
            }
            _ => {}
        }
        runtime.sleep(AGAIN).await;
    }
}

async fn connect(desk: &Desk) -> zbus::Result<Connection> {
    Builder::address(SYSTEM_BUS)
        .max_queued(std::num::NonZeroUsize::new(QUEUED).unwrap_or(std::num::NonZeroUsize::MIN))
        .serve_at(OBJECT_PATH, Account(desk.clone()))
        .serve_at(OBJECT_PATH, Locker(desk.clone()))
        .serve_at(OBJECT_PATH, Admin(desk.clone()))
        .name(BUS_NAME)
        .build()
        .await
}

impl Desk {
    async fn caller(&self, bus: &Connection, header: &Header<'_>) -> Result<(u32, InFlight), Fails> {
        let caller = CallerUid::of_message(bus, header).await.map_err(Fails)?;
        Ok((caller.number(), self.quotas.admit(caller).map_err(Fails)?))
    }

    async fn root(&self, bus: &Connection, header: &Header<'_>) -> Result<InFlight, Fails> {
        match self.caller(bus, header).await? {
            (0, in_flight) => Ok(in_flight),
            _ => Err(Fails(Failure::new(Fault::NotPermitted, "only root may do this"))),
        }
    }

    fn told<T>(&self, result: Result<T, Failure>) -> Result<T, Fails> {
        result.map_err(|failure| {
            if let Some(logged) = &failure.logged {
                self.log.alert(logged);
            }
            Fails(failure)
        })
    }
}

fn bounded(length: usize) -> Result<(), Fails> {
    if length > LONGEST {
        return Err(Fails(Failure::new(Fault::InvalidArgument, "an argument is too long")));
    }
    Ok(())
}

/// `org.mfad1.Account`.
struct Account(Desk);

#[interface(name = "org.mfad1.Account", introspection_docs = false)]
impl Account {
    async fn status(
        &self,
        #[zbus(connection)] bus: &Connection,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<Status, Fails> {
        let (uid, _in_flight) = self.0.caller(bus, &header).await?;
        self.0.told(self.0.auth.status(uid).await)
    }

    #[expect(clippy::too_many_arguments, reason = "the fields of an EnrollRequest are the arguments")]
    async fn enroll_begin(
        &self,
        kind: String,
        label: String,
        algorithm: String,
        digits: u32,
        period: u32,
        #[zbus(connection)] bus: &Connection,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<Enrollment, Fails> {
        let (uid, _in_flight) = self.0.caller(bus, &header).await?;
        bounded(kind.len().max(label.len()).max(algorithm.len()))?;
        self.0.told(
            self.0.auth.enroll_begin(uid, EnrollRequest { kind, label, algorithm, digits, period }).await,
        )
    }

    async fn enroll_confirm(
        &self,
        enrollment: String,
        code: Vec<u8>,
        #[zbus(connection)] bus: &Connection,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<Enrolled, Fails> {
        let (uid, _in_flight) = self.0.caller(bus, &header).await?;
        let code = zeroize::Zeroizing::new(code);
        bounded(enrollment.len().max(code.len()))?;
        self.0.told(self.0.auth.enroll_confirm(uid, &enrollment, &code).await)
    }

    async fn enroll_cancel(
        &self,
        enrollment: String,
        #[zbus(connection)] bus: &Connection,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<(), Fails> {
        let (uid, _in_flight) = self.0.caller(bus, &header).await?;
        bounded(enrollment.len())?;
        self.0.told(self.0.auth.enroll_cancel(uid, &enrollment).await)
    }
}

/// `org.mfad1.Locker`.
struct Locker(Desk);

#[interface(name = "org.mfad1.Locker", introspection_docs = false)]
impl Locker {
    async fn begin(
        &self,
        service: Vec<u8>,
        #[zbus(connection)] bus: &Connection,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<Step, Fails> {
        let (uid, _in_flight) = self.0.caller(bus, &header).await?;
        bounded(service.len())?;
        self.0.told(self.0.auth.begin_locker(uid, ServiceName::new(service)).await)
    }

    async fn answer(
        &self,
        token: Vec<u8>,
        answer: Vec<u8>,
        #[zbus(connection)] bus: &Connection,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<Step, Fails> {
        let (uid, _in_flight) = self.0.caller(bus, &header).await?;
        let answer = zeroize::Zeroizing::new(answer);
        bounded(answer.len().max(token.len() / 4))?;
        let judged = self.0.auth.answer(Via::Locker(uid), &token, Answer::parse(&answer));
        self.0.told(paced(&*self.0.clock, judged).await)
    }
}

/// `org.mfad1.Admin`.
struct Admin(Desk);

#[interface(name = "org.mfad1.Admin", introspection_docs = false)]
impl Admin {
    async fn user_list(
        &self,
        after: Vec<u8>,
        most: u32,
        #[zbus(connection)] bus: &Connection,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<Vec<UserRow>, Fails> {
        let _in_flight = self.0.root(bus, &header).await?;
        bounded(after.len())?;
        self.0.told(self.0.auth.user_list(after, most).await)
    }

    async fn user_show(
        &self,
        user: Vec<u8>,
        #[zbus(connection)] bus: &Connection,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<UserDetail, Fails> {
        let _in_flight = self.0.root(bus, &header).await?;
        bounded(user.len())?;
        self.0.told(self.0.auth.user_show(user).await)
    }

    async fn user_reset(
        &self,
        user: Vec<u8>,
        reason: String,
        #[zbus(connection)] bus: &Connection,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<u32, Fails> {
        let _in_flight = self.0.root(bus, &header).await?;
        bounded(user.len())?;
        self.0.told(self.0.auth.user_reset(user, reason).await)
    }

    async fn user_unlock(
        &self,
        user: Vec<u8>,
        reason: String,
        clock: bool,
        #[zbus(connection)] bus: &Connection,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<u32, Fails> {
        let _in_flight = self.0.root(bus, &header).await?;
        bounded(user.len())?;
        self.0.told(self.0.auth.user_unlock(user, reason, clock).await)
    }

    async fn audit(
        &self,
        after: u64,
        most: u32,
        user: Vec<u8>,
        #[zbus(connection)] bus: &Connection,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<Vec<AuditRow>, Fails> {
        let _in_flight = self.0.root(bus, &header).await?;
        bounded(user.len())?;
        self.0.told(self.0.auth.audit(after, most, user).await)
    }

    async fn audit_verify(
        &self,
        #[zbus(connection)] bus: &Connection,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<AuditState, Fails> {
        let _in_flight = self.0.root(bus, &header).await?;
        self.0.told(self.0.auth.audit_verify().await)
    }
}
