//! The clock of a served sandbox that runs faster than the wall: anchored at what its server says the time is.

use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::clock::Clock;
use super::error::{Error, ErrorKind};

const ACTION: &str = "GET /";
/// How long the server may take to say what time it is.
const PATIENCE: Duration = Duration::from_secs(10);
/// The head of an answer is never longer than this.
const HEAD: u64 = 16 * 1024;

impl Clock {
    /// The clock of a server that runs `rate` times as fast as the wall, by the `Date` of its answer.
    ///
    /// Only for plain HTTP: it is the sandbox that runs fast, never AWS.
    pub async fn of_server(endpoint: &str, rate: f64) -> Result<Self, Error> {
        let failed = |kind, code: &str, message: String| Error {
            kind,
            action: ACTION,
            code: code.to_owned(),
            message,
            resource: endpoint.to_owned(),
        };
        let uri: Option<http::Uri> = endpoint.parse().ok();
        let authority = uri.as_ref().filter(|uri| uri.scheme_str() == Some("http")).and_then(http::Uri::authority);
        let Some(authority) = authority else {
            let message = "a rate needs an endpoint that begins with http://".to_owned();
            return Err(failed(ErrorKind::Invalid, "InvalidEndpoint", message));
        };
        let address = format!("{}:{}", authority.host(), authority.port_u16().unwrap_or(80));
        let head = match tokio::time::timeout(PATIENCE, head(&address)).await {
            Ok(Ok(head)) => head,
            Ok(Err(error)) => return Err(failed(ErrorKind::Unreachable, "ConnectionFailed", error.to_string())),
            Err(_) => return Err(failed(ErrorKind::Lost, "Timeout", "no answer in time".to_owned())),
        };
        let anchor = date(&head);
        let anchor = anchor.ok_or_else(|| failed(ErrorKind::Invalid, "NoDate", "the answer has no Date".to_owned()))?;
        Ok(Self::rated(rate, anchor))
    }
}

/// The head of the answer to the plainest question.
async fn head(address: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET / HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(HEAD).read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

fn date(head: &str) -> Option<Timestamp> {
    let fields = head.lines().take_while(|line| !line.is_empty()).filter_map(|line| line.split_once(':'));
    let date = fields.into_iter().find(|(name, _)| name.eq_ignore_ascii_case("date"))?.1;
    rfc2822::DateTimeParser::new().parse_timestamp(date.trim()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_server_tells_its_time() {
        let server = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", server.local_addr().unwrap());
        let answer = async {
            let (mut stream, _) = server.accept().await.unwrap();
            let answer = "HTTP/1.1 404 Not Found\r\ndate: Tue, 24 Nov 2026 08:00:00 GMT\r\ncontent-length: 0\r\n\r\n";
            stream.write_all(answer.as_bytes()).await.unwrap();
        };
        let (clock, ()) = tokio::join!(Clock::of_server(&endpoint, 0.001), answer);
        assert_eq!(clock.unwrap().now().strftime("%FT%T").to_string(), "2026-11-24T08:00:00");
        let error = Clock::of_server("https://aws", 600.0).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Invalid);
    }
}
