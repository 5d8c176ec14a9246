//! A SCIM request read: credential, request id, client address, body.

use std::cell::Cell;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use actix_web::http::Method;
use actix_web::http::header::{
    AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, IF_MATCH, IF_NONE_MATCH, TRANSFER_ENCODING,
};
use actix_web::{HttpRequest, web};
use bytes::Bytes;
use futures_util::StreamExt as _;
use serde_json::Value;

use super::log::Noted;
use crate::clock::Timestamp;
use crate::error::{Code, Error, Result};
use crate::http::State;
use crate::http::limits::client_address;
use crate::http::operations::Operation;
use crate::provisioning::authenticate::authenticate;
use crate::provisioning::signature::Signed;
use crate::provisioning::{Call, Caller};
use crate::scim::{json, lenient};
use crate::secret::SecretHash;

/// Of Descope's outbound connector.
const SIGNATURE: HeaderName = HeaderName::from_static("x-descope-webhook-s256");

pub(super) struct Request<'r> {
    pub(super) id: String,
    pub(super) method: Method,
    http: &'r HttpRequest,
    payload: web::Payload,
    read_to_the_end: bool,
    /// The body, where it was read before it was wanted.
    body: Option<Result<Bytes>>,
    pub(super) started: Timestamp,
    /// What a bearer presented.
    pub(super) credential: Cell<Option<SecretHash>>,
    /// Whether the provisioning log has the request.
    pub(super) logged: Arc<AtomicBool>,
    /// What the log is to say of a read.
    noted: Cell<Option<Noted>>,
}

impl<'r> Request<'r> {
    pub(super) fn new(http: &'r HttpRequest, payload: web::Payload, state: &State) -> Self {
        let id = crate::http::request_id(http.headers(), &state.ids);
        Self {
            id,
            method: http.method().clone(),
            http,
            payload,
            read_to_the_end: false,
            body: None,
            started: state.clock.now(),
            credential: Cell::default(),
            logged: Arc::default(),
            noted: Cell::default(),
        }
    }

    /// What is left of a body without a length that was not read to its end.
    pub(super) fn unread(self) -> Option<web::Payload> {
        let without_length = self.http.headers().contains_key(TRANSFER_ENCODING);
        (without_length && !self.read_to_the_end).then_some(self.payload)
    }

    pub(super) fn has_credential(&self) -> bool {
        self.http.headers().contains_key(AUTHORIZATION)
    }

    /// Everything a use case wants to know of the request.
    pub(super) fn call(&self, state: &State) -> Result<Call> {
        let presented = header(self.http.headers(), &AUTHORIZATION)
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, token)| token.trim())
            .ok_or_else(|| Error::new(Code::Unauthorized, NO_CREDENTIAL))?;
        let credential = SecretHash::of(presented.as_bytes());
        self.credential.set(Some(credential));
        Ok(Call {
            credential,
            request_id: self.id.clone(),
            client_address: self.client_address(state),
            method: method_name(&self.method),
            path: self.path(),
            query: self.query().to_owned(),
            body: None,
            logged: Arc::clone(&self.logged),
            started: self.started,
            base: Arc::clone(&state.scim_base),
            signed: None,
            ignored_parameters: Vec::new(),
        })
    }

    pub(super) fn client_address(&self, state: &State) -> Option<IpAddr> {
        client_address(self.http, state)
    }

    /// The path below the base, for the log.
    pub(super) fn path(&self) -> String {
        self.http.path().trim_start_matches("/scim").trim_start_matches("/v2").to_owned()
    }

    pub(super) fn method_name(&self) -> &'static str {
        method_name(&self.method)
    }

    /// Notes what the log is to say of a read.
    pub(super) fn note(&self, noted: Noted) {
        self.noted.set(Some(noted));
    }

    pub(super) fn take_note(&self) -> Option<Noted> {
        self.noted.take()
    }

    /// Finds the caller of a request that needs nothing else of the database.
    pub(super) async fn authenticate(&self, state: &web::Data<State>, call: &Call) -> Result<Caller> {
        let (shared, call) = (state.clone(), call.clone());
        state.store.read(move |connection| authenticate(connection, &shared.provisioning, &call)).await
    }

    pub(super) fn query(&self) -> &str {
        self.http.query_string()
    }

    pub(super) fn if_match(&self) -> Option<String> {
        header(self.http.headers(), &IF_MATCH).map(str::to_owned)
    }

    pub(super) fn if_none_match(&self) -> Option<String> {
        header(self.http.headers(), &IF_NONE_MATCH).map(str::to_owned)
    }

    /// Puts the signature that came with the request, and the body it is of, into the call. Who is
    /// asking can then be told without regard to whether the body is wanted.
    pub(super) async fn sign(&mut self, state: &State, call: &mut Call) {
        let Some(signature) = header(self.http.headers(), &SIGNATURE).map(str::to_owned) else { return };
        let body = self.read(state).await;
        let bytes = body.as_ref().map(Bytes::clone).unwrap_or_default();
        call.signed = Some(Signed { signature, body: bytes });
        self.body = Some(body);
    }

    /// Reads the body as JSON.
    pub(super) async fn json(&mut self, state: &State) -> Result<Value> {
        self.check_media_type()?;
        let bytes = match self.body.take() {
            Some(body) => body?,
            None => self.read(state).await?,
        };
        let text =
            std::str::from_utf8(&bytes).map_err(|_| Error::new(Code::InvalidSyntax, "The body is not UTF-8."))?;
        // A byte order mark may be ignored (RFC 8259 §8.1).
        json::read(text.trim_start_matches('\u{feff}'))
    }

    /// Reads the body, within the limits of size and time.
    async fn read(&mut self, state: &State) -> Result<Bytes> {
        let limit = state.provisioning.options.max_body_bytes;
        let too_large =
            || Error::new(Code::PayloadTooLarge, format!("The body is larger than {limit} bytes. Split the request."));
        if header(self.http.headers(), &CONTENT_LENGTH)
            .and_then(|length| length.parse::<usize>().ok())
            .is_some_and(|length| length > limit)
        {
            return Err(too_large());
        }
        let all = async {
            let mut bytes = Vec::new();
            while let Some(chunk) = self.payload.next().await {
                let chunk =
                    chunk.map_err(|_| Error::new(Code::InvalidSyntax, "The body could not be read to its end."))?;
                if bytes.len() + chunk.len() > limit {
                    return Err(too_large());
                }
                bytes.extend_from_slice(&chunk);
            }
            Ok(bytes)
        };
        let bytes = tokio::time::timeout(state.body_timeout, all).await.map_err(|_| {
            Error::new(
                Code::RequestTimeout,
                format!("The body did not arrive within {} s.", state.body_timeout.as_secs()),
            )
        })??;
        self.read_to_the_end = true;
        Ok(bytes.into())
    }

    /// JSON, or nothing at all said about it.
    fn check_media_type(&self) -> Result<()> {
        let Some(media_type) = header(self.http.headers(), &CONTENT_TYPE) else { return Ok(()) };
        let essence = media_type.split(';').next().unwrap_or_default().trim();
        if lenient::is_json(essence) {
            return Ok(());
        }
        Err(Error::new(
            Code::UnsupportedMediaType,
            format!("\"{essence}\" is not understood. Send application/scim+json."),
        ))
    }

    pub(super) fn measure(&self, state: &State, status: u16) {
        let elapsed = Duration::from_micros(u64::try_from(state.clock.now().0 - self.started.0).unwrap_or(0));
        state.metrics.scim_seconds.observe(elapsed.as_secs_f64());
        state.metrics.scim_requests.get_or_create(&Operation { method: method_name(&self.method), status }).inc();
        tracing::debug!(request_id = %self.id, method = %self.method, status, ?elapsed, "scim");
    }
}

fn header<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

/// What a request without a bearer token is told.
pub(super) const NO_CREDENTIAL: &str = "A provisioning token is needed: send Authorization: Bearer hcp_…";

/// Methods as labels: a request cannot make up new ones.
fn method_name(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        _ => "other",
    }
}
