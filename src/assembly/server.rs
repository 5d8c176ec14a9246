//! The server: its listeners and what runs behind them.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::Server;
use actix_web::{App, HttpServer, web};
use tokio::net::TcpSocket;

use super::{Assembly, life};
use crate::config::Config;
use crate::http::{State, operations, routes};
use crate::jobs;

/// Connections that may wait to be taken.
const BACKLOG: u32 = 2_048;

/// How long a client that was refused before it had sent everything may go on sending, so that it
/// comes to read the answer.
const LINGER: Duration = Duration::from_secs(5);

/// A server that listens and waits to be run.
pub struct Prepared {
    /// Answers until SIGTERM or SIGINT, then drains.
    pub server: Server,
    /// Where it listens; tells the port where the settings left the choice to the system.
    pub address: SocketAddr,
    /// The address people and identity providers use, without a trailing slash.
    pub public_url: String,
    state: web::Data<State>,
}

impl Prepared {
    /// Lets SCIM be answered: the database is migrated already.
    pub fn open(&self) {
        self.state.life.serve();
    }

    /// Answers until SIGTERM or SIGINT, then drains. A PostgreSQL that is away is waited for while
    /// SCIM is answered 503; one that is not for this binary ends it.
    ///
    /// # Errors
    /// A sentence for the operator.
    pub async fn serve(self, config: &Config, assembly: &Assembly) -> Result<(), String> {
        let recheck_interval = config.duration("domains.recheck_interval")?;
        let kept = jobs::retention::Kept {
            audit: config.retention("audit.retention")?,
            provisioning_log: config.retention("provisioning_log.retention")?,
            invitations: config.retention("invitations.retention")?,
        };
        let handle = self.server.handle();
        let server = actix_web::rt::spawn(self.server);
        let migrated = life::migrate(&assembly.store, &self.state.life).await;
        if migrated.is_err() {
            handle.stop(false).await;
        } else {
            assembly.welcome(&self.public_url).await;
        }
        let (store, administration) = (assembly.store.clone(), assembly.administration.clone());
        let clock = Arc::clone(&administration.clock);
        let drifted = self.state.metrics.billing_drift.clone();
        let jobs = [
            actix_web::rt::spawn(jobs::billing::run(store.clone(), administration.clone())),
            actix_web::rt::spawn(jobs::billing::keep(store.clone(), administration.clone(), drifted)),
            actix_web::rt::spawn(jobs::refusals::run(store.clone(), Arc::clone(&clock))),
            actix_web::rt::spawn(jobs::webhooks::run(store.clone(), administration.clone())),
            actix_web::rt::spawn(jobs::cleaning::run(store.clone(), administration.clone())),
            actix_web::rt::spawn(jobs::retention::run(store.clone(), clock, kept)),
            actix_web::rt::spawn(jobs::invitations::run(store.clone(), administration.clone())),
            actix_web::rt::spawn(jobs::provisioning_log::run(store.clone(), Arc::clone(&assembly.provisioning))),
            actix_web::rt::spawn(jobs::domains::run(store, administration, recheck_interval)),
            actix_web::rt::spawn(jobs::outbox::run(assembly.postman.clone())),
        ];
        let outcome = server.await.map_err(|error| format!("the server failed: {error}"))?;
        jobs.iter().for_each(tokio::task::JoinHandle::abort);
        jobs::provisioning_log::round(&assembly.store, &assembly.provisioning).await;
        migrated.and(outcome.map_err(|error| format!("the server failed: {error}")))
    }
}

impl std::fmt::Debug for Prepared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Prepared").field("address", &self.address).finish_non_exhaustive()
    }
}

/// Binds the listeners; needs a running actix system.
///
/// # Errors
/// A sentence naming the address that cannot be listened on.
pub fn prepare(config: &Config, assembly: &Assembly) -> Result<Prepared, String> {
    let (listener, address) =
        listen(config.listen()?).map_err(|error| format!("cannot listen on {}: {error}", config.text("listen")))?;
    let public_url = config.public_url_at(address);
    let state = web::Data::new(assembly.state(config, &public_url));
    serve_metrics(config, state.clone())?;
    let workers = match config.number("http.workers") {
        0 => std::thread::available_parallelism().map_or(2, usize::from),
        workers => workers as usize,
    };
    let shared = state.clone();
    let server = HttpServer::new(move || App::new().configure(routes(shared.clone())))
        .workers(workers)
        .worker_max_blocking_threads(8)
        .client_request_timeout(state.body_timeout)
        .client_disconnect_timeout(LINGER)
        .shutdown_timeout(u64::from(config.number("http.shutdown_timeout")))
        .disable_signals()
        .listen(listener)
        .map_err(|error| format!("cannot listen on {address}: {error}"))?
        .run();
    let end = life::end(config, state.clone(), server.handle());
    actix_web::rt::spawn(end.map_err(|error| format!("signals cannot be received: {error}"))?);
    Ok(Prepared { server, address, public_url, state })
}

/// Binds before the application is built, which has to know the port it is reached at.
fn listen(address: SocketAddr) -> std::io::Result<(TcpListener, SocketAddr)> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // A restart must not wait for the connections of the process before it.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    let listener = socket.listen(BACKLOG)?.into_std()?;
    let bound = listener.local_addr()?;
    Ok((listener, bound))
}

/// `/metrics` on a listener of its own. Several servers on one machine share the default address:
/// the first has it, the others go on without; an address the operator has set must be free.
fn serve_metrics(config: &Config, state: web::Data<State>) -> Result<(), String> {
    let address = config.text("metrics.listen");
    if address.is_empty() {
        return Ok(());
    }
    let bound = HttpServer::new(move || {
        App::new().app_data(state.clone()).service(web::resource("/metrics").route(web::get().to(operations::metrics)))
    })
    .workers(1)
    .disable_signals()
    .bind(address);
    match bound {
        Ok(server) => {
            actix_web::rt::spawn(server.run());
            Ok(())
        }
        Err(error) if config.is_set("metrics.listen") => {
            Err(format!("cannot listen on {address} for metrics: {error}"))
        }
        Err(error) => {
            tracing::warn!(%address, %error, "no metrics: the default address is taken; set metrics.listen");
            Ok(())
        }
    }
}
