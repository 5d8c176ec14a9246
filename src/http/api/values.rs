//! What a request's values may be, where the description says more than their type: handlers read them as texts, so
//! that a wrong one is refused by a sentence of ours.

use serde::{Deserialize, Deserializer};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::{IntoParams, ToSchema};

/// A name that people give something: no character of control, and something to see at its beginning.
#[derive(ToSchema)]
#[schema(pattern = "^[^\\s\\x00-\\x1f\\x7f-\\x9f][^\\x00-\\x1f\\x7f-\\x9f]{0,199}$")]
#[expect(dead_code, reason = "it describes what is read as a text")]
pub(super) struct Name(String);

/// An organization's name in addresses.
#[derive(ToSchema)]
#[schema(pattern = "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")]
#[expect(dead_code, reason = "it describes what is read as a text")]
pub(super) struct Slug(String);

/// An e-mail address.
#[derive(ToSchema)]
#[schema(format = "email")]
#[expect(dead_code, reason = "it describes what is read as a text")]
pub(super) struct EmailAddress(String);

/// A telephone number.
#[derive(ToSchema)]
#[schema(pattern = "^[0-9 +\\-().]{3,40}$")]
#[expect(dead_code, reason = "it describes what is read as a text")]
pub(super) struct PhoneNumber(String);

/// An organization's tenant at Descope.
#[derive(ToSchema)]
#[schema(pattern = "^[A-Za-z0-9._-]{1,128}$")]
#[expect(dead_code, reason = "it describes what is read as a text")]
pub(super) struct TenantId(String);

/// A length of time: `365d`, `24h`, `30m` or `45s`.
#[derive(ToSchema)]
#[schema(pattern = "^[1-9][0-9]{0,3}[smhd]$")]
#[expect(dead_code, reason = "it describes what is read as a text")]
pub(super) struct Length(String);

/// A minute to a year: `4h`, `30m` or `7d`.
#[derive(ToSchema)]
#[schema(pattern = "^([1-9][0-9]{0,3}m|[1-9][0-9]{0,2}h|[1-9][0-9]?d)$")]
#[expect(dead_code, reason = "it describes what is read as a text")]
pub(super) struct SessionLength(String);

/// What a mail says beside.
#[derive(ToSchema)]
#[schema(pattern = "^[^\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\x7f-\\x9f]{0,1000}$")]
#[expect(dead_code, reason = "it describes what is read as a text")]
pub(super) struct Sentences(String);

/// A line of text.
#[derive(ToSchema)]
#[schema(pattern = "^[^\\x00-\\x1f\\x7f-\\x9f]{0,200}$")]
#[expect(dead_code, reason = "it describes what is read as a text")]
pub(super) struct Note(String);

/// Which part of a list is wanted.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "it describes what `Query::read` reads")]
pub(super) struct Paged {
    /// How many
    #[param(minimum = 1, maximum = 100, default = 50)]
    limit: Option<u32>,
    /// The cursor `next` of the page before
    after: Option<String>,
}

/// From when and until when.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "it describes what the logs' lists read")]
pub(super) struct Period {
    /// Not before this time; a day does as well
    #[param(format = "date-time")]
    from: Option<String>,
    /// Before this time; a day does as well
    #[param(format = "date-time")]
    to: Option<String>,
}

/// What a key or a group may give: never ownership.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "it describes what is read as a role")]
pub(super) enum LesserRole {
    Read,
    Write,
    Admin,
}

/// What somebody may do who joins by a domain.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "it describes what is read as a role")]
pub(super) enum JoiningRole {
    Read,
    Write,
}

/// Who becomes a member by a domain.
#[derive(ToSchema)]
#[schema(as = Joining, rename_all = "snake_case")]
#[expect(dead_code, reason = "it describes what is read as a way of joining")]
pub(super) enum JoiningPolicy {
    Automatic,
    AskAdmin,
    InviteOnly,
}

/// The orders of the list of members.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "it describes what is read as an order")]
pub(super) enum MemberOrder {
    Email,
    Name,
    Role,
    Status,
    Joined,
    #[schema(rename = "-email")]
    EmailBackward,
    #[schema(rename = "-name")]
    NameBackward,
    #[schema(rename = "-role")]
    RoleBackward,
    #[schema(rename = "-status")]
    StatusBackward,
    #[schema(rename = "-joined")]
    JoinedBackward,
}

/// What came of a request of an identity provider.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "it describes what is read as an outcome")]
pub(super) enum LoggedOutcome {
    Succeeded,
    Refused,
}

/// A file of a log.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "it describes what is read as a format")]
pub(super) enum ExportFormat {
    Csv,
    Ndjson,
}

/// A whole number, also where it is written with a fraction of nothing: in JSON 5.0 is 5 (RFC 8259 §6).
pub(super) fn whole<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    /// Up to here an `f64` has every whole number.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let Some(number) = Option::<serde_json::Number>::deserialize(deserializer)? else { return Ok(None) };
    let fraction = number.as_f64().filter(|number| number.fract() == 0.0 && number.abs() <= EXACT);
    #[expect(clippy::cast_possible_truncation, reason = "it is whole and no longer than that")]
    let whole = number.as_i64().or_else(|| fraction.map(|number| number as i64));
    whole.map(Some).ok_or_else(|| serde::de::Error::custom(format!("{number} is not a whole number")))
}

/// [`whole`], where there must be one.
pub(super) fn whole_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    whole(deserializer)?.ok_or_else(|| serde::de::Error::custom("a whole number is missing"))
}

/// Nothing but `true`, which says that it is meant.
pub(super) fn only_true() -> utoipa::openapi::schema::Object {
    ObjectBuilder::new().schema_type(Type::Boolean).enum_values(Some([true])).build()
}
