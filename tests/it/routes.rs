//! Who may do what: every route has its row here (design.md §5), and whoever is not meant gets nowhere.

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};

use headcount::stand_in::person::Person;
use reqwest::Method;
use serde_json::{Value, json};

use crate::api::api_keys::key_of;
use crate::sign_in::browser::Browser;
use crate::sign_in::clocked::Clocked;
use crate::support::{Database, in_process_on_each_database, user};

in_process_on_each_database!(people, identity_providers, head_is_get_without_its_body);

/// One route: its method and address as `src/http/mod.rs` has them, what is asked, and the status for nobody,
/// for each role of the organization, and for a person of another one; for API keys see [`keys`].
struct Row(&'static str, &'static str, &'static str, Statuses);

/// Nobody, `read`, `write`, `admin`, `owner`, a person of another organization.
type Statuses = [u16; 6];

/// Admins and owners of the organization, with a body that names nobody.
const NOBODY_MEANT: Statuses = [401, 403, 403, 400, 400, 404];
/// Admins and owners of the organization, where there is nothing.
const NOTHING_THERE: Statuses = [401, 403, 403, 404, 404, 404];

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

/// SESSION is one of the organization's owner, MEMBER their place in it.
const MATRIX: &[Row] = &[
    Row("get", "/healthz", "/healthz", all(200)),
    Row("get", "/readyz", "/readyz", all(200)),
    Row("get", "/", "/", [303, 200, 200, 200, 200, 200]),
    Row("get", "/assets/headcount.css", "/assets/headcount.css", all(200)),
    // On loopback and without a mail server only.
    Row("get", "/outbox", "/outbox", all(200)),
    Row("get", "/sign-in", "/sign-in", all(200)),
    // Without the token of the form.
    Row("post", "/sign-in", "/sign-in", all(403)),
    Row("get", "/sign-in/initiate", "/sign-in/initiate", all(400)),
    Row("post", "/sign-in/initiate", "/sign-in/initiate", all(400)),
    Row("get", "/sign-in/callback", "/sign-in/callback", all(400)),
    Row("post", "/sign-in/backchannel-logout", "/sign-in/backchannel-logout", all(400)),
    // Links are mailed without a provider only.
    Row("get", "/sign-in/link", "/sign-in/link", all(404)),
    Row("post", "/sign-in/link", "/sign-in/link", all(404)),
    // Without a secret, the token of the form, or a recovery code.
    Row("get", "/setup", "/setup", all(400)),
    Row("post", "/setup", "/setup", all(403)),
    Row("get", "/sign-in/recovery", "/sign-in/recovery", all(200)),
    Row("post", "/sign-in/recovery", "/sign-in/recovery", all(403)),
    Row("post", "/sign-in/recovery/sso", "/sign-in/recovery/sso", all(403)),
    Row("get", "/sign-in/{organization}", "/sign-in/acme", all(303)),
    // With no secret of an invitation, and without the token of the form.
    Row("get", "/invitations/{secret}", "/invitations/hci_x", all(404)),
    Row("post", "/invitations/{secret}", "/invitations/hci_x", all(403)),
    Row("post", "/sign-out", "/sign-out", all(403)),
    Row("post", "/sign-out/session", "/sign-out/session", all(403)),
    Row("post", "/sign-out/others", "/sign-out/others", all(403)),
    Row("get", "/api/v1/me", "/api/v1/me", SIGNED_IN),
    Row("get", "/api/v1/me/sessions", "/api/v1/me/sessions", SIGNED_IN),
    Row("delete", "/api/v1/me/sessions/{id}", "/api/v1/me/sessions/SESSION", [401, 404, 404, 404, 204, 404]),
    Row("get", "/api/v1/organizations/{organization}/invitations", "/api/v1/organizations/acme/invitations", SETTERS),
    // Of nobody, and of no invitation there is.
    Row(
        "post",
        "/api/v1/organizations/{organization}/invitations",
        "/api/v1/organizations/acme/invitations",
        NOBODY_MEANT,
    ),
    Row(
        "post",
        "/api/v1/organizations/{organization}/invitations/import/preview",
        "/api/v1/organizations/acme/invitations/import/preview",
        NOBODY_MEANT,
    ),
    Row(
        "post",
        "/api/v1/organizations/{organization}/invitations/import",
        "/api/v1/organizations/acme/invitations/import",
        NOBODY_MEANT,
    ),
    Row(
        "get",
        "/api/v1/organizations/{organization}/invitations/{id}",
        "/api/v1/organizations/acme/invitations/hci",
        NOTHING_THERE,
    ),
    Row(
        "delete",
        "/api/v1/organizations/{organization}/invitations/{id}",
        "/api/v1/organizations/acme/invitations/hci",
        NOTHING_THERE,
    ),
    Row(
        "post",
        "/api/v1/organizations/{organization}/invitations/{id}/resend",
        "/api/v1/organizations/acme/invitations/hci/resend",
        NOTHING_THERE,
    ),
    Row(
        "post",
        "/api/v1/organizations/{organization}/invitations/{id}/link",
        "/api/v1/organizations/acme/invitations/hci/link",
        NOTHING_THERE,
    ),
    Row("get", "/api/v1/organizations/{organization}/api-keys", "/api/v1/organizations/acme/api-keys", SETTERS),
    // An empty body.
    Row(
        "post",
        "/api/v1/organizations/{organization}/api-keys",
        "/api/v1/organizations/acme/api-keys",
        [401, 403, 403, 400, 400, 404],
    ),
    Row(
        "delete",
        "/api/v1/organizations/{organization}/api-keys/{id}",
        "/api/v1/organizations/acme/api-keys/00000000-0000-7000-8000-000000000000",
        [401, 403, 403, 404, 404, 404],
    ),
    Row("get", "/api/openapi.json", "/api/openapi.json", all(200)),
    Row("get", "/api/v1/organizations", "/api/v1/organizations", SIGNED_IN),
    Row("get", "/api/v1/organizations/{organization}", "/api/v1/organizations/acme", MEMBERS),
    // Without a body.
    Row("patch", "/api/v1/organizations/{organization}", "/api/v1/organizations/acme", SETTERS),
    // An empty one, and without a subscription.
    Row(
        "post",
        "/api/v1/organizations/{organization}/checkout",
        "/api/v1/organizations/acme/checkout",
        [401, 403, 403, 201, 201, 404],
    ),
    Row("get", "/api/v1/organizations/{organization}/billing", "/api/v1/organizations/acme/billing", SETTERS),
    Row("patch", "/api/v1/organizations/{organization}/billing", "/api/v1/organizations/acme/billing", BUYERS),
    Row(
        "post",
        "/api/v1/organizations/{organization}/billing/preview",
        "/api/v1/organizations/acme/billing/preview",
        BUYERS,
    ),
    Row(
        "get",
        "/api/v1/organizations/{organization}/billing/invoices",
        "/api/v1/organizations/acme/billing/invoices",
        SETTERS,
    ),
    Row(
        "post",
        "/api/v1/organizations/{organization}/billing/portal",
        "/api/v1/organizations/acme/billing/portal",
        BUYERS,
    ),
    Row("get", "/api/v1/organizations/{organization}/audit", "/api/v1/organizations/acme/audit", SETTERS),
    Row("get", "/api/v1/organizations/{organization}/audit/export", "/api/v1/organizations/acme/audit/export", SETTERS),
    Row(
        "get",
        "/api/v1/organizations/{organization}/provisioning-log",
        "/api/v1/organizations/acme/provisioning-log",
        SETTERS,
    ),
    Row(
        "get",
        "/api/v1/organizations/{organization}/provisioning-log/export",
        "/api/v1/organizations/acme/provisioning-log/export",
        SETTERS,
    ),
    // An entry that nobody has.
    Row(
        "get",
        "/api/v1/organizations/{organization}/provisioning-log/{id}",
        "/api/v1/organizations/acme/provisioning-log/00000000-0000-7000-8000-000000000000",
        [401, 403, 403, 404, 404, 404],
    ),
    // Whoever is not meant finds no checkout; without the token of the form.
    Row("get", "/checkout/{id}", "/checkout/00000000-0000-7000-8000-000000000000", CHECKOUT),
    Row("post", "/checkout/{id}", "/checkout/00000000-0000-7000-8000-000000000000", all(403)),
    Row("get", "/checkout/{id}/done", "/checkout/00000000-0000-7000-8000-000000000000/done", CHECKOUT),
    // Where nobody is paid by Stripe.
    Row("post", "/billing/stripe/webhook", "/billing/stripe/webhook", all(404)),
    // Without what it takes.
    Row("post", "/api/v1/organizations", "/api/v1/organizations", [401, 400, 400, 400, 400, 400]),
    Row("delete", "/api/v1/organizations/{organization}", "/api/v1/organizations/acme", [401, 415, 415, 415, 415, 415]),
    Row(
        "post",
        "/api/v1/organizations/{organization}/transfer",
        "/api/v1/organizations/acme/transfer",
        [401, 400, 400, 400, 400, 400],
    ),
    // Only the owner learns that it is not deleted.
    Row(
        "post",
        "/api/v1/organizations/{organization}/restore",
        "/api/v1/organizations/acme/restore",
        [401, 404, 404, 404, 409, 404],
    ),
    Row("get", "/api/v1/organizations/{organization}/members", "/api/v1/organizations/acme/members", MEMBERS),
    Row(
        "get",
        "/api/v1/organizations/{organization}/members/{id}",
        "/api/v1/organizations/acme/members/MEMBER",
        MEMBERS,
    ),
    Row(
        "patch",
        "/api/v1/organizations/{organization}/members/{id}",
        "/api/v1/organizations/acme/members/MEMBER",
        [401, 400, 400, 400, 400, 400],
    ),
    Row(
        "delete",
        "/api/v1/organizations/{organization}/members/{id}",
        "/api/v1/organizations/acme/members/00000000-0000-7000-8000-000000000000",
        [401, 403, 403, 404, 404, 404],
    ),
    Row(
        "post",
        "/api/v1/organizations/{organization}/members/{id}/sign-out",
        "/api/v1/organizations/acme/members/00000000-0000-7000-8000-000000000000/sign-out",
        [401, 403, 403, 404, 404, 404],
    ),
    Row(
        "post",
        "/api/v1/organizations/{organization}/members/{id}/unlink",
        "/api/v1/organizations/acme/members/00000000-0000-7000-8000-000000000000/unlink",
        [401, 403, 403, 404, 404, 404],
    ),
    Row("get", "/api/v1/organizations/{organization}/seats", "/api/v1/organizations/acme/seats", MEMBERS),
    Row(
        "get",
        "/api/v1/organizations/{organization}/role-mappings",
        "/api/v1/organizations/acme/role-mappings",
        SETTERS,
    ),
    // Without what it takes.
    Row(
        "post",
        "/api/v1/organizations/{organization}/role-mappings/preview",
        "/api/v1/organizations/acme/role-mappings/preview",
        [401, 400, 400, 400, 400, 400],
    ),
    Row(
        "put",
        "/api/v1/organizations/{organization}/role-mappings/{group}",
        "/api/v1/organizations/acme/role-mappings/00000000-0000-7000-8000-000000000000",
        [401, 400, 400, 400, 400, 400],
    ),
    Row(
        "delete",
        "/api/v1/organizations/{organization}/role-mappings/{group}",
        "/api/v1/organizations/acme/role-mappings/00000000-0000-7000-8000-000000000000",
        [401, 403, 403, 404, 404, 404],
    ),
    // Without what it takes, and of webhooks that there are none of.
    Row("get", "/api/v1/organizations/{organization}/webhooks", "/api/v1/organizations/acme/webhooks", SETTERS),
    Row(
        "post",
        "/api/v1/organizations/{organization}/webhooks",
        "/api/v1/organizations/acme/webhooks",
        [401, 403, 403, 400, 400, 404],
    ),
    Row(
        "get",
        "/api/v1/organizations/{organization}/webhooks/{id}",
        "/api/v1/organizations/acme/webhooks/00000000-0000-7000-8000-000000000000",
        [401, 403, 403, 404, 404, 404],
    ),
    Row(
        "patch",
        "/api/v1/organizations/{organization}/webhooks/{id}",
        "/api/v1/organizations/acme/webhooks/00000000-0000-7000-8000-000000000000",
        [401, 403, 403, 404, 404, 404],
    ),
    Row(
        "delete",
        "/api/v1/organizations/{organization}/webhooks/{id}",
        "/api/v1/organizations/acme/webhooks/00000000-0000-7000-8000-000000000000",
        [401, 403, 403, 404, 404, 404],
    ),
    Row(
        "post",
        "/api/v1/organizations/{organization}/webhooks/{id}/test",
        "/api/v1/organizations/acme/webhooks/00000000-0000-7000-8000-000000000000/test",
        [401, 403, 403, 404, 404, 404],
    ),
    Row(
        "post",
        "/api/v1/organizations/{organization}/webhooks/{id}/rotate-secret",
        "/api/v1/organizations/acme/webhooks/00000000-0000-7000-8000-000000000000/rotate-secret",
        [401, 403, 403, 404, 404, 404],
    ),
    Row(
        "get",
        "/api/v1/organizations/{organization}/webhooks/{id}/deliveries",
        "/api/v1/organizations/acme/webhooks/00000000-0000-7000-8000-000000000000/deliveries",
        [401, 403, 403, 404, 404, 404],
    ),
    Row(
        "post",
        "/api/v1/organizations/{organization}/webhooks/{id}/deliveries/{delivery}/replay",
        "/api/v1/organizations/acme/webhooks/00000000-0000-7000-8000-000000000000/deliveries/00000000-0000-7000-8000-000000000000/replay",
        [401, 403, 403, 404, 404, 404],
    ),
    Row("route", "/api/{path:.*}", "/api/v2", all(404)),
    Row("post", "/oauth/token", "/oauth/token", all(400)),
    Row("get", "/.well-known/oauth-authorization-server", "/.well-known/oauth-authorization-server", all(200)),
    Row("get", "/documentation", "/documentation", all(200)),
    // Identity providers only: see `PROVISIONING`.
    Row("route", "/scim/v2", "/scim/v2", all(401)),
    Row("route", "/scim/v2/{path:.*}", "/scim/v2/Users", all(401)),
    Row("route", "/scim/{path:.*}", "/scim/Users", all(401)),
];

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

/// Below an organization, where keys are answered otherwise than [`keys`] says.
const KEYS_ONLY: &[(&str, &str, [u16; 4])] = &[
    ("post", "/api/v1/organizations/{organization}/restore", [401, 401, 401, 401]),
    // Who has the link of an invitation can press its button: a person's to copy.
    ("post", "/api/v1/organizations/{organization}/invitations/{id}/link", [403, 403, 403, 404]),
];

/// The statuses for keys of the roles `read`, `write` and `admin`, and of another organization: below an organization
/// those of members and of who is none, and nobody's everywhere else.
fn keys(method: &str, route: &str, statuses: Statuses) -> [u16; 4] {
    if !route.starts_with("/api/v1/organizations/{organization}") {
        return [statuses[0]; 4];
    }
    let otherwise = KEYS_ONLY.iter().find(|(known, place, _)| *known == method && *place == route);
    otherwise.map_or([statuses[1], statuses[2], statuses[3], statuses[5]], |(.., statuses)| *statuses)
}

/// The methods and addresses of the routes there are, read from where they are put on the application.
fn routes() -> BTreeSet<(String, String)> {
    let pages = include_str!("../../src/http/mod.rs");
    let api = include_str!("../../src/http/api/routes.rs");
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
    let rows: BTreeSet<(String, String)> =
        MATRIX.iter().map(|Row(method, route, ..)| ((*method).to_owned(), (*route).to_owned())).collect();
    assert_eq!(routes(), rows);
    assert_eq!(rows.len(), MATRIX.len(), "one row for each");
}

/// Every route of the API is described.
#[test]
fn every_route_of_the_api_is_described() {
    let document = serde_json::to_value(headcount::http::api::openapi::document()).unwrap();
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
    for Row(method, route, path, statuses) in MATRIX {
        let path = path.replace("SESSION", session).replace("MEMBER", member);
        let expected = keys(method, route, *statuses);
        let method: Method = if *method == "route" { Method::GET } else { method.to_uppercase().parse().unwrap() };
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

/// What is asked by HEAD is answered as by GET, without the body (RFC 9110 §9.1, §9.3.2).
async fn head_is_get_without_its_body(database: Database) {
    let place = Clocked::open(database, &[("limits.sign_in", "0")]);
    let (owner, answer) = place.sign_in(&crate::sign_in::person("owner")).await;
    assert_eq!(answer.status, 303);
    let token = place.house.token.clone();
    let resources =
        ["/ServiceProviderConfig", "/Users", "/Groups", "/Me", "/Nothing"].map(|path| format!("/scim/v2{path}"));
    let rows = MATRIX.iter().filter(|Row(method, ..)| *method == "get").map(|Row(_, _, path, _)| (*path).to_owned());
    for path in rows.chain(resources) {
        let shape = |request: reqwest::RequestBuilder| {
            if path.starts_with("/scim") { request.bearer_auth(&token) } else { request }
        };
        // A browser that is known already: who is new is given a cookie once.
        let stranger = place.browser();
        stranger.get("/sign-in").await;
        for browser in [&stranger, &owner] {
            let get = browser.send(Method::GET, &path, shape).await;
            let head = browser.send(Method::HEAD, &path, shape).await;
            assert_eq!((head.status, head.body.as_str()), (get.status, ""), "{path}");
            let told = |answer: &crate::sign_in::browser::Answer| -> BTreeSet<(String, String)> {
                let headers = answer.headers.iter().map(|(name, value)| (name.to_string(), format!("{value:?}")));
                // Another one each time.
                let once = ["date", "x-request-id", "location"];
                headers
                    .map(
                        |(name, value)| {
                            if once.contains(&name.as_str()) { (name, String::new()) } else { (name, value) }
                        },
                    )
                    .collect()
            };
            assert_eq!(told(&head), told(&get), "{path}");
        }
    }
    assert_eq!(owner.send(Method::HEAD, "/sign-out", |request| request).await.status, 405, "it is no GET");
    assert_eq!(owner.me().await.0, 200);
    // Nothing follows the headers.
    let address = place.browser().home().trim_start_matches("http://").to_owned();
    let wire = tokio::task::spawn_blocking(move || {
        let mut stream = std::net::TcpStream::connect(&address).unwrap();
        stream.write_all(b"HEAD /sign-in HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    });
    let wire = wire.await.unwrap();
    assert!(wire.starts_with("HTTP/1.1 200") && wire.ends_with("\r\n\r\n"), "{wire}");
}

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
