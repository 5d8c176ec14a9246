//! Third-party suites: Okta's published specification test and `PyPI`'s scim2-tester.

use std::process::Command;

use crate::support::{Server, on_each_database};

on_each_database!(okta_specification, scim2_tester);

/// A program of the environment that `make test` makes.
pub fn program(name: &str) -> Option<String> {
    let path = format!("{}/target/venv/bin/{name}", env!("CARGO_MANIFEST_DIR"));
    if std::path::Path::new(&path).exists() {
        return Some(path);
    }
    crate::support::left_out(&format!("{name} is not installed, its suite did not run"));
    None
}

async fn okta_specification(server: Server) {
    let Some(python) = program("python") else { return };
    let suite = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/suites/okta_spec");
    let output = Command::new(python)
        .args([&format!("{suite}.py"), &format!("{suite}.json"), &server.base, &server.token])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("52 passed, 0 failed"), "{text}{}", String::from_utf8_lossy(&output.stderr));
}

async fn scim2_tester(server: Server) {
    let Some(scim2) = program("scim2") else { return };
    let authorization = format!("Authorization: Bearer {}", server.token);
    let output = Command::new(scim2).args(["-u", &server.base, "-h", &authorization, "test"]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let results: Vec<&str> = text
        .lines()
        .filter(|line| line.chars().next().is_some_and(char::is_uppercase) && !line.starts_with("Performing"))
        .collect();
    assert!(results.len() > 100, "{text}{}", String::from_utf8_lossy(&output.stderr));
    let failed: Vec<&&str> = results.iter().filter(|line| !line.starts_with("SUCCESS")).collect();
    assert!(failed.is_empty(), "{failed:?}\n{text}");
}
