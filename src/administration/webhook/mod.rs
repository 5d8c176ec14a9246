//! Webhooks (product.md §10): endpoints of an organization, and what they are told.

pub mod attempt;
pub mod deliveries;
mod disabling;
pub mod telling;

use std::time::Duration;

use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::{Administration, By, named};
use crate::clock::Timestamp;
use crate::error::{Code, Error, Result};
use crate::id::{OrganizationId, WebhookId};
use crate::organization::permission::Action;
use crate::organization::webhook::types;
use crate::secret::Revealed;
use crate::store::Planned;
use crate::store::batch::Batch;
use crate::store::connection::Connection;
use crate::store::webhook_deliveries;
use crate::store::webhook_endpoints::{self, DISABLED, ENABLED, Endpoint};
use crate::webhooks::{check_url, signature};

/// An organization has so many endpoints at most: each is told of everything it asks for.
const MOST: usize = 20;
/// The longest description.
const LONGEST: usize = 200;
/// How long the secret before signs too.
const OVERLAP: Duration = Duration::from_hours(24);

/// What is set of an endpoint; what is absent stays.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    pub url: Option<String>,
    pub description: Option<String>,
    /// None at all: every event.
    pub events: Option<Vec<String>>,
    pub enabled: Option<bool>,
    /// The version that was seen.
    pub expected_version: Option<i64>,
}

/// An endpoint as it is shown, without its secret.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Webhook)]
pub struct Shown {
    pub id: WebhookId,
    pub url: String,
    pub description: String,
    /// The types of the events it is told of; none for all of them.
    pub events: Vec<String>,
    /// `enabled` or `disabled`.
    pub state: String,
    /// Why it is disabled, where nobody has done it.
    #[schema(required)]
    pub reason: Option<String>,
    #[schema(required)]
    pub failing_since: Option<Timestamp>,
    /// Until when the secret before signs too.
    #[schema(required)]
    pub old_secret_until: Option<Timestamp>,
    /// As the audit trail calls them.
    pub created_by: String,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// Leaves as the `ETag`.
    #[serde(skip)]
    pub version: i64,
}

/// An endpoint with its new secret; nothing else ever shows it.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = WebhookWithSecret)]
pub struct WithSecret {
    #[serde(flatten)]
    pub shown: Shown,
    /// For the signatures of Standard Webhooks.
    pub secret: Revealed,
}

/// An endpoint that is no more.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Removed {
    pub id: WebhookId,
    pub removed: bool,
}

/// What a secret is sealed for.
fn place(organization: OrganizationId, endpoint: WebhookId) -> Vec<u8> {
    [b"webhook ", organization.as_bytes().as_slice(), endpoint.as_bytes()].concat()
}

/// Makes an endpoint; the answer is the only one that shows its secret.
///
/// # Errors
/// `forbidden`, `not_found`, `invalid_value`; `conflict` when there are enough.
pub fn create(
    connection: &mut Connection,
    administration: &Administration,
    by: &By,
    slug: &str,
    settings: &Settings,
) -> Result<Planned<WithSecret>> {
    by.check(Action::ManageWebhooks)?;
    let organization = named(connection, by, slug)?;
    if webhook_endpoints::list(connection, organization.id)?.len() >= MOST {
        return Err(Error::new(Code::Conflict, format!("The organization has {MOST} webhooks. Remove one first.")));
    }
    let (now, id) = (administration.clock.now().0, administration.ids.next());
    let secret = signature::generate(administration.random.as_ref());
    let mut endpoint = Endpoint {
        id,
        url: String::new(),
        description: String::new(),
        events: String::new(),
        secret: seal(administration, organization.id, id, &secret),
        old_secret: None,
        old_secret_until: None,
        state: ENABLED.to_owned(),
        reason: None,
        failing_since: None,
        created_by: by.name().into_owned(),
        created_at: now,
        updated_at: now,
        version: 1,
    };
    // Without an address there is nothing to tell.
    let url = settings.url.clone().unwrap_or_default();
    apply(administration, &mut endpoint, &Settings { url: Some(url), ..settings.clone() })?;
    let mut batch = Batch::default();
    webhook_endpoints::insert(&mut batch, organization.id, &endpoint);
    administration.audit(&mut batch, by, organization.id, "webhook.created", &audited(&endpoint));
    let answer = WithSecret { shown: describe(&endpoint), secret: Revealed(signature::shown(&secret)) };
    Ok(Planned { batch, answer })
}

fn seal(administration: &Administration, organization: OrganizationId, id: WebhookId, secret: &[u8]) -> Vec<u8> {
    let sealing = &administration.provisioning.sealing;
    sealing.seal(secret, &place(organization, id), administration.random.as_ref())
}

/// Sets what can be set.
fn apply(administration: &Administration, endpoint: &mut Endpoint, settings: &Settings) -> Result<()> {
    let invalid = |why: String| Error::new(Code::InvalidValue, why);
    if let Some(url) = &settings.url {
        let url =
            check_url(url, administration.webhooks.allow_private).map_err(|why| invalid(format!("url: {why}")))?;
        endpoint.url = url.into();
    }
    if let Some(description) = &settings.description {
        if description.chars().count() > LONGEST || description.chars().any(char::is_control) {
            let why = format!("description: it has more than {LONGEST} characters or control characters.");
            return Err(invalid(why));
        }
        endpoint.description.clone_from(description);
    }
    if let Some(events) = &settings.events {
        let known = types();
        if let Some(unknown) = events.iter().find(|event| !known.contains(&event.as_str())) {
            return Err(invalid(format!("events: there is no event \"{unknown}\". There are: {}.", known.join(", "))));
        }
        let asked: Vec<&str> = known.into_iter().filter(|kind| events.iter().any(|event| event == kind)).collect();
        endpoint.events = asked.join(" ");
    }
    match settings.enabled {
        Some(true) if endpoint.state == DISABLED => {
            ENABLED.clone_into(&mut endpoint.state);
            (endpoint.reason, endpoint.failing_since) = (None, None);
        }
        Some(false) => DISABLED.clone_into(&mut endpoint.state),
        _ => {}
    }
    Ok(())
}

/// The organization's endpoints, oldest first.
///
/// # Errors
/// `forbidden`, `not_found`.
pub fn list(connection: &mut Connection, by: &By, slug: &str) -> Result<Vec<Endpoint>> {
    by.check(Action::ManageWebhooks)?;
    let organization = named(connection, by, slug)?;
    webhook_endpoints::list(connection, organization.id)
}

/// One endpoint.
///
/// # Errors
/// `forbidden`, `not_found`.
pub fn show(connection: &mut Connection, by: &By, slug: &str, id: &str) -> Result<Shown> {
    by.check(Action::ManageWebhooks)?;
    let organization = named(connection, by, slug)?;
    find(connection, organization.id, id).map(|endpoint| describe(&endpoint))
}

fn find(connection: &mut Connection, organization: OrganizationId, id: &str) -> Result<Endpoint> {
    let known = id.parse().ok().map(|id| webhook_endpoints::one(connection, organization, id)).transpose()?;
    known.flatten().ok_or_else(|| {
        Error::new(Code::NotFound, format!("There is no webhook with the id \"{id}\". List them first."))
    })
}

/// Changes an endpoint.
///
/// # Errors
/// `forbidden`, `not_found`, `invalid_value`, `precondition_failed`.
pub fn set(
    connection: &mut Connection,
    administration: &Administration,
    by: &By,
    (slug, id): (&str, &str),
    settings: &Settings,
) -> Result<Planned<Shown>> {
    by.check(Action::ManageWebhooks)?;
    let organization = named(connection, by, slug)?;
    let before = find(connection, organization.id, id)?;
    if settings.expected_version.is_some_and(|version| version != before.version) {
        return Err(Error::new(Code::PreconditionFailed, "The webhook has changed since you read it. Read it again."));
    }
    let mut after = before.clone();
    apply(administration, &mut after, settings)?;
    let mut batch = Batch::default();
    if after != before {
        after.updated_at = administration.clock.now().0;
        webhook_endpoints::update(&mut batch, organization.id, &after);
        let detail = json!({"before": audited(&before), "after": audited(&after)});
        administration.audit(&mut batch, by, organization.id, "webhook.changed", &detail);
        after.version += 1;
    }
    Ok(Planned { batch, answer: describe(&after) })
}

/// Removes an endpoint with the log of its deliveries.
///
/// # Errors
/// `forbidden`, `not_found`.
pub fn remove(
    connection: &mut Connection,
    administration: &Administration,
    by: &By,
    slug: &str,
    id: &str,
) -> Result<Planned<Removed>> {
    by.check(Action::ManageWebhooks)?;
    let organization = named(connection, by, slug)?;
    let endpoint = find(connection, organization.id, id)?;
    let mut batch = Batch::default();
    webhook_endpoints::delete(&mut batch, organization.id, endpoint.id);
    webhook_deliveries::delete_of(&mut batch, organization.id, endpoint.id);
    administration.audit(&mut batch, by, organization.id, "webhook.removed", &audited(&endpoint));
    Ok(Planned { batch, answer: Removed { id: endpoint.id, removed: true } })
}

/// Gives an endpoint another secret, which only this answer shows; the one before signs too for a day.
///
/// # Errors
/// `forbidden`, `not_found`.
pub fn rotate(
    connection: &mut Connection,
    administration: &Administration,
    by: &By,
    slug: &str,
    id: &str,
) -> Result<Planned<WithSecret>> {
    by.check(Action::ManageWebhooks)?;
    let organization = named(connection, by, slug)?;
    let mut endpoint = find(connection, organization.id, id)?;
    let now = administration.clock.now();
    let secret = signature::generate(administration.random.as_ref());
    let sealed = seal(administration, organization.id, endpoint.id, &secret);
    endpoint.old_secret = Some(std::mem::replace(&mut endpoint.secret, sealed));
    endpoint.old_secret_until = Some(now.plus(OVERLAP).0);
    endpoint.updated_at = now.0;
    let mut batch = Batch::default();
    webhook_endpoints::update(&mut batch, organization.id, &endpoint);
    administration.audit(&mut batch, by, organization.id, "webhook.secret_rotated", &audited(&endpoint));
    let answer = WithSecret { shown: describe(&endpoint), secret: Revealed(signature::shown(&secret)) };
    Ok(Planned { batch, answer })
}

fn audited(endpoint: &Endpoint) -> Value {
    json!({
        "id": endpoint.id.to_string(), "url": endpoint.url, "events": events(endpoint), "state": endpoint.state
    })
}

fn events(endpoint: &Endpoint) -> Vec<&str> {
    endpoint.events.split(' ').filter(|event| !event.is_empty()).collect()
}

/// An endpoint as it is shown, without its secret.
#[must_use]
pub fn describe(endpoint: &Endpoint) -> Shown {
    Shown {
        id: endpoint.id,
        url: endpoint.url.clone(),
        description: endpoint.description.clone(),
        events: events(endpoint).into_iter().map(str::to_owned).collect(),
        state: endpoint.state.clone(),
        reason: endpoint.reason.clone(),
        failing_since: endpoint.failing_since.map(Timestamp),
        old_secret_until: endpoint.old_secret_until.map(Timestamp),
        created_by: endpoint.created_by.clone(),
        created_at: Timestamp(endpoint.created_at),
        updated_at: Timestamp(endpoint.updated_at),
        version: endpoint.version,
    }
}
