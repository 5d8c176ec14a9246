//! Configuration (floor 7): flags over environment over a TOML file over the compiled-in defaults.
//!
//! `deploy/headcount.default.toml` is both the defaults and the documentation of every key.

mod billing;
mod home;
mod redaction;
mod settings;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use toml::{Table, Value};

pub use self::redaction::redact;

use self::settings::{apply_variable, get, keys, known_key, own_variables, set};

use crate::mail::smtp::Smtp;
use crate::store::connection::DatabaseUrl;
use crate::text;

const DEFAULTS: &str = include_str!("../../deploy/headcount.default.toml");
const DNS_PORT: u16 = 53;

/// The settings as they came together.
#[derive(Clone, Debug)]
pub struct Config {
    table: Table,
    /// The keys somebody set, to whatever value.
    set: BTreeSet<String>,
}

impl Config {
    /// Reads everything, in order of rising precedence.
    ///
    /// # Errors
    /// A sentence naming the key or variable, with a suggestion for what is unknown.
    pub fn load(
        flags: &BTreeMap<&str, String>,
        environment: impl Iterator<Item = (OsString, OsString)>,
    ) -> Result<Self, String> {
        let mut table: Table = DEFAULTS.parse().map_err(|error| format!("the defaults cannot be read: {error}"))?;
        let known = keys(&table);
        let mut own_keys = BTreeSet::new();
        let environment = own_variables(environment)?;
        let file = flags.get("config").cloned().or_else(|| environment.get("HEADCOUNT_CONFIG").cloned());
        if let Some(path) = file {
            let text = std::fs::read_to_string(&path).map_err(|error| format!("{path} cannot be read: {error}"))?;
            let own: Table = text.parse().map_err(|error| format!("{path} is not TOML: {error}"))?;
            for key in keys(&own) {
                known_key(&key, &known).map_err(|why| format!("{path}: {why}"))?;
                let value = get(&own, &key).cloned().ok_or_else(|| format!("{path}: {key} has no value"))?;
                set(&mut table, &key, value).map_err(|why| format!("{path}: {why}"))?;
                own_keys.insert(key);
            }
        }
        for (name, value) in &environment {
            own_keys.extend(apply_variable(&mut table, &known, name, value)?);
        }
        for (key, value) in flags.iter().filter(|(key, _)| **key != "config") {
            set(&mut table, key, Value::String(value.clone()))?;
            own_keys.insert((*key).to_owned());
        }
        let config = Self { table, set: own_keys };
        config.check()?;
        Ok(config)
    }

    /// The same with other values for some keys.
    ///
    /// # Errors
    /// When a value does not fit, or the whole cannot work.
    pub fn with(&self, values: &[(&str, &str)]) -> Result<Self, String> {
        let mut config = self.clone();
        for (key, value) in values {
            set(&mut config.table, key, Value::String((*value).to_owned()))?;
            config.set.insert((*key).to_owned());
        }
        config.check()?;
        Ok(config)
    }

    /// What cannot work, said before anything starts.
    fn check(&self) -> Result<(), String> {
        self.database_url()?;
        self.dns_servers()?;
        self.smtp()?;
        self.billing()?;
        self.home()?;
        for key in [
            "domains.recheck_interval",
            "domains.grace",
            "invitations.lifetime",
            "sessions.idle",
            "sessions.absolute",
            "webhooks.timeout",
            "billing.stripe.timeout",
        ] {
            self.duration(key)?;
        }
        for key in ["audit.retention", "provisioning_log.retention", "invitations.retention"] {
            self.retention(key)?;
        }
        let listen = self.listen()?;
        let public = self.public_url_at(listen);
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
        get(&self.table, key).and_then(Value::as_str).unwrap_or_default()
    }

    /// A whole number; negative ones count as 0.
    #[must_use]
    pub fn number(&self, key: &str) -> u32 {
        get(&self.table, key)
            .and_then(Value::as_integer)
            .and_then(|number| u32::try_from(number).ok())
            .unwrap_or_default()
    }

    /// A length of time.
    ///
    /// # Errors
    /// A sentence naming the key.
    pub fn duration(&self, key: &str) -> Result<Duration, String> {
        text::duration(self.text(key)).map_err(|why| format!("{key} = {why}"))
    }

    /// How long something is kept; `None`: for ever.
    ///
    /// # Errors
    /// A sentence naming the key.
    pub fn retention(&self, key: &str) -> Result<Option<Duration>, String> {
        if self.text(key) == "0" { Ok(None) } else { self.duration(key).map(Some) }
    }

    /// The DNS servers to ask; none: the system's.
    ///
    /// # Errors
    /// A sentence naming what is no address.
    pub fn dns_servers(&self) -> Result<Vec<SocketAddr>, String> {
        let servers = self.text("dns.servers").split(',').map(str::trim).filter(|server| !server.is_empty());
        servers
            .map(|server| {
                let plain = || server.parse::<IpAddr>().map(|ip| SocketAddr::new(ip, DNS_PORT));
                server.parse().or_else(|_| plain()).map_err(|_| {
                    format!("dns.servers: \"{server}\" is not an address such as 192.0.2.53 or 127.0.0.1:5353")
                })
            })
            .collect()
    }

    /// The mail server; nothing is asked of it yet.
    ///
    /// # Errors
    /// A sentence naming the key.
    pub fn smtp(&self) -> Result<Option<Smtp>, String> {
        match self.text("mail.smtp_url") {
            "" => Ok(None),
            url => Smtp::new(url, self.text("mail.from"), &self.public_url_at(self.listen()?)).map(Some),
        }
    }

    /// A switch.
    #[must_use]
    pub fn boolean(&self, key: &str) -> bool {
        get(&self.table, key).and_then(Value::as_bool).unwrap_or_default()
    }

    /// The database.
    ///
    /// # Errors
    /// When the URL is none.
    pub fn database_url(&self) -> Result<DatabaseUrl, String> {
        self.text("database.url").parse().map_err(|why| format!("database.url: {why}"))
    }

    /// Whether somebody set the key, be it to its default.
    #[must_use]
    pub fn is_set(&self, key: &str) -> bool {
        self.set.contains(key)
    }

    /// The address to listen at.
    ///
    /// # Errors
    /// When it is none.
    pub fn listen(&self) -> Result<SocketAddr, String> {
        let text = self.text("listen");
        text.parse().map_err(|_| format!("listen = \"{text}\" is not an address such as 127.0.0.1:8080"))
    }

    /// The public address of a service that listens at `address`, without a trailing slash.
    #[must_use]
    pub fn public_url_at(&self, address: SocketAddr) -> String {
        match self.text("public_url") {
            "" => format!("http://{address}"),
            url => url.trim_end_matches('/').to_owned(),
        }
    }

    /// All settings, without secrets.
    #[must_use]
    pub fn redacted(&self) -> Table {
        let mut shown = self.table.clone();
        let mut cover = |key: &str, value: String| {
            // The key exists: the defaults have it.
            let _ = set(&mut shown, key, Value::String(value));
        };
        for url in ["database.url", "mail.smtp_url"] {
            cover(url, redact(self.text(url)));
        }
        for secret in
            ["keys.master", "oidc.client_secret", "billing.stripe.secret_key", "billing.stripe.webhook_secret"]
        {
            if !self.text(secret).is_empty() {
                cover(secret, "***".into());
            }
        }
        shown
    }
}

#[cfg(test)]
mod tests {
    use super::settings::PREFIX;
    use super::*;

    fn load(environment: &[(&str, &str)]) -> Result<Config, String> {
        Config::load(&BTreeMap::new(), environment.iter().map(|(name, value)| (name.into(), value.into())))
    }

    #[test]
    fn defaults_stand_and_the_environment_overrides_them() {
        let config =
            load(&[("HEADCOUNT_SCIM_MAX_PAGE_SIZE", "500"), ("HEADCOUNT_LISTEN", "127.0.0.1:9000"), ("PATH", "/bin")])
                .unwrap();
        assert_eq!(config.number("scim.max_page_size"), 500);
        assert_eq!(config.public_url_at("127.0.0.1:9000".parse().unwrap()), "http://127.0.0.1:9000");
        assert!(config.is_set("listen") && !config.is_set("metrics.listen"));
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
    fn times_and_servers_are_read_before_anything_starts() {
        let config = load(&[
            ("HEADCOUNT_DNS_SERVERS", "127.0.0.1:5353, 192.0.2.53,2001:db8::1"),
            ("HEADCOUNT_DOMAINS_GRACE", "2d"),
        ])
        .unwrap();
        let wanted = ["127.0.0.1:5353", "192.0.2.53:53", "[2001:db8::1]:53"].map(|server| server.parse().unwrap());
        assert_eq!(config.dns_servers().unwrap(), wanted);
        assert_eq!(config.duration("domains.grace"), Ok(Duration::from_hours(48)));
        assert_eq!(load(&[]).unwrap().dns_servers(), Ok(Vec::new()), "empty: the system's");
        let error = load(&[("HEADCOUNT_DNS_SERVERS", "dns.example.com")]).unwrap_err();
        assert!(error.contains("dns.servers: \"dns.example.com\" is not an address"), "{error}");
        let error = load(&[("HEADCOUNT_DOMAINS_RECHECK_INTERVAL", "daily")]).unwrap_err();
        assert!(error.contains("domains.recheck_interval = \"daily\" is not a duration"), "{error}");
    }

    #[test]
    fn a_mail_server_needs_a_sender() {
        let error = load(&[("HEADCOUNT_MAIL_SMTP_URL", "smtps://mail.example")]).unwrap_err();
        assert!(error.contains("mail.from"), "{error}");
        let mail = [("HEADCOUNT_MAIL_SMTP_URL", "smtps://mail.example"), ("HEADCOUNT_MAIL_FROM", "hc@acme.example")];
        assert!(load(&mail).unwrap().smtp().unwrap().is_some() && load(&[]).unwrap().smtp().unwrap().is_none());
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
        let secret = "0f".repeat(32);
        let config = load(&[
            ("HEADCOUNT_DATABASE_URL", "postgres://ann:geheim@db/headcount?password=geheim&sslpassword=geheim"),
            ("HEADCOUNT_KEYS_MASTER", &secret),
            ("HEADCOUNT_MAIL_SMTP_URL", "smtps://ann:geheim@mail.example"),
            ("HEADCOUNT_MAIL_FROM", "hc@acme.example"),
        ]);
        let shown = config.unwrap().redacted().to_string();
        assert!(shown.contains("postgres://ann:***@db/headcount?password=***&sslpassword=***"), "{shown}");
        assert!(!shown.contains("geheim") && !shown.contains(&secret));
    }

    #[test]
    fn the_readme_lists_every_setting_and_no_other() {
        let readme = include_str!("../../README.md");
        let listed: Vec<(&str, &str)> = readme
            .lines()
            .filter(|line| line.contains("| `HEADCOUNT_"))
            .map(|line| {
                let mut cells = line.split(" | ").map(|cell| cell.trim_matches(['|', ' ', '`']));
                (cells.next().unwrap(), cells.next().unwrap())
            })
            .collect();
        let mut wanted = keys(&DEFAULTS.parse().unwrap());
        wanted.sort();
        let mut found: Vec<&str> = listed.iter().map(|(key, _)| *key).collect();
        found.sort_unstable();
        assert_eq!(found, wanted);
        for (key, variable) in listed {
            assert_eq!(variable, format!("{PREFIX}{}", key.replace('.', "_").to_ascii_uppercase()));
        }
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
