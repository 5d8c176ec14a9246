//! Associated domains (product.md §5): added, proven, set, listed, removed.

use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::{Actor, Administration, By, at_risk, named};
use crate::clock::Timestamp;
use crate::dns::NoAnswer;
use crate::error::{Code, Error, Result};
use crate::id::OrganizationId;
use crate::organization::associated_domain::{Joining, Seen, State, associable, proof_host, proof_value};
use crate::organization::permission::Action;
use crate::organization::role::Role;
use crate::secret::SecretToken;
use crate::store::associated_domains::{self, Domain};
use crate::store::batch::Batch;
use crate::store::connection::Connection;
use crate::store::organizations::{self, Organization};
use crate::store::{Planned, Store};
use crate::text::{domain_key, domain_shown};

/// An organization has so many domains at most: each is looked at every day.
const MOST: usize = 200;

/// A domain as it is shown.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Domain)]
pub struct Shown {
    /// In A-labels, as it is in the DNS.
    pub domain: String,
    /// As people read it.
    pub name: String,
    /// `pending`, `verified`, `at_risk` or `lapsed`.
    pub state: String,
    /// The operator answers for it instead of the DNS.
    pub vouched: bool,
    /// The name of the TXT record that proves it.
    pub txt_host: String,
    /// What the record has to hold.
    pub txt_value: String,
    /// Who becomes a member by it: `automatic`, `ask_admin` or `invite_only`.
    pub joining: String,
    /// Of whom joins by it: `read` or `write`.
    pub role: String,
    #[schema(format = "date-time")]
    pub added_at: String,
    /// When the proof was first missed.
    #[schema(format = "date-time")]
    #[schema(required)]
    pub lost_at: Option<String>,
    /// When the DNS was last looked at.
    #[schema(format = "date-time")]
    #[schema(required)]
    pub checked_at: Option<String>,
    /// What this look has found in the DNS.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub seen: Option<Vec<String>>,
}

/// A domain that is not the organization's any more.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Removed {
    pub domain: String,
    pub removed: bool,
}

/// What people decide about a domain; `None` leaves it as it is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Settings {
    /// The operator answers for the domain instead of the DNS.
    pub vouched: bool,
    pub joining: Option<Joining>,
    pub role: Option<Role>,
}

/// Adds an associated domain. Whether another organization has it is said only where the operator
/// vouches: everybody else proves it first.
///
/// # Errors
/// `invalidValue` with the reason for what cannot be associated, `uniqueness`; `conflict` when there are enough.
pub fn add(
    connection: &mut Connection,
    administration: &Administration,
    by: &By,
    slug: &str,
    name: &str,
    settings: Settings,
) -> Result<Planned<Shown>> {
    by.check(Action::ManageDomains)?;
    let organization = named(connection, by, slug)?;
    let domain = associable(name)?;
    check(by, settings)?;
    let all = associated_domains::list(connection, organization.id)?;
    if all.iter().any(|known| known.domain == domain) {
        return Err(Error::new(Code::Uniqueness, format!("{domain} is associated already.")));
    }
    if all.len() >= MOST {
        return Err(Error::new(
            Code::Conflict,
            format!("The organization has {MOST} domains, as many as it can have. Remove one that nobody needs."),
        ));
    }
    if settings.vouched {
        refuse_taken(connection, organization.id, &domain)?;
    }
    let state = if settings.vouched { State::Verified } else { State::Pending };
    let domain = Domain {
        domain,
        state: state.name().into(),
        vouched: settings.vouched,
        joining: settings.joining.unwrap_or(Joining::Automatic).name().into(),
        role: settings.role.unwrap_or(Role::Read).name().into(),
        challenge: SecretToken::generate("", administration.random.as_ref()).reveal().to_owned(),
        created_at: administration.clock.now().0,
        lost_at: None,
        checked_at: None,
    };
    let mut batch = Batch::default();
    associated_domains::insert(&mut batch, organization.id, &domain);
    administration.audit(&mut batch, by, organization.id, "domain.added", &audited(&domain));
    Ok(Planned { batch, answer: describe(&domain) })
}

/// Looks at the DNS now; the domain as it is then, with `seen`, what the DNS showed.
///
/// # Errors
/// `not_found`; `uniqueness` when the proof is there and another organization has the domain;
/// `unavailable` when the DNS does not answer.
pub async fn verify(store: &Store, administration: &Administration, by: &By, slug: &str, name: &str) -> Result<Shown> {
    by.check(Action::ManageDomains)?;
    let (caller, slug, name) = (by.clone(), slug.to_owned(), name.to_owned());
    let (organization, domain) = store
        .read(move |connection| {
            let organization = named(connection, &caller, &slug)?;
            entry(connection, &organization, &name).map(|domain| (organization.id, domain.domain))
        })
        .await?;
    let records = administration.dns.txt(&proof_host(&domain)).await;
    if let Err(NoAnswer(why)) = &records {
        return Err(Error::unavailable(
            "The DNS does not answer right now. Nothing was changed. Look again later.",
            Some(why.as_str().into()),
        ));
    }
    let looked = settle(store, administration, organization, domain, records.clone(), by).await?;
    if looked.taken {
        return Err(taken(&looked.domain.domain));
    }
    Ok(Shown { seen: Some(records.unwrap_or_default()), ..describe(&looked.domain) })
}

/// What a look at the DNS has come to.
#[derive(Clone, Debug)]
pub struct Looked {
    /// The domain as it is now.
    pub domain: Domain,
    /// The proof is there, and another organization has the domain: the state stays.
    pub taken: bool,
}

/// Draws the consequence of a look at the DNS in one transaction.
///
/// # Errors
/// `not_found` when the domain was removed meanwhile.
pub async fn settle(
    store: &Store,
    administration: &Administration,
    organization: OrganizationId,
    domain: String,
    records: Result<Vec<String>, NoAnswer>,
    by: &By,
) -> Result<Looked> {
    let (administration, by) = (administration.clone(), by.clone());
    let plan = move |connection: &mut Connection| {
        plan_look(connection, &administration, organization, &domain, records.as_deref().ok(), &by)
    };
    store.write(plan).await
}

fn plan_look(
    connection: &mut Connection,
    administration: &Administration,
    organization: OrganizationId,
    domain: &str,
    records: Option<&[String]>,
    by: &By,
) -> Result<Planned<Looked>> {
    let found = associated_domains::find(connection, organization, domain)?;
    let mut found = found.ok_or_else(|| not_associated(domain))?;
    let mut batch = Batch::default();
    if found.vouched {
        return Ok(Planned { batch, answer: Looked { domain: found, taken: false } });
    }
    let before = State::from_name(&found.state);
    let seen = Seen::in_records(records, &found.challenge);
    let now = administration.clock.now();
    let (mut after, mut lost) = before.after(seen, found.lost_at.map(Timestamp), now, administration.grace);
    let owner = organizations::owner_of_domain(connection, domain)?;
    let taken = after.is_proven() && owner.is_some_and(|owner| owner.id != organization);
    if taken {
        (after, lost) = (before, found.lost_at.map(Timestamp));
    }
    after.name().clone_into(&mut found.state);
    found.lost_at = lost.map(|lost| lost.0);
    found.checked_at = Some(now.0);
    associated_domains::update_state(&mut batch, organization, &found, before.name());
    if after != before {
        let action = format!("domain.{}", after.name());
        let detail = json!({"domain": domain, "before": before.name(), "after": after.name()});
        administration.audit(&mut batch, by, organization, &action, &detail);
    }
    // The service's own word: an operator at a terminal has read it, and has no key to seal letters with.
    if after == State::AtRisk && by.actor == Actor::System {
        at_risk::tell(connection, administration, &mut batch, organization, &found)?;
    }
    Ok(Planned { batch, answer: Looked { domain: found, taken } })
}

/// Changes how people join by a domain, or vouches for it.
///
/// # Errors
/// `not_found`, `invalidValue`; `uniqueness` when another organization has what is vouched for.
pub fn set(
    connection: &mut Connection,
    administration: &Administration,
    by: &By,
    slug: &str,
    name: &str,
    settings: Settings,
) -> Result<Planned<Shown>> {
    by.check(Action::ManageDomains)?;
    let organization = named(connection, by, slug)?;
    let mut domain = entry(connection, &organization, name)?;
    check(by, settings)?;
    let (before, was) = (domain.state.clone(), audited(&domain));
    if settings.vouched {
        refuse_taken(connection, organization.id, &domain.domain)?;
        domain.vouched = true;
        State::Verified.name().clone_into(&mut domain.state);
        domain.lost_at = None;
    }
    if let Some(joining) = settings.joining {
        joining.name().clone_into(&mut domain.joining);
    }
    if let Some(role) = settings.role {
        role.name().clone_into(&mut domain.role);
    }
    let mut batch = Batch::default();
    if audited(&domain) != was {
        associated_domains::update_settings(&mut batch, organization.id, &domain, &before);
        let detail = json!({"domain": domain.domain, "before": was, "after": audited(&domain)});
        administration.audit(&mut batch, by, organization.id, "domain.changed", &detail);
    }
    Ok(Planned { batch, answer: describe(&domain) })
}

/// The organization's domains, by name.
///
/// # Errors
/// `not_found`.
pub fn list(connection: &mut Connection, by: &By, slug: &str) -> Result<Vec<Shown>> {
    by.check(Action::ManageDomains)?;
    let organization = named(connection, by, slug)?;
    Ok(associated_domains::list(connection, organization.id)?.iter().map(describe).collect())
}

/// One of the organization's domains.
///
/// # Errors
/// `not_found`.
pub fn show(connection: &mut Connection, by: &By, slug: &str, name: &str) -> Result<Shown> {
    by.check(Action::ManageDomains)?;
    let organization = named(connection, by, slug)?;
    entry(connection, &organization, name).map(|domain| describe(&domain))
}

/// Removes a domain: nobody joins by it any more; nobody is removed.
///
/// # Errors
/// `not_found`.
pub fn remove(
    connection: &mut Connection,
    administration: &Administration,
    by: &By,
    slug: &str,
    name: &str,
) -> Result<Planned<Removed>> {
    by.check(Action::ManageDomains)?;
    let organization = named(connection, by, slug)?;
    let domain = entry(connection, &organization, name)?;
    let mut batch = Batch::default();
    associated_domains::delete(&mut batch, organization.id, &domain.domain);
    administration.audit(&mut batch, by, organization.id, "domain.removed", &audited(&domain));
    Ok(Planned { batch, answer: Removed { domain: domain.domain, removed: true } })
}

/// The organization's own entry for a name as people type it.
fn entry(connection: &mut Connection, organization: &Organization, name: &str) -> Result<Domain> {
    let typed = name.trim().trim_end_matches('.');
    let found = match domain_key(typed) {
        Some(key) => associated_domains::find(connection, organization.id, &key)?,
        None => None,
    };
    found.ok_or_else(|| not_associated(typed))
}

fn not_associated(domain: &str) -> Error {
    Error::new(Code::NotFound, format!("{domain} is not a domain of this organization."))
}

fn check(by: &By, settings: Settings) -> Result<()> {
    if settings.vouched && by.is_guarded() {
        return Err(Error::new(Code::Forbidden, "Only the operator vouches for a domain. Prove it by its TXT record."));
    }
    match settings.role {
        Some(Role::Admin | Role::Owner) => {
            Err(Error::new(Code::InvalidValue, "A domain's default role is read or write."))
        }
        _ => Ok(()),
    }
}

fn refuse_taken(connection: &mut Connection, organization: OrganizationId, domain: &str) -> Result<()> {
    match organizations::owner_of_domain(connection, domain)? {
        Some(owner) if owner.id != organization => Err(taken(domain)),
        _ => Ok(()),
    }
}

fn taken(domain: &str) -> Error {
    Error::new(Code::Uniqueness, format!("Another organization has verified {domain}. It has to remove it first."))
}

fn audited(domain: &Domain) -> Value {
    json!({
        "domain": domain.domain, "state": domain.state, "joining": domain.joining, "role": domain.role, "vouched": domain.vouched
    })
}

fn describe(domain: &Domain) -> Shown {
    let at = |at: i64| Timestamp(at).to_string();
    Shown {
        domain: domain.domain.clone(),
        name: domain_shown(&domain.domain),
        state: domain.state.clone(),
        vouched: domain.vouched,
        txt_host: proof_host(&domain.domain),
        txt_value: proof_value(&domain.challenge),
        joining: domain.joining.clone(),
        role: domain.role.clone(),
        added_at: at(domain.created_at),
        lost_at: domain.lost_at.map(at),
        checked_at: domain.checked_at.map(at),
        seen: None,
    }
}
