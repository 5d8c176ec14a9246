//! Reads: GET of a resource, queries by GET and by POST `.search` (RFC 7644 §3.4).

use actix_web::{HttpResponse, web};
use serde_json::Value;

use super::log::Noted;
use super::request::Request;
use super::respond;
use crate::error::{Code, Error, Result};
use crate::http::State;
use crate::id::ResourceId;
use crate::provisioning::answer::Relations;
use crate::provisioning::authenticate::authenticate;
use crate::provisioning::list::{self, Query};
use crate::provisioning::list_all::list_all;
use crate::provisioning::{Call, Caller, groups, presumption, users};
use crate::scim::lenient;
use crate::scim::message::SEARCH_REQUEST;
use crate::scim::project::Projection;
use crate::scim::registry::Kind;

/// The parameters of a query, before they are resolved against a resource type.
#[derive(Clone, Debug, Default)]
pub(super) struct Parameters {
    query: Query,
    attributes: Vec<String>,
    excluded: Vec<String>,
    /// Parameters that mean nothing here; for the log.
    pub(super) ignored: Vec<String>,
    dry_run: bool,
}

impl Parameters {
    /// Reads a query string.
    pub(super) fn from_query(text: &str) -> Result<Self> {
        let pairs = web::Query::<Vec<(String, String)>>::from_query(text)
            .map_err(|_| Error::new(Code::BadRequest, "The query string cannot be read."))?;
        let mut parameters = Self::default();
        parameters.query.start_index = 1;
        let mut count = None;
        for (name, value) in pairs.into_inner() {
            let list = || {
                value.split(',').map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect::<Vec<_>>()
            };
            match name.as_str() {
                "filter" if !value.trim().is_empty() => parameters.query.filter = Some(value),
                "sortBy" if !value.trim().is_empty() => parameters.query.sort_by = Some(value),
                "sortOrder" => parameters.query.descending = value.eq_ignore_ascii_case("descending"),
                "startIndex" => parameters.query.start_index = number("startIndex", &value)?,
                "count" => count = Some(value),
                "cursor" => parameters.query.cursor = Some(value),
                "attributes" => parameters.attributes.extend(list()),
                "excludedAttributes" => parameters.excluded.extend(list()),
                "filter" | "sortBy" => {}
                "dryRun" => parameters.dry_run = !value.eq_ignore_ascii_case("false"),
                other => lenient::unknown_parameter(other, &mut parameters.ignored),
            }
        }
        parameters.count(count.as_deref())?;
        parameters.refuse_contradiction()?;
        Ok(parameters)
    }

    /// `attributes` and `excludedAttributes` exclude each other (RFC 7644 §3.9); told before anything is done.
    fn refuse_contradiction(&self) -> Result<()> {
        if self.attributes.is_empty() || self.excluded.is_empty() {
            return Ok(());
        }
        Err(Error::new(Code::InvalidValue, "attributes and excludedAttributes exclude each other: send one of them."))
    }

    /// Reads a `SearchRequest` (RFC 7644 §3.4.3).
    fn from_body(body: &Value) -> Result<Self> {
        let Value::Object(body) = body else {
            return Err(Error::new(Code::InvalidSyntax, "The body must be a JSON object."));
        };
        lenient::names_message(body, SEARCH_REQUEST)?;
        let text = |name: &str| match lenient::any_case(body, name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(Value::Number(number)) => Ok(Some(number.to_string())),
            Some(_) => Err(Error::new(Code::InvalidValue, format!("{name} has the wrong type."))),
        };
        let names = |name: &str| -> Vec<String> {
            let given: Vec<&str> = match lenient::any_case(body, name) {
                Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
                Some(Value::String(names)) => names.split(',').collect(),
                _ => Vec::new(),
            };
            given.into_iter().map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect()
        };
        let filter = text("filter")?.filter(|text| !text.trim().is_empty());
        let start_index = text("startIndex")?.map_or(Ok(1), |value| number("startIndex", &value))?;
        let descending = text("sortOrder")?.is_some_and(|order| order.eq_ignore_ascii_case("descending"));
        let query = Query {
            filter,
            sort_by: text("sortBy")?,
            descending,
            start_index,
            count: None,
            cursor: text("cursor")?,
            relations: Relations::None,
            over_all_types: false,
        };
        let mut parameters =
            Self { query, attributes: names("attributes"), excluded: names("excludedAttributes"), ..Self::default() };
        parameters.count(text("count")?.as_deref())?;
        parameters.refuse_contradiction()?;
        Ok(parameters)
    }

    /// A negative count means 0, with a cursor too (RFC 7644 §3.4.2.4, RFC 9865 §2), and a startIndex below
    /// 1 means 1; what is no number has an error of its own with a cursor (RFC 9865 §2.1).
    fn count(&mut self, value: Option<&str>) -> Result<()> {
        self.query.start_index = self.query.start_index.max(1);
        let Some(value) = value.filter(|value| !value.is_empty()) else { return Ok(()) };
        self.query.count = match (value.parse::<i64>(), self.query.cursor.is_some()) {
            (Ok(count), _) => Some(count.max(0)),
            (Err(_), true) => return Err(Error::new(Code::InvalidCount, "count must be an integer.")),
            (Err(_), false) => return Err(Error::new(Code::InvalidValue, "count must be an integer.")),
        };
        Ok(())
    }

    /// Reads the query string of a write. One that must change nothing is not offered yet, and doing it for
    /// real would be the worst answer.
    ///
    /// # Errors
    /// `not_implemented` with `dryRun`, and those of [`Self::from_query`].
    pub(super) fn of_write(text: &str) -> Result<Self> {
        let parameters = Self::from_query(text)?;
        if parameters.dry_run {
            return Err(Error::new(Code::NotImplemented, "dryRun is not offered yet. Nothing was changed."));
        }
        Ok(parameters)
    }

    /// Resolves `attributes` and `excludedAttributes`.
    pub(super) fn projection(&self, caller: &Caller, kind: Kind) -> Projection {
        Projection::parse(&self.attributes, &self.excluded, caller.registry.resource_type(kind))
    }

    /// Whether the client says what it wants to see.
    pub(super) fn asks_for_attributes(&self) -> bool {
        !self.attributes.is_empty() || !self.excluded.is_empty()
    }
}

fn number(name: &str, value: &str) -> Result<i64> {
    value.trim().parse().map_err(|_| Error::new(Code::InvalidValue, format!("{name} must be an integer.")))
}

/// What the answer needs of groups or members; `meta` carries the version that depends on groups.
pub(super) fn wanted_relations(projection: &Projection, caller: &Caller, kind: Kind) -> Relations {
    let resource_type = caller.registry.resource_type(kind);
    match kind {
        Kind::User if projection.wants("groups") || projection.wants("meta") => Relations::Shown,
        Kind::User => Relations::None,
        Kind::Group if !projection.wants("members") => Relations::None,
        Kind::Group if respond::member_fields(projection, resource_type).display => Relations::Named,
        Kind::Group => Relations::Shown,
    }
}

pub(super) async fn get(
    request: &Request<'_>,
    state: &web::Data<State>,
    call: Call,
    kind: Kind,
    id: &str,
) -> Result<HttpResponse> {
    // An id that is no UUID is an id nothing has; a client without credentials is not told.
    let Ok(id) = id.parse::<ResourceId>() else {
        request.authenticate(state, &call).await?;
        return Err(users::not_found(id));
    };
    let parameters = Parameters::from_query(request.query())?;
    let shared = state.clone();
    let (caller, shown, projection) = state
        .store
        .read(move |connection| {
            let service = &shared.provisioning;
            let with_groups = |caller: &Caller| {
                wanted_relations(&parameters.projection(caller, kind), caller, kind) != Relations::None
            };
            if kind == Kind::User
                && let Some((caller, shown)) = presumption::get(connection, service, &call, id, with_groups)
            {
                let projection = parameters.projection(&caller, kind);
                return Ok((caller, shown, projection));
            }
            let caller = authenticate(connection, service, &call)?;
            let projection = parameters.projection(&caller, kind);
            let relations = wanted_relations(&projection, &caller, kind);
            let shown = match kind {
                Kind::User => users::get(connection, &caller, id, relations != Relations::None)?,
                Kind::Group => groups::get(connection, &caller, id, relations)?,
            };
            Ok((caller, shown, projection))
        })
        .await?;
    request.note(Noted::Read(kind, shown.resource.id));
    if request.if_none_match().is_some_and(|condition| shown.is_named_by(&condition)) {
        return Ok(HttpResponse::NotModified().insert_header(("ETag", shown.etag())).finish());
    }
    respond::resource(200, state, caller.organization, &caller.registry, &shown, &projection)
}

pub(super) async fn list(
    request: &Request<'_>,
    state: &web::Data<State>,
    call: Call,
    kind: Option<Kind>,
) -> Result<HttpResponse> {
    answer(request, state, call, kind, Parameters::from_query(request.query())?).await
}

pub(super) async fn search(
    request: &mut Request<'_>,
    state: &web::Data<State>,
    call: Call,
    kind: Option<Kind>,
) -> Result<HttpResponse> {
    request.authenticate(state, &call).await?;
    let body = request.json(state).await?;
    answer(request, state, call, kind, Parameters::from_body(&body)?).await
}

async fn answer(
    request: &Request<'_>,
    state: &web::Data<State>,
    call: Call,
    kind: Option<Kind>,
    parameters: Parameters,
) -> Result<HttpResponse> {
    let shared = state.clone();
    let filter = parameters.query.filter.clone();
    let work = move |connection: &mut crate::store::connection::Connection| {
        let caller = authenticate(connection, &shared.provisioning, &call)?;
        let kinds: Vec<Kind> = kind.map_or_else(|| Kind::ALL.to_vec(), |kind| vec![kind]);
        let mut projections = Vec::new();
        for kind in &kinds {
            projections.push((*kind, parameters.projection(&caller, *kind)));
        }
        let relations = |kind: Kind| {
            let projection = projections.iter().find(|(other, _)| *other == kind);
            projection.map_or(Relations::None, |(_, projection)| wanted_relations(projection, &caller, kind))
        };
        let page = if let Some(kind) = kind {
            let query = Query { relations: relations(kind), ..parameters.query };
            list::list(connection, &shared.provisioning, &caller, kind, &query)?
        } else {
            list_all(connection, &shared.provisioning, &caller, &parameters.query, relations)?
        };
        Ok((caller, page, projections))
    };
    let (caller, page, projections) = state.store.read(work).await?;
    request.note(Noted::found(&page, filter));
    respond::page(state, caller.organization, &caller.registry, &page, &projections)
}
