//! `headcount demo` (floor 7): a throw-away service with a seeded organization, and a scripted identity
//! provider that pushes people into it over real HTTP while somebody watches, and at which they sign in.

mod browser;
mod people;
mod provider;
mod stage;
mod story;

use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;
use std::time::Duration;

use self::provider::Provider;
use self::stage::Stage;
use crate::administration::organization::{self, NewOrganization};
use crate::administration::provisioning_token;
use crate::administration::{Administration, By, domain};
use crate::assembly::keys::Keys;
use crate::assembly::server::{self, Prepared};
use crate::assembly::{Assembly, explain};
use crate::config::Config;
use crate::error::Error;
use crate::organization::plan::Plan;
use crate::secret::{Random, SecretToken, SystemRandom};
use crate::stand_in;
use crate::store::Planned;
use crate::store::connection::Connection;

/// How the demonstration runs.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The pause before each call, so that a person can follow.
    pub pace: Duration,
    /// End after the story instead of serving on.
    pub once: bool,
}

const SLUG: &str = "demo";
/// Few, so that the story runs out of them.
const SEATS: i64 = 6;

/// Runs the demonstration; without `once` it then serves until SIGINT or SIGTERM.
///
/// # Errors
/// A sentence for the operator.
pub fn run(config: &Config, options: Options) -> Result<(), String> {
    actix_web::rt::System::new().block_on(async {
        let directory = ThrowAway::new(&SystemRandom::default())?;
        let people = people::provider()?;
        let issuer = people.issuer();
        let config = settings(config, &directory, &issuer)?;
        let assembly = Assembly::new(&config, &Keys::ephemeral(&SystemRandom::default()))?;
        assembly.migrate().await?;
        let token = seed(&assembly).await?;
        let prepared = server::prepare(&config, &assembly)?;
        prepared.open();
        let Prepared { mut server, public_url, .. } = prepared;
        let provider = Provider::new(&public_url, token.reveal())?;
        let stage = Stage::new(&public_url, token.reveal());
        stage.welcome(SEATS);
        let surprises = tokio::select! {
            told = story::tell(&provider, &issuer, &stage, options.pace) => told?,
            // Stopped in the middle of the story.
            stopped = &mut server => return stopped.map_err(|error| format!("the server failed: {error}")),
        };
        if options.once {
            // Nothing is under way any more, so there is nothing to drain.
            let handle = server.handle();
            let ((), stopped) = tokio::join!(handle.stop(false), server);
            stopped.map_err(|error| format!("the server failed: {error}"))?;
            stage.end();
        } else {
            stage.farewell();
            server.await.map_err(|error| format!("the server failed: {error}"))?;
        }
        match surprises {
            0 => Ok(()),
            surprises => Err(format!("{surprises} calls were not answered as the demonstration expects.")),
        }
    })
}

/// The operator's settings, but nothing of the operator's data or identity provider and no address that
/// may be taken.
fn settings(config: &Config, directory: &ThrowAway, issuer: &str) -> Result<Config, String> {
    let database = format!("sqlite:{}", directory.0.join("headcount.db").display());
    let config = config.with(&[
        ("database.url", &database),
        ("public_url", ""),
        ("metrics.listen", ""),
        ("oidc.issuer", issuer),
        ("oidc.client_id", stand_in::CLIENT_ID),
        ("oidc.client_secret", stand_in::CLIENT_SECRET),
        ("oidc.discovery_url", ""),
        ("oidc.extra_audiences", ""),
    ])?;
    if config.is_set("listen") { Ok(config) } else { config.with(&[("listen", "127.0.0.1:0")]) }
}

/// An organization whose owner came before any identity provider, with a tenant and a domain of its own,
/// and the provider's token.
async fn seed(assembly: &Assembly) -> Result<SecretToken, String> {
    let new = NewOrganization {
        name: "Demo Company (DEMO)".into(),
        slug: SLUG.into(),
        owner_email: "olga@demo.example".into(),
        owner_given_name: Some("Olga".into()),
        owner_family_name: Some("Okafor".into()),
        seats: SEATS,
        plan: Plan::Monthly,
    };
    operate(assembly, move |connection, administration| {
        organization::create(connection, administration, &By::OPERATOR, &new)
    })
    .await?;
    operate(assembly, |connection, administration| {
        let settings = organization::Settings { tenant_id: Some(people::TENANT.into()), ..Default::default() };
        organization::set(connection, administration, &By::OPERATOR, SLUG, &settings)
    })
    .await?;
    operate(assembly, |connection, administration| {
        let settings = domain::Settings { vouched: true, ..Default::default() };
        domain::add(connection, administration, &By::OPERATOR, SLUG, people::DOMAIN, settings)
    })
    .await?;
    let token = SecretToken::generate("hcp_", &SystemRandom::default());
    let copy = token.clone();
    operate(assembly, move |connection, administration| {
        let new = provisioning_token::New { name: "DEMO", lifetime: None, signing_secret: None, token: &copy };
        provisioning_token::create(connection, administration, &By::OPERATOR, SLUG, new)
    })
    .await?;
    Ok(token)
}

async fn operate<T: Send + 'static>(
    assembly: &Assembly,
    use_case: impl Fn(&mut Connection, &Administration) -> Result<Planned<T>, Error> + Send + Sync + 'static,
) -> Result<(), String> {
    assembly.operate(use_case).await.map(|_| ()).map_err(|error| explain(&error))
}

/// A directory that goes away with the demonstration.
struct ThrowAway(PathBuf);

impl ThrowAway {
    fn new(random: &dyn Random) -> Result<Self, String> {
        let mut name = [0; 8];
        random.fill(&mut name);
        let path = std::env::temp_dir().join(format!("headcount-demo-{:016x}", u64::from_ne_bytes(name)));
        std::fs::DirBuilder::new()
            .mode(0o700)
            .create(&path)
            .map_err(|error| format!("{} cannot be made: {error}", path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for ThrowAway {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            tracing::warn!(path = %self.0.display(), %error, "the demonstration's data stays behind");
        }
    }
}
