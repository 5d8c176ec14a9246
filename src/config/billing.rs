//! What is sold and who is paid, as the settings say it.

use super::Config;
use super::settings::PREFIX;
use crate::billing::{Billing, Provider, stripe};
use crate::organization::price::Prices;

impl Config {
    /// What is sold and who is paid; nothing is asked of them yet.
    ///
    /// # Errors
    /// A sentence naming the key.
    pub fn billing(&self) -> Result<Billing, String> {
        let price = |plan: &str| self.text(&format!("billing.price_{plan}"));
        let prices =
            Prices::parse(self.text("billing.currency"), price("monthly"), price("quarterly"), price("yearly"));
        let prices = prices.map_err(|why| format!("billing: {why}"))?;
        let provider = match self.text("billing.provider") {
            "local" => Provider::Local,
            "stripe" => Provider::Stripe(self.stripe()?),
            other => return Err(format!("billing.provider = \"{other}\" is not a provider: use local or stripe")),
        };
        Ok(Billing { prices, provider })
    }

    fn stripe(&self) -> Result<stripe::Client, String> {
        let secret = |key: &str, what: &str| match self.text(key) {
            "" => Err(format!(
                "billing.provider is stripe and {key} is empty: set {PREFIX}{}_FILE to a file with {what}",
                key.replace('.', "_").to_ascii_uppercase()
            )),
            secret => Ok(secret.to_owned()),
        };
        let webhook_secrets =
            secret("billing.stripe.webhook_secret", "the webhook endpoint's signing secret (whsec_…)")?;
        stripe::Client::new(stripe::Options {
            api_base: self.text("billing.stripe.api_base").to_owned(),
            secret_key: secret("billing.stripe.secret_key", "the account's secret key (sk_…)")?,
            webhook_secrets: webhook_secrets.split(',').map(|secret| secret.trim().to_owned()).collect(),
            timeout: self.duration("billing.stripe.timeout")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn load(environment: &[(&str, &str)]) -> Result<Config, String> {
        Config::load(&BTreeMap::new(), environment.iter().map(|(name, value)| (name.into(), value.into())))
    }

    #[test]
    fn the_built_in_provider_is_the_default() {
        let billing = load(&[("HEADCOUNT_BILLING_PRICE_MONTHLY", "9.50")]).unwrap().billing().unwrap();
        assert_eq!((billing.provider.name(), billing.prices.monthly, billing.prices.yearly), ("local", 950, 27_599));
        for (name, value, why) in [
            ("HEADCOUNT_BILLING_PRICE_YEARLY", "free", "billing: \"free\" is not a price"),
            ("HEADCOUNT_BILLING_CURRENCY", "dollars", "is not a currency"),
            ("HEADCOUNT_BILLING_PROVIDER", "paddle", "use local or stripe"),
        ] {
            let refused = load(&[(name, value)]).unwrap_err();
            assert!(refused.contains(why), "{refused}");
        }
    }

    #[test]
    fn stripe_needs_its_secrets_and_they_are_not_printed() {
        let stripe = ("HEADCOUNT_BILLING_PROVIDER", "stripe");
        let key = ("HEADCOUNT_BILLING_STRIPE_SECRET_KEY", "sk_live_geheim");
        let hook = ("HEADCOUNT_BILLING_STRIPE_WEBHOOK_SECRET", "whsec_geheim, whsec_geheimer");
        let refused = load(&[stripe, hook]).unwrap_err();
        assert!(refused.contains("set HEADCOUNT_BILLING_STRIPE_SECRET_KEY_FILE to a file with"), "{refused}");
        let refused = load(&[stripe, key]).unwrap_err();
        assert!(refused.contains("set HEADCOUNT_BILLING_STRIPE_WEBHOOK_SECRET_FILE to a file with"), "{refused}");
        let config = load(&[stripe, key, hook]).unwrap();
        let billing = config.billing().unwrap();
        assert_eq!(billing.provider.stripe().unwrap().webhook_secrets(), ["whsec_geheim", "whsec_geheimer"]);
        assert!(!config.redacted().to_string().contains("geheim") && !format!("{billing:?}").contains("geheim"));
        let clear = ("HEADCOUNT_BILLING_STRIPE_API_BASE", "http://stripe.example");
        assert!(load(&[stripe, key, hook, clear]).unwrap_err().contains("neither https nor on this machine"));
        let typo = ("HEADCOUNT_BILLING_STRIPE_API_BAS", "x");
        assert!(load(&[typo]).unwrap_err().contains("did you mean HEADCOUNT_BILLING_STRIPE_API_BASE?"));
    }
}
