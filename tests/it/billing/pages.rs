//! The pages of a checkout: for admins and owners alone, without a script, and sent twice they pay once.

use std::io::{Read as _, Write as _};

use reqwest::Method;
use serde_json::{Value, json};

use crate::api::api_keys::key_of;
use crate::api::client::Team;
use crate::sign_in::browser::{Answer, hidden};
use crate::support::{Database, in_process_on_each_database};

in_process_on_each_database!(
    a_card_is_typed,
    another_card,
    nobody_else_sees_it,
    the_api,
    from_founding_to_the_end,
    a_key_that_is_revoked_meanwhile_buys_nothing,
);

const BILLING: &str = "/api/v1/organizations/acme/billing";
const CHECKOUT: &str = "/api/v1/organizations/acme/checkout";

/// A page like every other, without a script.
pub fn assert_page(answer: &Answer) {
    assert_eq!(answer.status, 200, "{}", answer.body);
    let policy = answer.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("default-src 'none'") && !answer.body.contains("<script"), "{}", answer.body);
}

async fn begin(team: &Team) -> String {
    let order = json!({"seats": 25, "plan": "enterprise_seat_quarterly"});
    let begun = team.owner.make(CHECKOUT, &order).await;
    assert_eq!(begun.status, 201, "{}", begun.body);
    let url = begun.body["url"].as_str().unwrap();
    assert!(url.ends_with(begun.header("location")), "{url}");
    begun.header("location").to_owned()
}

async fn a_card_is_typed(database: Database) {
    let team = Team::open(database).await;
    let page = begin(&team).await;
    let form = team.owner.get(&page).await;
    form.plain(200, "checkout");
    for said in ["Test checkout", "25 seats for Acme", "$69.99 a quarter", "Pay $1749.75", "4000 0000 0000 0341"] {
        assert!(form.body.contains(said), "{said}: {}", form.body);
    }
    assert!(!form.body.contains("<script"));
    let csrf = hidden(&form.body, "csrf");
    let works = [("csrf", csrf.as_str()), ("card", "4242 4242 4242 4242")];
    assert_eq!(team.owner.post(&page, &works[1..]).await.status, 403, "not by another site's form");
    assert_eq!(team.owner.post(&page, &[("csrf", "x"), works[1]]).await.status, 403);
    for (card, why) in
        [("4000 0000 0000 0002", "was declined"), ("4111111111111111", "none of the test cards"), ("", "none of")]
    {
        let again = team.owner.post(&page, &[works[0], ("card", card)]).await;
        again.plain(422, card);
        assert!(again.body.contains(why), "{card}: {}", again.body);
        assert!(!again.body.contains("4111111111111111"), "what is typed is not shown again");
    }
    assert_eq!(team.owner.ask(BILLING).await.is(200)["state"], "none");
    for _ in 0..2 {
        let paid = team.owner.post(&page, &works).await;
        assert_eq!(
            (paid.status.as_u16(), paid.location.as_deref()),
            (303, Some(format!("{page}/done").as_str())),
            "{}",
            paid.body
        );
    }
    let done = team.owner.get(&format!("{page}/done")).await;
    assert_page(&done);
    assert!(
        done.body.contains("Acme has 25 seats")
            && done.body.contains("Invite people now")
            && done.body.contains("Later")
    );
    assert_eq!(team.owner.get(&page).await.location.unwrap(), format!("{page}/done"), "it is over");
    assert_eq!(team.owner.ask(&format!("{BILLING}/invoices")).await.is(200)["items"].as_array().unwrap().len(), 1);
}

async fn another_card(database: Database) {
    let team = Team::open(database).await;
    let page = begin(&team).await;
    let csrf = hidden(&team.owner.get(&page).await.body, "csrf");
    team.owner.post(&page, &[("csrf", &csrf), ("card", "4000 0000 0000 0341")]).await;
    let opened = team.owner.make(&format!("{BILLING}/portal"), &json!({})).await.is(200);
    let url = opened["url"].as_str().unwrap();
    let page = &url[url.find("/checkout/").unwrap()..];
    let form = team.owner.get(page).await;
    assert!(form.body.contains("Another card for Acme") && form.body.contains("Nothing is owed"), "{}", form.body);
    let paid = team.owner.post(page, &[("csrf", &csrf), ("card", "4242424242424242")]).await;
    assert_eq!(paid.status, 303, "{}", paid.body);
    assert!(team.owner.get(&format!("{page}/done")).await.body.contains("The card is kept"));
    team.owner.change(BILLING, &json!({"seats": 30})).await.is(200);
}

async fn nobody_else_sees_it(database: Database) {
    let team = Team::open(database).await;
    let page = begin(&team).await;
    team.admin.get(&page).await.plain(200, "an admin");
    for (browser, what) in [(&team.reader, "read"), (&team.writer, "write")] {
        for path in [page.clone(), format!("{page}/done")] {
            let nothing = browser.get(&path).await;
            nothing.plain(404, what);
            assert!(!nothing.body.contains("Acme"), "{what}: {}", nothing.body);
        }
    }
    let stranger = team.place.browser();
    let sent = stranger.get(&page).await;
    assert_eq!((sent.status.as_u16(), sent.location), (303, Some(format!("/sign-in?return_to={page}"))));
    assert_eq!(stranger.post(&page, &[("card", "4242424242424242")]).await.status, 403);
    team.owner.get("/checkout/x").await.plain(404, "no id");
    assert_eq!(team.owner.send(Method::PUT, &page, |request| request).await.status, 405);
}

async fn the_api(database: Database) {
    let team = Team::open(database).await;
    team.reader.make(CHECKOUT, &json!({})).await.problem(403, "forbidden");
    team.owner.make(CHECKOUT, &json!({"seats": 1})).await.problem(409, "conflict");
    team.owner.make(CHECKOUT, &json!({"seats": "9"})).await.problem(400, "invalid_value");
    team.owner.make(CHECKOUT, &json!({"seats": 9, "currency": "eur"})).await.problem(400, "invalid_value");
    let told = team.owner.make(CHECKOUT, &json!({"seats": 9, "plan": "gold"})).await.problem(400, "invalid_value");
    assert!(told.contains("enterprise_seat_yearly"), "{told}");
    team.owner.change(BILLING, &json!({"seats": 9})).await.problem(409, "conflict");
    let page = begin(&team).await;
    let csrf = hidden(&team.owner.get(&page).await.body, "csrf");
    team.owner.post(&page, &[("csrf", &csrf), ("card", "4242 4242 4242 4242")]).await;
    let preview = team.admin.make(&format!("{BILLING}/preview"), &json!({"seats": 26})).await.is(200);
    assert_eq!(preview["due_now"], json!({"amount": 6_999, "currency": "usd", "text": "$69.99"}), "{preview}");
    assert_eq!(team.admin.ask(BILLING).await.is(200)["seats"], 25, "a preview changes nothing");
    let told = team.admin.change(BILLING, &json!({"seats": 3})).await.problem(409, "conflict");
    assert!(told.contains("5 seats are used and 0 are held by pending invitations"), "{told}");
    let set = team.admin.change(BILLING, &json!({"seats": 26})).await.is(200);
    assert_eq!((&set["seats"], &set["pending_change"]), (&json!(26), &Value::Null));
    let first = team.owner.ask(&format!("{BILLING}/invoices?limit=1")).await.is(200);
    let next = first["next"].as_str().expect("another page");
    let second = team.owner.ask(&format!("{BILLING}/invoices?limit=1&after={next}")).await.is(200);
    assert_eq!((&second["next"], second["items"].as_array().unwrap().len()), (&Value::Null, 1));
    assert_ne!(first["items"][0]["id"], second["items"][0]["id"]);
    // Who did it is in the trail.
    let events = team.place.command(&["audit", "list", "--organization", "acme"]);
    let event = events.as_array().unwrap().iter().find(|event| event["action"] == "billing.changed").unwrap();
    assert_eq!(event["detail"]["seats"], json!({"before": 25, "after": 26}));
    assert!(event["actor"].as_str().unwrap().starts_with("member:") && event["request_id"].is_string(), "{event}");
}

async fn from_founding_to_the_end(database: Database) {
    let team = Team::open(database).await;
    let new = json!({"name": "Bolt", "seats": 3, "plan": "enterprise_seat_monthly"});
    let made = team.reader.make("/api/v1/organizations", &new).await.is(201);
    assert_eq!(made["state"], "pending_checkout");
    let (bolt, founder) = (format!("/api/v1/organizations/{}", made["slug"].as_str().unwrap()), &team.reader);
    let billing = format!("{bolt}/billing");
    let shown = founder.ask(&billing).await.is(200);
    assert_eq!((&shown["state"], &shown["organization_state"]), (&json!("none"), &json!("pending_checkout")));
    // As it was made, unless something else is wanted.
    let pay = async || {
        let begun = founder.make(&format!("{bolt}/checkout"), &json!({})).await;
        assert_eq!(begun.status, 201, "{}", begun.body);
        let page = begun.header("location").to_owned();
        let form = founder.get(&page).await;
        assert!(form.body.contains("3 seats for Bolt") && form.body.contains("Pay $68.97"), "{}", form.body);
        let csrf = hidden(&form.body, "csrf");
        let paid = founder.post(&page, &[("csrf", &csrf), ("card", "4242 4242 4242 4242")]).await;
        assert_eq!(paid.status, 303, "{}", paid.body);
        founder.ask(&billing).await.is(200)
    };
    let shown = pay().await;
    assert_eq!(
        (&shown["state"], &shown["organization_state"], &shown["seats"]),
        (&json!("active"), &json!("active"), &json!(3))
    );
    let gone = founder.call(Method::DELETE, &bolt, Some(&json!({"name": "Bolt"}))).await;
    assert_eq!(gone.status, 204, "{}", gone.body);
    // Deleting signs everybody out of it.
    founder.sign_in("read@acme.example").await;
    founder.make(&format!("{bolt}/restore"), &Value::Null).await.is(200);
    let shown = founder.ask(&billing).await.is(200);
    assert_eq!((&shown["state"], &shown["organization_state"]), (&json!("canceled"), &json!("past_due")));
    assert_eq!(pay().await["organization_state"], "active", "a new checkout begins anew");
}

async fn a_key_that_is_revoked_meanwhile_buys_nothing(database: Database) {
    let team = Team::open(database).await;
    let checkout = json!({"seats": 25, "plan": "enterprise_seat_monthly"});
    for (method, path, order) in [(Method::POST, CHECKOUT, &checkout), (Method::PATCH, BILLING, &json!({"seats": 26}))]
    {
        let key = key_of(&team.place, "acme", "admin", &[]);
        let (order, host) = (order.to_string(), team.owner.home().trim_start_matches("http://"));
        let mut stream = std::net::TcpStream::connect(host).unwrap();
        let length = order.len();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {key}\r\nconnection: close\r\n\
             content-type: application/json\r\ncontent-length: {length}\r\n\r\n{}",
            &order[..5]
        )
        .unwrap();
        // The rest of the body comes when the key is revoked, and the request has been looked at before.
        for _ in 0..3 {
            team.reader.me().await;
        }
        team.place.command(&["api-key", "revoke", "--organization", "acme", "--key", "admin"]);
        stream.write_all(&order.as_bytes()[5..]).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 401"), "{path}: {answer}");
        if path == CHECKOUT {
            // What the next one changes.
            let page = begin(&team).await;
            let csrf = hidden(&team.owner.get(&page).await.body, "csrf");
            team.owner.post(&page, &[("csrf", &csrf), ("card", "4242 4242 4242 4242")]).await;
        }
    }
    let shown = team.owner.ask(BILLING).await.is(200);
    assert_eq!((&shown["seats"], &shown["pending_change"]), (&json!(25), &Value::Null));
    let events = team.place.command(&["audit", "list", "--organization", "acme"]);
    let by_key = |event: &&Value| event["source"] == "api" && event["action"] != "api_key.revoked";
    assert_eq!(events.as_array().unwrap().iter().find(by_key), None);
}
