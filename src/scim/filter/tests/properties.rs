//! Property tests of filters (floor 1; RFC 7644 §3.4.2.2): printing, and agreement with the crate `scim_v2`.

use proptest::prelude::*;
use proptest::sample::select;
use serde_json::json;

use super::{ENTERPRISE_USER, Filter, parse};

/// Attributes by what they can be compared with, in canonical spelling.
const TEXTS: [&str; 6] =
    ["userName", "id", "name.familyName", "emails.value", "schemas", "urn:example:2.0:Device:tags"];
const DATES: [&str; 2] = ["meta.lastModified", "urn:example:2.0:Device:bought"];
const NUMBERS: [&str; 2] = ["urn:example:2.0:Device:count", "urn:example:2.0:Device:weight"];
const BOOLEANS: [&str; 3] = ["active", "emails.primary", "urn:example:2.0:Device:owned"];
const COMPARE: [&str; 6] = ["eq", "ne", "gt", "ge", "lt", "le"];

fn attribute(names: &'static [&'static str]) -> impl Strategy<Value = String> {
    select(names).prop_map(str::to_owned)
}

fn json_text() -> impl Strategy<Value = String> {
    let plain = "[^\\x00]{0,8}".prop_map(|text| json!(text).to_string());
    let escaped = "[a-z]{0,2}".prop_map(|text| format!("\"{text}\\u00e9\\uD83D\\uDE00\\/\\n\""));
    prop_oneof![4 => plain, 1 => escaped]
}

fn date() -> impl Strategy<Value = String> {
    (1900..2100, 1..=12, 1..=28, 0..24, 0..1_000_000)
        .prop_map(|(y, mo, d, h, us)| format!("\"{y:04}-{mo:02}-{d:02}T{h:02}:30:05.{us:06}Z\""))
}

fn number() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<i64>().prop_map(|number| number.to_string()),
        proptest::num::f64::NORMAL.prop_map(|number| format!("{number:?}")),
        Just("-0".to_owned()),
    ]
}

/// A test of an attribute; `texts` and `booleans` are the names that can stand there.
fn expression(
    texts: &'static [&'static str],
    booleans: &'static [&'static str],
    whole: bool,
) -> impl Strategy<Value = String> {
    let compare = |names, operators: &'static [&'static str], value: BoxedStrategy<String>| {
        (attribute(names), select(operators), value)
            .prop_map(|(name, operator, value)| format!("{name} {operator} {value}"))
    };
    let substring = compare(texts, &["co", "sw", "ew", "Sw", "CO"], json_text().boxed());
    let text = compare(texts, &COMPARE, json_text().boxed());
    let boolean = compare(booleans, &["eq", "ne"], select(vec!["true".to_owned(), "false".to_owned()]).boxed());
    let null = compare(texts, &["eq", "ne"], Just("null".to_owned()).boxed());
    let present = attribute(texts).prop_map(|name| format!("{name} pr"));
    let simple = prop_oneof![text, substring, boolean, null, present].boxed();
    if !whole {
        return simple;
    }
    let date = compare(&DATES, &COMPARE, date().boxed());
    let number = compare(&NUMBERS, &COMPARE, number().boxed());
    let inside = tree(expression(&["type", "value", "display"], &["primary"], false).boxed(), 2);
    let path = (select(&["emails", "phoneNumbers"][..]), inside).prop_map(|(name, inside)| format!("{name}[{inside}]"));
    prop_oneof![4 => simple, 1 => date, 1 => number, 2 => path].boxed()
}

/// `and`, `or`, `not` and parentheses around expressions.
fn tree(leaf: BoxedStrategy<String>, depth: u32) -> BoxedStrategy<String> {
    leaf.prop_recursive(depth, 24, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 2..4).prop_map(|items| items.join(" and ")),
            prop::collection::vec(inner.clone(), 2..4).prop_map(|items| items.join(" OR ")),
            inner.clone().prop_map(|inner| format!("not ({inner})")),
            inner.prop_map(|inner| format!("({inner})")),
        ]
    })
    .boxed()
}

fn filter() -> impl Strategy<Value = String> {
    tree(expression(&TEXTS, &BOOLEANS, true).boxed(), 4)
}

/// The shape of a filter: operators, names and grouping without the values.
fn shape(filter: &Filter) -> String {
    let all = |items: &[Filter]| items.iter().map(shape).collect::<Vec<_>>().join(" ");
    match filter {
        Filter::And(items) => format!("(and {})", all(items)),
        Filter::Or(items) => format!("(or {})", all(items)),
        Filter::Not(inner) => format!("(not {})", shape(inner)),
        Filter::Compare { attribute, operator, .. } => format!("{attribute} {}", operator.name()),
        Filter::Present(attribute) => format!("{attribute} pr"),
        Filter::ValuePath { attribute, filter } => {
            // The other parser leaves names within the brackets as they are written.
            format!("{attribute}[{}]", shape(filter).replace(&format!("{attribute}."), ""))
        }
    }
}

fn their_test(test: &scim_v2::filter::AttrExp) -> String {
    match test {
        scim_v2::filter::AttrExp::Present(path) => format!("{path} pr"),
        scim_v2::filter::AttrExp::Comparison(path, operator, _) => format!("{path} {operator}"),
    }
}

fn their_shape(filter: &scim_v2::filter::Filter) -> String {
    use scim_v2::filter::Filter as Theirs;
    let all = |items: &[Theirs]| items.iter().map(their_shape).collect::<Vec<_>>().join(" ");
    match filter {
        Theirs::And(items) => format!("(and {})", all(items)),
        Theirs::Or(items) => format!("(or {})", all(items)),
        Theirs::Not(inner) => format!("(not {})", their_shape(inner)),
        Theirs::Attr(test) => their_test(test),
        Theirs::ValuePath(path) => format!("{}[{}]", path.attr, their_inner_shape(&path.filter)),
    }
}

fn their_inner_shape(filter: &scim_v2::filter::ValFilter) -> String {
    use scim_v2::filter::ValFilter as Theirs;
    let all = |items: &[Theirs]| items.iter().map(their_inner_shape).collect::<Vec<_>>().join(" ");
    match filter {
        Theirs::And(items) => format!("(and {})", all(items)),
        Theirs::Or(items) => format!("(or {})", all(items)),
        Theirs::Not(inner) => format!("(not {})", their_inner_shape(inner)),
        Theirs::Attr(test) => their_test(test),
    }
}

proptest! {
    #[test]
    fn printing_and_parsing_are_inverse(text in filter()) {
        let filter = parse(&text).unwrap();
        let printed = filter.to_string();
        prop_assert_eq!(&parse(&printed).unwrap(), &filter, "{}", printed);
    }

    #[test]
    fn another_parser_reads_the_same(text in filter()) {
        let ours = parse(&text).unwrap();
        let theirs: scim_v2::filter::Filter = text.parse().unwrap();
        prop_assert_eq!(shape(&ours), their_shape(&theirs), "{}", text);
    }

    /// Breaking a filter breaks it for both. Words that we take as texts are left out: the last
    /// value may lose its quotes without harm here.
    #[test]
    fn another_parser_refuses_the_same(text in filter(), at in any::<prop::sample::Index>(), byte in select(b"()[]\"".to_vec())) {
        let mut broken = text.into_bytes();
        broken.insert(at.index(broken.len() + 1), byte);
        if let Ok(broken) = String::from_utf8(broken) {
            let theirs = broken.parse::<scim_v2::filter::Filter>();
            if theirs.is_ok() {
                // Types are ours alone: a bracket in a date is a bad date.
                let refused = parse(&broken).err().filter(|error| !error.detail.contains("is compared with"));
                prop_assert!(refused.is_none(), "{broken}: {refused:?}");
            } else if parse(&broken).is_ok() {
                // Space around brackets is free here.
                let spaced = broken.replace(['(', ')'], " ");
                prop_assert!(spaced != broken, "{broken}");
            }
        }
    }

    #[test]
    fn no_text_makes_it_fail_otherwise(text in "[ -~é]{0,60}") {
        if let Ok(filter) = parse(&text) {
            prop_assert_eq!(parse(&filter.to_string()).unwrap(), filter);
        }
    }

    #[test]
    fn ne_and_not_are_complements(text in filter(), value in json_text(), present in any::<bool>()) {
        let value: serde_json::Value = serde_json::from_str(&value).unwrap();
        let resource = if present {
            json!({"userName": value, "emails": [{"value": value}], ENTERPRISE_USER: {"department": value}})
        } else {
            json!({})
        };
        let filter = parse(&text).unwrap();
        let matched = filter.matches(&resource);
        prop_assert_eq!(parse(&format!("not ({text})")).unwrap().matches(&resource), !matched);
        if let Filter::Compare { attribute, operator: super::Operator::Eq, literal } = filter {
            let ne = Filter::Compare { attribute, operator: super::Operator::Ne, literal };
            prop_assert_eq!(ne.matches(&resource), !matched);
        }
    }
}
