//! What is answered to identity providers: each reaches its own organization, and no other.

use reqwest::Method;
use serde_json::{Value, json};

use super::everybody;
use crate::sign_in::clocked::Clocked;
use crate::support::{Database, in_process_on_each_database, user};

in_process_on_each_database!(identity_providers);

/// What is asked of SCIM, and the status for the organization's own token and for another organization's.
/// USER and GROUP are the organization's.
const PROVISIONING: &[(&str, &str, u16, u16)] = &[
    ("GET", "/ServiceProviderConfig", 200, 200),
    ("GET", "/ResourceTypes", 200, 200),
    ("GET", "/Schemas", 200, 200),
    ("GET", "/Me", 501, 501),
    ("GET", "/Users", 200, 200),
    ("GET", "/Users/USER", 200, 404),
    ("PUT", "/Users/USER", 200, 404),
    ("PATCH", "/Users/USER", 200, 404),
    ("DELETE", "/Users/USER", 204, 404),
    ("GET", "/Groups", 200, 200),
    ("GET", "/Groups/GROUP", 200, 404),
    ("PUT", "/Groups/GROUP", 200, 404),
    ("PATCH", "/Groups/GROUP", 204, 404),
    ("DELETE", "/Groups/GROUP", 204, 404),
    ("POST", "/.search", 200, 200),
    ("POST", "/Users/.search", 200, 200),
    ("POST", "/Groups/.search", 200, 200),
];

async fn identity_providers(database: Database) {
    let place = Clocked::open(database, &[]);
    let browsers = everybody(&place).await;
    let other = place.command(&["provisioning-token", "create", "--organization", "bolt", "--name", "bolt"]);
    let (ours, theirs) = (place.house.token.clone(), other["token"].as_str().unwrap().to_owned());
    let user_body = user("zoe");
    let group_body = json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": "Zebras"});
    let (_, made, _) = place.scim(&ours, Method::POST, "/Users", Some(&user_body)).await;
    let (_, group, _) = place.scim(&ours, Method::POST, "/Groups", Some(&group_body)).await;
    let (id, group) = (made["id"].as_str().unwrap(), group["id"].as_str().unwrap());
    let patch = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [{"op": "replace", "path": "displayName", "value": "Zebras"}]});
    let search = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"]});
    for (method, path, own, others) in PROVISIONING {
        let named = path.replace("USER", id).replace("GROUP", group);
        let body = match *method {
            "PUT" if path.starts_with("/Users") => Some(&user_body),
            "PUT" => Some(&group_body),
            "PATCH" => Some(&patch),
            "POST" => Some(&search),
            _ => None,
        };
        let method: Method = method.parse().unwrap();
        let without = place.scim("", method.clone(), &named, body).await.0;
        assert!(without == 401 || path.starts_with("/S") || path.starts_with("/R"), "{method} {path}: {without}");
        for browser in &browsers {
            let status = browser.api(method.clone(), &format!("/scim/v2{named}"), None).await.0;
            assert_eq!(status, without, "{method} {path}: a session opens nothing here");
        }
        let (status, _, text) = place.scim(&theirs, method.clone(), &named, body).await;
        assert_eq!(status, *others, "{method} {path} of another organization");
        assert!(!text.contains("zoe") && !text.contains("Zebras"), "{method} {path}: {text}");
        assert_eq!(place.scim(&ours, method.clone(), &named, body).await.0, *own, "{method} {path}");
    }
    // Nor by a Bulk request.
    let bulk = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": [
        {"method": "DELETE", "path": format!("/Users/{}", owner(&place, &ours).await)}]});
    let (status, answer, _) = place.scim(&theirs, Method::POST, "/Bulk", Some(&bulk)).await;
    assert_eq!((status, &answer["Operations"][0]["status"]), (200, &json!("404")));
    assert_eq!(place.scim("", Method::POST, "/Bulk", Some(&bulk)).await.0, 401);
}

async fn owner(place: &Clocked, token: &str) -> String {
    let (_, found, _) = place.scim(token, Method::GET, "/Users", None).await;
    found["Resources"][0]["id"].as_str().unwrap().to_owned()
}

impl Clocked {
    /// What SCIM answers to whoever has this token; to nobody without one.
    pub async fn scim(&self, token: &str, method: Method, path: &str, body: Option<&Value>) -> (u16, Value, String) {
        let shape = |request: reqwest::RequestBuilder| {
            let request = if token.is_empty() { request } else { request.bearer_auth(token) };
            match body {
                Some(body) => request.header("content-type", "application/scim+json").body(body.to_string()),
                None => request,
            }
        };
        let answer = self.browser().send(method, &format!("/scim/v2{path}"), shape).await;
        let json = serde_json::from_str(&answer.body).unwrap_or(Value::Null);
        (answer.status.as_u16(), json, answer.body)
    }
}
