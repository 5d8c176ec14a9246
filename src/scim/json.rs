//! Request bodies as JSON (floor 1): any JSON in which no object has a name twice.
//!
//! RFC 8259 §4 leaves open which of two counts, and attribute names are case-insensitive (RFC 7643
//! §2.1): `userName` and `USERNAME` are one. No client is known to send such a body, so what it means
//! is asked back and not guessed.

use std::collections::HashSet;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use crate::error::{Code, Error, Result};

/// Names up to which an object's are compared one by one: quicker than hashing, and most have fewer.
const FEW: usize = 16;
/// Characters of a name that is told to the client.
const SHOWN: usize = 100;

/// Reads a body.
///
/// # Errors
/// `invalidSyntax`: no JSON, or an object that has a name twice, with its place.
pub fn read(text: &str) -> Result<Value> {
    match serde_json::from_str::<Body>(text) {
        Ok(Body(value)) => Ok(value),
        // The visitor's own error; it says what comes twice and where.
        Err(source) if source.is_data() => Err(Error::new(Code::InvalidSyntax, format!("In the body {source}."))),
        Err(source) => Err(Error::new(
            Code::InvalidSyntax,
            format!("The body is not JSON: line {}, column {}.", source.line(), source.column()),
        )),
    }
}

struct Body(Value);

impl<'de> Deserialize<'de> for Body {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader).map(Self)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(Body(value)) = elements.next_element()? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        let mut many = HashSet::new();
        while let Some(name) = entries.next_key::<String>()? {
            if is_there(&object, &mut many, &name) {
                let shown: String = name.chars().take(SHOWN).collect();
                return Err(A::Error::custom(format_args!(
                    "an object has the name \"{shown}\" twice (names are case-insensitive, RFC 7643 §2.1)"
                )));
            }
            let Body(value) = entries.next_value()?;
            object.insert(name, value);
        }
        Ok(Value::Object(object))
    }
}

/// Whether an object has a name already. `many` has its names in lower case once they are more than a few,
/// so that a body of nothing but names is read in linear time.
fn is_there(object: &Map<String, Value>, many: &mut HashSet<String>, name: &str) -> bool {
    if object.len() < FEW {
        return object.keys().any(|known| known.eq_ignore_ascii_case(name));
    }
    if many.is_empty() {
        many.extend(object.keys().map(|known| known.to_ascii_lowercase()));
    }
    !many.insert(name.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_serde_json_reads() {
        for text in [
            r#"{"a":[1,-2,2.5e3,18446744073709551615,null,true,"x\"ü"],"b":{"c":{},"d":[]}}"#,
            "null",
            "\"text\"",
            "[[],{}]",
            r#"{"value":"a","type":"a","A b":{"value":1}}"#,
        ] {
            assert_eq!(read(text).unwrap(), serde_json::from_str::<Value>(text).unwrap(), "{text}");
        }
        for text in ["", "{", "[1,]", "{\"a\":1,}", "tru", "\"a", "1e999", "{} {}"] {
            assert!(read(text).is_err() && serde_json::from_str::<Value>(text).is_err(), "{text}");
        }
        let deep = "[".repeat(10_000);
        assert_eq!(read(&deep).unwrap_err().code, Code::InvalidSyntax);
    }

    #[test]
    fn refuses_a_name_that_comes_twice() {
        let many = |last: &str| {
            let names: Vec<String> = (0..3 * FEW).map(|number| format!("\"n{number}\":0")).collect();
            format!("{{{},\"{last}\":1}}", names.join(","))
        };
        for (text, name) in [
            (r#"{"userName":"a","userName":"b"}"#.to_owned(), "userName"),
            (r#"{"userName":"a","USERNAME":"b"}"#.to_owned(), "USERNAME"),
            (r#"{"emails":[{"value":"a","type":"b","Value":"c"}]}"#.to_owned(), "Value"),
            (r#"{"a\u0062":1,"ab":2}"#.to_owned(), "ab"),
            (many("N0"), "N0"),
            (many(&format!("N{}", 3 * FEW - 1)), "N47"),
        ] {
            let error = read(&text).unwrap_err();
            assert_eq!(error.code, Code::InvalidSyntax, "{text}");
            assert!(error.detail.contains(&format!("\"{name}\" twice")), "{text}: {error}");
        }
        assert!(read(&many("other")).is_ok());
    }
}
