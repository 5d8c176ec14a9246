//! `headcount serve` and `headcount healthcheck`.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::{Value, json};

use crate::assembly::keys::Keys;
use crate::assembly::{Assembly, server};
use crate::config::Config;
use crate::secret::SystemRandom;

/// Migrates and serves until SIGTERM or SIGINT.
pub(super) fn serve(config: &Config) -> Result<(), String> {
    actix_web::rt::System::new().block_on(async {
        let keys = Keys::open(config, &SystemRandom::default())?;
        let assembly = Assembly::new(config, &keys)?;
        let prepared = server::prepare(config, &assembly)?;
        let (address, public_url) = (prepared.address, &prepared.public_url);
        tracing::info!(%address, %public_url, "serving");
        eprintln!("Headcount serves {public_url} (SCIM at {public_url}/scim/v2).");
        prepared.serve(config, &assembly).await
    })
}

/// How long the service may take to say that it is alive.
const PATIENCE: Duration = Duration::from_secs(5);

/// Asks `/healthz` of the configured address; from this machine also when the service listens on all of them.
pub(super) fn healthcheck(config: &Config) -> Result<Value, String> {
    let mut address = config.listen()?;
    if address.ip().is_unspecified() {
        address = SocketAddr::from((Ipv4Addr::LOCALHOST, address.port()));
    }
    let status = ask(address).map_err(|error| format!("{address} does not answer: {error}"))?;
    if status.starts_with("HTTP/1.1 200") {
        return Ok(json!({"status": "healthy"}));
    }
    Err(format!("{address} answers \"{status}\""))
}

/// The status line of `/healthz`.
fn ask(address: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(format!("GET /healthz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").as_bytes())?;
    let mut answer = Vec::new();
    stream.take(4_096).read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).lines().next().unwrap_or_default().to_owned())
}
