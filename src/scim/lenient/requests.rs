//! HTTP around a request: its path, its query, its media type.

/// The segments of a path. A doubled slash, from a base URL that was entered with one at its end, and a
/// trailing one mean nothing: `ping.json`. A trailing `?` or `&` (`onelogin.json`) is an empty query
/// and an empty parameter.
#[must_use]
pub fn path_segments(path: &str) -> Vec<&str> {
    path.split('/').filter(|segment| !segment.is_empty()).collect()
}

/// A query parameter that no specification has is ignored, and named in the log of a write:
/// Entra ID's feature flag is part of its tenant URL and so reaches every request
/// (`entra-aadoptscim062020.json`).
pub fn unknown_parameter(name: &str, unknown: &mut Vec<String>) {
    const MOST: usize = 10;
    if !name.is_empty() && unknown.len() < MOST {
        unknown.push(name.chars().take(40).collect());
    }
}

/// Google Workspace and OneLogin send `application/json` where RFC 7644 §3.1 wants
/// `application/scim+json`: `google.json`, `onelogin.json`.
#[must_use]
pub fn is_json(essence: &str) -> bool {
    ["application/scim+json", "application/json"].iter().any(|known| known.eq_ignore_ascii_case(essence))
}
