//! A load generator: keep-alive connections on one thread that send prepared bytes and read whole answers.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// What a run came to.
#[derive(Debug, Default)]
pub struct Run {
    pub requests: usize,
    pub seconds: f64,
    /// Seconds of each request, sorted.
    pub latencies: Vec<f64>,
}

impl Run {
    /// Requests per second.
    pub fn rate(&self) -> f64 {
        self.requests as f64 / self.seconds
    }

    /// The latency below which so many percent of the requests stayed, in seconds.
    pub fn quantile(&self, percent: usize) -> f64 {
        let position = self.latencies.len() * percent / 100;
        self.latencies.get(position.min(self.latencies.len().saturating_sub(1))).copied().unwrap_or_default()
    }
}

/// When a run ends.
#[derive(Clone, Copy, Debug)]
pub enum Until {
    After(Duration),
    Count(usize),
}

/// Sends what `request` makes of the numbers 0, 1, 2, … over `connections` connections.
///
/// # Panics
/// When the server does not answer, or answers with an error: a figure of refusals would be a lie.
pub fn run(address: &str, connections: usize, until: Until, request: impl Fn(usize) -> Vec<u8>) -> Run {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let next = std::cell::Cell::new(0_usize);
    let started = Instant::now();
    let take = || {
        let number = next.get();
        let over = match until {
            Until::After(duration) => started.elapsed() >= duration,
            Until::Count(count) => number >= count,
        };
        next.set(number + usize::from(!over));
        (!over).then_some(number)
    };
    let mut latencies: Vec<f64> = runtime.block_on(async {
        let each = (0..connections).map(|_| async {
            let mut connection = Connection::open(address).await;
            let mut latencies = Vec::new();
            while let Some(number) = take() {
                let bytes = request(number);
                let began = Instant::now();
                let (status, answer) = connection.exchange(&bytes).await;
                assert!(status < 400, "{status}: {}", String::from_utf8_lossy(&answer));
                latencies.push(began.elapsed().as_secs_f64());
            }
            latencies
        });
        futures_util::future::join_all(each).await.into_iter().flatten().collect()
    });
    let seconds = started.elapsed().as_secs_f64();
    latencies.sort_by(f64::total_cmp);
    Run { requests: latencies.len(), seconds, latencies }
}

/// One keep-alive connection.
pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    /// Connects.
    ///
    /// # Panics
    /// When nobody listens.
    pub async fn open(address: &str) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, buffer: Vec::with_capacity(64 * 1_024) }
    }

    /// Sends a request and reads its answer: the status and the body.
    ///
    /// # Panics
    /// When the connection ends.
    pub async fn exchange(&mut self, request: &[u8]) -> (u16, Vec<u8>) {
        self.stream.write_all(request).await.unwrap();
        self.buffer.clear();
        let head = loop {
            if let Some(end) = self.buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4;
            }
            self.fill().await;
        };
        let text = String::from_utf8_lossy(&self.buffer[..head]).to_ascii_lowercase();
        let status = text.get(9..12).and_then(|status| status.parse().ok()).unwrap_or(0);
        let length = text.split("content-length: ").nth(1).and_then(|rest| rest.split("\r\n").next()?.parse().ok());
        match length {
            Some(length) => {
                let length: usize = length;
                while self.buffer.len() < head + length {
                    self.fill().await;
                }
                (status, self.buffer[head..head + length].to_vec())
            }
            None if text.contains("transfer-encoding: chunked") => (status, self.drain_chunks(head).await),
            None => (status, Vec::new()),
        }
    }

    /// A header of the last answer, which had a body of a known length or none.
    pub fn header(&self, name: &str) -> Option<String> {
        let text = String::from_utf8_lossy(&self.buffer);
        let mut lines = text.split("\r\n\r\n").next()?.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned())
    }

    /// Reads a chunked body and throws it away, so that a body of any size takes no memory here.
    async fn drain_chunks(&mut self, head: usize) -> Vec<u8> {
        self.buffer.drain(..head);
        while !self.buffer.ends_with(b"0\r\n\r\n") {
            let keep = self.buffer.len().saturating_sub(8);
            self.buffer.drain(..keep);
            self.fill().await;
        }
        Vec::new()
    }

    async fn fill(&mut self) {
        assert!(self.stream.read_buf(&mut self.buffer).await.unwrap() > 0, "the server closed the connection");
    }
}
