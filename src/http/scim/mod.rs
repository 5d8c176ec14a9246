//! SCIM over HTTP (RFC 7644 §3): one entry that knows every endpoint, so that a wrong path, a
//! wrong method and a wrong media type are answered as SCIM Errors like everything else.

mod bulk;
mod discovery;
mod lanes;
mod log;
mod query;
mod request;
mod respond;
mod turns;
mod write;

use std::panic::AssertUnwindSafe;

use actix_web::body::BoxBody;
use actix_web::http::header::{ALLOW, HeaderValue};
use actix_web::http::{ConnectionType, Method};
use actix_web::{HttpRequest, HttpResponse, web};
use futures_util::FutureExt as _;

pub use self::lanes::Lanes;

use self::lanes::Lane;
use self::request::Request;
use super::State;
use crate::error::{Code, Error, Result};
use crate::provisioning::bearers;
use crate::scim::lenient;
use crate::scim::registry::Kind;

/// Longer addresses are refused; the longest filter fits in with every byte percent-encoded.
const MAX_URI_BYTES: usize = 32 * 1_024;

/// Handles everything under `/scim/v2`.
pub async fn handle(http: HttpRequest, payload: web::Payload, state: web::Data<State>) -> HttpResponse {
    let _running = state.life.run();
    let mut request = Request::new(&http, payload, &state);
    // A bug in one request is that request's failure, not its connection's.
    let answered = AssertUnwindSafe(route(&http, &mut request, &state)).catch_unwind().await;
    let answered = answered.unwrap_or_else(|_| Err(Error::internal("a handler panicked")));
    log::write(&request, &state, &answered);
    let mut response = match answered {
        Ok(response) => response,
        Err(error) => respond::error(&error),
    };
    if state.life.is_draining() {
        // The client's next request goes to a process that stays.
        response.head_mut().set_connection_type(ConnectionType::Close);
    }
    if let Ok(id) = HeaderValue::from_str(&request.id) {
        response.headers_mut().insert(super::REQUEST_ID, id);
    }
    request.measure(&state, response.status().as_u16());
    write_uses(&state);
    match request.unread() {
        Some(payload) => response.map_body(|_, body| BoxBody::new(respond::Holding { body, payload })),
        None => response,
    }
}

/// Writes down which tokens were used, behind the answer and a minute apart for each.
fn write_uses(state: &web::Data<State>) {
    let uses = state.provisioning.bearers.take_uses();
    if uses.is_empty() {
        return;
    }
    let state = state.clone();
    actix_web::rt::spawn(async move {
        if let Err(error) = state.store.write(move |_| Ok(bearers::write(&uses))).await {
            tracing::warn!(error = ?error, "the use of a token was not written");
        }
    });
}

/// What a path means.
#[derive(Clone, Copy, Debug)]
enum Endpoint<'p> {
    Root,
    Search(Option<Kind>),
    Resources(Kind),
    Resource(Kind, &'p str),
    Bulk,
    Me,
    ServiceProviderConfig,
    ResourceTypes(Option<&'p str>),
    Schemas(Option<&'p str>),
    OtherVersion(&'p str),
}

impl<'p> Endpoint<'p> {
    fn of(path: &'p str) -> Option<Self> {
        let segments = lenient::path_segments(path);
        let kind = |name: &str| Kind::ALL.into_iter().find(|kind| kind.endpoint().trim_start_matches('/') == name);
        Some(match segments.as_slice() {
            [] => Self::Root,
            [".search"] => Self::Search(None),
            ["Bulk"] => Self::Bulk,
            ["Me"] => Self::Me,
            ["ServiceProviderConfig"] => Self::ServiceProviderConfig,
            ["ResourceTypes"] => Self::ResourceTypes(None),
            ["ResourceTypes", name] => Self::ResourceTypes(Some(name)),
            ["Schemas"] => Self::Schemas(None),
            ["Schemas", urn] => Self::Schemas(Some(urn)),
            [version, ..] if is_version(version) => Self::OtherVersion(version),
            [name] => Self::Resources(kind(name)?),
            [name, ".search"] => Self::Search(Some(kind(name)?)),
            // The suffix names the format, of which there is one (RFC 7644 §3.8).
            [name, id] => Self::Resource(kind(name)?, id.strip_suffix(".scim").unwrap_or(id)),
            _ => return None,
        })
    }

    /// The methods it takes, for `Allow`.
    const fn allow(self) -> &'static str {
        match self {
            Self::Resources(_) => "GET, HEAD, POST",
            Self::Resource(..) => "GET, HEAD, PUT, PATCH, DELETE",
            Self::Search(_) | Self::Bulk => "POST",
            _ => "GET, HEAD",
        }
    }
}

/// `v1`, `v3`: a version of the protocol in the path (RFC 7644 §3.13).
fn is_version(segment: &str) -> bool {
    segment
        .strip_prefix('v')
        .is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

async fn route(http: &HttpRequest, request: &mut Request<'_>, state: &web::Data<State>) -> Result<HttpResponse> {
    if !state.life.is_serving() {
        return Err(Error::unavailable(
            "The service is starting: it waits for its database. Send the request again.",
            None,
        ));
    }
    if http.uri().path_and_query().is_some_and(|address| address.as_str().len() > MAX_URI_BYTES) {
        return Err(Error::new(
            Code::UriTooLong,
            format!("The address is longer than {MAX_URI_BYTES} bytes. Query with POST /.search instead."),
        ));
    }
    let path = http.match_info().get("path").unwrap_or_default().to_owned();
    // ServiceProviderConfig is public so that clients learn how to authenticate (RFC 7643 §5).
    let endpoint = Endpoint::of(&path);
    if matches!(endpoint, Some(Endpoint::ServiceProviderConfig))
        && matches!(request.method, Method::GET | Method::HEAD)
        && !request.has_credential()
    {
        discovery::refuse_filter(request)?;
        return Ok(discovery::service_provider_config(state));
    }
    let mut call = request.call(state)?;
    let lane = state.provisioning.bearers.organization(call.credential);
    let lane = lane.map_or(Lane::Bearer(call.credential), Lane::Organization);
    let _running = state.lanes.enter(lane)?;
    turns::take(lane).await;
    request.sign(state, &mut call).await;
    let Some(endpoint) = endpoint else {
        request.authenticate(state, &call).await?;
        return Err(Error::new(
            Code::NotFound,
            format!("There is no endpoint /{path}. Resources are at /Users and /Groups."),
        ));
    };
    // HEAD is GET whose body the server leaves out (RFC 9110 §9.3.2).
    let method = if request.method == Method::HEAD { Method::GET } else { request.method.clone() };
    match (endpoint, method.as_str()) {
        (Endpoint::Resources(kind), "GET") => query::list(request, state, call, Some(kind)).await,
        (Endpoint::Root, "GET") => query::list(request, state, call, None).await,
        (Endpoint::Search(kind), "POST") => query::search(request, state, call, kind).await,
        (Endpoint::Resource(kind, id), "GET") => query::get(request, state, call, kind, id).await,
        (Endpoint::Resources(kind), "POST") => write::create(request, state, call, kind).await,
        (Endpoint::Resource(kind, id), "PUT" | "PATCH" | "DELETE") => {
            write::change(request, state, call, kind, id).await
        }
        (Endpoint::Bulk, "POST") => bulk::handle(request, state, call).await,
        (Endpoint::OtherVersion(version), _) => {
            request.authenticate(state, &call).await?;
            Err(Error::new(Code::InvalidVersion, format!("SCIM {version} is not spoken here; v2 is, at /scim/v2.")))
        }
        (Endpoint::Me, _) => {
            request.authenticate(state, &call).await?;
            Err(Error::new(
                Code::NotImplemented,
                "A provisioning token is no person: /Me is not offered (RFC 7644 §3.11).",
            ))
        }
        (Endpoint::ServiceProviderConfig, "GET") => {
            request.authenticate(state, &call).await?;
            discovery::refuse_filter(request)?;
            Ok(discovery::service_provider_config(state))
        }
        (Endpoint::ResourceTypes(name), "GET") => {
            let caller = request.authenticate(state, &call).await?;
            discovery::refuse_filter(request)?;
            discovery::resource_types(state, &caller, name)
        }
        (Endpoint::Schemas(urn), "GET") => {
            let caller = request.authenticate(state, &call).await?;
            discovery::refuse_filter(request)?;
            discovery::schemas(state, &caller, urn)
        }
        _ => {
            request.authenticate(state, &call).await?;
            let error = Error::new(
                Code::MethodNotAllowed,
                format!("{method} is not allowed on /{path}. Allowed: {}.", endpoint.allow()),
            );
            let mut response = respond::error(&error);
            response.headers_mut().insert(ALLOW, HeaderValue::from_static(endpoint.allow()));
            Ok(response)
        }
    }
}
