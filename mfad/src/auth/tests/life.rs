//! What the tests of an account's life share: who lives, and what they do.

use mfa_proto::{account::EnrollRequest, admin::Import};

use super::*;
use crate::auth::{grace, step_up::FreshProof};

pub(super) const ALICE: u32 = 1000;
pub(super) const BOB: u32 = 1001;

impl Host {
    /// Enrols, and gives the backup codes too.
    pub(super) fn enrol_with_codes(&self, uid: u32) -> (Vec<u8>, Vec<String>) {
        let begun = self.begin_enrolment(uid);
        let seed = seed_of(&begun.secret);
        let code = self.code(&seed, 0);
        let enrolled = self.confirm_enrolment(uid, &begun.enrollment, &code);
        self.clock.pass(30);
        (seed, enrolled.backup_codes)
    }

    /// A fresh proof of the account, by a code.
    pub(super) fn prove(&self, uid: u32, code: &str) -> Option<FreshProof> {
        let via = Via::OwnChange(uid);
        let asked = run(self.auth.step_up_begin(uid)).unwrap();
        run(self.auth.step_up_answer(via, &asked.token, Answer::parse(code.as_bytes()))).unwrap().1
    }

    /// The same, of an administrator.
    pub(super) fn prove_as(&self, name: &str, code: &str) -> Option<FreshProof> {
        let asked = run(self.auth.admin_step_up_begin(name.into())).unwrap();
        run(self.auth.step_up_answer(Via::AdminChange, &asked.token, Answer::parse(code.as_bytes())))
            .unwrap()
            .1
    }

    pub(super) fn confirm(&self, uid: u32, id: &str, code: &str) -> Result<(), Fault> {
        run(self.auth.enroll_confirm(uid, id, code.as_bytes())).map(drop).map_err(|failure| failure.fault)
    }

    pub(super) fn factors(&self, uid: u32) -> Vec<String> {
        run(self.auth.status(uid)).unwrap().factors.into_iter().map(|factor| factor.label).collect()
    }

    pub(super) fn hotp_code(seed: &[u8], counter: u64) -> String {
        let library = totp_rs::Builder::new().with_step_duration(1).with_secret(seed).build_noncompliant();
        library.generate(counter).to_string()
    }

    pub(super) fn keep_date(&self) {
        run(grace::keep_dates(&self.auth.store, &self.policy.get().unwrap())).unwrap();
    }
}

pub(super) fn seed_of(base32: &str) -> Vec<u8> {
    data_encoding::BASE32_NOPAD.decode(base32.as_bytes()).unwrap()
}

pub(super) fn secret_in(prompt: &str) -> Vec<u8> {
    let line = prompt.lines().find(|line| line.starts_with("  ") && line.len() > 30 && line.is_ascii());
    seed_of(&line.unwrap_or_else(|| panic!("no secret in {prompt}")).replace(' ', ""))
}

pub(super) fn reason(step: &Step) -> (Kind, Option<Reason>) {
    (step.kind(), step.reason())
}

pub(super) fn ask_for(label: &str) -> EnrollRequest {
    EnrollRequest { label: label.into(), ..Default::default() }
}

/// Runs `use_it` and `end_it` at one moment, `use_it` again after both. Gives what the two uses were.
pub(super) fn race(use_it: impl Fn() -> Step + Sync, end_it: impl FnOnce() + Send) -> (Kind, Kind) {
    let gate = std::sync::Barrier::new(2);
    let during = std::thread::scope(|scope| {
        let using = scope.spawn(|| {
            gate.wait();
            use_it().kind()
        });
        gate.wait();
        end_it();
        using.join().unwrap()
    });
    (during, use_it().kind())
}

/// A host in grace, with alice and bob there when it began.
pub(super) fn in_grace() -> Host {
    let host = Host::new(Mode::Required);
    host.rule(|rules| rules.grace = 40 * 86_400);
    host.keep_date();
    host
}

pub(super) fn import(seed: &[u8]) -> Import {
    Import {
        user: b"alice".to_vec(),
        label: "old phone".into(),
        kind: "totp".into(),
        algorithm: "SHA1".into(),
        digits: 6,
        period: 30,
        secret: seed.to_vec(),
        next: 0,
        scratch_codes: vec![b"12345678".to_vec()],
        allow_weak: false,
        refresh: false,
        dry_run: false,
    }
}
