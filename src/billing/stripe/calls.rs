//! The calls. Each that changes something carries an idempotency key of one attempt of our operation: Stripe answers the
//! same key as it did before, a failure of its own too. What an attempt before may have done is asked for first.

use serde_json::Value;

use super::Client;
use super::failure::{Failure, Kind, Result};
use super::fetch::Form;
use super::read::{self, Invoice, Page, Session, Subscription};
use crate::clock::Timestamp;
use crate::organization::plan::Plan;

/// Invoices that are read at once.
const INVOICES: usize = 24;
/// Customers and sessions that are looked through for ours.
const LOOKED_THROUGH: usize = 100;

/// A checkout as it is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted<'a> {
    pub organization: &'a str,
    pub checkout: &'a str,
    pub plan: Plan,
    pub seats: i64,
    pub customer: &'a str,
    /// Where browsers go afterwards.
    pub success_url: &'a str,
    pub cancel_url: &'a str,
}

impl Client {
    /// Makes the customer that an organization is.
    ///
    /// # Errors
    /// See [`Failure`].
    pub async fn create_customer(
        &self,
        organization: &str,
        (name, email): (&str, Option<&str>),
        key: &str,
    ) -> Result<String> {
        let mut form: Form<'_> = vec![("name", name.to_owned()), ("metadata[organization]", organization.to_owned())];
        form.extend(email.map(|email| ("email", email.to_owned())));
        let made = self.fetch.post("/v1/customers", &form, key).await?;
        made["id"].as_str().map(str::to_owned).ok_or_else(|| Failure::new(Kind::Away, "a customer has no id"))
    }

    /// Whether a customer is still there: somebody may have deleted it at Stripe.
    ///
    /// # Errors
    /// See [`Failure`].
    pub async fn has_customer(&self, id: &str) -> Result<bool> {
        match self.fetch.get(&format!("/v1/customers/{}", segment(id)?), &Vec::new()).await {
            Ok(customer) => Ok(customer["deleted"] != true),
            Err(failure) if failure.kind == Kind::Missing => Ok(false),
            Err(failure) => Err(failure),
        }
    }

    /// The customer that an organization is, made since, whose answer was lost.
    ///
    /// # Errors
    /// See [`Failure`].
    pub async fn find_customer(&self, organization: &str, since: Timestamp) -> Result<Option<String>> {
        let since = (since.0 / 1_000_000).to_string();
        let query: Form<'_> = vec![("created[gte]", since), ("limit", LOOKED_THROUGH.to_string())];
        let own = |customer: &Value| {
            let is_own = customer["metadata"]["organization"] == organization;
            Ok(customer["id"].as_str().filter(|_| is_own).map(str::to_owned))
        };
        let found = read::list(&self.fetch.get("/v1/customers", &query).await?, own)?;
        Ok(found.into_iter().flatten().next())
    }

    /// The price of a plan, by its lookup key.
    ///
    /// # Errors
    /// `Refused` when the account has no such price: the operator has to make it.
    pub async fn price(&self, plan: Plan) -> Result<String> {
        let query: Form<'_> =
            vec![("lookup_keys[]", plan.lookup_key().to_owned()), ("active", "true".into()), ("limit", "1".into())];
        let found = self.fetch.get("/v1/prices", &query).await?;
        found["data"][0]["id"].as_str().map(str::to_owned).ok_or_else(|| {
            Failure::new(
                Kind::Refused,
                format_args!(
                    "the account has no active price with the lookup key {}: make one at Stripe",
                    plan.lookup_key()
                ),
            )
        })
    }

    /// Makes the page at which seats are paid for.
    ///
    /// # Errors
    /// See [`Failure`].
    pub async fn create_checkout(&self, wanted: &Wanted<'_>, key: &str) -> Result<Session> {
        let price = self.price(wanted.plan).await?;
        let form: Form<'_> = vec![
            ("mode", "subscription".into()),
            ("customer", wanted.customer.into()),
            ("client_reference_id", wanted.organization.into()),
            ("line_items[0][price]", price),
            ("line_items[0][quantity]", wanted.seats.to_string()),
            ("success_url", wanted.success_url.into()),
            ("cancel_url", wanted.cancel_url.into()),
            ("metadata[organization]", wanted.organization.into()),
            ("metadata[checkout]", wanted.checkout.into()),
            ("subscription_data[metadata][organization]", wanted.organization.into()),
            ("subscription_data[metadata][checkout]", wanted.checkout.into()),
        ];
        read::session(&self.fetch.post("/v1/checkout/sessions", &form, key).await?)
    }

    /// The session of one of our checkouts, made already, whose answer was lost.
    ///
    /// # Errors
    /// See [`Failure`].
    pub async fn find_checkout(&self, customer: &str, checkout: &str) -> Result<Option<Session>> {
        let query: Form<'_> = vec![("customer", customer.to_owned()), ("limit", LOOKED_THROUGH.to_string())];
        let found = read::list(&self.fetch.get("/v1/checkout/sessions", &query).await?, read::session)?;
        Ok(found.into_iter().find(|session| session.checkout.as_deref() == Some(checkout)))
    }

    /// A checkout session as it is now.
    ///
    /// # Errors
    /// See [`Failure`].
    pub async fn checkout(&self, id: &str) -> Result<Session> {
        read::session(&self.fetch.get(&format!("/v1/checkout/sessions/{}", segment(id)?), &Vec::new()).await?)
    }

    /// Ends a checkout session that nobody is to pay any more. One that is over already is as good.
    ///
    /// # Errors
    /// See [`Failure`].
    pub async fn expire_checkout(&self, id: &str, key: &str) -> Result<Session> {
        let path = format!("/v1/checkout/sessions/{}/expire", segment(id)?);
        match self.fetch.post(&path, &Vec::new(), key).await {
            Ok(session) => read::session(&session),
            Err(failure) if failure.kind == Kind::Refused => match self.checkout(id).await? {
                open if open.status == "open" => Err(Failure { kind: Kind::Away, ..failure }),
                over => Ok(over),
            },
            Err(failure) => Err(failure),
        }
    }

    /// A subscription as it is now.
    ///
    /// # Errors
    /// See [`Failure`].
    pub async fn subscription(&self, id: &str) -> Result<Subscription> {
        read::subscription(&self.fetch.get(&format!("/v1/subscriptions/{}", segment(id)?), &Vec::new()).await?)
    }

    /// Sets how many seats are paid for and on which plan; the difference is invoiced and paid at once, and a
    /// change that cannot be paid is none.
    ///
    /// # Errors
    /// `Declined` when the payment is.
    pub async fn set_order(&self, now: &Subscription, plan: Plan, seats: i64, key: &str) -> Result<()> {
        let mut form: Form<'_> = vec![("items[0][id]", now.item.clone()), ("items[0][quantity]", seats.to_string())];
        if now.plan != Some(plan) {
            form.push(("items[0][price]", self.price(plan).await?));
        }
        form.push(("proration_behavior", "always_invoice".into()));
        form.push(("payment_behavior", "error_if_incomplete".into()));
        self.fetch.post(&format!("/v1/subscriptions/{}", segment(&now.id)?), &form, key).await.map(drop)
    }

    /// Cancels a subscription at once. One that is gone already is as good.
    ///
    /// # Errors
    /// See [`Failure`].
    pub async fn cancel(&self, id: &str, key: &str) -> Result<()> {
        match self.fetch.delete(&format!("/v1/subscriptions/{}", segment(id)?), key).await {
            Err(failure) if failure.kind != Kind::Missing => Err(failure),
            _ => Ok(()),
        }
    }

    /// A page where a customer sees to cards and invoices.
    ///
    /// # Errors
    /// See [`Failure`].
    pub async fn portal(&self, customer: &str, return_url: &str, key: &str) -> Result<Page> {
        let form: Form<'_> = vec![("customer", customer.to_owned()), ("return_url", return_url.to_owned())];
        read::page(&self.fetch.post("/v1/billing_portal/sessions", &form, key).await?)
    }

    /// The latest invoices of a subscription.
    ///
    /// # Errors
    /// See [`Failure`].
    pub async fn invoices(&self, subscription: &str) -> Result<Vec<Invoice>> {
        let query: Form<'_> = vec![("subscription", subscription.to_owned()), ("limit", INVOICES.to_string())];
        read::list(&self.fetch.get("/v1/invoices", &query).await?, read::invoice)
    }
}

/// An id as a part of an address: an id that is none cannot lead elsewhere.
fn segment(id: &str) -> Result<&str> {
    let fits = (1..=255).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    if fits { Ok(id) } else { Err(Failure::new(Kind::Missing, "an id has characters that no id has")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_stays_in_its_place() {
        assert!(segment("cs_test_a1B2-3").is_ok());
        for wrong in ["", "../customers", "a/b", "a?b", "a%2f", "ä"] {
            assert_eq!(segment(wrong).unwrap_err().kind, Kind::Missing, "{wrong}");
        }
    }
}
