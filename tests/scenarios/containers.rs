//! `packaging/docker`, built and run by a Docker engine of the tests' own.
//!
//! Where no engine can be started, that is said loudly, and in the last line of `tests/run`: nothing else may be left out.

use std::fs;
use std::io::Write;

use mfa_tests::Token;
use mfa_tests::docker::Engine;
use mfa_tests::document::{Page, nobody, repository};
use mfa_tests::package::{Version, deb};
use mfa_tests::terminal::Terminal;
use mfa_tests::transcript::Stage;

use crate::rescue;

const PAGE: &str = "packaging/docker/README.md";

/// The engine, and where the package is that goes into the image.
struct Host {
    engine: Engine,
    packages: &'static str,
}

impl Stage for Host {
    fn terminal(&self, _: &str, command: &str) -> Terminal {
        self.engine.terminal(command, self.packages)
    }

    fn log(&self) -> Vec<String> {
        self.engine.run("docker-compose logs --tail 20").lines().map(str::to_owned).collect()
    }
}

/// Says on this terminal, whatever becomes of the output of tests, and for the end of `tests/run`, what was not run.
fn not_run(why: &str) {
    let said = format!("NOT RUN: containers. {why}\n");
    let folder = repository().join("target/not-run");
    let kept = fs::create_dir_all(&folder).and_then(|()| fs::write(folder.join("containers"), &said));
    kept.expect("cargo's target folder can be written to");
    let _ = std::io::stderr().write_all(format!("\n{said}\n").as_bytes()); // not captured, as eprintln would be
}

#[test]
fn the_containers_to_try_stacks_on_are_built_and_log_in() {
    let engine = match Engine::start() {
        Ok(engine) => engine,
        Err(why) => return not_run(&why),
    };
    engine.import_base();
    let host = Host { engine, packages: "target/packages/container" };
    let folder = repository().join(host.packages);
    let package =
        fs::create_dir_all(&folder).and_then(|()| fs::copy(deb(Version::This), folder.join("mfad.deb")));
    package.expect("a package below target");
    let (mut phone, mut steps) = (None, [-1, 0].into_iter());
    let mut page = Page::of(PAGE, "containers");
    page.play_session(&host, &mut |prompt| {
        if prompt.contains("assword") {
            return "swordfish".into();
        }
        if prompt.contains("Enter skips this") {
            return String::new();
        }
        let secret = prompt.lines().find_map(|line| line.trim().strip_prefix("Secret "));
        let phone = phone.get_or_insert_with(|| Token::of_secret(secret.expect("a secret first").trim()));
        phone.code_at(steps.next().expect("two questions"))
    });
    // On the day on which nobody gets in, the engine's own way in needs none of it.
    rescue::take_out_of_a_container(&host);
    let asked = host.engine.run("docker exec mfad-host grep -r '^[^#].*pam_mfa' /etc/pam.d || true");
    assert_eq!(asked.trim(), "", "it is taken out");
    page.play_session(&host, &mut nobody);
}
