//! What a hostile browser or site can send: every one of these is a plain page that reflects nothing, and
//! nobody came of it.

use openidconnect::url::Url;
use reqwest::Method;

use super::browser::{Browser, Office, hidden, in_each_office};

in_each_office!(
    responses_that_are_none: 10,
    responses_of_other_sign_ins: 10,
    forms: 10,
    places_to_return_to: 10,
    hosts: 10,
    initiations: 10,
    addresses_and_methods: 10,
);

/// What must never come back in a page.
const MARK: &str = "Zq7mark";

/// The way back of a sign-in in this browser, with the right values at CODE and STATE.
async fn response(browser: &Browser, parameters: &str) -> String {
    let sent = browser.enter("ann@acme.example", "/").await;
    let back = Url::parse(&browser.at_provider(&sent).await).unwrap();
    let given = |name: &str| back.query_pairs().find(|(key, _)| key == name).unwrap().1.into_owned();
    format!("/sign-in/callback?{parameters}").replace("CODE", &given("code")).replace("STATE", &given("state"))
}

async fn responses_that_are_none(office: Office) {
    let script = format!("%3Cscript%3E{MARK}%3C/script%3E");
    let issuer = office.provider.issuer();
    let huge = MARK.repeat(4_000);
    for (what, parameters) in [
        ("no state", "code=CODE".to_owned()),
        ("an empty state", "code=CODE&state=".to_owned()),
        ("another state", format!("code=CODE&state={MARK}")),
        ("a state and more", format!("code=CODE&state=STATE{MARK}")),
        ("two states", format!("code=CODE&state=STATE&state={MARK}")),
        ("the state twice", "code=CODE&state=STATE&state=STATE".to_owned()),
        ("a state in an array", "code=CODE&state[]=STATE".to_owned()),
        ("no code", "state=STATE".to_owned()),
        ("an empty code", "code=&state=STATE".to_owned()),
        ("another code", format!("code={MARK}&state=STATE")),
        ("two codes", format!("code=CODE&code={MARK}&state=STATE")),
        ("a code of controls", format!("code=CODE%00%0d%0a{MARK}&state=STATE")),
        ("a code of no text", "code=%ff%fe&state=STATE".to_owned()),
        ("an escape that is none", format!("code=%zz{MARK}&state=STATE")),
        ("a huge code", format!("code={huge}&state=STATE")),
        ("a huge state", format!("code=CODE&state={huge}")),
        ("huge and unknown", format!("{huge}=1&state=STATE")),
        ("an error in HTML", format!("error={script}&error_description={script}&error_uri={script}&state=STATE")),
        ("a description in HTML", format!("error=access_denied&error_description={script}&state=STATE")),
        ("an error beside a code", "error=access_denied&code=CODE&state=STATE".to_owned()),
        ("an error of nobody", format!("error={script}&state={MARK}")),
        // Mix-up (RFC 9207 §2.4): the response of another issuer under the state of this one's.
        ("another issuer", format!("code=CODE&state=STATE&iss=https://{MARK}.example")),
        ("an empty issuer", "code=CODE&state=STATE&iss=".to_owned()),
        ("nearly the issuer", format!("code=CODE&state=STATE&iss={issuer}/")),
        ("another issuer's error", format!("error=server_error&state=STATE&iss=https://{MARK}.example")),
        ("tokens instead", format!("id_token=a.b.{MARK}&access_token=x&state=STATE")),
        ("nothing", String::new()),
    ] {
        let browser = office.browser();
        let path = response(&browser, &parameters).await;
        let answer = browser.get(&path).await;
        let page = answer.plain(400, what);
        assert!(!page.contains(MARK) && !page.contains("<script"), "{what}: {page}");
        office.assert_untouched(&browser, what).await;
        office.assert_told(&answer, what);
    }
    // With nothing wrong, the last hurdle of each case does not stand.
    let browser = office.browser();
    let path = response(&browser, &format!("code=CODE&state=STATE&iss={issuer}&more=1")).await;
    assert_eq!(browser.get(&path).await.status, 303);
}

async fn responses_of_other_sign_ins(office: Office) {
    let (one, other) = (office.browser(), office.browser());
    let right = "code=CODE&state=STATE";
    // Whose browser it is decides, whatever it was sent (login CSRF).
    let of_other = response(&other, right).await;
    one.get("/sign-in").await;
    let stranger = office.browser();
    for (browser, what) in [(&one, "another browser"), (&stranger, "a browser without a cookie")] {
        browser.get(&of_other).await.plain(400, what);
        office.assert_untouched(browser, what).await;
    }
    assert_eq!(stranger.cookie("headcount_browser").map(|cookie| cookie.is_empty()), Some(false));
    // A code that was given to another sign-in is of no use with this one's state (RFC 7636).
    let code = Url::parse(&format!("http://x{of_other}")).unwrap();
    let code = code.query_pairs().find(|(name, _)| name == "code").unwrap().1.into_owned();
    let injected = response(&one, &format!("code={code}&state=STATE")).await;
    one.get(&injected).await.plain(400, "another's code");
    office.assert_untouched(&one, "another's code").await;
    // An answer counts once, also a wrong one.
    let path = response(&one, right).await;
    one.get(&path.replace("code=", "code=x")).await.plain(400, "a wrong code");
    one.get(&path).await.plain(400, "the right code after a wrong one");
    office.assert_untouched(&one, "a state that was used").await;
}

async fn forms(office: Office) {
    let browser = office.browser();
    let csrf = hidden(&browser.get("/sign-in").await.body, "csrf");
    let refused = async |what: &str, status: u16, media_type: &str, body: String| {
        let shape = |request: reqwest::RequestBuilder| request.header("content-type", media_type).body(body);
        let answer = browser.send(Method::POST, "/sign-in", shape).await;
        let page = answer.plain(status, what);
        assert!(!page.contains(MARK), "{what}: {page}");
        office.assert_told(&answer, what);
    };
    let form = "application/x-www-form-urlencoded";
    let address = "email=ann%40acme.example";
    for (what, status, body) in [
        ("no csrf", 403, address.to_owned()),
        ("an empty csrf", 403, format!("{address}&csrf=")),
        ("a csrf cut short", 403, format!("{address}&csrf={}", &csrf[..csrf.len() - 1])),
        ("a csrf and more", 403, format!("{address}&csrf={csrf}{MARK}")),
        ("two csrfs", 400, format!("{address}&csrf={csrf}&csrf={csrf}")),
        ("no address", 400, format!("csrf={csrf}")),
        ("two addresses", 400, format!("{address}&email={MARK}%40evil.example&csrf={csrf}")),
        ("an address with NUL", 400, format!("email={MARK}%00%40acme.example&csrf={csrf}")),
        ("a line break", 400, format!("email={MARK}%40acme.example%0d%0aBcc:x&csrf={csrf}")),
        ("HTML", 400, format!("email=%3Cb%3E{MARK}%40acme.example&csrf={csrf}")),
        ("no text", 400, format!("email=%ff{MARK}%40acme.example&csrf={csrf}")),
        ("an endless address", 400, format!("email={}%40acme.example&csrf={csrf}", MARK.repeat(200))),
        ("a huge form", 400, format!("email={}%40acme.example&csrf={csrf}", MARK.repeat(20_000))),
    ] {
        refused(what, status, form, body).await;
    }
    refused("JSON", 400, "application/json", format!("{{\"email\":\"{MARK}\",\"csrf\":\"{csrf}\"}}")).await;
    refused("plain text", 400, "text/plain", format!("{address}&csrf={csrf}")).await;
    refused("multipart", 400, "multipart/form-data; boundary=x", format!("--x\r\n\r\n{MARK}\r\n--x--")).await;
    office.assert_untouched(&browser, "forms").await;
    // A cookie that somebody planted is nobody's session, and a form's token is of one browser.
    for cookie in [MARK.to_owned(), format!("hcs_{}", MARK.repeat(6)), MARK.repeat(500), "\"<script>\"".into()] {
        browser.keep_cookie("headcount_session", &cookie);
        assert_eq!(browser.me().await.0, 401);
        assert_eq!(browser.get("/").await.location.as_deref(), Some("/sign-in"));
    }
}

/// An open redirect would lend our name to somebody else's page.
async fn places_to_return_to(office: Office) {
    let home = format!("http://{}", office.server.listen);
    for (wanted, kept) in [
        ("/members%3Ftab=all", "/members?tab=all"),
        ("//evil.example", "/"),
        ("///evil.example", "/"),
        ("/%5Cevil.example", "/"),
        ("%5C%5Cevil.example", "/"),
        ("/%09/evil.example", "/"),
        ("/%0a/evil.example", "/"),
        ("/%0d%0aSet-Cookie:a=b", "/"),
        ("/%00", "/"),
        ("/%20/evil.example", "/"),
        ("https://evil.example", "/"),
        ("https:evil.example", "/"),
        ("javascript:alert(1)", "/"),
        ("data:text/html,x", "/"),
        (".evil.example", "/"),
        ("@evil.example", "/"),
        ("", "/"),
    ] {
        let browser = office.browser();
        let answer = browser.get(&format!("/sign-in/acme?return_to={wanted}")).await;
        let answer = browser.follow(&answer).await;
        assert_eq!((answer.status.as_u16(), answer.location.as_deref()), (303, Some(kept)), "{wanted}");
        // What a browser makes of it stays here.
        let target = Url::parse(&home).unwrap().join(kept).unwrap();
        assert!(target.as_str().starts_with(&home), "{target}");
        let typed = browser.enter("ann@acme.example", wanted).await;
        assert_eq!(browser.follow(&typed).await.location.as_deref(), Some(kept), "{wanted}");
    }
    let browser = office.browser();
    // The form's hidden input is the browser's to change.
    let csrf = hidden(&browser.get("/sign-in").await.body, "csrf");
    let fields = [("email", "ann@acme.example"), ("csrf", &csrf), ("return_to", "//evil.example")];
    let sent = browser.post("/sign-in", &fields).await;
    assert_eq!(browser.follow(&sent).await.location.as_deref(), Some("/"));
    let twice = browser.get("/sign-in/acme?return_to=/a&return_to=//evil.example").await;
    twice.plain(400, "two places to return to");
}

/// `redirect_uri` comes from configuration: a request could otherwise have the code sent elsewhere.
async fn hosts(office: Office) {
    let ours = format!("http://{}/sign-in/callback", office.server.listen);
    for (name, value) in [
        ("host", "evil.example"),
        ("x-forwarded-host", "evil.example"),
        ("x-forwarded-proto", "https"),
        ("x-original-host", "evil.example"),
        ("forwarded", "host=evil.example;proto=https"),
        ("origin", "https://evil.example"),
        ("referer", "https://evil.example/"),
    ] {
        let browser = office.browser();
        let sent = browser.send(Method::GET, "/sign-in/acme", |request| request.header(name, value)).await;
        assert_eq!(sent.status, 303, "{name}");
        let location = Url::parse(sent.location.as_ref().unwrap()).unwrap();
        let redirect_uri = location.query_pairs().find(|(key, _)| key == "redirect_uri").unwrap().1.into_owned();
        assert_eq!(redirect_uri, ours, "{name}");
        assert!(!location.as_str().contains("evil"), "{location}");
        let form = browser.send(Method::GET, "/sign-in", |request| request.header(name, value)).await;
        assert!(!form.body.contains("evil"), "{name}: {}", form.body);
    }
    let browser = office.browser();
    browser.sign_in("ann@acme.example").await;
    let csrf = hidden(&browser.get("/").await.body, "csrf");
    let out = browser
        .send(Method::POST, "/sign-out", |request| request.header("host", "evil.example").form(&[("csrf", &csrf)]))
        .await;
    assert!(!out.location.unwrap().contains("evil"));
}

/// A sign-in that another site begins (OpenID Connect Core 1.0 §4): of this issuer only, to pages of ours only.
async fn initiations(office: Office) {
    let issuer = office.provider.issuer();
    let home = format!("http://{}", office.server.listen);
    let browser = office.browser();
    for (what, query) in [
        ("no issuer", String::new()),
        ("another issuer", format!("iss=https://{MARK}.example")),
        ("nearly the issuer", format!("iss={issuer}/")),
        ("two issuers", format!("iss={issuer}&iss=https://{MARK}.example")),
        ("no text", "iss=%ff".to_owned()),
    ] {
        let answer = browser.get(&format!("/sign-in/initiate?{query}")).await;
        let page = answer.plain(400, what);
        assert!(!page.contains(MARK), "{what}");
        office.assert_told(&answer, what);
        let shape = |request: reqwest::RequestBuilder| {
            request.header("content-type", "application/x-www-form-urlencoded").body(query.clone())
        };
        browser.send(Method::POST, "/sign-in/initiate", shape).await.plain(400, what);
    }
    office.assert_untouched(&browser, "initiations").await;
    for (target, kept) in [
        (format!("{home}/members"), "/members"),
        ("/members".to_owned(), "/members"),
        (home.clone(), "/"),
        (format!("{home}.evil.example/"), "/"),
        (format!("{home}@evil.example/"), "/"),
        (format!("{home}//evil.example/"), "/"),
        ("https://evil.example/".to_owned(), "/"),
        ("//evil.example/".to_owned(), "/"),
        ("javascript:alert(1)".to_owned(), "/"),
    ] {
        let fields = [("iss", issuer.as_str()), ("target_link_uri", &target), ("login_hint", "ann@acme.example")];
        for sent in [
            browser.post("/sign-in/initiate", &fields).await,
            browser.send(Method::GET, "/sign-in/initiate", |request| request.query(&fields)).await,
        ] {
            assert_eq!(browser.follow(&sent).await.location.as_deref(), Some(kept), "{target}");
        }
    }
    // A hint is anybody's word: what is no address goes no further.
    for hint in ["<script>".to_owned(), "ann@acme.example\r\nX: y".to_owned(), "x".repeat(10_000)] {
        let fields = [("iss", issuer.as_str()), ("login_hint", &hint)];
        let sent = browser.send(Method::GET, "/sign-in/initiate", |request| request.query(&fields)).await;
        assert_eq!(sent.status, 303);
        assert!(!sent.location.unwrap().to_lowercase().contains("hint"), "{hint}");
    }
}

async fn addresses_and_methods(office: Office) {
    let browser = office.browser();
    for path in [
        format!("/sign-in/{MARK}"),
        format!("/sign-in/%3Cscript%3E{MARK}"),
        "/sign-in/acme%00".to_owned(),
        "/sign-in/acme%2f".to_owned(),
        "/sign-in/..%2facme".to_owned(),
        "/sign-in/%ff".to_owned(),
        format!("/sign-in/{}", MARK.repeat(2_000)),
    ] {
        let answer = browser.get(&path).await;
        let page = answer.plain(404, &path);
        assert!(!page.contains(MARK) && !page.contains("<script"), "{path}: {page}");
        office.assert_told(&answer, &path);
    }
    for (method, path, allowed) in [
        (Method::PUT, "/sign-in", "GET, HEAD, POST"),
        (Method::DELETE, "/sign-in/acme", "GET, HEAD"),
        (Method::POST, "/sign-in/acme", "GET, HEAD"),
        (Method::POST, "/sign-in/callback", "GET, HEAD"),
        (Method::PATCH, "/sign-in/initiate", "GET, HEAD, POST"),
        (Method::GET, "/sign-in/backchannel-logout", "POST"),
        (Method::GET, "/sign-out", "POST"),
        (Method::POST, "/", "GET, HEAD"),
        (Method::POST, "/outbox", "GET, HEAD"),
        (Method::PUT, "/documentation", "GET, HEAD"),
    ] {
        let answer = browser.send(method.clone(), path, |request| request).await;
        answer.plain(405, &format!("{method} {path}"));
        assert_eq!(answer.headers["allow"], allowed, "{method} {path}");
    }
}
