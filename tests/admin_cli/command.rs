//! Runs the command as a process, in an environment that is the same on every machine.

use std::io::Write as _;
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

use super::client::Host;

/// What the environment of a test may not say.
const UNSET: [&str; 9] = [
    "APEX_CACHE_URL",
    "APEX_CACHE_ADMIN_TOKEN",
    "NO_COLOR",
    "CLICOLOR",
    "CLICOLOR_FORCE",
    "LC_ALL",
    "LC_CTYPE",
    "HTTP_PROXY",
    "http_proxy",
];

/// A process of the command, about to be started.
pub(crate) struct Apex(Command);

/// How it ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Apex {
    pub(crate) fn new(arguments: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_apex-cache"));
        UNSET.iter().for_each(|name| {
            command.env_remove(name);
        });
        command.env("LANG", "C.UTF-8").env("TERM", "xterm-256color").args(arguments);
        Self(command)
    }

    /// One that is told where `host` is, and its token.
    pub(crate) fn of(host: &Host, arguments: &[&str]) -> Self {
        Self::new(arguments)
            .env("APEX_CACHE_URL", &format!("http://{}", host.address))
            .env("APEX_CACHE_ADMIN_TOKEN", &host.token)
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.0.env(name, value);
        self
    }

    pub(crate) fn within(mut self, folder: &std::path::Path) -> Self {
        self.0.current_dir(folder);
        self
    }

    /// Runs it to its end, with nothing to read.
    pub(crate) fn run(self) -> Ended {
        self.run_with("")
    }

    /// Runs it to its end, with `input` on its standard input.
    pub(crate) fn run_with(mut self, input: &str) -> Ended {
        let piped = self.0.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = piped.spawn().expect("the command starts");
        // It may end without reading.
        let _ = child.stdin.take().expect("it is piped").write_all(input.as_bytes());
        child.wait_with_output().expect("it ends").into()
    }

    /// Starts it, with the streams as they are set here.
    pub(crate) fn start(mut self, set: impl FnOnce(&mut Command) -> &mut Command) -> Child {
        set(&mut self.0).spawn().expect("the command starts")
    }
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("what it writes is UTF-8");
        Self { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }
}

impl Ended {
    /// Fails with all that it said, if it ended in another way.
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:?}");
        self
    }

    /// What it printed, as one document on one line.
    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.out.matches('\n').count(), 1, "{self:?}");
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The error that it told, as a document.
    pub(crate) fn error(&self) -> Value {
        assert!(self.out.is_empty(), "{self:?}");
        serde_json::from_str(&self.err).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}
