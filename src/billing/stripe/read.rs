//! What is read of Stripe's objects. A member that an API version has elsewhere is found there as well.

use serde_json::Value;

use super::failure::{Failure, Kind, Result};
use crate::clock::Timestamp;
use crate::organization::plan::Plan;

/// A checkout session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    pub id: String,
    /// The page to pay at; gone once it was paid.
    pub url: Option<String>,
    pub expires_at: Option<Timestamp>,
    /// `open`, `complete` or `expired`.
    pub status: String,
    pub customer: Option<String>,
    pub subscription: Option<String>,
    /// Which of our checkouts it is, as we have told Stripe.
    pub checkout: Option<String>,
}

/// A subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    pub id: String,
    pub status: String,
    pub customer: String,
    /// The item that is seats.
    pub item: String,
    pub quantity: i64,
    /// By the price's lookup key; `None` for a price that is none of ours.
    pub plan: Option<Plan>,
    pub cancels: bool,
    pub anchor_at: Timestamp,
    pub period: (Timestamp, Timestamp),
    /// Whom it is for and which of our checkouts it comes from, as we have told Stripe.
    pub organization: Option<String>,
    pub checkout: Option<String>,
}

/// An invoice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invoice {
    pub id: String,
    pub number: Option<String>,
    /// `open`, `paid` or `void`; nothing while it is a draft.
    pub state: Option<&'static str>,
    pub amount: i64,
    pub currency: String,
    pub period: (Timestamp, Timestamp),
    pub created_at: Timestamp,
    pub paid_at: Option<Timestamp>,
    pub url: Option<String>,
    pub description: String,
    /// What it was paid by, where money has moved.
    pub payment: Option<Payment>,
}

/// A payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payment {
    /// What Stripe calls it: `payment_intent`, or `charge`.
    pub kind: &'static str,
    pub id: String,
    pub amount: i64,
}

/// A page to send a browser to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    pub url: String,
}

fn text(object: &Value, field: &str) -> Result<String> {
    optional(object, field).ok_or_else(|| Failure::new(Kind::Away, format_args!("an answer has no {field}")))
}

fn optional(object: &Value, field: &str) -> Option<String> {
    object[field].as_str().map(str::to_owned)
}

/// The id of what may be expanded.
fn reference(object: &Value, field: &str) -> Option<String> {
    optional(object, field).or_else(|| optional(&object[field], "id"))
}

fn seconds(value: &Value) -> Option<Timestamp> {
    value.as_i64().map(|seconds| Timestamp(seconds.saturating_mul(1_000_000)))
}

/// An address that a browser may be sent to.
fn address(object: &Value, field: &str) -> Option<String> {
    optional(object, field).filter(|url| url.starts_with("https://") || url.starts_with("http://"))
}

pub(super) fn session(object: &Value) -> Result<Session> {
    Ok(Session {
        id: text(object, "id")?,
        url: address(object, "url"),
        expires_at: seconds(&object["expires_at"]),
        status: text(object, "status")?,
        customer: reference(object, "customer"),
        subscription: reference(object, "subscription"),
        checkout: optional(&object["metadata"], "checkout"),
    })
}

/// What tells the price of an item.
fn lookup_key(item: &Value) -> Option<&str> {
    let price = if item["price"].is_object() { &item["price"] } else { &item["plan"] };
    let key = price["lookup_key"].as_str().or_else(|| price["metadata"]["lookup_key"].as_str());
    key.or_else(|| price["id"].as_str())
}

/// The plan that an item is by its price.
fn plan(item: &Value) -> Option<Plan> {
    let key = lookup_key(item)?;
    Plan::ALL.into_iter().find(|plan| plan.lookup_key() == key)
}

/// The item that is seats: the one with a price of ours, wherever it stands among others; else the only one there is.
fn item(subscription: &Value) -> Result<&Value> {
    let items = subscription["items"]["data"].as_array().map(Vec::as_slice).unwrap_or_default();
    let own = items.iter().find(|item| plan(item).is_some()).or_else(|| items.first().filter(|_| items.len() == 1));
    own.ok_or_else(|| Failure::new(Kind::Away, "a subscription has no item with the lookup key of a seat's price"))
}

pub(super) fn subscription(object: &Value) -> Result<Subscription> {
    let item = item(object)?;
    let missing = |what: &str| Failure::new(Kind::Away, format_args!("a subscription has no {what}"));
    // Newer versions have the period at the item.
    let period = |field: &str| seconds(&object[field]).or_else(|| seconds(&item[field]));
    let start = period("current_period_start").ok_or_else(|| missing("current_period_start"))?;
    Ok(Subscription {
        id: text(object, "id")?,
        status: text(object, "status")?,
        customer: reference(object, "customer").ok_or_else(|| missing("customer"))?,
        item: text(item, "id")?,
        quantity: item["quantity"].as_i64().ok_or_else(|| missing("quantity"))?,
        plan: plan(item),
        cancels: object["cancel_at_period_end"].as_bool().unwrap_or_default(),
        anchor_at: seconds(&object["billing_cycle_anchor"]).unwrap_or(start),
        period: (start, period("current_period_end").ok_or_else(|| missing("current_period_end"))?),
        organization: optional(&object["metadata"], "organization"),
        checkout: optional(&object["metadata"], "checkout"),
    })
}

pub(super) fn invoice(object: &Value) -> Result<Invoice> {
    let created_at = seconds(&object["created"]).or_else(|| seconds(&object["date"])).unwrap_or(Timestamp(0));
    let line = &object["lines"]["data"][0];
    let of_line = |end: &str| seconds(&line["period"][end]);
    let paid_at = seconds(&object["status_transitions"]["paid_at"]);
    let state = match object["status"].as_str() {
        Some("paid") => Some("paid"),
        Some("open") => Some("open"),
        Some("void" | "uncollectible") => Some("void"),
        _ => None,
    };
    Ok(Invoice {
        id: text(object, "id")?,
        number: optional(object, "number"),
        state,
        amount: object["total"].as_i64().or_else(|| object["amount_due"].as_i64()).unwrap_or_default(),
        currency: text(object, "currency")?,
        period: (
            of_line("start").or_else(|| seconds(&object["period_start"])).unwrap_or(created_at),
            of_line("end").or_else(|| seconds(&object["period_end"])).unwrap_or(created_at),
        ),
        created_at,
        paid_at: if state == Some("paid") { paid_at.or(Some(created_at)) } else { None },
        url: address(object, "hosted_invoice_url"),
        description: line["description"].as_str().unwrap_or("Seats").chars().take(200).collect(),
        payment: payment(object),
    })
}

/// What a paid invoice was paid by; one over nothing, or paid by a balance, by nothing.
fn payment(invoice: &Value) -> Option<Payment> {
    let amount = invoice["amount_paid"].as_i64().or_else(|| invoice["total"].as_i64()).filter(|amount| *amount > 0)?;
    let by = |kind| reference(invoice, kind).map(|id| Payment { kind, id, amount });
    by("payment_intent").or_else(|| by("charge")).filter(|_| invoice["status"] == "paid")
}

/// Whether a refund gives the money back, or has.
pub(super) fn gives_back(refund: &Value) -> bool {
    !matches!(refund["status"].as_str(), Some("failed" | "canceled"))
}

pub(super) fn page(object: &Value) -> Result<Page> {
    let url = address(object, "url").ok_or_else(|| Failure::new(Kind::Away, "an answer has no url"))?;
    Ok(Page { url })
}

/// The things of a list.
pub(super) fn list<T>(object: &Value, read: impl Fn(&Value) -> Result<T>) -> Result<Vec<T>> {
    let things = object["data"].as_array().ok_or_else(|| Failure::new(Kind::Away, "a list has no data"))?;
    things.iter().map(read).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_subscription_is_read_from_either_version() {
        let old = json!({"id": "sub_1", "status": "active", "customer": "cus_1", "cancel_at_period_end": true,
            "billing_cycle_anchor": 5, "current_period_start": 10, "current_period_end": 20,
            "metadata": {"organization": "o"},
            "items": {"data": [{"id": "si_1", "quantity": 7, "price": {"id": "price_1", "lookup_key": "seat_monthly"}}]}});
        let read = subscription(&old).unwrap();
        assert_eq!((read.quantity, read.plan, read.cancels), (7, Some(Plan::Monthly), true));
        assert_eq!(read.period, (Timestamp(10_000_000), Timestamp(20_000_000)));
        let new = json!({"id": "sub_1", "status": "active", "customer": {"id": "cus_1"}, "billing_cycle_anchor": 5,
            "cancel_at_period_end": true, "metadata": {"organization": "o"},
            "items": {"data": [{"id": "si_1", "quantity": 7, "price": {"lookup_key": "seat_monthly"},
                "current_period_start": 10, "current_period_end": 20}]}});
        assert_eq!(subscription(&new).unwrap(), read);
        let mut foreign = old.clone();
        foreign["items"]["data"][0]["price"]["lookup_key"] = "coffee".into();
        assert_eq!(subscription(&foreign).unwrap().plan, None);
        let coffee = json!({"id": "si_0", "quantity": 900, "price": {"lookup_key": "coffee"}});
        let mut several = old.clone();
        several["items"]["data"].as_array_mut().unwrap().insert(0, coffee.clone());
        let seats = subscription(&several).unwrap();
        assert_eq!((seats.item.as_str(), seats.quantity, seats.plan), ("si_1", 7, Some(Plan::Monthly)));
        foreign["items"]["data"].as_array_mut().unwrap().push(coffee);
        assert!(subscription(&foreign).is_err(), "which of them are seats nobody can tell");
        for missing in ["id", "status", "customer", "current_period_end", "items"] {
            let mut cut = old.clone();
            cut.as_object_mut().unwrap().remove(missing);
            assert!(subscription(&cut).is_err(), "{missing}");
        }
    }

    #[test]
    fn only_addresses_of_the_web_are_followed() {
        assert!(page(&json!({"url": "https://pay.example/1"})).is_ok());
        assert!(page(&json!({"url": "javascript:alert(1)"})).is_err());
        let paid = session(&json!({"id": "cs_1", "status": "complete", "subscription": {"id": "sub_1"}})).unwrap();
        assert_eq!((paid.url, paid.subscription.as_deref()), (None, Some("sub_1")));
    }

    #[test]
    fn an_invoice_says_what_and_when() {
        let read = invoice(&json!({"id": "in_1", "status": "paid", "total": 2299, "currency": "usd", "created": 9,
            "lines": {"data": [{"description": "3 × Seat", "period": {"start": 1, "end": 2}}]}}));
        let read = read.unwrap();
        assert_eq!((read.amount, read.state, read.paid_at), (2_299, Some("paid"), Some(Timestamp(9_000_000))));
        assert_eq!(read.period, (Timestamp(1_000_000), Timestamp(2_000_000)));
        assert_eq!(invoice(&json!({"id": "in_1", "status": "draft", "currency": "usd"})).unwrap().state, None);
        assert_eq!(read.payment, None, "it was paid by a balance");
        let mut paid = json!({"id": "in_1", "status": "paid", "currency": "usd", "amount_paid": 5, "charge": "ch_1"});
        let by = |invoice_read: &Value| invoice(invoice_read).unwrap().payment.map(|by| (by.kind, by.id, by.amount));
        assert_eq!(by(&paid), Some(("charge", "ch_1".into(), 5)));
        paid["payment_intent"] = json!({"id": "pi_1"});
        assert_eq!(by(&paid), Some(("payment_intent", "pi_1".into(), 5)));
        paid["status"] = "open".into();
        assert_eq!(by(&paid), None);
    }
}
