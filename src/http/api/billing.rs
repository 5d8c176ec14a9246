//! `/api/v1/organizations/{organization}/billing` and `…/checkout`: seats as they are bought.

use actix_web::http::StatusCode;
use actix_web::http::header::LOCATION;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::body;
use super::call::{Call, answer};
use super::list::{List, Query};
use super::organizations::parsed;
use super::refusals::{Invalid, Problem, Refused, Unfit, Unread};
use super::values::{Paged, whole};
use crate::administration::billing::change::{self, Change};
use crate::administration::billing::checkout::{self, Begun, Wanted};
use crate::administration::billing::{self, Billing, Preview, ShownInvoice, portal};
use crate::administration::{Administration, By};
use crate::error::Result;
use crate::http::State;
use crate::id::InvoiceId;
use crate::organization::permission::Action;
use crate::organization::plan::Plan;
use crate::store::connection::Connection;

/// Seats and plan; what is absent stays as it is.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(as = BillingOrder)]
pub(super) struct Order {
    #[serde(deserialize_with = "whole")]
    #[schema(minimum = 1, maximum = 1_000_000)]
    seats: Option<i64>,
    /// `enterprise_seat_yearly`, `enterprise_seat_quarterly` or `enterprise_seat_monthly`.
    #[schema(value_type = Option<Plan>)]
    plan: Option<String>,
}

/// `POST /api/v1/organizations/{organization}/checkout`.
#[utoipa::path(
    post, path = "/api/v1/organizations/{organization}/checkout", tag = "billing",
    summary = "Begin a checkout, or go on with the open one for the same",
    params(("organization" = String, Path, description = "Its id or slug")),
    request_body(content = Order, content_type = "application/json"),
    responses((status = 201, description = "Where it is paid, and until when", body = Begun, headers(("Location" = String))), Refused, Unread, Unfit)
)]
pub(super) async fn check_out(
    http: HttpRequest,
    organization: web::Path<String>,
    payload: web::Payload,
    state: web::Data<State>,
) -> HttpResponse {
    answer(&http, &state, async |call| {
        call.known()?;
        call.by(&organization).await?.check(Action::ManageBilling)?;
        let order: Order = body::json(call, payload).await?;
        let wanted = Wanted { seats: order.seats, plan: parsed("plan", order.plan)? };
        let (name, url) = (organization.clone(), call.state.public_url.clone());
        let decide = move |connection: &mut _, administration: &_, by: &_| {
            checkout::plan(connection, administration, by, &name, wanted, &url)
        };
        let decided = call.write(&organization, decide).await?;
        let begun = checkout::opened(&call.state.store, &call.state.administration, decided).await?;
        Ok(HttpResponse::Created().insert_header((LOCATION, format!("/checkout/{}", begun.id))).json(begun))
    })
    .await
}

/// `GET /api/v1/organizations/{organization}/billing`.
#[utoipa::path(
    get, path = "/api/v1/organizations/{organization}/billing", tag = "billing",
    summary = "Plan, price, seats and the next invoice",
    params(("organization" = String, Path, description = "Its id or slug")),
    responses((status = 200, body = Billing), Refused)
)]
pub(super) async fn show(http: HttpRequest, organization: web::Path<String>, state: web::Data<State>) -> HttpResponse {
    answer(&http, &state, async |call| {
        Ok(HttpResponse::Ok().json(call.read(&organization, shown(&organization)).await?))
    })
    .await
}

/// `PATCH /api/v1/organizations/{organization}/billing`.
#[utoipa::path(
    patch, path = "/api/v1/organizations/{organization}/billing", tag = "billing", summary = "Change seats or plan",
    params(("organization" = String, Path, description = "Its id or slug")),
    request_body(content = Order, content_type = "application/json"),
    responses(
        (status = 200, description = "It is so", body = Billing),
        (status = 202, description = "It is decided, and the payment provider has not confirmed it yet", body = Billing),
        (status = 402, description = "The payment was declined", content_type = "application/problem+json", body = Problem<'static>),
        Refused, Unread, Unfit
    )
)]
pub(super) async fn set(
    http: HttpRequest,
    organization: web::Path<String>,
    payload: web::Payload,
    state: web::Data<State>,
) -> HttpResponse {
    answer(&http, &state, async |call| {
        call.known()?;
        call.by(&organization).await?.check(Action::ManageBilling)?;
        let change = ordered(call, payload).await?;
        let name = organization.clone();
        let decide = move |connection: &mut _, administration: &_, by: &_| {
            change::plan(connection, administration, by, &name, change)
        };
        let decided = call.write(&organization, decide).await?;
        change::confirmed(&call.state.store, &call.state.administration, decided).await?;
        let shown = call.read(&organization, shown(&organization)).await?;
        let is_done = shown.pending_change.is_none();
        Ok(HttpResponse::build(if is_done { StatusCode::OK } else { StatusCode::ACCEPTED }).json(shown))
    })
    .await
}

/// Looks at the billing as it is.
fn shown(name: &str) -> impl FnOnce(&mut Connection, &Administration, &By) -> Result<Billing> + Send + 'static {
    let name = name.to_owned();
    move |connection, administration, by| billing::show(connection, administration, by, &name)
}

async fn ordered(call: &Call<'_>, payload: web::Payload) -> Result<Change> {
    let order: Order = body::json(call, payload).await?;
    Ok(Change { seats: order.seats, plan: parsed("plan", order.plan)? })
}

/// `POST /api/v1/organizations/{organization}/billing/preview`.
#[utoipa::path(
    post, path = "/api/v1/organizations/{organization}/billing/preview", tag = "billing",
    summary = "What a change of seats or plan would cost; changes nothing",
    params(("organization" = String, Path, description = "Its id or slug")),
    request_body(content = Order, content_type = "application/json"),
    responses((status = 200, body = Preview), Refused, Unread, Unfit)
)]
pub(super) async fn preview(
    http: HttpRequest,
    organization: web::Path<String>,
    payload: web::Payload,
    state: web::Data<State>,
) -> HttpResponse {
    answer(&http, &state, async |call| {
        call.known()?;
        call.by(&organization).await?.check(Action::ManageBilling)?;
        let change = ordered(call, payload).await?;
        let name = organization.to_owned();
        let look = move |connection: &mut _, administration: &_, by: &_| {
            change::preview(connection, administration, by, &name, change)
        };
        Ok(HttpResponse::Ok().json(call.read(&organization, look).await?))
    })
    .await
}

/// `GET /api/v1/organizations/{organization}/billing/invoices`.
#[utoipa::path(
    get, path = "/api/v1/organizations/{organization}/billing/invoices", tag = "billing", summary = "Invoices, newest first",
    params(
        ("organization" = String, Path, description = "Its id or slug"),
        Paged
    ),
    responses((status = 200, body = List<ShownInvoice>), Refused, Invalid)
)]
pub(super) async fn invoices(
    http: HttpRequest,
    organization: web::Path<String>,
    state: web::Data<State>,
) -> HttpResponse {
    answer(&http, &state, async |call| {
        let query = Query::read(call, &[])?;
        let (name, after, most) = (organization.clone(), query.after_id::<InvoiceId>()?, query.one_more());
        let look = move |connection: &mut _, _: &_, by: &_| billing::invoices(connection, by, &name, after, most);
        let invoices = call.read(&organization, look).await?.iter().map(billing::describe_invoice).collect();
        Ok(HttpResponse::Ok().json(List::page(&query, invoices, |invoice: &ShownInvoice| invoice.id)?))
    })
    .await
}

/// The page for another card and what is owed.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BillingPortal)]
pub(super) struct Portal {
    url: String,
}

/// `POST /api/v1/organizations/{organization}/billing/portal`.
#[utoipa::path(
    post, path = "/api/v1/organizations/{organization}/billing/portal", tag = "billing",
    summary = "A page for another card and what is owed; it works for a little while",
    params(("organization" = String, Path, description = "Its id or slug")),
    responses((status = 200, description = "Its address", body = Portal), Refused, Unfit)
)]
pub(super) async fn portal(
    http: HttpRequest,
    organization: web::Path<String>,
    state: web::Data<State>,
) -> HttpResponse {
    answer(&http, &state, async |call| {
        let (name, url) = (organization.clone(), call.state.public_url.clone());
        let decide = move |connection: &mut _, administration: &_, by: &_| {
            portal::plan(connection, administration, by, &name, &url)
        };
        let begun = call.write(&organization, decide).await?;
        let url = portal::opened(&call.state.administration, begun, &call.state.public_url).await?;
        Ok(HttpResponse::Ok().json(Portal { url }))
    })
    .await
}
