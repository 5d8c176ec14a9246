//! A stand-in for Descope (floor 7): an OpenID provider on this machine with Descope's addresses, claims
//! and quirks, which does on demand everything that a provider must not. For tests and `headcount demo`;
//! `serve` does not know it.

mod choice;
mod endpoints;
pub mod hostile;
mod issuing;
mod keys;
pub mod person;
mod shared;
mod tokens;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use actix_web::dev::ServerHandle;
use actix_web::{App, HttpServer, rt};
use serde_json::{Map, Value};
use tokio::net::TcpListener;
use tokio::sync::Notify;

use self::hostile::{Endpoint, Hostile};
use self::keys::Signer;
use self::person::{Person, Place, Shape};
use self::shared::{Inner, Shared};
use crate::clock::Clock;
use crate::secret::SystemRandom;

/// The one client that the stand-in knows. By the look of it a project, as Descope's default application has.
pub const CLIENT_ID: &str = "P2standIn0000000000000000000";
/// Its secret, with characters that have to be encoded on the way.
pub const CLIENT_SECRET: &str = "K2stand-in:secret+of %no use";

/// At which of Descope's addresses the issuer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// `/<project>`.
    Project,
    /// `/<project>/<application>`.
    Application,
}

/// What access tokens are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessTokens {
    /// JWTs, as Descope's are.
    Signed,
    /// Texts that say nothing.
    Opaque,
    /// JWTs under the name of a published key that did not sign them.
    Foreign,
}

/// A running stand-in; it ends when dropped.
pub struct StandIn {
    shared: Arc<Shared>,
    server: ServerHandle,
    thread: Option<JoinHandle<()>>,
}

impl StandIn {
    /// Starts one with a single person.
    ///
    /// # Errors
    /// What failed.
    pub fn start(clock: Arc<dyn Clock>, layout: Layout, person: Person) -> Result<Self, String> {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").map_err(|error| cannot_start(&error))?;
        Self::start_on(listener, clock, layout, person)
    }

    /// The same behind a listener of the caller's, which decides the address.
    ///
    /// # Errors
    /// What failed.
    pub fn start_on(
        listener: std::net::TcpListener,
        clock: Arc<dyn Clock>,
        layout: Layout,
        person: Person,
    ) -> Result<Self, String> {
        let (tell, told) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            rt::System::new().block_on(async move {
                match serve(listener, clock, layout, person).await {
                    Ok((shared, server)) => {
                        let _ = tell.send(Ok((shared, server.handle())));
                        let _ = server.await;
                    }
                    Err(error) => drop(tell.send(Err(error))),
                }
            });
        });
        let (shared, server) = told.recv().map_err(|error| error.to_string())??;
        Ok(Self { shared, server, thread: Some(thread) })
    }

    /// The issuer, byte for byte.
    #[must_use]
    pub fn issuer(&self) -> String {
        self.shared.issuer()
    }

    /// Who signs in when no hint says otherwise.
    pub fn set_person(&self, person: Person) {
        self.shared.lock().people = vec![person];
    }

    /// Somebody who is chosen by the hint of their address.
    pub fn add_person(&self, person: Person) {
        self.shared.lock().people.push(person);
    }

    /// Asks whoever comes without a hint who they are, instead of deciding that.
    pub fn let_choose(&self) {
        self.shared.lock().lets_choose = true;
    }

    /// In which shape tenants are claimed, and where.
    pub fn claim_tenants(&self, shape: Shape, places: &[Place]) {
        let mut inner = self.shared.lock();
        inner.shape = shape;
        inner.places = places.to_vec();
    }

    /// What goes wrong from now on.
    pub fn set_hostile(&self, hostile: Option<Hostile>) {
        self.shared.lock().hostile = hostile;
    }

    /// Signs by a new key from now on; the others stay published.
    ///
    /// # Errors
    /// No key could be made.
    pub fn rotate(&self) -> Result<(), String> {
        let mut inner = self.shared.lock();
        let signer = Signer::new(inner.keys_made)?;
        inner.keys_made += 1;
        inner.keys.push(signer);
        Ok(())
    }

    /// Publishes no key but the one that signs.
    pub fn revoke(&self) {
        let mut inner = self.shared.lock();
        let others = inner.keys.len().saturating_sub(1);
        inner.keys.drain(..others);
    }

    /// How the client may prove itself at the token endpoint.
    pub fn set_client_authentication(&self, ways: &[&'static str]) {
        self.shared.lock().client_authentication = ways.to_vec();
    }

    /// By which algorithms it says it signs.
    pub fn set_algorithms(&self, algorithms: &[&'static str]) {
        self.shared.lock().algorithms = algorithms.to_vec();
    }

    /// Whether authorization responses name the issuer, and discovery says so (RFC 9207).
    pub fn set_names_issuer(&self, names: bool) {
        self.shared.lock().names_issuer = names;
    }

    /// What access tokens are.
    pub fn set_access_tokens(&self, kind: AccessTokens) {
        self.shared.lock().access_tokens = kind;
    }

    /// Claims beside or instead of the usual ones in access tokens.
    pub fn set_access_token_claims(&self, claims: Map<String, Value>) {
        self.shared.lock().access_token_claims = claims;
    }

    /// Claims beside or instead of the usual ones in userinfo.
    pub fn set_userinfo_claims(&self, claims: Map<String, Value>) {
        self.shared.lock().userinfo_claims = claims;
    }

    /// How often an endpoint was asked.
    #[must_use]
    pub fn requests(&self, endpoint: Endpoint) -> usize {
        self.shared.requests(endpoint)
    }

    /// Waits until an endpoint was asked that often.
    pub async fn asked_for(&self, endpoint: Endpoint, times: usize) {
        loop {
            let mut counted = std::pin::pin!(self.shared.counted.notified());
            counted.as_mut().enable();
            if self.requests(endpoint) >= times {
                return;
            }
            counted.await;
        }
    }

    /// The parameters of the last request to authorize or to log out.
    #[must_use]
    pub fn asked(&self) -> BTreeMap<String, String> {
        self.shared.lock().asked.clone()
    }

    /// Signs any header and claims, by the current key or by one that is published nowhere.
    #[must_use]
    pub fn sign(&self, header: &Map<String, Value>, claims: &Value, foreign: bool) -> String {
        let inner = self.shared.lock();
        let signer = inner.keys.last().filter(|_| !foreign).unwrap_or(&self.shared.foreign);
        let mut whole = tokens::header(inner.keys.last().unwrap_or(&self.shared.foreign));
        whole.extend(header.clone());
        whole.retain(|_, value| !value.is_null());
        tokens::sign(signer, &whole, claims.to_string().as_bytes())
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        // Told at once; whoever still waits for an answer is not waited for.
        drop(self.server.stop(false));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn cannot_start(error: &std::io::Error) -> String {
    format!("the stand-in provider cannot start: {error}")
}

async fn serve(
    listener: std::net::TcpListener,
    clock: Arc<dyn Clock>,
    layout: Layout,
    person: Person,
) -> Result<(Arc<Shared>, actix_web::dev::Server), String> {
    let cannot = |error: std::io::Error| cannot_start(&error);
    let broken = TcpListener::bind("127.0.0.1:0").await.map_err(cannot)?;
    let at = |address: std::io::Result<std::net::SocketAddr>| address.map(|address| format!("http://{address}"));
    let shared = Arc::new(Shared {
        clock,
        random: SystemRandom::default(),
        layout,
        base: at(listener.local_addr()).map_err(cannot)?,
        broken: at(broken.local_addr()).map_err(cannot)?,
        foreign: Signer::new(usize::MAX)?,
        inner: Mutex::new(Inner::new(person)?),
        counted: Notify::new(),
    });
    rt::spawn(break_off(broken));
    let state = Arc::clone(&shared);
    let server = HttpServer::new(move || App::new().configure(endpoints::routes(Arc::clone(&state))))
        .workers(1)
        .disable_signals()
        .listen(listener)
        .map_err(cannot)?
        .run();
    Ok((shared, server))
}

/// Breaks every connection off once something has come: what is not read makes it a reset.
async fn break_off(listener: TcpListener) {
    while let Ok((connection, _)) = listener.accept().await {
        let _ = connection.readable().await;
    }
}
