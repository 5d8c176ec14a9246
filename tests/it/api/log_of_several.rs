//! Entries of the provisioning log that wait in memory, of several organizations: what loses one's loses no other's.

use diesel::sql_types::BigInt;
use headcount::administration::organization;
use headcount::id::OrganizationId;
use headcount::jobs::provisioning_log;
use headcount::store::sql::{Sql, SqlId};
use reqwest::Method;
use serde_json::json;

use super::client::Team;
use crate::support::{Database, in_process_on_each_database};

in_process_on_each_database!(
    schemas_that_cannot_be_read,
    an_organization_that_is_gone,
    a_write_that_fails,
    what_no_database_takes
);

/// Two organizations whose providers have just looked for Users, and the second one's id.
async fn two(database: Database) -> (Team, OrganizationId) {
    let team = Team::open(database).await;
    let bolt = ["organization", "create", "--name", "Bolt", "--slug", "bolt", "--owner-email", "o@bolt.example"];
    team.place.command(&[bolt.as_slice(), &["--seats", "9"]].concat());
    let made = team.place.command(&["provisioning-token", "create", "--organization", "bolt", "--name", "theirs"]);
    for token in [team.place.house.token.as_str(), made["token"].as_str().unwrap()] {
        for _ in 0..2 {
            assert_eq!(team.place.scim(token, Method::GET, "/Users", None).await.0, 200);
        }
    }
    let id = Sql::new("SELECT id FROM organizations WHERE slug = 'bolt'");
    let id = id.first::<SqlId, OrganizationId>(&mut team.place.house.database()).unwrap().unwrap();
    (team, id)
}

/// The entries there are in the end: the first organization's, and the second one's.
async fn written(team: &Team, bolt: OrganizationId) -> (i64, i64) {
    let assembly = &team.place.house.assembly;
    provisioning_log::round(&assembly.store, &assembly.provisioning).await;
    let mut connection = team.place.house.database();
    let mut count = |which: &'static str| {
        let sql = Sql::new("SELECT count(*) FROM provisioning_log WHERE method = 'GET' AND organization_id ");
        let mut sql = sql;
        sql.push(which).push_bind(bolt);
        sql.first::<BigInt, i64>(&mut connection).unwrap().unwrap()
    };
    (count("<> "), count("= "))
}

async fn schemas_that_cannot_be_read(database: Database) {
    let (team, bolt) = two(database).await;
    let mut connection = team.place.house.database();
    let broken = "INSERT INTO organization_extensions (organization_id, schema_id, resource, required, created_at) VALUES (?, 'urn:x', '{', (1 = 0), 0)";
    Sql::new(broken).bind(bolt).execute(&mut connection).unwrap();
    let version = Sql::new("UPDATE organizations SET extensions_version = 1 WHERE id = ?");
    version.bind(bolt).execute(&mut connection).unwrap();
    assert_eq!(written(&team, bolt).await, (2, 0));
}

async fn an_organization_that_is_gone(database: Database) {
    let (team, bolt) = two(database).await;
    team.place.command(&["organization", "delete", "--organization", "bolt", "--name", "Bolt"]);
    team.place.clock.advance_seconds(15 * 24 * 3_600);
    let assembly = &team.place.house.assembly;
    organization::purge(&assembly.store, &assembly.administration).await.unwrap();
    let left = Sql::new("SELECT count(*) FROM organizations").first::<BigInt, i64>(&mut team.place.house.database());
    assert_eq!(left.unwrap(), Some(1));
    assert_eq!(written(&team, bolt).await, (2, 0), "nothing is left of it, and nothing comes again");
}

async fn a_write_that_fails(database: Database) {
    let (team, bolt) = two(database.clone()).await;
    let id = bolt.to_string().replace('-', "");
    let refuse = match database {
        Database::Sqlite => format!(
            "CREATE TRIGGER refuse BEFORE INSERT ON provisioning_log WHEN new.organization_id = x'{id}' \
             BEGIN SELECT RAISE(ABORT, 'no room'); END"
        ),
        Database::Postgres(_) => {
            format!("ALTER TABLE provisioning_log ADD CONSTRAINT refuse CHECK (organization_id <> '{id}')")
        }
    };
    team.place.house.database().batch(&refuse).unwrap();
    assert_eq!(written(&team, bolt).await, (2, 0));
}

/// A NUL, which PostgreSQL has no place for, loses no entry.
async fn what_no_database_takes(database: Database) {
    let team = Team::open(database).await;
    let token = team.place.house.token.as_str();
    let body = json!({"userName": "a\0b", "externalId": "a\0b", "emails": [{"value": "a\0b@acme.example"}]});
    assert_eq!(team.place.scim(token, Method::POST, "/Users", Some(&body)).await.0, 400);
    let looked = team.place.scim(token, Method::GET, "/Users?filter=userName%20eq%20%22a%00b%22", None).await.0;
    assert_eq!(team.place.scim(token, Method::GET, "/Users?a%00b=c%00d", None).await.0, 200);
    let assembly = &team.place.house.assembly;
    provisioning_log::round(&assembly.store, &assembly.provisioning).await;
    let statuses = Sql::new("SELECT status FROM provisioning_log ORDER BY id");
    let statuses = statuses.load::<BigInt, i64>(&mut team.place.house.database()).unwrap();
    assert_eq!(statuses, [400, i64::from(looked), 200]);
}
