//! What is kept of an answer that shows a secret: the client who sent the request has it again, and nobody else.

use diesel::sql_types::{Binary, Text};
use headcount::id::OrganizationId;
use headcount::secret::SecretHash;
use headcount::store::sql::{Sql, SqlId};
use reqwest::Method;
use serde_json::json;

use super::client::Team;
use crate::support::{Database, in_process_on_each_database};

in_process_on_each_database!(only_its_client_reads_it, who_may_not_any_more_reads_nothing);

const ACME: &str = "/api/v1/organizations/acme";

async fn only_its_client_reads_it(database: Database) {
    let team = Team::open(database).await;
    let invited = team.admin.make(&format!("{ACME}/invitations"), &json!({"email": "gus@guest.example"})).await.is(201);
    let link = format!("{ACME}/invitations/{}/link", invited["id"].as_str().unwrap());
    let key = json!({"name": "Deploy", "role": "admin"});
    for (path, body, secret) in [(format!("{ACME}/api-keys"), key, "key"), (link, json!({}), "link")] {
        // Counted up, as a client may do it who has no random numbers.
        let header = [("idempotency-key", "1")];
        let first = team.admin.call_with(Method::POST, &path, Some(&body), &header).await.body;
        assert_eq!(team.admin.call_with(Method::POST, &path, Some(&body), &header).await.body, first);
        let shown = first[secret].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
        let mut connection = team.place.house.database();
        let (organization, actor, kept) = Sql::new("SELECT organization_id, actor, answer FROM idempotency_keys")
            .first::<(SqlId, Text, Binary), (OrganizationId, String, Vec<u8>)>(&mut connection)
            .unwrap()
            .unwrap();
        let holds = |bytes: &[u8]| bytes.windows(shown.len()).any(|window| window == shown.as_bytes());
        assert!(shown.len() > 40 && !holds(&kept), "{shown}");
        // The service's own key opens the outside alone.
        let place = [organization.as_bytes(), actor.as_bytes(), &SecretHash::of(b"1").0].concat();
        let opened = team.place.house.assembly.administration.provisioning.sealing.open(&kept, &place).unwrap();
        assert!(!holds(&opened), "{}", String::from_utf8_lossy(&opened));
        Sql::new("DELETE FROM idempotency_keys").execute(&mut connection).unwrap();
    }
}

async fn who_may_not_any_more_reads_nothing(database: Database) {
    let team = Team::open(database).await;
    let admin = &team.admin.me().await.1["memberships"][0]["member_id"];
    let admin = format!("{ACME}/members/{}", admin.as_str().unwrap());
    let invited = team.admin.make(&format!("{ACME}/invitations"), &json!({"email": "gus@guest.example"})).await.is(201);
    let link = format!("{ACME}/invitations/{}/link", invited["id"].as_str().unwrap());
    for (path, body) in [(format!("{ACME}/webhooks"), json!({"url": "https://gus.example/"})), (link, json!({}))] {
        let make = || team.admin.call_with(Method::POST, &path, Some(&body), &[("idempotency-key", "1")]);
        let first = make().await;
        assert!(first.status.is_success(), "{}", first.body);
        assert_eq!(make().await.body, first.body);
        team.owner.change(&admin, &json!({"role": "write"})).await.is(200);
        make().await.problem(403, "forbidden");
        team.owner.change(&admin, &json!({"role": "admin"})).await.is(200);
        assert_eq!(make().await.body, first.body);
        Sql::new("DELETE FROM idempotency_keys").execute(&mut team.place.house.database()).unwrap();
    }
}
