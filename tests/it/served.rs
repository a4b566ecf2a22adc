//! The sandbox as a process of its own.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

/// A served account; it ends with the test.
pub(crate) struct Served {
    child: Child,
    address: String,
    rate: Option<String>,
}

impl Served {
    /// Serves an account on a free port.
    pub(crate) fn start(options: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rebake"));
        let mut child = command.args(["sandbox", "serve"]).args(options).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on http://").unwrap().to_owned();
        let rate = options.iter().position(|option| *option == "--rate").map(|at| options[at + 1].to_owned());
        Self { child, address, rate }
    }

    /// Virtual seconds a second, unless the clock goes as the wall's.
    pub(crate) fn rate(&self) -> Option<&str> {
        self.rate.as_deref()
    }

    /// The number of its process.
    pub(crate) fn process(&self) -> u32 {
        self.child.id()
    }

    /// Its endpoint.
    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The answer to a question to `/_sandbox/`.
    pub(crate) fn get(&self, path: &str) -> Value {
        self.ask("GET", path, "")
    }

    /// The answer to an order to `/_sandbox/`.
    pub(crate) fn post(&self, path: &str, body: &Value) -> Value {
        self.ask("POST", path, &body.to_string())
    }

    fn ask(&self, method: &str, path: &str, body: &str) -> Value {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let (host, length) = (&self.address, body.len());
        write!(
            stream,
            "{method} /_sandbox/{path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200 "), "{answer}");
        serde_json::from_str(body).unwrap()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

#[test]
fn a_served_account_tells_where_it_listens_and_what_time_it_is() {
    let served = Served::start(&["--world", "empty", "--clock", "paused"]);
    assert_eq!(served.get("clock")["now"], "2026-11-24T08:00:00Z");
}

#[test]
fn a_rate_without_a_fast_clock_is_refused() {
    let arguments = ["sandbox", "serve", "--rate", "600"];
    let output = Command::new(env!("CARGO_BIN_EXE_rebake")).args(arguments).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("--clock fast"));
}

#[test]
fn a_served_account_tells_which_world_it_is_now() {
    let served = Served::start(&["--world", "empty", "--clock", "paused"]);
    assert_eq!(served.get("health")["world"], "empty");
    assert_eq!(served.post("reset", &json!({"world": "demo"}))["world"], "demo");
    assert_eq!(served.get("health"), json!({"status": "ok", "world": "demo"}));
    served.post("reset", &json!({}));
    assert_eq!(served.get("health")["world"], "empty");
}
