//! Between start and end: waiting for a database that is away, and draining.

use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::web;
use tokio::signal::unix::{SignalKind, signal};

use super::explain;
use crate::config::Config;
use crate::error::Code;
use crate::http::State;
use crate::http::operations::Life;
use crate::store::Store;

/// How long to wait before a database that is away is asked again.
const AGAIN: Duration = Duration::from_secs(1);

/// Brings the schema up to this binary and lets SCIM be answered; keeps trying while PostgreSQL is away.
///
/// # Errors
/// When the database is not one for this binary, or is a file that cannot be used.
pub(super) async fn migrate(store: &Store, life: &Life) -> Result<(), String> {
    while !life.is_draining() {
        match store.migrate().await {
            Ok(applied) => {
                for name in applied {
                    tracing::info!(migration = %name, "applied");
                }
                life.serve();
                return Ok(());
            }
            Err(error) if error.code == Code::Unavailable && store.may_come_back() => {
                tracing::warn!(error = ?error, "the database does not answer; SCIM is answered 503 until it does");
                tokio::time::sleep(AGAIN).await;
            }
            Err(error) => return Err(explain(&error)),
        }
    }
    Ok(())
}

/// The way out: on SIGTERM or SIGINT `/readyz` turns 503 while requests are still answered, for
/// `http.drain_delay` and as long as requests run, then the server stops. A second signal, or
/// `http.shutdown_timeout`, ends it at once.
pub(super) fn end(
    config: &Config,
    state: web::Data<State>,
    server: ServerHandle,
) -> std::io::Result<impl Future<Output = ()> + use<>> {
    let mut term = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let delay = Duration::from_secs(u64::from(config.number("http.drain_delay")));
    let patience = delay + Duration::from_secs(u64::from(config.number("http.shutdown_timeout")));
    Ok(async move {
        let mut signalled = async || tokio::select! { _ = term.recv() => {}, _ = interrupt.recv() => {} };
        signalled().await;
        tracing::info!("draining");
        state.life.drain();
        let drained = async {
            tokio::time::sleep(delay).await;
            state.life.idle().await;
        };
        let graceful = tokio::select! {
            () = drained => true,
            () = signalled() => false,
            () = tokio::time::sleep(patience) => false,
        };
        tokio::select! {
            () = server.stop(graceful) => {}
            () = signalled() => server.stop(false).await,
        }
    })
}
