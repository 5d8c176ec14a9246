//! The proof that an organization's tenant let the person in, in Descope's shapes and places.

use headcount::oidc::failure::Reason;
use headcount::oidc::tenant::Tenant;
use headcount::stand_in::AccessTokens;
use headcount::stand_in::hostile::{Endpoint, Hostile};
use headcount::stand_in::person::{Person, Place, Shape};
use serde_json::{Map, Value, json};

use super::{Scene, TENANT, ada};

fn claims(claims: Value) -> Map<String, Value> {
    claims.as_object().unwrap().clone()
}

#[tokio::test]
async fn a_tenant_is_proven_in_each_shape_and_place() {
    let scene = Scene::new();
    for shape in [Shape::Default, Shape::TenantOnly] {
        for place in [Place::IdToken, Place::AccessToken, Place::Userinfo] {
            scene.stand_in.claim_tenants(shape, &[place]);
            let before = scene.stand_in.requests(Endpoint::Userinfo);
            let person = scene.sign_in().await.unwrap();
            assert!(person.tenant.proves(TENANT), "{shape:?} in {place:?}");
            let asked = scene.stand_in.requests(Endpoint::Userinfo) - before;
            assert_eq!(asked, usize::from(place == Place::Userinfo), "{place:?}");
        }
    }
    scene.stand_in.claim_tenants(Shape::None, &[Place::IdToken, Place::AccessToken, Place::Userinfo]);
    assert_eq!(scene.sign_in().await.unwrap().tenant, Tenant::Unsaid);
}

#[tokio::test]
async fn an_opaque_access_token_says_nothing_and_userinfo_is_asked() {
    let scene = Scene::new();
    scene.stand_in.set_access_tokens(AccessTokens::Opaque);
    scene.stand_in.claim_tenants(Shape::TenantOnly, &[Place::Userinfo]);
    assert!(scene.sign_in().await.unwrap().tenant.proves(TENANT));
}

#[tokio::test]
async fn what_an_earlier_place_says_stands() {
    let scene = Scene::new();
    for (more, tenant) in [
        (json!({"dct": "T2other"}), Tenant::Named("T2other".into())),
        // Userinfo is asked for the address, and for nothing else.
        (json!({"dct": "T2other", "email": null}), Tenant::Named("T2other".into())),
        (json!({"dct": "T2other", "tenants": {TENANT: {}}}), Tenant::Unclear),
        (json!({"tenants": {TENANT: {}, "T2other": {}}}), Tenant::Unclear),
        (json!({"tenants": [TENANT]}), Tenant::Unclear),
    ] {
        scene.stand_in.claim_tenants(Shape::TenantOnly, &[Place::AccessToken, Place::Userinfo]);
        scene.stand_in.set_person(Person { more: claims(more.clone()), ..ada() });
        assert_eq!(scene.sign_in().await.unwrap().tenant, tenant, "{more}");
        scene.stand_in.set_person(ada());
        scene.stand_in.claim_tenants(Shape::TenantOnly, &[Place::Userinfo]);
        scene.stand_in.set_access_token_claims(claims(more.clone()));
        assert_eq!(scene.sign_in().await.unwrap().tenant, tenant, "{more} in the access token");
        scene.stand_in.set_access_token_claims(Map::new());
    }
}

/// The access token is no proof unless the provider signed it about this person; userinfo then says nothing.
#[tokio::test]
async fn an_access_token_proves_only_what_holds() {
    let scene = Scene::new();
    scene.stand_in.claim_tenants(Shape::TenantOnly, &[Place::AccessToken]);
    let now = 1_790_000_000;
    for wrong in [
        json!({"iss": "https://issuer.example"}),
        json!({"iss": headcount::stand_in::CLIENT_ID}),
        json!({"sub": "U2somebody"}),
        json!({"exp": now - 61}),
        json!({"nbf": now + 61}),
        json!({"exp": null}),
    ] {
        scene.stand_in.set_access_token_claims(claims(wrong.clone()));
        assert_eq!(scene.sign_in().await.unwrap().tenant, Tenant::Unsaid, "{wrong}");
    }
    scene.stand_in.set_access_token_claims(Map::new());
    assert!(scene.sign_in().await.unwrap().tenant.proves(TENANT));
    scene.stand_in.set_access_tokens(AccessTokens::Foreign);
    assert_eq!(scene.sign_in().await.unwrap().tenant, Tenant::Unsaid, "signed by nobody known");
}

#[tokio::test]
async fn userinfo_of_another_person_ends_the_sign_in() {
    let scene = Scene::new();
    scene.stand_in.claim_tenants(Shape::Default, &[Place::Userinfo]);
    scene.stand_in.set_hostile(Some(Hostile::UserinfoSubject));
    assert_eq!(scene.refusal().await, Some(Reason::UserinfoSubject));
}

#[tokio::test]
async fn userinfo_that_fails_ends_the_sign_in() {
    use headcount::stand_in::hostile::Fault;
    let mut scene = Scene::new();
    scene.stand_in.claim_tenants(Shape::Default, &[Place::Userinfo]);
    for (fault, reason) in [
        (Fault::ServerError, Reason::ProviderFailed),
        (Fault::Resets, Reason::ProviderUnreachable),
        (Fault::Truncates, Reason::ResponseTruncated),
        (Fault::TruncatesJson, Reason::ResponseTruncated),
        (Fault::Redirects, Reason::UserinfoMalformed),
        (Fault::Html, Reason::UserinfoMalformed),
        (Fault::Garbage, Reason::UserinfoMalformed),
        (Fault::EmptyObject, Reason::UserinfoMalformed),
        (Fault::Huge, Reason::UserinfoMalformed),
    ] {
        scene.stand_in.set_hostile(Some(Hostile::Answer(Endpoint::Userinfo, fault)));
        scene.forget();
        assert_eq!(scene.refusal().await, Some(reason), "{fault:?}");
    }
}

/// Nothing proves the tenant then, and the organization's rule refuses the person (403), not the protocol (400).
#[tokio::test]
async fn userinfo_that_is_refused_says_nothing() {
    use headcount::stand_in::hostile::Fault;
    let scene = Scene::new();
    scene.stand_in.claim_tenants(Shape::Default, &[Place::Userinfo]);
    scene.stand_in.set_hostile(Some(Hostile::Answer(Endpoint::Userinfo, Fault::RefusesAsDescope)));
    let person = scene.sign_in().await.unwrap();
    assert!(!person.tenant.proves(TENANT), "{:?}", person.tenant);
    assert_eq!(scene.stand_in.requests(Endpoint::Userinfo), 1);
}
