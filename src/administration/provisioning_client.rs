//! Provisioning clients: who may get access tokens by OAuth 2.0 client credentials.

use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use super::{Administration, By, check_name, named};
use crate::clock::Timestamp;
use crate::error::{Code, Error, Result};
use crate::id::{ClientId, OrganizationId};
use crate::jwt;
use crate::organization::permission::Action;
use crate::provisioning::client_credentials::ClientName;
use crate::secret::{Revealed, SecretToken};
use crate::store::batch::Batch;
use crate::store::connection::Connection;
use crate::store::provisioning_clients::{self, Authentication, Client};
use crate::store::{self, Planned, provisioning_tokens};

/// What every client's secret begins with, by which people and scanners tell it.
pub const SECRET_PREFIX: &str = "hcs_";
/// An organization has so many live clients at most.
const MOST: usize = 100;

/// A client as it is shown.
#[derive(Clone, Serialize, ToSchema)]
#[schema(as = ProvisioningClient)]
pub struct Shown {
    pub client_id: String,
    /// By which people know it.
    pub name: String,
    /// How it proves itself: `client_secret` or `private_key_jwt`.
    pub authentication: String,
    /// How its secret ends.
    #[schema(required)]
    pub hint: Option<String>,
    #[schema(format = "date-time")]
    pub created_at: String,
    #[schema(format = "date-time")]
    #[schema(required)]
    pub revoked_at: Option<String>,
    #[schema(format = "date-time")]
    #[schema(required)]
    pub last_used_at: Option<String>,
    /// Only in the answer that makes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub client_secret: Option<Revealed>,
}

/// Nothing of the secret.
impl std::fmt::Debug for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shown").field("client_id", &self.client_id).finish_non_exhaustive()
    }
}

/// A client that gets no tokens any more.
#[derive(Clone, Debug, Serialize)]
pub struct Revoked {
    pub client_id: String,
    pub name: String,
    pub revoked: bool,
}

/// How a new client will prove itself.
#[derive(Debug)]
pub enum Credential {
    Secret(SecretToken),
    /// The text of a JWK Set.
    Keys(String),
}

/// Makes a client; the answer is the only one that shows its secret.
///
/// # Errors
/// `forbidden`, `not_found`, `invalid_value` also for keys that cannot be used; `conflict` when there are enough.
pub fn create(
    connection: &mut Connection,
    administration: &Administration,
    by: &By,
    slug: &str,
    name: &str,
    credential: &Credential,
) -> Result<Planned<Shown>> {
    by.check(Action::ManageProvisioning)?;
    check_name(name)?;
    let organization = named(connection, by, slug)?;
    let all = provisioning_clients::list(connection, organization.id, None, i64::MAX)?;
    if all.iter().filter(|client| client.revoked_at.is_none()).count() >= MOST {
        return Err(Error::new(
            Code::Conflict,
            format!(
                "The organization has {MOST} provisioning clients that are not revoked. Revoke one that nobody uses."
            ),
        ));
    }
    let authentication = match credential {
        Credential::Secret(secret) => Authentication::Secret { hash: secret.hash(), hint: secret.hint().to_owned() },
        Credential::Keys(text) => {
            let keys = jwt::public_keys(text)?;
            Authentication::Keys(serde_json::to_string(&keys).map_err(Error::internal)?)
        }
    };
    let client = Client {
        id: administration.ids.next(),
        name: name.to_owned(),
        authentication,
        created_at: administration.clock.now().0,
        revoked_at: None,
        last_used_at: None,
    };
    let mut batch = Batch::default();
    provisioning_clients::insert(&mut batch, organization.id, &client);
    let mut answer = describe(organization.id, &client);
    let detail = json!({"name": name, "client_id": answer.client_id});
    administration.audit(&mut batch, by, organization.id, "provisioning_client.created", &detail);
    if let Credential::Secret(secret) = credential {
        answer.client_secret = Some(secret.revealed());
    }
    Ok(Planned { batch, answer })
}

/// A page of the organization's clients without their secrets, oldest first, from the one after `after` on.
///
/// # Errors
/// `forbidden`, `not_found`.
pub fn list(
    connection: &mut Connection,
    by: &By,
    slug: &str,
    after: Option<ClientId>,
    limit: i64,
) -> Result<Vec<Shown>> {
    by.check(Action::ManageProvisioning)?;
    let organization = named(connection, by, slug)?;
    let clients = provisioning_clients::list(connection, organization.id, after, limit)?;
    Ok(clients.iter().map(|client| describe(organization.id, client)).collect())
}

/// Revokes a client by its id or its name, and every access token it has. To be run in a transaction:
/// the tokens are looked for when nobody can get another one any more.
///
/// # Errors
/// `not_found`, or `conflict` when several live clients have the name.
pub fn revoke(
    connection: &mut Connection,
    administration: &Administration,
    by: &By,
    slug: &str,
    client: &str,
) -> Result<Revoked> {
    by.check(Action::ManageProvisioning)?;
    let organization = named(connection, by, slug)?.id;
    let found = find_live(connection, organization, client)?;
    let now = administration.clock.now().0;
    let revoke = |_: &mut Connection| {
        let mut batch = Batch::default();
        provisioning_clients::revoke(&mut batch, organization, found.id, now);
        let detail = json!({"name": found.name, "client_id": name_of(organization, &found)});
        administration.audit(&mut batch, by, organization, "provisioning_client.revoked", &detail);
        Ok(Planned { batch, answer: () })
    };
    let revoke_tokens = |_: &mut Connection| {
        let mut batch = Batch::default();
        provisioning_tokens::revoke_of(&mut batch, organization, found.id, now);
        Ok(Planned { batch, answer: () })
    };
    store::run(connection, revoke)?;
    store::run(connection, revoke_tokens)?;
    Ok(Revoked { client_id: name_of(organization, &found), name: found.name, revoked: true })
}

fn find_live(connection: &mut Connection, organization: OrganizationId, client: &str) -> Result<Client> {
    let mut live = provisioning_clients::list(connection, organization, None, i64::MAX)?;
    // An id is one client's: another's name must not keep it from being revoked.
    let is_id = client.parse::<ClientName>().is_ok();
    let known_as = |listed: &Client| if is_id { name_of(organization, listed) } else { listed.name.clone() };
    live.retain(|listed| listed.revoked_at.is_none() && known_as(listed) == client);
    if live.len() > 1 {
        let why = format!("{} live clients are called \"{client}\". Revoke by client_id; list them first.", live.len());
        return Err(Error::new(Code::Conflict, why));
    }
    live.pop().ok_or_else(|| no_client(client))
}

/// The 404 of a client that there is not.
#[must_use]
pub fn no_client(client: &str) -> Error {
    Error::new(Code::NotFound, format!("There is no live provisioning client \"{client}\". List them first."))
}

fn name_of(organization: OrganizationId, client: &Client) -> String {
    ClientName { organization, client: client.id }.to_string()
}

fn describe(organization: OrganizationId, client: &Client) -> Shown {
    let at = |at: i64| Timestamp(at).to_string();
    let (authentication, hint) = match &client.authentication {
        Authentication::Secret { hint, .. } => ("client_secret", Some(hint.clone())),
        Authentication::Keys(_) => ("private_key_jwt", None),
    };
    Shown {
        client_id: name_of(organization, client),
        name: client.name.clone(),
        authentication: authentication.to_owned(),
        hint,
        created_at: at(client.created_at),
        revoked_at: client.revoked_at.map(at),
        last_used_at: client.last_used_at.map(at),
        client_secret: None,
    }
}
