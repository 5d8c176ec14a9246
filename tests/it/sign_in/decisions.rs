//! How people sign in is decided while somebody else changes the same organization.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use headcount::administration::organization::{self, Settings};
use headcount::administration::{Administration, By, single_sign_on};
use headcount::assembly::Assembly;
use headcount::clock::SystemClock;
use headcount::error::{Code, Result};
use headcount::organization::joining::Sso;
use headcount::stand_in::person::Person;
use headcount::store::Planned;
use headcount::store::connection::Connection;
use headcount::store::sql::Sql;
use serde_json::json;

use super::browser::{Office, TENANT};
use super::in_each_office;
use super::recovery::{OLGA, as_member, assembly, codes, decider};

in_each_office!(what_others_set_meanwhile_counts: 10);

/// Runs a use case for which, between its first look and its write, a statement of somebody else's is done.
async fn with_meanwhile<T: Send + 'static>(
    house: &Assembly,
    (url, meanwhile): (&str, &'static str),
    use_case: impl Fn(&mut Connection, &Administration) -> Result<Planned<T>> + Send + Sync + 'static,
) -> std::result::Result<T, Code> {
    let (is_first, url) = (AtomicBool::new(true), url.to_owned());
    let use_case = move |connection: &mut Connection, administration: &Administration| {
        let planned = use_case(connection, administration);
        if is_first.swap(false, Ordering::Relaxed) {
            let mut other = Connection::open(&url.parse().unwrap()).unwrap();
            assert!(Sql::new(meanwhile).execute(&mut other).unwrap() > 0, "{meanwhile}");
        }
        planned
    };
    house.operate(use_case).await.map_err(|error| error.code)
}

async fn what_others_set_meanwhile_counts(office: Office) {
    let server = &office.server;
    office.sign_in(&Person::new("U2olga", OLGA, TENANT)).await;
    codes(server);
    let confirm =
        || server.command(&["recovery-codes", "confirm", "--organization", "acme", "--email", OLGA, "--json"]);
    confirm();
    let (house, url) = (assembly(server, Arc::new(SystemClock)), server.url.as_str());
    let olga = decider(&mut server.database(), OLGA);
    let decide = async |sso: Sso, meanwhile: &'static str| {
        let olga = olga.clone();
        let use_case = move |connection: &mut Connection, administration: &Administration| {
            single_sign_on::set(connection, administration, &as_member(&olga), "acme", sso, None)
        };
        with_meanwhile(&house, (url, meanwhile), use_case).await
    };
    let shown = || server.command(&["organization", "show", "--organization", "acme", "--json"]);
    let sso_is = |sso: &str, what: &str| assert_eq!(shown()["sso"], sso, "{what}");
    for (meanwhile, code) in [
        ("UPDATE recovery_codes SET saved_at = NULL", Code::Conflict),
        ("UPDATE associated_domains SET state = 'lapsed'", Code::Conflict),
        ("UPDATE organizations SET tenant_id = NULL, sso = 'off' WHERE slug = 'acme'", Code::Conflict),
    ] {
        assert_eq!(decide(Sso::Required, meanwhile).await.unwrap_err(), code, "{meanwhile}");
        assert_ne!(shown()["sso"], "required", "{meanwhile}");
        confirm();
        let restored = "UPDATE associated_domains SET state = 'verified'";
        Sql::new(restored).execute(&mut server.database()).unwrap();
        server.command(&["organization", "set", "--organization", "acme", "--descope-tenant-id", TENANT, "--json"]);
    }
    let other = "UPDATE organizations SET session_length = 3600000000, seat_policy = 'waitlist' WHERE slug = 'acme'";
    assert!(decide(Sso::Required, other).await.is_ok());
    let now = shown();
    assert_eq!((&now["session_length"], &now["seat_policy"]), (&json!("1h"), &json!("waitlist")), "{now}");
    sso_is("required", "decided");
    // Nor does the operator write what the operator was not asked for.
    let shorter = |connection: &mut Connection, administration: &Administration| {
        let length = Some(Some(Duration::from_hours(2)));
        let settings = Settings { session_length: length, ..Settings::default() };
        organization::set(connection, administration, &By::OPERATOR, "acme", &settings)
    };
    let off = "UPDATE organizations SET sso = 'optional', seat_policy = 'reject' WHERE slug = 'acme'";
    assert!(with_meanwhile(&house, (url, off), shorter).await.is_ok());
    let now = shown();
    assert_eq!((&now["session_length"], &now["seat_policy"]), (&json!("2h"), &json!("reject")), "{now}");
    sso_is("optional", "the owner's decision stays");
}
