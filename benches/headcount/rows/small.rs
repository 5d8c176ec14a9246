//! Rows on an organization of a thousand users: what one request costs.

use std::cell::Cell;
use std::time::Instant;

use super::super::load::Until;
use super::super::print;
use super::super::server::{bulk, patch};
use super::{Bed, FOR_A_SLICE, Floor, SLICE, fresh_user, seed};

pub fn rows(bed: &Bed<'_>) {
    let ids = seed(&bed.server, 0, 1_000);
    reads(bed, &ids);
    creates(bed);
    deactivations(bed, &ids);
    many_organizations(bed);
    members(bed, &ids);
    bulk_creates(bed);
    initial_sync(bed);
    neighbours(bed, &ids);
}

fn reads(bed: &Bed<'_>, ids: &[String]) {
    let one = |row: &str, target: &str, path: &dyn Fn(usize) -> String| {
        let name = bed.name(row);
        if !bed.settings.wants(&name) {
            return;
        }
        let rate = Cell::new(0.0);
        let ours = || {
            let run = bed.server.load(8, FOR_A_SLICE, |n| bed.server.request(0, "GET", &path(n), None));
            rate.set(run.rate());
            run.rate()
        };
        let ratios = bed.pairs(ours, || bed.read_floor());
        print(&name, target, ratios, &format!("{:.0}/s", rate.get()));
    };
    one("GET User by id, 8 connections", bed.either("≥ 0.50 FR", "≥ 0.25 PR"), &|n| {
        format!("/Users/{}", ids[n % ids.len()])
    });
    let target = bed.either("≥ 0.45 FR", "≥ 0.20 PR");
    one("filter userName eq", target, &|n| {
        format!("/Users?filter=userName%20eq%20%22u{:07}@acme.example%22", n % ids.len())
    });
    one("filter externalId eq", target, &|n| format!("/Users?filter=externalId%20eq%20%22e{:07}%22", n % ids.len()));
    one("filter emails.value eq", target, &|n| {
        format!("/Users?filter=emails.value%20eq%20%22u{:07}@acme.example%22", n % ids.len())
    });
}

fn creates(bed: &Bed<'_>) {
    let made = Cell::new(0);
    for (connections, target) in [(1, "≥ 0.55 F1"), (8, "≥ 0.9 F1"), (32, "≥ 1.4 F1")] {
        let name = bed.name(&format!("POST User, {connections} connections"));
        if !bed.settings.wants(&name) {
            continue;
        }
        let rate = Cell::new(0.0);
        let ours = || {
            let first = made.get();
            let request = |n: usize| bed.server.request(0, "POST", "/Users", Some(&fresh_user(first + n)));
            let run = bed.server.load(connections, FOR_A_SLICE, request);
            made.set(first + run.requests + connections);
            rate.set(run.rate());
            run.rate()
        };
        let ratios = bed.pairs(ours, || bed.write_floor(1));
        print(&name, bed.either(target, "≥ 0.5 P1"), ratios, &format!("{:.0}/s", rate.get()));
    }
}

fn deactivations(bed: &Bed<'_>, ids: &[String]) {
    for (connections, target) in [(1, "≥ 0.55 F1"), (8, "≥ 0.9 F1"), (32, "≥ 1.4 F1")] {
        let name = bed.name(&format!("PATCH active, {connections} connections"));
        if !bed.settings.wants(&name) {
            continue;
        }
        let rate = Cell::new(0.0);
        let ours = || {
            let request = |n: usize| {
                // The second time round every user is switched on again.
                let body = patch("replace", "active", if (n / ids.len()).is_multiple_of(2) { "false" } else { "true" });
                bed.server.request(0, "PATCH", &format!("/Users/{}", ids[n % ids.len()]), Some(&body))
            };
            let run = bed.server.load(connections, FOR_A_SLICE, request);
            rate.set(run.rate());
            run.rate()
        };
        let ratios = bed.pairs(ours, || bed.write_floor(1));
        print(&name, bed.either(target, "≥ 0.5 P1"), ratios, &format!("{:.0}/s", rate.get()));
    }
}

/// The row locks of one ledger are not in the way of another organization's.
fn many_organizations(bed: &Bed<'_>) {
    let made = Cell::new(3_000_000);
    for connections in [8, 32] {
        let name = bed.name(&format!("POST User, 32 organizations, {connections} connections"));
        if bed.is_sqlite() || !bed.settings.wants(&name) {
            continue;
        }
        let ours = || {
            let first = made.get();
            let request = |n: usize| bed.server.request(n % 32, "POST", "/Users", Some(&fresh_user(first + n)));
            let run = bed.server.load(connections, FOR_A_SLICE, request);
            made.set(first + run.requests + connections);
            run.rate()
        };
        let ratios = bed.pairs(ours, || bed.write_floor(8));
        print(&name, "≥ 0.35 P8", ratios, "");
    }
}

fn members(bed: &Bed<'_>, ids: &[String]) {
    let name = bed.name("PATCH add 1,000 members, members per second");
    if !bed.settings.wants(&name) {
        return;
    }
    let values: Vec<String> = ids.iter().map(|id| format!(r#"{{"value":"{id}"}}"#)).collect();
    let body = patch("add", "members", &format!("[{}]", values.join(",")));
    let ours = || {
        let group = bed.server.ask(0, "POST", "/Groups", Some(r#"{"displayName":"Staff"}"#));
        let path = format!("/Groups/{}", group["id"].as_str().unwrap());
        let began = Instant::now();
        bed.server.ask(0, "PATCH", &path, Some(&body));
        ids.len() as f64 / began.elapsed().as_secs_f64()
    };
    print(&name, bed.either("≥ 0.60 FB", "report (P1)"), bed.pairs(ours, || bed.batch_floor()), "");
}

fn bulk_creates(bed: &Bed<'_>) {
    let name = bed.name("Bulk of 1,000 creates, users per second");
    if !bed.settings.wants(&name) {
        return;
    }
    let made = Cell::new(9_000_000);
    let rate = Cell::new(0.0);
    let ours = || {
        let body = bulk(made.get(), made.get() + 1_000);
        made.set(made.get() + 1_000);
        let began = Instant::now();
        bed.server.ask(1, "POST", "/Bulk", Some(&body));
        rate.set(1_000.0 / began.elapsed().as_secs_f64());
        rate.get()
    };
    let ratios = bed.pairs(ours, || bed.batch_floor());
    print(&name, bed.either("≥ 0.50 FB", "report (P1)"), ratios, &format!("{:.0}/s", rate.get()));
}

/// 10,000 users looked up and created, then 200 groups of a hundred filled by a PATCH each.
fn initial_sync(bed: &Bed<'_>) {
    const USERS: usize = 10_000;
    const GROUPS: usize = 200;
    let name = bed.name("initial sync of 10,000 users and 200 groups, 4 connections: time over commits ÷ F1");
    if !bed.settings.wants(&name) {
        return;
    }
    let floor = bed.write_floor(1);
    let base = 7_000_000;
    let began = Instant::now();
    bed.server.load(4, Until::Count(USERS * 2), |n| {
        let user = base + n / 2;
        if n.is_multiple_of(2) {
            let path = format!("/Users?filter=userName%20eq%20%22u{user:07}@acme.example%22");
            bed.server.request(2, "GET", &path, None)
        } else {
            bed.server.request(2, "POST", "/Users", Some(&super::server::user(user)))
        }
    });
    bed.server.load(4, Until::Count(GROUPS), |n| {
        bed.server.request(2, "POST", "/Groups", Some(&format!(r#"{{"displayName":"g{n}"}}"#)))
    });
    let pushed = began.elapsed();
    let ids = |endpoint: &str| -> Vec<String> {
        let mut ids = Vec::new();
        loop {
            let page = bed.server.ask(
                2,
                "GET",
                &format!("/{endpoint}?count=1000&attributes=id&startIndex={}", ids.len() + 1),
                None,
            );
            let found = page["Resources"].as_array().unwrap();
            ids.extend(found.iter().map(|resource| resource["id"].as_str().unwrap().to_owned()));
            if found.len() < 1_000 {
                return ids;
            }
        }
    };
    let (users, groups) = (ids("Users"), ids("Groups"));
    let again = Instant::now();
    bed.server.load(4, Until::Count(GROUPS), |n| {
        let values: Vec<String> =
            users.iter().cycle().skip(n * 50).take(100).map(|id| format!(r#"{{"value":"{id}"}}"#)).collect();
        let body = patch("add", "members", &format!("[{}]", values.join(",")));
        bed.server.request(2, "PATCH", &format!("/Groups/{}", groups[n]), Some(&body))
    });
    let seconds = (pushed + again.elapsed()).as_secs_f64();
    let least = (USERS + 2 * GROUPS) as f64 / f64::midpoint(floor, bed.write_floor(1));
    print(&name, bed.either("≤ 1.5", "report"), vec![seconds / least], &format!("{seconds:.1} s"));
}

/// One organization at eight connections beside another that reads now and then.
fn neighbours(bed: &Bed<'_>, ids: &[String]) {
    let name = bed.name("another organization's GET p99 beside a hot one, over the same on F0");
    let Floor::Sqlite { server: floor, .. } = &bed.floor else { return };
    if !bed.settings.wants(&name) {
        return;
    }
    let quiet = seed(&bed.server, 3, 100);
    let beside = |address: &str, hot: &(dyn Fn(usize) -> Vec<u8> + Sync), other: &dyn Fn(usize) -> Vec<u8>| {
        std::thread::scope(|scope| {
            scope.spawn(|| super::super::load::run(address, 8, Until::After(SLICE * 2), hot));
            super::super::load::run(address, 1, FOR_A_SLICE, other).quantile(99)
        })
    };
    let server = &bed.server;
    let ours = || {
        let hot = |n: usize| server.request(0, "GET", &format!("/Users/{}", ids[n % ids.len()]), None);
        let other = |n: usize| server.request(3, "GET", &format!("/Users/{}", quiet[n % quiet.len()]), None);
        beside(&server.address, &hot, &other)
    };
    let bare = |_: usize| b"GET /f0 HTTP/1.1\r\nHost: x\r\n\r\n".to_vec();
    let (last, floor_last) = (Cell::new(0.0), Cell::new(0.0));
    let kept = |cell: &Cell<f64>, seconds: f64| {
        cell.set(seconds * 1e6);
        seconds
    };
    let ratios = bed.pairs(|| kept(&last, ours()), || kept(&floor_last, beside(&floor.address, &bare, &bare)));
    print(&name, "≤ 2", ratios, &format!("{:.0} µs over {:.0} µs", last.get(), floor_last.get()));
}
