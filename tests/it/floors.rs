//! A module imports only from floors below its own.

use std::path::Path;

const FLOORS: &[(&str, u8)] = &[
    ("clock", 0),
    ("id", 0),
    ("secret", 0),
    ("sealing", 0),
    ("text", 0),
    ("spreadsheet", 0),
    ("error", 0),
    ("scim", 1),
    ("organization", 1),
    ("jwt", 1),
    ("rate", 1),
    ("store", 2),
    ("oidc", 3),
    ("dns", 3),
    ("mail", 3),
    ("billing", 3),
    ("webhooks", 3),
    ("membership", 4),
    ("provisioning", 5),
    ("sign_in", 5),
    ("administration", 5),
    ("http", 6),
    ("jobs", 6),
    ("config", 7),
    ("telemetry", 7),
    ("assembly", 7),
    ("demo", 7),
    ("stand_in", 7),
    ("cli", 7),
];

/// Imports between siblings, each with its reason.
const SIBLINGS: &[(&str, &str)] = &[
    ("id", "clock"),
    ("id", "secret"),
    ("sealing", "secret"),
    // The operator's commands admit who waits and derive keys by the use cases' own functions.
    ("administration", "provisioning"),
    ("assembly", "config"),
    ("demo", "assembly"),
    ("demo", "config"),
    // The demonstration's people sign in somewhere; nothing else of the program knows of that provider.
    ("demo", "stand_in"),
    ("cli", "assembly"),
    ("cli", "config"),
    ("cli", "demo"),
    ("cli", "telemetry"),
];

#[test]
fn imports_go_down() {
    let mut wrong = Vec::new();
    visit(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")), &mut |path, text| {
        let inside = path.strip_prefix(concat!(env!("CARGO_MANIFEST_DIR"), "/src")).unwrap();
        let module =
            inside.components().next().unwrap().as_os_str().to_str().unwrap().trim_end_matches(".rs").to_owned();
        let Some(floor) = floor(&module) else {
            assert!(matches!(module.as_str(), "lib" | "main"), "{module} stands on no floor");
            return;
        };
        for imported in text.match_indices("crate::").map(|(at, _)| &text[at + 7..]) {
            let imported: String = imported.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            let Some(below) = self::floor(&imported) else { continue };
            let sibling = SIBLINGS.contains(&(module.as_str(), imported.as_str()));
            if imported != module && below >= floor && !sibling {
                wrong
                    .push(format!("{}: {module} (floor {floor}) imports {imported} (floor {below})", inside.display()));
            }
        }
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn floor(module: &str) -> Option<u8> {
    FLOORS.iter().find(|(name, _)| *name == module).map(|(_, floor)| *floor)
}

fn visit(directory: &Path, see: &mut impl FnMut(&Path, &str)) {
    for entry in std::fs::read_dir(directory).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            visit(&path, see);
        } else {
            see(&path, &std::fs::read_to_string(&path).unwrap());
        }
    }
}
