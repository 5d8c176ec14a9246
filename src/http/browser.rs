//! What a browser carries: the cookie that binds its forms and sign-ins to it, and the session's.

use actix_web::HttpRequest;
use actix_web::cookie::{Cookie, SameSite};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;

use crate::secret::{Random, SecretHash, SecretToken};

/// Names and flags of the cookies, and the key that form tokens are made with.
#[derive(Debug)]
pub struct Cookies {
    /// The public address is https; otherwise it is http on loopback, where a `__Host-` cookie would
    /// not be stored.
    secure: bool,
    key: hmac::Key,
}

/// A browser before anybody has signed in, known by a random cookie.
#[derive(Debug)]
pub struct Browser {
    secret: String,
    /// Whether the cookie has to be set with the answer.
    pub is_new: bool,
}

impl Browser {
    /// What sign-ins are bound to.
    #[must_use]
    pub fn hash(&self) -> SecretHash {
        SecretHash::of(self.secret.as_bytes())
    }
}

impl Cookies {
    /// Cookies of a service at this public address.
    #[must_use]
    pub fn new(public_url: &str, key: hmac::Key) -> Self {
        Self { secure: public_url.starts_with("https://"), key }
    }

    fn name(&self, name: &str) -> String {
        if self.secure { format!("__Host-headcount_{name}") } else { format!("headcount_{name}") }
    }

    fn make(&self, name: &str, value: String) -> Cookie<'static> {
        // Lax: the provider's answer is a navigation from elsewhere and has to bring them.
        Cookie::build(self.name(name), value)
            .path("/")
            .http_only(true)
            .secure(self.secure)
            .same_site(SameSite::Lax)
            .finish()
    }

    /// The browser of a request, a new one if it brings no cookie.
    #[must_use]
    pub fn browser(&self, request: &HttpRequest, random: &dyn Random) -> Browser {
        match self.read(request, "browser") {
            Some(secret) => Browser { secret, is_new: false },
            None => Browser { secret: SecretToken::generate("", random).reveal().to_owned(), is_new: true },
        }
    }

    /// The cookie of a new browser.
    #[must_use]
    pub fn of_browser(&self, browser: &Browser) -> Cookie<'static> {
        self.make("browser", browser.secret.clone())
    }

    /// The secret of the request's session.
    #[must_use]
    pub fn session(&self, request: &HttpRequest) -> Option<SecretHash> {
        self.read(request, "session").map(|secret| SecretHash::of(secret.as_bytes()))
    }

    /// The cookie of a session; it ends with the browser, and on the server sooner.
    #[must_use]
    pub fn of_session(&self, secret: &SecretToken) -> Cookie<'static> {
        self.make("session", secret.reveal().to_owned())
    }

    /// Takes the session's cookie away.
    #[must_use]
    pub fn without_session(&self) -> Cookie<'static> {
        let mut cookie = self.make("session", String::new());
        cookie.make_removal();
        cookie
    }

    /// What the hidden input `csrf` of a form holds.
    #[must_use]
    pub fn form_token(&self, browser: &Browser) -> String {
        URL_SAFE_NO_PAD.encode(hmac::sign(&self.key, browser.secret.as_bytes()))
    }

    /// Whether a form was written for this browser.
    #[must_use]
    pub fn is_form_token(&self, browser: &Browser, presented: &str) -> bool {
        !browser.is_new
            && URL_SAFE_NO_PAD
                .decode(presented)
                .is_ok_and(|tag| hmac::verify(&self.key, browser.secret.as_bytes(), &tag).is_ok())
    }

    fn read(&self, request: &HttpRequest, name: &str) -> Option<String> {
        let cookie = request.cookie(&self.name(name))?;
        let value = cookie.value();
        let is_ours = (20..=100).contains(&value.len()) && value.bytes().all(|byte| byte.is_ascii_graphic());
        is_ours.then(|| value.to_owned())
    }
}

/// A path of this service that a request names to go to afterwards; the home page for anything else.
/// A browser reads `//host`, `/\host` and control characters as another origin's.
#[must_use]
pub fn own_path(wanted: Option<&str>) -> String {
    let is_own = |path: &&str| {
        path.starts_with('/')
            && !path.starts_with("//")
            && path.len() <= 2_048
            && !path.contains('\\')
            && path.chars().all(|c| !c.is_control() && !c.is_whitespace())
    };
    wanted.filter(is_own).unwrap_or("/").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_of_our_own_are_returned_to() {
        for path in ["/", "/members?tab=waitlist", "/a//b", "/%2f%2fhost"] {
            assert_eq!(own_path(Some(path)), path);
        }
        for elsewhere in [
            "//evil.example",
            "/\\evil.example",
            "https://evil.example",
            "/\t/evil.example",
            "",
            "members",
            "/a\nb",
            "/a\\b",
        ] {
            assert_eq!(own_path(Some(elsewhere)), "/", "{elsewhere:?}");
        }
        assert_eq!(own_path(None), "/");
    }
}
