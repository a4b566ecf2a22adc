//! The sandbox as a process of its own.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

/// A served account; it ends with the test.
struct Served(Child);

impl Drop for Served {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

#[test]
fn a_served_account_tells_where_it_listens_and_what_time_it_is() {
    let arguments = ["sandbox", "serve", "--world", "empty", "--clock", "paused"];
    let child = Command::new(env!("CARGO_BIN_EXE_rebake")).args(arguments).stdout(Stdio::piped()).spawn().unwrap();
    let mut served = Served(child);
    let mut line = String::new();
    BufReader::new(served.0.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    let address = line.trim().strip_prefix("listening on http://").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET /_sandbox/clock HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.trim_end().ends_with(r#"{"now":"2026-11-24T08:00:00Z"}"#), "{answer}");
}

#[test]
fn a_rate_without_a_fast_clock_is_refused() {
    let arguments = ["sandbox", "serve", "--rate", "600"];
    let output = Command::new(env!("CARGO_BIN_EXE_rebake")).args(arguments).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("--clock fast"));
}
