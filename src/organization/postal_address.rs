//! Where an organization gets its paper mail and its invoices.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::error::{Code, Error, Result};

/// A postal address; every part is free text but the country.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PostalAddress {
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 200, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$")]
    pub street: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 200, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$")]
    pub city: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 200, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$")]
    pub state: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 200, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$")]
    pub postal_code: Option<String>,
    /// Two letters (ISO 3166-1).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(pattern = "^[A-Z]{2}$")]
    pub country: Option<String>,
}

impl PostalAddress {
    /// Refuses what nobody could write on an envelope.
    ///
    /// # Errors
    /// `invalidValue`, naming the part.
    pub fn check(&self) -> Result<()> {
        let parts = [
            ("street", &self.street),
            ("city", &self.city),
            ("state", &self.state),
            ("postal_code", &self.postal_code),
        ];
        for (name, part) in parts.into_iter().filter_map(|(name, part)| Some((name, part.as_ref()?))) {
            if part.chars().count() > 200 || part.chars().any(char::is_control) {
                return Err(Error::new(
                    Code::InvalidValue,
                    format!("address.{name} has at most 200 characters and no control characters."),
                ));
            }
        }
        if self.country.as_deref().is_some_and(|code| code.len() != 2 || !code.bytes().all(|b| b.is_ascii_uppercase()))
        {
            return Err(Error::new(
                Code::InvalidValue,
                "address.country is two capital letters, such as DE (ISO 3166-1).",
            ));
        }
        Ok(())
    }
}
