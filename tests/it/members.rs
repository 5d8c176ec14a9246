//! Members as an operator sees and changes them: roles, suspension, removal, and the way back.

use headcount::id::{IdentityId, OrganizationId, ResourceId, SessionId};
use headcount::secret::SecretHash;
use headcount::store::batch::Batch;
use headcount::store::identities::{self, Identity};
use headcount::store::sessions::{self, Opened, Session};
use headcount::store::{acquaintances, organizations};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Server, on_each_database, user};

on_each_database!(
    listed,
    roles,
    suspended,
    a_suspended_owner_runs_nothing,
    removed,
    brought_back,
    not_the_operators_to_decide,
    seats_go_on,
    owners_at_once
);

fn list(server: &Server) -> Vec<Value> {
    let listed = server.command(&["member", "list", "--organization", "acme", "--json"]);
    listed.as_array().unwrap().clone()
}

/// A member's line in the list.
fn line(server: &Server, id: &str) -> Value {
    list(server).into_iter().find(|line| line["id"] == id).unwrap()
}

fn arguments<'a>(id: &'a str, change: &'a [&'a str]) -> Vec<&'a str> {
    [&["member", "set", "--organization", "acme", "--json", "--member", id], change].concat()
}

fn set(server: &Server, id: &str, change: &[&str]) -> Value {
    server.command(&arguments(id, change))
}

fn refused(server: &Server, id: &str, change: &[&str]) -> String {
    let output = server.run(&arguments(id, change));
    assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0), "{change:?}");
    String::from_utf8(output.stderr).unwrap()
}

fn owner(server: &Server) -> String {
    let owner = list(server).into_iter().find(|line| line["email"] == "olga@acme.example").unwrap();
    owner["id"].as_str().unwrap().to_owned()
}

/// Seats used, active owners as the ledger counts them, and Users.
fn ledger(server: &Server) -> (i64, i64, i64) {
    let mut connection = server.database();
    let acme = acme(server);
    let usage = organizations::usage(&mut connection, acme).unwrap();
    (usage.used, usage.active_owners, usage.users)
}

fn acme(server: &Server) -> OrganizationId {
    organizations::by_slug(&mut server.database(), "acme").unwrap().unwrap().id
}

/// Somebody who is signed in as the member; the secret's hash of the session.
fn sign_in(server: &Server, member: &str) -> SecretHash {
    let member: ResourceId = member.parse().unwrap();
    let (identity, hash) = (IdentityId::from_bytes(*member.as_bytes()), SecretHash::of(member.as_bytes()));
    let mut connection = server.database();
    let known = identities::find(&mut connection, "https://idp.example", &member.to_string()).unwrap();
    if known.is_none() {
        apply(server, |batch| {
            let identity = Identity {
                id: identity,
                issuer: "https://idp.example".into(),
                subject: member.to_string(),
                address: None,
                address_key: None,
                name: None,
            };
            identities::insert(batch, &identity, 1);
        });
        apply(server, |batch| acquaintances::link(batch, acme(server), member, identity, None));
    }
    apply(server, |batch| {
        let session = Session {
            id: SessionId::from_bytes(*member.as_bytes()),
            organization: None,
            tenant_proven: false,
            recovers: None,
            proven_address: None,
            created_at: 1,
            seen_at: 1,
            length: None,
            expires_at: i64::MAX,
            client_address: None,
            user_agent: None,
        };
        sessions::insert(batch, &session, Opened { hash, identity, tenant: None, provider_sid: None, id_token: None });
    });
    assert!(is_signed_in(server, hash));
    hash
}

fn apply(server: &Server, fill: impl Fn(&mut Batch)) {
    let mut batch = Batch::default();
    fill(&mut batch);
    batch.apply(&mut server.database()).unwrap();
}

fn is_signed_in(server: &Server, session: SecretHash) -> bool {
    sessions::find(&mut server.database(), session).unwrap().is_some()
}

fn active(active: bool) -> Value {
    json!([{"op": "replace", "path": "active", "value": active}])
}

async fn listed(server: Server) {
    server.command(&["organization", "set", "--organization", "acme", "--seats", "4", "--seat-policy", "waitlist"]);
    let (ann, bob, cid) = (server.user("ann").await, server.user("bob").await, server.user("cid").await);
    let dan = server.user("dan").await;
    server.patch(&format!("/Users/{bob}"), active(false)).await;
    let eve = server.user("eve").await;
    set(&server, &ann, &["--status", "suspended"]);
    sign_in(&server, &cid);
    let owner = owner(&server);
    let listed = list(&server);
    let shown: Vec<Value> = listed.iter().map(|line| json!([line["id"], line["status"]])).collect();
    // bob's seat went to dan, who waited.
    let wanted = [(&owner, "active"), (&ann, "suspended"), (&bob, "deactivated"), (&cid, "active")];
    let wanted: Vec<Value> = wanted
        .into_iter()
        .chain([(&dan, "active"), (&eve, "waiting")])
        .map(|(id, status)| json!([id, status]))
        .collect();
    assert_eq!(shown, wanted);
    let named = json!({
        "id": owner, "email": "olga@acme.example", "role": "owner", "status": "active", "source": "operator",
        "identity": null
    });
    for (member, value) in named.as_object().unwrap() {
        assert_eq!(listed[0].get(member), Some(value), "{member}");
    }
    assert_eq!((&listed[1]["role"], &listed[1]["source"]), (&json!("read"), &json!("scim")));
    assert_eq!(listed[3]["identity"], json!({"issuer": "https://idp.example", "subject": cid}));
    server.send(Method::DELETE, &format!("/Users/{cid}"), None).await;
    let gone = line(&server, &cid);
    assert_eq!(
        (&gone["status"], &gone["email"], &gone["source"], &gone["identity"]["subject"]),
        (&json!("removed"), &json!("cid@acme.example"), &json!("scim"), &json!(cid)),
        "whom provisioning has deleted is removed"
    );
    assert_eq!(list(&server).len(), 6);
    let (_, unaddressed) = server.post("/Users", &json!({"userName": "nobody"})).await;
    assert_eq!(line(&server, unaddressed["id"].as_str().unwrap())["email"], Value::Null);
}

async fn roles(server: Server) {
    let ann = server.user("ann").await;
    let olga = owner(&server);
    assert_eq!(set(&server, &ann, &["--role", "admin"])["role"], "admin");
    assert_eq!(line(&server, &ann)["role"], "admin");
    for change in [["--role", "admin"], ["--status", "suspended"], ["--status", "removed"]] {
        let why = refused(&server, &olga, &change);
        assert!(why.contains("olga@acme.example is the last active owner") && why.contains("first"), "{why}");
    }
    assert_eq!((line(&server, &olga)["status"].clone(), ledger(&server)), (json!("active"), (2, 1, 2)));
    set(&server, &ann, &["--role", "owner"]);
    assert_eq!(ledger(&server), (2, 2, 2));
    set(&server, &ann, &["--role", "owner"]);
    assert_eq!(ledger(&server), (2, 2, 2), "once is enough");
    set(&server, &olga, &["--role", "read"]);
    assert_eq!(ledger(&server), (2, 1, 2));
    assert!(refused(&server, &ann, &["--role", "write"]).contains("last active owner"));
    assert!(refused(&server, "nobody", &["--role", "write"]).contains("no member with the id \"nobody\""));
    assert!(refused(&server, &olga.replace('0', "1"), &["--role", "write"]).contains("no member with the id"));
    let trail = server.command(&["audit", "list", "--organization", "acme", "--limit", "1", "--json"]);
    assert_eq!((&trail[0]["action"], &trail[0]["target"]["id"]), (&json!("member.role_changed"), &json!(olga)));
    assert_eq!(trail[0]["detail"], json!({"before": "owner", "after": "read"}));
    // A role is no business of provisioning's.
    assert_eq!(server.patch(&format!("/Users/{ann}"), active(false)).await.0, 409);
}

async fn suspended(server: Server) {
    let ann = server.user("ann").await;
    let session = sign_in(&server, &ann);
    let before = server.get(&format!("/Users/{ann}")).await.1;
    assert_eq!(set(&server, &ann, &["--status", "suspended"])["status"], "suspended");
    assert!(!is_signed_in(&server, session), "sessions end with the suspension");
    assert_eq!(ledger(&server).0, 2, "the seat is kept");
    assert_eq!(server.get(&format!("/Users/{ann}")).await.1, before, "SCIM shows the provider's own value");
    // What provisioning says is another matter: neither lifts the other.
    let path = format!("/Users/{ann}");
    server.patch(&path, active(false)).await;
    server.patch(&path, active(true)).await;
    assert_eq!(line(&server, &ann)["status"], "suspended");
    server.patch(&path, active(false)).await;
    assert_eq!(set(&server, &ann, &["--status", "active"])["status"], "deactivated");
    server.patch(&path, active(true)).await;
    assert_eq!(line(&server, &ann)["status"], "active");
    let trail = server.command(&["audit", "list", "--organization", "acme", "--json"]);
    let actions: Vec<&Value> = trail.as_array().unwrap().iter().map(|event| &event["action"]).collect();
    for action in ["member.suspended", "member.suspension_lifted"] {
        assert_eq!(actions.iter().filter(|found| **found == action).count(), 1, "{action}");
    }
}

async fn a_suspended_owner_runs_nothing(server: Server) {
    let (ann, olga) = (server.user("ann").await, owner(&server));
    set(&server, &ann, &["--role", "owner"]);
    set(&server, &ann, &["--status", "suspended"]);
    assert_eq!(ledger(&server), (2, 1, 2));
    for change in [["--role", "read"], ["--status", "suspended"], ["--status", "removed"]] {
        assert!(refused(&server, &olga, &change).contains("last active owner"), "{change:?}");
    }
    let path = format!("/Users/{ann}");
    assert_eq!(server.send(Method::DELETE, &format!("/Users/{olga}"), None).await.0, 409);
    assert_eq!(server.patch(&path, active(false)).await.0, 200, "who runs nothing may go");
    assert_eq!(ledger(&server), (1, 1, 2));
    server.patch(&path, active(true)).await;
    assert_eq!(ledger(&server), (2, 1, 2));
    set(&server, &ann, &["--status", "active"]);
    assert_eq!(ledger(&server), (2, 2, 2));
    set(&server, &olga, &["--status", "suspended"]);
    set(&server, &olga, &["--status", "removed"]);
    assert_eq!(ledger(&server), (1, 1, 1));
}

async fn removed(server: Server) {
    let ann = server.user("ann").await;
    let (_, group) = server.post("/Groups", &json!({"displayName": "Staff", "members": [{"value": ann}]})).await;
    let group_path = format!("/Groups/{}", group["id"].as_str().unwrap());
    let session = sign_in(&server, &ann);
    assert_eq!(set(&server, &ann, &["--status", "removed"])["status"], "removed");
    assert!(!is_signed_in(&server, session));
    assert_eq!(server.get(&format!("/Users/{ann}")).await.0, 404);
    let members = server.get(&group_path).await.1["members"].clone();
    assert!(members.as_array().is_none_or(Vec::is_empty), "no membership is left: {members}");
    assert_eq!(ledger(&server), (1, 1, 1));
    assert_eq!(set(&server, &ann, &["--status", "removed"])["status"], "removed", "once is enough");
    for change in [["--role", "write"], ["--status", "suspended"]] {
        assert!(refused(&server, &ann, &change).contains("Bring the member back first"), "{change:?}");
    }
    let trail = server.command(&["audit", "list", "--organization", "acme", "--limit", "1", "--json"]);
    assert_eq!(
        (&trail[0]["action"], &trail[0]["detail"]["groups"]),
        (&json!("member.removed"), &json!([group["id"]])),
        "the second removal did nothing"
    );
    assert_ne!(server.user("ann").await, ann, "the userName is free, and whoever has it is another");
}

async fn brought_back(server: Server) {
    let mut body = user("ann");
    body["externalId"] = "e1".into();
    let (_, before) = server.post("/Users", &body).await;
    let ann = before["id"].as_str().unwrap();
    set(&server, ann, &["--role", "write"]);
    sign_in(&server, ann);
    server.send(Method::DELETE, &format!("/Users/{ann}"), None).await;
    server.command(&["organization", "set", "--organization", "acme", "--seats", "1"]);
    let why = refused(&server, ann, &["--status", "active"]);
    assert!(why.contains("No seats available: 1 of 1 used."), "{why}");
    server.command(&["organization", "set", "--organization", "acme", "--seats", "3"]);
    let namesake = server.user("ann").await;
    assert!(refused(&server, ann, &["--status", "active"]).contains("userName \"ann@acme.example\" by now"));
    server.send(Method::DELETE, &format!("/Users/{namesake}"), None).await;
    let back = set(&server, ann, &["--status", "active"]);
    assert_eq!(
        (&back["id"], &back["status"], &back["role"], &back["identity"]["subject"]),
        (&json!(ann), &json!("active"), &json!("write"), &json!(ann))
    );
    assert_eq!(line(&server, ann), back);
    assert_eq!(ledger(&server), (2, 1, 2));
    let (status, shown) = server.get(&format!("/Users/{ann}")).await;
    assert_eq!((status.as_u16(), &shown["externalId"], &shown["active"]), (200, &json!("e1"), &json!(true)));
    assert_eq!(shown["meta"]["created"], before["meta"]["created"]);
    assert_ne!(shown["meta"]["version"], before["meta"]["version"], "what was read before is not what is there now");
    assert_eq!(server.find("/Users", "emails.value eq \"ann@acme.example\"").await[0]["id"], ann, "found as before");
    assert_eq!(server.post("/Users", &body).await.0, 409, "managed by provisioning as before");
    set(&server, ann, &["--status", "removed"]);
    assert_eq!(set(&server, ann, &["--status", "active"])["status"], "active", "as often as it takes");
}

async fn not_the_operators_to_decide(server: Server) {
    let ann = server.user("ann").await;
    server.patch(&format!("/Users/{ann}"), active(false)).await;
    let why = refused(&server, &ann, &["--status", "active"]);
    assert!(why.contains("deactivated by provisioning") && why.contains("at the identity provider"), "{why}");
    server.command(&["organization", "set", "--organization", "acme", "--seats", "1", "--seat-policy", "waitlist"]);
    let bob = server.user("bob").await;
    let why = refused(&server, &bob, &["--status", "active"]);
    assert!(why.contains("waits for a seat") && why.contains("buy seats"), "{why}");
    let olga = owner(&server);
    let before = server.command(&["audit", "list", "--organization", "acme", "--json"]);
    assert_eq!(set(&server, &olga, &["--status", "active"])["status"], "active");
    let after = server.command(&["audit", "list", "--organization", "acme", "--json"]);
    assert_eq!(before, after, "what changes nothing leaves nothing");
}

async fn seats_go_on(server: Server) {
    server.command(&["organization", "set", "--organization", "acme", "--seats", "2", "--seat-policy", "waitlist"]);
    let (ann, bob) = (server.user("ann").await, server.user("bob").await);
    set(&server, &ann, &["--status", "suspended"]);
    assert_eq!(line(&server, &bob)["status"], "waiting", "who is suspended keeps the seat");
    set(&server, &ann, &["--status", "removed"]);
    assert_eq!(line(&server, &bob)["status"], "active", "the seat of who is removed goes to who waits");
    assert_eq!(server.get(&format!("/Users/{bob}")).await.1["active"], true);
}

/// Owners who take the role from each other at the same instant: one remains.
async fn owners_at_once(server: Server) {
    let mut owners = vec![owner(&server)];
    for name in ["ann", "bob", "cid"] {
        let id = server.user(name).await;
        set(&server, &id, &["--role", "owner"]);
        owners.push(id);
    }
    let changes = [["--role", "read"], ["--status", "suspended"], ["--status", "removed"], ["--role", "admin"]];
    let server = &server;
    std::thread::scope(|scope| {
        for (id, change) in owners.iter().zip(changes) {
            scope.spawn(move || server.run(&arguments(id, &change)));
        }
    });
    let runs = list(server).into_iter().filter(|line| line["role"] == "owner" && line["status"] == "active").count();
    assert_eq!((runs, ledger(server).1), (1, 1));
}
