//! A row on inviting: a thousand people at once, with their seats, their mails and what the audit trail is told.

use std::collections::BTreeMap;
use std::time::Instant;

use headcount::administration::By;
use headcount::administration::invitation::{self, Manner, Rows};
use headcount::assembly::Assembly;
use headcount::assembly::keys::Keys;
use headcount::config::Config;
use headcount::secret::SystemRandom;

use super::super::print;
use super::Bed;

/// As many as a file has at most.
const PEOPLE: usize = 1_000;

pub fn rows(bed: &Bed<'_>) {
    let name = bed.name("invite 1,000 of a file in one transaction, milliseconds");
    if !bed.settings.wants(&name) {
        return;
    }
    let settings = BTreeMap::from([("database.url", bed.server.url.clone())]);
    let config = Config::load(&settings, std::iter::empty()).unwrap();
    // The server's own keys would only be needed to deliver the mails.
    let assembly = Assembly::new(&config, &Keys::ephemeral(&SystemRandom::default())).unwrap();
    let system = actix_web::rt::System::new();
    let invite = |round: usize| {
        let line = |file: String, number: usize| file + &format!("p{number}@r{round}.example,write\r\n");
        let file = (0..PEOPLE).fold("email,role\r\n".to_owned(), line);
        let began = Instant::now();
        let rows = Rows::of_file(file.as_bytes()).unwrap();
        let manner = Manner { public_url: "https://hc.example".into(), message: None };
        let import = assembly.operate(move |connection, administration| {
            invitation::import(connection, administration, &By::OPERATOR, "o0", (&rows, &manner))
        });
        let sent = system.block_on(import).unwrap();
        assert_eq!(sent.totals.invited, Some(PEOPLE));
        began.elapsed().as_secs_f64() * 1e3
    };
    let milliseconds = (0..bed.settings.rounds).map(invite).collect();
    print(&name, "≤ 1,000", milliseconds, "read, decided, encrypted and committed");
}
