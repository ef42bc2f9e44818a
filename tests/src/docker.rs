//! A Docker engine of the tests' own: in a network of its own, with nothing of this host's.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::document::repository;
use crate::terminal::Terminal;
use crate::{image, wait};

/// How long the engine may take to serve, and to end.
const PATIENCE: Duration = Duration::from_secs(30);

/// Where Debian's packages are, before whatever else is called `docker` here.
const PATH: &str = "/usr/sbin:/usr/bin:/sbin:/bin";

/// What is done before the engine starts, in its own network and file systems: containers reach one another by a bridge,
/// and nothing else.
const INSIDE: &str = "ip link set lo up; mount -t tmpfs tmpfs /run; exec dockerd \"$@\"";

/// An engine that runs. Dropping it ends it, with all containers, and removes all images.
#[derive(Debug)]
pub struct Engine {
    process: Child,
    /// Its socket, its images and its containers.
    folder: PathBuf,
}

impl Engine {
    /// Starts one; why not, where none can be started here.
    pub fn start() -> Result<Self, String> {
        // In memory: layers are many small files, each made durable otherwise.
        let folder = PathBuf::from(format!("/dev/shm/mfa-docker-{}", std::process::id()));
        fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let file = |name: &str| folder.join(name).display().to_string();
        let log = fs::File::create(folder.join("log")).map_err(|error| error.to_string())?;
        let process = Command::new("unshare")
            .args(["--net", "--mount", "--propagation", "private", "--kill-child=TERM", "--fork"])
            .args(["bash", "-euc", INSIDE, "dockerd"])
            .args(["--iptables=false", "--ip6tables=false", "--ip-forward=false", "--ip-masq=false"])
            .args(["--host", &format!("unix://{}", file("socket"))])
            .args(["--data-root", &file("data"), "--exec-root", &file("exec"), "--pidfile", &file("pid")])
            .env("PATH", PATH)
            .stdin(Stdio::null())
            .stdout(log.try_clone().map_err(|error| error.to_string())?)
            .stderr(log)
            .spawn()
            .map_err(|error| error.to_string())?;
        let mut engine = Self { process, folder };
        let served = wait::until(PATIENCE, || {
            let ended = engine.process.try_wait().ok().flatten().is_some();
            let serves = engine.command("docker info").output().is_ok_and(|ran| ran.status.success());
            (ended || serves).then_some(serves)
        });
        if served == Some(true) {
            return Ok(engine);
        }
        let log = fs::read_to_string(engine.folder.join("log")).unwrap_or_default();
        let last: Vec<&str> = log.lines().rev().take(3).collect();
        Err(format!("dockerd does not serve: {}", last.join("\n")))
    }

    /// A shell command line for its clients, in the folder of the Dockerfile.
    pub fn command(&self, line: &str) -> Command {
        let mut command = Command::new("bash");
        command
            .args(["-euc", line])
            .current_dir(repository().join("packaging/docker"))
            .env("PATH", PATH)
            .env("DOCKER_HOST", format!("unix://{}", self.folder.join("socket").display()))
            .env("COMPOSE_PROJECT_NAME", "mfad")
            .env("DOCKER_BUILDKIT", "0") // the classic builder: the other one is a package more
            .stdin(Stdio::null());
        command
    }

    /// Runs a line; what it prints. Panics where it fails.
    pub fn run(&self, line: &str) -> String {
        let ran = self.command(line).output().expect("bash starts");
        let (told, said) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
        assert!(ran.status.success(), "`{line}`: {}\n{told}\n{said}", ran.status);
        told.into_owned()
    }

    /// Runs a line at a terminal, where `packages` has the package that goes into the image.
    pub fn terminal(&self, line: &str, packages: &str) -> Terminal {
        let mut command = self.command("exec script -q -e -c \"$LINE\" /dev/null");
        command
            .env("LINE", line)
            .env("SHELL", "/bin/bash")
            .env("TERM", "xterm")
            .env("MFAD_PACKAGES", packages);
        Terminal::of(command)
    }

    /// The root file system of the machines, as the image of Debian that containers are made from: no registry is asked.
    ///
    /// What the Dockerfile installs is in it already. apt's sources are not, so that nobody waits for a network that is
    /// not there, nor is what no container needs.
    pub fn import_base(&self) {
        let root = image::root(image::Suite::Bookworm);
        let without = [
            "etc/apt/sources.list*",
            "usr/lib/python3*",
            "usr/share/doc",
            "usr/share/locale",
            "usr/share/man",
        ];
        let without: String = without.iter().map(|path| format!("--exclude './{path}' ")).collect();
        let tar = format!("tar -C {} {without} -c .", root.display());
        self.run(&format!("{tar} | docker import - debian:bookworm-slim"));
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // The engine ends its containers when it is told to end; its file says which process it is.
        if let Ok(pid) = fs::read_to_string(self.folder.join("pid")) {
            let _ = Command::new("kill").arg(pid.trim()).status();
        }
        if wait::until(PATIENCE, || self.process.try_wait().transpose()).is_none() {
            let _ = self.process.kill();
            let _ = self.process.wait();
        }
        let _ = fs::remove_dir_all(&self.folder); // it may be gone
    }
}
