//! Which Descope tenant let a person in, read from the claims that speak of it.
//!
//! Descope has three shapes: a map `tenants` with `dct` where one was selected, `dct` alone, and neither.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The claims that speak of tenants, in a token or in userinfo.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct TenantClaims {
    /// The current tenant.
    dct: Option<Value>,
    /// The person's tenants, each with the roles there.
    tenants: Option<Value>,
}

/// The tenant that claims name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tenant {
    /// This one, and only this one.
    Named(String),
    /// None: the claims contradict themselves, or several could be meant.
    Unclear,
    /// The claims say nothing of tenants.
    Unsaid,
}

impl Tenant {
    /// Whether this proves that the tenant let the person in.
    #[must_use]
    pub fn proves(&self, tenant: &str) -> bool {
        matches!(self, Self::Named(named) if named == tenant)
    }
}

impl TenantClaims {
    /// The tenant that these claims name.
    #[must_use]
    pub fn tenant(&self) -> Tenant {
        let tenants = match &self.tenants {
            None => None,
            Some(Value::Object(tenants)) => Some(tenants),
            Some(_) => return Tenant::Unclear,
        };
        match (&self.dct, tenants) {
            (None, None) => Tenant::Unsaid,
            (Some(Value::String(current)), tenants) if !current.is_empty() => {
                let agreed = tenants.is_none_or(|tenants| tenants.contains_key(current));
                if agreed { Tenant::Named(current.clone()) } else { Tenant::Unclear }
            }
            (None, Some(tenants)) if tenants.len() == 1 => {
                tenants.keys().next().map_or(Tenant::Unclear, |only| Tenant::Named(only.clone()))
            }
            _ => Tenant::Unclear,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_tenant_is_named_by_dct_or_by_being_the_only_one() {
        let named = || Tenant::Named("T2a".into());
        for (claims, tenant) in [
            (json!({"dct": "T2a"}), named()),
            (json!({"dct": "T2a", "tenants": {"T2a": {"roles": ["admin"]}, "T2b": {}}}), named()),
            (json!({"tenants": {"T2a": {}}}), named()),
            (json!({"tenants": {"T2a": null}, "dct": null}), named()),
            (json!({}), Tenant::Unsaid),
            (json!({"dct": null, "tenants": null}), Tenant::Unsaid),
            (json!({"dct": "T2a", "tenants": {"T2b": {}}}), Tenant::Unclear),
            (json!({"dct": "T2a", "tenants": {}}), Tenant::Unclear),
            (json!({"dct": "T2a", "tenants": ["T2a"]}), Tenant::Unclear),
            (json!({"dct": ["T2a"]}), Tenant::Unclear),
            (json!({"dct": ""}), Tenant::Unclear),
            (json!({"dct": true, "tenants": {"T2a": {}}}), Tenant::Unclear),
            (json!({"tenants": {"T2a": {}, "T2b": {}}}), Tenant::Unclear),
            (json!({"tenants": {}}), Tenant::Unclear),
            (json!({"tenants": ["T2a"]}), Tenant::Unclear),
            (json!({"tenants": "T2a"}), Tenant::Unclear),
        ] {
            let read: TenantClaims = serde_json::from_value(claims.clone()).unwrap();
            assert_eq!(read.tenant(), tenant, "{claims}");
        }
    }

    #[test]
    fn a_tenant_is_proven_by_its_exact_name() {
        let named = Tenant::Named("T2a".into());
        assert!(named.proves("T2a") && !named.proves("t2a") && !named.proves("T2"));
        assert!(!Tenant::Unclear.proves("T2a") && !Tenant::Unsaid.proves("T2a"));
    }
}
