//! Associated domains (floor 2).

use super::batch::Batch;
use super::sql::Sql;
use crate::id::OrganizationId;

/// Inserts a domain.
#[expect(clippy::too_many_arguments, reason = "the columns of the row")]
pub fn insert(
    batch: &mut Batch,
    organization: OrganizationId,
    domain: &str,
    state: &str,
    vouched: bool,
    role: &str,
    challenge: &str,
    now: i64,
) {
    batch.run(
        Sql::new("INSERT INTO associated_domains (organization_id, domain, state, vouched, joining, role, challenge, created_at) VALUES (?, ?, ?, ?, 'automatic', ?, ?, ?)")
            .bind(organization)
            .bind(domain)
            .bind(state)
            .bind(vouched)
            .bind(role)
            .bind(challenge)
            .bind(now),
    );
}
