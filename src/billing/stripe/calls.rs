//! The calls. Each that changes something carries the id of our operation as its idempotency key, so that a call
//! whose answer was lost is made again without a second effect.

use super::Client;
use super::failure::{Failure, Kind, Result};
use super::fetch::Form;
use super::read::{self, Invoice, Page, Session, Subscription};
use crate::organization::plan::Plan;

/// Invoices that are read at once.
const INVOICES: usize = 24;

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
        operation: &str,
    ) -> Result<String> {
        let mut form: Form<'_> = vec![("name", name.to_owned()), ("metadata[organization]", organization.to_owned())];
        form.extend(email.map(|email| ("email", email.to_owned())));
        let made = self.fetch.post("/v1/customers", &form, &format!("{operation}-customer")).await?;
        made["id"].as_str().map(str::to_owned).ok_or_else(|| Failure::new(Kind::Away, "a customer has no id"))
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
    pub async fn create_checkout(&self, wanted: &Wanted<'_>, operation: &str) -> Result<Session> {
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
        ];
        read::session(&self.fetch.post("/v1/checkout/sessions", &form, operation).await?)
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
    pub async fn expire_checkout(&self, id: &str, operation: &str) -> Result<Session> {
        let path = format!("/v1/checkout/sessions/{}/expire", segment(id)?);
        match self.fetch.post(&path, &Vec::new(), operation).await {
            Ok(session) => read::session(&session),
            Err(failure) if failure.kind == Kind::Refused => self.checkout(id).await,
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
    pub async fn set_order(&self, now: &Subscription, plan: Plan, seats: i64, operation: &str) -> Result<()> {
        let mut form: Form<'_> = vec![("items[0][id]", now.item.clone()), ("items[0][quantity]", seats.to_string())];
        if now.plan != Some(plan) {
            form.push(("items[0][price]", self.price(plan).await?));
        }
        form.push(("proration_behavior", "always_invoice".into()));
        form.push(("payment_behavior", "error_if_incomplete".into()));
        self.fetch.post(&format!("/v1/subscriptions/{}", segment(&now.id)?), &form, operation).await.map(drop)
    }

    /// Cancels a subscription at once. One that is gone already is as good.
    ///
    /// # Errors
    /// See [`Failure`].
    pub async fn cancel(&self, id: &str, operation: &str) -> Result<()> {
        match self.fetch.delete(&format!("/v1/subscriptions/{}", segment(id)?), operation).await {
            Err(failure) if failure.kind != Kind::Missing => Err(failure),
            _ => Ok(()),
        }
    }

    /// A page where a customer sees to cards and invoices.
    ///
    /// # Errors
    /// See [`Failure`].
    pub async fn portal(&self, customer: &str, return_url: &str, operation: &str) -> Result<Page> {
        let form: Form<'_> = vec![("customer", customer.to_owned()), ("return_url", return_url.to_owned())];
        read::page(&self.fetch.post("/v1/billing_portal/sessions", &form, operation).await?)
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
