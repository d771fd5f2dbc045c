//! The program set up in a folder of its own: settings, store, environment. Servers are started on it, one
//! after another or against each other, and commands run.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use super::Server;
use super::server;

/// Name and password of the first admin.
pub(crate) const ADMIN: (&str, &str) = ("admin", "password");

/// The settings of the recorded conversations.
const SETTINGS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/config/conformance.toml");

/// A folder with a store and settings; removed at the end.
#[derive(Debug)]
pub(crate) struct Installation {
    folder: TempDir,
    config: PathBuf,
    variables: Vec<(String, String)>,
}

impl Installation {
    /// An empty store, the settings of the recorded conversations, a free port of the loopback.
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let store = folder.path().join("store").display().to_string();
        Self { folder, config: SETTINGS.into(), variables: Vec::new() }
            .with("USERSD__HTTP__BIND", "127.0.0.1:0")
            .with("USERSD__HTTP__WORKERS", "2")
            .with("USERSD__STORE__PATH", &store)
            .with("USERSD__STORE__RESERVE_MIB", "0")
            .with("USERSD_FIRST_ADMIN", ADMIN.0)
            .with("USERSD_FIRST_ADMIN_PASSWORD", ADMIN.1)
    }

    /// The same with a variable set, in place of one of that name.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self = self.without(name);
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same without a variable.
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.variables.retain(|(known, _)| known != name);
        self
    }

    /// The same with the settings file followed by these lines.
    pub(crate) fn with_lines(mut self, lines: &str) -> Self {
        let text = fs::read_to_string(&self.config).expect("the settings can be read");
        self.config = self.file("usersd.toml", &format!("{text}\n{lines}"));
        self
    }

    /// The same with a settings file that says this and nothing else.
    pub(crate) fn with_settings(mut self, text: &str) -> Self {
        self.config = self.file("usersd.toml", text);
        self
    }

    /// Writes a file beside the store.
    pub(crate) fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, text).expect("the file can be written");
        path
    }

    /// The folder of everything.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The folder of the store.
    pub(crate) fn store(&self) -> PathBuf {
        self.folder.path().join("store")
    }

    /// The settings file.
    pub(crate) fn config(&self) -> &Path {
        &self.config
    }

    /// Starts a server and waits until it listens.
    pub(crate) fn start(&self) -> Server {
        Server::start(self.command(&["serve"]))
    }

    /// Starts a server that may have so many files and sockets open.
    pub(crate) fn start_with_descriptors(&self, count: u32) -> Server {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", "ulimit -n $0 && exec \"$@\"", &count.to_string(), env!("CARGO_BIN_EXE_usersd")]);
        Server::start(self.complete(command, &["serve"]))
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ended {
        self.run_with(arguments, "")
    }

    /// Runs a command that reads this text, to its end.
    pub(crate) fn run_with(&self, arguments: &[&str], input: &str) -> Ended {
        let mut command = self.command(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        let mut stdin = child.stdin.take().expect("standard input is a pipe");
        // A command that does not read has closed the pipe by now.
        drop(stdin.write_all(input.as_bytes()));
        drop(stdin);
        // The answers are short enough for the pipes, but for one that is read while it is written.
        let mut stdout = child.stdout.take().expect("standard output is a pipe");
        let reader = std::thread::spawn(move || {
            let mut text = String::new();
            std::io::Read::read_to_string(&mut stdout, &mut text).map(|_| text)
        });
        let status = server::wait(&mut child);
        let output = child.wait_with_output().expect("the program's words can be read");
        Ended {
            code: status.code(),
            out: reader.join().expect("the reader ends").expect("the program writes UTF-8"),
            err: String::from_utf8(output.stderr).expect("the program writes UTF-8"),
        }
    }

    /// Starts a command that is not waited for; what it says is thrown away.
    pub(crate) fn spawn(&self, arguments: &[&str]) -> Child {
        let mut command = self.command(arguments);
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the program starts")
    }

    /// The program with these arguments, its environment ours alone.
    fn command(&self, arguments: &[&str]) -> Command {
        self.complete(Command::new(env!("CARGO_BIN_EXE_usersd")), arguments)
    }

    fn complete(&self, mut command: Command, arguments: &[&str]) -> Command {
        command.args(arguments).arg("--config").arg(&self.config);
        command.env_clear().envs(self.variables.iter().map(|(name, value)| (name, value)));
        command.current_dir(self.folder.path()).stdin(Stdio::null());
        command
    }
}

/// A command that has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// The exit code; none after a signal.
    pub(crate) code: Option<i32>,
    /// What it printed.
    pub(crate) out: String,
    /// What it complained about.
    pub(crate) err: String,
}

impl Ended {
    /// Fails the test unless the command ended with this code.
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{}{}", self.out, self.err);
        self
    }
}
