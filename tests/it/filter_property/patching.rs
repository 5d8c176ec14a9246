//! A PATCH comes to what its plan says, and what is derived of a document is what is stored beside it.

use diesel::sql_types::{BigInt, Bool, Nullable, Text};
use headcount::id::{OrganizationId, ResourceId};
use headcount::scim::document::Document;
use headcount::scim::index::Storage;
use headcount::scim::patch;
use headcount::scim::registry::Kind;
use headcount::store::connection::Connection;
use headcount::store::resources::{elements_of, kind_from};
use headcount::store::sql::{Sql, SqlId};
use serde_json::{Value, json};

use super::{World, generate};

pub async fn patches(mut world: World) {
    let (mut changed, mut refused) = (0, 0);
    let operations = generate::user_operations();
    for round in 0..150 {
        let users = world.shown(Kind::User).await;
        // The first one is the owner, who must stay active.
        let before = &users[1 + round % (users.len() - 1)];
        let operations = world.draw(&operations);
        let path = format!("/Users/{}", before["id"].as_str().unwrap());
        let resource_type = world.registry.resource_type(Kind::User);
        let body = json!({"Operations": operations});
        let planned = patch::plan(&document(&world, before), &body, resource_type);
        let (status, answer) = world.server.patch(&path, operations).await;
        let after = world.server.get(&path).await.1;
        match (planned, status.as_u16()) {
            (Ok(plan), 200) => {
                assert_eq!(answer, after, "{body}");
                assert_eq!(attributes(&document(&world, &after)), attributes(&plan.document), "{body} on {before}");
                changed += 1;
            }
            // Another user has the userName: no plan can know.
            (Ok(_), 409) => assert_eq!(&after, before, "{body}"),
            (Err(error), status) => {
                assert_eq!(status, error.status(), "{body}: {answer}");
                assert_eq!(answer["scimType"].as_str(), error.code.row().scim_type, "{body}: {answer}");
                assert_eq!(&after, before, "{body}");
                refused += 1;
            }
            (Ok(_), status) => panic!("{status} {body} on {before}: {answer}"),
        }
    }
    assert!(changed > 50 && refused > 5, "{changed} changed, {refused} refused");
    assert_derived(&world);
}

/// The document behind a user as it is shown.
fn document(world: &World, shown: &Value) -> Document {
    Document::from_request(shown, world.registry.resource_type(Kind::User)).unwrap().document
}

/// Without regard to the order of attributes.
fn attributes(document: &Document) -> Value {
    let mut value: Value = serde_json::from_str(&document.to_text()).unwrap();
    value.sort_all_objects();
    value
}

type Columns = (SqlId, BigInt, SqlId, Bool, Nullable<Text>, Nullable<Text>, Nullable<Text>, Text);
type Row = (OrganizationId, i64, ResourceId, bool, Option<String>, Option<String>, Option<String>, String);

fn assert_derived(world: &World) {
    let mut connection: Connection = world.server.database();
    let rows = Sql::new("SELECT organization_id, kind, id, active, user_name_key, external_id, display_name_key, document FROM resources")
        .load::<Columns, Row>(&mut connection)
        .unwrap();
    assert!(rows.len() > super::USERS);
    for (organization, kind, id, active, user_name_key, external_id, display_name_key, document) in rows {
        let parsed = Document::from_stored(&document).unwrap();
        assert_eq!(parsed.to_text(), document);
        let mut derived = Storage::standard().unwrap().derive(&parsed, kind_from(kind)).unwrap();
        let columns = (active, user_name_key, external_id, display_name_key);
        let expected = (derived.active, derived.user_name_key, derived.external_id, derived.display_name_key);
        assert_eq!(columns, expected, "{document}");
        derived.elements.sort_by_key(|element| (element.attribute, element.ordinal));
        assert_eq!(elements_of(&mut connection, organization, id).unwrap(), derived.elements, "{document}");
    }
}
