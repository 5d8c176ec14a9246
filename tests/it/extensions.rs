//! An organization's own extension schemas: what is left of one that was removed, and its unique values.

use diesel::sql_types::{BigInt, Text};
use headcount::store::sql::Sql;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Server, on_each_database};

on_each_database!(simple_values, removed, unique_values_reindexed, left_behind);

const BADGE: &str = "urn:example:params:scim:schemas:badge";
/// Its URN begins like the other's.
const DOOR: &str = "urn:example:params:scim:schemas:badge:door";

fn add(server: &Server, urn: &str) {
    server.extension(&json!({"id": urn, "name": "X", "attributes": [
        {"name": "number", "type": "string", "uniqueness": "server"},
        {"name": "card", "type": "complex", "subAttributes": [
            {"name": "code", "type": "string", "uniqueness": "server"}
        ]}
    ]}));
}

fn remove(server: &Server, urn: &str) {
    server.command(&["schema", "remove", "--organization", "acme", "--schema", urn, "--json"]);
}

fn user(name: &str, number: &str) -> Value {
    let values = json!({"number": number, "card": {"code": number}});
    json!({"userName": name, "title": "Boss", BADGE: values, DOOR: values})
}

/// A simple value has `value` for a name in value paths (RFC 7643 §2.4).
async fn simple_values(server: Server) {
    let attributes = json!([{"name": "tags", "type": "string", "multiValued": true}]);
    server.extension(&json!({"id": BADGE, "name": "X", "attributes": attributes}));
    let (_, ann) = server.post("/Users", &json!({"userName": "ann", BADGE: {"tags": ["a", "b", "c"]}})).await;
    let path = format!("/Users/{}", ann["id"].as_str().unwrap());
    let tags = |tag: &str| format!("{BADGE}:tags[value eq \"{tag}\"]");
    assert_eq!(server.find("/Users", &tags("b")).await.len(), 1);
    assert!(server.find("/Users", &tags("x")).await.is_empty());
    let (status, patched) = server
        .patch(
            &path,
            json!([
                {"op": "remove", "path": tags("a")},
                {"op": "replace", "path": tags("b"), "value": "d"}
            ]),
        )
        .await;
    assert_eq!((status.as_u16(), &patched[BADGE]["tags"]), (200, &json!(["d", "c"])), "{patched}");
    let (_, refused) = server.patch(&path, json!([{"op": "replace", "path": tags("x"), "value": "y"}])).await;
    assert_eq!(refused["scimType"], "noTarget", "{refused}");
}

async fn removed(server: Server) {
    add(&server, BADGE);
    add(&server, DOOR);
    let (_, ann) = server.post("/Users", &user("ann", "7")).await;
    let path = format!("/Users/{}", ann["id"].as_str().unwrap());
    remove(&server, BADGE);
    let (_, without) = server.get(&path).await;
    assert!(
        without.get(BADGE).is_none() && !without["schemas"].to_string().contains(&format!("{BADGE}\"")),
        "{without}"
    );
    assert_eq!((&without[DOOR], &without["title"]), (&ann[DOOR], &ann["title"]), "the rest stays");
    assert_ne!(without["meta"]["version"], ann["meta"]["version"], "the resource is another than before");
    add(&server, BADGE);
    assert!(server.get(&path).await.1.get(BADGE).is_none(), "added again it starts clean");
    let (status, bob) =
        server.post("/Users", &json!({"userName": "bob", BADGE: {"number": "7", "card": {"code": "7"}}})).await;
    assert_eq!(status, 201, "nobody has this number any more: {bob}");
    let (status, cid) = server.post("/Users", &json!({"userName": "cid", DOOR: {"number": "7"}})).await;
    assert_eq!(status, 409, "the other schema's values are still unique: {cid}");
}

async fn unique_values_reindexed(server: Server) {
    add(&server, BADGE);
    let (_, ann) = server.post("/Users", &json!({"userName": "ann", BADGE: {"number": "Seven"}})).await;
    let mut database = server.database();
    let mut change = |sql: Sql| assert_eq!(sql.execute(&mut database).unwrap(), 1);
    // One row is gone, one belongs to a value that Ann does not have, one to nobody.
    let attribute = format!("{BADGE}:number");
    change(Sql::new("DELETE FROM unique_values WHERE value_key = 'seven'"));
    for (key, holder) in [("eight", ann["id"].as_str().unwrap()), ("nine", "0190a7d2-0000-7000-8000-000000000000")] {
        let holder: headcount::id::ResourceId = holder.parse().unwrap();
        change(
            Sql::new("INSERT INTO unique_values (organization_id, attribute, value_key, resource_id) SELECT id, ?, ?, ? FROM organizations")
                .bind(attribute.as_str())
                .bind(key)
                .bind(holder),
        );
    }
    server.command(&["reindex", "--json"]);
    for (name, number, expected) in [("bob", "SEVEN", 409), ("cid", "eight", 201), ("dan", "nine", 201)] {
        let (status, answer) = server.post("/Users", &json!({"userName": name, BADGE: {"number": number}})).await;
        assert_eq!(status, expected, "{number}: {answer}");
    }
    let keys = Sql::new("SELECT value_key FROM unique_values ORDER BY value_key")
        .load::<Text, String>(&mut server.database())
        .unwrap();
    assert_eq!(keys, ["eight", "nine", "seven"]);
}

/// A removal that was interrupted is finished by `reindex`.
async fn left_behind(server: Server) {
    add(&server, BADGE);
    let (_, ann) = server
        .post("/Users", &json!({"userName": "ann", "emails": [{"value": "a@b.example"}], BADGE: {"number": "7"}}))
        .await;
    let path = format!("/Users/{}", ann["id"].as_str().unwrap());
    let mut database = server.database();
    for sql in
        ["DELETE FROM organization_extensions", "UPDATE organizations SET extensions_version = extensions_version + 1"]
    {
        assert_eq!(Sql::new(sql).execute(&mut database).unwrap(), 1);
    }
    server.command(&["reindex", "--json"]);
    assert!(server.get(&path).await.1.get(BADGE).is_none());
    assert_eq!(server.find("/Users", "emails.value eq \"a@b.example\"").await.len(), 1);
    let rows = Sql::new("SELECT count(*) FROM unique_values").first::<BigInt, i64>(&mut database).unwrap();
    assert_eq!(rows, Some(0));
    assert_eq!(server.send(Method::DELETE, &path, None).await.0, 204);
}
