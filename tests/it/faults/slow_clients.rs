//! Clients that crawl, stop, or send half a request, while others are served.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::assert_sound;
use crate::support::{Database, Server, Setup};

/// Writes the beginning, then a byte now and then, until the server closes; what it answered.
async fn crawl(listen: &str, beginning: String, drip: Option<&[u8]>) -> String {
    let mut stream = TcpStream::connect(listen).await.unwrap();
    stream.write_all(beginning.as_bytes()).await.unwrap();
    let (mut reader, mut writer) = stream.split();
    let mut answer = Vec::new();
    let mut tick = tokio::time::interval(Duration::from_millis(50));
    let mut drops = drip.unwrap_or_default().iter().cycle();
    loop {
        let mut buffer = [0; 4_096];
        tokio::select! {
            read = reader.read(&mut buffer) => match read {
                Ok(0) | Err(_) => return String::from_utf8_lossy(&answer).into_owned(),
                Ok(count) => answer.extend_from_slice(&buffer[..count]),
            },
            _ = tick.tick() => if let Some(byte) = drops.next() {
                // The server may have closed its side already; the reader says so.
                let _ = writer.write_all(&[*byte]).await;
            },
        }
    }
}

#[tokio::test]
async fn are_cut_off_while_others_are_served() {
    let setup = Setup::default().with("HEADCOUNT_HTTP_CLIENT_TIMEOUT", 1).with("HEADCOUNT_HTTP_WORKERS", 1);
    let server = Server::set_up(Database::Sqlite, setup).await;
    let head = |more: &str| {
        format!(
            "POST /scim/v2/Users HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {}\r\nContent-Type: application/scim+json\r\n{more}",
            server.token
        )
    };
    let kinds: [(String, Option<&[u8]>); 6] = [
        (String::new(), None),
        ("GET /scim".into(), None),
        (head("X-Slow: "), Some(b"a")),
        (head("Content-Length: 100000\r\n\r\n{"), None),
        (head("Content-Length: 100000\r\n\r\n{"), Some(b" ")),
        (head("Transfer-Encoding: chunked\r\n\r\n"), Some(b"1\r\n \r\n")),
    ];
    let crawlers =
        kinds.iter().cycle().take(48).map(|(beginning, drip)| crawl(&server.listen, beginning.clone(), *drip));
    let everyone = futures_util::future::join_all(crawlers);
    let others = async {
        for number in 0..20 {
            server.user(&format!("u{number}")).await;
        }
    };
    let (answers, ()) = tokio::time::timeout(Duration::from_mins(1), futures_util::future::join(everyone, others))
        .await
        .expect("every connection is closed in bounded time");
    for ((beginning, _), answer) in kinds.iter().cycle().zip(&answers) {
        if beginning.contains("\r\n\r\n") {
            assert!(answer.starts_with("HTTP/1.1 408"), "{beginning}: {answer}");
            assert!(answer.contains("\"status\":\"408\"") && answer.contains("messages:2.0:Error"), "{answer}");
        } else {
            // Nothing that could be answered as SCIM has arrived: the connection is what is refused.
            let by_status = answer.starts_with("HTTP/1.1 408") && answer.ends_with("\r\n\r\n");
            assert!(answer.is_empty() || by_status, "{beginning}: {answer}");
        }
    }
    assert_eq!(server.get("/Users?count=0").await.1["totalResults"], 21, "nothing of the crawlers was stored");
    assert_sound(&server.url);
}
