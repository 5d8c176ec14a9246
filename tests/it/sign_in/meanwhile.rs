//! What changes between the moment a sign-in is planned and the moment it is written counts.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use diesel::sql_types::BigInt;
use headcount::clock::{Clock as _, ManualClock, SystemClock};
use headcount::error::{Code, Result};
use headcount::http::State;
use headcount::organization::joining::Refusal;
use headcount::secret::{SecretHash, SecretToken, SystemRandom};
use headcount::sign_in::arrival::{self, Arrival, Outcome, SESSION_PREFIX};
use headcount::sign_in::setup::{self, Beginning};
use headcount::sign_in::{Circumstances, Service, destination_of_organization};
use headcount::store::Planned;
use headcount::store::connection::Connection;
use headcount::store::sql::Sql;

use super::ann;
use super::clocked::Clocked;
use crate::support::in_process::House;
use crate::support::{Database, in_process_on_each_database};

in_process_on_each_database!(a_member_is_deactivated, a_mailbox_is_read);

/// Runs a use case for which a statement of somebody else's is done after its first look.
async fn with_meanwhile<T: Send + 'static>(
    state: &State,
    (url, meanwhile): (&str, &'static str),
    use_case: impl Fn(&mut Connection, &Service) -> Result<Planned<T>> + Send + Sync + 'static,
) -> Result<T> {
    let (is_first, url, service) = (AtomicBool::new(true), url.to_owned(), Arc::clone(&state.door.service));
    let plan = move |connection: &mut Connection| {
        let planned = use_case(connection, &service);
        if is_first.swap(false, Ordering::Relaxed) {
            let mut other = Connection::open(&url.parse().unwrap()).unwrap();
            assert_eq!(Sql::new(meanwhile).execute(&mut other).unwrap(), 1, "{meanwhile}");
        }
        planned
    };
    state.store.write(plan).await
}

fn count(house: &House, table: &str) -> i64 {
    let mut sql = Sql::new("SELECT COUNT(*) FROM ");
    sql.push(table);
    sql.first::<BigInt, i64>(&mut house.database()).unwrap().unwrap()
}

fn secret() -> SecretToken {
    SecretToken::generate(SESSION_PREFIX, &SystemRandom::default())
}

async fn a_member_is_deactivated(database: Database) {
    let place = Clocked::open(database, &[]);
    assert_eq!(place.sign_in(&ann()).await.1.status, 303);
    let (house, state) = (&place.house, place.house.state());
    let destination = destination_of_organization(&mut house.database(), "acme").unwrap();
    let ann = Arrival {
        issuer: place.provider.issuer(),
        subject: "U2ann".into(),
        address: Some("ann@acme.example".into()),
        address_verified: true,
        name: None,
        tenant_proven: true,
        session_expiry: None,
        provider_sid: None,
        id_token: None,
    };
    // As the member they are linked to already, and as one that they would be linked to.
    for (subject, before) in [("U2ann", "status = 'active'"), ("U2new", "status = 'active', identity_id = NULL")] {
        let back = format!("UPDATE members SET {before} WHERE address_key = 'ann@acme.example'");
        house.database().batch(&back).unwrap();
        let (destination, comes) = (destination.clone(), Arrival { subject: subject.into(), ..ann.clone() });
        let use_case = move |connection: &mut Connection, service: &Service| {
            arrival::arrive(connection, service, &Circumstances::default(), &destination, &comes, &secret())
        };
        let off = "UPDATE members SET status = 'deactivated' WHERE address_key = 'ann@acme.example'";
        let outcome = with_meanwhile(&state, (&house.url, off), use_case).await.unwrap();
        let refused = matches!(outcome, Outcome::Refused { refusal: Refusal::Deactivated, .. });
        assert!(refused, "{subject}: {outcome:?}");
        assert_eq!(count(house, "sessions"), 1, "{subject}: the one from before");
    }
}

async fn a_mailbox_is_read(database: Database) {
    let clock = ManualClock::at(SystemClock.now());
    let house = House::new(database, 5, clock);
    let state = house.state();
    let founds = async |meanwhile: &'static str| {
        let made = house.command(&["setup-link", "--json"]);
        let link = SecretHash::of(made["url"].as_str().unwrap().split('=').nth(1).unwrap().as_bytes());
        let use_case = move |connection: &mut Connection, service: &Service| {
            let beginning =
                Beginning { secret: link, address: "fay@found.example".into(), session: secret(), proof: None };
            setup::start(connection, service, &Circumstances::default(), &beginning)
        };
        with_meanwhile(&state, (&house.url, meanwhile), use_case).await.map_err(|error| error.code)
    };
    let nothing = "UPDATE organizations SET name = name";
    assert_eq!(founds(nothing).await, Ok(()));
    assert_eq!(founds(nothing).await, Ok(()), "the founder comes back");
    let read = "UPDATE identities SET address_key = 'fay@found.example'";
    assert_eq!(founds(read).await, Err(Code::Conflict), "it is somebody's who has proven it");
    assert_eq!(count(&house, "sessions"), 2);
}
