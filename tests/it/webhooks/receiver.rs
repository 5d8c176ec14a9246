//! An endpoint of the test's own on 127.0.0.1: it takes webhooks, or misbehaves as it is told to, and checks
//! signatures by an implementation of its own.

use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{SHA256, digest};
use serde_json::Value;

/// What the endpoint does with a request.
#[derive(Clone, Debug)]
pub enum Manner {
    /// Answers with this status and body.
    Answer(u16, String),
    /// Sends elsewhere.
    Redirect(String),
    /// Reads and says nothing until the client goes.
    Hang,
    /// Closes at once.
    HangUp,
    /// Answers without an end.
    Endless,
}

/// A request as it arrived.
#[derive(Clone, Debug)]
pub struct Received {
    pub path: String,
    pub headers: BTreeMap<String, String>,
    pub body: String,
}

#[derive(Debug, Default)]
struct Rules {
    manners: VecDeque<Manner>,
    received: Vec<Received>,
    connections: usize,
    stopped: bool,
}

pub struct Receiver {
    pub address: SocketAddr,
    rules: Arc<Mutex<Rules>>,
    thread: Option<JoinHandle<()>>,
}

impl Receiver {
    pub fn start() -> Self {
        Self::at("127.0.0.1:0".parse().unwrap())
    }

    pub fn at(address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        let address = listener.local_addr().unwrap();
        let rules = Arc::<Mutex<Rules>>::default();
        let shared = Arc::clone(&rules);
        let thread = Some(std::thread::spawn(move || serve(&listener, &shared)));
        Self { address, rules, thread }
    }

    pub fn url(&self) -> String {
        format!("http://{}/hooks", self.address)
    }

    /// How the next requests fare; those after them are taken.
    pub fn next(&self, manners: &[Manner]) {
        self.rules.lock().unwrap().manners.extend(manners.iter().cloned());
    }

    /// What has arrived since it was asked last.
    pub fn take(&self) -> Vec<Received> {
        std::mem::take(&mut self.rules.lock().unwrap().received)
    }

    pub fn connections(&self) -> usize {
        self.rules.lock().unwrap().connections
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.rules.lock().unwrap().stopped = true;
        // The thread wakes up by one more client.
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn serve(listener: &TcpListener, rules: &Arc<Mutex<Rules>>) {
    for stream in listener.incoming() {
        {
            let mut rules = rules.lock().unwrap();
            if rules.stopped {
                return;
            }
            rules.connections += 1;
        }
        let rules = Arc::clone(rules);
        if let Ok(stream) = stream {
            std::thread::spawn(move || drop(converse(&stream, &rules)));
        }
    }
}

/// Requests of one connection, one after the other.
fn converse(stream: &TcpStream, rules: &Mutex<Rules>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
        let mut headers = BTreeMap::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line)?;
            let Some((name, value)) = line.trim_end().split_once(": ") else { break };
            headers.insert(name.to_ascii_lowercase(), value.to_owned());
        }
        let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or_default();
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        let manner = {
            let mut rules = rules.lock().unwrap();
            rules.received.push(Received { path, headers, body: String::from_utf8(body).unwrap() });
            rules.manners.pop_front().unwrap_or(Manner::Answer(200, "thanks".into()))
        };
        let say = |text: String| {
            let mut stream = stream;
            stream.write_all(text.as_bytes())
        };
        match manner {
            Manner::Answer(status, body) => {
                say(format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\n\r\n{body}", body.len()))?;
            }
            Manner::Redirect(to) => {
                say(format!("HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n"))?;
            }
            Manner::Hang => return reader.read_line(&mut String::new()).map(drop),
            Manner::HangUp => return stream.shutdown(std::net::Shutdown::Both),
            Manner::Endless => {
                say("HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n".into())?;
                // It ends when the client does not want more.
                while say("x".repeat(65_536)).is_ok() {}
                return Ok(());
            }
        }
    }
}

impl Received {
    pub fn id(&self) -> &str {
        &self.headers["webhook-id"]
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    pub fn kind(&self) -> String {
        self.json()["type"].as_str().unwrap().to_owned()
    }

    /// How many signatures there are, and whether one is by this secret.
    pub fn signatures(&self, secret: &str) -> (usize, bool) {
        let key = STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
        let content = format!("{}.{}.{}", self.id(), self.headers["webhook-timestamp"], self.body);
        let wanted = format!("v1,{}", STANDARD.encode(hmac(&key, content.as_bytes())));
        let signatures: Vec<&str> = self.headers["webhook-signature"].split(' ').collect();
        (signatures.len(), signatures.contains(&wanted.as_str()))
    }
}

/// HMAC as RFC 2104 §2 writes it, by SHA-256.
fn hmac(key: &[u8], text: &[u8]) -> Vec<u8> {
    let mut block = [0_u8; 64];
    block[..key.len()].copy_from_slice(key);
    let padded = |pad: u8| block.map(|byte| byte ^ pad).to_vec();
    let inner = digest(&SHA256, &[padded(0x36).as_slice(), text].concat());
    digest(&SHA256, &[padded(0x5c).as_slice(), inner.as_ref()].concat()).as_ref().to_vec()
}
