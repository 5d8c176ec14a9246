//! Somebody opens an invitation and accepts it (product.md §4): with a session that has proven the invited address,
//! by a button, once.
//!
//! The link's secret shows that the mail was read; the session shows whose address it is. Neither does it alone,
//! and both are a further proof for the rules of joining, which keep out whom they keep out at every other door.

mod accepting;

pub use self::accepting::{Accepted, accept};
use super::session::{self, Visitor};
use super::{Service, is_open};
use crate::clock::Timestamp;
use crate::error::{Code, Result};
use crate::id::OrganizationId;
use crate::membership::authority::{self, Authority};
use crate::organization::invitation::State;
use crate::organization::joining::Sso;
use crate::secret::SecretHash;
use crate::store::connection::Connection;
use crate::store::invitations::{self, Invitation};
use crate::store::organizations::{self, Organization};
use crate::text::address_shown;

/// Why a link leads nowhere any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// Never was one, or a later one has taken its place.
    Unknown,
    Accepted,
    Revoked,
    Expired,
    /// Whoever made it may not give its role any more.
    Unconfirmed,
    /// The organization takes nobody at the moment.
    Closed,
}

impl Over {
    /// The title of the page.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Unknown => "This invitation is not known",
            Self::Accepted => "This invitation was accepted already",
            Self::Revoked => "This invitation was taken back",
            Self::Expired => "This invitation has expired",
            Self::Unconfirmed => "This invitation has to be sent again",
            Self::Closed => "This organization takes nobody at the moment",
        }
    }

    /// Why, and what to do.
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::Unknown => {
                "The link is not whole, or a newer one has taken its place. Open the link of the latest mail, or ask \
                 whoever invited you for a new one."
            }
            Self::Accepted => "It works once. If it was you who accepted it, sign in.",
            Self::Revoked => "Ask whoever invited you if that is wrong.",
            Self::Expired => "Ask whoever invited you to send it again.",
            Self::Unconfirmed => {
                "Whoever invited you cannot let people in with this role any more. Ask another admin of the organization to \
                 send you the invitation again."
            }
            Self::Closed => "Ask whoever invited you, and try again later.",
        }
    }

    /// The status of the page.
    #[must_use]
    pub const fn code(self) -> Code {
        match self {
            Self::Unknown => Code::NotFound,
            _ => Code::Conflict,
        }
    }
}

/// What an invitation says, for the page with the button.
#[derive(Clone, Debug)]
pub struct Offer {
    pub organization: String,
    pub slug: String,
    /// Who invites, if that is a person.
    pub inviter: Option<String>,
    pub message: Option<String>,
    pub role: String,
    /// Whose invitation it is.
    pub address: String,
    pub expires_at: Timestamp,
    /// Whether only the organization's own tenant opens it.
    pub by_tenant: bool,
    pub stands: Stands,
}

/// Who looks at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stands {
    SignedOut,
    /// With another account, or one that proves no address: what it is called.
    Another(Option<String>),
    /// With the right account, but not through the organization's own sign-in.
    NotByTenant,
    Ready,
}

/// An invitation while it is open, whose it is, and who stands behind it.
struct Open {
    organization: Organization,
    invitation: Invitation,
    authority: Authority,
}

/// The open invitation with this secret, or why there is none.
fn live(
    connection: &mut Connection,
    service: &Service,
    hash: SecretHash,
) -> Result<Result<Open, (Over, Option<OrganizationId>)>> {
    let Some((organization, invitation)) = invitations::by_secret(connection, hash)? else {
        return Ok(Err((Over::Unknown, None)));
    };
    let over = |why| Ok(Err((why, Some(organization))));
    match State::at(&invitation.state, service.clock.now(), invitation.expires_at) {
        State::Pending => {}
        State::Accepted => return over(Over::Accepted),
        State::Revoked => return over(Over::Revoked),
        State::Expired => return over(Over::Expired),
    }
    let Some(found) = organizations::by_id(connection, organization)?.filter(|found| is_open(&found.state)) else {
        return over(Over::Closed);
    };
    let inviter = [invitation.inviter.as_str()];
    let mut authorities = authority::of(connection, organization, inviter, service.clock.now())?;
    match authorities.remove(&invitation.inviter) {
        Some(authority) if authority::stands_by(Some(&authority), &invitation.role) => {
            Ok(Ok(Open { organization: found, invitation, authority }))
        }
        _ => over(Over::Unconfirmed),
    }
}

/// Shows an invitation to whoever opens its link. Nothing changes: mail scanners open links.
///
/// # Errors
/// The database's.
pub fn look(
    connection: &mut Connection,
    service: &Service,
    hash: SecretHash,
    session: Option<SecretHash>,
) -> Result<Result<Offer, Over>> {
    let Open { organization, invitation, .. } = match live(connection, service, hash)? {
        Ok(found) => found,
        Err((over, _)) => return Ok(Err(over)),
    };
    let visitor = match session.map(|session| session::visitor(connection, service, session)) {
        Some(Ok(visitor)) => Some(visitor),
        Some(Err(error)) if error.status() >= 500 => return Err(error),
        _ => None,
    };
    let by_tenant = organization.tenant_id.is_some() && organization.sso.parse() == Ok(Sso::Required);
    let stands = match visitor {
        None => Stands::SignedOut,
        Some(visitor) if !has_proven(&visitor, &invitation) => Stands::Another(visitor.identity.address),
        Some(visitor) if by_tenant && !is_by_tenant(&visitor, organization.id) => Stands::NotByTenant,
        Some(_) => Stands::Ready,
    };
    Ok(Ok(Offer {
        organization: organization.name,
        slug: organization.slug,
        inviter: invitation.inviter_name,
        message: invitation.message,
        role: invitation.role,
        address: address_shown(&invitation.address_key),
        expires_at: Timestamp(invitation.expires_at),
        by_tenant,
        stands,
    }))
}

/// Whether the session has proven the address that was invited.
fn has_proven(visitor: &Visitor, invitation: &Invitation) -> bool {
    visitor.session.proven_address.as_deref() == Some(invitation.address_key.as_str())
}

fn is_by_tenant(visitor: &Visitor, organization: OrganizationId) -> bool {
    visitor.session.tenant_proven && visitor.session.organization == Some(organization)
}
