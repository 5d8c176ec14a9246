//! The addresses of the JSON API. Each has its row in `tests/it/routes/matrix.rs` and its description in `openapi`.

use actix_web::Resource;

use super::super::web;
use super::{
    api_keys, audit, billing, domains, founding, home, invitations, join_requests, me, member_sessions, members,
    openapi, organizations, provisioning_clients, provisioning_log, provisioning_tokens, recovery_codes, role_mappings,
    schemas, sessions, single_sign_on, stripe, webhooks,
};

/// Puts the API on an application.
pub fn routes(config: &mut web::ServiceConfig) {
    config
        .configure(key_routes)
        .configure(webhook_routes)
        .service(resource("/api/openapi.json", "GET").route(web::get().to(openapi::show)))
        .service(resource("/api/v1/downloads", "GET").route(web::get().to(home::downloads)))
        .service(resource("/api/v1/organizations/{organization}/home", "GET").route(web::get().to(home::show)))
        .service(resource("/api/v1/me", "GET").route(web::get().to(me::show)))
        .service(resource("/api/v1/me/sessions", "GET").route(web::get().to(sessions::list)))
        .service(resource("/api/v1/me/sessions/{id}", "DELETE").route(web::delete().to(sessions::revoke)))
        .service(
            resource("/api/v1/organizations/{organization}/invitations", "GET, POST")
                .route(web::get().to(invitations::list))
                .route(web::post().to(invitations::create)),
        )
        .service(
            resource("/api/v1/organizations/{organization}/invitations/import/preview", "POST")
                .route(web::post().to(invitations::preview)),
        )
        .service(
            resource("/api/v1/organizations/{organization}/invitations/import", "POST")
                .route(web::post().to(invitations::import)),
        )
        .service(
            resource("/api/v1/organizations/{organization}/invitations/{id}", "GET, DELETE")
                .route(web::get().to(invitations::show))
                .route(web::delete().to(invitations::revoke)),
        )
        .service(
            resource("/api/v1/organizations/{organization}/invitations/{id}/resend", "POST")
                .route(web::post().to(invitations::resend)),
        )
        .service(
            resource("/api/v1/organizations/{organization}/invitations/{id}/link", "POST")
                .route(web::post().to(invitations::link)),
        )
        .service(
            resource("/api/v1/organizations", "GET, POST")
                .route(web::get().to(organizations::list))
                .route(web::post().to(founding::found)),
        )
        .service(
            resource("/api/v1/organizations/{organization}", "GET, PATCH, DELETE")
                .route(web::get().to(organizations::show))
                .route(web::patch().to(organizations::set))
                .route(web::delete().to(founding::delete)),
        )
        .service(
            resource("/api/v1/organizations/{organization}/transfer", "POST").route(web::post().to(founding::transfer)),
        )
        .service(
            resource("/api/v1/organizations/{organization}/restore", "POST").route(web::post().to(founding::restore)),
        )
        .service(
            resource("/api/v1/organizations/{organization}/checkout", "POST").route(web::post().to(billing::check_out)),
        )
        .service(
            resource("/api/v1/organizations/{organization}/billing", "GET, PATCH")
                .route(web::get().to(billing::show))
                .route(web::patch().to(billing::set)),
        )
        .service(
            resource("/api/v1/organizations/{organization}/billing/preview", "POST")
                .route(web::post().to(billing::preview)),
        )
        .service(
            resource("/api/v1/organizations/{organization}/billing/invoices", "GET")
                .route(web::get().to(billing::invoices)),
        )
        .service(
            resource("/api/v1/organizations/{organization}/billing/portal", "POST")
                .route(web::post().to(billing::portal)),
        )
        .service(resource("/api/v1/organizations/{organization}/audit", "GET").route(web::get().to(audit::list)))
        .service(
            resource("/api/v1/organizations/{organization}/audit/export", "GET").route(web::get().to(audit::export)),
        )
        .service(
            resource("/api/v1/organizations/{organization}/provisioning-log", "GET")
                .route(web::get().to(provisioning_log::list)),
        )
        .service(
            resource("/api/v1/organizations/{organization}/provisioning-log/export", "GET")
                .route(web::get().to(provisioning_log::export)),
        )
        .service(
            resource("/api/v1/organizations/{organization}/provisioning-log/{id}", "GET")
                .route(web::get().to(provisioning_log::show)),
        )
        .service(resource("/billing/stripe/webhook", "POST").route(web::post().to(stripe::webhook)))
        .configure(people)
        .configure(connection)
        .configure(ways_in)
        .service(web::resource("/api/{path:.*}").route(web::route().to(super::nothing_here)));
}

/// Members, their seats and their roles.
fn people(config: &mut web::ServiceConfig) {
    config
        .service(resource("/api/v1/organizations/{organization}/members", "GET").route(web::get().to(members::list)))
        .service(
            resource("/api/v1/organizations/{organization}/members/{id}", "GET, PATCH, DELETE")
                .route(web::get().to(members::show))
                .route(web::patch().to(members::set))
                .route(web::delete().to(members::remove)),
        )
        .service(
            resource("/api/v1/organizations/{organization}/members/{id}/sign-out", "POST")
                .route(web::post().to(members::sign_out)),
        )
        .service(
            resource("/api/v1/organizations/{organization}/members/{id}/unlink", "POST")
                .route(web::post().to(members::unlink)),
        )
        .service(resource("/api/v1/organizations/{organization}/seats", "GET").route(web::get().to(members::seats)))
        .service(
            resource("/api/v1/organizations/{organization}/role-mappings", "GET")
                .route(web::get().to(role_mappings::list)),
        )
        .service(
            resource("/api/v1/organizations/{organization}/role-mappings/preview", "POST")
                .route(web::post().to(role_mappings::preview)),
        )
        .service(
            resource("/api/v1/organizations/{organization}/role-mappings/{group}", "PUT, DELETE")
                .route(web::put().to(role_mappings::set))
                .route(web::delete().to(role_mappings::remove)),
        );
}

/// How an organization is connected: its domains, its identity provider.
fn connection(config: &mut web::ServiceConfig) {
    config
        .service(
            resource("/api/v1/organizations/{organization}/domains", "GET, POST")
                .route(web::get().to(domains::list))
                .route(web::post().to(domains::add)),
        )
        .service(
            resource("/api/v1/organizations/{organization}/domains/{domain}", "GET, PATCH, DELETE")
                .route(web::get().to(domains::show))
                .route(web::patch().to(domains::set))
                .route(web::delete().to(domains::remove)),
        )
        .service(
            resource("/api/v1/organizations/{organization}/domains/{domain}/check", "POST")
                .route(web::post().to(domains::check)),
        )
        .service(
            resource("/api/v1/organizations/{organization}/provisioning-tokens", "GET, POST")
                .route(web::get().to(provisioning_tokens::list))
                .route(web::post().to(provisioning_tokens::create)),
        )
        .service(
            resource("/api/v1/organizations/{organization}/provisioning-tokens/{id}", "DELETE")
                .route(web::delete().to(provisioning_tokens::revoke)),
        )
        .service(
            resource("/api/v1/organizations/{organization}/provisioning-clients", "GET, POST")
                .route(web::get().to(provisioning_clients::list))
                .route(web::post().to(provisioning_clients::create)),
        )
        .service(
            resource("/api/v1/organizations/{organization}/provisioning-clients/{id}", "DELETE")
                .route(web::delete().to(provisioning_clients::revoke)),
        )
        .service(
            resource("/api/v1/organizations/{organization}/schemas", "GET, POST")
                .route(web::get().to(schemas::list))
                .route(web::post().to(schemas::add)),
        )
        .service(
            resource("/api/v1/organizations/{organization}/schemas/{schema}", "DELETE")
                .route(web::delete().to(schemas::remove)),
        );
}

/// How people come in, who asks to, and who is in.
fn ways_in(config: &mut web::ServiceConfig) {
    config
        .service(
            resource("/api/v1/organizations/{organization}/single-sign-on", "GET, PUT")
                .route(web::get().to(single_sign_on::show))
                .route(web::put().to(single_sign_on::set)),
        )
        .service(
            resource("/api/v1/organizations/{organization}/recovery-codes", "GET, POST")
                .route(web::get().to(recovery_codes::list))
                .route(web::post().to(recovery_codes::create)),
        )
        .service(
            resource("/api/v1/organizations/{organization}/recovery-codes/confirm", "POST")
                .route(web::post().to(recovery_codes::confirm)),
        )
        .service(
            resource("/api/v1/organizations/{organization}/sessions", "GET")
                .route(web::get().to(member_sessions::list)),
        )
        .service(
            resource("/api/v1/organizations/{organization}/sessions/revoke", "POST")
                .route(web::post().to(member_sessions::revoke)),
        )
        .service(
            resource("/api/v1/organizations/{organization}/members/{id}/sessions", "GET")
                .route(web::get().to(member_sessions::list_of_member)),
        )
        .service(
            resource("/api/v1/organizations/{organization}/members/{id}/sessions/{session}", "DELETE")
                .route(web::delete().to(member_sessions::end)),
        )
        .service(
            resource("/api/v1/organizations/{organization}/join-requests", "GET")
                .route(web::get().to(join_requests::list)),
        )
        .service(
            resource("/api/v1/organizations/{organization}/join-requests/{id}/approve", "POST")
                .route(web::post().to(join_requests::approve)),
        )
        .service(
            resource("/api/v1/organizations/{organization}/join-requests/{id}/decline", "POST")
                .route(web::post().to(join_requests::decline)),
        );
}

fn key_routes(config: &mut web::ServiceConfig) {
    config
        .service(
            resource("/api/v1/organizations/{organization}/api-keys", "GET, POST")
                .route(web::get().to(api_keys::list))
                .route(web::post().to(api_keys::create)),
        )
        .service(
            resource("/api/v1/organizations/{organization}/api-keys/{id}", "GET, DELETE")
                .route(web::get().to(api_keys::show))
                .route(web::delete().to(api_keys::revoke)),
        );
}

fn webhook_routes(config: &mut web::ServiceConfig) {
    config
        .service(
            resource("/api/v1/organizations/{organization}/webhooks", "GET, POST")
                .route(web::get().to(webhooks::list))
                .route(web::post().to(webhooks::create)),
        )
        .service(
            resource("/api/v1/organizations/{organization}/webhooks/{id}", "GET, PATCH, DELETE")
                .route(web::get().to(webhooks::show))
                .route(web::patch().to(webhooks::set))
                .route(web::delete().to(webhooks::remove)),
        )
        .service(
            resource("/api/v1/organizations/{organization}/webhooks/{id}/test", "POST")
                .route(web::post().to(webhooks::test)),
        )
        .service(
            resource("/api/v1/organizations/{organization}/webhooks/{id}/rotate-secret", "POST")
                .route(web::post().to(webhooks::rotate)),
        )
        .service(
            resource("/api/v1/organizations/{organization}/webhooks/{id}/deliveries", "GET")
                .route(web::get().to(webhooks::log)),
        )
        .service(
            resource("/api/v1/organizations/{organization}/webhooks/{id}/deliveries/{delivery}/replay", "POST")
                .route(web::post().to(webhooks::replay)),
        );
}

/// An address with these methods; any other one is answered 405.
fn resource(path: &str, methods: &'static str) -> Resource {
    let refuse = move |http, state| super::wrong_method(http, state, methods);
    web::resource(path).default_service(web::route().to(refuse))
}
