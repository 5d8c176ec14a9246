//! What is shown together was so at one moment, also while a payment comes.

use headcount::administration::billing::checkout::{self, Wanted};
use headcount::administration::{Administration, By, billing};
use headcount::error::Code;
use headcount::store::connection::Connection;
use headcount::store::sql::Sql;
use serde_json::json;

use super::local::Till;
use super::{HOME, Interrupting, Shop, another};
use crate::support::{Database, in_process_on_each_database};

in_process_on_each_database!(
    a_page_is_of_one_moment,
    reads_of_a_snapshot_see_nothing_new,
    a_deleted_organization_buys_nothing,
    nobody_buys_for_one_that_is_being_deleted,
);

async fn a_page_is_of_one_moment(database: Database) {
    let shop = Shop::subscribed(database, 10).await;
    let mut other = shop.house.database();
    // A renewal is declined after the page has read the organization: the clock is asked between the two.
    let clock = Interrupting::new(shop.clock.clone(), move || {
        for sql in
            ["UPDATE organizations SET state = 'past_due'", "UPDATE subscriptions SET state = 'past_due', quantity = 3"]
        {
            assert_eq!(Sql::new(sql).execute(&mut other).unwrap(), 1);
        }
    });
    let administration = Administration { clock: clock.clone(), ..shop.house.assembly.administration.clone() };
    let look = move |connection: &mut Connection| billing::show(connection, &administration, &By::OPERATOR, "acme");
    let shown = json!(shop.house.assembly.store.read(look).await.unwrap());
    assert!(clock.has_happened());
    assert_eq!(
        (&shown["organization_state"], &shown["state"], &shown["provider_seats"]),
        (&json!("active"), &json!("active"), &json!(10)),
        "as it was when the page was begun"
    );
    let shown = shop.show().await;
    assert_eq!((&shown["organization_state"], &shown["state"]), (&json!("past_due"), &json!("past_due")));
}

async fn reads_of_a_snapshot_see_nothing_new(database: Database) {
    let shop = Shop::subscribed(database, 10).await;
    let (mut reader, mut writer) = (shop.house.database(), shop.house.database());
    let seats = |connection: &mut Connection| {
        let sql = Sql::new("SELECT quantity FROM subscriptions");
        sql.first::<diesel::sql_types::BigInt, i64>(connection).unwrap().unwrap()
    };
    let unwinds = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let read = reader.snapshot(|reader| {
            assert_eq!(seats(reader), 10);
            Sql::new("UPDATE subscriptions SET quantity = 12").execute(&mut writer).unwrap();
            assert_eq!(seats(reader), 10, "as it was at the first");
            panic!("a read panics");
            #[expect(unreachable_code, reason = "the type of the read")]
            Ok(())
        });
        read.unwrap();
    }));
    assert!(unwinds.is_err());
    assert_eq!(seats(&mut reader), 12, "and it ends however its reads do");
    assert_eq!(reader.snapshot(|reader| Ok(seats(reader))).unwrap(), 12, "and the next one begins");
}

async fn a_deleted_organization_buys_nothing(database: Database) {
    let shop = Shop::open(another(&database), 10);
    shop.house.command(&["organization", "delete", "--organization", "acme", "--name", "Acme", "--json"]);
    let refused = shop.begin(Some(25)).await.unwrap_err();
    assert!(refused.code == Code::Conflict && refused.detail.contains("is deleted"), "{}", refused.detail);
    let shop = Shop::subscribed(another(&database), 10).await;
    shop.house.command(&["organization", "delete", "--organization", "acme", "--name", "Acme", "--json"]);
    let refused = shop.set(12).await.unwrap_err();
    assert!(refused.code == Code::Conflict && refused.detail.contains("is deleted"), "{}", refused.detail);
    // Paid at a page of our own that was open before.
    let till = Till::open(database, 10);
    let id = till.begin(10).await.unwrap();
    till.house.command(&["organization", "delete", "--organization", "acme", "--name", "Acme", "--json"]);
    Sql::new("UPDATE checkouts SET state = 'open'").execute(&mut till.house.database()).unwrap();
    let refused = till.pay(id, "4242 4242 4242 4242").await.unwrap_err();
    assert!(refused.code == Code::Conflict && refused.detail.contains("is deleted"), "{}", refused.detail);
}

async fn nobody_buys_for_one_that_is_being_deleted(database: Database) {
    let shop = Shop::open(database, 10);
    let mut other = shop.house.database();
    // It is deleted after the organization was read: the clock is asked between that and what is written.
    let clock = Interrupting::new(shop.clock.clone(), move || {
        let sql = "UPDATE organizations SET deleted_from = state, state = 'deleted', deleted_at = 1";
        assert_eq!(Sql::new(sql).execute(&mut other).unwrap(), 1);
    });
    let administration = Administration { clock: clock.clone(), ..shop.house.assembly.administration.clone() };
    let wanted = Wanted { seats: Some(25), plan: None };
    let begun = checkout::begin(&shop.house.assembly.store, &administration, &By::OPERATOR, "acme", wanted, HOME).await;
    assert!(clock.has_happened());
    assert_eq!(begun.unwrap_err().code, Code::Conflict);
    assert_eq!(shop.count("SELECT COUNT(*) FROM checkouts"), 0);
}
