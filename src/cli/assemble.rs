//! Assembly: from settings to the parts that the commands and the server share.

use std::sync::Arc;
use std::time::Duration;

use crate::administration::Administration;
use crate::clock::{Clock, SystemClock};
use crate::config::Config;
use crate::id::IdGenerator;
use crate::provisioning::authenticate::Registries;
use crate::provisioning::{self, Service};
use crate::scim::index::Storage;
use crate::secret::{Random, SystemRandom};
use crate::store::{Options, Store};

/// The parts of a running Headcount.
#[derive(Debug)]
pub struct Assembly {
    pub store: Store,
    pub provisioning: Arc<Service>,
    pub administration: Administration,
}

/// Opens the database and puts the parts together.
///
/// # Errors
/// A sentence for the operator.
pub fn assemble(config: &Config) -> Result<Assembly, String> {
    let options = Options {
        url: config.database_url()?,
        pool_size: config.number("database.pool_size"),
        timeout: Duration::from_secs(u64::from(config.number("database.timeout"))),
    };
    let limits = provisioning::Options {
        default_page_size: i64::from(config.number("scim.default_page_size")),
        max_page_size: i64::from(config.number("scim.max_page_size")),
        bulk_max_operations: config.number("scim.bulk_max_operations") as usize,
        max_body_bytes: config.number("scim.max_body_bytes") as usize,
        unindexed_limit: i64::from(config.number("scim.unindexed_limit")),
        cursor_lifetime_seconds: i64::from(config.number("scim.cursor_lifetime")),
    };
    with_clock(&options, limits, Arc::new(SystemClock))
}

/// The same on a clock of the caller's.
///
/// # Errors
/// A sentence for the operator.
pub fn with_clock(options: &Options, limits: provisioning::Options, clock: Arc<dyn Clock>) -> Result<Assembly, String> {
    let store = Store::open(options).map_err(|error| match &error.source {
        Some(source) => format!("{error} ({source})"),
        None => error.to_string(),
    })?;
    let random: Arc<dyn Random> = Arc::new(SystemRandom::default());
    let ids = IdGenerator::new(Arc::clone(&clock), Arc::clone(&random));
    let mut key = [0_u8; 32];
    random.fill(&mut key);
    let provisioning = Arc::new(Service {
        options: limits,
        clock: Arc::clone(&clock),
        ids: ids.clone(),
        storage: Storage::standard().map_err(|error| error.to_string())?,
        registries: Registries::new().map_err(|error| error.to_string())?,
        walks: provisioning::list::Walks::default(),
        cursor_key: ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &key),
    });
    let administration = Administration { clock, random, ids, provisioning: Arc::clone(&provisioning) };
    Ok(Assembly { store, provisioning, administration })
}
