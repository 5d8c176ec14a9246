//! Many at once: a file or a list, looked at and then sent.

use reqwest::Method;
use serde_json::{Value, json};

use super::{Desk, INVITATIONS, scim_user};
use crate::api::client::Reply;
use crate::sign_in::browser::Browser;
use crate::support::{Database, in_process_on_each_database};

in_process_on_each_database!(
    a_preview_and_then_the_same_is_sent,
    a_result_for_a_spreadsheet,
    files_that_are_refused,
    a_list_as_well,
    a_thousand_at_once,
    who_may_not_invite,
);

/// Sends a file as a page of ours does.
pub async fn upload(browser: &Browser, path: &str, kind: &str, accept: &str, file: &[u8]) -> (Reply, String) {
    let token = browser.api(Method::GET, "/api/v1/me", None).await.2.unwrap_or_default();
    let file = file.to_vec();
    let shape = |request: reqwest::RequestBuilder| {
        request.header("x-csrf-token", token).header("content-type", kind).header("accept", accept).body(file)
    };
    let answer = browser.send(Method::POST, path, shape).await;
    let body = serde_json::from_str(&answer.body).unwrap_or(Value::Null);
    (Reply { status: answer.status, headers: answer.headers, body }, answer.body)
}

/// A file of so many.
fn people(count: usize) -> String {
    (0..count).fold(String::new(), |file, number| file + &format!("p{number}@guest.example,read\n"))
}

fn states(body: &Value) -> Vec<&str> {
    body["items"].as_array().unwrap().iter().map(|row| row["state"].as_str().unwrap()).collect()
}

const FILE: &str = "\u{feff}Email;Role\r\nann@guest.example;Admin\r\n\r\n\"bob@guest.example\";wirte\r\nANN@guest.example;read\r\n\
    olga@acme.example;read\r\ninvited@guest.example;read\r\nno address;read\r\nowner@guest.example;owner\r\ncid@guest.example;\r\n\
    dan@guest.example;write\r\n";

async fn a_preview_and_then_the_same_is_sent(database: Database) {
    let desk = Desk::open(database).await;
    desk.invite("invited@guest.example", "read").await;
    desk.set(&["--seats", "5"]);
    let preview = format!("{INVITATIONS}/import/preview");
    let (seen, _) = upload(&desk.admin, &preview, "text/csv", "*/*", FILE.as_bytes()).await;
    let seen = seen.is(200);
    let expected = [
        "ready",
        "unknown_role",
        "duplicate",
        "already_a_member",
        "already_invited",
        "not_an_address",
        "role_not_allowed",
        "ready",
        "no_seat",
    ];
    assert_eq!(states(&seen), expected);
    assert_eq!((&seen["items"][1]["suggestion"], &seen["items"][1]["line"]), (&json!("write"), &json!(4)));
    assert_eq!(seen["items"][1]["detail"], "Unknown role \"wirte\": did you mean write?");
    assert_eq!(seen["items"][2]["detail"], "The same address as in line 2, which counts.");
    assert_eq!((&seen["items"][7]["role"], &seen["items"][0]["role"]), (&json!("read"), &json!("admin")));
    assert_eq!(
        seen["totals"],
        json!({"rows": 9, "ready": 2, "seats": {"total": 5, "used": 2, "pending": 1, "available": 2}})
    );
    assert_eq!((desk.seats().await, desk.mail().await.to), ((2, 1, 0), vec!["invited@guest.example".to_owned()]));
    // Somebody takes a seat in between: decided anew.
    assert_eq!(desk.scim("POST", "/Users", Some(&scim_user("zoe@guest.example"))).await.0, 201);
    let (sent, _) = upload(&desk.admin, &format!("{INVITATIONS}/import"), "text/csv", "*/*", FILE.as_bytes()).await;
    let sent = sent.is(200);
    let expected = ["invited", "unknown_role", "duplicate", "already_a_member", "already_invited", "not_an_address"];
    assert_eq!(states(&sent)[..6], expected);
    assert_eq!(states(&sent)[7..], ["no_seat", "no_seat"]);
    assert_eq!(sent["totals"]["seats"], json!({"total": 5, "used": 3, "pending": 2, "available": 0}));
    let id = sent["items"][0]["invitation_id"].as_str().unwrap();
    assert_eq!((desk.state(id).await.as_str(), desk.seats().await), ("pending", (3, 2, 0)));
    assert_eq!(desk.mail().await.to, ["ann@guest.example"]);
    // Once more is safe: who is invited is not invited again.
    let (again, _) = upload(&desk.admin, &format!("{INVITATIONS}/import"), "text/csv", "*/*", FILE.as_bytes()).await;
    assert_eq!(states(&again.is(200))[0], "already_invited");
    assert_eq!(desk.seats().await, (3, 2, 0));
}

async fn a_result_for_a_spreadsheet(database: Database) {
    let desk = Desk::open(database).await;
    let file = "=cmd|' /C calc'!A0,=1+1\n\"+ann\"@guest.example,read\n-x,@SUM(A1)\nann@guest.example,write\n";
    let (reply, text) =
        upload(&desk.admin, &format!("{INVITATIONS}/import"), "text/plain", "text/csv", file.as_bytes()).await;
    assert_eq!((reply.status.as_u16(), reply.header("content-type")), (200, "text/csv; charset=utf-8"));
    assert!(reply.header("content-disposition").starts_with("attachment"));
    let lines: Vec<&str> = text.strip_prefix('\u{feff}').unwrap().split("\r\n").collect();
    assert_eq!(lines[0], "line,email,role,state,detail");
    assert!(lines[1].starts_with("1,'=cmd|' /C calc'!A0,'=1+1,not_an_address,"), "{}", lines[1]);
    assert!(lines[3].starts_with("3,'-x,'@SUM(A1),"), "{}", lines[3]);
    assert_eq!(lines[4], "4,ann@guest.example,write,invited,Invited as write.");
    for cell in lines.iter().flat_map(|line| line.split(',')) {
        assert!(!cell.trim_start_matches('"').starts_with(['=', '+', '-', '@', '\t', '\r']), "{cell}");
    }
}

async fn files_that_are_refused(database: Database) {
    let desk = Desk::open(database).await;
    let many = people(1_001);
    for at in ["import/preview", "import"] {
        let path = format!("{INVITATIONS}/{at}");
        for (file, status, code, said) in [
            (many.as_bytes(), 400, "invalid_value", "1001 rows; at most 1000"),
            (&vec![b'a'; 300 * 1_024], 413, "payload_too_large", "256 KiB"),
            (&vec![b'a'; 600 * 1_024], 413, "payload_too_large", "bytes"),
            (b"\x89PNG\r\n\x1a\n\0\0", 400, "invalid_value", "not a text file"),
            (b"", 400, "invalid_value", "no rows"),
            (b"email,role\r\n", 400, "invalid_value", "no rows"),
        ] {
            let refused = upload(&desk.admin, &path, "text/csv", "*/*", file).await.0.problem(status, code);
            assert!(refused.contains(said), "{at}: {refused}");
        }
        upload(&desk.admin, &path, "image/png", "*/*", b"x").await.0.problem(415, "unsupported_media_type");
        // Without the token of a page of ours.
        let shape = |request: reqwest::RequestBuilder| request.header("content-type", "text/csv").body("a@b.example");
        assert_eq!(desk.admin.send(Method::POST, &path, shape).await.status, 403);
    }
    assert_eq!(desk.seats().await, (2, 0, 0));
}

async fn a_list_as_well(database: Database) {
    let desk = Desk::open(database).await;
    let body = json!({"rows": [{"email": "ann@guest.example", "role": "WRITE"}, {"email": " bob@guest.example "}], "message": "Hi!"});
    let seen = desk.admin.make(&format!("{INVITATIONS}/import/preview"), &body).await.is(200);
    assert_eq!(states(&seen), ["ready", "ready"]);
    let sent = desk.admin.make(&format!("{INVITATIONS}/import"), &body).await.is(200);
    assert_eq!(states(&sent), ["invited", "invited"]);
    assert!(super::plain(&desk.mail().await.data).contains("Hi!"));
    for (body, said) in [
        (json!({"rows": []}), "from 1 to 1000"),
        (json!({"rows": vec![json!({"email": "a@b.example"}); 1_001]}), "from 1 to 1000"),
        (json!({"rows": [{"mail": "a@b.example"}]}), "mail"),
        (json!({"rows": [{"email": "a@b.example"}], "x": 1}), "x"),
    ] {
        let refused = desk.admin.make(&format!("{INVITATIONS}/import"), &body).await.problem(400, "invalid_value");
        assert!(refused.contains(said), "{refused}");
    }
}

async fn a_thousand_at_once(database: Database) {
    let desk = Desk::open(database).await;
    desk.set(&["--seats", "2000"]);
    let file = people(1_000);
    let (sent, _) = upload(&desk.admin, &format!("{INVITATIONS}/import"), "text/csv", "*/*", file.as_bytes()).await;
    let sent = sent.is(200);
    assert_eq!((&sent["totals"]["invited"], desk.seats().await), (&json!(1_000), (2, 1_000, 0)));
    let next = desk.admin.ask(&format!("{INVITATIONS}?limit=100")).await.is(200);
    assert_eq!(next["items"].as_array().unwrap().len(), 100);
    assert_eq!(desk.mail().await.to.len(), 1);
}

async fn who_may_not_invite(database: Database) {
    let desk = Desk::open(database).await;
    let reader = crate::api::client::joined(&desk.place, "read").await;
    for at in ["import/preview", "import"] {
        let path = format!("{INVITATIONS}/{at}");
        upload(&reader, &path, "text/csv", "*/*", b"a@b.example").await.0.problem(403, "forbidden");
        let stranger = desk.place.browser();
        assert_eq!(upload(&stranger, &path, "text/csv", "*/*", b"a@b.example").await.0.status, 401);
    }
    assert_eq!(desk.seats().await, (3, 0, 0));
}
