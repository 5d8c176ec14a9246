//! Who may do what: every route has its row in the matrix (design.md §5), and whoever is not meant gets nowhere.

mod commands;
mod head;
mod identity_providers;
mod matrix;

use std::collections::BTreeSet;

use headcount::stand_in::person::Person;
use reqwest::Method;
use serde_json::json;

use self::matrix::{ASKED, OF_AN_ORGANIZATION, ROWS, Row};
use crate::api::api_keys::key_of;
use crate::sign_in::browser::Browser;
use crate::sign_in::clocked::Clocked;
use crate::support::{Database, in_process_on_each_database};

in_process_on_each_database!(people);

/// Nobody, `read`, `write`, `admin`, `owner`, a person of another organization.
type Statuses = [u16; 6];

/// Of an organization of the API.
const ORGANIZATION: &str = "/api/v1/organizations/{organization}";
/// An id that nothing has.
const NOTHING: &str = "00000000-0000-7000-8000-000000000000";

/// A row of the matrix in full.
struct Asked {
    method: &'static str,
    /// The address as it is put on the application.
    route: String,
    /// The address that is asked.
    path: String,
    statuses: Statuses,
}

/// Every row.
fn every_row() -> Vec<Asked> {
    let here = ROWS.iter().map(|row| ("", row));
    let below = OF_AN_ORGANIZATION.iter().map(|row| (ORGANIZATION, row));
    let asked = |(place, Row(method, rest, statuses)): (&str, &Row)| {
        let route = format!("{place}{rest}");
        let other = ASKED.iter().find(|(known, address, _)| known == method && *address == route);
        let path = other.map_or_else(|| filled(&route), |(.., path)| (*path).to_owned());
        Asked { method, route, path, statuses: *statuses }
    };
    here.chain(below).map(asked).collect()
}

/// An address with the organization's slug in it, and ids that nothing has.
fn filled(route: &str) -> String {
    let part = |part: &str| match part {
        "{organization}" => "acme".to_owned(),
        part if part.starts_with('{') => NOTHING.to_owned(),
        part => part.to_owned(),
    };
    route.split('/').map(part).collect::<Vec<_>>().join("/")
}

/// Below an organization, where keys are answered otherwise than [`keys`] says.
const KEYS_ONLY: &[(&str, &str, [u16; 4])] = &[
    ("post", "/restore", [403; 4]),
    // Who has the link of an invitation can press its button: a person's to copy.
    ("post", "/invitations/{id}/link", [403, 403, 403, 404]),
];

/// The statuses for keys of the roles `read`, `write` and `admin`, and of another organization: below an organization
/// those of members and of who is none, refused where people are meant, and nobody's everywhere else.
fn keys(method: &str, route: &str, statuses: Statuses) -> [u16; 4] {
    let Some(below) = route.strip_prefix(ORGANIZATION) else {
        let takes_a_person = route.starts_with("/api/v1/") && statuses[0] == 401;
        return [if takes_a_person { 403 } else { statuses[0] }; 4];
    };
    let otherwise = KEYS_ONLY.iter().find(|(known, place, _)| *known == method && *place == below);
    otherwise.map_or([statuses[1], statuses[2], statuses[3], statuses[5]], |(.., statuses)| *statuses)
}

/// The methods and addresses of the routes there are, read from where they are put on the application.
fn routes() -> BTreeSet<(String, String)> {
    let pages = include_str!("../../../src/http/mod.rs");
    let api = include_str!("../../../src/http/api/routes.rs");
    let mut routes = BTreeSet::new();
    for service in pages.split(".service(").skip(1).chain(api.split(".service(").skip(1)) {
        let address = service.split('"').nth(1).expect("an address");
        let methods = service.split(".route(web::").skip(1).map(|route| route.split('(').next().unwrap());
        routes.extend(methods.map(|method| (method.to_owned(), address.to_owned())));
    }
    routes
}

#[test]
fn every_route_has_a_row() {
    let all = every_row();
    let rows: BTreeSet<(String, String)> = all.iter().map(|row| (row.method.to_owned(), row.route.clone())).collect();
    assert_eq!(routes(), rows);
    assert_eq!(rows.len(), all.len(), "one row for each");
    let unknown =
        |(method, route, _): &(&str, &str, &str)| !rows.contains(&((*method).to_owned(), (*route).to_owned()));
    assert!(!ASKED.iter().any(unknown), "each of the addresses is a row's");
}

/// Every route of the API is described.
#[test]
fn every_route_of_the_api_is_described() {
    let document = headcount::http::api::openapi::document();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"), "{}", document["openapi"]);
    let described = |(method, path): &(String, String)| document["paths"][path][method].is_object();
    let missing: Vec<_> =
        routes().into_iter().filter(|route| route.1.starts_with("/api/v1/") && !described(route)).collect();
    assert!(missing.is_empty(), "{missing:#?}");
}

/// Somebody of each role, and of another organization.
async fn everybody(place: &Clocked) -> Vec<Browser> {
    let mut browsers = vec![place.browser()];
    for role in ["read", "write", "admin", "owner"] {
        let (browser, answer) = place.sign_in(&crate::sign_in::person(role)).await;
        assert_eq!(answer.status, 303, "{}", answer.body);
        let (_, me) = browser.me().await;
        let member = me["memberships"][0]["member_id"].as_str().unwrap();
        place.command(&["member", "set", "--organization", "acme", "--member", member, "--role", role]);
        assert_eq!(browser.me().await.1["memberships"][0]["role"], role);
        browsers.push(browser);
    }
    let bolt = ["organization", "create", "--name", "Bolt", "--slug", "bolt", "--owner-email", "o@bolt.example"];
    place.command(&[bolt.as_slice(), &["--seats", "9"]].concat());
    place.command(&["domain", "add", "--organization", "bolt", "--domain", "bolt.example", "--verified"]);
    let (browser, answer) = place.sign_in(&Person::new("U2eve", "eve@bolt.example", "T2bolt")).await;
    assert_eq!(answer.status, 303, "{}", answer.body);
    assert_eq!(browser.me().await.1["memberships"][0]["organization"]["slug"], "bolt");
    browsers.push(browser);
    browsers
}

async fn people(database: Database) {
    let place = Clocked::open(database, &[("limits.sign_in", "0")]);
    let browsers = everybody(&place).await;
    let own = browsers[4].api(Method::GET, "/api/v1/me/sessions", None).await.1;
    let session = own["items"][0]["id"].as_str().unwrap();
    let (_, me) = browsers[4].me().await;
    let member = me["memberships"][0]["member_id"].as_str().unwrap();
    let mut wrong = Vec::new();
    let programs = [("acme", "read"), ("acme", "write"), ("acme", "admin"), ("bolt", "admin")]
        .map(|(organization, role)| key_of(&place, organization, role, &[]));
    for Asked { method, route, path, statuses } in every_row() {
        let path = path.replace("SESSION", session).replace("MEMBER", member);
        let expected = keys(method, &route, statuses);
        let method: Method = if method == "route" { Method::GET } else { method.to_uppercase().parse().unwrap() };
        for (program, expected) in programs.iter().zip(expected) {
            let in_api = path.starts_with("/api/");
            let shape = |request: reqwest::RequestBuilder| {
                let request = request.bearer_auth(program);
                match method {
                    Method::GET | Method::DELETE => request,
                    _ if in_api => request.header("content-type", "application/json").body("{}"),
                    _ => request.form(&[("", ""); 0]),
                }
            };
            let status = place.browser().send(method.clone(), &path, shape).await.status;
            if status != expected {
                wrong.push(format!("{method} {path} for a key: {status}, not {expected}"));
            }
        }
        // The owner last: the session that is ended is theirs.
        for position in [0, 1, 2, 3, 5, 4] {
            let browser = &browsers[position];
            let token = match position {
                0 => None,
                _ => browser.api(Method::GET, "/api/v1/me", None).await.2,
            };
            let in_api = path.starts_with("/api/");
            let status = match method {
                Method::POST | Method::PATCH | Method::PUT if in_api => {
                    browser.call(method.clone(), &path, Some(&json!({}))).await.status
                }
                Method::POST => browser.post(&path, &[]).await.status,
                _ => browser.api(method.clone(), &path, token.as_deref()).await.0,
            };
            if status != statuses[position] {
                wrong.push(format!("{method} {path} for {position}: {status}"));
            }
            if status == 204 {
                assert_eq!(browser.me().await.0, 401);
                browser.sign_in("owner@acme.example").await;
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
