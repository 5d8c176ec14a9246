//! Where requests come from, and how many from one place are taken (design.md §5).

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::HeaderName;
use actix_web::middleware::Next;
use actix_web::{Error, HttpRequest, web};

use super::{REQUEST_ID, State, pages};
use crate::error;
use crate::rate::{Limiter, network};
use crate::secret::SecretHash;

/// Each proxy adds whom it got the request from at the end.
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// What is limited by the address it comes from.
#[derive(Debug)]
pub struct Limits {
    sign_in: Limiter<IpAddr>,
    callback: Limiter<IpAddr>,
    links: Limiter<IpAddr>,
    api_keys: Limiter<IpAddr>,
    /// By what is typed as the address.
    pub(super) recovery: Limiter<SecretHash>,
}

impl Limits {
    /// So many sign-ins a minute from one address, and as many answers to them, and so many wrong recovery codes
    /// an hour for one account, so many mailed links an hour to one network, and so many API keys a minute from it
    /// that are none; 0 for any number.
    #[must_use]
    pub fn new(sign_ins: u32, recovery_codes: u32, links: u32, api_keys: u32) -> Self {
        let a_minute = || Limiter::new(sign_ins, Duration::from_mins(1));
        Self {
            sign_in: a_minute(),
            callback: a_minute(),
            links: Limiter::new(links, Duration::from_hours(1)),
            api_keys: Limiter::new(api_keys, Duration::from_mins(1)),
            recovery: Limiter::new(recovery_codes, Duration::from_hours(1)),
        }
    }
}

/// The address a request comes from: the peer's or, behind a declared proxy, the one the proxy saw.
/// What stands before that in the header is the client's own word and worth nothing.
pub(super) fn client_address(http: &HttpRequest, state: &State) -> Option<IpAddr> {
    let peer = http.peer_addr().map(|address| address.ip());
    let by_proxy = || {
        let last = http.headers().get_all(FORWARDED_FOR).next_back()?.to_str().ok()?;
        address_in(last.rsplit(',').next()?.trim())
    };
    if state.behind_proxy { by_proxy().or(peer) } else { peer }
}

/// An address as proxies write it: alone, in brackets, with a port.
fn address_in(text: &str) -> Option<IpAddr> {
    let in_brackets = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok().map(IpAddr::V6);
    let with_port = || text.parse().ok().map(|address: SocketAddr| address.ip());
    text.parse().ok().or_else(with_port).or_else(in_brackets)
}

fn network_of(http: &HttpRequest, state: &State) -> IpAddr {
    network(client_address(http, state).unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)))
}

/// Counts a link that is asked for: anybody may ask for one to any address, also to many that nobody has.
pub(super) fn link(http: &HttpRequest, state: &State) -> error::Result<()> {
    state.limits.links.take(network_of(http, state), state.clock.now(), "links asked for from your network")
}

/// Counts an API key that is none; a right one always works.
pub(super) fn failed_key(http: &HttpRequest, state: &State) -> error::Result<()> {
    let what = "API keys from your network that are none of this service";
    state.limits.api_keys.take(network_of(http, state), state.clock.now(), what)
}

/// Counts a sign-in, before anything of it is read.
pub(super) async fn sign_in<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, Error> {
    limited(request, next, |limits| &limits.sign_in).await
}

/// Counts an answer to a sign-in.
pub(super) async fn callback<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, Error> {
    limited(request, next, |limits| &limits.callback).await
}

async fn limited<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
    limiter: impl Fn(&Limits) -> &Limiter<IpAddr>,
) -> Result<ServiceResponse<EitherBody<B>>, Error> {
    match take(&request, limiter) {
        Ok(()) => Ok(next.call(request).await?.map_into_left_body()),
        Err((error, request_id)) => {
            let mut response = pages::problem(&error, &request_id);
            if let Ok(id) = request_id.parse() {
                response.headers_mut().insert(REQUEST_ID, id);
            }
            Ok(request.into_response(response).map_into_right_body())
        }
    }
}

fn take(request: &ServiceRequest, limiter: impl Fn(&Limits) -> &Limiter<IpAddr>) -> Result<(), (error::Error, String)> {
    let Some(state) = request.app_data::<web::Data<State>>() else { return Ok(()) };
    limiter(&state.limits)
        .take(network_of(request.request(), state), state.clock.now(), "sign-ins from your network")
        .map_err(|error| (error, super::request_id(request.headers(), &state.ids)))
}
