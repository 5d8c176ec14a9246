//! The provisioning log (product.md §8.4): what the identity provider asked, what came of it and why, for the
//! organization's own admin.

use std::time::Duration;

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::audit::{Page, forget_older, time};
use super::{Administration, By, named};
use crate::clock::Timestamp;
use crate::error::{Code, Error, Result};
use crate::id::{EventId, OrganizationId, ResourceId, TokenId};
use crate::organization::permission::Action;
use crate::provisioning::names;
use crate::scim::difference::{Difference, difference};
use crate::scim::redact::Redaction;
use crate::scim::registry::Kind;
use crate::store::Store;
use crate::store::connection::Connection;
use crate::store::provisioning_entries::{self, Bodies, Line, Person, Token};
use crate::store::resources::kind_number;
use crate::store::retention::Kept;

/// What is wanted of the log, in words.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// A userName, an address, an external id or a member's id: as it is now, or was.
    pub person: Option<String>,
    /// A token's id or name.
    pub token: Option<String>,
    /// `succeeded` or `refused`.
    pub outcome: Option<String>,
    pub method: Option<String>,
    /// Not before this time.
    pub from: Option<String>,
    /// Before this time.
    pub to: Option<String>,
}

/// An entry as it is shown.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = ProvisioningLogEntry)]
pub struct Entry {
    pub id: EventId,
    pub at: Timestamp,
    pub outcome: Outcome,
    /// What was asked, what came of it and why, for people.
    pub explanation: String,
    pub token: ShownToken,
    pub request: Asked,
    pub response: Answered,
    pub latency_us: i64,
    pub resource: Touched,
    #[serde(flatten)]
    pub change: Option<Changed>,
}

/// What an entry that is asked for by its id has beside: what is another than before.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = ProvisioningLogChange)]
pub struct Changed {
    pub difference: Vec<Difference>,
    /// The resource before, without secrets; `null` where it was none, and for members that came and went.
    pub before: Value,
    pub after: Value,
}

/// What came of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ProvisioningOutcome)]
pub enum Outcome {
    Succeeded,
    Refused,
}

impl Outcome {
    /// The name in the API and in files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Refused => "refused",
        }
    }
}

/// By which token it was asked.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = LoggedToken)]
pub struct ShownToken {
    pub id: TokenId,
    #[schema(required)]
    pub name: Option<String>,
}

/// What was asked.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = LoggedRequest)]
pub struct Asked {
    pub id: String,
    pub method: String,
    pub path: String,
    #[schema(required)]
    pub query: Option<String>,
    /// From which network address.
    #[schema(required)]
    pub address: Option<String>,
    /// Without secrets; only of an entry that is asked for by its id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<Value>,
}

/// What was answered.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = LoggedResponse)]
pub struct Answered {
    pub status: i64,
    /// Without secrets; only of an entry that is asked for by its id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<Value>,
}

/// What it was about.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = LoggedResource)]
pub struct Touched {
    /// `User` or `Group`.
    #[schema(required)]
    pub kind: Option<&'static str>,
    #[schema(required)]
    pub id: Option<ResourceId>,
}

/// The latest entries, newest first.
///
/// # Errors
/// `not_found`, `invalid_value`.
pub fn page(
    connection: &mut Connection,
    by: &By,
    organization: &str,
    wanted: &Wanted,
    after: Option<EventId>,
    limit: u32,
) -> Result<Page<Entry>> {
    by.check(Action::ReadProvisioningLog)?;
    let organization = named(connection, by, organization)?.id;
    let wanted = wanted.read(connection, organization)?;
    let page = provisioning_entries::page(connection, organization, &wanted, after, i64::from(limit))?;
    Ok(Page { items: page.lines.iter().map(describe).collect(), next: page.next })
}

/// The latest entries, so many at most, whatever has to be looked through for them.
///
/// # Errors
/// As [`page`].
pub fn list(
    connection: &mut Connection,
    by: &By,
    organization: &str,
    wanted: &Wanted,
    limit: u32,
) -> Result<Vec<Entry>> {
    let (mut items, mut after) = (Vec::new(), None);
    loop {
        let left = limit - u32::try_from(items.len()).unwrap_or(limit).min(limit);
        let page = page(connection, by, organization, wanted, after, left.min(1_000))?;
        items.extend(page.items);
        after = page.next;
        if after.is_none() || items.len() >= limit as usize {
            return Ok(items);
        }
    }
}

/// One entry with what was asked and answered, and what is another than before.
///
/// # Errors
/// `not_found`.
pub fn show(
    connection: &mut Connection,
    administration: &Administration,
    by: &By,
    organization: &str,
    id: &str,
) -> Result<Entry> {
    by.check(Action::ReadProvisioningLog)?;
    let organization = named(connection, by, organization)?.id;
    let absent =
        || Error::new(Code::NotFound, format!("There is no entry of the provisioning log with the id \"{id}\"."));
    let entry = id.parse().map_err(|_| absent())?;
    let (line, bodies) = provisioning_entries::get(connection, organization, entry)?.ok_or_else(absent)?;
    let registry = administration.provisioning.registries.current(connection, organization)?;
    Ok(with_bodies(&line, &bodies, registry.redaction()))
}

fn with_bodies(line: &Line, bodies: &Bodies, redaction: &Redaction) -> Entry {
    // What was stored is whole, for undo; what is shown is not.
    let document = |text: &Option<String>| {
        let value = text.as_deref().and_then(|text| serde_json::from_str::<Value>(text).ok());
        value.map_or(Value::Null, |value| redaction.value(&value))
    };
    let (before, after) = (document(&bodies.before), document(&bodies.after));
    // Members that came and went, where no document changed.
    let is_document = |value: &Value| value.get("schemas").is_some();
    let mut described = describe(line);
    described.request.body = Some(said(bodies.request.as_deref()));
    described.response.body = Some(match &bodies.response {
        Some(response) => said(Some(response)),
        // An answer that shows the resource is not stored a second time.
        None if matches!(line.status, 200 | 201) && is_document(&after) => {
            let mut shown = after.clone();
            shown["id"] = line.resource_id.map(|id| id.to_string()).into();
            shown
        }
        None => Value::Null,
    });
    described.change = Some(Changed { difference: difference(&before, &after), before, after });
    described
}

/// JSON as it was said; what is cut is a text.
fn said(text: Option<&str>) -> Value {
    let Some(text) = text else { return Value::Null };
    serde_json::from_str(text).unwrap_or_else(|_| text.into())
}

fn describe(line: &Line) -> Entry {
    let kind = Kind::ALL.into_iter().find(|kind| Some(kind_number(*kind)) == line.resource_kind);
    Entry {
        id: line.id,
        at: Timestamp(line.at),
        outcome: if line.status < 400 { Outcome::Succeeded } else { Outcome::Refused },
        explanation: line.explanation.clone(),
        token: ShownToken { id: line.token, name: line.token_name.clone() },
        request: Asked {
            id: line.request_id.clone(),
            method: line.method.clone(),
            path: line.path.clone(),
            query: line.query.clone(),
            address: line.client_address.clone(),
            body: None,
        },
        response: Answered { status: line.status, body: None },
        latency_us: line.latency_us,
        resource: Touched { kind: kind.map(Kind::name), id: line.resource_id },
        change: None,
    }
}

/// What the columns of an export are called.
pub const COLUMNS: [&str; 14] = [
    "id",
    "at",
    "outcome",
    "status",
    "method",
    "path",
    "query",
    "explanation",
    "token",
    "address",
    "request_id",
    "latency_us",
    "resource_kind",
    "resource_id",
];

/// The cells of an entry for [`COLUMNS`].
#[must_use]
pub fn cells(entry: &Entry) -> Vec<String> {
    let Entry { token, request, response, resource, .. } = entry;
    vec![
        entry.id.to_string(),
        entry.at.to_string(),
        entry.outcome.name().to_owned(),
        response.status.to_string(),
        request.method.clone(),
        request.path.clone(),
        request.query.clone().unwrap_or_default(),
        entry.explanation.clone(),
        token.name.clone().unwrap_or_else(|| token.id.to_string()),
        request.address.clone().unwrap_or_default(),
        request.id.clone(),
        entry.latency_us.to_string(),
        resource.kind.unwrap_or_default().to_owned(),
        resource.id.map(|id| id.to_string()).unwrap_or_default(),
    ]
}

/// Forgets, of every organization, what is older than it is kept; how many entries.
///
/// # Errors
/// The database's.
pub async fn forget(store: &Store, now: Timestamp, kept_for: Duration) -> Result<usize> {
    forget_older(store, Kept::ProvisioningLog, EventId::first_at(now.minus(kept_for))).await
}

impl Wanted {
    fn read(&self, connection: &mut Connection, organization: OrganizationId) -> Result<provisioning_entries::Wanted> {
        let refused = match self.outcome.as_deref() {
            None => None,
            Some("succeeded") => Some(false),
            Some("refused") => Some(true),
            Some(other) => {
                let why = format!("outcome is succeeded or refused, not \"{other}\".");
                return Err(Error::new(Code::InvalidValue, why));
            }
        };
        let token = self.token.as_ref().map(|token| match token.parse() {
            Ok(id) => Token::Id(id),
            Err(_) => Token::Name(token.clone()),
        });
        let person = self.person.as_deref().map(|person| somebody(connection, organization, person)).transpose()?;
        Ok(provisioning_entries::Wanted {
            person,
            token,
            refused,
            method: self.method.as_deref().map(str::to_ascii_uppercase),
            from: time("from", self.from.as_deref())?,
            to: time("to", self.to.as_deref())?,
        })
    }
}

/// Whoever is meant by a name or an id.
fn somebody(connection: &mut Connection, organization: OrganizationId, person: &str) -> Result<Person> {
    if let Ok(id) = person.trim().parse::<ResourceId>() {
        return Ok(Person { resources: vec![id], names: Vec::new() });
    }
    let names = names::of_text(person);
    let resources = provisioning_entries::called(connection, organization, &names)?;
    Ok(Person { resources, names })
}
