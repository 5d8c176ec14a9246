//! URLs as they may be printed: without the passwords in them.

/// A URL with its passwords as `***`.
#[must_use]
pub fn redact(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    match rest.rsplit_once('@') {
        Some((user, host)) if user.contains(':') => {
            let user = user.split(':').next().unwrap_or_default();
            format!("{scheme}://{}:***@{}", cover_parameters(user), cover_parameters(host))
        }
        _ => format!("{scheme}://{}", cover_parameters(rest)),
    }
}

/// libpq takes a password, and that of a client certificate, as parameters of the URL too.
fn cover_parameters(text: &str) -> String {
    let mut parts = text.split("password=");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |covered, part| covered + "password=***" + part.find('&').map_or("", |end| &part[end..]))
}
