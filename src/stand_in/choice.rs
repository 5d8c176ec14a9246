//! The page on which a person says who they are: one click each.

use std::collections::BTreeMap;

use actix_web::HttpResponse;
use askama::Template;
use openidconnect::url::form_urlencoded::Serializer;

use super::shared::Shared;

#[derive(Template)]
#[template(
    ext = "html",
    source = r#"<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>DEMO · Who are you?</title>
<style>body { font: 1.1rem/1.6 system-ui, sans-serif; max-width: 30rem; margin: 3rem auto; padding: 0 1rem; color-scheme: light dark }
mark { padding: 0 .4em }</style></head>
<body><h1><mark>DEMO</mark> Who are you?</h1>
<p>This page stands in for your company's identity provider. One click signs you in.</p>
<ul>{% for (name, address, link) in people %}<li><a href="{{ link }}">{{ name }}</a> {{ address }}</li>
{% endfor %}</ul></body></html>
"#
)]
struct Choice {
    people: Vec<(String, String, String)>,
}

/// Everybody there is, each with the way that this request goes for them.
pub(super) fn page(state: &Shared, query: &BTreeMap<String, String>) -> HttpResponse {
    let people = state.lock().people.clone();
    let choice = |name: String, address: String| {
        let others = query.iter().filter(|(name, _)| *name != "loginHint");
        let parameters =
            Serializer::new(String::new()).extend_pairs(others).append_pair("loginHint", &address).finish();
        (name, address, format!("authorize?{parameters}"))
    };
    let people = people.into_iter().filter_map(|person| Some(choice(person.name, person.email?))).collect();
    match (Choice { people }).render() {
        Ok(html) => HttpResponse::Ok().content_type("text/html; charset=utf-8").body(html),
        Err(error) => HttpResponse::InternalServerError().body(error.to_string()),
    }
}
