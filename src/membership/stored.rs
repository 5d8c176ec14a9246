//! A member as stored, read back into the rules' types.

use crate::error::Result;
use crate::organization::role::Role;
use crate::organization::seats::Standing;
use crate::scim::document::Document;
use crate::scim::index::{Derived, Storage};
use crate::scim::registry::Kind;
use crate::store::members::{Member, User};
use crate::store::resources::Resource;

/// A member, who is a User.
#[derive(Clone, Debug)]
pub struct Stored {
    pub resource: Resource,
    pub member: Member,
    pub document: Document,
    pub derived: Derived,
}

impl Stored {
    /// Reads what was found.
    ///
    /// # Errors
    /// When the stored document cannot be read.
    pub fn read(storage: &Storage, (resource, member): User) -> Result<Self> {
        let document = Document::from_stored(&resource.document)?;
        let derived = storage.derive(&document, Kind::User)?;
        Ok(Self { resource, member, document, derived })
    }

    /// Where the member stands with regard to seats.
    #[must_use]
    pub fn standing(&self) -> Standing {
        Standing::from_name(&self.member.status)
    }

    /// The role the member has.
    #[must_use]
    pub fn role(&self) -> Role {
        self.member.role.parse().unwrap_or(Role::Read)
    }

    /// The role by which the member counts for the rule that an owner remains: who is suspended runs nothing.
    #[must_use]
    pub fn counted_role(&self) -> Role {
        counted(self.role(), self.member.suspended)
    }

    /// How messages call the member.
    #[must_use]
    pub fn name(&self) -> String {
        self.document.user_name().unwrap_or_default().to_owned()
    }
}

/// The role by which somebody with `role` counts.
#[must_use]
pub const fn counted(role: Role, suspended: bool) -> Role {
    if suspended { Role::Read } else { role }
}
