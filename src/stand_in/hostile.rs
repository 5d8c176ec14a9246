//! Everything hostile that the stand-in can do: a closed list, so that a test can go through all of it.

/// What the stand-in does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hostile {
    /// In the ID token.
    Token(TokenFault),
    /// In what an endpoint answers.
    Answer(Endpoint, Fault),
    /// In the discovery document.
    Discovery(DiscoveryFault),
    /// The authorization response names another issuer (RFC 9207).
    ResponseIssuer,
    /// Userinfo of another person.
    UserinfoSubject,
}

/// What of the stand-in is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Endpoint {
    Discovery,
    Keys,
    Authorize,
    Token,
    Userinfo,
    Logout,
}

/// How an endpoint fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Never answers.
    Slow,
    /// Stops in the middle of the body and never goes on.
    Stalls,
    ServerError,
    /// 400 in the shape of RFC 6749 §5.2.
    Refuses,
    /// 400 in Descope's own shape.
    RefusesAsDescope,
    /// Breaks off in the middle of the body.
    Truncates,
    /// Ends in the middle of the JSON, as if that were all.
    TruncatesJson,
    /// Breaks the connection off before any answer.
    Resets,
    /// To a place where all would be well.
    Redirects,
    Html,
    Garbage,
    EmptyObject,
    EmptyBody,
    Huge,
    /// Goes on sending.
    Endless,
}

impl Fault {
    /// Every one.
    pub const ALL: &[Self] = &[
        Self::Slow,
        Self::Stalls,
        Self::ServerError,
        Self::Refuses,
        Self::RefusesAsDescope,
        Self::Truncates,
        Self::TruncatesJson,
        Self::Resets,
        Self::Redirects,
        Self::Html,
        Self::Garbage,
        Self::EmptyObject,
        Self::EmptyBody,
        Self::Huge,
        Self::Endless,
    ];
}

/// What is wrong with a discovery document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiscoveryFault {
    AnotherIssuer,
    IssuerWithSlash,
    PlainPkceOnly,
    UnknownAlgorithmsOnly,
    /// Of this name.
    EndpointInTheClear(&'static str),
}

impl DiscoveryFault {
    /// Every one.
    pub const ALL: &[Self] = &[
        Self::AnotherIssuer,
        Self::IssuerWithSlash,
        Self::PlainPkceOnly,
        Self::UnknownAlgorithmsOnly,
        Self::EndpointInTheClear("authorization_endpoint"),
        Self::EndpointInTheClear("token_endpoint"),
        Self::EndpointInTheClear("jwks_uri"),
        Self::EndpointInTheClear("userinfo_endpoint"),
        Self::EndpointInTheClear("end_session_endpoint"),
    ];
}

/// What is wrong with an ID token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenFault {
    // who signed it
    AlgorithmNone,
    AlgorithmNoneInMixedCase,
    HmacByClientSecret,
    HmacByPublicKey,
    AlgorithmOfAnotherKey,
    EmbeddedKey,
    KeyElsewhere,
    UnknownKey,
    NoKeyNamed,
    ForeignSignature,
    BrokenSignature,
    CriticalExtension,
    TypeOfAccessToken,
    // whom it is from and for
    AnotherIssuer,
    IssuerWithSlash,
    NoIssuer,
    AnotherAudience,
    NoAudience,
    ForeignExtraAudience,
    ForeignAuthorizedParty,
    AnotherNonce,
    NoNonce,
    // when
    NoEnd,
    Expired,
    NotYetValid,
    NoIssueTime,
    IssuedInTheFuture,
    IssuedLongAgo,
    // about whom
    NoSubject,
    EmptySubject,
    LongSubject,
    SubjectWithControls,
    AddressWithNul,
    AddressWithLineBreak,
    AddressWithTrailingDot,
    AddressTwice,
    AddressInArray,
    VerifiedAsText,
    WrongAccessTokenHash,
    UnreadableSessionExpiry,
    // what it is made of
    Missing,
    Huge,
    NoToken,
    DuplicateNames,
    InvalidUtf8,
    NoObject,
    DeepJson,
}

impl TokenFault {
    /// Every one.
    pub const ALL: &[Self] = &[
        Self::AlgorithmNone,
        Self::AlgorithmNoneInMixedCase,
        Self::HmacByClientSecret,
        Self::HmacByPublicKey,
        Self::AlgorithmOfAnotherKey,
        Self::EmbeddedKey,
        Self::KeyElsewhere,
        Self::UnknownKey,
        Self::NoKeyNamed,
        Self::ForeignSignature,
        Self::BrokenSignature,
        Self::CriticalExtension,
        Self::TypeOfAccessToken,
        Self::AnotherIssuer,
        Self::IssuerWithSlash,
        Self::NoIssuer,
        Self::AnotherAudience,
        Self::NoAudience,
        Self::ForeignExtraAudience,
        Self::ForeignAuthorizedParty,
        Self::AnotherNonce,
        Self::NoNonce,
        Self::NoEnd,
        Self::Expired,
        Self::NotYetValid,
        Self::NoIssueTime,
        Self::IssuedInTheFuture,
        Self::IssuedLongAgo,
        Self::NoSubject,
        Self::EmptySubject,
        Self::LongSubject,
        Self::SubjectWithControls,
        Self::AddressWithNul,
        Self::AddressWithLineBreak,
        Self::AddressWithTrailingDot,
        Self::AddressTwice,
        Self::AddressInArray,
        Self::VerifiedAsText,
        Self::WrongAccessTokenHash,
        Self::UnreadableSessionExpiry,
        Self::Missing,
        Self::Huge,
        Self::NoToken,
        Self::DuplicateNames,
        Self::InvalidUtf8,
        Self::NoObject,
        Self::DeepJson,
    ];
}
