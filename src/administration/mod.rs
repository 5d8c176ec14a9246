//! What operators do (floor 5): organizations, tokens, extension schemas, domains. Audited like everything else.

pub mod reindex;

use std::sync::Arc;

use serde_json::{Value, json};

use crate::clock::{Clock, Timestamp};
use crate::error::{Code, Error, Result};
use crate::id::{EventId, IdGenerator, OrganizationId, TokenId};
use crate::organization::plan::Plan;
use crate::organization::role::Role;
use crate::organization::seats::{Change, SeatPolicy, Standing};
use crate::provisioning::Service;
use crate::scim::document::Document;
use crate::scim::registry::{Kind, Registry};
use crate::scim::schema::Schema;
use crate::secret::{Random, SecretToken};
use crate::store::batch::Batch;
use crate::store::connection::Connection;
use crate::store::organizations::{self, Organization};
use crate::store::provisioning_log::{self, Event};
use crate::store::provisioning_tokens::{self, Listed};
use crate::store::resources::{self, NewMember, Written};
use crate::store::{Planned, associated_domains};
use crate::text::domain_key;

/// What the operator's use cases share.
#[derive(Clone)]
pub struct Administration {
    pub clock: Arc<dyn Clock>,
    pub random: Arc<dyn Random>,
    pub ids: IdGenerator,
    pub provisioning: Arc<Service>,
}

/// A new organization.
#[derive(Clone, Debug)]
pub struct NewOrganization {
    pub name: String,
    pub slug: String,
    pub owner_email: String,
    pub owner_given_name: Option<String>,
    pub owner_family_name: Option<String>,
    pub seats: i64,
    pub plan: Plan,
}

impl Administration {
    /// Creates an active organization with its first owner.
    ///
    /// # Errors
    /// `invalidValue`, or `uniqueness` for the slug.
    pub fn create_organization(&self, connection: &mut Connection, new: &NewOrganization) -> Result<Planned<Value>> {
        check_slug(&new.slug)?;
        if new.seats < 1 {
            return Err(Error::new(Code::InvalidValue, "An organization needs at least one seat, for its owner."));
        }
        if organizations::by_slug(connection, &new.slug)?.is_some() {
            return Err(Error::new(
                Code::Uniqueness,
                format!("Another organization has the slug \"{}\". Choose another.", new.slug),
            ));
        }
        let now = self.clock.now().to_millisecond().0;
        let organization = Organization {
            id: self.ids.next(),
            slug: new.slug.clone(),
            name: new.name.clone(),
            state: "active".into(),
            plan: new.plan.name().into(),
            seat_policy: SeatPolicy::Reject.name().into(),
            created_at: now,
        };
        let mut batch = Batch::default();
        organizations::insert(&mut batch, &organization, new.seats);
        let owner = self.insert_owner(&mut batch, organization.id, new, now)?;
        self.audit(&mut batch, organization.id, "organization.created", &json!({"seats": new.seats}));
        Ok(Planned {
            batch,
            answer: json!({"id": organization.id.to_string(), "slug": new.slug, "name": new.name, "state": "active", "seats": new.seats, "owner_id": owner}),
        })
    }

    /// The owner is a member, so it is a SCIM User; provisioning does not manage it until it adopts it.
    fn insert_owner(
        &self,
        batch: &mut Batch,
        organization: OrganizationId,
        new: &NewOrganization,
        now: i64,
    ) -> Result<String> {
        let mut body = json!({"userName": new.owner_email, "emails": [{"value": new.owner_email, "type": "work", "primary": true}], "active": true});
        let names = [("givenName", &new.owner_given_name), ("familyName", &new.owner_family_name)];
        for (key, name) in names {
            if let Some(name) = name {
                body["name"][key] = name.as_str().into();
            }
        }
        let whole: Vec<&str> = names.iter().filter_map(|(_, name)| name.as_deref()).collect();
        if !whole.is_empty() {
            body["displayName"] = whole.join(" ").into();
        }
        let registry = self.provisioning.registries.standard();
        let document = Document::from_request(&body, registry.resource_type(Kind::User))?.document;
        let derived = self.provisioning.storage.derive(&document, Kind::User)?;
        if derived.address_key.is_none() {
            return Err(Error::new(Code::InvalidValue, format!("\"{}\" is not an e-mail address.", new.owner_email)));
        }
        let (id, text) = (self.ids.next(), document.to_text());
        resources::insert(
            batch,
            organization,
            Written { id, kind: Kind::User, now, document: &text, derived: &derived },
        );
        let member = NewMember {
            role: Role::Owner.name(),
            role_source: "manual",
            status: Standing::Active.name(),
            source: "operator",
            provisioned: false,
            address_key: derived.address_key.as_deref(),
            waiting_since: None,
        };
        resources::insert_member(batch, organization, id, member);
        Ok(id.to_string())
    }

    /// Changes seats and seat policy; more seats admit who waits.
    ///
    /// # Errors
    /// `seat_limit_reached` when fewer seats than used are wanted.
    pub fn set_organization(
        &self,
        connection: &mut Connection,
        slug: &str,
        seats: Option<i64>,
        policy: Option<SeatPolicy>,
    ) -> Result<Planned<Value>> {
        let organization = Self::organization(connection, slug)?;
        let usage = organizations::usage(connection, organization.id)?;
        let now = self.clock.now().to_millisecond().0;
        let mut batch = Batch::default();
        let mut ledger = Change::default();
        if let Some(seats) = seats {
            if seats < usage.used + usage.pending {
                return Err(Error::new(
                    Code::Conflict,
                    format!(
                        "{} seats are used; there cannot be fewer. Deactivate members first.",
                        usage.used + usage.pending
                    ),
                ));
            }
            let free = seats - usage.used - usage.pending;
            for found in resources::waiting(connection, organization.id, None, free.min(usage.waiting))? {
                crate::provisioning::users::admit(&self.provisioning, organization.id, found, &mut batch, &mut ledger)?;
            }
        }
        organizations::update_settings(&mut batch, organization.id, seats, &ledger, policy.map(SeatPolicy::name), now);
        self.audit(
            &mut batch,
            organization.id,
            "organization.changed",
            &json!({"seats": seats, "seat_policy": policy.map(SeatPolicy::name)}),
        );
        let answer = json!({
            "slug": slug,
            "seats": seats.unwrap_or(usage.seats),
            "seat_policy": policy.map_or(organization.seat_policy, |policy| policy.name().to_owned()),
            "admitted": ledger.used
        });
        Ok(Planned { batch, answer })
    }

    /// The organization with its ledger.
    ///
    /// # Errors
    /// `not_found`.
    pub fn show_organization(&self, connection: &mut Connection, slug: &str) -> Result<Value> {
        let organization = Self::organization(connection, slug)?;
        Self::describe(connection, &organization)
    }

    /// All organizations with their ledgers.
    ///
    /// # Errors
    /// The database's.
    pub fn list_organizations(&self, connection: &mut Connection) -> Result<Value> {
        let all = organizations::list(connection)?;
        all.iter()
            .map(|organization| Self::describe(connection, organization))
            .collect::<Result<Vec<_>>>()
            .map(Value::from)
    }

    fn describe(connection: &mut Connection, organization: &Organization) -> Result<Value> {
        let usage = organizations::usage(connection, organization.id)?;
        Ok(json!({
            "id": organization.id.to_string(), "slug": organization.slug, "name": organization.name, "state": organization.state,
            "plan": organization.plan, "seat_policy": organization.seat_policy, "seats": usage.seats, "seats_used": usage.used,
            "seats_pending": usage.pending, "waiting": usage.waiting, "users": usage.users, "groups": usage.groups,
            "created_at": Timestamp(organization.created_at).to_string()
        }))
    }

    /// Makes a provisioning token; the answer is the only one that shows it.
    ///
    /// # Errors
    /// `not_found`.
    pub fn create_token(
        &self,
        connection: &mut Connection,
        slug: &str,
        name: &str,
        lifetime_seconds: Option<i64>,
        token: &SecretToken,
    ) -> Result<Planned<Value>> {
        let organization = Self::organization(connection, slug)?;
        let now = self.clock.now();
        let expires_at = lifetime_seconds.map(|seconds| now.plus_seconds(seconds).0);
        let listed = Listed {
            id: self.ids.next(),
            name: name.to_owned(),
            hint: token.hint().to_owned(),
            created_at: now.0,
            expires_at,
            revoked_at: None,
            last_used_at: None,
        };
        let mut batch = Batch::default();
        provisioning_tokens::insert(&mut batch, organization.id, &listed, token.hash());
        self.audit(&mut batch, organization.id, "provisioning_token.created", &json!({"name": name}));
        let mut answer = describe_token(&listed);
        answer["token"] = token.reveal().into();
        Ok(Planned { batch, answer })
    }

    /// The organization's tokens without their secrets.
    ///
    /// # Errors
    /// `not_found`.
    pub fn list_tokens(&self, connection: &mut Connection, slug: &str) -> Result<Value> {
        let organization = Self::organization(connection, slug)?;
        Ok(provisioning_tokens::list(connection, organization.id)?
            .iter()
            .map(describe_token)
            .collect::<Vec<_>>()
            .into())
    }

    /// Revokes a token by its id or its name.
    ///
    /// # Errors
    /// `not_found`.
    pub fn revoke_token(&self, connection: &mut Connection, slug: &str, token: &str) -> Result<Planned<Value>> {
        let organization = Self::organization(connection, slug)?;
        let id = token.parse::<TokenId>().ok();
        let found = provisioning_tokens::list(connection, organization.id)?
            .into_iter()
            .find(|listed| listed.revoked_at.is_none() && (Some(listed.id) == id || listed.name == token))
            .ok_or_else(|| {
                Error::new(Code::NotFound, format!("There is no live provisioning token \"{token}\". List them first."))
            })?;
        let mut batch = Batch::default();
        provisioning_tokens::revoke(&mut batch, organization.id, found.id, self.clock.now().0);
        self.audit(&mut batch, organization.id, "provisioning_token.revoked", &json!({"name": found.name}));
        Ok(Planned { batch, answer: json!({"id": found.id.to_string(), "name": found.name, "revoked": true}) })
    }

    /// Adds an extension schema of the organization's own (RFC 7643 §7).
    ///
    /// # Errors
    /// `invalidValue` for what is no Schema, `uniqueness` for a URN that is taken.
    pub fn add_schema(
        &self,
        connection: &mut Connection,
        slug: &str,
        mut resource: Value,
        required: bool,
    ) -> Result<Planned<Value>> {
        let organization = Self::organization(connection, slug)?;
        let schema = Schema::from_json(resource.clone())?;
        check_schema(&schema)?;
        let mut registry: Registry = self.provisioning.registries.standard().as_ref().clone();
        for (text, required) in organizations::extensions(connection, organization.id)? {
            registry = registry
                .with_extension(Schema::from_json(serde_json::from_str(&text).map_err(Error::internal)?)?, required)?;
        }
        let id = schema.id.clone();
        registry.with_extension(schema, required)?;
        resource["schemas"] = json!(["urn:ietf:params:scim:schemas:core:2.0:Schema"]);
        let mut batch = Batch::default();
        organizations::insert_extension(
            &mut batch,
            organization.id,
            &id,
            &resource.to_string(),
            required,
            self.clock.now().0,
        );
        self.audit(&mut batch, organization.id, "schema.added", &json!({"schema": id}));
        Ok(Planned { batch, answer: json!({"schema": id, "required": required}) })
    }

    /// The organization's extension schemas.
    ///
    /// # Errors
    /// `not_found`.
    pub fn list_schemas(&self, connection: &mut Connection, slug: &str) -> Result<Value> {
        let organization = Self::organization(connection, slug)?;
        let all = organizations::extensions(connection, organization.id)?;
        all.iter()
            .map(|(text, required)| Ok(json!({"required": required, "schema": serde_json::from_str::<Value>(text).map_err(Error::internal)?})))
            .collect::<Result<Vec<Value>>>()
            .map(Value::from)
    }

    /// Removes an extension schema; values stored under it are no longer shown.
    ///
    /// # Errors
    /// `not_found`.
    pub fn remove_schema(&self, connection: &mut Connection, slug: &str, schema_id: &str) -> Result<Planned<Value>> {
        let organization = Self::organization(connection, slug)?;
        let known = organizations::extensions(connection, organization.id)?;
        if !known
            .iter()
            .any(|(text, _)| serde_json::from_str::<Value>(text).is_ok_and(|schema| schema["id"] == schema_id))
        {
            return Err(Error::new(Code::NotFound, format!("The organization has no schema {schema_id}.")));
        }
        let mut batch = Batch::default();
        organizations::delete_extension(&mut batch, organization.id, schema_id);
        self.audit(&mut batch, organization.id, "schema.removed", &json!({"schema": schema_id}));
        Ok(Planned { batch, answer: json!({"schema": schema_id, "removed": true}) })
    }

    /// Adds an associated domain; `vouched` means the operator answers for it instead of DNS.
    ///
    /// # Errors
    /// `invalidValue` for what is no domain, `uniqueness` when it is there already.
    pub fn add_domain(
        &self,
        connection: &mut Connection,
        slug: &str,
        domain: &str,
        vouched: bool,
        role: Role,
    ) -> Result<Planned<Value>> {
        let organization = Self::organization(connection, slug)?;
        let key = domain_key(domain)
            .filter(|key| key.contains('.'))
            .ok_or_else(|| Error::new(Code::InvalidValue, format!("\"{domain}\" is not a domain name.")))?;
        if role > Role::Write {
            return Err(Error::new(Code::InvalidValue, "A domain's default role is read or write."));
        }
        let challenge = SecretToken::generate("", self.random.as_ref());
        let state = if vouched { "verified" } else { "pending" };
        let mut batch = Batch::default();
        associated_domains::insert(
            &mut batch,
            organization.id,
            &key,
            state,
            vouched,
            role.name(),
            challenge.reveal(),
            self.clock.now().0,
        );
        self.audit(&mut batch, organization.id, "domain.added", &json!({"domain": key, "state": state}));
        Ok(Planned {
            batch,
            answer: json!({
                "domain": key, "state": state, "txt_host": format!("_headcount-challenge.{key}"),
                "txt_value": format!("headcount-domain-verification={}", challenge.reveal()), "joining": "automatic", "role": role.name()
            }),
        })
    }

    fn organization(connection: &mut Connection, slug: &str) -> Result<Organization> {
        organizations::by_slug(connection, slug)?
            .ok_or_else(|| Error::new(Code::NotFound, format!("There is no organization with the slug \"{slug}\".")))
    }

    fn audit(&self, batch: &mut Batch, organization: OrganizationId, action: &str, detail: &Value) {
        let id: EventId = self.ids.next();
        let detail = detail.to_string();
        let event = Event {
            id,
            at: self.clock.now().0,
            actor: "operator",
            action,
            target_kind: "Organization",
            target_id: None,
            request_id: None,
            address: None,
            detail: &detail,
        };
        provisioning_log::insert_event(batch, organization, &event);
    }
}

impl std::fmt::Debug for Administration {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Administration").finish_non_exhaustive()
    }
}

fn describe_token(token: &Listed) -> Value {
    let time = |at: Option<i64>| at.map(|at| Timestamp(at).to_string());
    json!({
        "id": token.id.to_string(), "name": token.name, "hint": token.hint, "created_at": Timestamp(token.created_at).to_string(),
        "expires_at": time(token.expires_at), "revoked_at": time(token.revoked_at), "last_used_at": time(token.last_used_at)
    })
}

fn check_slug(slug: &str) -> Result<()> {
    let fits = !slug.is_empty()
        && slug.len() <= 63
        && slug.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        && !slug.starts_with('-')
        && !slug.ends_with('-');
    if fits {
        Ok(())
    } else {
        Err(Error::new(
            Code::InvalidValue,
            "A slug has 1 to 63 lower-case letters, digits and inner hyphens, such as acme.",
        ))
    }
}

fn check_schema(schema: &Schema) -> Result<()> {
    if !schema.id.to_ascii_lowercase().starts_with("urn:") || schema.id.contains(char::is_whitespace) {
        return Err(Error::new(Code::InvalidValue, format!("The schema's id \"{}\" is not a URN.", schema.id)));
    }
    let well_named = |name: &str| {
        name.starts_with(|c: char| c.is_ascii_alphabetic())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'$'))
    };
    match schema.attributes.iter().find(|attribute| !well_named(&attribute.name)) {
        Some(attribute) => Err(Error::new(
            Code::InvalidValue,
            format!("\"{}\" is not an attribute name (RFC 7643 §2.1).", attribute.name),
        )),
        None if schema.attributes.is_empty() => Err(Error::new(Code::InvalidValue, "The schema has no attributes.")),
        None => Ok(()),
    }
}
