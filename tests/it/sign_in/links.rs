//! Signing in without a provider, by a link in a mail (product.md §6).

use std::sync::Arc;

use diesel::sql_types::BigInt;
use headcount::clock::SystemClock;
use headcount::stand_in::person::Person;
use headcount::stand_in::{CLIENT_ID, CLIENT_SECRET, Layout, StandIn};
use headcount::store::sql::Sql;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::browser::{Answer, Browser, TENANT, hidden};
use super::post::{Post, at_each_post, path_in, press};

at_each_post!(
    a_link_signs_in_who_presses_its_button,
    a_link_works_once,
    known_and_unknown_addresses_look_alike,
    a_link_is_for_its_form_and_its_time,
    a_link_proves_no_tenant,
    an_organization_has_a_door_of_its_own,
    whom_the_operator_made_an_owner_comes_in,
    who_was_removed_stays_out,
    a_mailbox_gives_way_to_the_provider,
    five_links_an_hour,
    one_network_asks_for_so_many,
);

async fn a_link_signs_in_who_presses_its_button(post: Post) {
    let (asking, reading) = (post.browser(), post.browser());
    let path = post.link(&asking, "ann@acme.example").await;
    for _ in 0..2 {
        let opened = reading.get(&path).await;
        assert_eq!(opened.status, 200);
        assert!(opened.body.contains("ann@acme.example"), "{}", opened.body);
        assert_eq!(reading.me().await.0, 401, "mail scanners open links");
    }
    let entered = press(&reading, &path).await;
    assert_eq!((entered.status.as_u16(), entered.location.as_deref()), (303, Some("/")), "{}", entered.body);
    let (status, me) = reading.me().await;
    assert_eq!((status, &me["email"]), (StatusCode::OK, &json!("ann@acme.example")));
    let place = &me["memberships"][0];
    assert_eq!(
        (&place["role"], &place["source"], &place["status"]),
        (&json!("read"), &json!("domain"), &json!("active"))
    );
    assert_eq!(asking.me().await.0, 401, "who asks gets nothing");
    let (again, _) = post.sign_in("Ann@ACME.example").await;
    assert_eq!(again.me().await.1["memberships"], me["memberships"], "the same mailbox is the same person");
    let listed = post.server.command(&["member", "list", "--organization", "acme", "--json"]);
    let identity =
        &listed.as_array().unwrap().iter().find(|member| member["email"] == "ann@acme.example").unwrap()["identity"];
    assert_eq!(identity["issuer"], "urn:headcount:mailbox");
    assert!(!identity["subject"].as_str().unwrap().contains('@'), "no identity is an address");
}

async fn a_link_works_once(post: Post) {
    let asking = post.browser();
    let older = post.link(&asking, "ann@acme.example").await;
    let path = post.link(&asking, "ann@acme.example").await;
    let browsers: Vec<Browser> = (0..12).map(|_| post.browser()).collect();
    // Each has the page open before one of them is first.
    let mut pages = Vec::new();
    for browser in &browsers {
        let page = browser.get(&path).await;
        pages.push((browser, hidden(&page.body, "secret"), hidden(&page.body, "csrf")));
    }
    let presses = pages.iter().map(|(browser, secret, csrf)| async move {
        browser.post("/sign-in/link", &[("secret", secret), ("csrf", csrf)]).await
    });
    let answers = futures_util::future::join_all(presses).await;
    let statuses: Vec<u16> = answers.iter().map(|answer| answer.status.as_u16()).collect();
    assert_eq!(statuses.iter().filter(|status| **status == 303).count(), 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 400).count(), 11, "{statuses:?}");
    assert_eq!(post.count("sessions"), 1);
    for path in [&path, &older] {
        let spent = post.browser().get(path).await;
        assert_eq!(spent.status, 400, "the older ones are over too");
        assert!(spent.body.contains("used already"), "{}", spent.body);
    }
}

async fn known_and_unknown_addresses_look_alike(post: Post) {
    let browser = post.browser();
    let mut seen = Vec::new();
    for address in ["ann@acme.example", "ann@nowhere.example", "olga@acme.example", "eve@acme.example.evil.example"] {
        let answer = browser.enter(address, "/").await;
        seen.push((
            answer.status,
            answer.body,
            post.count("one_time_links WHERE purpose = 'sign_in'"),
            post.count("outbox"),
        ));
    }
    for (number, (status, body, links, mails)) in seen.iter().enumerate() {
        let number = i64::try_from(number).unwrap();
        assert_eq!((*status, body, *links, *mails), (StatusCode::OK, &seen[0].1, number + 1, number + 1));
    }
    let mut mails: Vec<String> = (0..4).flat_map(|_| post.smtp.wait().to).collect();
    mails.sort_unstable();
    assert_eq!(
        mails,
        ["ann@acme.example", "ann@nowhere.example", "eve@acme.example.evil.example", "olga@acme.example"],
        "a stranger may be a founder or be invited"
    );
    let listed = post.server.command(&["outbox", "list", "--json"]);
    assert_eq!(listed.as_array().unwrap().len(), 4, "{listed}");
    assert!(listed[1].get("letter").is_none() && listed[1]["recipient"] == "olga@acme.example", "{listed}");
}

async fn a_link_is_for_its_form_and_its_time(post: Post) {
    let browser = post.browser();
    let path = post.link(&browser, "ann@acme.example").await;
    let secret = path.split('=').nth(1).unwrap();
    let other = post.browser();
    other.get("/sign-in").await;
    let csrf = hidden(&browser.get(&path).await.body, "csrf");
    for (browser, csrf) in [(&other, csrf.as_str()), (&browser, ""), (&browser, "x")] {
        let refused = browser.post("/sign-in/link", &[("secret", secret), ("csrf", csrf)]).await;
        assert_eq!(refused.status, 403);
    }
    for wrong in ["", "hcl_x", "%ff", "<b>"] {
        let refused = browser.get(&format!("/sign-in/link?secret={wrong}")).await;
        assert_eq!(refused.status, 400, "{wrong}");
        assert!(!refused.body.contains("<b>"), "nothing is reflected");
        assert_eq!(browser.post("/sign-in/link", &[("secret", wrong), ("csrf", &csrf)]).await.status, 400, "{wrong}");
    }
    let late = "UPDATE one_time_links SET expires_at = created_at WHERE purpose = 'sign_in'";
    assert_eq!(Sql::new(late).execute(&mut post.server.database()).unwrap(), 1);
    assert_eq!(browser.get(&path).await.status, 400);
    assert_eq!(browser.post("/sign-in/link", &[("secret", secret), ("csrf", &csrf)]).await.status, 400);
    assert_eq!(browser.me().await.0, 401);
    post.link(&browser, "ann@acme.example").await;
    assert_eq!(
        post.count("one_time_links WHERE purpose = 'sign_in'"),
        1,
        "who is late is forgotten when the next one is written"
    );
}

async fn a_link_proves_no_tenant(post: Post) {
    let (ann, answer) = post.sign_in("ann@acme.example").await;
    assert_eq!(answer.status, 303);
    let set = |sso: &str| {
        let tenant = ["organization", "set", "--organization", "acme", "--descope-tenant-id", "T2acme", "--sso", sso];
        post.server.command(&[tenant.as_slice(), &["--json"]].concat())
    };
    set("optional");
    assert_eq!(ann.me().await.1["memberships"].as_array().unwrap().len(), 1, "other ways stay open");
    let (bob, _) = post.sign_in("bob@acme.example").await;
    assert_eq!(bob.me().await.1["memberships"], json!([]), "nobody joins without the tenant");
    set("required");
    assert_eq!(ann.me().await.1["memberships"], json!([]), "only the tenant opens it");
    let (ann, _) = post.sign_in("ann@acme.example").await;
    assert_eq!(ann.me().await.1["memberships"], json!([]));
    let refused = at_door(&post, "acme", "ann@acme.example").await;
    assert_eq!(refused.1.status, 403);
    assert!(refused.1.body.contains("its own sign-in"), "{}", refused.1.body);
    assert_eq!(refused.0.me().await.0, 401);
}

/// Asks for a link at an organization's own door and follows it.
async fn at_door(post: &Post, slug: &str, address: &str) -> (Browser, Answer) {
    let browser = post.browser();
    let form = browser.get(&format!("/sign-in/{slug}?return_to=/members")).await;
    assert_eq!(form.status, 200, "{}", form.body);
    let fields = ["csrf", "return_to", "organization"].map(|name| (name, hidden(&form.body, name)));
    let mut fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    fields.push(("email", address));
    assert_eq!(browser.post("/sign-in", &fields).await.status, 200);
    let answer = press(&browser, &path_in(&post.smtp.wait().data)).await;
    (browser, answer)
}

async fn an_organization_has_a_door_of_its_own(post: Post) {
    let (browser, answer) = at_door(&post, "acme", "ann@acme.example").await;
    assert_eq!((answer.status.as_u16(), answer.location.as_deref()), (303, Some("/members")));
    assert_eq!(browser.me().await.1["memberships"][0]["organization"]["slug"], "acme");
    assert_eq!(browser.get("/sign-in/nobody").await.status, 404);
    let bolt =
        ["organization", "create", "--name", "B", "--slug", "bolt", "--owner-email", "b@bolt.example", "--seats", "3"];
    post.server.command(&bolt);
    let (stranger, refused) = at_door(&post, "bolt", "ann@acme.example").await;
    assert_eq!(refused.status, 403, "{}", refused.body);
    assert_eq!(stranger.me().await.0, 401, "refused where they wanted to go, they have no session");
    let page = stranger.get("/sign-in").await;
    let fields = [("email", "ann@acme.example"), ("csrf", &hidden(&page.body, "csrf")), ("organization", "nobody")];
    assert_eq!(stranger.post("/sign-in", &fields).await.status, 404);
    let trail = post.server.command(&["audit", "list", "--json"]);
    let unknown = |event: &&Value| event["detail"]["reason"] == "organization_unknown";
    assert_eq!(trail.as_array().unwrap().iter().filter(unknown).count(), 2, "by the door and by the form: {trail}");
    for slug in ["link", "callback", "recovery"] {
        let taken = [
            "organization",
            "create",
            "--name",
            "B",
            "--slug",
            slug,
            "--owner-email",
            "b@bolt.example",
            "--seats",
            "3",
        ];
        let refused = post.server.run(&taken);
        assert!(String::from_utf8_lossy(&refused.stderr).contains("an address of the service's own"), "{slug}");
    }
}

async fn whom_the_operator_made_an_owner_comes_in(post: Post) {
    let bolt =
        ["organization", "create", "--name", "B", "--slug", "bolt", "--owner-email", "b@mail.example", "--seats", "3"];
    post.server.command(&bolt);
    // What provisioning says of an address proves nothing: without the domain nobody is linked by it.
    let ann = post.server.user("ann").await;
    post.server
        .patch(
            &format!("/Users/{ann}"),
            json!([{"op": "replace", "path": "emails", "value": [{"value": "c@mail.example", "primary": true}]}]),
        )
        .await;
    let (owner, answer) = post.sign_in("b@mail.example").await;
    assert_eq!(answer.status, 303);
    let (_, me) = owner.me().await;
    assert_eq!(
        (&me["memberships"][0]["role"], &me["memberships"][0]["organization"]["slug"]),
        (&json!("owner"), &json!("bolt"))
    );
    let (stranger, answer) = post.sign_in("c@mail.example").await;
    assert_eq!(answer.status, 303);
    assert_eq!(stranger.me().await.1["memberships"], json!([]), "signed in, and nobody's member");
    // Once provisioning manages the owner, the address is provisioning's word.
    let olga = json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "olga@acme.example"});
    assert_eq!(post.server.post("/Users", &olga).await.0, 201);
    post.server.command(&["domain", "remove", "--organization", "acme", "--domain", "acme.example", "--json"]);
    let (olga, _) = post.sign_in("olga@acme.example").await;
    assert_eq!(olga.me().await.1["memberships"], json!([]));
}

async fn who_was_removed_stays_out(post: Post) {
    let (browser, _) = post.sign_in("ann@acme.example").await;
    let id = browser.me().await.1["memberships"][0]["member_id"].as_str().unwrap().to_owned();
    assert_eq!(post.server.send("DELETE".parse().unwrap(), &format!("/Users/{id}"), None).await.0, 204);
    assert_eq!(browser.me().await.0, 401);
    let (browser, refused) = at_door(&post, "acme", "ann@acme.example").await;
    assert_eq!((refused.status, browser.me().await.0), (StatusCode::FORBIDDEN, StatusCode::UNAUTHORIZED));
    assert!(refused.body.contains("removed"), "{}", refused.body);
}

async fn a_mailbox_gives_way_to_the_provider(mut post: Post) {
    let (browser, _) = post.sign_in("ann@acme.example").await;
    let place = browser.me().await.1["memberships"].clone();
    let path = post.link(&browser, "ann@acme.example").await;
    let provider =
        StandIn::start(Arc::new(SystemClock), Layout::Project, Person::new("U2ann", "ann@acme.example", TENANT))
            .unwrap();
    let settings = [
        ("HEADCOUNT_OIDC_ISSUER", provider.issuer()),
        ("HEADCOUNT_OIDC_CLIENT_ID", CLIENT_ID.into()),
        ("HEADCOUNT_OIDC_CLIENT_SECRET", CLIENT_SECRET.into()),
    ];
    post.server.restart(&settings.each_ref().map(|(name, value): &(&str, String)| (*name, value.as_str()))).await;
    assert_eq!(browser.get(&path).await.status, 404, "links are for services without a provider");
    let csrf = hidden(&browser.get("/sign-in").await.body, "csrf");
    let secret = path.split('=').nth(1).unwrap();
    assert_eq!(browser.post("/sign-in/link", &[("secret", secret), ("csrf", &csrf)]).await.status, 404);
    // A provider that does not vouch for the address moves nothing.
    let mut unverified = Person::new("U2eve", "ann@acme.example", TENANT);
    unverified.email_verified = Some(json!(false));
    provider.set_person(unverified);
    post.browser().sign_in("ann@acme.example").await;
    assert_eq!(browser.me().await.1["memberships"], place);
    provider.set_person(Person::new("U2ann", "ann@acme.example", TENANT));
    let now = post.browser();
    assert_eq!(now.sign_in("ann@acme.example").await.status, 303);
    assert_eq!(now.me().await.1["memberships"], place, "the same member, by the provider from now on");
    assert_eq!(browser.me().await.0, 401, "and not by the mailbox any more");
    provider.set_person(Person::new("U2other", "ann@acme.example", TENANT));
    assert_eq!(
        post.browser().sign_in("ann@acme.example").await.status,
        403,
        "of a provider's accounts the first stays"
    );
}

async fn five_links_an_hour(post: Post) {
    let browser = post.browser();
    for address in ["ann@acme.example", "ann@nowhere.example"] {
        for _ in 0..5 {
            assert_eq!(browser.enter(address, "/").await.status, 200);
        }
        let refused = browser.enter(address, "/").await;
        assert_eq!(refused.status, 429);
        assert!(refused.retry_after().unwrap() > 3_500, "{:?}", refused.retry_after());
        assert!(refused.body.contains("Look into your mailbox"), "{}", refused.body);
    }
    assert_eq!(browser.enter("bob@acme.example", "/").await.status, 200);
    // Whoever gets no more has one that works until they do.
    let shortest = Sql::new("SELECT MIN(expires_at - created_at) FROM one_time_links WHERE purpose = 'sign_in'");
    let shortest = shortest.first::<BigInt, i64>(&mut post.server.database()).unwrap();
    assert_eq!(shortest, Some(3_600_000_000));
    // Nor more when all are asked for at once.
    let csrf = hidden(&browser.get("/sign-in").await.body, "csrf");
    let form = [("email", "eve@acme.example"), ("csrf", csrf.as_str())];
    let asking = (0..48).map(|_| browser.post("/sign-in", &form));
    let answers = futures_util::future::join_all(asking).await;
    let of = |status: u16| answers.iter().filter(|answer| answer.status.as_u16() == status).count();
    assert_eq!((of(200), of(429), post.count("outbox WHERE recipient = 'eve@acme.example'")), (5, 43, 5));
}

async fn one_network_asks_for_so_many(mut post: Post) {
    let settings = [("HEADCOUNT_LIMITS_LINKS_BY_NETWORK", "3"), ("HEADCOUNT_HTTP_BEHIND_PROXY", "true")];
    post.server.restart(&settings).await;
    let browser = post.browser();
    let csrf = hidden(&browser.get("/sign-in").await.body, "csrf");
    for (number, (network, status)) in
        [("192.0.2.1", 200), ("192.0.2.1", 200), ("192.0.2.1", 200), ("192.0.2.1", 429), ("192.0.2.2", 200)]
            .into_iter()
            .enumerate()
    {
        let form = [("email", format!("p{number}@nowhere.example")), ("csrf", csrf.clone())];
        let asked = browser
            .send(Method::POST, "/sign-in", |request| request.header("x-forwarded-for", network).form(&form))
            .await;
        assert_eq!(asked.status, status, "{number}");
        assert_eq!(asked.body.contains("Too many links asked for from your network"), status == 429);
    }
    assert_eq!(post.count("outbox"), 4, "made-up mailboxes are no way round it");
}
