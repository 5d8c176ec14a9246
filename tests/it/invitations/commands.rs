//! `headcount invitation …`: the same use cases, one JSON document each.

use serde_json::{Value, json};

use super::id;
use crate::support::{Server, on_each_database};

on_each_database!(all_of_it);

fn invitation(server: &Server, command: &str, more: &[&str]) -> Value {
    server.command(&[&["invitation", command, "--organization", "acme", "--json"], more].concat())
}

async fn all_of_it(server: Server) {
    let keys = server.directory.to_str().unwrap().to_owned();
    let with_keys = |arguments: &[&str]| {
        let output = crate::support::headcount()
            .args(arguments)
            .args(["--database-url", &server.url])
            .env("HEADCOUNT_KEYS_DIRECTORY", &keys)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.success(), serde_json::from_slice::<Value>(&output.stdout).unwrap_or(Value::Null), said)
    };
    let base = ["invitation", "create", "--organization", "acme", "--json"];
    let (done, made, said) =
        with_keys(&[base.as_slice(), &["--email", "gus@guest.example", "--role", "owner"]].concat());
    assert!(done, "{said}");
    assert_eq!(
        (&made["role"], &made["state"], &made["invited_by"]),
        (&json!("owner"), &json!("pending"), &json!("operator"))
    );
    let (done, _, said) = with_keys(&[base.as_slice(), &["--email", "gus@guest.example"]].concat());
    assert!(!done && said.contains("invited already"), "{said}");
    let file = server.directory.join("people.csv");
    let result = server.directory.join("result.csv");
    std::fs::write(&file, "email,role\r\nann@guest.example,Admin\r\n=1+1,read\r\ngus@guest.example,\r\n").unwrap();
    let (file, result) = (file.to_str().unwrap(), result.to_str().unwrap());
    let import = ["invitation", "import", "--organization", "acme", "--json", "--file", file];
    let (_, seen, _) = with_keys(&[import.as_slice(), &["--preview"]].concat());
    assert_eq!((&seen["totals"]["ready"], &seen["items"][1]["state"]), (&json!(1), &json!("not_an_address")));
    let (done, sent, said) = with_keys(&[import.as_slice(), &["--result", result]].concat());
    assert!(done, "{said}");
    assert_eq!((&sent["totals"]["invited"], &sent["items"][2]["state"]), (&json!(1), &json!("already_invited")));
    let written = std::fs::read_to_string(result).unwrap();
    assert!(written.starts_with('\u{feff}') && written.contains("'=1+1"), "{written}");
    let listed = invitation(&server, "list", &["--state", "pending"]);
    let emails: Vec<&str> =
        listed.as_array().unwrap().iter().map(|invitation| invitation["email"].as_str().unwrap()).collect();
    assert_eq!(emails, ["ann@guest.example", "gus@guest.example"]);
    assert!(!listed.to_string().contains("hci_"), "{listed}");
    let resend = ["invitation", "resend", "--organization", "acme", "--json", "--invitation", id(&made)];
    assert_eq!(with_keys(&resend).1["sent_count"], 2);
    let link = invitation(&server, "link", &["--invitation", id(&made)]);
    assert!(link["link"].as_str().unwrap().contains("/invitations/hci_"), "{link}");
    assert_eq!(invitation(&server, "revoke", &["--invitation", id(&made)])["state"], "revoked");
    let shown = server.command(&["organization", "show", "--organization", "acme", "--json"]);
    assert_eq!(shown["seats_pending"], 1);
}
