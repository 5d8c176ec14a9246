//! Why a sign-in at the provider fails: one closed table, each row with the name that the audit trail keeps.

use std::fmt;

/// What went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    // the provider cannot be used now
    ProviderUnreachable,
    ProviderTooSlow,
    ProviderFailed,
    ResponseTruncated,
    DiscoveryWrong,
    KeysUnreadable,
    // its authorization response
    ResponseIssuer,
    ProviderRefused,
    CodeMissing,
    // its token endpoint and userinfo
    ResponseTooLarge,
    CodeRefused,
    TokenResponseMalformed,
    IdTokenMissing,
    UserinfoMalformed,
    UserinfoRefused,
    UserinfoSubject,
    // a token
    TokenTooLarge,
    TokenMalformed,
    KeyNotNamed,
    KeyUnknown,
    Algorithm,
    HeaderUnsupported,
    Signature,
    Issuer,
    Audience,
    AuthorizedParty,
    Expired,
    NotYetValid,
    IssuedInTheFuture,
    IssuedTooEarly,
    Nonce,
    Subject,
    AccessTokenHash,
    AddressMalformed,
    // a logout token
    LogoutEvent,
    LogoutNonce,
    LogoutTokenId,
    LogoutSubject,
}

/// Which page a failure comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// 400: what came is not what a provider answers to a sign-in of ours.
    BadResponse,
    /// 503: the provider cannot be used now; trying again may help.
    ProviderAway,
}

impl Reason {
    /// The name in the audit trail.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ProviderUnreachable => "provider_unreachable",
            Self::ProviderTooSlow => "provider_too_slow",
            Self::ProviderFailed => "provider_failed",
            Self::ResponseTruncated => "response_truncated",
            Self::DiscoveryWrong => "discovery_wrong",
            Self::KeysUnreadable => "keys_unreadable",
            Self::ResponseIssuer => "response_issuer",
            Self::ProviderRefused => "provider_refused",
            Self::CodeMissing => "code_missing",
            Self::ResponseTooLarge => "response_too_large",
            Self::CodeRefused => "code_refused",
            Self::TokenResponseMalformed => "token_response_malformed",
            Self::IdTokenMissing => "id_token_missing",
            Self::UserinfoMalformed => "userinfo_malformed",
            Self::UserinfoRefused => "userinfo_refused",
            Self::UserinfoSubject => "userinfo_subject",
            Self::TokenTooLarge => "token_too_large",
            Self::TokenMalformed => "token_malformed",
            Self::KeyNotNamed => "key_not_named",
            Self::KeyUnknown => "key_unknown",
            Self::Algorithm => "algorithm",
            Self::HeaderUnsupported => "header_unsupported",
            Self::Signature => "signature",
            Self::Issuer => "issuer",
            Self::Audience => "audience",
            Self::AuthorizedParty => "authorized_party",
            Self::Expired => "expired",
            Self::NotYetValid => "not_yet_valid",
            Self::IssuedInTheFuture => "issued_in_the_future",
            Self::IssuedTooEarly => "issued_too_early",
            Self::Nonce => "nonce",
            Self::Subject => "subject",
            Self::AccessTokenHash => "access_token_hash",
            Self::AddressMalformed => "address_malformed",
            Self::LogoutEvent => "logout_event",
            Self::LogoutNonce => "logout_nonce",
            Self::LogoutTokenId => "logout_token_id",
            Self::LogoutSubject => "logout_subject",
        }
    }

    /// Which page it comes to.
    #[must_use]
    pub const fn class(self) -> Class {
        match self {
            Self::ProviderUnreachable
            | Self::ProviderTooSlow
            | Self::ProviderFailed
            | Self::ResponseTruncated
            | Self::DiscoveryWrong
            | Self::KeysUnreadable => Class::ProviderAway,
            _ => Class::BadResponse,
        }
    }
}

/// A failure: its reason, and for those who run the service what was seen. The detail holds no token,
/// code or secret, nor what a token says of a person; but it may hold words that the provider or a
/// browser sent, so no page shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct Failure {
    pub reason: Reason,
    pub detail: String,
}

/// What fails with a [`Failure`].
pub type Result<T, E = Failure> = std::result::Result<T, E>;

impl Failure {
    /// Characters of a detail at most: the provider's words may be many.
    const MAX_DETAIL: usize = 300;

    /// A failure with what was seen, in one line of printable text.
    #[must_use]
    pub fn new(reason: Reason, detail: impl fmt::Display) -> Self {
        let printable = |c: char| if c.is_control() { ' ' } else { c };
        Self { reason, detail: detail.to_string().chars().take(Self::MAX_DETAIL).map(printable).collect() }
    }
}

/// Where a document is malformed, and what is missing; never a value of it, which may be a person's.
pub(super) fn place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let missing = text.starts_with("missing field").then(|| text.split(" at ").next()).flatten();
    format!("{} at line {}, column {}", missing.unwrap_or("malformed"), error.line(), error.column())
}

impl From<Reason> for Failure {
    fn from(reason: Reason) -> Self {
        Self { reason, detail: String::new() }
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Failure({self})")
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason.name())?;
        if self.detail.is_empty() { Ok(()) } else { write!(f, ": {}", self.detail) }
    }
}

impl std::error::Error for Failure {}
