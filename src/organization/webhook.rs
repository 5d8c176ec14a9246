//! What webhooks tell (product.md §10): the types of events, and which of them an audit event is.
//!
//! Every use case writes its audit event in the transaction of what it does, so what is told follows from those,
//! in this one table: no use case can forget it.

use serde_json::Value;

/// Actions of the audit trail, and the events they are.
const TABLE: &[(&str, &str)] = &[
    ("member.joined", "member.joined"),
    ("member.brought_back", "member.joined"),
    ("join_request.approved", "member.joined"),
    ("user.created", "member.joined"),
    ("user.adopted", "member.updated"),
    ("user.replaced", "member.updated"),
    ("user.patched", "member.updated"),
    ("member.role_changed", "member.role_changed"),
    ("organization.transferred", "member.role_changed"),
    ("member.suspended", "member.suspended"),
    ("member.deactivated", "member.deactivated"),
    ("user.deactivated", "member.deactivated"),
    ("user.waitlisted", "member.deactivated"),
    ("member.suspension_lifted", "member.reactivated"),
    ("member.reactivated", "member.reactivated"),
    ("member.admitted", "member.reactivated"),
    ("user.reactivated", "member.reactivated"),
    ("user.restored", "member.reactivated"),
    ("member.removed", "member.removed"),
    ("user.deleted", "member.removed"),
    ("group.created", "group.created"),
    ("group.replaced", "group.updated"),
    ("group.patched", "group.updated"),
    ("group.deleted", "group.deleted"),
    ("invitation.created", "invitation.created"),
    ("invitation.accepted", "invitation.accepted"),
    ("invitation.revoked", "invitation.revoked"),
    ("invitation.expired", "invitation.expired"),
    ("organization.changed", "organization.updated"),
    ("organization.restored", "organization.updated"),
    ("organization.deleted", "organization.deleted"),
    ("checkout.completed", "seats.changed"),
    ("billing.changed", "seats.changed"),
    ("billing.seats_changed", "seats.changed"),
    ("domain.verified", "domain.verified"),
    ("domain.at_risk", "domain.at_risk"),
    ("domain.lapsed", "domain.lapsed"),
    ("session.ended", "session.revoked"),
    ("sessions.revoked", "session.revoked"),
];

/// The type of what is sent to try an endpoint: it tells of nothing.
pub const TEST: &str = "webhook.test";

/// What provisioning writes of a request that changes nothing.
const NOTHING: &str = "Nothing to change";

/// Every type an endpoint may ask for, in the order in which they are listed.
#[must_use]
pub fn types() -> Vec<&'static str> {
    let mut types: Vec<&str> = Vec::new();
    for (_, kind) in TABLE {
        if !types.contains(kind) {
            types.push(kind);
        }
    }
    types
}

/// Whether an audit event may be told.
#[must_use]
pub fn is_told(action: &str) -> bool {
    TABLE.iter().any(|(known, _)| *known == action)
}

/// The events that an audit event is: none when nothing changed, and two when seats are among what is set.
#[must_use]
pub fn events(action: &str, detail: &str) -> Vec<&'static str> {
    if detail.starts_with(NOTHING) {
        return Vec::new();
    }
    let mut events: Vec<&str> = TABLE.iter().filter(|(known, _)| *known == action).map(|(_, kind)| *kind).collect();
    let sets_seats = || serde_json::from_str::<Value>(detail).is_ok_and(|detail| detail.get("seats").is_some());
    if action == "organization.changed" && sets_seats() {
        events.push("seats.changed");
    }
    events
}

/// Whether an endpoint that asks for these types, separated by spaces, is told of one; nothing asks for all.
#[must_use]
pub fn wants(asked: &str, kind: &str) -> bool {
    asked.is_empty() || kind == TEST || asked.split(' ').any(|asked| asked == kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_customer_is_told_of() {
        for wanted in [
            "member.joined",
            "member.role_changed",
            "member.suspended",
            "member.deactivated",
            "member.reactivated",
            "member.removed",
            "invitation.created",
            "invitation.accepted",
            "invitation.revoked",
            "invitation.expired",
            "organization.updated",
            "organization.deleted",
            "seats.changed",
            "domain.verified",
            "domain.at_risk",
            "domain.lapsed",
            "session.revoked",
        ] {
            assert!(types().contains(&wanted), "{wanted}");
        }
        assert!(!types().contains(&TEST));
    }

    #[test]
    fn an_audit_event_is_what_it_changed() {
        assert_eq!(events("user.patched", "Changed."), ["member.updated"]);
        assert!(events("user.patched", "Nothing to change. Ignored: x.").is_empty());
        assert_eq!(events("organization.changed", "{\"name\":{}}"), ["organization.updated"]);
        assert_eq!(events("organization.changed", "{\"seats\":{}}"), ["organization.updated", "seats.changed"]);
        assert!(events("sign_in.succeeded", "{}").is_empty() && !is_told("sign_in.succeeded"));
    }

    #[test]
    fn an_endpoint_is_told_what_it_asks_for() {
        assert!(wants("", "member.joined") && wants("member.removed member.joined", "member.joined"));
        assert!(!wants("member.removed", "member.joined") && wants("member.removed", TEST));
    }
}
