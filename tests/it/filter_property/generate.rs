//! What is generated: users, groups, filters over the whole grammar, PATCH operations.

use headcount::scim::registry::{ENTERPRISE_USER, Kind};
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

/// The extension that the organization adds for itself: one attribute of each type.
pub const EXTENSION: &str = "urn:example:headcount:test:1.0:User";

pub fn extension() -> Value {
    let attribute = |name: &str, kind: &str| json!({"name": name, "type": kind});
    let mut tags = attribute("tags", "string");
    tags["multiValued"] = true.into();
    let mut code = attribute("code", "string");
    code["caseExact"] = true.into();
    let badges = json!({"name": "badges", "type": "complex", "multiValued": true, "subAttributes": [
        attribute("value", "string"), attribute("type", "string"), attribute("number", "integer")
    ]});
    json!({"id": EXTENSION, "name": "Test", "attributes": [
        attribute("level", "integer"), attribute("score", "decimal"), attribute("hired", "dateTime"),
        attribute("remote", "boolean"), code, tags, badges
    ]})
}

/// Texts that differ by case, by Unicode form, by length, at the ends of the order, and like
/// wildcards; few, so that filters find something.
const TEXTS: &[&str] = &[
    "ann",
    "Ann",
    "ANNA",
    "bo",
    "Straße",
    "STRASSE",
    "\u{212a}elvin",
    "kelvin",
    "\u{c5}",
    "A\u{30a}",
    "\u{fb01}le",
    "日本",
    "\u{1d518}x",
    "a b",
    "%",
    "_",
    "a%",
    "\\",
    "a\"q",
    "'",
    "é",
    "z",
    "\u{10ffff}",
    "\u{d7ff}",
    "10",
    "9",
    "-1",
    "?",
];
const TYPES: &[&str] = &["work", "WORK", "home", "other"];

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => select(TEXTS).prop_map(str::to_owned),
        1 => (select(TEXTS), select(TEXTS)).prop_map(|(a, b)| format!("{a}{b}")),
        1 => Just(String::new()),
    ]
}

/// Values with type, display and at most one primary.
fn elements() -> impl Strategy<Value = Value> {
    let element = (text(), of(select(TYPES)), of(text()));
    (vec(element, 0..4), 0..5_usize).prop_map(|(elements, primary)| {
        let mut values = Vec::new();
        for (position, (value, kind, display)) in elements.into_iter().enumerate() {
            let mut element = json!({"value": value});
            if let Some(kind) = kind {
                element["type"] = kind.into();
            }
            if let Some(display) = display {
                element["display"] = display.into();
            }
            if position == primary {
                element["primary"] = true.into();
            } else if position + 1 == primary {
                element["primary"] = false.into();
            }
            values.push(element);
        }
        Value::Array(values)
    })
}

fn date() -> impl Strategy<Value = String> {
    select(
        &["2020-01-31T08:00:00Z", "2020-01-31T09:00:00+01:00", "2021-06-01T00:00:00.250Z", "1969-12-31T23:59:59Z"][..],
    )
    .prop_map(str::to_owned)
}

fn insert(object: &mut Value, name: &str, value: Option<impl Into<Value>>) {
    if let Some(value) = value {
        object[name] = value.into();
    }
}

fn extensions() -> impl Strategy<Value = Value> {
    let enterprise = (of(text()), of(text()), of(text()));
    let own = (
        of(-3_i64..3),
        of(select(&[-1.5, 0.0, 0.5, 1e3][..])),
        of(date()),
        of(any::<bool>()),
        of(text()),
        vec(text(), 0..3),
        vec((text(), select(TYPES), 0_i64..3), 0..3),
    );
    (enterprise, own).prop_map(|((number, department, manager), (level, score, hired, remote, code, tags, badges))| {
        let mut body = json!({ENTERPRISE_USER: {}, EXTENSION: {"tags": tags}});
        let enterprise = &mut body[ENTERPRISE_USER];
        insert(enterprise, "employeeNumber", number);
        insert(enterprise, "department", department);
        insert(enterprise, "manager", manager.map(|id| json!({"value": id})));
        let own = &mut body[EXTENSION];
        insert(own, "level", level);
        insert(own, "score", score);
        insert(own, "hired", hired);
        insert(own, "remote", remote);
        insert(own, "code", code);
        let badge = |(value, kind, number)| json!({"value": value, "type": kind, "number": number});
        own["badges"] = badges.into_iter().map(badge).collect();
        body
    })
}

/// The body of a user; `number` makes its userName unique.
pub fn user(number: usize) -> impl Strategy<Value = Value> {
    let core = (of(text()), of(text()), of(text()), of(text()), of(any::<bool>()));
    let name = (of(text()), of(text()));
    (text(), core, name, elements(), elements(), extensions()).prop_map(
        move |(prefix, (external_id, display, title, nick, active), (family, given), emails, roles, mut body)| {
            body["userName"] = format!("{prefix}{number:02}").into();
            insert(&mut body, "externalId", external_id);
            insert(&mut body, "displayName", display);
            insert(&mut body, "title", title);
            insert(&mut body, "nickName", nick);
            insert(&mut body, "active", active);
            body["name"] = json!({});
            insert(&mut body["name"], "familyName", family);
            insert(&mut body["name"], "givenName", given);
            body["emails"] = emails;
            body["roles"] = roles;
            body
        },
    )
}

/// The body of a group without members.
pub fn group() -> impl Strategy<Value = Value> {
    (text(), of(text())).prop_map(|(name, external_id)| {
        let mut body = json!({"displayName": format!("{name}.")});
        insert(&mut body, "externalId", external_id);
        body
    })
}

/// What comparisons are made with, by type.
#[derive(Clone, Copy, Debug)]
enum Type {
    Text,
    Boolean,
    Number,
    Date,
    Binary,
    /// Compared with what resources show there.
    Shown(&'static str),
}

const COMMON: &[(&str, Type)] = &[
    ("id", Type::Shown("/id")),
    ("externalId", Type::Text),
    ("displayName", Type::Text),
    ("meta.created", Type::Shown("/meta/created")),
    ("meta.lastModified", Type::Shown("/meta/lastModified")),
    ("meta.location", Type::Shown("/meta/location")),
    ("meta.version", Type::Shown("/meta/version")),
    ("meta.resourceType", Type::Shown("/meta/resourceType")),
    ("schemas", Type::Shown("/schemas/0")),
];
const OF_GROUP: &[(&str, Type)] = &[
    ("members", Type::Shown("/members/0/value")),
    ("members.value", Type::Shown("/members/0/value")),
    ("members.type", Type::Shown("/members/0/type")),
    ("members.$ref", Type::Shown("/members/0/$ref")),
    ("members.display", Type::Shown("/members/0/display")),
];
const OF_USER: &[(&str, Type)] = &[
    ("userName", Type::Text),
    ("urn:ietf:params:scim:schemas:core:2.0:User:userName", Type::Shown("/userName")),
    ("title", Type::Text),
    ("nickName", Type::Text),
    ("name.familyName", Type::Text),
    ("name.givenName", Type::Text),
    ("active", Type::Boolean),
    ("emails", Type::Text),
    ("emails.value", Type::Text),
    ("emails.type", Type::Text),
    ("emails.display", Type::Text),
    ("emails.primary", Type::Boolean),
    ("roles.value", Type::Text),
    ("x509Certificates.value", Type::Binary),
    ("groups", Type::Shown("/groups/0/value")),
    ("groups.value", Type::Shown("/groups/0/value")),
    ("groups.display", Type::Shown("/groups/0/display")),
    ("groups.type", Type::Shown("/groups/0/type")),
    ("groups.$ref", Type::Shown("/groups/0/$ref")),
    ("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber", Type::Text),
    ("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department", Type::Text),
    ("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager", Type::Text),
    ("urn:example:headcount:test:1.0:User:level", Type::Number),
    ("urn:example:headcount:test:1.0:User:score", Type::Number),
    ("urn:example:headcount:test:1.0:User:hired", Type::Date),
    ("urn:example:headcount:test:1.0:User:remote", Type::Boolean),
    ("urn:example:headcount:test:1.0:User:code", Type::Text),
    ("urn:example:headcount:test:1.0:User:tags", Type::Text),
    ("urn:example:headcount:test:1.0:User:badges.number", Type::Number),
];
/// Complex attributes and what stands between their brackets.
const PATHS_OF_USER: &[(&str, &[(&str, Type)])] = &[
    ("emails", &[("value", Type::Text), ("type", Type::Text), ("primary", Type::Boolean), ("display", Type::Text)]),
    ("roles", &[("value", Type::Text), ("type", Type::Text), ("primary", Type::Boolean)]),
    ("name", &[("familyName", Type::Text), ("givenName", Type::Text)]),
    ("groups", &[("value", Type::Shown("/groups/0/value")), ("type", Type::Shown("/groups/0/type"))]),
    ("meta", &[("created", Type::Shown("/meta/created")), ("version", Type::Shown("/meta/version"))]),
    (
        "urn:example:headcount:test:1.0:User:badges",
        &[("value", Type::Text), ("type", Type::Text), ("number", Type::Number)],
    ),
];
const PATHS_OF_GROUP: &[(&str, &[(&str, Type)])] =
    &[("members", &[("value", Type::Shown("/members/0/value")), ("type", Type::Shown("/members/0/type"))])];

fn quoted(text: String) -> String {
    Value::from(text).to_string()
}

/// A literal of a type as it is written in a filter.
fn literal(kind: Type, shown: &[Value]) -> BoxedStrategy<String> {
    match kind {
        Type::Text => prop_oneof![9 => text().prop_map(quoted), 1 => (text(), 0..3_usize).prop_map(move |(text, number)| quoted(format!("{text}{number}")))].boxed(),
        Type::Boolean => select(&["true", "false", "\"True\""][..]).prop_map(str::to_owned).boxed(),
        Type::Number => select(&["-1", "0", "1", "0.5", "1e3", "\"2\""][..]).prop_map(str::to_owned).boxed(),
        Type::Date => date().prop_map(quoted).boxed(),
        Type::Binary => Just("\"TUlJ\"".to_owned()).boxed(),
        Type::Shown(pointer) => {
            let mut values: Vec<String> =
                shown.iter().filter_map(|resource| Some(resource.pointer(pointer)?.as_str()?.to_owned())).collect();
            values.sort();
            values.dedup();
            if values.is_empty() {
                values.push("1970-01-01T00:00:00Z".to_owned());
            }
            select(values).prop_map(quoted).boxed()
        }
    }
}

fn operators(name: &str, kind: Type) -> &'static [&'static str] {
    match kind {
        Type::Boolean => &["eq", "ne"],
        Type::Number | Type::Date | Type::Shown("/meta/created" | "/meta/lastModified") => {
            &["eq", "ne", "gt", "ge", "lt", "le"]
        }
        Type::Binary => &["eq", "ne", "co", "sw", "ew"],
        Type::Text | Type::Shown(_) if name == "id" => &["eq", "ne", "sw", "gt", "Eq"],
        Type::Text | Type::Shown(_) => &["eq", "EQ", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"],
    }
}

fn comparison(attributes: &[(&'static str, Type)], shown: &[Value]) -> BoxedStrategy<String> {
    let shown = shown.to_vec();
    select(attributes.to_vec())
        .prop_flat_map(move |(name, kind)| {
            prop_oneof![
                8 => (select(operators(name, kind)), literal(kind, &shown)).prop_map(move |(operator, literal)| format!("{name} {operator} {literal}")),
                1 => Just(format!("{name} pr")),
                1 => select(&["eq", "ne"][..]).prop_map(move |operator| format!("{name} {operator} null")),
            ]
        })
        .boxed()
}

/// Conjunctions, disjunctions and negations of what `leaf` makes.
fn logic(leaf: BoxedStrategy<String>, depth: u32) -> BoxedStrategy<String> {
    leaf.prop_recursive(depth, 8, 3, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("{a} and {b}")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("{a} or {b}")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}) And ({b})")),
            inner.clone().prop_map(|inner| format!("not ({inner})")),
        ]
    })
    .boxed()
}

/// A filter over the resources of a kind, of which some are `shown`.
pub fn filter(kind: Kind, shown: &[Value]) -> BoxedStrategy<String> {
    let (own, paths) = match kind {
        Kind::User => (OF_USER, PATHS_OF_USER),
        Kind::Group => (OF_GROUP, PATHS_OF_GROUP),
    };
    let attributes = [COMMON, own].concat();
    let (simple, in_path) = (comparison(&attributes, shown), shown.to_vec());
    let value_path = select(paths).prop_flat_map(move |(name, subs)| {
        logic(comparison(subs, &in_path), 2).prop_map(move |inner| format!("{name}[{inner}]"))
    });
    let complex = select(paths).prop_map(|(name, _)| format!("{name} pr"));
    logic(prop_oneof![6 => simple, 3 => value_path, 1 => complex].boxed(), 3)
}

/// What lists are sorted by.
pub fn sort_by(kind: Kind) -> BoxedStrategy<Option<&'static str>> {
    let own = match kind {
        Kind::User => OF_USER,
        Kind::Group => OF_GROUP,
    };
    of(select([COMMON, own].concat()).prop_map(|(name, _)| name)).boxed()
}

/// The operations of a PATCH of a user; some are refused.
pub fn user_operations() -> BoxedStrategy<Value> {
    let verb = || select(&["add", "replace", "Replace"][..]);
    let one = prop_oneof![
        (verb(), select(&["displayName", "title", "externalId", "name.givenName", "nickName"][..]), text())
            .prop_map(|(op, path, value)| json!({"op": op, "path": path, "value": value})),
        (verb(), elements()).prop_map(|(op, value)| json!({"op": op, "path": "emails", "value": value})),
        (verb(), select(TYPES), select(&["value", "display", "type"][..]), text())
            .prop_map(|(op, kind, sub, value)| json!({"op": op, "path": format!("emails[type eq \"{kind}\"].{sub}"), "value": value})),
        (verb(), select(TYPES), any::<bool>())
            .prop_map(|(op, kind, value)| json!({"op": op, "path": format!("emails[type eq \"{kind}\"].primary"), "value": value})),
        (verb(), text()).prop_map(|(op, value)| json!({"op": op, "path": "roles.value", "value": value})),
        (select(&["emails", "roles", "name", "title", "externalId", "displayName", "emails.value", "emails.type", "roles[primary eq true]", "emails[type eq \"work\"]", EXTENSION, "userName"][..]))
            .prop_map(|path| json!({"op": "remove", "path": path})),
        (verb(), extensions()).prop_map(|(op, value)| json!({"op": op, "value": value})),
        (verb(), any::<bool>()).prop_map(|(op, value)| json!({"op": op, "value": {"active": value}})),
        (verb(), text(), 0..9_usize).prop_map(|(op, name, number)| json!({"op": op, "path": "userName", "value": format!("{name}-{number}")})),
    ];
    vec(one, 1..5).prop_map(Value::Array).boxed()
}
