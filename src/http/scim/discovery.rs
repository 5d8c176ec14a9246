//! Discovery (RFC 7644 §4): what this service can do, as the code does it.

use actix_web::HttpResponse;
use serde_json::{Value, json};

use super::request::Request;
use super::respond;
use crate::error::{Code, Error, Result};
use crate::http::State;
use crate::provisioning::Caller;
use crate::scim::message::LIST_RESPONSE;
use crate::scim::registry::{Kind, ResourceType};

const CORE: &str = "urn:ietf:params:scim:schemas:core:2.0:";

/// Discovery is read whole (RFC 7644 §4: a filter is refused with 403).
pub(super) fn refuse_filter(request: &Request<'_>) -> Result<()> {
    let names = |pair: &str| pair.split('=').next() == Some("filter");
    if request.query().split('&').any(names) {
        return Err(Error::new(Code::Forbidden, "Discovery endpoints cannot be filtered. Leave the filter out."));
    }
    Ok(())
}

/// `ServiceProviderConfig` (RFC 7643 §5, RFC 9865 §4).
pub(super) fn service_provider_config(state: &State) -> HttpResponse {
    let options = &state.provisioning.options;
    let documentation = format!("{}/documentation", state.scim_base.trim_end_matches("/scim/v2"));
    respond::json(
        200,
        &json!({
            "schemas": [format!("{CORE}ServiceProviderConfig")],
            "documentationUri": documentation,
            "patch": {"supported": true},
            "bulk": {"supported": true, "maxOperations": options.bulk_max_operations, "maxPayloadSize": options.max_body_bytes},
            "filter": {"supported": true, "maxResults": options.max_page_size},
            "changePassword": {"supported": false},
            "sort": {"supported": true},
            "etag": {"supported": true},
            "pagination": {
                "cursor": true,
                "index": true,
                "defaultPaginationMethod": "index",
                "defaultPageSize": options.default_page_size,
                "maxPageSize": options.max_page_size,
                "cursorTimeout": options.cursor_lifetime_seconds
            },
            "authenticationSchemes": [{
                "type": "oauthbearertoken",
                "name": "OAuth Bearer Token",
                "description": "The organization's provisioning token, sent as Authorization: Bearer.",
                "specUri": "https://www.rfc-editor.org/info/rfc6750",
                "documentationUri": documentation,
                "primary": true
            }, {
                "type": "oauth2",
                "name": "OAuth 2.0 Client Credentials",
                "description": format!("An access token of {}, sent as Authorization: Bearer.", state.audience.token_endpoint),
                "specUri": "https://www.rfc-editor.org/info/rfc6749",
                "documentationUri": documentation,
            }],
            "meta": {"resourceType": "ServiceProviderConfig", "location": format!("{}/ServiceProviderConfig", state.scim_base)}
        }),
    )
}

/// `ResourceTypes` (RFC 7643 §6).
pub(super) fn resource_types(state: &State, caller: &Caller, name: Option<&str>) -> Result<HttpResponse> {
    let all = Kind::ALL.map(|kind| resource_type(&state.scim_base, caller.registry.resource_type(kind)));
    answer(&all, "id", name)
}

fn resource_type(base: &str, resource_type: &ResourceType) -> Value {
    let name = resource_type.kind.name();
    let extensions: Vec<Value> = resource_type
        .extensions
        .iter()
        .map(|extension| json!({"schema": extension.schema.id, "required": extension.required}))
        .collect();
    let mut value = json!({
        "schemas": [format!("{CORE}ResourceType")],
        "id": name,
        "name": name,
        "endpoint": resource_type.kind.endpoint(),
        "description": if resource_type.kind == Kind::User { "The members of the organization" } else { "Sets of users and groups" },
        "schema": resource_type.core.id,
    });
    if !extensions.is_empty() {
        value["schemaExtensions"] = extensions.into();
    }
    value["meta"] = json!({"resourceType": "ResourceType", "location": format!("{base}/ResourceTypes/{name}")});
    value
}

/// `Schemas` (RFC 7643 §7), with the organization's own.
pub(super) fn schemas(state: &State, caller: &Caller, urn: Option<&str>) -> Result<HttpResponse> {
    let of_resources = Kind::ALL.into_iter().flat_map(|kind| {
        let resource_type = caller.registry.resource_type(kind);
        let extensions = resource_type.extensions.iter().map(|extension| &*extension.schema);
        std::iter::once(&*resource_type.core).chain(extensions)
    });
    let all: Vec<Value> = of_resources
        .chain(caller.registry.service_provider())
        .map(|schema| {
            let location = format!("{}/Schemas/{}", state.scim_base, schema.id);
            let mut value = schema.resource.clone();
            value["meta"] = json!({"resourceType": "Schema", "location": location});
            value
        })
        .collect();
    answer(&all, "id", urn)
}

fn answer(all: &[Value], key: &str, wanted: Option<&str>) -> Result<HttpResponse> {
    match wanted {
        None => Ok(respond::json(
            200,
            &json!({"schemas": [LIST_RESPONSE], "totalResults": all.len(), "itemsPerPage": all.len(), "startIndex": 1, "Resources": all}),
        )),
        Some(wanted) => all
            .iter()
            .find(|value| value[key].as_str().is_some_and(|id| id.eq_ignore_ascii_case(wanted)))
            .map(|value| respond::json(200, value))
            .ok_or_else(|| Error::new(Code::NotFound, format!("There is no \"{wanted}\" here."))),
    }
}
