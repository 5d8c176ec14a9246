//! `headcount serve` and `headcount healthcheck`.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use actix_web::{App, HttpServer, web};

use super::{Assembly, assemble};
use crate::config::Config;
use crate::http::{State, operations, routes};

/// Migrates and serves until SIGTERM or SIGINT.
pub(super) fn serve(config: &Config) -> Result<(), String> {
    actix_web::rt::System::new().block_on(run(config))
}

async fn run(config: &Config) -> Result<(), String> {
    let assembly = assemble(config)?;
    migrate_at_start(&assembly).await?;
    let client_timeout = Duration::from_secs(u64::from(config.number("http.client_timeout")));
    let state = web::Data::new(State {
        store: assembly.store.clone(),
        provisioning: Arc::clone(&assembly.provisioning),
        clock: Arc::clone(&assembly.administration.clock),
        ids: assembly.administration.ids.clone(),
        scim_base: format!("{}/scim/v2", config.public_url()).into(),
        body_timeout: client_timeout,
        metrics: operations::Metrics::default(),
    });
    let _metrics = serve_metrics(config, state.clone())?;
    let listen = config.text("listen").to_owned();
    let workers = match config.number("http.workers") {
        0 => std::thread::available_parallelism().map_or(2, usize::from),
        workers => workers as usize,
    };
    let server = HttpServer::new(move || App::new().configure(routes(state.clone())))
        .workers(workers)
        .worker_max_blocking_threads(8)
        .client_request_timeout(client_timeout)
        .shutdown_timeout(u64::from(config.number("http.shutdown_timeout")))
        .bind(&listen)
        .map_err(|error| format!("cannot listen on {listen}: {error}"))?
        .run();
    tracing::info!(%listen, "serving");
    eprintln!("Headcount serves {} (SCIM at {}/scim/v2).", config.public_url(), config.public_url());
    server.await.map_err(|error| format!("the server failed: {error}"))
}

async fn migrate_at_start(assembly: &Assembly) -> Result<(), String> {
    let applied = assembly.store.migrate().await.map_err(|error| {
        error.source.as_ref().map_or_else(|| error.to_string(), |source| format!("{error} ({source})"))
    })?;
    for name in applied {
        tracing::info!(migration = %name, "applied");
    }
    Ok(())
}

/// `/metrics` on its own listener.
fn serve_metrics(config: &Config, state: web::Data<State>) -> Result<Option<actix_web::dev::ServerHandle>, String> {
    let listen = config.text("metrics.listen").to_owned();
    if listen.is_empty() {
        return Ok(None);
    }
    let server = HttpServer::new(move || {
        App::new().app_data(state.clone()).service(web::resource("/metrics").route(web::get().to(operations::metrics)))
    })
    .workers(1)
    .disable_signals()
    .bind(&listen)
    .map_err(|error| format!("cannot listen on {listen} for metrics: {error}"))?
    .run();
    let handle = server.handle();
    actix_web::rt::spawn(server);
    Ok(Some(handle))
}

/// Asks `/healthz` of the configured address.
pub(super) fn healthcheck(config: &Config) -> Result<(), String> {
    let listen = config.text("listen");
    let failed = |error: std::io::Error| format!("{listen} does not answer: {error}");
    let mut stream = TcpStream::connect(listen).map_err(failed)?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).map_err(failed)?;
    stream
        .write_all(format!("GET /healthz HTTP/1.1\r\nHost: {listen}\r\nConnection: close\r\n\r\n").as_bytes())
        .map_err(failed)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).map_err(failed)?;
    if answer.starts_with("HTTP/1.1 200") {
        eprintln!("healthy");
        return Ok(());
    }
    Err(format!("{listen} answers {}", answer.lines().next().unwrap_or("nothing")))
}
