//! Configuration (floor 7): flags over environment over a TOML file over the compiled-in defaults.
//!
//! `deploy/headcount.default.toml` is both the defaults and the documentation of every key.

use std::collections::BTreeMap;

use toml::{Table, Value};

use crate::store::connection::DatabaseUrl;

const DEFAULTS: &str = include_str!("../deploy/headcount.default.toml");
const PREFIX: &str = "HEADCOUNT_";

/// The settings as they came together.
#[derive(Clone, Debug)]
pub struct Config(Table);

impl Config {
    /// Reads everything, in order of rising precedence.
    ///
    /// # Errors
    /// A sentence naming the key or variable, with a suggestion for what is unknown.
    pub fn load(
        flags: &BTreeMap<&str, String>,
        environment: impl Iterator<Item = (String, String)>,
    ) -> Result<Self, String> {
        let mut table: Table = DEFAULTS.parse().map_err(|error| format!("the defaults cannot be read: {error}"))?;
        let known = keys(&table);
        let environment: BTreeMap<String, String> = environment.filter(|(name, _)| name.starts_with(PREFIX)).collect();
        let file = flags.get("config").cloned().or_else(|| environment.get("HEADCOUNT_CONFIG").cloned());
        if let Some(path) = file {
            let text = std::fs::read_to_string(&path).map_err(|error| format!("{path} cannot be read: {error}"))?;
            let own: Table = text.parse().map_err(|error| format!("{path} is not TOML: {error}"))?;
            for key in keys(&own) {
                known_key(&key, &known).map_err(|why| format!("{path}: {why}"))?;
                let value = get(&own, &key).cloned().ok_or_else(|| format!("{path}: {key} has no value"))?;
                set(&mut table, &key, value).map_err(|why| format!("{path}: {why}"))?;
            }
        }
        for (name, value) in &environment {
            apply_variable(&mut table, &known, name, value)?;
        }
        for (key, value) in flags.iter().filter(|(key, _)| **key != "config") {
            set(&mut table, key, Value::String(value.clone()))?;
        }
        let config = Self(table);
        config.check()?;
        Ok(config)
    }

    /// What cannot work, said before anything starts.
    fn check(&self) -> Result<(), String> {
        self.database_url()?;
        let listen: std::net::SocketAddr = self
            .text("listen")
            .parse()
            .map_err(|_| format!("listen = \"{}\" is not an address such as 127.0.0.1:8080", self.text("listen")))?;
        let public = self.public_url();
        if !public.starts_with("http://") && !public.starts_with("https://") {
            return Err(format!("public_url = \"{public}\" must begin with https:// (or http:// on loopback)"));
        }
        if !listen.ip().is_loopback() && public.starts_with("http://") && !self.boolean("http.behind_proxy") {
            return Err(format!(
                "listen = \"{listen}\" is public but public_url is {public}: tokens would travel in clear. \
                 Set public_url to an https address, or http.behind_proxy = true if a proxy terminates TLS"
            ));
        }
        Ok(())
    }

    /// A text.
    #[must_use]
    pub fn text(&self, key: &str) -> &str {
        get(&self.0, key).and_then(Value::as_str).unwrap_or_default()
    }

    /// A whole number; negative ones count as 0.
    #[must_use]
    pub fn number(&self, key: &str) -> u32 {
        get(&self.0, key).and_then(Value::as_integer).and_then(|number| u32::try_from(number).ok()).unwrap_or_default()
    }

    /// A switch.
    #[must_use]
    pub fn boolean(&self, key: &str) -> bool {
        get(&self.0, key).and_then(Value::as_bool).unwrap_or_default()
    }

    /// The database.
    ///
    /// # Errors
    /// When the URL is none.
    pub fn database_url(&self) -> Result<DatabaseUrl, String> {
        self.text("database.url").parse().map_err(|why| format!("database.url: {why}"))
    }

    /// The public address without a trailing slash.
    #[must_use]
    pub fn public_url(&self) -> String {
        match self.text("public_url") {
            "" => format!("http://{}", self.text("listen")),
            url => url.trim_end_matches('/').to_owned(),
        }
    }

    /// All settings as TOML, without secrets.
    #[must_use]
    pub fn print(&self) -> String {
        let mut shown = self.0.clone();
        let url = redact(self.text("database.url"));
        // The key exists: the defaults have it.
        let _ = set(&mut shown, "database.url", Value::String(url));
        toml::to_string(&shown).unwrap_or_default()
    }
}

/// A URL with its password as `***`.
#[must_use]
pub fn redact(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    match rest.rsplit_once('@') {
        Some((user, host)) => format!("{scheme}://{}:***@{host}", user.split(':').next().unwrap_or_default()),
        None => url.to_owned(),
    }
}

fn apply_variable(table: &mut Table, known: &[String], name: &str, value: &str) -> Result<(), String> {
    if name == "HEADCOUNT_CONFIG" || name.starts_with("HEADCOUNT_TEST_") {
        return Ok(());
    }
    let plain = name.trim_start_matches(PREFIX).to_ascii_lowercase();
    let find = |wanted: &str| known.iter().find(|key| key.replace('.', "_") == wanted);
    if let Some(key) = find(&plain) {
        return set(table, key, Value::String(value.to_owned())).map_err(|why| format!("{name}: {why}"));
    }
    if let Some(key) = plain.strip_suffix("_file").and_then(find) {
        let content =
            std::fs::read_to_string(value).map_err(|error| format!("{name}: {value} cannot be read: {error}"))?;
        return set(table, key, Value::String(content.trim_end().to_owned())).map_err(|why| format!("{name}: {why}"));
    }
    let names: Vec<String> =
        known.iter().map(|key| format!("{PREFIX}{}", key.replace('.', "_").to_ascii_uppercase())).collect();
    Err(format!("{name} is not a setting{}", suggestion(name, &names)))
}

fn known_key(key: &str, known: &[String]) -> Result<(), String> {
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

fn keys(table: &Table) -> Vec<String> {
    let mut keys = Vec::new();
    for (name, value) in table {
        match value {
            Value::Table(inner) => keys.extend(inner.keys().map(|key| format!("{name}.{key}"))),
            _ => keys.push(name.clone()),
        }
    }
    keys
}

fn get<'t>(table: &'t Table, key: &str) -> Option<&'t Value> {
    match key.split_once('.') {
        Some((section, key)) => table.get(section)?.as_table()?.get(key),
        None => table.get(key),
    }
}

/// Sets a known key; a text becomes the type of the default.
fn set(table: &mut Table, key: &str, value: Value) -> Result<(), String> {
    let slot = match key.split_once('.') {
        Some((section, key)) => {
            table.get_mut(section).and_then(Value::as_table_mut).and_then(|section| section.get_mut(key))
        }
        None => table.get_mut(key),
    };
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

#[cfg(test)]
mod tests {
    use super::*;

    fn load(environment: &[(&str, &str)]) -> Result<Config, String> {
        Config::load(
            &BTreeMap::new(),
            environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
        )
    }

    #[test]
    fn defaults_stand_and_the_environment_overrides_them() {
        let config =
            load(&[("HEADCOUNT_SCIM_MAX_PAGE_SIZE", "500"), ("HEADCOUNT_LISTEN", "127.0.0.1:9000"), ("PATH", "/bin")])
                .unwrap();
        assert_eq!(config.number("scim.max_page_size"), 500);
        assert_eq!(config.public_url(), "http://127.0.0.1:9000");
        assert_eq!(config.number("scim.default_page_size"), 100);
    }

    #[test]
    fn unknown_settings_are_refused_with_a_suggestion() {
        let error = load(&[("HEADCOUNT_DATABASE_URI", "sqlite:a.db")]).unwrap_err();
        assert!(error.contains("did you mean HEADCOUNT_DATABASE_URL?"), "{error}");
        let error = load(&[("HEADCOUNT_SCIM_MAX_PAGE_SIZE", "many")]).unwrap_err();
        assert!(error.contains("must be a whole number"), "{error}");
    }

    #[test]
    fn a_public_address_without_tls_is_refused() {
        assert!(load(&[("HEADCOUNT_LISTEN", "0.0.0.0:8080")]).unwrap_err().contains("in clear"));
        assert!(
            load(&[("HEADCOUNT_LISTEN", "0.0.0.0:8080"), ("HEADCOUNT_PUBLIC_URL", "https://scim.example.com")]).is_ok()
        );
    }

    #[test]
    fn passwords_are_not_printed() {
        let config = load(&[("HEADCOUNT_DATABASE_URL", "postgres://ann:geheim@db/headcount")]).unwrap();
        assert!(config.print().contains("postgres://ann:***@db/headcount"));
        assert!(!config.print().contains("geheim"));
    }

    #[test]
    fn every_default_has_a_comment_above_it() {
        let mut commented = false;
        for line in DEFAULTS.lines().filter(|line| !line.is_empty()) {
            if line.contains(" = ") && !line.starts_with('#') {
                assert!(commented, "{line} has no comment");
            } else {
                commented = line.starts_with('#');
            }
        }
    }
}
