//! The binary as a user runs it.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

use crate::served::Served;

/// How a command ended, and what it said.
pub(crate) struct Told {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Told {
    /// Holds that the command ended with a code, and returns all that it said.
    #[track_caller]
    pub(crate) fn ends(&self, code: i32) -> String {
        let all = format!("{}\n{}", self.out, self.err);
        assert_eq!(self.code, Some(code), "{all}");
        assert!(!all.contains("panicked"), "{all}");
        all
    }

    /// Holds that the command was refused with one error that says all of this, and did nothing.
    #[track_caller]
    pub(crate) fn refused(&self, saying: &[&str]) {
        self.ends(2);
        assert_eq!(self.err.matches("error: ").count(), 1, "one clear error: {}", self.err);
        for said in saying {
            assert!(self.err.contains(said), "{said} is not in: {}", self.err);
        }
    }
}

impl From<Output> for Told {
    fn from(output: Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        Self { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) }
    }
}

/// The binary in a folder, with nothing in its environment but a wide terminal.
pub(crate) fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rebake"));
    command.args(arguments).current_dir(folder).env_clear().env("HOME", folder).env("COLUMNS", "200");
    command
}

/// A command over the sandbox of a folder.
pub(crate) fn sandboxed(folder: &Path, arguments: &[&str]) -> Told {
    command(folder, &[&["--sandbox"], arguments].concat()).output().unwrap().into()
}

/// What a command over the sandbox of a folder tells programs.
pub(crate) fn json(folder: &Path, arguments: &[&str]) -> Value {
    let told = sandboxed(folder, &[arguments, &["--format", "json"]].concat());
    told.ends(0);
    serde_json::from_str(&told.out).unwrap()
}

/// A command over a served account, as a scheduler starts it: nothing in the environment but what leads there.
pub(crate) fn over_http(served: &Served, folder: &Path, arguments: &[&str]) -> Told {
    over_http_with(served, folder, arguments, "/dev/null")
}

/// The same with a file of credentials for profiles.
pub(crate) fn over_http_with(served: &Served, folder: &Path, arguments: &[&str], credentials: &str) -> Told {
    let mut command = command(folder, arguments);
    command
        .env("AWS_SHARED_CREDENTIALS_FILE", credentials)
        .env("AWS_ENDPOINT_URL", served.endpoint())
        .env("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
        .env("AWS_SECRET_ACCESS_KEY", "secret")
        .env("AWS_REGION", "eu-west-1");
    if let Some(rate) = served.rate() {
        command.env("REBAKE_TIME_RATE", rate);
    }
    command.output().unwrap().into()
}

/// The calls that the sandbox of a folder got.
pub(crate) fn calls(folder: &Path) -> Vec<Value> {
    serde_json::from_str(&sandboxed(folder, &["sandbox", "calls"]).out).unwrap()
}

/// The operations among calls that change something.
pub(crate) fn changes(calls: &[Value]) -> Vec<String> {
    let names = calls.iter().map(|call| call["operation"].as_str().unwrap().to_owned());
    names.filter(|name| !["Describe", "Get", "List"].iter().any(|prefix| name.starts_with(prefix))).collect()
}

/// Writes a file below a folder.
pub(crate) fn write(folder: &Path, path: &str, text: &str) {
    let path = folder.join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}
