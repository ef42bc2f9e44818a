//! Hosts as they come, and what the module leaves behind in them.

use std::collections::BTreeMap;
use std::fs;

use mfa_tests::host::{Report, many_logins};
use mfa_tests::{Machine, Stack, product};
use serde_json::{Value, json};

use crate::false_mfad::in_the_place_of_mfad;
use crate::people::{enrolled, not_enrolled};

/// What stays mapped after a login: our module, which cannot be unloaded.
const STAYING: [&str; 1] = ["/pam_mfa.so"];

/// What a login may make the host grow by beyond a login without us, in bytes. One forgotten allocation is more.
const GROWTH_LIMIT_BYTES: u64 = 16;

/// How long a login may take when there are many in one process, in milliseconds; a busy host makes ten thousand of
/// them in a minute.
const PATIENCE_MS: usize = 30;

/// A stack in which `module` may ignore a login: something beside it succeeds.
fn beside_permit(module: &str) -> Stack {
    Stack::raw(&format!(
        "auth required {module}\nauth required pam_permit.so\naccount required {module}\naccount required pam_permit.so\n"
    ))
}

/// What `pam_host state` says of many logins in one process.
struct State(Value);

impl State {
    /// Logs `user` in that often, and panics where the host is not as it was.
    fn kept(machine: &Machine, service: &str, user: &str, rounds: usize, arguments: &[&str]) -> Self {
        let rounds_text = rounds.to_string();
        let patience = (60 + rounds * PATIENCE_MS / 1000).to_string();
        let host = ["timeout", &patience, "pam_host", "state", service, user, &rounds_text];
        let ran = machine.command("root", &[&host, arguments].concat()).output().expect("nsenter starts");
        let exit = ran.status.code();
        let state: Value = serde_json::from_slice(&ran.stdout)
            .unwrap_or_else(|error| panic!("no report: {error}\n{}", String::from_utf8_lossy(&ran.stderr)));
        assert_eq!(state["changes"], json!([]), "{arguments:?} changed the host");
        assert_eq!(state["changes_after_first"], json!([]), "{arguments:?} changed the host");
        let state = Self(state);
        assert_eq!(state.0["logins"], rounds);
        let all = state.results().get("PAM_SUCCESS") == Some(&rounds);
        assert_eq!(exit, Some(i32::from(!all)), "{:?}", state.results());
        state
    }

    /// How often each result came.
    fn results(&self) -> BTreeMap<String, usize> {
        serde_json::from_value(self.0["results"].clone()).expect("results with their numbers")
    }

    /// The files that stay mapped.
    fn libraries(&self) -> Vec<&str> {
        let libraries = self.0["libraries_left"].as_array().expect("libraries").iter();
        libraries.map(|library| library.as_str().expect("a path")).collect()
    }

    /// Panics where a file stays mapped that is none of `staying`.
    fn assert_only_left(&self, staying: &[&str]) {
        let strange: Vec<&str> = self
            .libraries()
            .into_iter()
            .filter(|path| !staying.iter().any(|part| path.contains(part)))
            .collect();
        assert_eq!(strange, Vec::<&str>::new(), "they stay mapped");
    }

    /// A figure of the host's memory, at one of the three moments.
    fn memory(&self, moment: &str, figure: &str) -> u64 {
        self.0["memory"][moment][figure].as_u64().expect("a figure of memory")
    }

    /// What memory grew by in each quarter of the logins at least, in bytes: what is forgotten is forgotten in each.
    fn steady_growth_bytes(&self) -> u64 {
        let quarters = self.0["memory"]["quarters_kib"].as_array().expect("quarters").iter();
        let kib: Vec<u64> = quarters.map(|kib| kib.as_u64().expect("a figure of memory")).collect();
        kib.windows(2).map(|two| two[1].saturating_sub(two[0]) * 1024).min().expect("four quarters")
    }

    /// What memory grew by after the first login, in bytes.
    fn growth_bytes(&self) -> u64 {
        let of = |moment| self.memory(moment, "anonymous_kib");
        of("after").saturating_sub(of("after_first")) * 1024
    }
}

// S36
#[test]
fn ten_thousand_authentications_in_one_process_leave_the_host_as_it_was() {
    const ROUNDS: usize = 10_000;
    let machine = Machine::new()
        .user(not_enrolled("alice"))
        .pam("door", beside_permit("pam_mfa.so"))
        .pam("without", beside_permit("pam_permit.so"))
        .start()
        .with_pam_host();
    let without = State::kept(&machine, "without", "alice", ROUNDS, &[]);
    let state = State::kept(&machine, "door", "alice", ROUNDS, &[]);
    assert_eq!(state.results(), BTreeMap::from([("PAM_SUCCESS".to_owned(), ROUNDS)]));
    state.assert_only_left(&STAYING);
    let more = state.growth_bytes().saturating_sub(without.growth_bytes());
    assert!(
        more <= GROWTH_LIMIT_BYTES * ROUNDS as u64,
        "{more} bytes more than without us: {}",
        state.0["memory"]
    );
}

// S36
#[test]
fn many_logins_with_a_question_grow_nothing() {
    let rounds = many_logins();
    let machine = Machine::new()
        .user(not_enrolled("alice"))
        .pam("door", Stack::mfa_alone())
        .settings("[policy]\nmode = \"optional\"\n[factors]\nallowed = [\"hotp\"]\n")
        .start()
        .with_pam_host();
    let token = machine.begin_enrolment("alice", "--type hotp", "");
    let _ = machine.confirm_enrolment("alice", &token, &token.code_of_counter(0));
    let assert_still = |what: &str, state: &State| {
        let limit = GROWTH_LIMIT_BYTES * rounds as u64 / 4;
        let growth = state.steady_growth_bytes();
        assert!(growth <= limit, "{what}: {growth} bytes more in each quarter: {}", state.0["memory"]);
        eprintln!("{rounds} {what}: {}", state.0["memory"]);
    };

    let presses = format!("{},counter=1", token.secret());
    let state = State::kept(&machine, "door", "alice", rounds, &["--secret-base32", &presses]);
    assert_eq!(state.results(), BTreeMap::from([("PAM_SUCCESS".to_owned(), rounds)]));
    assert_still("granted", &state);

    // mfad takes its time for a refusal; what the module does with one is the same at once.
    in_the_place_of_mfad(&machine, None);
    let state = State::kept(&machine, "door", "alice", rounds, &["--answer", "999999"]);
    assert_eq!(state.results().get("PAM_SUCCESS"), None, "{:?}", state.results());
    assert_still("refused", &state);
}

// S36
#[test]
fn logins_with_a_question_granted_and_refused_leave_the_host_as_it_was() {
    const ROUNDS: usize = 20;
    let machine =
        Machine::new().user(enrolled("alice")).pam("door", Stack::mfa_alone()).start().with_pam_host();
    let code = machine.token("alice").code();
    let state = State::kept(&machine, "door", "alice", ROUNDS, &["--answer", &code]);
    assert_eq!(state.results().get("PAM_SUCCESS"), Some(&1), "{:?}", state.results());
    state.assert_only_left(&STAYING);
    let (first, last) = (state.memory("after_first", "mappings"), state.memory("after", "mappings"));
    assert_eq!(first, last, "mappings");
}

// S36
#[test]
fn logins_that_hand_a_password_on_leave_the_host_as_it_was() {
    const ROUNDS: usize = 6;
    let machine = Machine::new()
        .user(enrolled("alice"))
        .pam("door", Stack::mfa_alone().mfa_arguments("forward_pass"))
        .start()
        .with_pam_host();
    let both = format!("a password of alice's{}", machine.token("alice").code());
    let state = State::kept(&machine, "door", "alice", ROUNDS, &["--answer", &both]);
    assert_eq!(state.results().get("PAM_SUCCESS"), Some(&1), "{:?}", state.results());
    state.assert_only_left(&STAYING);
}

/// Hosts that a login must not mind, by the options of `pam_host`.
const BAD_HOSTS: [&[&str]; 6] = [
    &["--closed-stdio"],
    &["--fsize", "0"],
    &["--block-signals"],
    &["--ignore-sigchld"],
    &["--umask", "0"],
    &["--closed-stdio", "--fsize", "0", "--block-signals", "--ignore-sigchld", "--umask", "0"],
];

// S36
#[test]
fn a_host_in_a_bad_state_gets_its_user_in_and_stays_as_it_was() {
    let names: Vec<String> = (0..BAD_HOSTS.len()).map(|number| format!("user{number}")).collect();
    let machine = Machine::new()
        .users(names.iter().map(|name| enrolled(name)))
        .pam("door", Stack::mfa_alone())
        .start()
        .with_pam_host();
    for (name, host) in names.iter().zip(BAD_HOSTS) {
        let code = machine.token(name).code();
        let state = State::kept(&machine, "door", name, 3, &[&["--answer", code.as_str()], host].concat());
        let results = state.results();
        assert_eq!(results.get("PAM_SUCCESS"), Some(&1), "{host:?}: {results:?}");
        assert_eq!(state.0["first"]["result"], "PAM_SUCCESS", "{host:?}: {}", state.0);
        state.assert_only_left(&STAYING);
    }
}

/// A stack whose auth phase an ignored module would pass, and whose account phase it would not.
fn lenient_auth() -> Stack {
    Stack::raw("auth required pam_mfa.so\nauth required pam_permit.so\naccount required pam_mfa.so\n")
}

// S22
#[test]
fn a_host_without_descriptors_to_spare_is_refused_until_it_has_some() {
    let machine = Machine::new().user(enrolled("alice")).pam("door", lenient_auth()).start().with_pam_host();
    let code = machine.token("alice").code();
    let login = |limit: usize, options: &[&str]| {
        let limit = limit.to_string();
        machine.pam_host("door", "alice", &[&["--answer", &code, "--nofile", &limit], options].concat())
    };
    // Where all three are open, libpam itself comes to nothing.
    assert_eq!(login(3, &[]).result(), "PAM_ABORT");

    // Where they are closed, libpam reads its files with them, and leaves us none above them.
    let closed = |limit| login(limit, &["--closed-stdio", "--keep-going"]);
    for limit in [3, 4] {
        let report = closed(limit);
        assert_eq!(report.phase("authenticate"), Some("PAM_AUTHINFO_UNAVAIL"), "{limit}: {report}");
        assert_ne!(report.phase("acct_mgmt"), Some("PAM_SUCCESS"), "{limit}: {report}");
    }
    let reports: Vec<Report> = (5..16).map(closed).collect();
    let enough = reports.iter().position(Report::granted);
    let enough = enough.unwrap_or_else(|| panic!("no number of them was enough: {reports:?}"));
    let refused = reports[..enough].iter().map(|report| report.phase("authenticate"));
    assert!(refused.into_iter().all(|code| code == Some("PAM_AUTHINFO_UNAVAIL")), "{reports:?}");
}

// S22
#[test]
fn a_host_that_cannot_ask_is_told_so_and_gets_nobody_in() {
    let machine = Machine::new().user(enrolled("alice")).pam("door", lenient_auth()).start().with_pam_host();
    for host in ["--no-conversation", "--failing-conversation", "--null-replies"] {
        let report = machine.pam_host("door", "alice", &[host, "--keep-going"]);
        assert_eq!(report.phase("authenticate"), Some("PAM_CONV_ERR"), "{host}: {report}");
        assert_ne!(report.phase("acct_mgmt"), Some("PAM_SUCCESS"), "{host}: {report}");
    }
    let code = machine.token("alice").code();
    assert!(machine.pam_host("door", "alice", &["--answer", &code]).granted());
}

/// Where the dynamic section of an ELF file of 64 bits is, in the file: its offset and its length.
fn dynamic_section(elf: &[u8]) -> (usize, usize) {
    const PT_DYNAMIC: usize = 2;
    let number = |at: usize, length: usize| {
        let bytes = elf[at..at + length].iter().rev();
        bytes.fold(0_usize, |number, byte| number << 8 | usize::from(*byte))
    };
    assert_eq!(elf[..6], *b"\x7fELF\x02\x01", "64 bits, the lowest byte first");
    let (first, size, count) = (number(32, 8), number(54, 2), number(56, 2));
    let headers = (0..count).map(|header| first + header * size);
    let dynamic = headers.into_iter().find(|at| number(*at, 4) == PT_DYNAMIC).expect("a dynamic section");
    (number(dynamic + 8, 8), number(dynamic + 32, 8))
}

/// Our module as the linker would make it without `-z nodelete`.
fn that_can_be_unloaded() -> Vec<u8> {
    const DT_FLAGS_1: u64 = 0x6fff_fffb;
    const DF_1_NODELETE: u8 = 0x8;
    let mut module = fs::read(product::built("libpam_mfa.so")).expect("it was built");
    let (offset, length) = dynamic_section(&module);
    let entries = module[offset..offset + length].chunks_exact_mut(16);
    let mut flags = entries.filter(|entry| entry[..8] == DT_FLAGS_1.to_le_bytes());
    let flags = flags.next().expect("our module has flags");
    assert_ne!(flags[8] & DF_1_NODELETE, 0, "our module can be unloaded as it is");
    flags[8] &= !DF_1_NODELETE;
    module
}

// S36: it cannot be unloaded, and would do no harm if it were.
#[test]
fn a_module_that_is_unloaded_after_each_login_leaves_nothing_running() {
    const MODULE: &str = "/usr/local/lib/pam_unloaded.so";
    let machine = Machine::new()
        .user(not_enrolled("alice"))
        .user(enrolled("bob"))
        .pam("door", beside_permit(MODULE))
        .start()
        .with_pam_host();
    machine.write(MODULE, 0o755, that_can_be_unloaded());
    let waived = State::kept(&machine, "door", "alice", 300, &[]);
    assert_eq!(waived.results(), BTreeMap::from([("PAM_SUCCESS".to_owned(), 300)]));
    waived.assert_only_left(&[]);
    let code = machine.token("bob").code();
    let asked = State::kept(&machine, "door", "bob", 10, &["--answer", &code]);
    assert_eq!(asked.results().get("PAM_SUCCESS"), Some(&1), "{:?}", asked.results());
    asked.assert_only_left(&[]);
}
