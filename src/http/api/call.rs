//! One request to the JSON API: who calls, and the answer as it leaves.
//!
//! A browser is known by its session cookie. What changes something needs the header `X-CSRF-Token` as
//! well: the token of the forms, which every answer to a session has in its header of that name. Another
//! site can make a browser send its cookies, and neither read that header nor set one. A program is known by
//! its API key, which no browser sends by itself.

use std::cell::Cell;
use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE, HeaderName, HeaderValue, LOCATION, RETRY_AFTER, WWW_AUTHENTICATE,
};
use actix_web::{HttpRequest, HttpResponse, web};

use serde_json::Value;

use super::super::browser::Browser;
use super::super::{REQUEST_ID, State, limits, sign_in};
use super::caller::{Caller, Presented, bearer, presented, takes_a_session};
use super::refusals::Problem;
use crate::administration::idempotency::{self, Answer, Key};
use crate::administration::{Administration, By};
use crate::error::{Code, Error, Result};
use crate::organization::permission::Action;
use crate::secret::SecretHash;
use crate::store::batch::Batch;
use crate::store::connection::Connection;
use crate::store::{self, Planned};

/// The token by which a request is known to be made by a page of ours.
const CSRF_TOKEN: HeaderName = HeaderName::from_static("x-csrf-token");

/// What makes sending a request again safe.
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Answers a request to the API with what the work comes to, be it an answer or an error: what every handler
/// begins and ends with.
pub(super) async fn answer(
    http: &HttpRequest,
    state: &web::Data<State>,
    work: impl AsyncFnOnce(&Call<'_>) -> Result<HttpResponse>,
) -> HttpResponse {
    let call = Call::new(http, state);
    let outcome = work(&call).await;
    call.finish(outcome)
}

/// A request to the API.
pub(super) struct Call<'r> {
    pub(super) http: &'r HttpRequest,
    pub(super) state: &'r web::Data<State>,
    browser: Browser,
    pub(super) request_id: String,
    /// Of the body, once it is read: a key is good for one request.
    pub(super) body: Cell<SecretHash>,
}

impl<'r> Call<'r> {
    fn new(http: &'r HttpRequest, state: &'r web::Data<State>) -> Self {
        let browser = state.door.cookies.browser(http, state.random.as_ref());
        let request_id = super::super::request_id(http.headers(), &state.ids);
        Self { http, state, browser, request_id, body: Cell::new(SecretHash::of(b"")) }
    }

    /// The session that is presented, for what is somebody's own. An API key is nobody.
    pub(super) fn session(&self) -> Result<SecretHash> {
        match presented(self.http, self.state)? {
            Presented::Session(secret) => Ok(secret),
            Presented::Key(_) => Err(takes_a_session()),
        }
    }

    /// Refuses what another site may have made the browser send; an API key it cannot.
    pub(super) fn check_token(&self) -> Result<()> {
        if bearer(self.http).is_some() {
            return Ok(());
        }
        let presented = self.http.headers().get(CSRF_TOKEN).and_then(|value| value.to_str().ok());
        if presented.is_some_and(|token| self.state.door.cookies.is_form_token(&self.browser, token)) {
            return Ok(());
        }
        Err(Error::new(
            Code::Forbidden,
            "The header X-CSRF-Token is missing or not this browser's. Send the one that GET /api/v1/me answers.",
        ))
    }

    /// Refuses, before a body is read, who presents nothing or was made to send it by another site.
    pub(super) fn known(&self) -> Result<()> {
        presented(self.http, self.state)?;
        self.check_token()
    }

    fn caller(&self) -> Result<Caller> {
        Ok(Caller {
            presented: presented(self.http, self.state)?,
            service: Arc::clone(&self.state.door.service),
            circumstances: sign_in::circumstances(self.http, self.state, &self.request_id),
        })
    }

    /// Who calls, in the organization that the path names by its id or slug; for a use case that is run in
    /// several steps. What changes something checks the token first: [`Call::check_token`].
    pub(super) async fn by(&self, organization: &str) -> Result<By> {
        let (caller, organization) = (self.caller()?, organization.to_owned());
        let known = self.state.store.read(move |connection| caller.member(connection, &organization)).await?;
        Ok(known.noted(self.state))
    }

    /// Runs a use case that only looks, as the caller in the organization of the path, whose role is read
    /// for this request.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        organization: &str,
        use_case: impl FnOnce(&mut Connection, &Administration, &By) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (caller, organization) = (self.caller()?, organization.to_owned());
        let administration = self.state.administration.clone();
        let work = move |connection: &mut Connection| {
            let known = caller.member(connection, &organization)?;
            Ok((use_case(connection, &administration, &known.by)?, known))
        };
        let (answer, known) = self.state.store.read(work).await?;
        known.noted(self.state);
        Ok(answer)
    }

    /// [`Call::read`] of what may look at many rows: away from the threads that answer requests.
    pub(super) async fn scan<T: Send + 'static>(
        &self,
        organization: &str,
        use_case: impl FnOnce(&mut Connection, &Administration, &By) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let known = self.by(organization).await?;
        let administration = self.state.administration.clone();
        self.state.store.scan(move |connection| use_case(connection, &administration, &known)).await
    }

    /// What reads as [`Call::read`] does, more than once and after the answer has begun.
    pub(super) fn reader(&self, organization: &str) -> Result<Reader> {
        Ok(Reader { caller: self.caller()?, organization: organization.to_owned(), state: self.state.clone() })
    }

    /// Runs a use case that changes something, as the caller in the organization of the path. Who loses the
    /// role before it is written changes nothing.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        organization: &str,
        use_case: impl Fn(&mut Connection, &Administration, &By) -> Result<Planned<T>> + Send + Sync + 'static,
    ) -> Result<T> {
        let (caller, organization) = (self.caller()?, organization.to_owned());
        self.check_token()?;
        let administration = self.state.administration.clone();
        let plan = move |connection: &mut Connection| {
            let known = caller.member(connection, &organization)?;
            let Planned { mut batch, answer } = use_case(connection, &administration, &known.by)?;
            known.expect(&mut batch);
            Ok(Planned { batch, answer: (answer, known) })
        };
        let (answer, known) = self.state.store.write(plan).await?;
        known.noted(self.state);
        Ok(answer)
    }

    /// [`Call::write`] for a POST: asked again with the same `Idempotency-Key`, it is answered again and done
    /// once. The body is read before. The action is what it takes to be answered again; the use case checks for
    /// itself what it takes to do it.
    pub(super) async fn make(
        &self,
        (organization, action): (&str, Action),
        use_case: impl Fn(&mut Connection, &Administration, &By) -> Result<Planned<Answer>> + Send + Sync + 'static,
    ) -> Result<HttpResponse> {
        let key = self.key()?;
        let once = move |connection: &mut Connection, administration: &Administration, by: &By| {
            let again = key.as_ref().map(|key| (key, Some(action)));
            idempotency::once(connection, administration, by, again, |connection| {
                use_case(connection, administration, by)
            })
        };
        self.write(organization, once).await.map(answered)
    }

    /// [`Call::make`] as whoever is signed in, in no organization.
    pub(super) async fn make_as_person(
        &self,
        use_case: impl Fn(&mut Connection, &Administration, &By) -> Result<Planned<Answer>> + Send + Sync + 'static,
    ) -> Result<HttpResponse> {
        let key = self.key()?;
        let once = move |connection: &mut Connection, administration: &Administration, by: &By| {
            let again = key.as_ref().map(|key| (key, None));
            idempotency::once(connection, administration, by, again, |connection| {
                use_case(connection, administration, by)
            })
        };
        self.write_as_person(once).await.map(answered)
    }

    /// The key of a request that makes something.
    fn key(&self) -> Result<Option<Key>> {
        let Some(header) = self.http.headers().get(IDEMPOTENCY_KEY) else { return Ok(None) };
        let text = header.as_bytes();
        if !(1..=255).contains(&text.len()) || !text.iter().all(u8::is_ascii_graphic) {
            return Err(Error::new(Code::InvalidValue, "An Idempotency-Key has 1 to 255 visible ASCII characters."));
        }
        let mut request = format!("{} {}\n", self.http.method(), self.http.uri()).into_bytes();
        request.extend(self.body.get().0);
        Ok(Some(Key::new(text, SecretHash::of(&request))))
    }

    /// [`Call::write`] for a use case of several steps, which is run in one transaction.
    pub(super) async fn transact<T: Send + 'static>(
        &self,
        organization: &str,
        use_case: impl Fn(&mut Connection, &Administration, &By) -> Result<T> + Send + Sync + 'static,
    ) -> Result<T> {
        let (caller, organization) = (self.caller()?, organization.to_owned());
        self.check_token()?;
        let administration = self.state.administration.clone();
        let work = move |connection: &mut Connection| {
            let known = caller.member(connection, &organization)?;
            // First of all: their role is locked until the last step is committed.
            store::run(connection, |_| {
                let mut batch = Batch::default();
                known.expect_always(&mut batch);
                Ok(Planned { batch, answer: () })
            })?;
            Ok((use_case(connection, &administration, &known.by)?, known))
        };
        let (answer, known) = self.state.store.transaction(work).await?;
        known.noted(self.state);
        Ok(answer)
    }

    /// Runs a use case that changes something as whoever is signed in, in no organization.
    pub(super) async fn write_as_person<T: Send + 'static>(
        &self,
        use_case: impl Fn(&mut Connection, &Administration, &By) -> Result<Planned<T>> + Send + Sync + 'static,
    ) -> Result<T> {
        let caller = self.caller()?;
        self.check_token()?;
        let administration = self.state.administration.clone();
        let plan = move |connection: &mut Connection| {
            let known = caller.person(connection)?;
            let Planned { batch, answer } = use_case(connection, &administration, &known.by)?;
            Ok(Planned { batch, answer: (answer, known) })
        };
        let (answer, known) = self.state.store.write(plan).await?;
        known.noted(self.state);
        Ok(answer)
    }

    /// The answer as it leaves, whether it is one or an error.
    fn finish(&self, outcome: Result<HttpResponse>) -> HttpResponse {
        let outcome = outcome.map_err(|error| self.counted(error));
        let mut response = outcome.unwrap_or_else(|error| self.problem(&error));
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Ok(id) = self.request_id.parse() {
            headers.insert(REQUEST_ID, id);
        }
        if self.session().is_ok() {
            if let Ok(token) = self.state.door.cookies.form_token(&self.browser).parse() {
                headers.insert(CSRF_TOKEN, token);
            }
            if self.browser.is_new {
                sign_in::set_cookie(&mut response, &self.state.door.cookies.of_browser(&self.browser));
            }
        }
        response
    }

    /// Counts a key that is none, for the network it comes from.
    fn counted(&self, error: Error) -> Error {
        if error.code != Code::Unauthorized || bearer(self.http).is_none() {
            return error;
        }
        limits::failed_key(self.http, self.state).err().unwrap_or(error)
    }

    /// The problem+json face of an error.
    fn problem(&self, error: &Error) -> HttpResponse {
        let (row, status) = (error.code.row(), error.code.status_for_people());
        if status >= 500 {
            tracing::error!(code = row.code, error = ?error, request_id = self.request_id, "a request failed");
        }
        let mut response =
            HttpResponse::build(StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR));
        response.insert_header((CONTENT_TYPE, "application/problem+json"));
        if error.code == Code::Unauthorized {
            // A key that was sent and is not good is told apart from none (RFC 6750 §3).
            let invalid = if bearer(self.http).is_some() { ", error=\"invalid_token\"" } else { "" };
            response.insert_header((WWW_AUTHENTICATE, format!("Bearer realm=\"api\"{invalid}")));
        }
        if let Some(seconds) = error.retry_after {
            response.insert_header((RETRY_AFTER, seconds));
        }
        response.json(Problem {
            title: row.title,
            status,
            detail: &error.detail,
            code: row.code,
            request_id: &self.request_id,
        })
    }
}

/// An answer of [`Call::make`].
pub(super) fn answered(answer: Answer) -> HttpResponse {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
    let mut response = HttpResponse::build(status);
    if let Some(location) = answer.location {
        response.insert_header((LOCATION, location));
    }
    match (answer.file, answer.body) {
        (Some(name), Value::String(text)) => {
            let disposition = format!("attachment; filename=\"{name}\"");
            response.content_type("text/csv; charset=utf-8").insert_header((CONTENT_DISPOSITION, disposition));
            response.body(text)
        }
        (_, Value::Null) => response.finish(),
        (_, body) => response.json(body),
    }
}

/// A caller who reads a list page by page: each time as the member they are then.
#[derive(Clone)]
pub(super) struct Reader {
    caller: Caller,
    organization: String,
    state: web::Data<State>,
}

impl Reader {
    /// Runs a use case that only looks.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        use_case: impl FnOnce(&mut Connection, &Administration, &By) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let Self { caller, organization, state } = self.clone();
        let administration = state.administration.clone();
        let work = move |connection: &mut Connection| {
            let known = caller.member(connection, &organization)?;
            use_case(connection, &administration, &known.by)
        };
        state.store.scan(work).await
    }
}
