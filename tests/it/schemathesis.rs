//! The API against its own description, by `PyPI`'s schemathesis: requests that the description allows and such as it
//! does not, one by one and in sequences that follow what was answered.

use std::process::Command;

use serde_json::json;

use crate::suites::program;
use crate::support::dns::Dns;
use crate::support::{Database, Server, Setup, in_process_on_each_database};

in_process_on_each_database!(keeps_to_its_description);

const SUITES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/suites");

async fn keeps_to_its_description(database: Database) {
    let Some(schemathesis) = program("schemathesis") else { return };
    // It presents many wrong keys, makes webhooks of this machine (api_hooks.py), and has domains looked up that are not there.
    let dns = Dns::start();
    let setup = Setup::seats(1_000)
        .with("HEADCOUNT_LIMITS_API_KEYS", 0)
        .with("HEADCOUNT_WEBHOOKS_ALLOW_PRIVATE", true)
        .with("HEADCOUNT_DNS_SERVERS", dns.address);
    let server = Server::set_up(database, setup).await;
    let key = |name| {
        let create = ["api-key", "create", "--organization", "acme", "--name", name, "--role", "admin", "--json"];
        server.command(&create)
    };
    let (own, other) = (key("tester"), key("another"));
    let key = own["key"].as_str().unwrap();
    let organization = server.organization(key, "acme").await["id"].as_str().unwrap().to_owned();
    let member = server.user("somebody").await;
    let group = json!({"displayName": "Everybody", "members": [{"value": member}]});
    let group = server.post("/Groups", &group).await.1;
    let mut run = Command::new(schemathesis);
    run.args(["--config-file", &format!("{SUITES}/schemathesis.toml"), "run"])
        .arg(format!("http://{}/api/openapi.json", server.listen))
        .env("API_KEY", key)
        .env("ORGANIZATION", &organization)
        .env("OTHER_KEY", other["id"].as_str().unwrap())
        .env("MEMBER", &member)
        .env("GROUP", group["id"].as_str().unwrap())
        .env("SCHEMATHESIS_HOOKS", "api_hooks")
        .env("PYTHONPATH", SUITES)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        // What it remembers of one run would change the next.
        .current_dir(crate::support::directory());
    // Beside this thread, which notices meanwhile that the server has closed its connection.
    let output = tokio::task::spawn_blocking(move || run.output()).await.unwrap().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    let operations = headcount::http::api::openapi::document()["paths"].as_object().unwrap().values();
    let operations: usize = operations.map(|path| path.as_object().unwrap().len()).sum();
    // All of them but where the description itself is.
    assert!(text.contains(&format!("Tested: {}", operations - 1)), "{operations}: {text}");
    // Had it closed the door behind itself, it would have been refused and content with that.
    server.organization(key, &organization).await;
}
