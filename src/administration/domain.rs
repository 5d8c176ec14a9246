//! Associated domains.

use serde_json::{Value, json};

use super::{Administration, named};
use crate::error::{Code, Error, Result};
use crate::organization::associated_domain::Joining;
use crate::organization::role::Role;
use crate::secret::SecretToken;
use crate::store::Planned;
use crate::store::associated_domains::{self, Domain};
use crate::store::batch::Batch;
use crate::store::connection::Connection;
use crate::text::domain_key;

/// Adds an associated domain; `vouched` means the operator answers for it instead of DNS.
///
/// # Errors
/// `invalidValue` for what is no domain, `uniqueness` when it is there already.
pub fn add(
    connection: &mut Connection,
    administration: &Administration,
    slug: &str,
    domain: &str,
    vouched: bool,
    role: Role,
) -> Result<Planned<Value>> {
    let organization = named(connection, slug)?;
    let key = domain_key(domain)
        .filter(|key| key.contains('.'))
        .ok_or_else(|| Error::new(Code::InvalidValue, format!("\"{domain}\" is not a domain name.")))?;
    if role > Role::Write {
        return Err(Error::new(Code::InvalidValue, "A domain's default role is read or write."));
    }
    let challenge = SecretToken::generate("", administration.random.as_ref());
    let state = if vouched { "verified" } else { "pending" };
    let mut batch = Batch::default();
    let domain = Domain {
        domain: key.clone(),
        state: state.into(),
        vouched,
        joining: Joining::Automatic.name().into(),
        role: role.name().into(),
        challenge: challenge.reveal().to_owned(),
        created_at: administration.clock.now().0,
        lost_at: None,
        checked_at: None,
    };
    associated_domains::insert(&mut batch, organization.id, &domain);
    administration.audit(&mut batch, organization.id, "domain.added", &json!({"domain": key, "state": state}));
    Ok(Planned {
        batch,
        answer: json!({
            "domain": key, "state": state, "txt_host": format!("_headcount-challenge.{key}"),
            "txt_value": format!("headcount-domain-verification={}", challenge.reveal()), "joining": "automatic", "role": role.name()
        }),
    })
}
