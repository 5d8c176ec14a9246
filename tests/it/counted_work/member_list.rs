//! A page of members costs the same at any size, in any order.

use headcount::administration::By;
use headcount::administration::roster::{Wanted, page};
use headcount::store::roster::Sort;

use super::{Cost, Observer, Organization};

const SORTS: [(&str, Sort); 5] = [
    ("members by email", Sort::Email),
    ("members by name", Sort::Name),
    ("members by role", Sort::Role),
    ("members by status", Sort::Status),
    ("members by joining", Sort::Joined),
];

/// The first and the next page in each order, forward and backward.
pub async fn measure(organization: &Organization, observer: &mut dyn Observer) -> Vec<Cost> {
    let mut costs = Vec::new();
    for (request, sort) in SORTS {
        for descending in [false, true] {
            let mut after = None;
            for _ in 0..2 {
                let wanted = Wanted { sort, descending, after: after.take(), limit: 3, ..Wanted::default() };
                observer.take();
                let administration = organization.house.assembly.administration.clone();
                let read = move |connection: &mut _| page(connection, &administration, &By::OPERATOR, "acme", wanted);
                let found = organization.house.assembly.store.read(read).await.unwrap();
                assert_eq!(found.items.len(), 3, "{request}");
                after = found.next;
                costs.push(Cost { request, most: 3, statements: observer.take() });
            }
        }
    }
    costs
}
