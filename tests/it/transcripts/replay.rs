//! Sends the exchanges of a transcript and says which one failed and why.

use std::collections::BTreeMap;
use std::path::Path;

use reqwest::Method;
use serde_json::Value;

use super::check::{self, Answer};
use super::format::{Exchange, Expect, Look, Transcript};
use crate::support::Server;

/// Replays a transcript.
pub async fn run(server: &Server, path: &Path) {
    let transcript = Transcript::read(path);
    if let Some(schema) = &transcript.extension {
        server.extension(schema);
    }
    let mut kept = BTreeMap::new();
    for (position, exchange) in transcript.exchanges.iter().enumerate() {
        if let Err(why) = replay(server, &transcript, exchange, &mut kept).await {
            panic!(
                "\n{} ({}), exchange {} of {}: {}\n{}\n{why}\n",
                path.file_name().unwrap_or_default().display(),
                transcript.client,
                position + 1,
                transcript.exchanges.len(),
                exchange.name,
                exchange.request,
            );
        }
    }
}

async fn replay(
    server: &Server,
    transcript: &Transcript,
    exchange: &Exchange,
    kept: &mut BTreeMap<String, String>,
) -> Result<(), String> {
    let line = filled(&exchange.request, kept)?;
    let (method, path) = line.split_once(' ').ok_or("a request is a method and a path")?;
    let method: Method = method.parse().map_err(|_| "no such method")?;
    let mut headers = transcript.headers.clone();
    headers.extend(exchange.headers.clone());
    if exchange.body.is_none() {
        headers.remove("Content-Type");
    }
    let body = exchange.body.as_ref().map(|body| filled(&body.to_string(), kept)).transpose()?;
    let answer = send(server, method, path, &headers, body).await?;
    let expect = expected(&exchange.expect, kept)?;
    check::answer(&answer, &expect).map_err(|why| format!("{why}\nThe answer: {answer}"))?;
    if !expect.log.is_empty() {
        let explanation = server.explanation(&answer.headers["x-request-id"]);
        for part in &expect.log {
            if !explanation.contains(part) {
                return Err(format!("the log does not say \"{part}\" but \"{explanation}\""));
            }
        }
    }
    for (name, pointer) in &exchange.keep {
        let value = answer.body.pointer(pointer).and_then(Value::as_str);
        kept.insert(name.clone(), value.ok_or_else(|| format!("no text at {pointer} to keep\n{answer}"))?.to_owned());
    }
    for look in &exchange.then {
        look_at(server, look, kept).await.map_err(|why| format!("then GET {}: {why}", look.get))?;
    }
    Ok(())
}

async fn look_at(server: &Server, look: &Look, kept: &BTreeMap<String, String>) -> Result<(), String> {
    let answer = send(server, Method::GET, &filled(&look.get, kept)?, &BTreeMap::new(), None).await?;
    let expect = Expect {
        status: look.status,
        body: look.body.clone(),
        absent: look.absent.clone(),
        differs: BTreeMap::new(),
        headers: BTreeMap::new(),
        log: Vec::new(),
    };
    check::answer(&answer, &expected(&expect, kept)?).map_err(|why| format!("{why}\nThe answer: {answer}"))
}

async fn send(
    server: &Server,
    method: Method,
    path: &str,
    headers: &BTreeMap<String, String>,
    body: Option<String>,
) -> Result<Answer, String> {
    let mut request = server.request(method, path);
    for (name, value) in headers {
        request = request.header(name, value);
    }
    if let Some(body) = body {
        request = request.body(body);
    }
    let response = request.send().await.map_err(|error| format!("no answer: {error}"))?;
    let status = response.status().as_u16();
    let headers = response
        .headers()
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap_or_default().to_owned()))
        .collect();
    let text = response.text().await.map_err(|error| format!("the answer broke off: {error}"))?;
    let body = if text.is_empty() { Ok(Value::Null) } else { serde_json::from_str(&text) };
    Ok(Answer { status, headers, body: body.map_err(|error| format!("the answer is not JSON: {error}\n{text}"))? })
}

fn expected(expect: &Expect, kept: &BTreeMap<String, String>) -> Result<Expect, String> {
    let values = |values: &BTreeMap<String, Value>| -> Result<BTreeMap<String, Value>, String> {
        let read = |value: &Value| {
            serde_json::from_str(&filled(&value.to_string(), kept)?).map_err(|error| format!("{error}: {value}"))
        };
        values.iter().map(|(pointer, value)| Ok((filled(pointer, kept)?, read(value)?))).collect()
    };
    Ok(Expect {
        status: expect.status,
        body: values(&expect.body)?,
        absent: expect.absent.clone(),
        differs: values(&expect.differs)?,
        headers: expect.headers.clone(),
        log: expect.log.iter().map(|part| filled(part, kept)).collect::<Result<_, _>>()?,
    })
}

/// The text with what was kept in the place of `{{name}}`; the values are ids and need no escaping.
fn filled(text: &str, kept: &BTreeMap<String, String>) -> Result<String, String> {
    let mut out = text.to_owned();
    for (name, value) in kept {
        out = out.replace(&format!("{{{{{name}}}}}"), value);
    }
    // JSON has `}}` of its own, but never `{{`.
    match out.find("{{") {
        Some(at) => Err(format!("nothing was kept for {}", &out[at..out.len().min(at + 20)])),
        None => Ok(out),
    }
}
