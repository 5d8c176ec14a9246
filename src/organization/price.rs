//! What seats cost (product.md §2): prices, amounts of money, and what a change costs at once.

use time::{Date, Month, OffsetDateTime};

use super::plan::Plan;
use crate::clock::Timestamp;

/// Currencies without a smaller unit (ISO 4217), as payment providers count them.
const WITHOUT_CENTS: [&str; 15] =
    ["bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "vnd", "vuv", "xaf", "xof", "xpf"];
/// No seat costs more; products of it fit an `i128` with room to spare.
const DEAREST: i64 = 1_000_000_000_000;

/// The price of a seat by plan, in the smallest unit of the currency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prices {
    /// ISO 4217, in lower case as payment providers write it.
    pub currency: String,
    pub yearly: i64,
    pub quarterly: i64,
    pub monthly: i64,
}

impl Prices {
    /// Reads what is configured: three letters, and amounts such as `22.99`.
    ///
    /// # Errors
    /// A sentence naming what cannot be read.
    pub fn parse(currency: &str, monthly: &str, quarterly: &str, yearly: &str) -> Result<Self, String> {
        let currency = currency.to_ascii_lowercase();
        if currency.len() != 3 || !currency.bytes().all(|byte| byte.is_ascii_lowercase()) {
            return Err(format!("\"{currency}\" is not a currency of three letters such as usd"));
        }
        let read = |text: &str| amount(text, &currency);
        Ok(Self { yearly: read(yearly)?, quarterly: read(quarterly)?, monthly: read(monthly)?, currency })
    }

    /// What one seat costs for one period.
    #[must_use]
    pub const fn of(&self, plan: Plan) -> i64 {
        match plan {
            Plan::Yearly => self.yearly,
            Plan::Quarterly => self.quarterly,
            Plan::Monthly => self.monthly,
        }
    }

    /// What so many seats cost for one period; saturating.
    #[must_use]
    pub const fn total(&self, plan: Plan, seats: i64) -> i64 {
        self.of(plan).saturating_mul(seats)
    }

    /// An amount as people read it: `$22.99`, `22.99 CHF`.
    #[must_use]
    pub fn shown(&self, amount: i64) -> String {
        shown(amount, &self.currency)
    }
}

/// An amount as people read it.
#[must_use]
pub fn shown(amount: i64, currency: &str) -> String {
    let sign = if amount < 0 { "-" } else { "" };
    let absolute = amount.unsigned_abs();
    let number = if decimals(currency) == 0 {
        absolute.to_string()
    } else {
        format!("{}.{:02}", absolute / 100, absolute % 100)
    };
    match currency {
        "usd" => format!("{sign}${number}"),
        "eur" => format!("{sign}€{number}"),
        "gbp" => format!("{sign}£{number}"),
        _ => format!("{sign}{number} {}", currency.to_ascii_uppercase()),
    }
}

fn decimals(currency: &str) -> usize {
    if WITHOUT_CENTS.contains(&currency) { 0 } else { 2 }
}

/// `22.99` in the smallest unit.
fn amount(text: &str, currency: &str) -> Result<i64, String> {
    let refuse = || format!("\"{text}\" is not a price such as 22.99");
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let wanted = decimals(currency);
    let is_number = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let dangling = text.contains('.') && fraction.is_empty();
    if whole.is_empty() || dangling || !is_number(whole) || !is_number(fraction) || fraction.len() > wanted {
        return Err(refuse());
    }
    let read: i64 = format!("{whole}{fraction:0<wanted$}").parse().map_err(|_| refuse())?;
    if (1..=DEAREST).contains(&read) {
        Ok(read)
    } else {
        Err(format!("\"{text}\" is not a price: nothing, or too much"))
    }
}

/// How many seats on which plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    pub plan: Plan,
    pub seats: i64,
}

/// What a change comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proration {
    /// What is given back of what was paid for the rest of the period.
    pub credit: i64,
    /// What the new order costs from now on to the end of its period.
    pub charge: i64,
    /// When the next whole invoice comes, and its amount.
    pub next_at: Timestamp,
    pub next_amount: i64,
}

impl Proration {
    /// What is to be paid at once; less than nothing is credit towards the next invoice.
    #[must_use]
    pub const fn due_now(&self) -> i64 {
        self.charge - self.credit
    }
}

/// What a change of the order at `now` comes to, within a period that was paid for. A plan of another length begins
/// a period of its own at once; the same length goes on to the end of the running one.
#[must_use]
pub fn proration(
    prices: &Prices,
    before: Order,
    after: Order,
    period: (Timestamp, Timestamp),
    now: Timestamp,
) -> Proration {
    let (start, end) = period;
    let length = i128::from(end.0.saturating_sub(start.0).max(1));
    let left = i128::from(end.0.saturating_sub(now.0)).clamp(0, length);
    let share = |amount: i64| rounded(i128::from(amount) * left, length);
    let (old, new) = (prices.total(before.plan, before.seats), prices.total(after.plan, after.seats));
    if before.plan == after.plan {
        return Proration { credit: share(old), charge: share(new), next_at: end, next_amount: new };
    }
    Proration { credit: share(old), charge: new, next_at: period_end(now, after.plan.months(), now), next_amount: new }
}

/// To the nearest whole unit, halves up.
fn rounded(dividend: i128, divisor: i128) -> i64 {
    i64::try_from((2 * dividend + divisor).div_euclid(2 * divisor)).unwrap_or(i64::MAX)
}

/// The end of the period of so many months that `at` is in, counted from the anchor: by the calendar, so that what
/// began on the 31st ends on the last day of a shorter month and on the 31st again after it.
#[must_use]
pub fn period_end(anchor: Timestamp, months: u32, at: Timestamp) -> Timestamp {
    let mut periods = 1;
    loop {
        let end = plus_months(anchor, periods * months);
        // What is beyond the calendar never ends.
        if end > at || end == anchor {
            return if end == anchor { Timestamp(i64::MAX) } else { end };
        }
        periods += 1;
    }
}

fn plus_months(anchor: Timestamp, months: u32) -> Timestamp {
    let later = || {
        let at = OffsetDateTime::from_unix_timestamp_nanos(i128::from(anchor.0) * 1_000).ok()?;
        let count = u32::from(u8::from(at.month())) - 1 + months;
        let year = at.year() + i32::try_from(count / 12).ok()?;
        let month = Month::try_from(u8::try_from(count % 12 + 1).ok()?).ok()?;
        let day = at.day().min(month.length(year));
        let moved = at.replace_date(Date::from_calendar_date(year, month, day).ok()?);
        i64::try_from(moved.unix_timestamp_nanos().div_euclid(1_000)).ok().map(Timestamp)
    };
    later().unwrap_or(anchor)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prices() -> Prices {
        Prices::parse("USD", "22.99", "69.99", "275.99").unwrap()
    }

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    #[test]
    fn prices_are_whole_cents() {
        assert_eq!(prices(), Prices { currency: "usd".into(), yearly: 27_599, quarterly: 6_999, monthly: 2_299 });
        assert_eq!(prices().shown(prices().total(Plan::Monthly, 3)), "$68.97");
        assert_eq!(
            (shown(-5, "usd"), shown(1_200, "chf"), shown(1_200, "jpy")),
            ("-$0.05".into(), "12.00 CHF".into(), "1200 JPY".into())
        );
        assert_eq!(Prices::parse("jpy", "2000", "6000", "20000").unwrap().monthly, 2_000);
        assert_eq!(
            Prices::parse("usd", "5", "5.5", "5.55").unwrap(),
            Prices { currency: "usd".into(), yearly: 555, quarterly: 550, monthly: 500 }
        );
        for wrong in ["", "22,99", "22.999", "-1", "+1", "0", "1e3", "22.", ".99", "99999999999999999999", " 1"] {
            assert!(Prices::parse("usd", wrong, "1", "1").unwrap_err().contains("price"), "{wrong:?}");
        }
        assert!(Prices::parse("jpy", "20.00", "1", "1").is_err() && Prices::parse("dollars", "1", "1", "1").is_err());
    }

    #[test]
    fn more_seats_cost_what_is_left_of_the_period() {
        let period = (at("2026-04-01T00:00:00Z"), at("2026-05-01T00:00:00Z"));
        let order = |seats| Order { plan: Plan::Monthly, seats };
        // Two thirds of the month are left.
        let more = proration(&prices(), order(3), order(5), period, at("2026-04-11T00:00:00Z"));
        assert_eq!((more.credit, more.charge, more.due_now()), (4_598, 7_663, 3_065));
        assert_eq!((more.next_at, more.next_amount), (period.1, 11_495));
        let less = proration(&prices(), order(5), order(3), period, at("2026-04-11T00:00:00Z"));
        assert_eq!(less.due_now(), -3_065, "what is given back is what was paid");
        assert_eq!(proration(&prices(), order(3), order(3), period, period.0).due_now(), 0);
        assert_eq!(proration(&prices(), order(1), order(2), period, at("2026-06-01T00:00:00Z")).due_now(), 0);
        assert_eq!(proration(&prices(), order(1), order(2), period, at("2026-03-01T00:00:00Z")).due_now(), 2_299);
    }

    #[test]
    fn another_plan_begins_a_period_of_its_own() {
        let period = (at("2026-04-01T00:00:00Z"), at("2026-05-01T00:00:00Z"));
        let now = at("2026-04-16T00:00:00Z");
        let order = |plan| Order { plan, seats: 2 };
        let change = proration(&prices(), order(Plan::Monthly), order(Plan::Yearly), period, now);
        assert_eq!((change.credit, change.charge), (2_299, 55_198));
        assert_eq!((change.next_at, change.next_amount), (at("2027-04-16T00:00:00Z"), 55_198));
    }

    #[test]
    fn periods_follow_the_calendar_from_where_they_began() {
        let anchor = at("2026-01-31T10:00:00Z");
        for (moment, end) in [
            ("2026-01-31T10:00:00Z", "2026-02-28T10:00:00Z"),
            ("2026-02-28T09:59:59Z", "2026-02-28T10:00:00Z"),
            ("2026-02-28T10:00:00Z", "2026-03-31T10:00:00Z"),
            ("2026-12-31T10:00:00Z", "2027-01-31T10:00:00Z"),
        ] {
            assert_eq!(period_end(anchor, 1, at(moment)), at(end), "{moment}");
        }
        assert_eq!(period_end(anchor, 3, anchor), at("2026-04-30T10:00:00Z"));
        assert_eq!(period_end(at("2024-02-29T00:00:00Z"), 12, at("2024-02-29T00:00:00Z")), at("2025-02-28T00:00:00Z"));
        assert_eq!(period_end(Timestamp(i64::MAX), 1, Timestamp(0)), Timestamp(i64::MAX), "beyond the calendar");
    }
}
