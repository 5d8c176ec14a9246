//! What clients really send, replayed: each file of `tests/transcripts/` is one client's life over
//! HTTP, on both databases. `tests/transcripts/README.md` has the format.

mod check;
mod format;
mod replay;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::support::{Server, on_each_database};

macro_rules! transcripts {
    ($($name:ident = $file:literal),+ $(,)?) => {
        $(async fn $name(server: Server) { replay::run(&server, &directory().join($file)).await; })+
        on_each_database!($($name),+);
        const FILES: &[&str] = &[$($file),+];
    };
}

transcripts! {
    authentik = "authentik.json",
    descope = "descope.json",
    entra = "entra.json",
    entra_aadoptscim062020 = "entra-aadoptscim062020.json",
    google = "google.json",
    jumpcloud = "jumpcloud.json",
    keycloak = "keycloak.json",
    okta_custom_app = "okta-custom-app.json",
    okta_oin = "okta-oin.json",
    onelogin = "onelogin.json",
    ping = "ping.json",
    pocket_id = "pocket-id.json",
    rauthy = "rauthy.json",
    rippling = "rippling.json",
    scimgateway = "scimgateway.json",
}

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts")
}

fn is_transcript(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|extension| extension == "json")
}

#[test]
fn every_transcript_is_replayed() {
    let files: BTreeSet<String> = std::fs::read_dir(directory())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| is_transcript(name))
        .collect();
    assert_eq!(files, FILES.iter().map(ToString::to_string).collect());
}

/// A tolerance without a client that needs it is a hole: each names a transcript that exists.
#[test]
fn every_tolerance_names_a_transcript() {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/scim/lenient");
    let mut functions = 0;
    for entry in std::fs::read_dir(sources).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let mut documentation = String::new();
        for line in text.lines() {
            match line.strip_prefix("///") {
                Some(more) => documentation.push_str(more),
                None if line.starts_with("#[") => {}
                None => {
                    if let Some(signature) = line.strip_prefix("pub fn ") {
                        functions += 1;
                        let named: Vec<&str> = documentation.split('`').filter(|word| is_transcript(word)).collect();
                        assert!(!named.is_empty(), "{}: {signature} names no transcript", path.display());
                        for file in named {
                            assert!(FILES.contains(&file), "{}: {signature}: no transcript {file}", path.display());
                        }
                    }
                    documentation.clear();
                }
            }
        }
    }
    assert!(functions > 15, "the tolerances moved: only {functions} were found");
}
