//! Pages for people: templates, the one style sheet, and the headers every page has. They work without scripts.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS,
};
use askama::Template;

use crate::error::{Code, Error};
use crate::mail::Letter;
use crate::organization::home::{Downloads, Link};

/// No script, no frame, nothing from elsewhere. Forms go here, and from here to the provider by redirect.
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'";

/// The form that asks for an address.
#[derive(Debug, Template)]
#[template(path = "sign_in.html")]
pub(super) struct SignIn<'a> {
    pub(super) csrf: &'a str,
    pub(super) return_to: &'a str,
    /// The organization whose door this is.
    pub(super) organization: Option<&'a str>,
    /// Whether a link is mailed; otherwise the provider is where this leads.
    pub(super) by_link: bool,
    pub(super) problem: Option<&'a str>,
}

/// A mailed link that was opened.
#[derive(Debug, Template)]
#[template(path = "follow_link.html")]
pub(super) struct FollowLink<'a> {
    pub(super) csrf: &'a str,
    pub(super) secret: &'a str,
    /// Whom it signs in.
    pub(super) address: &'a str,
}

/// An invitation that was opened.
#[derive(Debug, Template)]
#[template(path = "invitation.html")]
pub(super) struct Invitation<'a> {
    pub(super) csrf: &'a str,
    pub(super) secret: &'a str,
    pub(super) organization: &'a str,
    pub(super) inviter: Option<&'a str>,
    pub(super) message: Option<&'a str>,
    pub(super) role: &'a str,
    /// Whose it is.
    pub(super) address: &'a str,
    /// The day when it expires.
    pub(super) until: &'a str,
    /// The organization's slug, where only its own sign-in opens it.
    pub(super) by_tenant: Option<&'a str>,
    /// Why the account that is signed in does not do.
    pub(super) problem: Option<&'a str>,
    pub(super) signed_in: bool,
    pub(super) ready: bool,
}

/// The founder's setup link that was opened.
#[derive(Debug, Template)]
#[template(path = "setup.html")]
pub(super) struct Setup<'a> {
    pub(super) csrf: &'a str,
    pub(super) secret: &'a str,
    pub(super) problem: Option<&'a str>,
}

/// The form that asks for a recovery code.
#[derive(Debug, Template)]
#[template(path = "recovery_form.html")]
pub(super) struct RecoveryForm<'a> {
    pub(super) csrf: &'a str,
    pub(super) problem: Option<&'a str>,
}

/// All that a recovery code opens.
#[derive(Debug, Template)]
#[template(path = "recovery_settings.html")]
pub(super) struct RecoverySettings<'a> {
    pub(super) csrf: &'a str,
    pub(super) organization: &'a str,
    pub(super) sso: &'a str,
    /// The minute when the session ends.
    pub(super) until: &'a str,
}

/// The mails that nothing sends.
#[derive(Debug, Template)]
#[template(path = "outbox.html")]
pub(super) struct Outbox {
    pub(super) mails: Vec<Posted>,
}

/// A mail in the outbox.
#[derive(Debug)]
pub(super) struct Posted {
    pub(super) recipient: String,
    pub(super) written_at: String,
    pub(super) expired: bool,
    pub(super) letter: Letter,
}

/// Something to read and perhaps one thing to do.
#[derive(Debug, Template)]
#[template(path = "notice.html")]
pub(super) struct Notice<'a> {
    pub(super) title: &'a str,
    pub(super) sentence: &'a str,
    /// Where to go and what the link says.
    pub(super) next: Option<(&'a str, &'a str)>,
    pub(super) request_id: &'a str,
}

/// Who is signed in, until the portal is there.
#[derive(Debug, Template)]
#[template(path = "home.html")]
pub(super) struct Home<'a> {
    pub(super) name: Option<&'a str>,
    pub(super) address: Option<&'a str>,
    /// What is left to do before the address counts as theirs.
    pub(super) proof: Option<Proof>,
    pub(super) places: Vec<Place<'a>>,
    pub(super) sessions: Vec<SignedIn<'a>>,
    pub(super) csrf: &'a str,
}

/// How somebody proves an address.
#[derive(Clone, Copy, Debug)]
pub(super) struct Proof {
    /// Whether a link was mailed to it; otherwise the provider proves it.
    pub(super) by_link: bool,
    /// Whether the mail is on a page that this browser sees.
    pub(super) in_outbox: bool,
}

/// A place in an organization.
#[derive(Debug)]
pub(super) struct Place<'a> {
    pub(super) name: &'a str,
    pub(super) role: &'a str,
    pub(super) status: &'a str,
}

/// A browser somebody is signed in with.
#[derive(Debug)]
pub(super) struct SignedIn<'a> {
    pub(super) id: String,
    pub(super) user_agent: &'a str,
    pub(super) address: Option<&'a str>,
    pub(super) started: String,
    pub(super) used: String,
    pub(super) current: bool,
}

/// Where the desktop application is.
#[derive(Debug, Template)]
#[template(path = "downloads.html")]
pub(super) struct DownloadsPage<'a> {
    pub(super) downloads: &'a Downloads,
    pub(super) notice: Option<&'a str>,
    pub(super) links: &'a [Link],
}

/// The page to pay at with a test card.
#[derive(Debug, Template)]
#[template(path = "checkout.html")]
pub(super) struct CheckoutForm<'a> {
    pub(super) id: &'a str,
    pub(super) csrf: &'a str,
    pub(super) organization: &'a str,
    pub(super) seats: i64,
    pub(super) price: &'a str,
    pub(super) period: &'a str,
    pub(super) total: &'a str,
    /// Whether it is another card that is asked for, and whether something is owed.
    pub(super) is_card: bool,
    pub(super) owed: bool,
    /// The test cards with what they do.
    pub(super) cards: &'a [(&'static str, &'static str)],
    pub(super) problem: Option<&'a str>,
}

/// What has come of a checkout.
#[derive(Debug, Template)]
#[template(path = "checkout_done.html")]
pub(super) struct CheckoutDone<'a> {
    pub(super) id: &'a str,
    pub(super) organization: &'a str,
    pub(super) seats: i64,
    /// Where people are invited.
    pub(super) invite: &'a str,
    pub(super) is_complete: bool,
    pub(super) is_open: bool,
    pub(super) is_card: bool,
    pub(super) url: Option<&'a str>,
}

/// Answers with a page.
pub(super) fn page(status: StatusCode, template: &impl Template) -> HttpResponse {
    match template.render() {
        Ok(html) => HttpResponse::build(status)
            .insert_header((CONTENT_TYPE, "text/html; charset=utf-8"))
            .insert_header((CONTENT_SECURITY_POLICY, POLICY))
            .insert_header((REFERRER_POLICY, "no-referrer"))
            .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
            .insert_header((CACHE_CONTROL, "no-store"))
            .body(html),
        Err(error) => {
            tracing::error!(error = %error, "a page cannot be written");
            HttpResponse::InternalServerError().finish()
        }
    }
}

/// The HTML face of an error: what and why and what to do, and nothing of what was sent.
pub(super) fn problem(error: &Error, request_id: &str) -> HttpResponse {
    let row = error.code.row();
    if row.status >= 500 {
        tracing::error!(code = row.code, error = ?error, request_id, "a page failed");
    }
    let next = match error.code {
        Code::NotFound => None,
        Code::Unavailable => Some(("/sign-in", "Try again")),
        _ => Some(("/sign-in", "Sign in again")),
    };
    let notice = Notice { title: row.title, sentence: &error.detail, next, request_id };
    let mut response = page(StatusCode::from_u16(row.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), &notice);
    if let Some(seconds) = error.retry_after {
        response.headers_mut().insert(RETRY_AFTER, seconds.into());
    }
    response
}

/// `GET /assets/headcount.css`.
pub async fn style() -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/css; charset=utf-8"))
        .insert_header((CACHE_CONTROL, "public, max-age=3600"))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .body(include_str!("headcount.css"))
}
