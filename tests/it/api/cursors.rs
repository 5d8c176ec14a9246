//! A cursor that is none is refused by every list: to begin anew would go round for ever.

use serde_json::json;

use super::client::Team;
use crate::support::{Database, in_process_on_each_database};

in_process_on_each_database!(a_cursor_that_is_none);

/// Nothing, no base64, and of JSON: a text that is no id, a number, an object, two texts.
const NONE: [&str; 6] = ["", "!", "Im5vcGUi", "NQ", "e30", "WyJhIiwiYiJd"];

async fn a_cursor_that_is_none(database: Database) {
    let team = Team::open(database).await;
    let acme = "/api/v1/organizations/acme";
    let hook = json!({"url": "https://example.com/hook"});
    let hook = team.admin.make(&format!("{acme}/webhooks"), &hook).await.is(201);
    let deliveries = format!("/webhooks/{}/deliveries", hook["id"].as_str().unwrap());
    let sessions = format!("/members/{}/sessions", team.reader.member_id().await);
    for list in [
        "/members",
        "/members?status=removed",
        "/invitations",
        "/api-keys",
        "/audit",
        "/provisioning-log",
        "/billing/invoices",
        "/join-requests",
        "/provisioning-tokens",
        "/provisioning-clients",
        "/sessions",
        &sessions,
        &deliveries,
    ] {
        for none in NONE {
            let and = if list.contains('?') { '&' } else { '?' };
            let reply = team.admin.ask(&format!("{acme}{list}{and}after={none}")).await;
            assert_eq!((reply.status.as_u16(), &reply.body["code"]), (400, &json!("invalid_cursor")), "{list} {none}");
        }
    }
}
