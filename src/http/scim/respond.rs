//! SCIM answers: resources, lists with streamed members, errors.

use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_LOCATION, ETAG, LOCATION, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, HttpResponseBuilder, web};
use bytes::Bytes;
use futures_util::stream::{self, Stream};
use serde_json::Value;

use crate::error::{Code, Error, Result};
use crate::http::State;
use crate::id::{OrganizationId, ResourceId};
use crate::provisioning::answer::{MemberFields, Members, Shown, write_json, write_members};
use crate::provisioning::list::Page;
use crate::scim::message::{self, LIST_RESPONSE};
use crate::scim::project::Projection;
use crate::scim::registry::{Kind, Registry, ResourceType};
use crate::store::group_members;

const MEDIA_TYPE: &str = "application/scim+json";
/// Members read and sent at once when a group is streamed.
const CHUNK: i64 = 1_000;

/// An answer's piece: text, or the members of a group behind one of them.
enum Segment {
    Text(String),
    MembersAfter { group: ResourceId, after: ResourceId, fields: MemberFields },
}

/// An answer that keeps the rest of its request's body until it is sent. The server waits for a body
/// without a length whose reader is gone for as long as it trickles in; one whose reader is still
/// there when the answer ends, it cuts off.
pub(super) struct Holding {
    pub(super) body: BoxBody,
    #[expect(dead_code, reason = "held, not read")]
    pub(super) payload: web::Payload,
}

impl MessageBody for Holding {
    type Error = Box<dyn std::error::Error>;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<std::result::Result<Bytes, Self::Error>>> {
        Pin::new(&mut self.body).poll_next(context)
    }
}

/// The SCIM Error (RFC 7644 §3.12).
pub(super) fn error(error: &Error) -> HttpResponse {
    let row = error.code.row();
    // What is not offered is no failure.
    if row.status >= 500 && error.code != Code::NotImplemented {
        tracing::error!(code = row.code, error = ?error.source, "{}", error.detail);
    }
    let mut response = start(row.status);
    if error.code == Code::Unauthorized {
        response.insert_header((WWW_AUTHENTICATE, challenge(error)));
    }
    if let Some(seconds) = error.retry_after {
        response.insert_header((RETRY_AFTER, seconds));
    }
    response.body(message::error(row.status, row.scim_type, &error.detail).to_string())
}

/// A token that was sent and is not good is told apart from none (RFC 6750 §3).
fn challenge(error: &Error) -> &'static str {
    if error.detail == super::request::NO_CREDENTIAL {
        "Bearer realm=\"scim\""
    } else {
        "Bearer realm=\"scim\", error=\"invalid_token\""
    }
}

/// A plain JSON answer.
pub(super) fn json(status: u16, body: &Value) -> HttpResponse {
    start(status).body(body.to_string())
}

/// An answer without a body.
pub(super) fn empty(status: u16) -> HttpResponse {
    HttpResponse::build(StatusCode::from_u16(status).unwrap_or(StatusCode::NO_CONTENT)).finish()
}

fn start(status: u16) -> HttpResponseBuilder {
    let mut response = HttpResponse::build(StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR));
    response.content_type(MEDIA_TYPE);
    response
}

/// One resource.
pub(super) fn resource(
    status: u16,
    state: &web::Data<State>,
    organization: OrganizationId,
    registry: &Registry,
    shown: &Shown,
    projection: &Projection,
) -> Result<HttpResponse> {
    let mut segments = Vec::new();
    push_resource(&mut segments, &state.scim_base, registry.resource_type(shown.kind), shown, projection)?;
    let mut response = start(status);
    let location = shown.location(&state.scim_base);
    // meta.location is also the Content-Location (RFC 7643 §3.1); Location is what a POST owes (RFC 7644 §3.3).
    response
        .insert_header((ETAG, shown.etag()))
        .insert_header((CONTENT_LOCATION, location.as_str()))
        .insert_header((LOCATION, location));
    Ok(send(response, state, organization, segments))
}

/// A `ListResponse` (RFC 7644 §3.4.2).
pub(super) fn page(
    state: &web::Data<State>,
    organization: OrganizationId,
    registry: &Registry,
    page: &Page,
    projections: &[(Kind, Projection)],
) -> Result<HttpResponse> {
    let mut head = format!(
        "{{\"schemas\":[\"{LIST_RESPONSE}\"],\"totalResults\":{},\"itemsPerPage\":{}",
        page.total,
        page.resources.len()
    );
    if !page.by_cursor {
        head.push_str(",\"startIndex\":");
        head.push_str(&page.start_index.to_string());
    }
    if let Some(cursor) = &page.next_cursor {
        head.push_str(",\"nextCursor\":");
        write_json(&mut head, cursor);
    }
    head.push_str(",\"Resources\":[");
    let mut segments = vec![Segment::Text(head)];
    for (position, shown) in page.resources.iter().enumerate() {
        if position > 0 {
            text(&mut segments).push(',');
        }
        let fallback = Projection::default();
        let projection =
            projections.iter().find(|(kind, _)| *kind == shown.kind).map_or(&fallback, |(_, projection)| projection);
        push_resource(&mut segments, &state.scim_base, registry.resource_type(shown.kind), shown, projection)?;
    }
    text(&mut segments).push_str("]}");
    Ok(send(start(200), state, organization, segments))
}

/// The text that is being written.
fn text(segments: &mut Vec<Segment>) -> &mut String {
    if !matches!(segments.last(), Some(Segment::Text(_))) {
        segments.push(Segment::Text(String::new()));
    }
    match segments.last_mut() {
        Some(Segment::Text(text)) => text,
        _ => unreachable!("a text was just pushed"),
    }
}

fn push_resource(
    segments: &mut Vec<Segment>,
    base: &str,
    resource_type: &ResourceType,
    shown: &Shown,
    projection: &Projection,
) -> Result<()> {
    let fields = member_fields(projection, resource_type);
    let (members, more) = match &shown.members {
        Members::All(members) => (members.as_slice(), false),
        Members::More(members) => (members.as_slice(), true),
        Members::Left => (&[][..], false),
    };
    let alone = projected(shown.alone(base), resource_type, projection)?;
    let out = text(segments);
    if members.is_empty() || fields.is_empty() {
        out.push_str(&alone);
        return Ok(());
    }
    out.push_str(alone.strip_suffix('}').unwrap_or(&alone));
    out.push_str(",\"members\":[");
    write_members(out, base, members, fields, true);
    if let (true, Some(last)) = (more, members.last()) {
        segments.push(Segment::MembersAfter { group: shown.resource.id, after: last.id, fields });
    }
    text(segments).push_str("]}");
    Ok(())
}

/// What an answer shows of members.
pub(super) fn member_fields(projection: &Projection, resource_type: &ResourceType) -> MemberFields {
    let members = resource_type.attribute("members");
    let wants = |sub: &str| members.is_some_and(|members| projection.wants_sub(members, sub));
    MemberFields { value: wants("value"), reference: wants("$ref"), kind: wants("type"), display: wants("display") }
}

fn projected(whole: String, resource_type: &ResourceType, projection: &Projection) -> Result<String> {
    if projection.is_whole() {
        return Ok(whole);
    }
    let mut value: Value = serde_json::from_str(&whole).map_err(Error::internal)?;
    projection.apply(&mut value, resource_type);
    Ok(value.to_string())
}

fn send(
    mut response: HttpResponseBuilder,
    state: &web::Data<State>,
    organization: OrganizationId,
    segments: Vec<Segment>,
) -> HttpResponse {
    let mut segments = segments;
    if segments.len() == 1
        && let Some(Segment::Text(text)) = segments.pop()
    {
        return response.body(text);
    }
    response.streaming(members_stream(state.clone(), organization, segments))
}

/// Texts as they are, members a chunk at a time: a group of a million is never in memory.
fn members_stream(
    state: web::Data<State>,
    organization: OrganizationId,
    segments: Vec<Segment>,
) -> impl Stream<Item = Result<Bytes, actix_web::Error>> {
    stream::unfold((state, segments.into_iter(), None), move |(state, mut segments, mut reading)| async move {
        loop {
            let Some((group, after, fields)) = reading.take() else {
                match segments.next()? {
                    Segment::Text(text) => return Some((Ok(Bytes::from(text)), (state, segments, None))),
                    Segment::MembersAfter { group, after, fields } => reading = Some((group, after, fields)),
                }
                continue;
            };
            let members = state
                .store
                .read(move |connection| {
                    group_members::page(connection, organization, group, Some(after), CHUNK, fields.display)
                })
                .await;
            match members {
                Ok(members) => {
                    let Some(last) = members.last() else { continue };
                    let next = (i64::try_from(members.len()).unwrap_or(0) == CHUNK).then_some((group, last.id, fields));
                    let mut text = String::with_capacity(members.len() * 160);
                    write_members(&mut text, &state.scim_base, &members, fields, false);
                    return Some((Ok(Bytes::from(text)), (state, segments, next)));
                }
                Err(error) => {
                    tracing::error!(error = ?error, "a group's members could not be read to the end");
                    return Some((
                        Err(actix_web::error::ErrorServiceUnavailable("")),
                        (state, Vec::new().into_iter(), None),
                    ));
                }
            }
        }
    })
}
