//! The pages of a checkout: paid at one of our own with test cards, and where one comes back to from either provider.

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, LOCATION, REFERRER_POLICY};
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;

use super::browser::Browser;
use super::limits::client_address;
use super::pages::{self, CheckoutDone, CheckoutForm};
use super::{REQUEST_ID, State, sign_in};
use crate::administration::actor::{Actor, By, Member};
use crate::administration::billing::checkout::{self, no_such_checkout};
use crate::administration::billing::{payment, returning};
use crate::billing::local::Card;
use crate::clock::Timestamp;
use crate::error::{Code, Error, Result};
use crate::id::CheckoutId;
use crate::organization::PENDING_CHECKOUT;
use crate::organization::plan::Plan;
use crate::organization::price;
use crate::store::checkouts::{Checkout, purpose, state};
use crate::store::organizations::Organization;

/// The form of the page.
#[derive(Debug, Deserialize)]
pub struct Form {
    card: Option<String>,
    csrf: Option<String>,
}

/// Somebody at a checkout.
struct Customer<'r> {
    state: &'r web::Data<State>,
    browser: Browser,
    request_id: String,
    path: String,
    /// As a member of each organization that the session opens.
    places: Result<Vec<By>>,
    id: Option<CheckoutId>,
}

impl<'r> Customer<'r> {
    async fn new(http: &HttpRequest, state: &'r web::Data<State>, id: &str) -> Self {
        let request_id = super::request_id(http.headers(), &state.ids);
        let places = places(http, state, &request_id).await;
        let browser = state.door.cookies.browser(http, state.random.as_ref());
        Self { state, browser, request_id, path: http.path().to_owned(), places, id: id.parse().ok() }
    }

    /// The organization whose checkout it is, and who is there; another organization's is nowhere.
    async fn find(&self) -> Result<(By, Organization, Checkout)> {
        let places = self.places.as_ref().map_err(|error| Error::new(error.code, error.detail.clone()))?;
        let id = self.id.ok_or_else(no_such_checkout)?;
        for by in places {
            let (Some(place), by) = (place(by), by.clone()) else { continue };
            let who = by.clone();
            match self.state.store.read(move |connection| checkout::look(connection, &who, &place, id)).await {
                Ok((organization, checkout)) => return Ok((by, organization, checkout)),
                Err(error) if matches!(error.code, Code::NotFound | Code::Forbidden) => {}
                Err(error) => return Err(error),
            }
        }
        Err(no_such_checkout())
    }

    fn leave(&self, outcome: Result<HttpResponse>) -> HttpResponse {
        let mut response = match outcome {
            Ok(response) => response,
            Err(error) if error.code == Code::Unauthorized => see_other(&format!("/sign-in?return_to={}", self.path)),
            Err(error) => pages::problem(&error, &self.request_id),
        };
        if self.browser.is_new {
            sign_in::set_cookie(&mut response, &self.state.door.cookies.of_browser(&self.browser));
        }
        if let Ok(id) = self.request_id.parse() {
            response.headers_mut().insert(REQUEST_ID, id);
        }
        response
    }

    fn form(&self, organization: &Organization, checkout: &Checkout, problem: Option<&str>) -> HttpResponse {
        let status = if problem.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
        let plan: Plan = checkout.plan.parse().unwrap_or(Plan::Yearly);
        let shown = |amount| price::shown(amount, &checkout.currency);
        let form = CheckoutForm {
            id: &checkout.id.to_string(),
            csrf: &self.state.door.cookies.form_token(&self.browser),
            organization: &organization.name,
            seats: checkout.seats,
            price: &shown(checkout.amount / checkout.seats.max(1)),
            period: plan.period(),
            total: &shown(checkout.amount),
            is_card: checkout.purpose == purpose::CARD,
            owed: checkout.amount > 0,
            cards: &Card::ALL.map(|card| (card.number(), card.effect())),
            problem,
        };
        pages::page(status, &form)
    }
}

fn place(by: &By) -> Option<String> {
    match &by.actor {
        Actor::Member(member) => Some(member.organization.to_string()),
        _ => None,
    }
}

async fn places(http: &HttpRequest, state: &web::Data<State>, request_id: &str) -> Result<Vec<By>> {
    let (visitor, memberships) = sign_in::who(http, state).await?;
    let address = client_address(http, state).map(|address| address.to_string());
    let member = |membership: &crate::store::memberships::Membership| {
        let role = membership.role.parse().ok()?;
        let member = Member {
            organization: membership.organization,
            id: membership.member,
            role,
            identity: visitor.identity.id,
            signed_in_at: Timestamp(visitor.session.created_at),
            recovers: visitor.recovers().is_some(),
            before_checkout: membership.state == PENDING_CHECKOUT,
        };
        let is_in = membership.status == "active" && !membership.suspended;
        is_in.then(|| By {
            actor: Actor::Member(member),
            request_id: Some(request_id.to_owned()),
            address: address.clone(),
        })
    };
    Ok(memberships.iter().filter_map(member).collect())
}

/// `GET /checkout/{id}`: the page to pay at, where it is ours.
pub async fn open(http: HttpRequest, id: web::Path<String>, state: web::Data<State>) -> HttpResponse {
    let customer = Customer::new(&http, &state, &id).await;
    let outcome = customer.find().await.map(|(_, organization, checkout)| {
        let is_over = checkout.state != state::OPEN || checkout.expires_at <= state.clock.now().0;
        match &checkout.url {
            Some(url) if checkout.provider != crate::billing::LOCAL && !is_over => see_other(url),
            _ if is_over || checkout.provider != crate::billing::LOCAL => {
                see_other(&format!("/checkout/{}/done", checkout.id))
            }
            _ => customer.form(&organization, &checkout, None),
        }
    });
    customer.leave(outcome)
}

/// `POST /checkout/{id}`: pays with a test card. Sent twice it is paid once.
pub async fn submit(
    http: HttpRequest,
    id: web::Path<String>,
    form: Result<web::Form<Form>, actix_web::Error>,
    state: web::Data<State>,
) -> HttpResponse {
    let customer = Customer::new(&http, &state, &id).await;
    let outcome = pay(&customer, form).await;
    customer.leave(outcome)
}

async fn pay(customer: &Customer<'_>, form: Result<web::Form<Form>, actix_web::Error>) -> Result<HttpResponse> {
    let (state, unreadable) = (customer.state, "This form cannot be read. Open the page again.");
    let form = form.map_err(|_| Error::new(Code::BadRequest, unreadable))?.into_inner();
    let token = form.csrf.as_deref().unwrap_or_default();
    if !state.door.cookies.is_form_token(&customer.browser, token) {
        let why = "This form is too old or was not written for this browser. Open the page again.";
        return Err(Error::new(Code::Forbidden, why));
    }
    let (by, organization, checkout) = customer.find().await?;
    let (administration, card) = (state.administration.clone(), form.card.unwrap_or_default());
    let (id, place) = (checkout.id, organization.id.to_string());
    let plan = move |connection: &mut _| payment::pay(connection, &administration, &by, &place, (id, card.as_str()));
    match state.store.write(plan).await {
        Ok(paid) => Ok(see_other(&format!("/checkout/{}/done", paid.id))),
        Err(error) if matches!(error.code, Code::InvalidValue | Code::PaymentDeclined) => {
            Ok(customer.form(&organization, &checkout, Some(&error.detail)))
        }
        Err(error) => Err(error),
    }
}

/// `GET /checkout/{id}/done`: what has come of it; Stripe is asked while its webhook is on its way.
pub async fn done(http: HttpRequest, id: web::Path<String>, state: web::Data<State>) -> HttpResponse {
    let customer = Customer::new(&http, &state, &id).await;
    let outcome = come_back(&customer).await;
    customer.leave(outcome)
}

async fn come_back(customer: &Customer<'_>) -> Result<HttpResponse> {
    let (by, organization, checkout) = customer.find().await?;
    let (store, administration) = (&customer.state.store, &customer.state.administration);
    let place = organization.id.to_string();
    let (organization, checkout) = returning::come_back(store, administration, &by, &place, checkout.id).await?;
    let is_open = checkout.state == state::OPEN && checkout.expires_at > customer.state.clock.now().0;
    let page = CheckoutDone {
        id: &checkout.id.to_string(),
        organization: &organization.name,
        seats: checkout.seats,
        invite: "/",
        is_complete: checkout.state == state::COMPLETED,
        is_open,
        is_card: checkout.purpose == purpose::CARD,
        url: checkout.url.as_deref(),
    };
    Ok(pages::page(StatusCode::OK, &page))
}

/// A redirect that is followed by GET and kept by nobody.
fn see_other(location: &str) -> HttpResponse {
    HttpResponse::build(StatusCode::SEE_OTHER)
        .insert_header((LOCATION, location))
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((REFERRER_POLICY, "no-referrer"))
        .finish()
}
