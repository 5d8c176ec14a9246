//! Signing in while somebody else takes the access away, or changes how it is given.

use diesel::sql_types::BigInt;
use headcount::store::acquaintances;
use headcount::store::batch::{Batch, Failure};
use headcount::store::sql::{Sql, SqlId};
use reqwest::Method;
use serde_json::{Value, json};

use super::browser::{Browser, Office};
use super::in_each_office;
use super::person;

in_each_office!(nobody_deactivated_stays_signed_in: 60, a_sign_in_sees_what_changed_meanwhile: 10);

/// People who come at once.
const PEOPLE: usize = 12;
/// Browsers each of them comes with.
const BROWSERS: usize = 3;

/// Each of the people at the provider, with browsers that have only to come back from there.
async fn at_the_door(office: &Office, names: &[String]) -> Vec<(Browser, String)> {
    let mut waiting = Vec::new();
    for name in names {
        for _ in 0..BROWSERS {
            let browser = office.browser();
            let sent = browser.enter(&format!("{name}@acme.example"), "/").await;
            let back = browser.at_provider(&sent).await;
            waiting.push((browser, back));
        }
    }
    waiting
}

fn activity(id: &str, active: bool) -> Value {
    json!({"method": "PATCH", "path": format!("/Users/{id}"),
           "data": {"Operations": [{"op": "replace", "path": "active", "value": active}]}})
}

async fn set_active(office: &Office, operations: Vec<Value>) {
    let (status, said) = office.server.send(Method::POST, "/Bulk", Some(&json!({"Operations": operations}))).await;
    let done = said["Operations"].as_array().unwrap();
    assert!(status == 200 && done.iter().all(|one| one["status"] == "200"), "{said}");
}

/// Sessions of the organization's that belong to somebody who may not enter it.
fn left(office: &Office) -> i64 {
    let left = "SELECT COUNT(*) FROM sessions s JOIN members m ON m.identity_id = s.identity_id \
                AND m.organization_id = s.organization_id WHERE m.status <> 'active'";
    Sql::new(left).first::<BigInt, i64>(&mut office.server.database()).unwrap().unwrap()
}

async fn nobody_deactivated_stays_signed_in(office: Office) {
    let (mut names, mut ids) = (Vec::new(), Vec::new());
    for round in 0..6 {
        // In every other round they come for the first time: then they are linked as well.
        if round % 2 == 0 {
            names = (0..PEOPLE).map(|number| format!("p{round}x{number}")).collect();
            ids.clear();
            for name in &names {
                office.provider.add_person(person(name));
                ids.push(office.server.user(name).await);
            }
        }
        let waiting = at_the_door(&office, &names).await;
        let arrivals = futures_util::future::join_all(waiting.iter().map(|(browser, back)| browser.get(back)));
        // One statement each, or all of them in one write: both are how directories do it.
        let off: Vec<Value> = ids.iter().map(|id| activity(id, false)).collect();
        let pushes = if round < 4 { off.into_iter().map(|one| vec![one]).collect() } else { vec![off] };
        let pushes = futures_util::future::join_all(pushes.into_iter().map(|push| set_active(&office, push)));
        let (answers, _) = futures_util::future::join(arrivals, pushes).await;
        for answer in &answers {
            assert!(matches!(answer.status.as_u16(), 303 | 403), "{} {}", answer.status, answer.body);
        }
        assert_eq!(left(&office), 0, "round {round}: a session outlives the access");
        for (browser, _) in &waiting {
            assert_eq!(browser.me().await.0, 401);
        }
        set_active(&office, ids.iter().map(|id| activity(id, true)).collect()).await;
    }
}

async fn a_sign_in_sees_what_changed_meanwhile(office: Office) {
    let id = office.server.user("ann").await;
    assert_eq!(office.sign_in(&super::ann()).await.1.status, 303);
    let mut connection = office.server.database();
    let (organization, member, identity) =
        Sql::new("SELECT organization_id, id, identity_id FROM members WHERE address_key = ?")
            .bind("ann@acme.example")
            .first::<(SqlId, SqlId, SqlId), _>(&mut connection)
            .unwrap()
            .unwrap();
    let mut enter = || {
        let mut batch = Batch::default();
        acquaintances::enter(&mut batch, organization, member, Some(identity));
        batch.apply(&mut connection)
    };
    assert!(enter().is_ok());
    set_active(&office, vec![activity(&id, false)]).await;
    assert!(matches!(enter(), Err(Failure::Stale)), "planned before, applied after");
}
