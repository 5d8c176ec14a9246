//! OAuth 2.0 client credentials (RFC 6749 §4.4): a client proves itself and gets an access token
//! that works like a provisioning token, for an hour, and dies with its client.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::client_assertion::{self, Audience};
use super::{Planned, Service};
use crate::clock::Timestamp;
use crate::error::{Code, Error, Result};
use crate::id::{ClientId, EventId, OrganizationId};
use crate::organization::takes_provisioning;
use crate::secret::{SecretHash, SecretToken};
use crate::store::audit_events::{self, Event};
use crate::store::batch::Batch;
use crate::store::connection::Connection;
use crate::store::provisioning_clients::{self, Authentication, Client};
use crate::store::provisioning_tokens::{self, AccessToken};

/// How long an access token works, in seconds.
pub const LIFETIME_SECONDS: i64 = 3_600;
/// What scanners recognise an access token by.
pub const TOKEN_PREFIX: &str = "hca_";
/// How long the bearer of an expired token is told so, in seconds; then it is forgotten.
const REMEMBERED_SECONDS: i64 = 3_600;

/// A `client_id`: it says the organization too, so that finding a client needs no index across organizations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientName {
    pub organization: OrganizationId,
    pub client: ClientId,
}

const PREFIX: &str = "hcc_";

impl fmt::Display for ClientName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = [self.organization.as_bytes().as_slice(), self.client.as_bytes()].concat();
        write!(f, "{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes))
    }
}

impl FromStr for ClientName {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let bytes = text.strip_prefix(PREFIX).and_then(|encoded| URL_SAFE_NO_PAD.decode(encoded).ok());
        let bytes: [u8; 32] = bytes.and_then(|bytes| bytes.try_into().ok()).ok_or_else(refused)?;
        let (mut organization, mut client) = ([0; 16], [0; 16]);
        organization.copy_from_slice(&bytes[..16]);
        client.copy_from_slice(&bytes[16..]);
        Ok(Self { organization: OrganizationId::from_bytes(organization), client: ClientId::from_bytes(client) })
    }
}

/// What a client shows of itself.
#[derive(Clone, Debug)]
pub enum Proof {
    Secret(SecretHash),
    /// A JWT that it signed (RFC 7523 §2.2).
    Assertion(String),
}

/// A token request.
#[derive(Clone, Debug)]
pub struct Request {
    pub client: ClientName,
    pub proof: Proof,
    pub request_id: String,
    pub client_address: Option<String>,
    /// Who an assertion may be for.
    pub audience: Arc<Audience>,
}

/// Lets a client have `token` for [`LIFETIME_SECONDS`].
///
/// # Errors
/// `invalid_client`, the same whether the client is unknown, revoked or not proven;
/// `unauthorized_client` while its organization takes no provisioning.
pub fn issue(
    connection: &mut Connection,
    service: &Service,
    request: &Request,
    token: &SecretToken,
) -> Result<Planned<()>> {
    let ClientName { organization, client: id } = request.client;
    let now = service.clock.now();
    let (client, state) = provisioning_clients::find(connection, organization, id)?
        .filter(|(client, _)| client.revoked_at.is_none())
        .ok_or_else(refused)?;
    let mut batch = Batch::default();
    prove(connection, request, &client, now, &mut batch)?;
    if !takes_provisioning(&state) {
        let why = format!("The organization is {state} and takes no provisioning.");
        return Err(Error::new(Code::UnauthorizedClient, why));
    }
    provisioning_clients::touch(&mut batch, organization, id, now.0);
    let access_token = AccessToken {
        id: service.ids.next(),
        client: id,
        name: &client.name,
        hint: token.hint(),
        hash: token.hash(),
        created_at: now.0,
        expires_at: now.plus_seconds(LIFETIME_SECONDS).0,
    };
    provisioning_tokens::insert_access_token(
        &mut batch,
        organization,
        &access_token,
        now.plus_seconds(-REMEMBERED_SECONDS).0,
    );
    audit(&mut batch, service, request, &client, ("access_token.issued", json!({})), now);
    Ok(Planned { batch, answer: () })
}

fn prove(
    connection: &mut Connection,
    request: &Request,
    client: &Client,
    now: Timestamp,
    batch: &mut Batch,
) -> Result<()> {
    let ClientName { organization, client: id } = request.client;
    match (&request.proof, &client.authentication) {
        (Proof::Secret(shown), Authentication::Secret { hash, .. }) if shown.matches(hash) => Ok(()),
        (Proof::Assertion(assertion), Authentication::Keys(keys)) => {
            let verified =
                client_assertion::verify(assertion, keys, &request.client.to_string(), &request.audience, now)?;
            if provisioning_clients::assertion_was_used(connection, organization, id, verified.id)? {
                return Err(Error::new(Code::InvalidClient, "The client assertion was used before; sign a new one."));
            }
            let (used, until) = (verified.id, verified.refused_from.0);
            provisioning_clients::use_assertion(batch, organization, id, used, until, now.0);
            Ok(())
        }
        _ => Err(refused()),
    }
}

/// One answer for a client that is unknown, revoked, or not proven.
pub(super) fn refused() -> Error {
    Error::new(Code::InvalidClient, "The client is unknown or revoked, or its credentials are wrong.")
}

/// Adds an event of a client to the organization's trail.
pub(super) fn audit(
    batch: &mut Batch,
    service: &Service,
    request: &Request,
    client: &Client,
    (action, mut detail): (&str, Value),
    now: Timestamp,
) {
    let id: EventId = service.ids.next();
    detail["client_id"] = request.client.to_string().into();
    detail["name"] = client.name.as_str().into();
    let detail = detail.to_string();
    let event = Event {
        id,
        at: now.0,
        actor: "provisioning_client",
        action,
        target_kind: "Organization",
        target_id: None,
        request_id: Some(&request.request_id),
        address: request.client_address.as_deref(),
        detail: &detail,
    };
    audit_events::insert(batch, request.client.organization, &event);
}
