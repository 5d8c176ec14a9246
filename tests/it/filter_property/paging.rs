//! Walks in every order: each resource once, and the order of the list is the order of the pages.

use std::cmp::Ordering;

use headcount::clock::Timestamp;
use headcount::scim::registry::{Kind, Named, Registry};
use headcount::scim::schema::AttributeType;
use headcount::text::{number_key, scim_key};
use serde_json::Value;

use super::{World, generate, ids};

pub async fn walks(mut world: World) {
    for kind in Kind::ALL {
        let shown = world.shown(kind).await;
        let filters = generate::filter(kind, &shown);
        for round in 0..25 {
            let filter = (round % 3 > 0).then(|| world.draw(&filters));
            let sort_by = world.draw(&generate::sort_by(kind));
            let descending = world.draw(&proptest::bool::ANY);
            let count = world.draw(&(1..20_usize));
            let mut query = Vec::new();
            if let Some(filter) = &filter {
                query.push(("filter", filter.clone()));
            }
            if let Some(sort_by) = sort_by {
                query.push(("sortBy", sort_by.to_owned()));
                query.push(("sortOrder", if descending { "descending" } else { "ascending" }.to_owned()));
            }
            let matching: Vec<&Value> = match &filter {
                Some(text) => {
                    let filter = world.parse(text, kind);
                    shown.iter().filter(|resource| filter.matches(resource)).collect()
                }
                None => shown.iter().collect(),
            };
            let by_index = by_index(&world, kind, &query, count).await;
            let by_cursor = by_cursor(&world, kind, &query, count).await;
            assert_eq!(ids(&by_index), ids(&by_cursor), "{kind:?} {query:?} by {count}");
            let mut sorted = ids(&by_index);
            sorted.sort();
            // Ids are in the order of creation, and so is what is shown.
            assert_eq!(sorted, ids(matching), "{kind:?} {query:?} by {count}");
            match sort_by {
                None => assert_eq!(ids(&by_index), sorted, "{kind:?} {query:?} by {count}"),
                Some(path) => assert_order(&world.registry, kind, path, descending, &by_index),
            }
        }
    }
}

async fn by_index(world: &World, kind: Kind, query: &[(&str, String)], count: usize) -> Vec<Value> {
    let mut all = Vec::new();
    loop {
        let mut query = query.to_vec();
        query.push(("startIndex", (all.len() + 1).to_string()));
        query.push(("count", count.to_string()));
        let page = world.page(kind, &query).await;
        let resources = page["Resources"].as_array().unwrap();
        assert_eq!(page["itemsPerPage"], resources.len(), "{query:?}");
        if resources.is_empty() {
            assert_eq!(page["totalResults"], all.len(), "{query:?}");
            return all;
        }
        all.extend(resources.iter().cloned());
    }
}

async fn by_cursor(world: &World, kind: Kind, query: &[(&str, String)], count: usize) -> Vec<Value> {
    let (mut all, mut cursor) = (Vec::new(), String::new());
    loop {
        let mut query = query.to_vec();
        query.push(("cursor", cursor.clone()));
        query.push(("count", count.to_string()));
        let page = world.page(kind, &query).await;
        all.extend(page["Resources"].as_array().unwrap().iter().cloned());
        match page["nextCursor"].as_str() {
            Some(next) => next.clone_into(&mut cursor),
            None => return all,
        }
    }
}

/// Ascending puts what has no value last, descending first (RFC 7644 §3.4.2.3).
fn assert_order(registry: &Registry, kind: Kind, path: &str, descending: bool, resources: &[Value]) {
    let keys: Vec<Option<String>> = resources.iter().map(|resource| key(registry, kind, path, resource)).collect();
    let ordered = keys.windows(2).all(|pair| {
        let order = match (&pair[0], &pair[1]) {
            (Some(a), Some(b)) => a.cmp(b),
            (a, b) => a.is_none().cmp(&b.is_none()),
        };
        order != if descending { Ordering::Less } else { Ordering::Greater }
    });
    assert!(ordered, "{kind:?} by {path}, descending {descending}: {keys:?}");
}

/// The primary value of a multi-valued attribute, else its first, as the schema compares it.
fn key(registry: &Registry, kind: Kind, path: &str, resource: &Value) -> Option<String> {
    let Some(Named::Attribute(target)) = registry.resource_type(kind).resolve(path) else { panic!("{path}") };
    let holder = target.extension.map_or(Some(resource), |schema| resource.get(&schema.id))?;
    let mut value = holder.get(&target.attribute.name)?;
    if let Some(values) = value.as_array() {
        value = values.iter().find(|value| value["primary"] == true).or_else(|| values.first())?;
    }
    let (leaf, value) = match target.sub_attribute {
        Some(sub) => (sub, value.get(&sub.name)?),
        None if value.is_object() => (target.attribute.sub_attribute("value")?, value.get("value")?),
        None => (target.attribute, value),
    };
    match (leaf.kind, value) {
        (AttributeType::DateTime, Value::String(text)) => Timestamp::parse(text).map(|at| format!("{:020}", at.0)),
        (_, Value::String(text)) if text.is_empty() => None,
        (_, Value::String(text)) if leaf.compares_exactly() => Some(text.clone()),
        (_, Value::String(text)) => Some(scim_key(text)),
        (_, Value::Number(number)) => number.as_f64().map(number_key),
        (_, value) => Some(value.to_string()),
    }
}
