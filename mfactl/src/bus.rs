//! mfad, over the system bus: one typed call a method, each with a deadline.

use std::time::Duration;

use mfa_proto::account::{Challenge, EnrollRequest, Enrolled, Enrollment, Remembered, Status};
use mfa_proto::admin::{AuditRow, AuditState, Import, Imported, PAGE, UserDetail, UserRow, Why};
use mfa_proto::fault::Fault;
use mfa_proto::names::{ACCOUNT, ADMIN, BUS_NAME, LOCKER, OBJECT_PATH, SYSTEM_BUS};
use mfa_proto::policy::{Explained, Simulated, Simulation, Supposed};
use mfa_proto::rollout::{AuditEntry, Exempt, Exemption, Exemptions, InForce, Person};
use mfa_proto::step::Step;
use serde::Serialize;
use serde::de::DeserializeOwned;
use zbus::{Connection, DynamicType, Type};
use zruntime::SharedRuntime;

use crate::failure::Failure;

/// What a call may take: mfad's own limit, and time for the bus to start it.
const CALL: Duration = Duration::from_secs(10);
/// What reading the whole audit may take.
const LONG_CALL: Duration = Duration::from_secs(120);

/// A connection to the system bus at its fixed address: no environment variable moves it.
pub(crate) struct Bus {
    connection: Connection,
    runtime: SharedRuntime,
}

impl Bus {
    /// Connects. mfad itself is started by the bus at the first call, where it is not running.
    pub(crate) async fn connect() -> Result<Self, Failure> {
        let runtime = SharedRuntime::current().map_err(|error| Failure::NoBus(error.to_string()))?;
        let builder = zbus::connection::Builder::address(SYSTEM_BUS);
        let connection = match runtime.timeout(CALL, builder.build()).await {
            Ok(Ok(connection)) => connection,
            Ok(Err(zbus::Error::InputOutput(error))) => return Err(Failure::NoBus(error.to_string())),
            Ok(Err(error)) => return Err(error.into()),
            Err(_late) => return Err(Failure::NoBus(late(CALL))),
        };
        Ok(Self { connection, runtime })
    }

    async fn call<B, R>(&self, interface: &str, method: &str, body: &B, limit: Duration) -> Result<R, Failure>
    where
        B: Serialize + DynamicType,
        R: DeserializeOwned + Type,
    {
        let call = self.connection.call_method(Some(BUS_NAME), OBJECT_PATH, Some(interface), method, body);
        match self.runtime.timeout(limit, call).await {
            Ok(Ok(reply)) => Ok(reply.body().deserialize()?),
            Ok(Err(error)) => Err(error.into()),
            Err(_late) => Err(Failure::NoAnswer(late(limit))),
        }
    }

    async fn account<B, R>(&self, method: &str, body: &B) -> Result<R, Failure>
    where
        B: Serialize + DynamicType,
        R: DeserializeOwned + Type,
    {
        self.call(ACCOUNT, method, body, CALL).await
    }

    async fn admin<B, R>(&self, method: &str, body: &B) -> Result<R, Failure>
    where
        B: Serialize + DynamicType,
        R: DeserializeOwned + Type,
    {
        self.call(ADMIN, method, body, CALL).await.map_err(of_admin)
    }

    /// The caller's account.
    pub(crate) async fn status(&self) -> Result<Status, Failure> {
        self.account("Status", &()).await
    }

    /// Opens an enrolment.
    pub(crate) async fn enroll_begin(&self, request: &EnrollRequest) -> Result<Enrollment, Failure> {
        self.account("EnrollBegin", request).await
    }

    /// Makes the factor of `enrollment` active. `code` is spent by this.
    pub(crate) async fn enroll_confirm(&self, enrollment: &str, code: &[u8]) -> Result<Enrolled, Failure> {
        self.account("EnrollConfirm", &(enrollment, code)).await
    }

    /// Opens the enrolment of a security key.
    pub(crate) async fn ssh_key_begin(&self, label: &str, replace: &str) -> Result<Challenge, Failure> {
        self.account("SshKeyBegin", &(label, replace)).await
    }

    /// Makes the key of `enrollment` a factor, by its signature; the factor's id.
    pub(crate) async fn ssh_key_confirm(
        &self,
        enrollment: &str,
        signature: &[u8],
    ) -> Result<String, Failure> {
        self.account("SshKeyConfirm", &(enrollment, signature)).await
    }

    /// Ends `enrollment`; nothing becomes active.
    pub(crate) async fn enroll_cancel(&self, enrollment: &str) -> Result<(), Failure> {
        self.account("EnrollCancel", &enrollment).await
    }

    /// Opens the dialogue that proves the caller's own factor to this connection.
    pub(crate) async fn step_up_begin(&self) -> Result<Step, Failure> {
        self.account("StepUpBegin", &()).await
    }

    /// Answers the question of [`Self::step_up_begin`] that came with `token`.
    pub(crate) async fn step_up_answer(&self, token: &[u8], answer: &[u8]) -> Result<Step, Failure> {
        self.account("StepUpAnswer", &(token, answer)).await
    }

    /// Gives the factor of this id another label.
    pub(crate) async fn factor_rename(&self, id: &str, label: &str) -> Result<(), Failure> {
        self.account("FactorRename", &(id, label)).await
    }

    /// Ends the factor of this id.
    pub(crate) async fn factor_remove(&self, id: &str) -> Result<(), Failure> {
        self.account("FactorRemove", &id).await
    }

    /// Puts a new set of backup codes in the place of the old one.
    pub(crate) async fn codes_renew(&self) -> Result<Vec<String>, Failure> {
        self.account("CodesRenew", &()).await
    }

    /// Undoes what somebody else may have done with the account; what that was, for people.
    pub(crate) async fn not_me(&self) -> Result<String, Failure> {
        self.account("NotMe", &()).await
    }

    /// The places from which the caller is asked for no code, the latest last.
    pub(crate) async fn remembered(&self) -> Result<Vec<Remembered>, Failure> {
        self.account("RememberedList", &()).await
    }

    /// Forgets the one of that id, or all where it is empty; how many counted.
    pub(crate) async fn remembered_forget(&self, id: &str) -> Result<u32, Failure> {
        self.account("RememberedForget", &id).await
    }

    /// Opens a login's dialogue for the caller's own account.
    pub(crate) async fn login_begin(&self, service: &[u8]) -> Result<Step, Failure> {
        self.call(LOCKER, "Begin", &service, CALL).await
    }

    /// Answers the question that came with `token`.
    pub(crate) async fn login_answer(&self, token: &[u8], answer: &[u8]) -> Result<Step, Failure> {
        self.call(LOCKER, "Answer", &(token, answer), CALL).await
    }

    /// Has every proven login leave a `settled` row for so many seconds; 0: no longer. The last audit row before.
    pub(crate) async fn watch(&self, seconds: u32) -> Result<u64, Failure> {
        self.admin("Watch", &seconds).await
    }

    /// The first accounts whose name is above `after`, by name; none: the list has ended.
    pub(crate) async fn user_list(&self, after: &[u8]) -> Result<Vec<UserRow>, Failure> {
        self.admin("UserList", &(after, PAGE)).await
    }

    /// One account in full.
    pub(crate) async fn user_show(&self, user: &[u8]) -> Result<UserDetail, Failure> {
        self.admin("UserShow", &user).await
    }

    /// Opens the dialogue that proves the factor of `administrator` to this connection.
    pub(crate) async fn admin_step_up_begin(&self, administrator: &[u8]) -> Result<Step, Failure> {
        self.admin("StepUpBegin", &administrator).await
    }

    /// Answers the question of [`Self::admin_step_up_begin`] that came with `token`.
    pub(crate) async fn admin_step_up_answer(&self, token: &[u8], answer: &[u8]) -> Result<Step, Failure> {
        self.admin("StepUpAnswer", &(token, answer)).await
    }

    /// Lets `user` enrol for the first time, within `hours`; the invitation.
    pub(crate) async fn user_invite(&self, user: &[u8], hours: u32, why: &Why) -> Result<String, Failure> {
        self.admin("UserInvite", &(user, hours, why)).await
    }

    /// Lets `user` enrol again, who has lost everything; the recovery code, and for how many hours it is good.
    pub(crate) async fn user_recover(
        &self,
        user: &[u8],
        verified_by: &str,
        ticket: &str,
        why: &Why,
    ) -> Result<(String, u32), Failure> {
        self.admin("UserRecover", &(user, verified_by, ticket, why)).await
    }

    /// Ends every factor of `user`; how many there were.
    pub(crate) async fn user_reset(&self, user: &[u8], why: &Why) -> Result<u32, Failure> {
        self.admin("UserReset", &(user, why)).await
    }

    /// Refuses every login of `user` that asks for a code.
    pub(crate) async fn user_lock(&self, user: &[u8], why: &Why) -> Result<(), Failure> {
        self.admin("UserLock", &(user, why)).await
    }

    /// Opens the account and the doors of `user`, and with `clock` mends a mark that a wrong clock
    /// left; how many doors.
    pub(crate) async fn user_unlock(&self, user: &[u8], clock: bool, why: &Why) -> Result<u32, Failure> {
        self.admin("UserUnlock", &(user, clock, why)).await
    }

    /// Ends the account of `user` and every factor of it; how many there were.
    pub(crate) async fn user_remove(&self, user: &[u8], why: &Why) -> Result<u32, Failure> {
        self.admin("UserRemove", &(user, why)).await
    }

    /// The places from which `user` is asked for no code, the latest last.
    pub(crate) async fn user_remembered(&self, user: &[u8]) -> Result<Vec<Remembered>, Failure> {
        self.admin("RememberedList", &user).await
    }

    /// Forgets the one of that id of `user`, or all where it is empty; how many counted.
    pub(crate) async fn user_forget(&self, user: &[u8], id: &str) -> Result<u32, Failure> {
        self.admin("RememberedForget", &(user, id)).await
    }

    /// Takes over a factor of another system.
    pub(crate) async fn import(&self, import: &Import, why: &Why) -> Result<Imported, Failure> {
        self.admin("Import", &(import, why)).await
    }

    /// Exempts a user for a time.
    pub(crate) async fn exempt_add(&self, wanted: &Exempt, why: &Why) -> Result<Exemption, Failure> {
        self.admin("ExemptAdd", &(wanted, why)).await
    }

    /// Ends an exemption of the command line.
    pub(crate) async fn exempt_end(&self, id: &str, why: &Why) -> Result<(), Failure> {
        self.admin("ExemptEnd", &(id, why)).await
    }

    /// All exemptions that mfad knows of.
    pub(crate) async fn exempt_list(&self) -> Result<Exemptions, Failure> {
        self.admin("ExemptList", &()).await
    }

    /// How these users stand to the policy; who is no user of the host is left out.
    pub(crate) async fn coverage(&self, users: &[&[u8]]) -> Result<Vec<Person>, Failure> {
        self.admin("Coverage", &users).await
    }

    /// As [`Self::audit`] of all users, each row with what programs ask of it.
    pub(crate) async fn audit_entries(&self, after: u64) -> Result<Vec<AuditEntry>, Failure> {
        self.admin("AuditEntries", &(after, PAGE)).await
    }

    /// What mfad decides by.
    pub(crate) async fn in_force(&self) -> Result<InForce, Failure> {
        self.admin("InForce", &()).await
    }

    /// The first rows above number `after`, oldest first; none: the audit has ended.
    pub(crate) async fn audit(&self, after: u64, user: &[u8]) -> Result<Vec<AuditRow>, Failure> {
        self.call(ADMIN, "Audit", &(after, PAGE, user), LONG_CALL).await.map_err(of_admin)
    }

    /// The path of the decision on a login that did not happen.
    pub(crate) async fn explain(&self, supposed: &Supposed) -> Result<Explained, Failure> {
        self.admin("Explain", supposed).await
    }

    /// A page of logins, judged again.
    pub(crate) async fn simulate(&self, asked: &Simulation) -> Result<Simulated, Failure> {
        let page = self.call(ADMIN, "Simulate", asked, LONG_CALL).await.map_err(of_admin);
        page.map_err(|failure| {
            failure.explained(Fault::InvalidArgument, || "the settings are not in order".to_owned())
        })
    }

    /// Reads the whole chain.
    pub(crate) async fn audit_verify(&self) -> Result<AuditState, Failure> {
        self.call(ADMIN, "AuditVerify", &(), LONG_CALL).await.map_err(of_admin)
    }
}

fn of_admin(failure: Failure) -> Failure {
    failure.of_admin(nix::unistd::geteuid().is_root())
}

fn late(limit: Duration) -> String {
    format!("no answer in {} s", limit.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The signature that a body of this type has on the wire.
    fn body<B: Serialize + DynamicType>(body: &B) -> String {
        let call = zbus::Message::method_call(OBJECT_PATH, "Method").build(body).unwrap();
        call.body().signature().to_string_no_parens()
    }

    #[test]
    fn arguments_travel_as_the_interface_says() {
        assert_eq!(body(&EnrollRequest::default()), "sssuusay");
        assert_eq!(body(&("id", &b"123456"[..])), "say");
        assert_eq!(body(&"id"), "s");
        assert_eq!(body(&&b"sshd"[..]), "ay");
        assert_eq!(body(&(&b"token"[..], &b"123456"[..])), "ayay");
        assert_eq!(body(&(&b"al"[..], PAGE)), "ayu");
        let (user, why) = (&b"al"[..], &Why::default());
        assert_eq!(body(&("id", "label")), "ss");
        assert_eq!(body(&(user, why)), "ay(ss)");
        assert_eq!(body(&(user, 72u32, why)), "ayu(ss)");
        assert_eq!(body(&(user, "verified", "ticket", why)), "ayss(ss)");
        assert_eq!(body(&(user, true, why)), "ayb(ss)");
        assert_eq!(body(&Supposed::default()), "ayayayssayayt");
        assert_eq!(body(&Simulation::default()), "sstttb");
        assert_eq!(body(&(user, "id")), "ays");
        assert_eq!(body(&(7u64, PAGE, &b""[..])), "tuay");
        assert_eq!(body(&(&Exempt::default(), why)), "(ayasasst)(ss)");
        assert_eq!(body(&&[&b"al"[..]][..]), "aay");
    }
}
