//! A DNS server of the test's own on 127.0.0.1, over UDP and TCP (RFC 1035 §4): TXT records that the
//! test puts there, `NXDOMAIN` for every other name, or a failure.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

/// What fits into a datagram (RFC 1035 §4.2.1).
const DATAGRAM: usize = 512;

/// The strings of one TXT record.
type Record = Vec<String>;

#[derive(Debug, Default)]
struct Zone {
    records: BTreeMap<String, Vec<Record>>,
    failing: bool,
    stopped: bool,
    /// Names that were asked for, in order, and whether over TCP.
    asked: Vec<(String, bool)>,
}

pub struct Dns {
    pub address: SocketAddr,
    zone: Arc<Mutex<Zone>>,
    threads: Vec<JoinHandle<()>>,
}

impl Dns {
    pub fn start() -> Self {
        let (udp, tcp) = sockets();
        let address = udp.local_addr().unwrap();
        let zone = Arc::<Mutex<Zone>>::default();
        let (for_udp, for_tcp) = (Arc::clone(&zone), Arc::clone(&zone));
        let threads = vec![
            std::thread::spawn(move || serve_udp(&udp, &for_udp)),
            std::thread::spawn(move || serve_tcp(&tcp, &for_tcp)),
        ];
        Self { address, zone, threads }
    }

    /// Puts records at a name in place of those that are there, each a text that is cut into strings of
    /// at most 255 bytes; none: the name is gone.
    pub fn put(&self, name: &str, texts: &[&str]) {
        let cut =
            |text: &&str| text.as_bytes().chunks(255).map(|part| String::from_utf8(part.into()).unwrap()).collect();
        self.put_strings(name, texts.iter().map(cut).collect());
    }

    /// The same with the strings of each record.
    pub fn put_strings(&self, name: &str, records: Vec<Record>) {
        let mut zone = self.zone.lock().unwrap();
        if records.is_empty() {
            zone.records.remove(name);
        } else {
            zone.records.insert(name.to_owned(), records);
        }
    }

    /// Answers `SERVFAIL` from now on, or no more.
    pub fn fail(&self, failing: bool) {
        self.zone.lock().unwrap().failing = failing;
    }

    /// The names that were asked for over this transport.
    pub fn asked(&self, over_tcp: bool) -> Vec<String> {
        let zone = self.zone.lock().unwrap();
        zone.asked.iter().filter(|(_, tcp)| *tcp == over_tcp).map(|(name, _)| name.clone()).collect()
    }
}

impl Drop for Dns {
    fn drop(&mut self) {
        self.zone.lock().unwrap().stopped = true;
        // Each thread wakes up by one more client.
        if let Ok(socket) = UdpSocket::bind("127.0.0.1:0") {
            let _ = socket.send_to(&[], self.address);
        }
        let _ = TcpStream::connect(self.address);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// Both transports on one port.
fn sockets() -> (UdpSocket, TcpListener) {
    loop {
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        if let Ok(tcp) = TcpListener::bind(udp.local_addr().unwrap()) {
            return (udp, tcp);
        }
    }
}

fn serve_udp(socket: &UdpSocket, zone: &Mutex<Zone>) {
    let mut buffer = [0; 4_096];
    while let Ok((length, client)) = socket.recv_from(&mut buffer) {
        if zone.lock().unwrap().stopped {
            return;
        }
        if let Some(answer) = answer(&buffer[..length], zone, false) {
            let _ = socket.send_to(&answer, client);
        }
    }
}

fn serve_tcp(listener: &TcpListener, zone: &Mutex<Zone>) {
    for stream in listener.incoming() {
        if zone.lock().unwrap().stopped {
            return;
        }
        if let Ok(stream) = stream {
            let _ = serve_stream(stream, zone);
        }
    }
}

/// One question; over TCP messages have their length in front of them.
fn serve_stream(mut stream: TcpStream, zone: &Mutex<Zone>) -> std::io::Result<()> {
    let mut length = [0; 2];
    stream.read_exact(&mut length)?;
    let mut question = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut question)?;
    let Some(answer) = answer(&question, zone, true) else { return Ok(()) };
    stream.write_all(&u16::try_from(answer.len()).unwrap().to_be_bytes())?;
    stream.write_all(&answer)
}

fn answer(message: &[u8], zone: &Mutex<Zone>, over_tcp: bool) -> Option<Vec<u8>> {
    const RESPONSE: u8 = 0x81;
    const TRUNCATED: u8 = 0x02;
    const SERVFAIL: u8 = 2;
    const NXDOMAIN: u8 = 3;
    let (name, question_end) = name_at(message, 12)?;
    let question_end = question_end + 4;
    let mut zone = zone.lock().unwrap();
    zone.asked.push((name.clone(), over_tcp));
    let records = zone.records.get(&name);
    let code = match records {
        _ if zone.failing => SERVFAIL,
        None => NXDOMAIN,
        Some(_) => 0,
    };
    let records: Vec<Vec<u8>> = records.filter(|_| code == 0).into_iter().flatten().map(|record| txt(record)).collect();
    let truncated = !over_tcp && question_end + records.iter().map(Vec::len).sum::<usize>() > DATAGRAM;
    let records = if truncated { Vec::new() } else { records };
    let mut answer = message.get(..2)?.to_vec();
    answer.extend([RESPONSE | if truncated { TRUNCATED } else { 0 }, 0x80 | code, 0, 1]);
    answer.extend(u16::try_from(records.len()).unwrap().to_be_bytes());
    answer.extend([0; 4]);
    answer.extend(message.get(12..question_end)?);
    answer.extend(records.concat());
    Some(answer)
}

/// The name at an offset, in lower case, and where it ends.
fn name_at(message: &[u8], mut at: usize) -> Option<(String, usize)> {
    let mut labels = Vec::new();
    loop {
        let length = usize::from(*message.get(at)?);
        at += 1;
        if length == 0 {
            return Some((labels.join("."), at));
        }
        labels.push(String::from_utf8(message.get(at..at + length)?.to_ascii_lowercase()).ok()?);
        at += length;
    }
}

/// A TXT record of the name that was asked for (RFC 1035 §3.3.14).
fn txt(strings: &[String]) -> Vec<u8> {
    let mut data = Vec::new();
    for string in strings {
        data.push(u8::try_from(string.len()).unwrap());
        data.extend(string.as_bytes());
    }
    // The name by a pointer to the question; type TXT, class IN, a minute to live.
    let mut record = vec![0xC0, 12, 0, 16, 0, 1, 0, 0, 0, 60];
    record.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
    record.extend(data);
    record
}
