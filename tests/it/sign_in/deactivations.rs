//! Every way in which access is taken away ends the sessions, wherever they were opened.

use headcount::stand_in::person::Person;
use reqwest::Method;
use serde_json::{Value, json};

use super::browser::{Browser, Office};
use super::{ann, in_each_office};
use crate::support::user;

in_each_office!(each_way_ends_the_sessions: 20, one_organization_ends_those_of_all: 10);

/// Somebody whom provisioning has made, signed in twice; the id of the member.
async fn signed_in(office: &Office, name: &str) -> (String, [Browser; 2]) {
    let id = office.server.user(name).await;
    let (one, answer) = office.sign_in(&super::person(name)).await;
    assert_eq!(answer.status, 303, "{}", answer.body);
    let (two, _) = office.sign_in(&super::person(name)).await;
    (id, [one, two])
}

async fn each_way_ends_the_sessions(office: Office) {
    let off = json!({"Operations": [{"op": "replace", "path": "active", "value": false}]});
    let put = |name: &str| {
        let mut body = user(name);
        body["active"] = false.into();
        body
    };
    let bulk = |method: &str, id: &str, data: Value| {
        let operation = json!({"method": method, "path": format!("/Users/{id}"), "data": data});
        ("/Bulk".to_owned(), Method::POST, Some(json!({"Operations": [operation]})))
    };
    for (number, way) in ["PATCH", "PUT", "DELETE", "Bulk PATCH", "Bulk PUT", "Bulk DELETE", "suspended", "removed"]
        .into_iter()
        .enumerate()
    {
        let name = format!("p{number}");
        let (id, browsers) = signed_in(&office, &name).await;
        let path = format!("/Users/{id}");
        let (path, method, body) = match way {
            "PATCH" => (path, Method::PATCH, Some(off.clone())),
            "PUT" => (path, Method::PUT, Some(put(&name))),
            "DELETE" => (path, Method::DELETE, None),
            "Bulk PATCH" => bulk("PATCH", &id, off.clone()),
            "Bulk PUT" => bulk("PUT", &id, put(&name)),
            "Bulk DELETE" => bulk("DELETE", &id, Value::Null),
            status => {
                let set = ["member", "set", "--organization", "acme", "--member", &id, "--status", status, "--json"];
                office.server.command(&set);
                (path, Method::GET, None)
            }
        };
        let (status, said) = office.server.send(method, &path, body.as_ref()).await;
        let done = said["Operations"][0]["status"].as_str().is_none_or(|status| status.starts_with('2'));
        assert!((status.is_success() || way == "removed") && done, "{way}: {status} {said}");
        for browser in browsers {
            assert_eq!(browser.me().await.0, 401, "{way}");
        }
        let (again, refused) = office.sign_in(&super::person(&name)).await;
        assert_eq!((refused.status.as_u16(), again.me().await.0.as_u16()), (403, 401), "{way}: stays out");
    }
}

async fn one_organization_ends_those_of_all(office: Office) {
    let server = &office.server;
    let bolt = ["organization", "create", "--name", "Bolt", "--slug", "bolt", "--owner-email", "olga@acme.example"];
    server.command(&[bolt.as_slice(), &["--seats", "5", "--json"]].concat());
    let vouch = ["domain", "add", "--organization", "bolt", "--domain", "bolt.example", "--verified", "--json"];
    server.command(&vouch);
    let member = server.user("ann").await;
    let (here, _) = office.sign_in(&ann()).await;
    // The same person at the provider, by the address of the other company.
    let there = Person { email: Some("ann@bolt.example".into()), ..ann() };
    let (elsewhere, answer) = office.sign_in(&there).await;
    assert_eq!(answer.status, 303, "{}", answer.body);
    let slugs = async |browser: &Browser| -> Vec<String> {
        let me = browser.me().await.1;
        let places = me["memberships"].as_array().unwrap().iter();
        let mut slugs: Vec<String> =
            places.map(|place| place["organization"]["slug"].as_str().unwrap().to_owned()).collect();
        slugs.sort_unstable();
        slugs
    };
    assert_eq!(slugs(&elsewhere).await, ["acme", "bolt"], "one person");
    let off = json!([{"op": "replace", "path": "active", "value": false}]);
    assert_eq!(server.patch(&format!("/Users/{member}"), off).await.0, 200);
    assert_eq!((here.me().await.0.as_u16(), elsewhere.me().await.0.as_u16()), (401, 401), "all that they have");
    let (back, answer) = office.sign_in(&there).await;
    assert_eq!(answer.status, 303, "{}", answer.body);
    let me = back.me().await.1;
    let open: Vec<(&Value, &Value)> = me["memberships"]
        .as_array()
        .unwrap()
        .iter()
        .map(|place| (&place["organization"]["slug"], &place["status"]))
        .collect();
    assert!(open.contains(&(&json!("bolt"), &json!("active"))), "the other one is reached: {me}");
    assert!(!open.contains(&(&json!("acme"), &json!("active"))), "and not this one: {me}");
}
