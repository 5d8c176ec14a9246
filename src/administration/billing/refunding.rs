//! What was paid for nothing is given back: a second subscription, or one of an organization that is gone.

use serde_json::{Value, json};

use super::asking::{Asking, finished};
use super::failure::Problem;
use super::letters;
use crate::administration::{Administration, By};
use crate::billing::stripe::{Invoice, Payment};
use crate::error::Result;
use crate::store::billing_operations::Operation;
use crate::store::connection::Connection;
use crate::store::{Planned, organizations};

/// Money that was given back.
#[derive(Clone, Debug)]
struct Refunded {
    subscription: String,
    amount: i64,
    currency: String,
    invoices: Vec<String>,
}

impl Asking<'_> {
    pub(super) async fn refund(&self, payload: &Value) -> Result<(), Problem> {
        let subscription = payload["subscription"].as_str().unwrap_or_default().to_owned();
        let billed = self.client.invoices(&subscription).await?;
        let paid = billed.into_iter().filter_map(|invoice| Some((invoice.payment.clone()?, invoice)));
        let paid: Vec<(Payment, Invoice)> = paid.collect();
        for (payment, _) in &paid {
            self.client.refund(payment, &self.key(&payment.id)).await?;
        }
        let Some((_, first)) = paid.first() else { return self.finish().await };
        let refunded = Refunded {
            subscription,
            amount: paid.iter().map(|(payment, _)| payment.amount).sum(),
            currency: first.currency.clone(),
            invoices: paid
                .iter()
                .map(|(_, invoice)| invoice.number.clone().unwrap_or_else(|| invoice.id.clone()))
                .collect(),
        };
        let (administration, operation) = (self.administration.clone(), self.operation.clone());
        let tell = move |connection: &mut Connection| told(connection, &administration, &operation, &refunded);
        Ok(self.store.write(tell).await?)
    }
}

fn told(
    connection: &mut Connection,
    administration: &Administration,
    operation: &Operation,
    refunded: &Refunded,
) -> Result<Planned<()>> {
    let mut batch = finished(administration, operation);
    let Refunded { subscription, amount, currency, invoices } = refunded;
    let detail = json!({"subscription": subscription, "amount": amount, "currency": currency, "invoices": invoices});
    administration.audit(&mut batch, &By::SYSTEM, operation.organization, "billing.refunded", &detail);
    if let Some(organization) = organizations::by_id(connection, operation.organization)? {
        let money = (*amount, currency.as_str());
        letters::refunded(connection, administration, &mut batch, &organization, (subscription, money))?;
    }
    Ok(Planned { batch, answer: () })
}
