//! Assembly (floor 7): from settings to the parts of a running Headcount.

pub mod keys;
mod life;
pub mod server;

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use self::keys::Keys;
use crate::administration::{Administration, setup_link};
use crate::clock::{Clock, SystemClock};
use crate::config::Config;
use crate::dns;
use crate::error::Error;
use crate::http::browser::Cookies;
use crate::http::limits::Limits;
use crate::http::outbox::is_loopback;
use crate::http::scim::Lanes;
use crate::http::sign_in::Door;
use crate::http::{State, operations};
use crate::id::IdGenerator;
use crate::jobs::outbox::Postman;
use crate::oidc::{self, Provider};
use crate::provisioning::authenticate::Registries;
use crate::provisioning::client_assertion::Audience;
use crate::provisioning::{self, Service};
use crate::scim::index::Storage;
use crate::secret::{Random, SystemRandom};
use crate::sign_in;
use crate::store::connection::Connection;
use crate::store::{Options, Planned, Store};
use crate::webhooks::Sender;

/// The parts that the server and the operator's commands share.
#[derive(Debug)]
pub struct Assembly {
    pub store: Store,
    pub provisioning: Arc<Service>,
    pub administration: Administration,
    sign_in: Arc<sign_in::Service>,
    /// The one issuer, if one is configured.
    provider: Option<Arc<Provider>>,
    /// Signs the hidden input of forms.
    form_key: ring::hmac::Key,
    /// Delivers mail.
    pub postman: Postman,
}

impl Assembly {
    /// Opens the database and puts the parts together.
    ///
    /// # Errors
    /// A sentence for the operator.
    pub fn new(config: &Config, keys: &Keys) -> Result<Self, String> {
        Self::on_clock(config, keys, Arc::new(SystemClock))
    }

    /// The same on a clock of the caller's.
    ///
    /// # Errors
    /// A sentence for the operator.
    pub fn on_clock(config: &Config, keys: &Keys, clock: Arc<dyn Clock>) -> Result<Self, String> {
        let store = Store::open(&database(config)?).map_err(|error| explain(&error))?;
        let random: Arc<dyn Random> = Arc::new(SystemRandom::default());
        let ids = IdGenerator::new(Arc::clone(&clock), Arc::clone(&random));
        let provisioning = Arc::new(Service {
            options: limits(config),
            clock: Arc::clone(&clock),
            ids: ids.clone(),
            storage: Storage::standard().map_err(|error| error.to_string())?,
            registries: Registries::new().map_err(|error| error.to_string())?,
            bearers: provisioning::bearers::Bearers::default(),
            refusals: provisioning::client_refusals::Refusals::default(),
            newcomers: provisioning::newcomers::Newcomers::default(),
            log_buffer: provisioning::log_buffer::LogBuffer::default(),
            sealing: keys.sealing(),
            walks: provisioning::list::Walks::default(),
            cursor_key: keys.cursors(),
        });
        let sign_in = Arc::new(sign_in::Service {
            options: sign_in::Options {
                idle: config.duration("sessions.idle")?,
                absolute: config.duration("sessions.absolute")?,
                links_an_hour: config.number("limits.links"),
            },
            clock: Arc::clone(&clock),
            random: Arc::clone(&random),
            ids: ids.clone(),
            sealing: keys.sealing(),
            storage: Storage::standard().map_err(|error| error.to_string())?,
            registry: Arc::clone(provisioning.registries.standard()),
            refusals: sign_in::refusals::Refusals::default(),
        });
        let provider = provider(config, Arc::clone(&clock), Arc::clone(&random))?;
        let postman = Postman {
            store: store.clone(),
            clock: Arc::clone(&clock),
            sealing: Arc::new(keys.sealing()),
            smtp: config.smtp()?,
        };
        let administration = Administration {
            clock,
            random,
            ids,
            provisioning: Arc::clone(&provisioning),
            billing: Arc::new(config.billing()?),
            resources: Arc::new(config.home()?),
            webhooks: Sender::new(config.duration("webhooks.timeout")?, config.boolean("webhooks.allow_private"))?,
            dns: Arc::new(dns::Resolver::new(config.dns_servers()?)),
            grace: config.duration("domains.grace")?,
            session_idle: sign_in.options.idle_micros(),
            invitation_lifetime: config.duration("invitations.lifetime")?,
        };
        Ok(Self { store, provisioning, administration, sign_in, provider, form_key: keys.forms(), postman })
    }

    /// Runs an operator's use case.
    ///
    /// # Errors
    /// Those of the use case; `unavailable` when the database is away.
    pub async fn operate<T: Send + 'static>(
        &self,
        use_case: impl Fn(&mut Connection, &Administration) -> Result<Planned<T>, Error> + Send + Sync + 'static,
    ) -> Result<T, Error> {
        let administration = self.administration.clone();
        self.store.write(move |connection| use_case(connection, &administration)).await
    }

    /// What the handlers share. It answers SCIM once [`operations::Life::serve`] is called.
    #[must_use]
    pub fn state(&self, config: &Config, public_url: &str) -> State {
        State {
            store: self.store.clone(),
            provisioning: Arc::clone(&self.provisioning),
            administration: self.administration.clone(),
            clock: Arc::clone(&self.administration.clock),
            ids: self.administration.ids.clone(),
            random: Arc::clone(&self.administration.random),
            audience: Arc::new(Audience {
                issuer: public_url.to_owned(),
                token_endpoint: format!("{public_url}/oauth/token"),
            }),
            public_url: public_url.into(),
            scim_base: format!("{public_url}/scim/v2").into(),
            door: Door {
                service: Arc::clone(&self.sign_in),
                provider: self.provider.clone(),
                cookies: Cookies::new(public_url, self.form_key.clone()),
            },
            lanes: Lanes::new(config.number("scim.concurrency") as usize),
            limits: Limits::new(
                config.number("limits.sign_in"),
                config.number("limits.recovery"),
                config.number("limits.links_by_network"),
                config.number("limits.api_keys"),
            ),
            is_local: is_local(config, public_url) && self.postman.smtp.is_none(),
            behind_proxy: config.boolean("http.behind_proxy"),
            body_timeout: Duration::from_secs(u64::from(config.number("http.client_timeout"))),
            metrics: operations::Metrics::default(),
            life: operations::Life::default(),
        }
    }

    /// Shows the founder the way in, on standard output: where nobody is yet, and no provider knows them.
    async fn welcome(&self, public_url: &str) {
        if self.provider.is_some() {
            return;
        }
        let url = public_url.to_owned();
        let made = self.operate(move |connection, administration| {
            setup_link::create_at_first_run(connection, administration, &url)
        });
        match made.await {
            Ok(Some(link)) => {
                let url = link["url"].as_str().unwrap_or_default();
                let told = writeln!(std::io::stdout(), "Nobody is here yet. Begin at {url} (once, within 24 hours).");
                if let Err(error) = told {
                    tracing::warn!(%error, "the setup link cannot be printed; headcount setup-link prints another");
                }
            }
            Ok(None) => {}
            Err(error) => tracing::warn!(?error, "no setup link was made; headcount setup-link prints one"),
        }
    }

    /// Brings the database's schema up to this binary; the names of what was applied.
    ///
    /// # Errors
    /// A sentence for the operator.
    pub async fn migrate(&self) -> Result<Vec<String>, String> {
        let applied = self.store.migrate().await.map_err(|error| explain(&error))?;
        for name in &applied {
            tracing::info!(migration = %name, "applied");
        }
        Ok(applied)
    }
}

/// What an operator reads of a failure: also its cause, which a client is never told.
#[must_use]
pub fn explain(error: &Error) -> String {
    error.source.as_ref().map_or_else(|| error.to_string(), |source| format!("{error} ({source})"))
}

/// Whether nobody but this machine reaches the service, by what was configured.
fn is_local(config: &Config, public_url: &str) -> bool {
    let authority = public_url.strip_prefix("http://").unwrap_or_default();
    let listens_here = config.listen().is_ok_and(|address| address.ip().is_loopback());
    listens_here && is_loopback(authority) && !config.boolean("http.behind_proxy")
}

fn database(config: &Config) -> Result<Options, String> {
    Ok(Options {
        url: config.database_url()?,
        pool_size: config.number("database.pool_size"),
        timeout: Duration::from_secs(u64::from(config.number("database.timeout"))),
    })
}

/// The issuer people sign in at; nothing is asked of it yet.
fn provider(config: &Config, clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Result<Option<Arc<Provider>>, String> {
    let given = |key: &str| Some(config.text(key)).filter(|text| !text.is_empty()).map(str::to_owned);
    let list = |key: &str| -> Vec<String> {
        config.text(key).split([',', ' ']).filter(|item| !item.is_empty()).map(str::to_owned).collect()
    };
    let Some(issuer) = given("oidc.issuer") else { return Ok(None) };
    let client_id = given("oidc.client_id")
        .ok_or("oidc.issuer is set and oidc.client_id is not: the issuer knows this service by it")?;
    let options = oidc::Options {
        issuer,
        client_id,
        client_secret: given("oidc.client_secret"),
        discovery_url: given("oidc.discovery_url"),
        scopes: list("oidc.scopes"),
        extra_audiences: list("oidc.extra_audiences"),
        timeout: oidc::Options::TIMEOUT,
    };
    Provider::new(options, clock, random).map(|provider| Some(Arc::new(provider))).map_err(|why| format!("oidc: {why}"))
}

fn limits(config: &Config) -> provisioning::Options {
    provisioning::Options {
        default_page_size: i64::from(config.number("scim.default_page_size")),
        max_page_size: i64::from(config.number("scim.max_page_size")),
        bulk_max_operations: config.number("scim.bulk_max_operations") as usize,
        max_body_bytes: config.number("scim.max_body_bytes") as usize,
        unindexed_limit: i64::from(config.number("scim.unindexed_limit")),
        cursor_lifetime_seconds: i64::from(config.number("scim.cursor_lifetime")),
    }
}
