//! Membership (floor 4): what every door shares when somebody becomes a member other than by
//! provisioning, and when a member loses access.

pub mod authority;
mod meeting;
mod removal;
mod seat;
mod stored;

use serde_json::json;

use crate::error::Result;
use crate::id::{IdentityId, OrganizationId, ResourceId};
use crate::organization::role::Role;
use crate::organization::seats::{Change, Standing};
use crate::scim::document::Document;
use crate::scim::index::{Derived, Storage};
use crate::scim::registry::{Kind, ResourceType};
use crate::store::batch::Batch;
use crate::store::members::{self, Member, NewMember};
use crate::store::resources::{self, Written};
use crate::store::{organizations, sessions};

pub use self::meeting::{door, invited, known};
pub use self::removal::{Removal, remove, restore};
pub use self::seat::{Room, free_overdue, make_room, room, usage_at};
pub use self::stored::{Stored, counted};

/// Somebody who becomes a member by a page, a command or a sign-in.
#[derive(Clone, Copy, Debug)]
pub struct Newcomer<'a> {
    pub address: &'a str,
    pub given_name: Option<&'a str>,
    pub family_name: Option<&'a str>,
    /// How the person is shown, where that is known as a whole.
    pub display_name: Option<&'a str>,
    pub role: Role,
    /// `manual`, or `default` of a domain.
    pub role_source: &'a str,
    /// The door: `operator`, `domain`, `invitation`.
    pub source: &'a str,
    pub identity: Option<IdentityId>,
}

impl Newcomer<'_> {
    /// The User that the person is from now on (every member is one, product.md §1), and its keys.
    ///
    /// # Errors
    /// Those of the document.
    pub fn document(&self, storage: &Storage, user_type: &ResourceType) -> Result<(Document, Derived)> {
        let mut body = json!({
            "userName": self.address,
            "emails": [{"value": self.address, "type": "work", "primary": true}],
            "active": true
        });
        let names = [("givenName", self.given_name), ("familyName", self.family_name)];
        for (attribute, name) in names.into_iter().filter_map(|(attribute, name)| Some((attribute, name?))) {
            body["name"][attribute] = name.into();
        }
        let whole: Vec<&str> = names.into_iter().filter_map(|(_, name)| name).collect();
        if let Some(name) =
            self.display_name.map(str::to_owned).or_else(|| (!whole.is_empty()).then(|| whole.join(" ")))
        {
            body["displayName"] = name.into();
        }
        let document = Document::from_request(&body, user_type)?.document;
        let derived = storage.derive(&document, Kind::User)?;
        Ok((document, derived))
    }

    /// Makes the person a member who takes a seat. `change`: what making room for it came to ([`make_room`]).
    ///
    /// # Errors
    /// Those of the document.
    pub fn join(
        &self,
        batch: &mut Batch,
        (organization, mut change): (OrganizationId, Change),
        id: ResourceId,
        storage: &Storage,
        user_type: &ResourceType,
    ) -> Result<()> {
        let (document, derived) = self.document(storage, user_type)?;
        self.insert(batch, organization, id, (&document, &derived));
        change.moves(self.role, None, Some(Standing::Active));
        organizations::change_usage(batch, organization, &change);
        Ok(())
    }

    /// Makes the person a member, apart from the seat. Provisioning does not manage it until it adopts it.
    pub fn insert(
        &self,
        batch: &mut Batch,
        organization: OrganizationId,
        id: ResourceId,
        (document, derived): (&Document, &Derived),
    ) {
        let now = id.made_at().0;
        let text = document.to_text();
        resources::insert(batch, organization, Written { id, kind: Kind::User, now, document: &text, derived });
        let member = NewMember {
            role: self.role.name(),
            role_source: self.role_source,
            status: Standing::Active.name(),
            source: self.source,
            provisioned: false,
            address_key: derived.address_key.as_deref(),
            name_key: &derived.name_key,
            waiting_since: None,
            identity: self.identity,
        };
        members::insert_member(batch, organization, id, member);
    }
}

/// Ends every session of the member, in the transaction that takes the access.
pub fn end_sessions(batch: &mut Batch, organization: OrganizationId, (id, member): (ResourceId, &Member)) {
    sessions::end_of_member(batch, organization, id, member.identity);
}
