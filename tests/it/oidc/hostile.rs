//! Everything hostile that the stand-in can do, each with the reason for which nobody is signed in.

use headcount::oidc::failure::{Class, Reason};
use headcount::stand_in::Layout;
use headcount::stand_in::hostile::{Hostile, TokenFault};

use super::Scene;

fn reason(fault: TokenFault) -> Reason {
    match fault {
        TokenFault::AlgorithmNone
        | TokenFault::HmacByClientSecret
        | TokenFault::HmacByPublicKey
        | TokenFault::AlgorithmOfAnotherKey => Reason::Algorithm,
        TokenFault::EmbeddedKey | TokenFault::ForeignSignature | TokenFault::BrokenSignature => Reason::Signature,
        TokenFault::UnknownKey => Reason::KeyUnknown,
        TokenFault::NoKeyNamed => Reason::KeyNotNamed,
        TokenFault::CriticalExtension | TokenFault::TypeOfAccessToken => Reason::HeaderUnsupported,
        TokenFault::AnotherIssuer | TokenFault::IssuerWithSlash => Reason::Issuer,
        TokenFault::AnotherAudience | TokenFault::NoAudience | TokenFault::ForeignExtraAudience => Reason::Audience,
        TokenFault::ForeignAuthorizedParty => Reason::AuthorizedParty,
        TokenFault::AnotherNonce | TokenFault::NoNonce => Reason::Nonce,
        TokenFault::Expired => Reason::Expired,
        TokenFault::NotYetValid => Reason::NotYetValid,
        TokenFault::IssuedInTheFuture => Reason::IssuedInTheFuture,
        TokenFault::IssuedLongAgo => Reason::IssuedTooEarly,
        TokenFault::EmptySubject | TokenFault::LongSubject | TokenFault::SubjectWithControls => Reason::Subject,
        TokenFault::AddressWithNul
        | TokenFault::AddressWithLineBreak
        | TokenFault::AddressWithTrailingDot
        | TokenFault::AddressTwice => Reason::AddressMalformed,
        TokenFault::WrongAccessTokenHash => Reason::AccessTokenHash,
        TokenFault::Missing => Reason::IdTokenMissing,
        TokenFault::Huge => Reason::TokenTooLarge,
        TokenFault::NoIssuer
        | TokenFault::NoEnd
        | TokenFault::NoIssueTime
        | TokenFault::NoSubject
        | TokenFault::AddressInArray
        | TokenFault::VerifiedAsText
        | TokenFault::UnreadableSessionExpiry
        | TokenFault::NoToken
        | TokenFault::DuplicateNames
        | TokenFault::InvalidUtf8
        | TokenFault::NoObject
        | TokenFault::DeepJson
        | TokenFault::AlgorithmNoneInMixedCase => Reason::TokenMalformed,
        // A header that points to keys is not followed, and the right key signed this one.
        TokenFault::KeyElsewhere => unreachable!("this one signs in"),
    }
}

#[tokio::test]
async fn no_hostile_token_signs_anybody_in() {
    let scene = Scene::new();
    for fault in TokenFault::ALL {
        scene.stand_in.set_hostile(Some(Hostile::Token(*fault)));
        let outcome = scene.sign_in().await;
        if *fault == TokenFault::KeyElsewhere {
            assert!(outcome.is_ok(), "{fault:?}");
            continue;
        }
        let failure = outcome.err().unwrap_or_else(|| panic!("{fault:?} signs in"));
        assert_eq!(failure.reason, reason(*fault), "{fault:?}: {failure}");
        assert_eq!(failure.reason.class(), Class::BadResponse, "{fault:?}");
        assert!(!failure.detail.contains("U2victim") && !failure.detail.contains("Bcc"), "{failure}");
    }
    scene.stand_in.set_hostile(None);
    assert!(scene.sign_in().await.is_ok(), "and nothing of it stays behind");
}

/// The only key there is may not be guessed either.
#[tokio::test]
async fn a_token_that_names_no_key_is_refused_though_there_is_one_key_only() {
    let scene = Scene::of(Layout::Application, |_| ());
    scene.stand_in.revoke();
    scene.stand_in.set_hostile(Some(Hostile::Token(TokenFault::NoKeyNamed)));
    assert_eq!(scene.refusal().await, Some(Reason::KeyNotNamed));
}

#[tokio::test]
async fn a_hostile_response_of_the_browser_gets_nowhere() {
    let scene = Scene::new();
    scene.stand_in.set_hostile(Some(Hostile::ResponseIssuer));
    assert_eq!(scene.refusal().await, Some(Reason::ResponseIssuer));
    scene.stand_in.set_hostile(None);
    for (name, value, refused) in [
        ("error", "access_denied", Reason::ProviderRefused),
        ("error", "<script>", Reason::ProviderRefused),
        ("error", "temporarily_unavailable", Reason::ProviderFailed),
        ("error", "server_error", Reason::ProviderFailed),
        ("code", "", Reason::CodeMissing),
        ("code", "code-of-another", Reason::CodeRefused),
    ] {
        let (url, pending) = scene.begin().await.unwrap();
        let mut back = scene.consent(url).await;
        back.insert(name.into(), value.into());
        assert_eq!(scene.complete(&pending, &back).await.err().unwrap().reason, refused, "{name}={value}");
    }
    let (_, pending) = scene.begin().await.unwrap();
    let nothing = scene.complete(&pending, &std::collections::BTreeMap::new()).await;
    assert_eq!(nothing.err().unwrap().reason, Reason::CodeMissing);
}
