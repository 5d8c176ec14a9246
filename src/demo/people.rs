//! Who can sign in at the demonstration's identity provider.

use std::sync::Arc;

use super::SLUG;
use crate::clock::SystemClock;
use crate::stand_in::person::Person;
use crate::stand_in::{Layout, StandIn};

/// The company's tenant at the provider.
pub(super) const TENANT: &str = "tenant-demo";
/// Its domain.
pub(super) const DOMAIN: &str = "demo.example";

/// Given name, family name and how their address begins. Gina is in nobody's directory.
const PEOPLE: [(&str, &str, &str); 8] = [
    ("Olga", "Okafor", "olga"),
    ("Ann", "Anders", "ann"),
    ("Ben", "Bauer", "ben.bauer"),
    ("Cleo", "Costa", "cleo"),
    ("Dev", "Das", "dev"),
    ("Eve", "Eriksen", "eve"),
    ("Finn", "Fischer", "finn"),
    ("Gina", "Garcia", "gina"),
];

/// Starts the provider on this machine; it ends when dropped.
pub(super) fn provider() -> Result<StandIn, String> {
    let mut people = PEOPLE.iter().map(|(given, family, local)| {
        let person = Person::new(&format!("U2{SLUG}{local}"), &format!("{local}@{DOMAIN}"), TENANT);
        Person { name: format!("{given} {family}"), ..person }
    });
    let first = people.next().ok_or("nobody can sign in")?;
    let provider = StandIn::start(Arc::new(SystemClock), Layout::Project, first)?;
    people.for_each(|person| provider.add_person(person));
    provider.let_choose();
    Ok(provider)
}
