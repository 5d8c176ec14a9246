//! `headcount organization …`

use std::time::Duration;

use clap::Subcommand;
use serde_json::Value;

use super::operator::Operator;
use crate::administration::organization::{self, NewOrganization, Settings};
use crate::administration::{By, roster, single_sign_on};
use crate::organization::joining::Sso;
use crate::organization::plan::Plan;
use crate::organization::role::Role;
use crate::organization::seats::SeatPolicy;
use crate::text::duration;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Create an active organization with its first owner
    Create {
        #[arg(long)]
        name: String,
        /// Its name in commands and addresses: lower-case letters, digits, hyphens
        #[arg(long)]
        slug: String,
        #[arg(long)]
        owner_email: String,
        #[arg(long)]
        owner_given_name: Option<String>,
        #[arg(long)]
        owner_family_name: Option<String>,
        #[arg(long)]
        seats: i64,
        /// How often seats are paid for: yearly, quarterly or monthly
        #[arg(long, default_value = "enterprise_seat_yearly")]
        plan: Plan,
    },
    /// Change its seats, what happens when they run out, and its own tenant
    #[command(group = clap::ArgGroup::new("change").required(true).multiple(true))]
    Set {
        #[arg(long)]
        organization: String,
        #[arg(long, group = "change")]
        name: Option<String>,
        /// Its name in commands and addresses
        #[arg(long, group = "change")]
        slug: Option<String>,
        /// Whom to write to; "" for nobody
        #[arg(long, group = "change")]
        contact_email: Option<String>,
        /// What whom provisioning makes a member may do: read or write
        #[arg(long, group = "change")]
        scim_role: Option<Role>,
        #[arg(long, group = "change")]
        seats: Option<i64>,
        /// reject or waitlist
        #[arg(long, group = "change")]
        seat_policy: Option<SeatPolicy>,
        /// Its tenant at Descope; "" for none. A first one makes --sso optional
        #[arg(long, group = "change")]
        descope_tenant_id: Option<String>,
        /// Whether its tenant is the way in: off, optional or required
        #[arg(long, group = "change")]
        sso: Option<Sso>,
        /// How long its members' sessions last at most, such as 4h; "" for as long as the service lets them
        #[arg(long, group = "change", value_parser = session_length)]
        session_length: Option<SessionLength>,
    },
    /// Make another active member the owner, and whoever is one now an admin
    Transfer {
        #[arg(long)]
        organization: String,
        /// The id of the member who is the owner from now on
        #[arg(long)]
        member: String,
        /// The id of the owner who is an admin from now on
        #[arg(long)]
        from: String,
    },
    /// Delete an organization; it can be restored for 14 days
    Delete {
        #[arg(long)]
        organization: String,
        /// Its exact name
        #[arg(long)]
        name: String,
    },
    /// Bring back a deleted organization as it was
    Restore {
        #[arg(long)]
        organization: String,
    },
    /// Show the seats of an organization, and who waits for one in turn
    Seats {
        #[arg(long)]
        organization: String,
    },
    /// Show how an organization's people sign in, and what is missing before its admins can require single sign-on
    SingleSignOn {
        #[arg(long)]
        organization: String,
    },
    /// List organizations
    List,
    /// Show one organization
    Show {
        #[arg(long)]
        organization: String,
    },
}

/// A bound, or none.
#[derive(Clone, Debug)]
pub(super) struct SessionLength(Option<Duration>);

fn session_length(text: &str) -> Result<SessionLength, String> {
    if text.is_empty() { Ok(SessionLength(None)) } else { duration(text).map(|length| SessionLength(Some(length))) }
}

pub(super) fn run(operator: &Operator, command: Command) -> Result<Value, String> {
    match command {
        Command::Create { name, slug, owner_email, owner_given_name, owner_family_name, seats, plan } => {
            let new = NewOrganization { name, slug, owner_email, owner_given_name, owner_family_name, seats, plan };
            operator.write(move |connection, administration| {
                organization::create(connection, administration, &By::OPERATOR, &new)
            })
        }
        Command::Set {
            organization,
            name,
            slug,
            contact_email,
            scim_role,
            seats,
            seat_policy,
            descope_tenant_id,
            sso,
            session_length,
        } => {
            let settings = Settings {
                name,
                slug,
                contact_email: contact_email.map(|email| Some(email).filter(|email| !email.is_empty())),
                scim_role,
                seats,
                seat_policy,
                tenant_id: descope_tenant_id,
                sso,
                session_length: session_length.map(|SessionLength(length)| length),
                ..Settings::default()
            };
            operator.write(move |connection, administration| {
                organization::set(connection, administration, &By::OPERATOR, &organization, &settings)
            })
        }
        Command::Transfer { organization, member, from } => operator.write(move |connection, administration| {
            let whom = (member.as_str(), Some(from.as_str()));
            organization::transfer(connection, administration, &By::OPERATOR, &organization, whom)
        }),
        Command::Delete { organization, name } => operator.write(move |connection, administration| {
            organization::delete(connection, administration, &By::OPERATOR, &organization, &name)
        }),
        Command::Restore { organization } => operator.write(move |connection, administration| {
            organization::restore(connection, administration, &By::OPERATOR, &organization)
        }),
        Command::Seats { organization: slug } => operator
            .look(move |connection, administration| roster::seats(connection, administration, &By::OPERATOR, &slug)),
        Command::SingleSignOn { organization: slug } => operator.look(move |connection, administration| {
            single_sign_on::show(connection, administration, &By::OPERATOR, &slug)
        }),
        Command::List => {
            operator.look(|connection, administration| organization::list(connection, administration, &By::OPERATOR))
        }
        Command::Show { organization: slug } => operator.look(move |connection, administration| {
            organization::show(connection, administration, &By::OPERATOR, &slug)
        }),
    }
}
