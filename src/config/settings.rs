//! Settings by their keys: found in a table, set with the type of their default, named by variables of the
//! environment, and, where somebody has mistyped one, suggested.

use std::collections::BTreeMap;
use std::ffi::OsString;

use toml::{Table, Value};

pub(super) const PREFIX: &str = "HEADCOUNT_";

/// The variables that are ours. A stranger's may be any bytes.
pub(super) fn own_variables(
    environment: impl Iterator<Item = (OsString, OsString)>,
) -> Result<BTreeMap<String, String>, String> {
    environment
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
        .filter(|(name, _)| name.starts_with(PREFIX))
        .map(|(name, value)| match value.into_string() {
            Ok(value) => Ok((name, value)),
            Err(_) => Err(format!("{name} is not UTF-8")),
        })
        .collect()
}

/// Applies one variable of the environment; the key it sets.
pub(super) fn apply_variable(
    table: &mut Table,
    known: &[String],
    name: &str,
    value: &str,
) -> Result<Option<String>, String> {
    if name == "HEADCOUNT_CONFIG" || name.starts_with("HEADCOUNT_TEST_") {
        return Ok(None);
    }
    let plain = name.trim_start_matches(PREFIX).to_ascii_lowercase();
    let find = |wanted: &str| known.iter().find(|key| key.replace('.', "_") == wanted);
    if let Some(key) = find(&plain) {
        set(table, key, Value::String(value.to_owned())).map_err(|why| format!("{name}: {why}"))?;
        return Ok(Some(key.clone()));
    }
    if let Some(key) = plain.strip_suffix("_file").and_then(find) {
        let content =
            std::fs::read_to_string(value).map_err(|error| format!("{name}: {value} cannot be read: {error}"))?;
        set(table, key, Value::String(content.trim_end().to_owned())).map_err(|why| format!("{name}: {why}"))?;
        return Ok(Some(key.clone()));
    }
    let names: Vec<String> =
        known.iter().map(|key| format!("{PREFIX}{}", key.replace('.', "_").to_ascii_uppercase())).collect();
    Err(format!("{name} is not a setting{}", suggestion(name, &names)))
}

pub(super) fn known_key(key: &str, known: &[String]) -> Result<(), String> {
    if known.iter().any(|known| known == key) {
        Ok(())
    } else {
        Err(format!("{key} is not a setting{}", suggestion(key, known)))
    }
}

fn suggestion(name: &str, known: &[String]) -> String {
    let close = known.iter().max_by(|a, b| strsim::jaro_winkler(a, name).total_cmp(&strsim::jaro_winkler(b, name)));
    match close.filter(|close| strsim::jaro_winkler(close, name) > 0.8) {
        Some(close) => format!("; did you mean {close}?"),
        None => String::new(),
    }
}

pub(super) fn keys(table: &Table) -> Vec<String> {
    let mut keys = Vec::new();
    for (name, value) in table {
        match value {
            Value::Table(inner) => keys.extend(self::keys(inner).into_iter().map(|key| format!("{name}.{key}"))),
            _ => keys.push(name.clone()),
        }
    }
    keys
}

pub(super) fn get<'t>(table: &'t Table, key: &str) -> Option<&'t Value> {
    match key.split_once('.') {
        Some((section, key)) => get(table.get(section)?.as_table()?, key),
        None => table.get(key),
    }
}

fn slot<'t>(table: &'t mut Table, key: &str) -> Option<&'t mut Value> {
    match key.split_once('.') {
        Some((section, key)) => slot(table.get_mut(section)?.as_table_mut()?, key),
        None => table.get_mut(key),
    }
}

/// Sets a known key; a text becomes the type of the default.
pub(super) fn set(table: &mut Table, key: &str, value: Value) -> Result<(), String> {
    let slot = slot(table, key);
    let slot = slot.ok_or_else(|| format!("{key} is not a setting"))?;
    let value = match (&*slot, value) {
        (Value::Integer(_), Value::String(text)) => {
            Value::Integer(text.trim().parse().map_err(|_| format!("{key} must be a whole number, not \"{text}\""))?)
        }
        (Value::Boolean(_), Value::String(text)) => {
            Value::Boolean(text.trim().parse().map_err(|_| format!("{key} must be true or false, not \"{text}\""))?)
        }
        (_, value) => value,
    };
    if slot.type_str() != value.type_str() {
        return Err(format!("{key} must be a {}, not a {}", slot.type_str(), value.type_str()));
    }
    *slot = value;
    Ok(())
}
