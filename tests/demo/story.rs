//! What happens, in six acts. Each act checks that it went as it is told.

use std::time::Duration;

use crate::failure::{Failure, holds};
use crate::paper::Paper;
use crate::phone::{Code, Phone};
use crate::session::Session;
use crate::stage::{PASSWORD, Stage};

const ALICE_AT_LAPTOP: &str = "alice@laptop:~$ ";
const ALICE_AT_SERVER: &str = "alice@server:~$ ";
const ROOT_AT_SERVER: &str = "root@server:~# ";
const MALLORY: &str = "mallory@elsewhere:~$ ";

const SSH: &str = "ssh alice@server";
const ASKS_PASSWORD: &str = "(alice@server) Password: ";
const ASKS_CODE: &str = "(alice@server) Verification code: ";

/// For how many seconds a code must be right when it is chosen: to type a command, a password and it.
const TO_LOG_IN: u64 = 10;

/// The same, and to let somebody else try it, too.
const TO_REPLAY: u64 = 45;

/// After how many codes sshd is done with a login.
const TRIES: usize = 3;

/// Plays all of it, and returns alice's telephone as it is then.
pub(crate) fn tell(stage: &Stage, paper: &Paper) -> Result<Phone, Failure> {
    paper.tell(&format!(
        "Three machines, made for this and thrown away: a server (sshd, sudo, mfad),\n\
         alice's laptop, and one elsewhere. Alice has a password: {PASSWORD}"
    ));

    let (first, mut phone, confirming, backup_codes) = enrols(stage, paper)?;
    let (mut alice, at_ssh) = logs_in(stage, paper, &mut phone)?;
    let at_sudo = becomes_root(paper, &mut alice, &mut phone)?;
    replays(stage, paper, &[("sudo", at_sudo), ("ssh", at_ssh), ("the enrolment", confirming)])?;
    forgets_her_phone(stage, paper, &backup_codes)?;
    looks(paper, &mut alice)?;
    drop((first, alice));

    paper.tell("That is all. Each step was checked as it went, and did what was told of it.");
    Ok(phone)
}

/// Alice has a password and nothing else, logs in, and enrols.
fn enrols(stage: &Stage, paper: &Paper) -> Result<(Session, Phone, Code, Vec<String>), Failure> {
    paper.chapter("1. Alice enrols her phone");
    paper.tell(
        "Second factors are optional as shipped: whoever has none logs in with the\n\
         password alone, once more, and enrols without asking an administrator.",
    );
    let mut session = Session::open(&stage.laptop, "alice", ALICE_AT_LAPTOP, paper)?;
    session.answer(SSH)?;
    session.until(ASKS_PASSWORD)?;
    session.answer_unseen(PASSWORD, ALICE_AT_SERVER)?;
    session.answer("mfactl enroll")?;
    let screen = session.until("Code that the app shows now: ")?;
    let mut phone = Phone::scans(&screen)?;
    paper.tell(
        "A scanner (zbar) reads the picture off this screen, as her app does. So that\n\
         you need not wait, her codes are up to 30 s late or early: mfad allows that.",
    );
    let code = shown(paper, &mut phone, TO_LOG_IN);
    session.answer(&code.digits)?;
    let enrolled = session.until("(Enter skips this): ")?;
    let is_code = |word: &&str| word.split('-').map(str::len).eq([1, 5, 5, 4]);
    let codes: Vec<String> = enrolled.split_whitespace().filter(is_code).map(str::to_owned).collect();
    let [_, _, _, third, ..] = &codes[..] else { return Err(Failure::of("ten backup codes", enrolled)) };
    paper.tell("She writes the backup codes down, and shows that she did by one of them.");
    session.answer(third)?;
    holds(&session.until(ALICE_AT_SERVER)?, "kept them")?;
    paper.pause(Duration::from_secs(2));
    Ok((session, phone, code, codes))
}

/// Alice logs in beside the session that she has.
fn logs_in(stage: &Stage, paper: &Paper, phone: &mut Phone) -> Result<(Session, Code), Failure> {
    paper.chapter("2. Password and code, over ssh");
    paper.tell(
        "As advised, a second terminal tries it while the first stays open. Neither\n\
         answer is shown as it is typed; only the right password leads to the code.",
    );
    let code = shown(paper, phone, TO_LOG_IN);
    let mut session = Session::open(&stage.laptop, "alice", ALICE_AT_LAPTOP, paper)?;
    session.answer(SSH)?;
    session.until(ASKS_PASSWORD)?;
    session.answer_unseen(PASSWORD, ASKS_CODE)?;
    session.answer_unseen(&code.digits, ALICE_AT_SERVER)?;
    let status = session.run("mfactl status", ALICE_AT_SERVER)?;
    holds(&status, "alice")?;
    holds(&status, "totp SHA1")?;
    if status.contains("never") {
        return Err(Failure::of("a factor that was used", status));
    }
    Ok((session, code))
}

/// Alice makes herself root by the next code.
fn becomes_root(paper: &Paper, session: &mut Session, phone: &mut Phone) -> Result<Code, Failure> {
    paper.chapter("3. Password and the next code, at sudo");
    paper.tell(
        "Each code is good once on the whole machine, so sudo wants the next one: who\n\
         watched her log in cannot follow her to root.",
    );
    let code = shown(paper, phone, TO_REPLAY);
    session.answer("sudo -i")?;
    session.until("[sudo] password for alice: ")?;
    session.answer_unseen(PASSWORD, "Verification code: ")?;
    session.answer_unseen(&code.digits, ROOT_AT_SERVER)?;
    let id = session.run("id", ROOT_AT_SERVER)?;
    holds(&id, "uid=0(root)")?;
    Ok(code)
}

/// Mallory knows the password and every code, and is refused with all that are not too old anyhow.
fn replays(stage: &Stage, paper: &Paper, noted: &[(&str, Code)]) -> Result<(), Failure> {
    paper.chapter("4. The same codes again, from elsewhere");
    paper.tell(
        "Mallory read everything over alice's shoulder, the password and every code.\n\
         By the clock these are still right. But they are spent, and open nothing.",
    );
    let fresh: Vec<_> = noted.iter().filter(|(_, code)| code.is_right_for(20)).collect();
    let listed: Vec<_> = fresh
        .iter()
        .map(|(whose, code)| format!("mallory's notes: {}  (from {whose})", code.digits))
        .collect();
    paper.hand(&listed.join("\n"));

    let mut session = Session::open(&stage.elsewhere, "mallory", MALLORY, paper)?;
    session.answer(SSH)?;
    session.until(ASKS_PASSWORD)?;
    session.answer_unseen(PASSWORD, ASKS_CODE)?;
    let mut tries = fresh.iter().cycle();
    for _ in 1..TRIES {
        let (_, code) = tries.next().ok_or_else(|| Failure::of("a code that is still right", "none"))?;
        let told = session.answer_unseen(&code.digits, "Verification code: ")?;
        holds(&told, "That code was used already.")?;
        paper.pause(Duration::from_secs(1));
    }
    let (_, code) = tries.next().ok_or_else(|| Failure::of("a code that is still right", "none"))?;
    let told = session.answer_unseen(&code.digits, MALLORY)?;
    holds(&told, "Permission denied")
}

/// Alice has her paper with her, and not her telephone.
fn forgets_her_phone(stage: &Stage, paper: &Paper, codes: &[String]) -> Result<(), Failure> {
    paper.chapter("5. The phone is at home");
    paper.tell(
        "A backup code answers the same prompt, in any spelling, once. The next login\n\
         says that it was used: had it not been alice, she would know.",
    );
    let code = codes.first().ok_or_else(|| Failure::of("a backup code", "none"))?;
    paper.hand(&format!("on alice's paper: {code}"));
    let mut session = Session::open(&stage.laptop, "alice", ALICE_AT_LAPTOP, paper)?;
    session.answer(SSH)?;
    session.until(ASKS_PASSWORD)?;
    session.answer_unseen(PASSWORD, ASKS_CODE)?;
    session.answer_unseen(&code.to_lowercase().replace('-', " "), ALICE_AT_SERVER)?;
    holds(&session.run("mfactl codes", ALICE_AT_SERVER)?, "9")?;
    session.answer("exit")?;
    session.until(ALICE_AT_LAPTOP)?;
    session.answer(SSH)?;
    session.until(ASKS_PASSWORD)?;
    let told = session.answer_unseen(PASSWORD, "Verification code: ")?;
    holds(&told, "A backup code was used on")
}

/// Alice, as root, reads what was written down.
fn looks(paper: &Paper, session: &mut Session) -> Result<(), Failure> {
    paper.chapter("6. What the administrator sees");
    paper.tell(
        "Alice is still root in her session. A door is where tries come from: wrong\n\
         codes at one close that one, and spent ones none, so nobody locks her out.",
    );
    let account = session.run("mfactl user show alice", ROOT_AT_SERVER)?;
    for (door, is_known) in [("192.0.2.10:", true), ("203.0.113.66:", false)] {
        let line = account.lines().find(|line| line.contains(door)).unwrap_or_default();
        holds(line, "no failure")?;
        if line.contains("not known") == is_known {
            return Err(Failure::of(format!("the door {door} to be known: {is_known}"), line));
        }
    }
    paper.tell(
        "Every verdict is a row, on disk before anybody hears of it. Each row carries\n\
         the fingerprint of the one before, so one that is changed or gone shows.",
    );
    let audit = session.run("mfactl audit", ROOT_AT_SERVER)?;
    for row in [
        ["granted", "alice", "sshd", "192.0.2.10"],
        ["granted", "alice", "sudo", "local"],
        ["refused", "spent_code", "sshd", "203.0.113.66"],
    ] {
        if !audit.lines().any(|line| row.iter().all(|word| line.contains(word))) {
            return Err(Failure::of(format!("a row with {row:?}"), audit));
        }
    }
    holds(&session.run("mfactl audit verify", ROOT_AT_SERVER)?, "Intact")
}

/// Reads the next code that is right for `seconds` more from the phone, for all to see.
fn shown(paper: &Paper, phone: &mut Phone, seconds: u64) -> Code {
    let code = phone.next_code(paper, seconds);
    paper.hand(&format!("on alice's phone: {}  (the code {})", code.digits, code.which));
    code
}
