//! A provider that is slow, down, wrong or breaks off, through the routes and over real sockets: the answer
//! comes in time and says to try again, nobody came of it, and signing in comes back by itself.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use headcount::clock::ManualClock;
use headcount::stand_in::CLIENT_ID;
use headcount::stand_in::hostile::{DiscoveryFault, Endpoint, Fault, Hostile};
use headcount::stand_in::person::{Place, Shape};
use tokio::net::TcpSocket;

use super::indoors::{NOW, Parts, Seen, provider, provider_on};
use crate::support::{Database, in_process_on_each_database};

in_process_on_each_database!(
    answers_that_do_not_come,
    answers_that_are_none,
    starting_while_it_is_away,
    starting_while_discovery_is_wrong,
    an_outage,
);

/// A person who waits is told within this.
const IN_TIME: Duration = Duration::from_secs(5);

/// The answer to a request while the provider has one of ours that it does not answer: from there on, time
/// jumps. It must come in time.
async fn in_time(request: impl Future<Output = Seen>, hangs: impl Future<Output = ()>, what: &str) -> Seen {
    let mut request = pin!(request);
    tokio::select! {
        seen = &mut request => panic!("{what}: {seen:?}"),
        () = hangs => {}
    }
    tokio::time::pause();
    tokio::time::advance(IN_TIME).await;
    // From there on time stands still: it does while another thread works, as the one does that writes.
    for _ in 0..1_000_000 {
        tokio::select! {
            biased;
            seen = &mut request => {
                tokio::time::resume();
                return seen;
            }
            _ = tokio::task::spawn_blocking(std::thread::yield_now) => {}
        }
    }
    panic!("{what}: no answer in time");
}

async fn answers_that_do_not_come(database: Database) {
    let clock = ManualClock::at(NOW);
    let provider = provider(&clock);
    // Userinfo is asked where neither token says anything of the tenant.
    provider.claim_tenants(Shape::Default, &[Place::Userinfo]);
    let mut parts = Parts::on(database, provider.issuer(), clock);
    for fault in [Fault::Slow, Fault::Stalls] {
        for endpoint in [Endpoint::Discovery, Endpoint::Keys, Endpoint::Token, Endpoint::Userinfo] {
            let what = format!("{endpoint:?} {fault:?}");
            let process = parts.process().await;
            provider.set_hostile(Some(Hostile::Answer(endpoint, fault)));
            let hangs = provider.asked_for(endpoint, provider.requests(endpoint) + 1);
            let seen = if endpoint == Endpoint::Discovery {
                in_time(process.get("/sign-in/acme"), hangs, &what).await
            } else {
                let back = process.leave().await.unwrap();
                in_time(process.get(&back), hangs, &what).await
            };
            seen.assert_try_again(&what);
            assert_eq!(process.me().await, 401, "{what}");
            // The form is there all the same.
            assert_eq!(process.get("/sign-in").await.status, 200, "{what}");
        }
    }
    nobody_came(&parts);
}

async fn answers_that_are_none(database: Database) {
    let clock = ManualClock::at(NOW);
    let provider = provider(&clock);
    provider.claim_tenants(Shape::Default, &[Place::Userinfo]);
    let mut parts = Parts::on(database, provider.issuer(), clock);
    let breaks = [Fault::ServerError, Fault::Truncates, Fault::TruncatesJson, Fault::Resets];
    // What is no document at all can only be the provider's own trouble.
    let nonsense = [
        Fault::Refuses,
        Fault::RefusesAsDescope,
        Fault::Redirects,
        Fault::Html,
        Fault::Garbage,
        Fault::EmptyObject,
        Fault::EmptyBody,
        Fault::Huge,
        Fault::Endless,
    ];
    let answers = [Endpoint::Discovery, Endpoint::Keys, Endpoint::Token, Endpoint::Userinfo]
        .into_iter()
        .flat_map(|endpoint| breaks.map(|fault| Hostile::Answer(endpoint, fault)));
    let documents = [Endpoint::Discovery, Endpoint::Keys]
        .into_iter()
        .flat_map(|endpoint| nonsense.map(|fault| Hostile::Answer(endpoint, fault)));
    let discoveries = DiscoveryFault::ALL.iter().map(|fault| Hostile::Discovery(*fault));
    for hostile in answers.chain(documents).chain(discoveries) {
        let what = format!("{hostile:?}");
        let process = parts.process().await;
        provider.set_hostile(Some(hostile));
        process.sign_in().await.assert_try_again(&what);
        assert_eq!(process.me().await, 401, "{what}");
    }
    nobody_came(&parts);
    // What never ends where it matters most is cut off too, as an answer that is none.
    provider.set_hostile(Some(Hostile::Answer(Endpoint::Token, Fault::Endless)));
    let process = parts.process().await;
    assert_eq!(process.sign_in().await.status, 400);
    provider.set_hostile(None);
    assert_eq!(process.sign_in().await.status, 303, "the same process recovers");
}

fn nobody_came(parts: &Parts) {
    let shown = parts.house.command(&["organization", "show", "--organization", "acme", "--json"]);
    assert_eq!((&shown["users"], &shown["seats_used"]), (&1.into(), &1.into()), "{shown}");
}

async fn starting_while_it_is_away(database: Database) {
    let clock = ManualClock::at(NOW);
    // An address on which nobody listens until it is told to.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let issuer = format!("http://{}/{CLIENT_ID}", socket.local_addr().unwrap());
    let mut parts = Parts::on(database, issuer.clone(), clock.clone());
    let process = parts.process().await;
    process.sign_in().await.assert_try_again("nobody listens");
    assert_eq!(process.get("/sign-in").await.status, 200);
    assert_eq!(process.get("/readyz").await.status, 200, "others are served");
    let provider = provider_on(socket.listen(1_024).unwrap().into_std().unwrap(), &clock);
    assert_eq!(provider.issuer(), issuer);
    clock.advance_seconds(60);
    assert_eq!(process.sign_in().await.status, 303, "at the latest a minute after it has come right");
}

async fn starting_while_discovery_is_wrong(database: Database) {
    let clock = ManualClock::at(NOW);
    let provider = provider(&clock);
    let mut parts = Parts::on(database, provider.issuer(), clock.clone());
    let faults = DiscoveryFault::ALL.iter().map(|fault| Hostile::Discovery(*fault));
    for hostile in faults.chain([Hostile::Answer(Endpoint::Discovery, Fault::Html)]) {
        provider.set_hostile(Some(hostile));
        let process = parts.process().await;
        process.sign_in().await.assert_try_again(&format!("{hostile:?}"));
        provider.set_hostile(None);
        clock.advance_seconds(60);
        assert_eq!(process.sign_in().await.status, 303, "{hostile:?}: a minute after it has come right");
    }
}

/// What is known of the provider bridges an outage: its document for good, its keys for ten minutes, so that
/// a revoked one is used no longer than that.
async fn an_outage(database: Database) {
    let clock = ManualClock::at(NOW);
    let provider = provider(&clock);
    let mut parts = Parts::on(database, provider.issuer(), clock.clone());
    let process = parts.process().await;
    assert_eq!(process.sign_in().await.status, 303);
    provider.set_hostile(Some(Hostile::Answer(Endpoint::Discovery, Fault::ServerError)));
    clock.advance_seconds(3_600);
    assert_eq!(process.sign_in().await.status, 303, "the document is read no more, and the one there is goes on");
    provider.set_hostile(Some(Hostile::Answer(Endpoint::Keys, Fault::ServerError)));
    clock.advance_seconds(599);
    assert_eq!(process.sign_in().await.status, 303, "the keys are cached");
    clock.advance_seconds(1);
    let session = process.cookie("headcount_session");
    process.sign_in().await.assert_try_again("keys that are too old");
    assert_eq!(process.cookie("headcount_session"), session, "never open: no other session than before");
    provider.set_hostile(None);
    clock.advance_seconds(60);
    assert_eq!(process.sign_in().await.status, 303);
}
