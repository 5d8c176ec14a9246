//! Signing in over HTTP (product.md §6): pages and redirects around the use cases of `sign_in`.

mod callback;
mod invitation;
mod leave;
mod link;
mod recovery;
mod setup;
mod start;

use std::sync::Arc;

use actix_web::cookie::Cookie;
use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, CACHE_CONTROL, LOCATION, REFERRER_POLICY};
use actix_web::{HttpRequest, HttpResponse, web};

pub use self::callback::callback;
pub use self::invitation::{accept as accept_invitation, open as open_invitation};
pub use self::leave::{backchannel_logout, end_others, end_session, sign_out};
pub use self::link::{follow as follow_link, open as open_link};
pub use self::recovery::{decide as recovery_decide, form as recovery_form, submit as recovery_submit};
pub use self::setup::{open as open_setup, submit as submit_setup};
pub use self::start::{at_organization, form, initiate_by_form, initiate_by_link, submit};

use super::browser::{Browser, Cookies};
use super::limits::client_address;
use super::pages::{self, Home, Place};
use super::{REQUEST_ID, State};
use crate::clock::Timestamp;
use crate::error::{Code, Error, Result};
use crate::id::OrganizationId;
use crate::oidc::Provider;
use crate::secret::SecretHash;
use crate::sign_in::refusals::{self, Reason, Refused};
use crate::sign_in::session::{self, Visitor};
use crate::sign_in::{self, Circumstances};
use crate::store::memberships::Membership;
use crate::store::sessions::Session;

/// What signing in needs beside [`State`].
#[derive(Debug)]
pub struct Door {
    pub service: Arc<sign_in::Service>,
    /// The one issuer, if one is configured.
    pub provider: Option<Arc<Provider>>,
    pub cookies: Cookies,
}

/// What a request carries, or that it cannot be read.
type Sent<T> = std::result::Result<T, actix_web::Error>;

/// Why somebody gets no further: what they read, and what the audit trail is told.
struct Failed {
    error: Error,
    /// With the organization the sign-in led to.
    reason: Option<(Reason, Option<OrganizationId>)>,
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self { error, reason: None }
    }
}

impl Failed {
    fn because(reason: Reason, error: Error) -> Self {
        Self { error, reason: Some((reason, None)) }
    }
}

/// What a request carries.
fn read<T>(sent: Sent<T>) -> Result<T, Failed> {
    sent.map_err(|error| {
        let error = Error {
            source: Some(error.to_string().into()),
            ..Error::new(Code::BadRequest, "This request cannot be read. Open the page again and repeat what you did.")
        };
        Failed::because(Reason::RequestUnreadable, error)
    })
}

/// A request of somebody at a page.
struct Visit<'r> {
    http: &'r HttpRequest,
    state: &'r web::Data<State>,
    browser: Browser,
    request_id: String,
}

impl<'r> Visit<'r> {
    fn new(http: &'r HttpRequest, state: &'r web::Data<State>) -> Self {
        let browser = state.door.cookies.browser(http, state.random.as_ref());
        Self { http, state, browser, request_id: super::request_id(http.headers(), &state.ids) }
    }

    fn circumstances(&self) -> Circumstances {
        circumstances(self.http, self.state, &self.request_id)
    }

    fn form_token(&self) -> String {
        self.state.door.cookies.form_token(&self.browser)
    }

    /// Refuses a form that was not written for this browser.
    fn check_form(&self, presented: Option<&str>) -> Result<(), Failed> {
        if presented.is_some_and(|token| self.state.door.cookies.is_form_token(&self.browser, token)) {
            return Ok(());
        }
        let error = Error::new(
            Code::Forbidden,
            "This form is too old or was not written for this browser. Open the page again.",
        );
        Err(Failed::because(Reason::FormToken, error))
    }

    /// Tells the audit trail that a sign-in came to nothing; the person's answer does not depend on it.
    async fn note(&self, refused: &Refused) {
        note(self.state, &self.circumstances(), refused).await;
    }

    /// The answer as it leaves, whether it is one or not.
    async fn finish(&self, outcome: Result<HttpResponse, Failed>) -> HttpResponse {
        match outcome {
            Ok(response) => self.leave(response),
            Err(Failed { error, reason }) => {
                if let Some((reason, organization)) = reason {
                    self.note(&Refused { organization, ..reason.into() }).await;
                }
                self.leave(pages::problem(&error, &self.request_id))
            }
        }
    }

    fn leave(&self, mut response: HttpResponse) -> HttpResponse {
        if self.browser.is_new {
            set_cookie(&mut response, &self.state.door.cookies.of_browser(&self.browser));
        }
        if let Ok(id) = self.request_id.parse() {
            response.headers_mut().insert(REQUEST_ID, id);
        }
        response
    }

    fn provider(&self) -> Result<&Provider> {
        self.state.door.provider.as_deref().ok_or_else(|| {
            Error::new(
                Code::NotFound,
                "This service has no identity provider configured. The operator sets HEADCOUNT_OIDC_ISSUER.",
            )
        })
    }
}

/// The browser a request comes from.
pub(super) fn circumstances(http: &HttpRequest, state: &State, request_id: &str) -> Circumstances {
    let agent = http.headers().get("user-agent").and_then(|value| value.to_str().ok());
    Circumstances {
        request_id: request_id.to_owned(),
        client_address: client_address(http, state).map(|address| address.to_string()),
        user_agent: agent.map(|agent| agent.chars().take(300).collect()),
    }
}

async fn note(state: &State, circumstances: &Circumstances, refused: &Refused) {
    if let Err(error) = refusals::note(&state.store, &state.door.service, circumstances, refused).await {
        tracing::warn!(error = ?error, "a refused sign-in was not written down");
    }
}

pub(super) fn set_cookie(response: &mut HttpResponse, cookie: &Cookie<'_>) {
    if let Err(error) = response.add_cookie(cookie) {
        tracing::error!(error = %error, "a cookie cannot be set");
    }
}

/// Where the provider sends browsers back to; from configuration, never from the request.
fn redirect_uri(state: &State) -> String {
    format!("{}/sign-in/callback", state.public_url)
}

/// A redirect that is followed by GET and kept by nobody.
fn see_other(location: &str) -> HttpResponse {
    HttpResponse::build(StatusCode::SEE_OTHER)
        .insert_header((LOCATION, location))
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((REFERRER_POLICY, "no-referrer"))
        .finish()
}

/// A page that is asked for by another method than it has.
pub(super) fn wrong_method(http: &HttpRequest, state: &web::Data<State>, allowed: &'static str) -> HttpResponse {
    let visit = Visit::new(http, state);
    let error = Error::new(Code::MethodNotAllowed, "This address does nothing of that kind. Open the page again.");
    let mut response = visit.leave(pages::problem(&error, &visit.request_id));
    response.headers_mut().insert(ALLOW, super::allow(allowed));
    response
}

/// `GET /`: who is signed in, and where; the form for everybody else.
pub async fn home(http: HttpRequest, state: web::Data<State>) -> HttpResponse {
    let visit = Visit::new(&http, &state);
    let outcome = match overview(&http, &state).await {
        Ok((visitor, ..)) if visitor.recovers().is_some() => recovery::settings(&visit, &visitor).await,
        Ok((visitor, memberships, sessions)) => Ok(home_page(&visit, &visitor, &memberships, &sessions)),
        Err(error) if error.code == Code::Unauthorized => Ok(see_other("/sign-in")),
        Err(error) => Err(error.into()),
    };
    visit.finish(outcome).await
}

fn home_page<'m>(
    visit: &Visit<'_>,
    visitor: &Visitor,
    memberships: &'m [Membership],
    sessions: &'m [Session],
) -> HttpResponse {
    let place = |membership: &'m Membership| {
        let Membership { name, role, status, suspended, .. } = membership;
        Place { name, role, status: if *suspended { "suspended" } else { status } }
    };
    let signed_in = |session: &'m Session| pages::SignedIn {
        id: session.id.to_string(),
        user_agent: session.user_agent.as_deref().unwrap_or("An unknown browser"),
        address: session.client_address.as_deref(),
        started: Timestamp(session.created_at).to_string(),
        used: Timestamp(session.seen_at).to_string(),
        current: session.id == visitor.session.id,
    };
    let home = Home {
        name: visitor.identity.name.as_deref(),
        address: visitor.identity.address.as_deref(),
        proof: visitor.proven_address().is_none().then(|| pages::Proof {
            by_link: visit.state.door.provider.is_none(),
            in_outbox: visit.state.shows_outbox(visit.http),
        }),
        places: memberships.iter().map(place).collect(),
        sessions: sessions.iter().map(signed_in).collect(),
        csrf: &visit.form_token(),
    };
    pages::page(StatusCode::OK, &home)
}

/// Who is signed in and where that leads, with the other sessions.
async fn overview(http: &HttpRequest, state: &web::Data<State>) -> Result<(Visitor, Vec<Membership>, Vec<Session>)> {
    let secret = state.door.cookies.session(http).ok_or_else(session::not_signed_in)?;
    let service = Arc::clone(&state.door.service);
    let known = state.store.read(move |connection| session::overview(connection, &service, secret)).await?;
    note_if_due(state, &known.0, secret);
    Ok(known)
}

/// Who is signed in, and where that leads. Each use of the session is noted, a minute apart.
///
/// # Errors
/// `unauthorized`.
pub(super) async fn who(http: &HttpRequest, state: &web::Data<State>) -> Result<(Visitor, Vec<Membership>)> {
    let secret = state.door.cookies.session(http).ok_or_else(session::not_signed_in)?;
    let service = Arc::clone(&state.door.service);
    let (visitor, memberships) = state.store.read(move |connection| session::me(connection, &service, secret)).await?;
    note_if_due(state, &visitor, secret);
    Ok((visitor, memberships))
}

/// Behind the answer: nobody waits for it.
pub(super) fn note_if_due(state: &web::Data<State>, visitor: &Visitor, secret: SecretHash) {
    if !visitor.is_worth_noting(&state.door.service.options, state.clock.now()) {
        return;
    }
    let state = state.clone();
    actix_web::rt::spawn(async move {
        let service = Arc::clone(&state.door.service);
        if let Err(error) = state.store.write(move |_| Ok(session::note_use(&service, secret))).await {
            tracing::warn!(error = ?error, "the use of a session was not written");
        }
    });
}
