//! Why a sign-in does not lead into an organization, and what the person reads of it: why, and what to do next.

/// Why somebody is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The organization's tenant has to prove the person, and nothing proves it.
    TenantNotProven,
    AddressNotVerified,
    Suspended,
    Deactivated,
    Waiting,
    Removed,
    /// Two members have the address.
    AddressShared,
    /// Another identity is linked to the member with this address.
    LinkedToAnother,
    /// Nothing proves that the member with this address is the person.
    NothingLinks,
    NoSeat,
    InviteOnly,
    /// By an admin who was asked.
    Declined,
    /// Nothing connects the person with the organization.
    NotAMember,
}

impl Refusal {
    /// The reason in the audit trail.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::TenantNotProven => "tenant_not_proven",
            Self::AddressNotVerified => "address_not_verified",
            Self::Suspended => "suspended",
            Self::Deactivated => "deactivated",
            Self::Waiting => "waiting_for_a_seat",
            Self::Removed => "removed",
            Self::AddressShared => "address_shared",
            Self::LinkedToAnother => "linked_to_another_identity",
            Self::NothingLinks => "nothing_links",
            Self::NoSeat => "no_seat",
            Self::InviteOnly => "invite_only",
            Self::Declined => "declined",
            Self::NotAMember => "not_a_member",
        }
    }

    /// What the person reads: why, and what to do next. Never says what the organization knows of others.
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::TenantNotProven => {
                "This organization lets people in through its own sign-in only, and this sign-in did not come through it. \
                 Sign in with your work account."
            }
            Self::AddressNotVerified => {
                "Your e-mail address is not verified at your identity provider. Verify it there, then sign in again."
            }
            Self::Suspended => {
                "Your access to this organization is suspended. Ask one of its admins to lift the suspension."
            }
            Self::Deactivated => {
                "Your company has switched this account off. If that is wrong, ask your IT department."
            }
            Self::Waiting => {
                "There is no free seat for you yet. You come in by yourself as soon as one is free; an admin can add seats."
            }
            Self::Removed => "You were removed from this organization. An admin can invite you again.",
            Self::AddressShared => {
                "Two members of this organization have your e-mail address. An admin has to correct one of them first."
            }
            Self::LinkedToAnother => {
                "Another account is linked to the member with your e-mail address. Sign in with the account you used \
                 before, or ask an admin to unlink it."
            }
            Self::NothingLinks => {
                "The organization knows your e-mail address, but this sign-in does not prove that you belong to it. \
                 Ask an admin to invite you or to verify the company's domain."
            }
            Self::NoSeat => "All seats of this organization are taken. Ask an admin to add seats, then sign in again.",
            Self::InviteOnly => "This organization takes new members by invitation only. Ask an admin to invite you.",
            Self::Declined => {
                "An admin of this organization has declined your request. If that is wrong, ask one of them to let you in."
            }
            Self::NotAMember => {
                "You are not a member of this organization. Ask an admin to invite you, or sign in with your work address."
            }
        }
    }
}
