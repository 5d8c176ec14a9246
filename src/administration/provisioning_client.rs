//! Provisioning clients: who may get access tokens by OAuth 2.0 client credentials.

use serde_json::{Value, json};

use super::{Administration, By, check_name, named};
use crate::clock::Timestamp;
use crate::error::{Code, Error, Result};
use crate::id::OrganizationId;
use crate::jwt;
use crate::organization::permission::Action;
use crate::provisioning::client_credentials::ClientName;
use crate::secret::SecretToken;
use crate::store::batch::Batch;
use crate::store::connection::Connection;
use crate::store::provisioning_clients::{self, Authentication, Client};
use crate::store::{self, Planned, provisioning_tokens};

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
/// `not_found`, or `invalidValue` for keys that cannot be used.
pub fn create(
    connection: &mut Connection,
    administration: &Administration,
    by: &By,
    slug: &str,
    name: &str,
    credential: &Credential,
) -> Result<Planned<Value>> {
    by.check(Action::ManageProvisioning)?;
    check_name(name)?;
    let organization = named(connection, by, slug)?;
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
    let detail = json!({"name": name, "client_id": answer["client_id"]});
    administration.audit(&mut batch, by, organization.id, "provisioning_client.created", &detail);
    if let Credential::Secret(secret) = credential {
        answer["client_secret"] = secret.reveal().into();
    }
    Ok(Planned { batch, answer })
}

/// The organization's clients without their secrets.
///
/// # Errors
/// `not_found`.
pub fn list(connection: &mut Connection, by: &By, slug: &str) -> Result<Value> {
    by.check(Action::ManageProvisioning)?;
    let organization = named(connection, by, slug)?;
    let clients = provisioning_clients::list(connection, organization.id)?;
    Ok(clients.iter().map(|client| describe(organization.id, client)).collect::<Vec<_>>().into())
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
) -> Result<Value> {
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
    Ok(json!({"client_id": name_of(organization, &found), "name": found.name, "revoked": true}))
}

fn find_live(connection: &mut Connection, organization: OrganizationId, client: &str) -> Result<Client> {
    let mut live = provisioning_clients::list(connection, organization)?;
    live.retain(|listed| {
        listed.revoked_at.is_none() && (listed.name == client || name_of(organization, listed) == client)
    });
    if live.len() > 1 {
        let why = format!("{} live clients are called \"{client}\". Revoke by client_id; list them first.", live.len());
        return Err(Error::new(Code::Conflict, why));
    }
    live.pop().ok_or_else(|| {
        Error::new(Code::NotFound, format!("There is no live provisioning client \"{client}\". List them first."))
    })
}

fn name_of(organization: OrganizationId, client: &Client) -> String {
    ClientName { organization, client: client.id }.to_string()
}

fn describe(organization: OrganizationId, client: &Client) -> Value {
    let time = |at: Option<i64>| at.map(|at| Timestamp(at).to_string());
    let (method, hint) = match &client.authentication {
        Authentication::Secret { hint, .. } => ("client_secret", Some(hint)),
        Authentication::Keys(_) => ("private_key_jwt", None),
    };
    json!({
        "client_id": name_of(organization, client), "name": client.name, "authentication": method, "hint": hint,
        "created_at": Timestamp(client.created_at).to_string(), "revoked_at": time(client.revoked_at),
        "last_used_at": time(client.last_used_at)
    })
}
