//! The operator's commands, beside a running server: names, flags, answers, audit, exit codes.

use std::process::Output;

use diesel::sql_types::Text;
use headcount::store::sql::Sql;
use serde_json::{Value, json};

use crate::support::{Server, on_each_database};

on_each_database!(
    organizations,
    refusals,
    schemas,
    provisioning_tokens,
    domains,
    tenants,
    maintenance,
    audit,
    audit_trail,
    lines_for_people
);

const URN: &str = "urn:example:params:scim:schemas:extension:badge:2.0:User";

/// The command's one JSON document: standard output holds it and nothing else.
fn answer(server: &Server, arguments: &[&str]) -> Value {
    let output = server.run(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|why| panic!("{arguments:?}: {why}: {}", text(&output.stdout)))
}

/// The sentence of a command that failed: one line on standard error, nothing on standard output.
fn refusal(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    assert_eq!(text(&output.stdout), "");
    let said = text(&output.stderr);
    let said = said.trim_end().strip_prefix("headcount: ").unwrap_or_else(|| panic!("{said}"));
    assert!(!said.contains('\n') && said.ends_with('.'), "{said}");
    said.to_owned()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

async fn organizations(server: Server) {
    let created = answer(
        &server,
        &[
            "--json",
            "organization",
            "create",
            "--name",
            "Bolt & Söhne",
            "--slug",
            "bolt",
            "--owner-email",
            "Bea@bolt.example",
            "--seats",
            "3",
            "--plan",
            "enterprise_seat_monthly",
        ],
    );
    assert_eq!(
        (&created["slug"], &created["state"], &created["seats"], &created["plan"]),
        (&json!("bolt"), &json!("active"), &json!(3), &json!("enterprise_seat_monthly"))
    );
    let set = ["organization", "set", "--json", "--organization", "bolt", "--seats", "4", "--seat-policy", "waitlist"];
    answer(&server, &set);
    let shown = answer(&server, &["organization", "show", "--organization", "bolt", "--json"]);
    for (name, value) in [
        ("id", created["id"].clone()),
        ("name", json!("Bolt & Söhne")),
        ("seat_policy", json!("waitlist")),
        ("seats", json!(4)),
        ("seats_used", json!(1)),
        ("users", json!(1)),
    ] {
        assert_eq!(shown[name], value, "{name}");
    }
    let listed = answer(&server, &["organization", "list", "--json"]);
    let slugs: Vec<&Value> = listed.as_array().unwrap().iter().map(|organization| &organization["slug"]).collect();
    assert_eq!(slugs, ["acme", "bolt"]);
    // The first owner is a SCIM User of the running server at once.
    let token = answer(&server, &["provisioning-token", "create", "--organization", "bolt", "--name", "idp", "--json"]);
    let owner = server
        .as_bearer(token["token"].as_str().unwrap(), &format!("/Users/{}", created["owner_id"].as_str().unwrap()))
        .await;
    assert_eq!((owner.0.as_u16(), &owner.1["userName"]), (200, &json!("Bea@bolt.example")));
}

async fn refusals(server: Server) {
    let create = |slug: &str, email: &str, seats: &str| {
        let arguments = [
            "organization",
            "create",
            "--name",
            "N",
            "--slug",
            slug,
            "--owner-email",
            email,
            "--seats",
            seats,
            "--json",
        ];
        refusal(&server.run(&arguments))
    };
    assert!(create("acme", "a@b.example", "1").contains("Another organization has the slug \"acme\""));
    // Nobody would find it at /sign-in/callback.
    assert!(create("callback", "a@b.example", "1").contains("an address of the service's own"));
    assert!(create("Not A Slug", "a@b.example", "1").contains("such as acme"));
    assert!(create("new", "nobody", "1").contains("\"nobody\" is not an e-mail address"));
    assert!(create("new", "a@b.example", "0").contains("at least one seat"));
    let absent = refusal(&server.run(&["organization", "show", "--organization", "new", "--json"]));
    assert_eq!(absent, "There is no organization with the slug \"new\".", "nothing of a refused command is kept");
    server.user("ann").await;
    let fewer = refusal(&server.run(&["organization", "set", "--organization", "acme", "--seats", "1"]));
    assert!(fewer.starts_with("2 seats are used"), "{fewer}");
    for wrong in [
        vec!["organisation", "list"],
        vec!["organization", "list", "--color"],
        vec!["organization", "create", "--name", "N"],
        vec!["organization", "create", "--name", "N", "--slug", "s", "--owner-email", "e@e.example", "--seats", "many"],
        vec!["organization", "set", "--organization", "acme"],
        vec!["organization", "set", "--organization", "acme", "--seat-policy", "ignore"],
        vec!["schema", "remove", "--organization", "acme"],
        vec!["provisioning-token", "create", "--organization", "acme", "--name", "n", "--expires-in", "soon"],
        vec!["domain", "add", "--organization", "acme", "--domain", "a.example", "--role", "king"],
        vec!["domain", "add", "--organization", "acme", "--domain", "a.example", "--joining", "anyone"],
        vec!["domain", "set", "--organization", "acme", "--domain", "a.example"],
        vec!["organization", "set", "--organization", "acme", "--sso", "sometimes"],
        vec!["member", "set", "--organization", "acme", "--member", "m"],
        vec!["member", "set", "--organization", "acme", "--member", "m", "--status", "deactivated"],
        vec!["member", "set", "--organization", "acme", "--member", "m", "--status", "active", "--role", "read"],
        vec!["audit"],
    ] {
        let output = server.run(&wrong);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{wrong:?}");
        assert!(!output.stderr.is_empty(), "{wrong:?}");
    }
}

async fn schemas(server: Server) {
    let file = server.directory.join("badge.json");
    let path = file.to_str().unwrap();
    let schema = json!({
        "id": URN, "name": "Badge", "description": "Door badges",
        "attributes": [{"name": "badgeNumber", "type": "string", "multiValued": false, "required": false,
            "caseExact": true, "mutability": "readWrite", "returned": "default", "uniqueness": "none"}]
    });
    std::fs::write(&file, schema.to_string()).unwrap();
    let add = ["schema", "add", "--organization", "acme", "--file", path, "--json"];
    assert_eq!(answer(&server, &add), json!({"schema": URN, "required": false}));
    assert!(refusal(&server.run(&add)).contains(URN), "a URN is taken once");
    let listed = answer(&server, &["schema", "list", "--organization", "acme", "--json"]);
    assert_eq!((&listed[0]["schema"]["id"], &listed[0]["required"]), (&json!(URN), &json!(false)));
    // The running server knows it from its next request on.
    assert_eq!(server.get(&format!("/Schemas/{URN}")).await.0, 200);
    let mut ann = crate::support::user("ann");
    ann[URN] = json!({"badgeNumber": "B7"});
    assert_eq!(server.post("/Users", &ann).await.1[URN]["badgeNumber"], "B7");
    answer(&server, &["schema", "remove", "--organization", "acme", "--file", path, "--json"]);
    assert_eq!(server.get(&format!("/Schemas/{URN}")).await.0, 404);
    assert_eq!(answer(&server, &["schema", "list", "--organization", "acme", "--json"]), json!([]));
    let again = ["schema", "add", "--organization", "acme", "--file", path, "--required", "--json"];
    assert_eq!(answer(&server, &again)["required"], true);
    answer(&server, &["schema", "remove", "--organization", "acme", "--schema", URN, "--json"]);
    for (id, name, why) in [
        ("badge", "number", "is not a URN"),
        ("urn:a b", "number", "is not a URN"),
        (URN, "1st", "is not an attribute name"),
        (URN, "a.b", "is not an attribute name"),
        (URN, "", "is not an attribute name"),
    ] {
        std::fs::write(&file, json!({"id": id, "attributes": [{"name": name}]}).to_string()).unwrap();
        assert!(refusal(&server.run(&add)).contains(why), "{id} {name}");
    }
    std::fs::write(&file, json!({"id": URN, "attributes": []}).to_string()).unwrap();
    assert!(refusal(&server.run(&add)).contains("has no attributes"));
    std::fs::write(&file, "{").unwrap();
    let output = server.run(&add);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("badge.json is not JSON"), "{}", text(&output.stderr));
}

async fn provisioning_tokens(server: Server) {
    let create = |name: &str| {
        answer(
            &server,
            &[
                "provisioning-token",
                "create",
                "--organization",
                "acme",
                "--name",
                name,
                "--expires-in",
                "365d",
                "--json",
            ],
        )
    };
    let (one, two) = (create("okta"), create("okta"));
    let secret = one["token"].as_str().unwrap();
    assert!(secret.starts_with("hcp_") && secret.len() == 47, "{secret}");
    assert!(one["expires_at"].as_str().unwrap() > one["created_at"].as_str().unwrap());
    assert_eq!(server.as_bearer(secret, "/Users").await.0, 200);
    let listed = server.run(&["provisioning-token", "list", "--organization", "acme", "--json"]);
    assert!(!text(&listed.stdout).contains(secret), "a token is shown once");
    let revoke = |token: &str| {
        server.run(&["provisioning-token", "revoke", "--organization", "acme", "--token", token, "--json"])
    };
    assert!(refusal(&revoke("okta")).contains("2 live tokens are called \"okta\""));
    assert!(revoke(one["id"].as_str().unwrap()).status.success());
    let (status, refused) = server.as_bearer(secret, "/Users").await;
    assert_eq!(status, 401);
    assert!(refused["detail"].as_str().unwrap().contains("was revoked on"), "{refused}");
    assert!(revoke("okta").status.success(), "now the name says which");
    assert_eq!(server.as_bearer(two["token"].as_str().unwrap(), "/Users").await.0, 401);
    assert!(refusal(&revoke("okta")).contains("no live provisioning token"));
}

async fn domains(server: Server) {
    let add = |domain: &str, more: &[&str]| {
        let mut arguments = vec!["domain", "add", "--organization", "acme", "--domain", domain, "--json"];
        arguments.extend(more);
        server.run(&arguments)
    };
    let pending: Value = serde_json::from_slice(&add("Bücher.example", &[]).stdout).unwrap();
    assert_eq!(
        (&pending["domain"], &pending["state"], &pending["role"], &pending["txt_host"]),
        (
            &json!("xn--bcher-kva.example"),
            &json!("pending"),
            &json!("read"),
            &json!("_headcount-challenge.xn--bcher-kva.example")
        )
    );
    let verified: Value =
        serde_json::from_slice(&add("acme.example", &["--verified", "--role", "write"]).stdout).unwrap();
    assert_eq!((&verified["state"], &verified["role"]), (&json!("verified"), &json!("write")));
    assert!(refusal(&add("acme.example", &[])).contains("associated already"));
    for none in ["no domain", "localhost", ""] {
        assert!(refusal(&add(none, &[])).contains("is not a domain name"), "{none}");
    }
    assert!(refusal(&add("a@b.example", &[])).contains("behind the @"));
    assert!(refusal(&add("b.example", &["--role", "owner"])).contains("read or write"));
}

async fn tenants(server: Server) {
    let set = |more: &[&str]| {
        let mut arguments = vec!["organization", "set", "--organization", "acme", "--json"];
        arguments.extend(more);
        server.run(&arguments)
    };
    let shown = || {
        let shown = answer(&server, &["organization", "show", "--organization", "acme", "--json"]);
        (shown["descope_tenant_id"].clone(), shown["sso"].clone())
    };
    assert_eq!(shown(), (Value::Null, json!("off")));
    for sso in ["optional", "required"] {
        assert!(refusal(&set(&["--sso", sso])).contains("needs a tenant"), "nothing could open the organization");
    }
    let long = "T".repeat(129);
    for wrong in ["a b", "T2/x", "ü", &long] {
        let refused = refusal(&set(&["--descope-tenant-id", wrong]));
        assert!(refused.contains("1 to 128 letters"), "{wrong}: {refused}");
    }
    assert_eq!(shown(), (Value::Null, json!("off")), "nothing of a refused command is kept");
    let tenant = "T".repeat(128);
    let answered: Value = serde_json::from_slice(&set(&["--descope-tenant-id", &tenant]).stdout).unwrap();
    assert_eq!((&answered["descope_tenant_id"], &answered["sso"]), (&json!(tenant), &json!("optional")));
    assert_eq!(shown(), (json!(tenant), json!("optional")));
    assert!(set(&["--sso", "required"]).status.success());
    assert!(set(&["--descope-tenant-id", "acme.T2_x-y"]).status.success());
    assert_eq!(shown(), (json!("acme.T2_x-y"), json!("required")), "another tenant loosens nothing");
    assert!(set(&["--seats", "90"]).status.success());
    assert_eq!(shown(), (json!("acme.T2_x-y"), json!("required")), "seats are another matter");
    assert!(refusal(&set(&["--descope-tenant-id", "", "--sso", "required"])).contains("needs a tenant"));
    assert!(set(&["--sso", "off"]).status.success());
    assert_eq!(shown(), (json!("acme.T2_x-y"), json!("off")));
    assert!(set(&["--sso", "optional"]).status.success(), "the tenant was kept");
    assert!(set(&["--descope-tenant-id", ""]).status.success());
    assert_eq!(shown(), (Value::Null, json!("off")));
    assert!(set(&["--descope-tenant-id", "T3", "--sso", "required"]).status.success());
    assert_eq!(shown(), (json!("T3"), json!("required")));
    let events = answer(&server, &["audit", "list", "--organization", "acme", "--limit", "1", "--json"]);
    assert_eq!(
        (
            &events[0]["action"],
            &events[0]["detail"]["descope_tenant_id"]["after"],
            &events[0]["detail"]["sso"]["after"]
        ),
        (&json!("organization.changed"), &json!("T3"), &json!("required"))
    );
}

async fn audit_trail(server: Server) {
    let ann = server.user("ann").await;
    answer(&server, &["domain", "add", "--organization", "acme", "--domain", "a.example", "--json"]);
    let list = |limit: &str| answer(&server, &["audit", "list", "--organization", "acme", "--limit", limit, "--json"]);
    let events = list("2");
    let actions: Vec<&Value> = events.as_array().unwrap().iter().map(|event| &event["action"]).collect();
    assert_eq!(actions, ["domain.added", "user.created"], "newest first, as many as asked for");
    let (added, created) = (&events[0], &events[1]);
    assert_eq!((&added["actor"], &added["detail"]["domain"]), (&json!("operator"), &json!("a.example")));
    assert_eq!((&added["target"]["kind"], &added["target"]["id"]), (&json!("Organization"), &Value::Null));
    assert_eq!((&created["actor"], &created["address"]), (&json!("provisioning"), &json!("127.0.0.1")));
    assert_eq!(created["target"], json!({"kind": "User", "id": ann}));
    assert!(created["request_id"].is_string() && created["detail"] == "Created.", "{created}");
    assert!(created["at"].as_str().unwrap() <= added["at"].as_str().unwrap());
    let bolt = ["organization", "create", "--name", "B", "--slug", "bolt", "--owner-email", "b@bolt.example"];
    answer(&server, &[bolt.as_slice(), &["--seats", "1", "--json"]].concat());
    let other = answer(&server, &["audit", "list", "--organization", "bolt", "--json"]);
    assert_eq!((other.as_array().unwrap().len(), &other[0]["action"]), (1, &json!("organization.created")));
}

async fn maintenance(server: Server) {
    let ann = server.user("ann").await;
    assert_eq!(answer(&server, &["migrate", "--json"]), json!({"applied": []}), "serve has migrated already");
    for spoil in ["DELETE FROM attribute_values", "UPDATE resources SET user_name_key = 'spoilt' || user_name_key"] {
        assert!(Sql::new(spoil).execute(&mut server.database()).unwrap() > 0);
    }
    assert!(server.find("/Users", "emails.value eq \"ann@acme.example\"").await.is_empty());
    assert_eq!(answer(&server, &["--json", "reindex"]), json!({"reindexed": 2}));
    for filter in ["emails.value eq \"ANN@acme.example\"", "userName eq \"ann@acme.example\""] {
        assert_eq!(server.find("/Users", filter).await[0]["id"], ann, "{filter}");
    }
    let healthy = server.run(&["healthcheck", "--listen", &server.listen, "--json"]);
    assert_eq!(serde_json::from_slice::<Value>(&healthy.stdout).unwrap(), json!({"status": "healthy"}));
}

async fn audit(server: Server) {
    answer(&server, &["organization", "set", "--organization", "acme", "--seats", "90", "--json"]);
    answer(&server, &["domain", "add", "--organization", "acme", "--domain", "a.example", "--json"]);
    answer(&server, &["provisioning-token", "revoke", "--organization", "acme", "--token", "test", "--json"]);
    answer(&server, &["reindex", "--json"]);
    answer(&server, &["organization", "show", "--organization", "acme", "--json"]);
    let rows: Vec<(String, String)> =
        Sql::new("SELECT action, detail FROM audit_events WHERE actor = 'operator' ORDER BY id")
            .load::<(Text, Text), _>(&mut server.database())
            .unwrap();
    let actions: Vec<&str> = rows.iter().map(|(action, _)| action.as_str()).collect();
    assert_eq!(
        actions,
        [
            "organization.created",
            "provisioning_token.created",
            "organization.changed",
            "domain.added",
            "provisioning_token.revoked",
            "index.rebuilt"
        ],
        "what changes something leaves one event, what only looks leaves none"
    );
    assert_eq!(serde_json::from_str::<Value>(&rows[2].1).unwrap()["seats"]["after"], 90);
    assert!(rows.iter().all(|(_, detail)| !detail.contains("hcp_")), "no secret is in the trail");
}

async fn lines_for_people(server: Server) {
    let shown = text(&server.run(&["organization", "show", "--organization", "acme"]).stdout);
    assert!(shown.contains("\nslug               acme\n") && shown.contains("\nseats              100\n"), "{shown}");
}
