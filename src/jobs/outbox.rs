//! Mail is delivered (product.md §4): by whichever process takes it first, again and again with longer
//! and longer pauses, until the server has it or it is given up.

use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{self, StreamExt as _};

use crate::clock::{Clock, Timestamp};
use crate::error::Result;
use crate::mail::outbox as mail;
use crate::mail::smtp::{Envelope, Smtp, Undelivered};
use crate::sealing::SealingKey;
use crate::store::batch::Batch;
use crate::store::outbox::{self, Mail};
use crate::store::{Planned, Store};

/// Mails that are taken at once.
const PAGE: i64 = 50;
/// Mails that are on their way at once.
const CONCURRENCY: usize = 4;
/// How often it is seen whether something is due.
const OFTEN: Duration = Duration::from_secs(1);
/// How often it is tidied up.
const SELDOM: Duration = Duration::from_mins(1);
/// When a mail is due again that a process has taken which then died. A whole page is through by then.
const LEASE: Duration = Duration::from_mins(10);
/// The pauses before the second attempt and the following ones; then a mail is given up.
const PAUSES: [Duration; 8] = [
    Duration::from_secs(10),
    Duration::from_secs(30),
    Duration::from_mins(2),
    Duration::from_mins(10),
    Duration::from_mins(30),
    Duration::from_hours(1),
    Duration::from_hours(4),
    Duration::from_hours(12),
];
/// How long operators see what was given up.
const DEAD_ARE_KEPT: Duration = Duration::from_hours(30 * 24);

/// What delivering takes.
#[derive(Clone)]
pub struct Postman {
    pub store: Store,
    pub clock: Arc<dyn Clock>,
    pub sealing: Arc<SealingKey>,
    /// The mail server; without one the mails stay where they are.
    pub smtp: Option<Smtp>,
}

impl std::fmt::Debug for Postman {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Postman").field("smtp", &self.smtp).finish_non_exhaustive()
    }
}

/// Delivers what is due for as long as the service lives.
pub async fn run(postman: Postman) {
    let mut ticks = tokio::time::interval(OFTEN);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut tidied = None;
    loop {
        ticks.tick().await;
        let now = postman.clock.now();
        let mut outcome = deliver(&postman).await.map(drop);
        if outcome.is_ok() && tidied.is_none_or(|at: Timestamp| at > now || at.plus(SELDOM) <= now) {
            tidied = Some(now);
            outcome = tidy(&postman).await;
        }
        if let Err(error) = outcome {
            tracing::warn!(?error, "the outbox could not be looked at; it is in the next round");
        }
    }
}

/// Gives up what could not be delivered while it was true, and removes what is of no more use.
///
/// # Errors
/// The database's.
pub async fn tidy(postman: &Postman) -> Result<()> {
    let now = postman.clock.now();
    if postman.smtp.is_some() {
        let give_up = move |_: &mut _| {
            let mut batch = Batch::default();
            outbox::give_up_expired(&mut batch, now.0, now.plus(DEAD_ARE_KEPT).0, "it expired before it was delivered");
            Ok(Planned { batch, answer: () })
        };
        postman.store.write(give_up).await?;
    }
    let delete = move |_: &mut _| {
        let mut batch = Batch::default();
        outbox::delete_expired(&mut batch, now.0);
        Ok(Planned { batch, answer: () })
    };
    postman.store.write(delete).await
}

/// Delivers what is due; how many mails the server has taken.
///
/// # Errors
/// The database's.
pub async fn deliver(postman: &Postman) -> Result<usize> {
    let Some(smtp) = &postman.smtp else { return Ok(0) };
    let mut taken = 0;
    loop {
        let now = postman.clock.now();
        let claim = move |connection: &mut _| outbox::claim_due(connection, now.0, now.plus(LEASE).0, PAGE);
        let page = postman.store.transaction(claim).await?;
        if page.is_empty() {
            break;
        }
        taken += stream::iter(page)
            .map(|mail| hand_over(postman, smtp, mail))
            .buffer_unordered(CONCURRENCY)
            .filter(|taken| std::future::ready(*taken))
            .count()
            .await;
    }
    Ok(taken)
}

/// One attempt; whether the server has taken the mail. A failure is this mail's alone.
async fn hand_over(postman: &Postman, smtp: &Smtp, mail: Mail) -> bool {
    let outcome = match mail::open(&postman.sealing, &mail).map(|letter| letter.render()) {
        Some(Ok(letter)) => {
            let id = mail.id.to_string();
            let written_at = Timestamp(mail.created_at);
            smtp.deliver(Envelope { id: &id, recipient: &mail.recipient, written_at }, letter).await
        }
        Some(Err(_)) | None => Err(Undelivered {
            // Another process may have it.
            for_good: false,
            why: "it was written with another key than this process has: give all processes the same key".to_owned(),
        }),
    };
    let is_taken = outcome.is_ok();
    // The reason may name the recipient: it is stored beside the mail, for `headcount outbox list`.
    if !is_taken {
        tracing::warn!(mail = %mail.id, kind = mail.kind, attempts = mail.attempts, "a mail was not delivered");
    }
    let now = postman.clock.now();
    let written = postman.store.write(move |_| Ok(Planned { batch: settle(&mail, &outcome, now), answer: () })).await;
    if let Err(error) = written {
        tracing::warn!(?error, "what came of a mail could not be written down; it is tried again");
    }
    is_taken
}

/// What came of an attempt.
fn settle(mail: &Mail, outcome: &std::result::Result<(), Undelivered>, now: Timestamp) -> Batch {
    let mut batch = Batch::default();
    match outcome {
        Ok(()) => outbox::update_sent(&mut batch, mail.id),
        Err(undelivered) => {
            let pause = usize::try_from(mail.attempts - 1).ok().and_then(|made| PAUSES.get(made));
            match pause.filter(|_| !undelivered.for_good) {
                Some(pause) => outbox::update_due(&mut batch, mail.id, now.plus(*pause).0, &undelivered.why),
                None => outbox::update_dead(&mut batch, mail.id, now.plus(DEAD_ARE_KEPT).0, &undelivered.why),
            }
        }
    }
    batch
}
