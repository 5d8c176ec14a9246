//! What a command does the API does, and the other way round; what only one of them does has a reason.

use std::collections::BTreeSet;

use super::matrix::{OF_AN_ORGANIZATION, Row};
use crate::support::headcount;

/// The command, and the routes below an organization that do the same.
const COMMANDS: &[(&str, &[&str])] = &[
    ("organization show", &["get "]),
    ("organization set", &["patch "]),
    ("organization transfer", &["post /transfer"]),
    ("organization delete", &["delete "]),
    ("organization restore", &["post /restore"]),
    ("organization seats", &["get /seats"]),
    ("organization single-sign-on", &["get /single-sign-on", "put /single-sign-on"]),
    ("home", &["get /home"]),
    ("billing show", &["get /billing"]),
    ("billing set", &["patch /billing", "post /billing/preview"]),
    ("billing invoices", &["get /billing/invoices"]),
    ("schema add", &["post /schemas"]),
    ("schema list", &["get /schemas"]),
    ("schema remove", &["delete /schemas/{schema}"]),
    ("provisioning-token create", &["post /provisioning-tokens"]),
    ("provisioning-token list", &["get /provisioning-tokens"]),
    ("provisioning-token revoke", &["delete /provisioning-tokens/{id}"]),
    ("provisioning-client create", &["post /provisioning-clients"]),
    ("provisioning-client list", &["get /provisioning-clients"]),
    ("provisioning-client revoke", &["delete /provisioning-clients/{id}"]),
    ("provisioning-log list", &["get /provisioning-log"]),
    ("provisioning-log show", &["get /provisioning-log/{id}"]),
    ("provisioning-log export", &["get /provisioning-log/export"]),
    ("api-key create", &["post /api-keys"]),
    ("api-key list", &["get /api-keys", "get /api-keys/{id}"]),
    ("api-key revoke", &["delete /api-keys/{id}"]),
    ("webhook create", &["post /webhooks"]),
    ("webhook list", &["get /webhooks", "get /webhooks/{id}"]),
    ("webhook set", &["patch /webhooks/{id}"]),
    ("webhook remove", &["delete /webhooks/{id}"]),
    ("webhook test", &["post /webhooks/{id}/test"]),
    ("webhook rotate-secret", &["post /webhooks/{id}/rotate-secret"]),
    ("webhook deliveries", &["get /webhooks/{id}/deliveries"]),
    ("webhook replay", &["post /webhooks/{id}/deliveries/{delivery}/replay"]),
    ("domain add", &["post /domains"]),
    ("domain verify", &["post /domains/{domain}/check"]),
    ("domain set", &["patch /domains/{domain}"]),
    ("domain list", &["get /domains"]),
    ("domain show", &["get /domains/{domain}"]),
    ("domain remove", &["delete /domains/{domain}"]),
    ("member list", &["get /members", "get /members/{id}"]),
    ("member set", &["patch /members/{id}", "delete /members/{id}"]),
    ("member unlink", &["post /members/{id}/unlink"]),
    ("invitation create", &["post /invitations"]),
    ("invitation import", &["post /invitations/import", "post /invitations/import/preview"]),
    ("invitation list", &["get /invitations", "get /invitations/{id}"]),
    ("invitation resend", &["post /invitations/{id}/resend"]),
    ("invitation link", &["post /invitations/{id}/link"]),
    ("invitation revoke", &["delete /invitations/{id}"]),
    ("role-mapping list", &["get /role-mappings"]),
    ("role-mapping set", &["put /role-mappings/{group}"]),
    ("role-mapping remove", &["delete /role-mappings/{group}"]),
    ("role-mapping preview", &["post /role-mappings/preview"]),
    ("join-request list", &["get /join-requests"]),
    ("join-request approve", &["post /join-requests/{id}/approve"]),
    ("join-request decline", &["post /join-requests/{id}/decline"]),
    ("session list", &["get /sessions", "get /members/{id}/sessions"]),
    (
        "session revoke",
        &["post /sessions/revoke", "post /members/{id}/sign-out", "delete /members/{id}/sessions/{session}"],
    ),
    ("audit list", &["get /audit"]),
    ("audit export", &["get /audit/export"]),
    ("recovery-codes create", &["post /recovery-codes"]),
    ("recovery-codes confirm", &["post /recovery-codes/confirm"]),
    ("recovery-codes list", &["get /recovery-codes"]),
];

/// Commands that are the operator's alone, or whose like is of no organization, with the reason.
const OPERATORS_ONLY: &[(&str, &str)] = &[
    ("serve", "it is the service"),
    ("demo", "it is a service of its own"),
    ("organization create", "people found organizations by POST /api/v1/organizations, and buy the seats"),
    ("organization list", "people see their own by GET /api/v1/organizations"),
    ("billing operations", "what is asked of the payment provider; an organization sees its own `pending_change`"),
    ("billing reconcile", "it asks the payment provider, which the service does each day"),
    ("setup-link", "it makes the founder of a service that has nobody yet"),
    ("outbox list", "mails of all organizations, and links that sign people in; an invitation tells of its own mail"),
    ("migrate", "it changes the database's schema"),
    ("reindex", "it rebuilds what is derived, of all organizations"),
    ("config check", "settings are the operator's"),
    ("config print", "settings are the operator's"),
    ("healthcheck", "it asks the service itself"),
];

/// Routes below an organization that no command does, with the reason.
const PEOPLES_ONLY: &[(&str, &str)] = &[
    ("post /checkout", "whoever pays has a card and a browser"),
    ("post /billing/portal", "it leads a browser to the payment provider"),
];

/// The commands there are: those without commands of their own.
fn commands() -> BTreeSet<String> {
    let names = |path: &[&str]| -> Vec<String> {
        let output = headcount().args(path).arg("--help").output().unwrap();
        let help = String::from_utf8(output.stdout).unwrap();
        let Some((_, rest)) = help.split_once("\nCommands:\n") else { return Vec::new() };
        let lines = rest.lines().take_while(|line| !line.is_empty());
        let named = lines.filter_map(|line| line.strip_prefix("  ")?.split(' ').next().filter(|name| !name.is_empty()));
        named.filter(|name| *name != "help").map(str::to_owned).collect()
    };
    let below = |name: String| {
        let own = names(&[&name]);
        if own.is_empty() { vec![name] } else { own.into_iter().map(|own| format!("{name} {own}")).collect() }
    };
    names(&[]).into_iter().flat_map(below).collect()
}

#[test]
fn what_a_command_does_the_api_does() {
    let listed: Vec<&str> = COMMANDS
        .iter()
        .map(|(command, _)| *command)
        .chain(OPERATORS_ONLY.iter().map(|(command, _)| *command))
        .collect();
    let known: BTreeSet<String> = listed.iter().map(|command| (*command).to_owned()).collect();
    assert_eq!((listed.len(), commands()), (known.len(), known));
    let routes: BTreeSet<String> =
        OF_AN_ORGANIZATION.iter().map(|Row(method, route, _)| format!("{method} {route}")).collect();
    let by_command: Vec<&str> = COMMANDS.iter().flat_map(|(_, routes)| routes.iter().copied()).collect();
    let all: BTreeSet<String> =
        by_command.iter().copied().chain(PEOPLES_ONLY.iter().map(|(route, _)| *route)).map(str::to_owned).collect();
    assert_eq!(all, routes);
    assert_eq!(by_command.len() + PEOPLES_ONLY.len(), routes.len(), "each has one place");
    assert!(OPERATORS_ONLY.iter().chain(PEOPLES_ONLY).all(|(_, why)| !why.is_empty()));
}
