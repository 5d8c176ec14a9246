//! The consequences of a subscription as Stripe has it: planned in one transaction with the seats.

use serde_json::{Value, json};

use super::operations::{self, Kind};
use super::reconcile::INTERVAL;
use super::settle::Report;
use super::{give_seats, letters};
use crate::administration::{Administration, By};
use crate::billing::STRIPE;
use crate::billing::stripe::{self, Invoice};
use crate::clock::Timestamp;
use crate::error::Result;
use crate::id::{BillingOperationId, OrganizationId};
use crate::organization::seats::Usage;
use crate::organization::subscription::{State, granted};
use crate::store::batch::Batch;
use crate::store::checkouts::{self, Checkout, purpose, state};
use crate::store::connection::Connection;
use crate::store::organizations::{self, Organization};
use crate::store::subscriptions::{self, Subscription};
use crate::store::{Planned, billing_operations, invoices};

/// What was found at the provider, and what was read before asking.
pub(super) struct Found {
    pub(super) administration: Administration,
    pub(super) by: By,
    pub(super) organization: OrganizationId,
    pub(super) session: Option<String>,
    pub(super) finishes: Option<BillingOperationId>,
    pub(super) version: Option<i64>,
    pub(super) subscription: String,
    /// `None`: the provider knows it no more.
    pub(super) theirs: Option<stripe::Subscription>,
    pub(super) billed: Vec<Invoice>,
}

impl Found {
    /// `None` when the row has changed since: what was found may be older than it.
    pub(super) fn plan(&self, connection: &mut Connection) -> Result<Planned<Option<Report>>> {
        let mut batch = Batch::default();
        let row = subscriptions::find(connection, self.organization)?;
        if row.as_ref().map(|row| row.version) != self.version {
            return Ok(Planned { batch, answer: None });
        }
        let now = self.administration.clock.now().0;
        if let Some(operation) = self.finishes {
            billing_operations::update_finished(&mut batch, self.organization, operation, now, None);
        }
        let organization = organizations::by_id(connection, self.organization)?;
        let report = match organization {
            Some(organization) => self.apply(connection, &mut batch, &organization, row)?,
            None => Report::default(),
        };
        Ok(Planned { batch, answer: Some(report) })
    }

    fn apply(
        &self,
        connection: &mut Connection,
        batch: &mut Batch,
        organization: &Organization,
        row: Option<Subscription>,
    ) -> Result<Report> {
        let status = self.theirs.as_ref().map_or("canceled", |theirs| theirs.status.as_str());
        // What has not been paid yet may come to nothing.
        let Some(found) = State::from_provider(status) else { return Ok(Report::default()) };
        // What is told to be another organization's gives this one nothing.
        let told = self.theirs.as_ref().and_then(|theirs| theirs.organization.as_deref());
        if told.is_some_and(|told| told != organization.id.to_string()) {
            return Ok(Report::default());
        }
        let lives = row.as_ref().filter(|row| row.state != State::Canceled.name());
        let is_other = |row: &Subscription| row.subscription.as_deref() != Some(&self.subscription);
        if found != State::Canceled && (organization.state == "deleted" || lives.is_some_and(is_other)) {
            self.refuse(batch, organization, row.as_ref());
            return Ok(Report::default());
        }
        let (Some(theirs), false) = (&self.theirs, found == State::Canceled) else {
            let ended = row.filter(|row| !is_other(row));
            return Ok(ended.map_or_else(Report::default, |row| self.end(batch, organization, &row)));
        };
        self.go_on(connection, batch, organization, row.as_ref(), (theirs, found))
    }

    /// A second subscription, or one of an organization that is deleted: nobody is to pay for it, and what was paid for
    /// it, which has bought nothing, is given back.
    fn refuse(&self, batch: &mut Batch, organization: &Organization, row: Option<&Subscription>) {
        let payload = json!({"subscription": self.subscription});
        operations::insert(batch, &self.administration, organization.id, Kind::Cancel, &payload);
        // The organization's own has bought something as long as it was there.
        if row.is_none_or(|row| row.subscription.as_deref() != Some(&self.subscription)) {
            operations::insert(batch, &self.administration, organization.id, Kind::Refund, &payload);
        }
        self.administration.audit(batch, &self.by, organization.id, "billing.duplicate_canceled", &payload);
    }

    /// The subscription has ended. The seats stay: whoever sits on them is not thrown out by it.
    fn end(&self, batch: &mut Batch, organization: &Organization, row: &Subscription) -> Report {
        let now = self.administration.clock.now().0;
        let state = Some((row.state.clone(), State::Canceled.name().to_owned()));
        if row.state == State::Canceled.name() {
            return Report { state, ..Report::default() };
        }
        let after = Subscription {
            state: State::Canceled.name().into(),
            wanted_plan: None,
            wanted_quantity: None,
            updated_at: now,
            reconciled_at: now,
            ..row.clone()
        };
        subscriptions::write(batch, organization.id, Some(row), &after);
        if let Some(state) = State::Canceled.of_organization(&organization.state) {
            organizations::update_billing(batch, organization, state, &organization.plan, now);
        }
        let detail = json!({"subscription": self.subscription});
        self.administration.audit(batch, &self.by, organization.id, "billing.canceled", &detail);
        Report { state, ..Report::default() }
    }

    /// The subscription lives: what it gives is given.
    fn go_on(
        &self,
        connection: &mut Connection,
        batch: &mut Batch,
        organization: &Organization,
        row: Option<&Subscription>,
        (theirs, found): (&stripe::Subscription, State),
    ) -> Result<Report> {
        let now = self.administration.clock.now().0;
        let usage = organizations::usage(connection, organization.id)?;
        let is_new = row.is_none_or(|row| row.state == State::Canceled.name());
        let after = Subscription {
            version: row.map_or(1, |row| row.version),
            orders: row.map_or(0, |row| row.orders),
            ..self.row(row.filter(|_| !is_new), organization, (theirs, found))
        };
        let seats = granted(&usage, theirs.quantity, after.wanted_quantity);
        subscriptions::write(batch, organization.id, row, &after);
        let admitted = give_seats(connection, &self.administration, batch, organization.id, &usage, seats)?;
        let state = found.of_organization(&organization.state);
        if state.is_some() || after.plan != organization.plan {
            let state = state.unwrap_or(&organization.state);
            organizations::update_billing(batch, organization, state, &after.plan, now);
        }
        // The oldest first: the order of ids is the order of a list.
        for invoice in self.billed.iter().rev().filter(|invoice| invoice.state.is_some()) {
            invoices::put(batch, organization.id, &self.invoice(invoice));
        }
        if is_new {
            self.complete(connection, batch, organization, theirs)?;
        }
        self.tell(connection, batch, organization, (row, &after), (&usage, seats, admitted), is_new)?;
        let before = row.map_or_else(|| "none".to_owned(), |row| row.state.clone());
        // What was decided and is on its way is no drift.
        let compared =
            if after.wanted_quantity.is_some() { (seats, seats, seats) } else { (usage.seats, seats, theirs.quantity) };
        Ok(Report { seats: Some(compared), state: Some((before, after.state)) })
    }

    fn row(
        &self,
        row: Option<&Subscription>,
        organization: &Organization,
        (theirs, found): (&stripe::Subscription, State),
    ) -> Subscription {
        let now = self.administration.clock.now().0;
        let before = row.map_or(organization.plan.as_str(), |row| row.plan.as_str());
        // A price that is none of ours leaves the plan as it was.
        let plan = theirs.plan.map_or_else(|| before.to_owned(), |plan| plan.name().to_owned());
        let wanted = row.and_then(|row| Some((row.wanted_quantity?, row.wanted_plan.clone())));
        let is_wanted = |(seats, wanted): &(i64, Option<String>)| {
            *seats != theirs.quantity || wanted.as_ref().is_some_and(|wanted| *wanted != plan)
        };
        let (wanted_quantity, wanted_plan) = match wanted.filter(is_wanted) {
            Some((seats, plan)) => (Some(seats), plan),
            None => (None, None),
        };
        Subscription {
            provider: STRIPE.into(),
            customer: Some(theirs.customer.clone()),
            subscription: Some(theirs.id.clone()),
            item: Some(theirs.item.clone()),
            plan,
            quantity: theirs.quantity,
            wanted_plan,
            wanted_quantity,
            orders: 0,
            state: found.name().into(),
            cancels: theirs.cancels,
            anchor_at: theirs.anchor_at.0,
            period_start: theirs.period.0.0,
            period_end: theirs.period.1.0,
            card: None,
            credit: 0,
            retry_at: None,
            version: 0,
            created_at: row.map_or(now, |row| row.created_at),
            updated_at: now,
            reconciled_at: now,
            compare_at: Timestamp(now).plus(INTERVAL).0,
        }
    }

    /// The checkout that led to it is over; another page to pay at is closed.
    fn complete(
        &self,
        connection: &mut Connection,
        batch: &mut Batch,
        organization: &Organization,
        theirs: &stripe::Subscription,
    ) -> Result<()> {
        let now = self.administration.clock.now().0;
        let paid = self.paid(connection, organization.id, theirs)?;
        if let Some(paid) = paid.as_ref().filter(|paid| paid.state != state::COMPLETED) {
            let step = (paid.state.as_str(), state::COMPLETED);
            checkouts::update_state(batch, organization.id, paid.id, step, Some(now));
        }
        let open = checkouts::open(connection, organization.id, purpose::SUBSCRIPTION)?;
        let Some(open) = open.filter(|open| paid.is_none_or(|paid| paid.id != open.id)) else { return Ok(()) };
        checkouts::update_state(batch, organization.id, open.id, (state::OPEN, state::SUPERSEDED), None);
        if let Some(session) = open.session {
            let payload = json!({"session": session});
            operations::insert(batch, &self.administration, organization.id, Kind::ExpireCheckout, &payload);
        }
        Ok(())
    }

    /// The checkout that was paid: the one the subscription names, or whose session was. One that was made by hand at
    /// Stripe has none, and the one that happens to be open is not it.
    fn paid(
        &self,
        connection: &mut Connection,
        organization: OrganizationId,
        theirs: &stripe::Subscription,
    ) -> Result<Option<Checkout>> {
        if let Some(id) = theirs.checkout.as_deref().and_then(|id| id.parse().ok()) {
            return checkouts::find(connection, organization, id);
        }
        match &self.session {
            Some(session) => checkouts::by_session(connection, organization, session),
            None => Ok(None),
        }
    }

    /// Tells the audit trail and the owners what has changed.
    fn tell(
        &self,
        connection: &mut Connection,
        batch: &mut Batch,
        organization: &Organization,
        (before, after): (Option<&Subscription>, &Subscription),
        (usage, seats, admitted): (&Usage, i64, i64),
        is_new: bool,
    ) -> Result<()> {
        let audit = |batch: &mut Batch, action: &str, detail: &Value| {
            self.administration.audit(batch, &self.by, organization.id, action, detail);
        };
        let old_state = before.map(|row| row.state.as_str());
        if is_new {
            let detail =
                json!({"seats": after.quantity, "plan": after.plan, "provider": after.provider, "admitted": admitted});
            audit(batch, "checkout.completed", &detail);
            letters::welcome(connection, &self.administration, batch, organization, after)?;
        } else if seats != usage.seats {
            let detail = json!({"before": usage.seats, "after": seats, "admitted": admitted});
            audit(batch, "billing.seats_changed", &detail);
        }
        if after.state != State::Active.name() && old_state != Some(&after.state) {
            audit(batch, "billing.past_due", &json!({"provider": after.provider}));
            letters::past_due(connection, &self.administration, batch, organization, after)?;
        }
        if after.state == State::Active.name() && old_state == Some(State::PastDue.name()) {
            audit(batch, "billing.paid", &json!({"provider": after.provider}));
        }
        let drifts = seats != after.quantity && after.wanted_quantity.is_none();
        if drifts && before.is_none_or(|before| before.quantity != after.quantity || before.wanted_quantity.is_some()) {
            let detail =
                json!({"provider_seats": after.quantity, "seats": seats, "used": usage.used, "pending": usage.pending});
            audit(batch, "billing.drift", &detail);
        }
        Ok(())
    }

    fn invoice(&self, theirs: &Invoice) -> crate::store::invoices::Invoice {
        crate::store::invoices::Invoice {
            id: self.administration.ids.next(),
            key: theirs.id.clone(),
            number: theirs.number.clone(),
            state: theirs.state.unwrap_or("void").into(),
            amount: theirs.amount,
            currency: theirs.currency.clone(),
            description: theirs.description.clone(),
            period_start: theirs.period.0.0,
            period_end: theirs.period.1.0,
            created_at: theirs.created_at.0,
            paid_at: theirs.paid_at.map(|at| at.0),
            url: theirs.url.clone(),
        }
    }
}
