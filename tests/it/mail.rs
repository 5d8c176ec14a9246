//! Mail: written in the transaction of what it tells of, delivered to a real server over TCP that takes it,
//! refuses it, hangs up or says nothing.

use std::sync::Arc;
use std::time::Duration;

use diesel::sql_types::{BigInt, Binary, Text};
use headcount::clock::{Clock as _, ManualClock, Timestamp};
use headcount::error::Code;
use headcount::id::OrganizationId;
use headcount::jobs::outbox::{Postman, deliver, tidy};
use headcount::mail::outbox::{Desk, Key, Kind, Post, check, post};
use headcount::mail::{Button, Letter};
use headcount::store::Planned;
use headcount::store::batch::Batch;
use headcount::store::sql::{Sql, SqlId};
use serde_json::json;

use crate::support::in_process::House;
use crate::support::smtp::{Manner, Smtp};
use crate::support::{Database, in_process_on_each_database, unique};

in_process_on_each_database!(
    a_letter_arrives_once,
    a_server_that_fails_is_asked_again,
    a_refusal_is_final_and_seen,
    several_processes_deliver_each_letter_once,
    without_a_server_letters_stay,
    what_is_of_no_use_goes,
    a_recipient_gets_so_many,
    an_organization_writes_so_many_in_a_day,
);

const START: Timestamp = Timestamp(1_790_000_000_000_000);

struct Office {
    house: House,
    clock: Arc<ManualClock>,
    smtp: Smtp,
    postman: Postman,
}

fn open(database: Database) -> Office {
    let (clock, smtp) = (ManualClock::at(START), Smtp::start());
    let settings = vec![("mail.smtp_url", smtp.url()), ("mail.from", "Headcount <hc@acme.example>".to_owned())];
    let house = House::with(database, 10, clock.clone(), settings);
    let postman = house.assembly.postman.clone();
    Office { house, clock, smtp, postman }
}

fn letter() -> Letter {
    Letter {
        subject: "Zugang für Ann".into(),
        paragraphs: vec!["Hello.".into()],
        button: Some(Button { label: "Sign in".into(), url: "https://hc.example/x?s=geheim".into() }),
        small: vec!["Once.".into()],
    }
}

impl Office {
    /// An organization writes to so many people.
    async fn write_for(&self, organization: Option<OrganizationId>, count: usize) {
        for _ in 0..count {
            let number = unique();
            self.post(organization, &format!("o{number}"), &format!("o{number}@bolt.example")).await;
        }
    }

    async fn write(&self, dedup_key: &str, recipient: &str) {
        self.post(None, dedup_key, recipient).await;
    }

    async fn post(&self, organization: Option<OrganizationId>, dedup_key: &str, recipient: &str) {
        let administration = self.house.assembly.administration.clone();
        let sealing = Arc::clone(&self.postman.sealing);
        let (dedup_key, recipient) = (dedup_key.to_owned(), recipient.to_owned());
        let plan = move |_: &mut _| {
            let mut batch = Batch::default();
            let now = administration.clock.now();
            let desk =
                Desk { ids: &administration.ids, sealing: &sealing, random: administration.random.as_ref(), now };
            let mail = Post {
                kind: Kind::SignInLink,
                key: Key::About(&dedup_key),
                organization,
                recipient: &recipient,
                letter: &letter(),
                expires_at: now.plus(Duration::from_mins(15)),
            };
            post(&mut batch, desk, &mail)?;
            Ok(Planned { batch, answer: () })
        };
        self.house.assembly.store.write(plan).await.unwrap();
    }

    async fn deliver(&self) -> usize {
        deliver(&self.postman).await.unwrap()
    }

    /// State, attempts, and what went wrong.
    async fn mails(&self) -> Vec<(String, i64, String)> {
        let load =
            |connection: &mut _| {
                let rows = Sql::new("SELECT state, attempts, COALESCE(last_error, '') FROM outbox ORDER BY id")
                    .load::<(Text, BigInt, Text), _>(connection);
                Ok(rows.unwrap())
            };
        self.house.assembly.store.read(load).await.unwrap()
    }

    async fn letters(&self) -> Vec<Vec<u8>> {
        let load =
            |connection: &mut _| Ok(Sql::new("SELECT letter FROM outbox").load::<Binary, _>(connection).unwrap());
        self.house.assembly.store.read(load).await.unwrap()
    }
}

async fn a_letter_arrives_once(database: Database) {
    let office = open(database);
    office.write("one", "ann@xn--bcher-kva.example").await;
    office.write("one", "ann@xn--bcher-kva.example").await;
    assert!(!office.letters().await.iter().any(|letter| String::from_utf8_lossy(letter).contains("geheim")));
    assert_eq!(office.deliver().await, 1, "what is about the same is one mail");
    let mail = office.smtp.received().unwrap();
    assert_eq!(
        (mail.from.as_str(), mail.to.as_slice()),
        ("hc@acme.example", ["ann@xn--bcher-kva.example".to_owned()].as_slice())
    );
    for part in [
        "From: Headcount <hc@acme.example>",
        "Subject: Zugang =?utf-8?b?ZsO8cg==?= Ann",
        "text/plain",
        "text/html",
        "s=3Dgeheim",
    ] {
        assert!(mail.data.contains(part) || mail.data.contains(&part.replace("=3D", "=")), "{part}: {}", mail.data);
    }
    assert_eq!(office.deliver().await, 0);
    office.clock.advance_seconds(600);
    assert_eq!((office.deliver().await, office.smtp.connections()), (0, 1));
    assert_eq!(office.mails().await[0], ("sent".into(), 1, String::new()));
    assert_eq!(
        office.letters().await.iter().filter(|letter| letter.is_empty()).count(),
        1,
        "what was said is forgotten"
    );
}

async fn a_server_that_fails_is_asked_again(database: Database) {
    let mut office = open(database);
    office.write("one", "ann@acme.example").await;
    let manners = [
        (Manner::RefuseRecipient("451 4.7.1 later, ann@acme.example"), "later", 10),
        (Manner::HangUp, "", 30),
        (Manner::Babble, "", 120),
        (Manner::RefuseMail("535 5.7.8 who are you"), "who are you", 600),
    ];
    for (attempt, (manner, why, pause)) in manners.into_iter().enumerate() {
        office.smtp.next(&[manner]);
        assert_eq!(office.deliver().await, 0, "{manner:?}");
        let (state, attempts, said) = office.mails().await.remove(0);
        assert_eq!((state.as_str(), attempts), ("waiting", i64::try_from(attempt).unwrap() + 1), "{manner:?} {said}");
        assert!(!said.is_empty() && said.contains(why), "{said}");
        office.clock.advance_seconds(pause - 1);
        let before = office.smtp.connections();
        assert_eq!((office.deliver().await, office.smtp.connections()), (0, before), "not before its time: {manner:?}");
        office.clock.advance_seconds(1);
    }
    // A server that never answers costs the job so long and no longer.
    office.postman.smtp = office.postman.smtp.clone().map(|smtp| smtp.with_patience(Duration::from_millis(50)));
    office.write("two", "bob@acme.example").await;
    office.smtp.next(&[Manner::SayNothing, Manner::SayNothing]);
    assert_eq!(office.deliver().await, 0);
    assert!(office.mails().await[1].2.contains("not taken within"), "{:?}", office.mails().await);
    office.clock.advance_seconds(1_800);
    office.postman = office.house.assembly.postman.clone();
    assert_eq!(office.deliver().await, 0, "neither tells what is still true");
    office.write("three", "eve@acme.example").await;
    assert_eq!(office.deliver().await, 1);
}

async fn a_refusal_is_final_and_seen(database: Database) {
    let office = open(database);
    office.write("one", "ann@acme.example").await;
    office.smtp.next(&[Manner::RefuseRecipient("550 5.1.1 no such user")]);
    assert_eq!(office.deliver().await, 0);
    office.clock.advance_seconds(60);
    assert_eq!((office.deliver().await, office.smtp.connections()), (0, 1));
    let listed = headcount::administration::outbox::list;
    let seen = office.house.assembly.store.read(move |connection| listed(connection, 10)).await.unwrap();
    assert_eq!(
        (&seen[0]["state"], &seen[0]["recipient"], &seen[0]["kind"]),
        (&json!("dead"), &json!("ann@acme.example"), &json!("sign_in_link"))
    );
    assert!(seen[0]["last_error"].as_str().unwrap().contains("no such user"), "{seen}");
    // A mail that fails every time is given up in the end.
    office.write("two", "bob@acme.example").await;
    let statement = "UPDATE outbox SET attempts = 8 WHERE dedup_key = 'two'";
    let many = move |connection: &mut _| Ok(Sql::new(statement).execute(connection).unwrap());
    office.house.assembly.store.transaction(many).await.unwrap();
    office.smtp.next(&[Manner::HangUp]);
    assert_eq!(office.deliver().await, 0);
    assert_eq!(office.mails().await[1].0, "dead");
}

async fn several_processes_deliver_each_letter_once(database: Database) {
    let office = open(database);
    for number in 0..60 {
        office.write(&number.to_string(), &format!("p{number}@acme.example")).await;
    }
    let twin = office.house.twin(office.clock.clone());
    let both = futures_util::future::join(deliver(&office.postman), deliver(&twin.postman)).await;
    // The other process has another key here: what it took it cannot read, says so, and leaves to us.
    let (ours, theirs) = (both.0.unwrap(), both.1.unwrap());
    assert_eq!(theirs, 0);
    let mails = office.mails().await;
    assert_eq!(mails.iter().filter(|mail| mail.0 == "waiting" && mail.2.contains("another key")).count(), 60 - ours);
    office.clock.advance_seconds(10);
    assert_eq!(office.deliver().await, 60 - ours);
    let mut recipients = std::collections::BTreeSet::new();
    while let Some(mail) = office.smtp.received() {
        assert!(recipients.insert(mail.to[0].clone()), "{} was written to twice", mail.to[0]);
    }
    assert_eq!(recipients.len(), 60);
}

async fn without_a_server_letters_stay(database: Database) {
    let mut office = open(database);
    office.write("one", "ann@acme.example").await;
    office.postman.smtp = None;
    assert_eq!(office.deliver().await, 0);
    tidy(&office.postman).await.unwrap();
    assert_eq!(office.mails().await[0], ("waiting".into(), 0, String::new()));
    office.clock.advance_seconds(16 * 60);
    tidy(&office.postman).await.unwrap();
    assert_eq!(office.mails().await[0].0, "waiting", "there is nothing to give up");
}

async fn what_is_of_no_use_goes(database: Database) {
    let office = open(database);
    office.write("sent", "ann@acme.example").await;
    assert_eq!(office.deliver().await, 1);
    office.write("late", "bob@acme.example").await;
    office.clock.advance_seconds(16 * 60);
    tidy(&office.postman).await.unwrap();
    let states: Vec<String> = office.mails().await.into_iter().map(|mail| mail.0).collect();
    assert_eq!(states, ["sent", "dead"], "they count for an hour");
    assert!(office.mails().await[1].2.contains("expired"));
    office.clock.advance_seconds(45 * 60);
    tidy(&office.postman).await.unwrap();
    assert_eq!(office.mails().await.len(), 1, "what was given up is seen longer");
    office.clock.advance_seconds(31 * 24 * 3_600);
    tidy(&office.postman).await.unwrap();
    assert!(office.mails().await.is_empty());
}

async fn a_recipient_gets_so_many(database: Database) {
    let office = open(database);
    let ask = |recipient: &'static str| {
        let (store, now) = (office.house.assembly.store.clone(), office.clock.now());
        async move {
            let asked = move |connection: &mut _| check(connection, (Kind::SignInLink, 5), recipient, None, now);
            store.read(asked).await
        }
    };
    for number in 0..5 {
        ask("ann@acme.example").await.unwrap();
        office.write(&number.to_string(), "ann@acme.example").await;
        office.clock.advance_seconds(60);
    }
    let refused = ask("ann@acme.example").await.unwrap_err();
    assert_eq!((refused.code, refused.retry_after), (Code::TooManyRequests, Some(3_301)));
    ask("bob@acme.example").await.unwrap();
    office.clock.advance_seconds(3_301);
    ask("ann@acme.example").await.unwrap();
}

async fn an_organization_writes_so_many_in_a_day(database: Database) {
    let mut office = open(database);
    office.postman.smtp = None;
    let organization = |connection: &mut _| {
        let id = Sql::new("SELECT id FROM organizations").first::<SqlId, OrganizationId>(connection).unwrap();
        Ok(id.unwrap())
    };
    let organization = office.house.assembly.store.read(organization).await.unwrap();
    let ask = |recipient: &'static str| {
        let (store, now) = (office.house.assembly.store.clone(), office.clock.now());
        async move {
            let asked =
                move |connection: &mut _| check(connection, (Kind::SignInLink, 3), recipient, Some(organization), now);
            store.read(asked).await
        }
    };
    ask("ann@acme.example").await.unwrap();
    office.write_for(Some(organization), 999).await;
    ask("ann@acme.example").await.unwrap();
    office.write_for(Some(organization), 1).await;
    let refused = ask("ann@acme.example").await.unwrap_err();
    assert_eq!((refused.code, refused.retry_after), (Code::TooManyRequests, Some(3_600)));
    // Seats give more.
    let seats =
        |connection: &mut _| Ok(Sql::new("UPDATE organization_usage SET seats = 251").execute(connection).unwrap());
    office.house.assembly.store.transaction(seats).await.unwrap();
    ask("ann@acme.example").await.unwrap();
    office.write_for(Some(organization), 4).await;
    assert!(ask("ann@acme.example").await.is_err());
    office.clock.advance_seconds(2 * 3_600);
    tidy(&office.postman).await.unwrap();
    assert!(ask("ann@acme.example").await.is_err(), "what was written counts for a day");
    office.clock.advance_seconds(22 * 3_600 + 1);
    ask("ann@acme.example").await.unwrap();
}
