use std::io::{Read, Write};

use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::*;
use crate::sandbox::catalogue::Catalogue;
use crate::sandbox::cloud::Cloud;

fn options(mode: Mode) -> Options {
    Options { port: 0, mode, world: "empty".to_owned(), text: String::new() }
}

/// Sends requests over a socket, each on a connection of its own; gives head and body of the answers.
async fn conversation(mode: Mode, requests: Vec<String>) -> Vec<(String, String)> {
    let cloud = Cloud::new(7, "2026-11-24T08:00:00Z".parse().unwrap(), Catalogue::default());
    let server = Server::bind(options(mode), Account::memory(cloud)).await.unwrap();
    let address = server.address();
    let (stop, stopped) = oneshot::channel::<()>();
    let client = tokio::task::spawn_blocking(move || {
        let told = requests.iter().map(|request| {
            let mut stream = std::net::TcpStream::connect(address).unwrap();
            stream.write_all(request.as_bytes()).unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
            (head.to_ascii_lowercase(), body.to_owned())
        });
        let told: Vec<(String, String)> = told.collect();
        drop(stop);
        told
    });
    let until = async {
        let _ = stopped.await;
    };
    server.run(until).await.unwrap();
    client.await.unwrap()
}

fn sent(method: &str, path: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!("{method} {path} HTTP/1.1\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n{body}")
}

const LOCAL: &str = "host: 127.0.0.1:4566\r\n";

fn parameter(body: &str, operation: &str) -> String {
    let scope =
        "AWS4-HMAC-SHA256 Credential=AKIA1/20261124/eu-west-1/ssm/aws4_request, SignedHeaders=host, Signature=0";
    let headers = format!("{LOCAL}authorization: {scope}\r\nx-amz-target: AmazonSSM.{operation}\r\n");
    sent("POST", "/", &headers, body)
}

fn json_of(body: &str) -> Value {
    serde_json::from_str(body).unwrap()
}

#[tokio::test]
async fn a_client_is_answered_in_virtual_time() {
    let told = conversation(
        Mode::Paused,
        vec![
            parameter(r#"{"Name":"/a","Value":"1","Type":"String"}"#, "PutParameter"),
            sent("POST", "/_sandbox/clock", LOCAL, r#"{"advance":"30m"}"#),
            parameter(r#"{"Name":"/a"}"#, "GetParameter"),
            sent("GET", "/_sandbox/calls", LOCAL, ""),
            sent("GET", "/_sandbox/health", LOCAL, ""),
        ],
    )
    .await;
    assert!(told[0].0.starts_with("http/1.1 200"), "{told:?}");
    assert!(told[0].0.contains("date: tue, 24 nov 2026 08:00:00 gmt"), "{}", told[0].0);
    assert_eq!(json_of(&told[1].1), json!({"now": "2026-11-24T08:30:00Z"}));
    assert_eq!(json_of(&told[2].1)["Parameter"]["Value"], "1");
    let calls = json_of(&told[3].1);
    let operations: Vec<&str> =
        calls.as_array().unwrap().iter().filter_map(|call| call["operation"].as_str()).collect();
    assert_eq!(operations, ["PutParameter", "GetParameter"]);
    assert_eq!(calls[1]["at"], "2026-11-24T08:30:00Z");
    assert_eq!(json_of(&told[4].1)["status"], "ok");
}

#[tokio::test]
async fn faults_and_reset_take_hold() {
    let lost = r#"{"wire":[{"calls":"ssm:*","kind":"lost-after","times":1}]}"#;
    let told = conversation(
        Mode::Fast(600.0),
        vec![
            sent("POST", "/_sandbox/faults", LOCAL, lost),
            parameter(r#"{"Name":"/a","Value":"1","Type":"String"}"#, "PutParameter"),
            parameter(r#"{"Name":"/a"}"#, "GetParameter"),
            sent("POST", "/_sandbox/reset", LOCAL, r#"{"world":"empty"}"#),
            parameter(r#"{"Name":"/a"}"#, "GetParameter"),
            sent("POST", "/_sandbox/reset", LOCAL, r#"{"world":"mars"}"#),
            sent("POST", "/_sandbox/faults", LOCAL, r#"{"colour":"red"}"#),
        ],
    )
    .await;
    assert_eq!(json_of(&told[0].1)["wire"][0]["kind"], "lost-after");
    assert_eq!(told[1].0, "");
    assert_eq!(json_of(&told[2].1)["Parameter"]["Value"], "1");
    assert_eq!(json_of(&told[4].1)["__type"], "ParameterNotFound");
    for refused in &told[5..] {
        assert!(refused.0.starts_with("http/1.1 400"), "{refused:?}");
    }
}

#[tokio::test]
async fn foreign_names_and_origins_do_not_steer() {
    let told = conversation(
        Mode::Paused,
        vec![
            sent("GET", "/_sandbox/health", "host: rebound.example\r\n", ""),
            sent("POST", "/_sandbox/clock", &format!("{LOCAL}origin: http://evil.example\r\n"), r#"{"advance":"1h"}"#),
            sent("GET", "/_sandbox/clock", "host: localhost:1\r\norigin: http://localhost:1\r\n", ""),
            sent("DELETE", "/_sandbox/clock", LOCAL, ""),
            sent("GET", "/_sandbox/moon", LOCAL, ""),
            sent("GET", "http://rebound.example/_sandbox/clock", LOCAL, ""),
            sent("GET", "/_sandbox/clock", &format!("{LOCAL}host: rebound.example\r\n"), ""),
            sent("GET", "/_sandbox/clock", "", ""),
            sent("GET", "/_sandbox/clock", &format!("{LOCAL}sec-fetch-site: cross-site\r\n"), ""),
        ],
    )
    .await;
    let statuses: Vec<&str> = told.iter().map(|(head, _)| &head[9..12]).collect();
    assert_eq!(statuses, ["403", "403", "200", "405", "404", "403", "403", "403", "403"]);
    assert_eq!(json_of(&told[2].1), json!({"now": "2026-11-24T08:00:00Z"}));
}
