//! Accepting: with a session that has proven the invited address, by the button, once.

use headcount::stand_in::person::Person;
use reqwest::Method;
use serde_json::{Value, json};

use super::{Desk, INVITATIONS, accept, id, press, scim_user};
use crate::sign_in::browser::{TENANT, hidden};
use crate::support::{Database, in_process_on_each_database};

in_process_on_each_database!(
    the_right_account_accepts,
    opening_accepts_nothing,
    another_account_does_not,
    an_unproven_address_does_not,
    it_works_once_and_in_its_time,
    the_founders_session_has_proven_nothing,
    its_secret_is_stored_nowhere,
    who_provisioning_has_made_is_linked,
    by_the_organizations_own_sign_in,
    a_mailed_link_leads_back,
);

async fn the_right_account_accepts(database: Database) {
    let desk = Desk::open(database).await;
    let path = desk.link("Gus@Guest.example", "write").await;
    assert_eq!(desk.seats().await, (2, 1, 0));
    let browser = desk.guest("gus@guest.example").await;
    assert_eq!(browser.me().await.1["memberships"], json!([]), "signing in accepts nothing");
    let page = browser.get(&path).await;
    assert_eq!(page.status, 200);
    for said in ["Acme", "write", "gus@guest.example", "admin@acme.example", "Join Acme"] {
        assert!(page.body.contains(said), "{said}: {}", page.body);
    }
    let answer = accept(&browser, &path).await;
    assert_eq!((answer.status.as_u16(), answer.location.as_deref()), (303, Some("/")), "{}", answer.body);
    let place = &browser.me().await.1["memberships"][0];
    assert_eq!(
        (&place["role"], &place["source"], &place["status"]),
        (&json!("write"), &json!("invitation"), &json!("active"))
    );
    assert_eq!(desk.seats().await, (3, 0, 0), "the seat it held, and no second one");
    let accepted = &desk.admin.ask(&format!("{INVITATIONS}?state=accepted")).await.is(200)["items"][0];
    assert_eq!(accepted["member_id"], place["member_id"]);
    let (status, user) = desk.scim("GET", &format!("/Users/{}", place["member_id"].as_str().unwrap()), None).await;
    assert_eq!((status, &user["active"]), (200, &json!(true)), "every member is a User");
    let events = desk.place.command(&["audit", "list", "--organization", "acme"]);
    let actions: Vec<&str> = events.as_array().unwrap().iter().map(|event| event["action"].as_str().unwrap()).collect();
    for action in ["invitation.created", "invitation.accepted"] {
        assert!(actions.contains(&action), "{action}: {actions:?}");
    }
}

async fn opening_accepts_nothing(database: Database) {
    let desk = Desk::open(database).await;
    let path = desk.link("gus@guest.example", "read").await;
    let right = desk.guest("gus@guest.example").await;
    for browser in [&desk.place.browser(), &right] {
        for method in [Method::GET, Method::HEAD, Method::GET] {
            assert_eq!(browser.send(method, &path, |request| request).await.status, 200);
        }
    }
    assert_eq!(right.me().await.1["memberships"], json!([]));
    assert_eq!(desk.seats().await, (2, 1, 0));
    let out = desk.place.browser().get(&path).await;
    assert_eq!(hidden(&out.body, "return_to"), path, "who is signed out comes back");
    assert_eq!(hidden(&out.body, "email"), "gus@guest.example");
    assert!(!out.body.contains(&format!("action=\"{path}\"")), "{}", out.body);
    // Nor without the token of the form, or with no session at all.
    assert_eq!(right.post(&path, &[]).await.status, 403);
    let stranger = desk.place.browser();
    assert_eq!(press(&stranger, &path).await.status, 401);
    assert_eq!(desk.seats().await, (2, 1, 0));
}

async fn another_account_does_not(database: Database) {
    let desk = Desk::open(database).await;
    let path = desk.link("gus@guest.example", "read").await;
    let other = desk.guest("eve@guest.example").await;
    let page = other.get(&path).await;
    assert_eq!(page.status, 200);
    for said in ["eve@guest.example", "gus@guest.example", "Sign out", "Sign in as gus@guest.example"] {
        assert!(page.body.contains(said), "{said}: {}", page.body);
    }
    assert!(!page.body.contains(&format!("action=\"{path}\"")), "no button: {}", page.body);
    assert_eq!(press(&other, &path).await.status, 403);
    // Nor the admin who sent it.
    assert_eq!(press(&desk.admin, &path).await.status, 403);
    assert_eq!((desk.seats().await, other.me().await.1["memberships"].clone()), ((2, 1, 0), json!([])));
    // The Kelvin sign makes another person's address.
    let kelvin = desk.guest("\u{212a}ay@guest.example").await;
    let path = desk.link("kay@guest.example", "read").await;
    assert_eq!(press(&kelvin, &path).await.status, 403);
}

async fn an_unproven_address_does_not(database: Database) {
    let desk = Desk::open(database).await;
    let path = desk.link("may@guest.example", "read").await;
    for verified in [json!(false), json!("true"), Value::Null] {
        let mut person = Person::new("U2may", "may@guest.example", "T2none");
        person.email_verified = (!verified.is_null()).then_some(verified.clone());
        let (browser, answer) = desk.place.sign_in(&person).await;
        if answer.status == 303 {
            assert_eq!(press(&browser, &path).await.status, 403, "{verified}");
            // What the provider says later proves nothing of this session.
            let sure = desk.guest("may@guest.example").await;
            drop(sure);
            assert_eq!(press(&browser, &path).await.status, 403, "{verified}");
        }
        assert_eq!(desk.seats().await.0, 2, "{verified}");
    }
}

async fn it_works_once_and_in_its_time(database: Database) {
    let desk = Desk::open(database).await;
    let path = desk.link("gus@guest.example", "read").await;
    let browser = desk.guest("gus@guest.example").await;
    assert_eq!(accept(&browser, &path).await.status, 303);
    for answer in [browser.get(&path).await, press(&browser, &path).await] {
        let said = answer.plain(409, "used");
        assert!(said.contains("accepted already"), "{said}");
    }
    assert_eq!(desk.seats().await, (3, 0, 0));
    // Revoked.
    let revoked = desk.invite("may@guest.example", "read").await;
    let path = super::path_in(&desk.mail().await.data);
    desk.admin.end(&format!("{INVITATIONS}/{}", id(&revoked))).await.is(204);
    let may = desk.guest("may@guest.example").await;
    for answer in [may.get(&path).await, press(&may, &path).await] {
        assert!(answer.plain(409, "revoked").contains("taken back"));
    }
    // Expired: seven days.
    let path = desk.link("sue@guest.example", "read").await;
    desk.place.clock.advance_seconds(7 * 86_400 - 60);
    let sue = desk.guest("sue@guest.example").await;
    assert_eq!(sue.get(&path).await.status, 200);
    desk.place.clock.advance_seconds(60);
    for answer in [sue.get(&path).await, press(&sue, &path).await] {
        assert!(answer.plain(409, "expired").contains("has expired"));
    }
    for unknown in ["/invitations/hci_x", "/invitations/x", "/invitations/%3Cb%3E"] {
        let said = sue.get(unknown).await.plain(404, unknown);
        assert!(!said.contains("<b>"), "{said}");
        press(&sue, unknown).await.plain(404, unknown);
    }
    assert_eq!(sue.me().await.1["memberships"], json!([]));
}

/// The session that the setup link opens says whose address it is, and has proven none.
async fn the_founders_session_has_proven_nothing(database: Database) {
    let desk = Desk::open(database).await;
    let path = desk.link("gus@guest.example", "read").await;
    let made = desk.place.house.assembly.operate(|connection, administration| {
        headcount::administration::setup_link::create(connection, administration, "http://localhost")
    });
    let url = made.await.unwrap()["url"].as_str().unwrap().to_owned();
    let secret = url.split("secret=").nth(1).unwrap();
    let browser = desk.place.browser();
    let page = browser.get(&format!("/setup?secret={secret}")).await;
    let fields = [("secret", secret), ("csrf", &hidden(&page.body, "csrf")), ("email", "gus@guest.example")];
    assert_eq!(browser.post("/setup", &fields).await.status, 303);
    assert_eq!(browser.me().await.1["email"], "gus@guest.example");
    let page = browser.get(&path).await;
    assert!(page.body.contains("does not prove that this invitation is yours"), "{}", page.body);
    assert_eq!(press(&browser, &path).await.status, 403);
    assert_eq!(desk.seats().await, (2, 1, 0));
}

/// A link's secret is nowhere in the database, not even while somebody signs in to come back to it.
async fn its_secret_is_stored_nowhere(database: Database) {
    let desk = Desk::open(database).await;
    let path = desk.link("gus@guest.example", "read").await;
    let secret = path.rsplit('/').next().unwrap();
    let browser = desk.place.browser();
    let sent = browser.enter("gus@guest.example", &path).await;
    assert_eq!(sent.status, 303);
    let mut connection = desk.place.house.database();
    for (table, column) in [("sign_ins", "return_to"), ("one_time_links", "return_to"), ("audit_events", "detail")] {
        let sql = format!("SELECT {column} FROM {table}");
        let mut statement = headcount::store::sql::Sql::default();
        statement.push(&sql);
        let rows = statement.load::<diesel::sql_types::Text, String>(&mut connection).unwrap();
        assert!(rows.iter().all(|row| !row.contains(secret)), "{table}: {rows:?}");
        assert!(!rows.is_empty() || table == "one_time_links", "{table}");
    }
    desk.place.provider.set_person(Person::new("U2gus", "gus@guest.example", "T2none"));
    let back = browser.follow(&sent).await;
    assert_eq!(back.location.as_deref(), Some(path.as_str()), "{}", back.body);
}

/// Whom provisioning has made meanwhile is the same person: linked by the invitation where nothing else does it.
async fn who_provisioning_has_made_is_linked(database: Database) {
    let desk = Desk::open(database).await;
    let path = desk.link("gus@guest.example", "write").await;
    let (status, made) = desk.scim("POST", "/Users", Some(&scim_user("gus@guest.example"))).await;
    assert_eq!(status, 201, "{made}");
    assert_eq!(desk.seats().await, (3, 0, 0), "the invitation's seat is the member's");
    let gus = desk.guest("gus@guest.example").await;
    assert_eq!(gus.me().await.1["memberships"], json!([]), "nothing links them yet");
    let answer = accept(&gus, &path).await;
    assert_eq!(answer.status, 303, "{}", answer.body);
    let place = &gus.me().await.1["memberships"][0];
    assert_eq!((&place["member_id"], &place["role"], &place["source"]), (&made["id"], &json!("write"), &json!("scim")));
    assert_eq!(desk.seats().await, (3, 0, 0));
}

/// Where only the organization's tenant opens it, an invitation alone does not; and who comes by the tenant is let
/// in as far as the button.
async fn by_the_organizations_own_sign_in(database: Database) {
    let desk = Desk::open(database).await;
    desk.set(&["--sso", "required"]);
    desk.place.command(&[
        "domain",
        "set",
        "--organization",
        "acme",
        "--domain",
        "acme.example",
        "--joining",
        "invite_only",
    ]);
    let admin = desk.place.sign_in(&Person::new("U2admin", "admin@acme.example", TENANT)).await.0;
    admin.make(INVITATIONS, &json!({"email": "gus@guest.example", "role": "read"})).await.is(201);
    let path = super::path_in(&desk.mail().await.data);
    let gus = desk.guest("gus@guest.example").await;
    let page = gus.get(&path).await;
    assert!(
        page.body.contains("its own sign-in only") && page.body.contains("/sign-in/acme?return_to="),
        "{}",
        page.body
    );
    let refused = press(&gus, &path).await;
    assert_eq!(refused.status, 403);
    assert_eq!(gus.me().await.1["memberships"], json!([]));
    // By the tenant: no member yet, and not refused either.
    let person = Person::new("U2gus@guest.example", "gus@guest.example", TENANT);
    desk.place.provider.set_person(person);
    let browser = desk.place.browser();
    let sent = browser.get(&format!("/sign-in/acme?return_to={path}")).await;
    let back = browser.follow(&sent).await;
    assert_eq!((back.status.as_u16(), back.location.as_deref()), (303, Some(path.as_str())), "{}", back.body);
    assert_eq!(browser.me().await.1["memberships"], json!([]));
    assert_eq!(accept(&browser, &path).await.status, 303);
    assert_eq!(browser.me().await.1["memberships"][0]["organization"]["slug"], "acme");
    // Whom nobody invited is refused at the door as before.
    desk.place.provider.set_person(Person::new("U2eve", "eve@guest.example", TENANT));
    let stranger = desk.place.browser();
    let sent = stranger.get("/sign-in/acme").await;
    assert_eq!(stranger.follow(&sent).await.status, 403);
    assert_eq!(stranger.me().await.0, 401);
}

/// Without a provider a link is mailed, which leads back to the invitation.
async fn a_mailed_link_leads_back(database: Database) {
    let smtp = crate::support::smtp::Smtp::start();
    let (url, clock) =
        (smtp.url(), headcount::clock::ManualClock::at(headcount::clock::Timestamp(1_790_000_000_000_000)));
    let settings = vec![("mail.smtp_url", url), ("mail.from", "Headcount <hc@acme.example>".to_owned())];
    let house = crate::support::in_process::House::with(database, 10, clock, settings);
    let application = crate::support::in_process::application(house.state()).await;
    drop(application);
    let made = house.assembly.operate(|connection, administration| {
        let wanted =
            headcount::organization::invitation::Wanted { line: 1, email: "gus@guest.example".into(), role: None };
        let manner =
            headcount::administration::invitation::Manner { public_url: "http://localhost".into(), message: None };
        let by = headcount::administration::By::OPERATOR;
        headcount::administration::invitation::create(connection, administration, &by, "acme", (&wanted, &manner))
    });
    assert_eq!(made.await.unwrap().role, headcount::organization::role::Role::Read);
    assert_eq!(headcount::jobs::outbox::deliver(&house.assembly.postman).await.unwrap(), 1);
    let mail = smtp.wait();
    assert!(super::plain(&mail.data).contains("You are invited to join Acme"), "{}", mail.data);
    let path = super::path_in(&mail.data);
    let place = indoors(&house);
    let browser = crate::sign_in::browser::Browser::new(place);
    let page = browser.get(&path).await;
    let fields: Vec<(&str, String)> =
        ["email", "csrf", "return_to"].into_iter().map(|name| (name, hidden(&page.body, name))).collect();
    let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    assert_eq!(browser.post("/sign-in", &fields).await.status, 200);
    assert_eq!(headcount::jobs::outbox::deliver(&house.assembly.postman).await.unwrap(), 1);
    let link = crate::sign_in::post::path_in(&smtp.wait().data);
    // In another browser, as mail is read.
    let reading = crate::sign_in::browser::Browser::new(browser.home().to_owned());
    let entered = crate::sign_in::post::press(&reading, &link).await;
    assert_eq!((entered.status.as_u16(), entered.location.as_deref()), (303, Some(path.as_str())));
    assert_eq!(accept(&reading, &path).await.status, 303);
    assert_eq!(reading.me().await.1["memberships"][0]["source"], "invitation");
}

/// Serves a house inside this process; where.
fn indoors(house: &crate::support::in_process::House) -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let home = format!("http://{}", listener.local_addr().unwrap());
    let state = actix_web::web::Data::new(house.state_at(&home));
    let server =
        actix_web::HttpServer::new(move || actix_web::App::new().configure(headcount::http::routes(state.clone())));
    actix_web::rt::spawn(server.workers(1).disable_signals().listen(listener).unwrap().run());
    home
}
