//! Who signs in at the stand-in, and what it says of them.

use serde_json::{Map, Value, json};

/// A person who consents to everything.
#[derive(Clone, Debug)]
pub struct Person {
    pub subject: String,
    pub email: Option<String>,
    /// Of any type, or left out.
    pub email_verified: Option<Value>,
    pub name: String,
    /// The tenants the person belongs to.
    pub tenants: Vec<String>,
    /// Claims beside or instead of the usual ones, in the ID token.
    pub more: Map<String, Value>,
}

impl Person {
    /// A person of one tenant whose address is verified.
    #[must_use]
    pub fn new(subject: &str, email: &str, tenant: &str) -> Self {
        Self {
            subject: subject.into(),
            email: Some(email.into()),
            email_verified: Some(true.into()),
            name: "Ada Lovelace".into(),
            tenants: vec![tenant.into()],
            more: Map::new(),
        }
    }

    /// What any token or userinfo says of the person.
    pub(super) fn claims(&self) -> Map<String, Value> {
        let mut claims = Map::new();
        claims.insert("sub".into(), self.subject.clone().into());
        claims.insert("name".into(), self.name.clone().into());
        if let Some(email) = &self.email {
            claims.insert("email".into(), email.clone().into());
        }
        if let Some(verified) = &self.email_verified {
            claims.insert("email_verified".into(), verified.clone());
        }
        claims
    }
}

/// In which of Descope's shapes tenants are claimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// `tenants`, and `dct` where one was selected.
    Default,
    /// `dct` and no `tenants`.
    TenantOnly,
    /// Neither.
    None,
}

/// Where tenants are claimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    IdToken,
    AccessToken,
    Userinfo,
}

impl Shape {
    /// The claims about tenants of somebody who selected one of them, or none.
    pub(super) fn claims(self, person: &Person, selected: Option<&str>) -> Map<String, Value> {
        let mut claims = Map::new();
        let roles = json!({"roles": ["Tenant Admin"], "permissions": ["read"]});
        if self != Self::None
            && let Some(selected) = selected
        {
            claims.insert("dct".into(), selected.into());
        }
        match self {
            Self::Default => {
                let tenants = person.tenants.iter().map(|tenant| (tenant.clone(), roles.clone())).collect();
                claims.insert("tenants".into(), Value::Object(tenants));
            }
            Self::TenantOnly => claims.extend(roles.as_object().cloned().unwrap_or_default()),
            Self::None => {}
        }
        claims
    }
}
