//! A provider that is slow, down, wrong or breaks off: nobody signs in, nobody waits, and it recovers.

use std::time::Duration;

use headcount::oidc::failure::{Class, Reason};
use headcount::oidc::{Options, Provider};
use headcount::secret::SystemRandom;
use headcount::stand_in::Layout;
use headcount::stand_in::hostile::{DiscoveryFault, Endpoint, Fault, Hostile};

use super::Scene;

/// So short that slowness shows at once, and so long that an answer comes.
const PATIENCE: Duration = Duration::from_secs(2);

fn impatient(options: &mut Options) {
    options.timeout = PATIENCE;
}

/// The reason where a document is needed that nobody but the provider can be blamed for.
fn reason_of_a_document(fault: Fault, malformed: Reason) -> Reason {
    match fault {
        Fault::Slow | Fault::Stalls => Reason::ProviderTooSlow,
        Fault::ServerError => Reason::ProviderFailed,
        Fault::Truncates | Fault::TruncatesJson | Fault::EmptyBody => Reason::ResponseTruncated,
        Fault::Resets => Reason::ProviderUnreachable,
        _ => malformed,
    }
}

#[tokio::test]
async fn a_token_endpoint_that_fails_signs_nobody_in() {
    let mut scene = Scene::of(Layout::Project, impatient);
    for fault in Fault::ALL {
        scene.stand_in.set_hostile(Some(Hostile::Answer(Endpoint::Token, *fault)));
        scene.forget();
        let expected = match fault {
            Fault::Refuses | Fault::RefusesAsDescope | Fault::Redirects => Reason::CodeRefused,
            Fault::Huge | Fault::Endless => Reason::ResponseTooLarge,
            Fault::EmptyBody => Reason::TokenResponseMalformed,
            other => reason_of_a_document(*other, Reason::TokenResponseMalformed),
        };
        let failure = scene.sign_in().await.err().unwrap_or_else(|| panic!("{fault:?} signs in"));
        assert_eq!(failure.reason, expected, "{fault:?}: {failure}");
        let said = ["invalid_grant", "E061005: Invalid token"];
        match fault {
            Fault::Refuses => assert!(failure.detail.contains(said[0]), "{failure}"),
            Fault::RefusesAsDescope => assert!(failure.detail.contains(said[1]), "{failure}"),
            _ => {}
        }
    }
}

#[tokio::test]
async fn keys_that_cannot_be_had_sign_nobody_in() {
    let mut scene = Scene::of(Layout::Project, impatient);
    for fault in Fault::ALL {
        scene.stand_in.set_hostile(Some(Hostile::Answer(Endpoint::Keys, *fault)));
        scene.forget();
        let failure = scene.sign_in().await.err().unwrap_or_else(|| panic!("{fault:?} signs in"));
        assert_eq!(failure.reason, reason_of_a_document(*fault, Reason::KeysUnreadable), "{fault:?}: {failure}");
        assert_eq!(failure.reason.class(), Class::ProviderAway);
    }
}

#[tokio::test]
async fn a_wrong_discovery_document_stops_sign_ins_and_the_right_one_starts_them() {
    let mut scene = Scene::of(Layout::Project, impatient);
    let answers = Fault::ALL.iter().map(|fault| {
        (Hostile::Answer(Endpoint::Discovery, *fault), reason_of_a_document(*fault, Reason::DiscoveryWrong))
    });
    let documents = DiscoveryFault::ALL.iter().map(|fault| (Hostile::Discovery(*fault), Reason::DiscoveryWrong));
    let hostile: Vec<_> = answers.chain(documents).collect();
    for (hostile, expected) in hostile {
        // A reset is of the address that discovery names, so there is none of discovery itself.
        let expected = match hostile {
            Hostile::Answer(_, Fault::Resets) => Reason::ProviderFailed,
            _ => expected,
        };
        scene.stand_in.set_hostile(Some(hostile));
        scene.forget();
        let failure = scene.sign_in().await.err().unwrap_or_else(|| panic!("{hostile:?} signs in"));
        assert_eq!((failure.reason, failure.reason.class()), (expected, Class::ProviderAway), "{failure}");
        scene.stand_in.set_hostile(None);
        assert_eq!(scene.refusal().await, Some(expected), "not asked again at once");
        scene.clock.advance_seconds(5);
        assert_eq!(scene.refusal().await, None, "{hostile:?}: the same provider recovers");
    }
}

#[tokio::test]
async fn while_discovery_is_wrong_it_is_asked_every_few_seconds() {
    let scene = Scene::new();
    scene.stand_in.set_hostile(Some(Hostile::Answer(Endpoint::Discovery, Fault::ServerError)));
    for _ in 0..50 {
        assert_eq!(scene.refusal().await, Some(Reason::ProviderFailed));
    }
    assert_eq!(scene.stand_in.requests(Endpoint::Discovery), 1);
    scene.clock.advance_seconds(5);
    assert_eq!(scene.refusal().await, Some(Reason::ProviderFailed));
    assert_eq!(scene.stand_in.requests(Endpoint::Discovery), 2);
}

#[tokio::test]
async fn a_document_once_read_outlives_an_outage_of_discovery() {
    let scene = Scene::new();
    assert_eq!(scene.refusal().await, None);
    scene.stand_in.set_hostile(Some(Hostile::Discovery(DiscoveryFault::AnotherIssuer)));
    scene.clock.advance_seconds(3_600);
    assert_eq!(scene.refusal().await, None);
    assert_eq!(scene.stand_in.requests(Endpoint::Discovery), 2, "it was looked at");
}

#[tokio::test]
async fn a_provider_that_is_not_there_is_away() {
    let mut scene = Scene::of(Layout::Project, impatient);
    let nobody = crate::support::Reserved::new();
    scene.options.issuer = format!("http://{}", nobody.address);
    scene.forget();
    assert_eq!(scene.refusal().await, Some(Reason::ProviderUnreachable));
}

#[tokio::test]
async fn a_discovery_document_elsewhere_is_found_and_its_issuer_still_compared() {
    let mut scene = Scene::new();
    let issuer = scene.stand_in.issuer();
    scene.options.discovery_url = Some(format!("{issuer}/.well-known/openid-configuration"));
    scene.forget();
    assert_eq!(scene.refusal().await, None);
    scene.options.issuer = format!("{issuer}/");
    scene.forget();
    assert_eq!(scene.refusal().await, Some(Reason::DiscoveryWrong));
}

#[tokio::test]
async fn an_issuer_in_the_clear_is_refused_at_once() {
    let scene = Scene::new();
    for (issuer, discovery_url) in [
        ("http://issuer.example", None),
        ("issuer.example", None),
        ("ftp://127.0.0.1", None),
        ("http://issuer.example", Some("https://issuer.example/openid")),
        ("https://issuer.example", Some("http://issuer.example/openid")),
    ] {
        let discovery_url = discovery_url.map(str::to_owned);
        let options = Options { issuer: issuer.into(), discovery_url, ..scene.options.clone() };
        let random = std::sync::Arc::new(SystemRandom::default());
        assert!(Provider::new(options, scene.clock.clone(), random).is_err(), "{issuer}");
    }
}
