//! A row on the list of members: a page of it must not cost more where there are many.

use std::cell::RefCell;
use std::time::Duration;

use super::super::load::Until;
use super::super::print;
use super::{Bed, seed};

const MANY: usize = 100_000;
const FEW: usize = 100;

/// Every order there is, either way.
const SORTS: [&str; 10] =
    ["email", "-email", "name", "-name", "role", "-role", "status", "-status", "joined", "-joined"];

/// How long one order is taken.
const TURN: Until = Until::After(Duration::from_millis(300));

pub fn rows(bed: &Bed<'_>) {
    let name = bed.name("member list: page of 50 of 100,000 members / of 100, the slowest order");
    if !bed.settings.wants(&name) {
        return;
    }
    let (large, small) = (Organization::of(bed, 4, MANY), Organization::of(bed, 5, FEW));
    let slowest = RefCell::new(String::new());
    let once = |_| {
        let ratio = |sort: &'static str| (large.page(bed, sort) / small.page(bed, sort), sort);
        let (ratio, sort) = SORTS.into_iter().map(ratio).max_by(|a, b| a.0.total_cmp(&b.0)).unwrap();
        slowest.replace(format!("by {sort}; {:.2} ms of the large one", large.page(bed, sort) * 1e3));
        ratio
    };
    let ratios = (0..bed.settings.rounds).map(once).collect();
    print(&name, "≤ 2", ratios, &slowest.borrow());
}

/// An organization with a key to its API.
struct Organization {
    slug: String,
    key: String,
}

impl Organization {
    fn of(bed: &Bed<'_>, number: usize, members: usize) -> Self {
        seed(&bed.server, number, members);
        let slug = format!("o{number}");
        let create = ["api-key", "create", "--organization", &slug, "--name", "bench", "--role", "admin"];
        let key = bed.server.command(&create)["key"].as_str().unwrap().to_owned();
        Self { slug, key }
    }

    /// The median of the first page in an order, in seconds.
    fn page(&self, bed: &Bed<'_>, sort: &str) -> f64 {
        let Self { slug, key } = self;
        let request = |_: usize| {
            format!(
                "GET /api/v1/organizations/{slug}/members?limit=50&sort={sort} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n\r\n"
            )
            .into_bytes()
        };
        bed.server.load(1, TURN, request).quantile(50)
    }
}
