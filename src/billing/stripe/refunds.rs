//! Money that is given back.

use super::Client;
use super::failure::{Kind, Result};
use super::fetch::Form;
use super::read::{self, Payment};

impl Client {
    /// Gives the whole of a payment back, unless that was done before.
    ///
    /// # Errors
    /// `Refused` for one that cannot be given back, such as a disputed one.
    pub async fn refund(&self, payment: &Payment, key: &str) -> Result<()> {
        let query: Form<'_> = vec![(payment.kind, payment.id.clone()), ("limit", "10".into())];
        let before = read::list(&self.fetch.get("/v1/refunds", &query).await?, |refund| Ok(read::gives_back(refund)))?;
        if before.contains(&true) {
            return Ok(());
        }
        let form: Form<'_> = vec![(payment.kind, payment.id.clone()), ("reason", "duplicate".into())];
        match self.fetch.post("/v1/refunds", &form, key).await {
            // By hand at Stripe, between the two calls.
            Err(failure) if failure.kind == Kind::Refused && failure.why.contains("charge_already_refunded") => Ok(()),
            answer => answer.map(drop),
        }
    }
}
