//! A mail server of the test's own on 127.0.0.1 (RFC 5321): it takes mail, or misbehaves as it is told to.

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// What the server does with a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// Takes the mail.
    Take,
    /// Answers `RCPT TO` with this.
    RefuseRecipient(&'static str),
    /// Answers the end of the mail with this.
    RefuseMail(&'static str),
    /// Hangs up in the middle of the mail.
    HangUp,
    /// Says nothing at all.
    SayNothing,
    /// Speaks another protocol.
    Babble,
}

/// A mail as it arrived.
#[derive(Clone, Debug)]
pub struct Received {
    pub from: String,
    pub to: Vec<String>,
    pub data: String,
}

#[derive(Debug, Default)]
struct Rules {
    manners: VecDeque<Manner>,
    stopped: bool,
    connections: usize,
}

pub struct Smtp {
    pub address: SocketAddr,
    rules: Arc<Mutex<Rules>>,
    mails: Mutex<Receiver<Received>>,
    thread: Option<JoinHandle<()>>,
}

impl Smtp {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let rules = Arc::<Mutex<Rules>>::default();
        let (sender, mails) = channel();
        let shared = Arc::clone(&rules);
        let thread = Some(std::thread::spawn(move || serve(&listener, &shared, &sender)));
        Self { address, rules, mails: Mutex::new(mails), thread }
    }

    pub fn url(&self) -> String {
        format!("smtp://{}", self.address)
    }

    /// How the next connections fare; those after them are taken.
    pub fn next(&self, manners: &[Manner]) {
        self.rules.lock().unwrap().manners.extend(manners);
    }

    /// The mail that has arrived and was not asked for yet.
    pub fn received(&self) -> Option<Received> {
        self.mails.lock().unwrap().try_recv().ok()
    }

    /// Waits for a mail.
    pub fn wait(&self) -> Received {
        self.mails.lock().unwrap().recv_timeout(Duration::from_mins(1)).expect("no mail has arrived")
    }

    pub fn connections(&self) -> usize {
        self.rules.lock().unwrap().connections
    }
}

impl Drop for Smtp {
    fn drop(&mut self) {
        self.rules.lock().unwrap().stopped = true;
        // The thread wakes up by one more client.
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn serve(listener: &TcpListener, rules: &Mutex<Rules>, mails: &Sender<Received>) {
    for stream in listener.incoming() {
        let manner = {
            let mut rules = rules.lock().unwrap();
            if rules.stopped {
                return;
            }
            rules.connections += 1;
            rules.manners.pop_front().unwrap_or(Manner::Take)
        };
        let mails = mails.clone();
        if let Ok(stream) = stream {
            std::thread::spawn(move || drop(converse(&stream, manner, &mails)));
        }
    }
}

fn converse(stream: &TcpStream, manner: Manner, mails: &Sender<Received>) -> std::io::Result<()> {
    let say = |line: &str| (&*stream).write_all(format!("{line}\r\n").as_bytes());
    let mut lines = BufReader::new(stream).lines();
    match manner {
        Manner::SayNothing => return lines.next().map_or(Ok(()), |line| line.map(drop)),
        Manner::Babble => return say("HTTP/1.1 400 Bad Request"),
        _ => say("220 mail.test")?,
    }
    let mut mail = Received { from: String::new(), to: Vec::new(), data: String::new() };
    while let Some(line) = lines.next() {
        let line = line?;
        let argument = |prefix: &str| line[prefix.len()..].split(['<', '>']).nth(1).unwrap_or_default().to_owned();
        match line.to_ascii_uppercase().as_str() {
            verb if verb.starts_with("EHLO") => {
                say("250-mail.test")?;
                say("250-8BITMIME")?;
                say("250 SMTPUTF8")?;
            }
            verb if verb.starts_with("MAIL FROM:") => {
                mail.from = argument("MAIL FROM:");
                say("250 ok")?;
            }
            verb if verb.starts_with("RCPT TO:") => {
                mail.to.push(argument("RCPT TO:"));
                match manner {
                    Manner::RefuseRecipient(why) => say(why)?,
                    _ => say("250 ok")?,
                }
            }
            "DATA" => {
                say("354 go on")?;
                for line in lines.by_ref() {
                    let line = line?;
                    if line == "." {
                        break;
                    }
                    if manner == Manner::HangUp {
                        return stream.shutdown(std::net::Shutdown::Both);
                    }
                    mail.data.push_str(line.strip_prefix('.').unwrap_or(&line));
                    mail.data.push('\n');
                }
                if let Manner::RefuseMail(why) = manner {
                    say(why)?;
                } else {
                    let _ = mails.send(mail.clone());
                    say("250 taken")?;
                }
            }
            "QUIT" => return say("221 bye"),
            _ => say("250 ok")?,
        }
    }
    Ok(())
}
