//! The format of a transcript; a key that is not in it is an error, so that no expectation is lost.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

/// One client's life.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Transcript {
    pub client: String,
    /// Where each exchange comes from: `documented`, `code`, `observed`, `secondary` or `inferred`, and the source.
    pub evidence: BTreeMap<String, String>,
    /// Sent with every request.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// A Schema that the organization has beside the standard ones.
    pub extension: Option<Value>,
    pub exchanges: Vec<Exchange>,
}

/// A request as the client sends it, and what it needs of the answer.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exchange {
    pub name: String,
    /// A key of the transcript's evidence.
    pub evidence: String,
    /// Method and path with its query, as on the wire.
    pub request: String,
    /// In place of the transcript's headers of the same name, or beside them.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    pub body: Option<Value>,
    pub expect: Expect,
    /// Names for values of the answer, by JSON pointer; `{{name}}` stands for them from then on.
    #[serde(default)]
    pub keep: BTreeMap<String, String>,
    /// What the test itself looks at afterwards.
    #[serde(default)]
    pub then: Vec<Look>,
}

/// What must be true of an answer. Values are compared as subsets: an object may have more than is named.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    pub status: u16,
    /// By JSON pointer.
    #[serde(default)]
    pub body: BTreeMap<String, Value>,
    /// JSON pointers that lead nowhere.
    #[serde(default)]
    pub absent: Vec<String>,
    /// By JSON pointer: anything but this.
    #[serde(default)]
    pub differs: BTreeMap<String, Value>,
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Parts of the explanation in the provisioning log.
    #[serde(default)]
    pub log: Vec<String>,
}

/// A GET by the test.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Look {
    pub get: String,
    #[serde(default = "found")]
    pub status: u16,
    #[serde(default)]
    pub body: BTreeMap<String, Value>,
    #[serde(default)]
    pub absent: Vec<String>,
}

const fn found() -> u16 {
    200
}

impl Transcript {
    pub fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let transcript: Self =
            serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        for (key, source) in &transcript.evidence {
            let kind = source.split(':').next().unwrap_or_default();
            let known = ["documented", "code", "observed", "secondary", "inferred"].contains(&kind);
            assert!(known, "{}: evidence \"{key}\" is of no known kind: {source}", path.display());
        }
        for exchange in &transcript.exchanges {
            let known = transcript.evidence.contains_key(&exchange.evidence);
            assert!(known, "{}: \"{}\" has no evidence", path.display(), exchange.name);
        }
        transcript
    }
}
