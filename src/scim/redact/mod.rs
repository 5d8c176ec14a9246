//! What a request said, as people may read it afterwards (floor 1): without secrets, and not without end.
//!
//! Secret is what the schemas never return (RFC 7643 §7 `returned`), and what is called as secrets are, whoever
//! sent it and wherever.

mod names;
mod text;

use std::borrow::Cow;

use serde_json::Value;

use self::names::Names;

/// In the place of what is secret.
pub const MASK: &str = "***";

/// The members of an object by which its `value` is named: a PATCH operation's `path`, and what else is sent.
const NAMING: [&str; 4] = ["path", "name", "key", "attribute"];

/// Values in values are read so deep.
const DEEPEST: usize = 64;

/// What is secret to an organization.
#[derive(Clone, Debug, Default)]
pub struct Redaction {
    names: Names,
}

impl Redaction {
    /// By the names of the attributes that its schemas never return.
    #[must_use]
    pub fn new<'n>(never: impl IntoIterator<Item = &'n str>) -> Self {
        Self { names: Names::new(never) }
    }

    /// A body as JSON text of so many bytes at most, and a note where it is cut.
    #[must_use]
    pub fn json(&self, body: &Value, limit: usize) -> String {
        let mut out = Bounded { text: String::new(), limit, full: false };
        self.write(&mut out, body, 0);
        if out.full {
            out.text.extend(["… [cut after ", &limit.to_string(), " bytes]"]);
        }
        out.text
    }

    /// A document without what is secret.
    #[must_use]
    pub fn value(&self, body: &Value) -> Value {
        serde_json::from_str(&self.json(body, usize::MAX)).unwrap_or_default()
    }

    /// A query string's parameters as text.
    #[must_use]
    pub fn query(&self, parameters: &[(String, String)], limit: usize) -> String {
        let mut out = Bounded { text: String::new(), limit, full: false };
        for (position, (name, value)) in parameters.iter().enumerate() {
            out.push(if position > 0 { "&" } else { "" });
            // A name can be anything, also a filter whose own name was forgotten.
            out.push(&self.text(name));
            out.push("=");
            if self.names.are_in(name) { out.push(MASK) } else { out.push(&self.text(value)) }
        }
        if out.full {
            out.text.extend(["… [cut after ", &limit.to_string(), " bytes]"]);
        }
        out.text
    }

    /// A text that may be a filter or a path: what it compares a secret with is left out.
    #[must_use]
    pub fn text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        if self.names.are_in(text) { Cow::Owned(text::filter(&self.names, text)) } else { Cow::Borrowed(text) }
    }

    /// Whether a text has the name of a secret in it.
    #[must_use]
    pub fn speaks_of_a_secret(&self, text: &str) -> bool {
        self.names.are_in(text)
    }

    /// A sentence of ours, of so many bytes at most; when it speaks of a secret, without what may be one.
    #[must_use]
    pub fn sentence<'t>(&self, sentence: &'t str, limit: usize) -> Cow<'t, str> {
        let clipped = &sentence[..sentence.floor_char_boundary(limit)];
        let redacted = if self.names.are_in(sentence) {
            Cow::Owned(text::sentence(&self.names, clipped))
        } else {
            Cow::Borrowed(clipped)
        };
        if clipped.len() == sentence.len() { redacted } else { Cow::Owned(format!("{redacted}…")) }
    }

    fn write(&self, out: &mut Bounded, value: &Value, depth: usize) {
        if out.full {
            return;
        }
        match value {
            _ if depth > DEEPEST => out.push_json(MASK),
            Value::Array(items) => {
                out.push("[");
                for (position, item) in items.iter().enumerate() {
                    if out.full {
                        return;
                    }
                    out.push(if position > 0 { "," } else { "" });
                    self.write(out, item, depth + 1);
                }
                out.push("]");
            }
            Value::Object(members) => {
                let named = |name: &str| NAMING.iter().any(|naming| naming.eq_ignore_ascii_case(name));
                let is_named_secret = members
                    .iter()
                    .any(|(name, value)| named(name) && value.as_str().is_some_and(|text| self.names.are_in(text)));
                out.push("{");
                for (position, (name, value)) in members.iter().enumerate() {
                    out.push(if position > 0 { "," } else { "" });
                    out.push_json(name);
                    out.push(":");
                    let is_value = is_named_secret && begins_with_value(name);
                    if (is_value || self.names.are_in(name)) && !value.is_null() {
                        out.push_json(MASK);
                    } else {
                        self.write(out, value, depth + 1);
                    }
                }
                out.push("}");
            }
            Value::String(text) => self.write_text(out, text, depth),
            scalar => out.push(&scalar.to_string()),
        }
    }

    /// A text; some clients send JSON in one, where a name can be spelled with escapes.
    fn write_text(&self, out: &mut Bounded, text: &str, depth: usize) {
        if text.trim_start().starts_with(['{', '[']) {
            match serde_json::from_str::<Value>(text) {
                Ok(inner) if self.is_clean(&inner) => {}
                Ok(inner) => {
                    let mut redacted = Bounded { text: String::new(), limit: out.limit, full: false };
                    self.write(&mut redacted, &inner, depth + 1);
                    return out.push_json(&redacted.text);
                }
                Err(_) if self.names.are_in(text) || text.contains("\\u") => return out.push_json(MASK),
                Err(_) => {}
            }
        }
        out.push_json(&self.text(text));
    }

    /// Whether a value neither is called nor names a secret anywhere.
    fn is_clean(&self, value: &Value) -> bool {
        match value {
            Value::Array(items) => items.iter().all(|item| self.is_clean(item)),
            Value::Object(members) => {
                members.iter().all(|(name, value)| !self.names.are_in(name) && self.is_clean(value))
            }
            Value::String(text) => !text.starts_with(['{', '[']) && !self.names.are_in(text),
            _ => true,
        }
    }
}

/// `value`, `values`, `valueString`.
fn begins_with_value(name: &str) -> bool {
    name.get(..5).is_some_and(|start| start.eq_ignore_ascii_case("value"))
}

/// A text that takes so much and no more.
struct Bounded {
    text: String,
    limit: usize,
    full: bool,
}

impl Bounded {
    fn push(&mut self, piece: &str) {
        if self.full {
            return;
        }
        let room = self.limit - self.text.len();
        if piece.len() <= room {
            self.text.push_str(piece);
            return;
        }
        self.full = true;
        self.text.push_str(&piece[..piece.floor_char_boundary(room)]);
    }

    fn push_json(&mut self, text: &str) {
        let plain = !text.bytes().any(|byte| byte < b' ' || matches!(byte, b'"' | b'\\'));
        if plain {
            self.push("\"");
            self.push(text);
            self.push("\"");
        } else {
            self.push(&Value::from(text).to_string());
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::registry::Registry;
    use super::super::schema::Schema;
    use super::*;

    fn registry() -> Registry {
        let schema = json!({"id": "urn:acme:door", "name": "Door", "attributes": [
            {"name": "pin", "type": "string", "returned": "never"},
            {"name": "lock", "type": "complex", "subAttributes": [{"name": "code", "type": "string", "returned": "never"}]}]});
        Registry::standard().unwrap().with_extension(Schema::from_json(schema).unwrap(), false).unwrap()
    }

    #[test]
    fn nothing_secret_is_left_wherever_it_stands() {
        let registry = registry();
        let redaction = registry.redaction();
        for body in [
            json!({"userName": "ann", "password": "S3CRET"}),
            json!({"PassWord": {"value": "S3CRET"}}),
            json!({"urn:ietf:params:scim:schemas:core:2.0:User:password": "S3CRET"}),
            json!({"urn:acme:door": {"pin": "S3CRET"}}),
            json!({"urn:acme:door": {"lock": {"code": "S3CRET", "place": "x"}}}),
            json!({"urn:acme:door:pin": "S3CRET"}),
            json!({"Operations": [{"op": "replace", "path": "password", "value": "S3CRET"}]}),
            json!({"Operations": [{"op": "replace", "PATH": "urn:acme:door:lock.code", "Value": ["S3CRET"]}]}),
            json!({"Operations": [{"op": "replace", "value": {"password": "S3CRET"}}]}),
            json!({"Operations": [{"op": "replace", "value": "{\"password\": \"S3CRET\"}"}]}),
            json!({"Operations": [{"op": "replace", "value": "{\"password\": \"S3CRET\""}]}),
            json!({"Operations": [{"op": "remove", "path": "lock[code eq \"S3CRET\"]"}]}),
            json!({"attributes": [{"name": "password", "value": "S3CRET"}]}),
            json!({"clientSecret": "S3CRET", "access_token": "S3CRET", "apiKey": ["S3CRET"]}),
            json!({"Operations": [{"op": "replace", "value": "{\"pass\\u0077ord\": \"S3CRET\"}"}]}),
            json!({"attribute": "pin", "values": ["S3CRET"]}),
            json!({"headers": {"Authorization": "Bearer S3CRET", "Cookie": "S3CRET", "X-Api-Key": "S3CRET"}}),
            json!({"filter": "urn:acme:door:pin eq S3CRET"}),
            json!({"filter": "password eq \"S3CRET\" or userName eq \"a\\\"S3CRET\""}),
        ] {
            let text = redaction.json(&body, 4_096);
            assert!(text.contains(MASK) && !text.contains("S3CRET"), "{body}: {text}");
            assert!(serde_json::from_str::<Value>(&text).is_ok(), "{text}");
        }
        let query = |name: &str, value: &str| redaction.query(&[(name.into(), value.into())], 1_000);
        assert_eq!(query("filter", "password eq \"S3CRET\""), "filter=password eq \"***\"");
        assert_eq!(query("access_token", "S3CRET"), "access_token=***");
        assert_eq!(query("filter", "userName eq \"ann\""), "filter=userName eq \"ann\"");
    }

    #[test]
    fn everything_else_is() {
        let body = json!({"userName": "ann\u{1}\"ü", "emails": [{"value": "a@b.example", "primary": true}], "n": 1.5, "x": null,
            "password": null});
        let registry = registry();
        assert_eq!(registry.redaction().value(&body), body);
    }

    #[test]
    fn nothing_is_without_end() {
        let registry = registry();
        let redaction = registry.redaction();
        let body = json!({"members": vec![json!({"value": "üüüü"}); 10_000]});
        let text = redaction.json(&body, 100);
        assert!(text.ends_with("… [cut after 100 bytes]") && text.len() < 140, "{text}");
        let exact = json!(["a"]).to_string();
        assert_eq!(redaction.json(&json!(["a"]), exact.len()), exact, "what fits is whole");
    }
}
