//! The rows: who is answered what, for each method of each address there is.

use super::Statuses;

/// A method and an address as `src/http/mod.rs` has them, and the status for nobody, for each role of the
/// organization, and for a person of another one; for API keys see [`super::keys`].
pub(super) struct Row(pub &'static str, pub &'static str, pub Statuses);

/// Admins and owners of the organization, with a body that names nobody.
const NOBODY_MEANT: Statuses = [401, 403, 403, 400, 400, 404];
/// Admins and owners of the organization, where there is nothing.
const NOTHING_THERE: Statuses = [401, 403, 403, 404, 404, 404];
/// Whoever is signed in, without what the body takes: it is read before anything is looked up.
const INCOMPLETE: Statuses = [401, 400, 400, 400, 400, 400];

/// The same for everybody.
const fn all(status: u16) -> Statuses {
    [status; 6]
}

/// Whoever is signed in, whatever they are.
const SIGNED_IN: Statuses = [401, 200, 200, 200, 200, 200];

/// Whoever is a member of the organization.
const MEMBERS: Statuses = [401, 200, 200, 200, 200, 404];
/// Admins and owners of the organization, with a body that changes nothing.
const SETTERS: Statuses = [401, 403, 403, 200, 200, 404];

/// Admins and owners of the organization, which has no subscription.
const BUYERS: Statuses = [401, 403, 403, 409, 409, 404];
/// A page that is for who is signed in, with nothing there.
const CHECKOUT: Statuses = [303, 404, 404, 404, 404, 404];

/// What an address of several is asked by; every other id is one that nothing has.
/// SESSION is one of the organization's owner, MEMBER their place in it.
pub(super) const ASKED: &[(&str, &str, &str)] = &[
    ("get", "/invitations/{secret}", "/invitations/hci_x"),
    ("post", "/invitations/{secret}", "/invitations/hci_x"),
    ("delete", "/api/v1/me/sessions/{id}", "/api/v1/me/sessions/SESSION"),
    ("get", "/api/v1/organizations/{organization}/members/{id}", "/api/v1/organizations/acme/members/MEMBER"),
    ("route", "/api/{path:.*}", "/api/v2"),
    ("route", "/scim/v2/{path:.*}", "/scim/v2/Users"),
    ("route", "/scim/{path:.*}", "/scim/Users"),
];

pub(super) const ROWS: &[Row] = &[
    Row("get", "/healthz", all(200)),
    Row("get", "/downloads", all(200)),
    Row("get", "/api/v1/downloads", all(200)),
    Row("get", "/readyz", all(200)),
    Row("get", "/", [303, 200, 200, 200, 200, 200]),
    Row("get", "/assets/headcount.css", all(200)),
    // On loopback and without a mail server only.
    Row("get", "/outbox", all(200)),
    Row("get", "/sign-in", all(200)),
    // Without the token of the form.
    Row("post", "/sign-in", all(403)),
    Row("get", "/sign-in/initiate", all(400)),
    Row("post", "/sign-in/initiate", all(400)),
    Row("get", "/sign-in/callback", all(400)),
    Row("post", "/sign-in/backchannel-logout", all(400)),
    // Links are mailed without a provider only.
    Row("get", "/sign-in/link", all(404)),
    Row("post", "/sign-in/link", all(404)),
    // Without a secret, the token of the form, or a recovery code.
    Row("get", "/setup", all(400)),
    Row("post", "/setup", all(403)),
    Row("get", "/sign-in/recovery", all(200)),
    Row("post", "/sign-in/recovery", all(403)),
    Row("post", "/sign-in/recovery/sso", all(403)),
    Row("get", "/sign-in/{organization}", all(303)),
    // With no secret of an invitation, and without the token of the form.
    Row("get", "/invitations/{secret}", all(404)),
    Row("post", "/invitations/{secret}", all(403)),
    Row("post", "/sign-out", all(403)),
    Row("post", "/sign-out/session", all(403)),
    Row("post", "/sign-out/others", all(403)),
    Row("get", "/api/v1/me", SIGNED_IN),
    Row("get", "/api/v1/me/sessions", SIGNED_IN),
    Row("delete", "/api/v1/me/sessions/{id}", [401, 404, 404, 404, 204, 404]),
    Row("get", "/api/openapi.json", all(200)),
    Row("get", "/api/v1/organizations", SIGNED_IN),
    // Whoever is not meant finds no checkout; without the token of the form.
    Row("get", "/checkout/{id}", CHECKOUT),
    Row("post", "/checkout/{id}", all(403)),
    Row("get", "/checkout/{id}/done", CHECKOUT),
    // Where nobody is paid by Stripe.
    Row("post", "/billing/stripe/webhook", all(404)),
    // Without what it takes.
    Row("post", "/api/v1/organizations", INCOMPLETE),
    Row("route", "/api/{path:.*}", all(404)),
    Row("post", "/oauth/token", all(400)),
    Row("get", "/.well-known/oauth-authorization-server", all(200)),
    Row("get", "/documentation", all(200)),
    // Identity providers only: see `PROVISIONING`.
    Row("route", "/scim/v2", all(401)),
    Row("route", "/scim/v2/{path:.*}", all(401)),
    Row("route", "/scim/{path:.*}", all(401)),
];

/// Below `/api/v1/organizations/{organization}`.
pub(super) const OF_AN_ORGANIZATION: &[Row] = &[
    Row("get", "/invitations", SETTERS),
    // Of nobody, and of no invitation there is.
    Row("post", "/invitations", NOBODY_MEANT),
    Row("post", "/invitations/import/preview", NOBODY_MEANT),
    Row("post", "/invitations/import", NOBODY_MEANT),
    Row("get", "/invitations/{id}", NOTHING_THERE),
    Row("delete", "/invitations/{id}", NOTHING_THERE),
    Row("post", "/invitations/{id}/resend", NOTHING_THERE),
    Row("post", "/invitations/{id}/link", NOTHING_THERE),
    Row("get", "/api-keys", SETTERS),
    // An empty body.
    Row("post", "/api-keys", NOBODY_MEANT),
    Row("get", "/api-keys/{id}", NOTHING_THERE),
    Row("delete", "/api-keys/{id}", NOTHING_THERE),
    Row("get", "", MEMBERS),
    // Without a body.
    Row("patch", "", SETTERS),
    // An empty one, and without a subscription.
    Row("post", "/checkout", [401, 403, 403, 201, 201, 404]),
    Row("get", "/billing", SETTERS),
    Row("patch", "/billing", BUYERS),
    Row("post", "/billing/preview", BUYERS),
    Row("get", "/billing/invoices", SETTERS),
    Row("post", "/billing/portal", BUYERS),
    Row("get", "/audit", SETTERS),
    Row("get", "/audit/export", SETTERS),
    Row("get", "/provisioning-log", SETTERS),
    Row("get", "/provisioning-log/export", SETTERS),
    // An entry that nobody has.
    Row("get", "/provisioning-log/{id}", NOTHING_THERE),
    Row("delete", "", [401, 415, 415, 415, 415, 415]),
    Row("post", "/transfer", INCOMPLETE),
    // Only the owner learns that it is not deleted.
    Row("post", "/restore", [401, 404, 404, 404, 409, 404]),
    Row("get", "/home", MEMBERS),
    Row("get", "/members", MEMBERS),
    Row("get", "/members/{id}", MEMBERS),
    Row("patch", "/members/{id}", INCOMPLETE),
    Row("delete", "/members/{id}", NOTHING_THERE),
    Row("post", "/members/{id}/sign-out", NOTHING_THERE),
    Row("post", "/members/{id}/unlink", NOTHING_THERE),
    Row("get", "/seats", MEMBERS),
    Row("get", "/role-mappings", SETTERS),
    // Without what it takes.
    Row("post", "/role-mappings/preview", INCOMPLETE),
    Row("put", "/role-mappings/{group}", INCOMPLETE),
    Row("delete", "/role-mappings/{group}", NOTHING_THERE),
    // Without what it takes, and of webhooks that there are none of.
    Row("get", "/webhooks", SETTERS),
    Row("post", "/webhooks", NOBODY_MEANT),
    Row("get", "/webhooks/{id}", NOTHING_THERE),
    Row("patch", "/webhooks/{id}", NOTHING_THERE),
    Row("delete", "/webhooks/{id}", NOTHING_THERE),
    Row("post", "/webhooks/{id}/test", NOTHING_THERE),
    Row("post", "/webhooks/{id}/rotate-secret", NOTHING_THERE),
    Row("get", "/webhooks/{id}/deliveries", NOTHING_THERE),
    Row("post", "/webhooks/{id}/deliveries/{delivery}/replay", NOTHING_THERE),
    // Without what it takes, and of a domain that is not the organization's.
    Row("get", "/domains", SETTERS),
    Row("post", "/domains", NOBODY_MEANT),
    Row("get", "/domains/{domain}", NOTHING_THERE),
    Row("patch", "/domains/{domain}", NOTHING_THERE),
    Row("delete", "/domains/{domain}", NOTHING_THERE),
    Row("post", "/domains/{domain}/check", NOTHING_THERE),
    Row("get", "/provisioning-tokens", SETTERS),
    Row("post", "/provisioning-tokens", NOBODY_MEANT),
    Row("delete", "/provisioning-tokens/{id}", NOTHING_THERE),
    Row("get", "/provisioning-clients", SETTERS),
    Row("post", "/provisioning-clients", NOBODY_MEANT),
    Row("delete", "/provisioning-clients/{id}", NOTHING_THERE),
    Row("get", "/schemas", SETTERS),
    Row("post", "/schemas", NOBODY_MEANT),
    Row("delete", "/schemas/{schema}", NOTHING_THERE),
    Row("get", "/single-sign-on", SETTERS),
    Row("put", "/single-sign-on", NOBODY_MEANT),
    Row("get", "/recovery-codes", [401, 403, 403, 403, 200, 404]),
    Row("post", "/recovery-codes", [401, 403, 403, 403, 201, 404]),
    Row("post", "/recovery-codes/confirm", [401, 403, 403, 403, 200, 404]),
    Row("get", "/sessions", SETTERS),
    Row("post", "/sessions/revoke", NOBODY_MEANT),
    Row("get", "/members/{id}/sessions", NOTHING_THERE),
    Row("delete", "/members/{id}/sessions/{session}", NOTHING_THERE),
    Row("get", "/join-requests", SETTERS),
    Row("post", "/join-requests/{id}/approve", NOTHING_THERE),
    Row("post", "/join-requests/{id}/decline", NOTHING_THERE),
];
