//! Rows on an organization of a million users: what must not grow with it.

use std::time::Instant;

use super::super::load::Until;
use super::super::print;
use super::super::server::{Server, patch};
use super::{Bed, FOR_A_SLICE, seed};

const GROUP: &str = r#"{"displayName":"Everybody"}"#;

pub fn rows(bed: Bed<'_>) {
    if !bed.settings.wants(&bed.name("large")) {
        return;
    }
    let users = bed.settings.users;
    let (idle, _) = bed.server.memory();
    print(&bed.name("large: resident memory idle, MiB"), "≤ 20", vec![idle], "");
    let few = seed(&bed.server, 1, 1_000);
    let many = seed(&bed.server, 0, users);
    growth(&bed, &few, &many);
    page(&bed);
    walks(&bed, users);
    let (now, _) = bed.server.memory();
    print(&bed.name(&format!("large: resident memory after {users} users and the walks, MiB")), "≤ 68", vec![now], "");
    groups(&bed, &few, &many);
    start(bed);
}

/// Time per request at `users` over time per request at a thousand.
fn growth(bed: &Bed<'_>, few: &[String], many: &[String]) {
    let one = |row: &str, path: &dyn Fn(usize) -> String| {
        let rate = |organization: usize, count: usize| {
            let request = |n: usize| bed.server.request(organization, "GET", &path(n * 7_919 % count), None);
            bed.server.load(8, FOR_A_SLICE, request).rate()
        };
        let ratios = bed.pairs(|| rate(1, few.len()), || rate(0, many.len()));
        print(&bed.name(&format!("large: {row}, time at {} users / at 1,000", many.len())), "≤ 1.25", ratios, "");
    };
    one("filter userName eq", &|n| format!("/Users?filter=userName%20eq%20%22u{n:07}@acme.example%22"));
    one("filter externalId eq", &|n| format!("/Users?filter=externalId%20eq%20%22e{n:07}%22"));
    one("filter emails.value eq", &|n| format!("/Users?filter=emails.value%20eq%20%22u{n:07}@acme.example%22"));
}

fn page(bed: &Bed<'_>) {
    let request = |_: usize| bed.server.request(0, "GET", "/Users?count=100", None);
    let milliseconds =
        (0..bed.settings.rounds).map(|_| bed.server.load(1, FOR_A_SLICE, request).quantile(50) * 1_000.0).collect();
    print(
        &bed.name("large: page of 100 users, ms (with the network and the client)"),
        bed.either("≤ 1", "≤ 2"),
        milliseconds,
        "",
    );
}

fn walks(bed: &Bed<'_>, users: usize) {
    let began = Instant::now();
    let pages = users / 100;
    bed.server.load(1, Until::Count(pages), |n| {
        bed.server.request(0, "GET", &format!("/Users?count=100&startIndex={}", n * 100 + 1), None)
    });
    let by_index = began.elapsed();
    let began = Instant::now();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut connection = super::super::load::Connection::open(&bed.server.address).await;
        let mut cursor = String::new();
        for _ in 0..pages {
            let request = bed.server.request(0, "GET", &format!("/Users?count=100&cursor={cursor}"), None);
            let (_, answer) = connection.exchange(&request).await;
            // The cursor stands in the head of the answer; reading all of it as JSON would measure the client.
            let head = String::from_utf8_lossy(&answer[..answer.len().min(600)]).into_owned();
            head.split("\"nextCursor\":\"")
                .nth(1)
                .and_then(|rest| rest.split('"').next())
                .unwrap_or_default()
                .clone_into(&mut cursor);
        }
    });
    let by_cursor = began.elapsed();
    let ratio = by_index.as_secs_f64() / by_cursor.as_secs_f64();
    let note = format!("{:.1} s by startIndex", by_index.as_secs_f64());
    print(&bed.name(&format!("large: walk of {users} users by startIndex / by cursor")), "≤ 1.5", vec![ratio], &note);
}

fn groups(bed: &Bed<'_>, few: &[String], many: &[String]) {
    let group = |organization: usize| {
        let made = bed.server.ask(organization, "POST", "/Groups", Some(GROUP));
        format!("/Groups/{}", made["id"].as_str().unwrap())
    };
    let (empty, full) = (group(0), group(0));
    // The last thousand stay out, to be added and removed.
    let (members, spare) = many.split_at(many.len().saturating_sub(few.len()));
    for slice in members.chunks(5_000) {
        let values: Vec<String> = slice.iter().map(|id| format!(r#"{{"value":"{id}"}}"#)).collect();
        bed.server.ask(0, "PATCH", &full, Some(&patch("add", "members", &format!("[{}]", values.join(",")))));
    }
    for operation in ["add", "remove"] {
        let seconds = |path: &str| {
            let request = |n: usize| {
                let member = format!(r#"[{{"value":"{}"}}]"#, spare[n % spare.len()]);
                bed.server.request(0, "PATCH", path, Some(&patch(operation, "members", &member)))
            };
            bed.server.load(1, Until::Count(spare.len().min(500)), request).quantile(50)
        };
        let ratios = vec![seconds(&full) / seconds(&empty)];
        print(
            &bed.name(&format!("large: PATCH {operation} one member, time at {} members / at 0", members.len())),
            "≤ 1.2",
            ratios,
            "",
        );
    }
    bed.server.reset_peak();
    let (before, _) = bed.server.memory();
    bed.server.ask(0, "GET", &full, None);
    let (_, peak) = bed.server.memory();
    print(
        &bed.name(&format!("large: GET a group of {} members, peak above before, MiB", members.len())),
        bed.either("≤ 8", "≤ 16"),
        vec![peak - before],
        "",
    );
}

fn start(bed: Bed<'_>) {
    let name = bed.name("large: start to first 200, ms");
    let target = bed.either("≤ 300", "≤ 500");
    let Server { url, .. } = &bed.server;
    let url = url.clone();
    drop(bed);
    let began = Instant::now();
    let _server = Server::open(&url);
    print(&name, target, vec![began.elapsed().as_secs_f64() * 1_000.0], "");
}
