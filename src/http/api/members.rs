//! `/api/v1/organizations/{organization}/members` and `seats`.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::body;
use super::call::{Call, answer};
use super::list::{List, Query};
use super::organizations::parsed;
use super::refusals::{Invalid, Refused, Repeatable, Repeated, Unfit, Unread};
use super::values::{MemberOrder, Paged};
use crate::administration::idempotency::done;
use crate::administration::member::{self, Change, Status};
use crate::administration::roster::{self, Member, Seats, Totals, Wanted};
use crate::administration::session::{self, Revoked};
use crate::error::{Code, Error, Result};
use crate::http::State;
use crate::id::ResourceId;
use crate::organization::permission::Action;
use crate::organization::role::Role;
use crate::organization::seats;
use crate::store::roster::{Part, Sort, SortKey};

/// The parameters of the list.
const PARAMETERS: [&str; 4] = ["sort", "search", "status", "role"];
const STATUSES: [&str; 5] = ["active", "suspended", "deactivated", "waiting", "removed"];

/// `GET …/members`.
#[utoipa::path(
    get, path = "/api/v1/organizations/{organization}/members", tag = "members", summary = "Members, a page at a time",
    params(
        ("organization" = String, Path, description = "Its id or slug"),
        ("sort" = inline(Option<MemberOrder>), Query, description = "With - in front backward"),
        ("search" = Option<String>, Query, description = "What the address or the name begins with"),
        ("status" = inline(Option<seats::Status>), Query),
        ("role" = inline(Option<Role>), Query),
        Paged
    ),
    responses((status = 200, body = Members), Refused, Invalid)
)]
pub(super) async fn list(http: HttpRequest, slug: web::Path<String>, state: web::Data<State>) -> HttpResponse {
    answer(&http, &state, async |call| {
        let query = Query::read(call, &PARAMETERS)?;
        let order = query.value("sort").unwrap_or("joined").to_owned();
        let wanted = wanted(&query, &order)?;
        let name = slug.to_owned();
        let look = move |connection: &mut _, administration: &_, by: &_| {
            roster::page(connection, administration, by, &name, wanted)
        };
        // A page in an order costs the same whatever there is; one that is searched for may not.
        let searches = query.value("search").is_some();
        let found = if searches { call.scan(&slug, look).await } else { call.read(&slug, look).await }?;
        let next = found.next.map(|next| Cursor::of(&order, &next));
        let page = List::before(found.items, next.as_ref())?;
        Ok(HttpResponse::Ok().json(Members { page, totals: found.totals }))
    })
    .await
}

/// A page of members, with the seats of all.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Members {
    #[serde(flatten)]
    page: List<Member>,
    totals: Totals,
}

/// Where a page ends: only in the order it was made for.
#[derive(Deserialize, Serialize)]
struct Cursor {
    sort: String,
    text: Option<String>,
    rank: Option<i64>,
    id: String,
}

impl Cursor {
    fn read(self, sort: &str) -> Option<(SortKey, ResourceId)> {
        let key = match (self.text, self.rank) {
            (Some(text), None) => SortKey::Text(text),
            (None, Some(rank)) => SortKey::Rank(rank),
            _ => SortKey::Joined,
        };
        (self.sort == sort).then_some((key, self.id.parse().ok()?))
    }

    fn of(sort: &str, (key, id): &(SortKey, ResourceId)) -> Self {
        let (text, rank) = match key {
            SortKey::Text(text) => (Some(text.clone()), None),
            SortKey::Rank(rank) => (None, Some(*rank)),
            SortKey::Joined => (None, None),
        };
        Self { sort: sort.to_owned(), text, rank, id: id.to_string() }
    }
}

fn wanted(query: &Query, order: &str) -> Result<Wanted> {
    let invalid = |why: &'static str| Error::new(Code::InvalidValue, why);
    let sort = match order.trim_start_matches('-') {
        "email" => Sort::Email,
        "name" => Sort::Name,
        "role" => Sort::Role,
        "status" => Sort::Status,
        "joined" => Sort::Joined,
        _ => return Err(invalid("sort is email, name, role, status or joined, with - in front for backward.")),
    };
    let status = query.value("status").map(str::to_owned);
    if status.as_deref().is_some_and(|status| !STATUSES.contains(&status)) {
        return Err(invalid("status is active, suspended, deactivated, waiting or removed."));
    }
    let search = query.value("search").map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    if search.as_ref().is_some_and(|text| text.chars().count() > 200) {
        return Err(invalid("search has at most 200 characters."));
    }
    let part = if status.as_deref() == Some("removed") { Part::Removed } else { Part::Members };
    let after = query.after::<Cursor>()?.map(|cursor| {
        let read = cursor.read(order).filter(|(key, _)| sort.has(part, key));
        read.ok_or_else(|| Error::new(Code::InvalidCursor, "after is not the cursor of a page in this order."))
    });
    Ok(Wanted {
        sort,
        descending: order.starts_with('-'),
        search,
        status,
        role: parsed("role", query.value("role").map(str::to_owned))?,
        after: after.transpose()?,
        limit: query.limit,
    })
}

/// `GET …/members/{id}`.
#[utoipa::path(
    get, path = "/api/v1/organizations/{organization}/members/{id}", tag = "members", summary = "A member",
    params(("organization" = String, Path, description = "Its id or slug"), ("id" = String, Path)),
    responses((status = 200, body = Member), Refused)
)]
pub(super) async fn show(
    http: HttpRequest,
    path: web::Path<(String, String)>,
    state: web::Data<State>,
) -> HttpResponse {
    answer(&http, &state, async |call| {
        let (slug, id) = path.into_inner();
        let name = slug.clone();
        let shown = call.read(&slug, move |connection, _, by| roster::show(connection, by, &name, &id)).await?;
        Ok(HttpResponse::Ok().json(shown))
    })
    .await
}

/// What becomes of a member: one thing at a time.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Patch {
    role: Option<String>,
    status: Option<String>,
}

/// What becomes of a member: one thing at a time.
#[derive(ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "it describes `Patch`")]
pub(super) enum MemberPatch {
    Role(NewRole),
    Status(NewStatus),
}

/// What a member may do from now on.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = MemberRole)]
#[expect(dead_code, reason = "it describes a part of `Patch`")]
pub(super) struct NewRole {
    role: Role,
}

/// Whether a member is let in from now on.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = MemberAdmission)]
#[expect(dead_code, reason = "it describes a part of `Patch`")]
pub(super) struct NewStatus {
    status: Status,
}

/// `PATCH …/members/{id}`.
#[utoipa::path(
    patch, path = "/api/v1/organizations/{organization}/members/{id}", tag = "members",
    summary = "Change a member's role, or whether they are let in",
    params(("organization" = String, Path, description = "Its id or slug"), ("id" = String, Path)),
    request_body = MemberPatch,
    responses((status = 200, body = Member), Refused, Unread, Unfit)
)]
pub(super) async fn set(
    http: HttpRequest,
    path: web::Path<(String, String)>,
    payload: web::Payload,
    state: web::Data<State>,
) -> HttpResponse {
    answer(&http, &state, async |call| {
        let (slug, id) = path.into_inner();
        call.known()?;
        let Patch { role, status } = body::json(call, payload).await?;
        let (role, status) = (parsed("role", role)?, parsed::<Status>("status", status)?);
        let change = match (role, status) {
            (Some(role), None) => Change::Role(role),
            (None, Some(status)) => Change::Status(status),
            _ => return Err(Error::new(Code::InvalidValue, "Change one thing at a time: role or status.")),
        };
        Ok(HttpResponse::Ok().json(apply(call, &slug, &id, change).await?))
    })
    .await
}

async fn apply(call: &Call<'_>, slug: &str, id: &str, change: Change) -> Result<Member> {
    let (name, id) = (slug.to_owned(), id.to_owned());
    let set = move |connection: &mut _, administration: &_, by: &_| {
        member::set(connection, administration, by, &name, &id, change)
    };
    call.write(slug, set).await
}

/// `DELETE …/members/{id}`.
#[utoipa::path(
    delete, path = "/api/v1/organizations/{organization}/members/{id}", tag = "members", summary = "Remove a member",
    params(("organization" = String, Path, description = "Its id or slug"), ("id" = String, Path)),
    responses((status = 204), Refused, Unfit)
)]
pub(super) async fn remove(
    http: HttpRequest,
    path: web::Path<(String, String)>,
    state: web::Data<State>,
) -> HttpResponse {
    answer(&http, &state, async |call| {
        let (slug, id) = path.into_inner();
        apply(call, &slug, &id, Change::Status(Status::Removed)).await?;
        Ok(HttpResponse::NoContent().finish())
    })
    .await
}

/// `POST …/members/{id}/sign-out`.
#[utoipa::path(
    post, path = "/api/v1/organizations/{organization}/members/{id}/sign-out", tag = "members",
    summary = "Sign a member out everywhere",
    params(("organization" = String, Path, description = "Its id or slug"), ("id" = String, Path), Repeatable),
    responses((status = 200, body = Revoked), Refused, Repeated)
)]
pub(super) async fn sign_out(
    http: HttpRequest,
    path: web::Path<(String, String)>,
    state: web::Data<State>,
) -> HttpResponse {
    answer(&http, &state, async |call| {
        let (slug, id) = path.into_inner();
        let name = slug.clone();
        let revoke = move |connection: &mut _, administration: &_, by: &_| {
            done(session::revoke(connection, administration, by, &name, Some(&id))?)
        };
        call.make((&slug, Action::ManageMembers), revoke).await
    })
    .await
}

/// `POST …/members/{id}/unlink`.
#[utoipa::path(
    post, path = "/api/v1/organizations/{organization}/members/{id}/unlink", tag = "members",
    summary = "Part a member from the account they sign in with",
    description = "For somebody who has another account at the identity provider now. Ends their sessions; whoever \
                   proves the member's address next is linked to it.",
    params(("organization" = String, Path, description = "Its id or slug"), ("id" = String, Path), Repeatable),
    responses((status = 200, body = Member), Refused, Repeated)
)]
pub(super) async fn unlink(
    http: HttpRequest,
    path: web::Path<(String, String)>,
    state: web::Data<State>,
) -> HttpResponse {
    answer(&http, &state, async |call| {
        let (slug, id) = path.into_inner();
        let name = slug.clone();
        let unlink = move |connection: &mut _, administration: &_, by: &_| {
            done(member::set(connection, administration, by, &name, &id, Change::Unlink)?)
        };
        call.make((&slug, Action::ManageMembers), unlink).await
    })
    .await
}

/// `GET …/seats`.
#[utoipa::path(
    get, path = "/api/v1/organizations/{organization}/seats", tag = "members",
    summary = "The seats, and who waits for one in turn",
    params(("organization" = String, Path, description = "Its id or slug")),
    responses((status = 200, body = Seats), Refused)
)]
pub(super) async fn seats(http: HttpRequest, slug: web::Path<String>, state: web::Data<State>) -> HttpResponse {
    answer(&http, &state, async |call| {
        let name = slug.clone();
        let look =
            move |connection: &mut _, administration: &_, by: &_| roster::seats(connection, administration, by, &name);
        let seats = call.read(&slug, look).await?;
        Ok(HttpResponse::Ok().json(seats))
    })
    .await
}
