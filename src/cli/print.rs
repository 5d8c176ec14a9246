//! What a command answers: one JSON document with `--json`, else lines for people.

use std::io::Write as _;

use serde_json::{Map, Value};

/// Prints an answer on standard output.
pub(super) fn answer(value: &Value, json: bool) -> Result<(), String> {
    let text = if json { value.to_string() } else { lines(value) };
    writeln!(std::io::stdout(), "{text}").map_err(|error| format!("the answer cannot be printed: {error}"))
}

/// One `name  value` to a line; the things of a list with an empty line between them.
fn lines(value: &Value) -> String {
    match value {
        Value::Array(things) if things.is_empty() => "There are none.".to_owned(),
        Value::Array(things) => things.iter().map(lines).collect::<Vec<_>>().join("\n\n"),
        Value::Object(properties) => aligned(properties),
        scalar => cell(scalar),
    }
}

fn aligned(properties: &Map<String, Value>) -> String {
    let width = properties.keys().map(String::len).max().unwrap_or_default();
    let line = |(name, value): (&String, &Value)| format!("{name:width$}  {}", cell(value));
    properties.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::lines;

    #[test]
    fn people_read_aligned_lines() {
        assert_eq!(lines(&json!([{"slug": "acme", "id": null}, {"a": 1}])), "slug  acme\nid    -\n\na  1");
        assert_eq!(lines(&json!([])), "There are none.");
    }
}
