//! What an organization's home page is made of beside its own state (product.md §9 Home): links and names as the
//! operator sets them, and which download is a visitor's.

use serde::Serialize;
use utoipa::ToSchema;

/// What a desktop application runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Platform {
    MacOs,
    Windows,
    Linux,
}

impl Platform {
    /// Every one, as they are listed.
    pub const ALL: [Self; 3] = [Self::MacOs, Self::Windows, Self::Linux];

    /// The name in the API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::MacOs => "macos",
            Self::Windows => "windows",
            Self::Linux => "linux",
        }
    }

    /// The name people read.
    #[must_use]
    pub const fn shown(self) -> &'static str {
        match self {
            Self::MacOs => "macOS",
            Self::Windows => "Windows",
            Self::Linux => "Linux",
        }
    }

    /// What a visitor's browser says it runs on: by its client hint `Sec-CH-UA-Platform`, which is exact, else by its
    /// `User-Agent`, in which telephones call themselves by the same words.
    #[must_use]
    pub fn of_visitor(hint: Option<&str>, user_agent: Option<&str>) -> Option<Self> {
        if let Some(hint) = hint {
            let hint = hint.trim().trim_matches('"');
            return Self::ALL.into_iter().find(|platform| platform.shown().eq_ignore_ascii_case(hint));
        }
        let agent = user_agent?;
        let says = |word: &str| agent.contains(word);
        match () {
            () if says("iPhone") || says("iPad") || says("Android") => None,
            () if says("Windows NT") => Some(Self::Windows),
            () if says("Macintosh") => Some(Self::MacOs),
            () if says("Linux") => Some(Self::Linux),
            () => None,
        }
    }
}

/// A link with what it says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Link {
    pub label: String,
    pub url: String,
}

/// What the operator has set; a link that is left empty is not there.
#[derive(Clone, Debug, Default)]
pub struct Resources {
    /// Where members sign in beside this service, as people call it.
    pub products: String,
    /// The desktop application, and the link of its own scheme that opens it.
    pub desktop: Option<Link>,
    /// Where it is for each platform.
    pub downloads: Vec<(Platform, String)>,
    /// Documentation and the like.
    pub links: Vec<Link>,
}

/// The desktop application for a platform.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Download {
    /// `macos`, `windows` or `linux`.
    pub platform: String,
    pub label: String,
    pub url: String,
}

/// The desktop application for a visitor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Downloads {
    /// Opens the application where it is installed.
    #[schema(required)]
    pub desktop: Option<Link>,
    /// For what the visitor's browser runs on; `null` where it is none of these.
    #[schema(required)]
    pub this_platform: Option<Download>,
    pub other_platforms: Vec<Download>,
}

impl Resources {
    /// The downloads, the visitor's platform apart.
    #[must_use]
    pub fn downloads(&self, visitor: Option<Platform>) -> Downloads {
        let download = |(platform, url): &(Platform, String)| Download {
            platform: platform.name().to_owned(),
            label: format!("Download for {}", platform.shown()),
            url: url.clone(),
        };
        let (own, others): (Vec<_>, Vec<_>) =
            self.downloads.iter().partition(|(platform, _)| Some(*platform) == visitor);
        Downloads {
            desktop: self.desktop.clone(),
            this_platform: own.into_iter().next().map(download),
            other_platforms: others.into_iter().map(download).collect(),
        }
    }

    /// What members are told, with their own address.
    #[must_use]
    pub fn notice(&self, address: Option<&str>) -> Option<String> {
        let address = address.unwrap_or("your work address");
        let products = Some(self.products.as_str()).filter(|products| !products.is_empty())?;
        Some(format!("Sign in with {address} in {products} to stay in sync."))
    }
}

/// Why a text is no link for a page: `https`, `mailto`, or a scheme of an application's own, and never one that runs in
/// the page or reads the visitor's machine.
///
/// # Errors
/// A sentence.
pub fn check_link(url: &str) -> Result<(), String> {
    const REFUSED: [&str; 9] = ["javascript", "data", "vbscript", "file", "blob", "about", "http", "ws", "view-source"];
    let wrong = |why: &str| Err(format!("\"{url}\" is no link: {why}"));
    if url.chars().any(|c| c.is_control() || c.is_whitespace() || "\"<>\\^`{|}".contains(c)) {
        return wrong("it has characters that are not in an address");
    }
    let Some((scheme, rest)) = url.split_once(':') else { return wrong("it begins with no scheme such as https:") };
    let scheme = scheme.to_ascii_lowercase();
    let well_formed = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    if !well_formed {
        return wrong("it begins with no scheme such as https:");
    }
    if REFUSED.contains(&scheme.as_str()) {
        return wrong("use https or the application's own scheme");
    }
    let host = rest.strip_prefix("//").unwrap_or_default();
    if scheme == "https" && (host.is_empty() || host.starts_with('/')) {
        return wrong("it names no host");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn browsers_say_what_they_run_on() {
        let by_agent = |agent: &str| Platform::of_visitor(None, Some(agent));
        for (agent, platform) in [
            ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15", Some(Platform::MacOs)),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:128.0) Gecko/20100101 Firefox/128.0",
                Some(Platform::Windows),
            ),
            ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36", Some(Platform::Linux)),
            ("Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36", None),
            ("Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15", None),
            ("Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36", None),
            ("curl/8.5.0", None),
        ] {
            assert_eq!(by_agent(agent), platform, "{agent}");
        }
        let linux = "Mozilla/5.0 (X11; Linux x86_64)";
        assert_eq!(Platform::of_visitor(Some("\"macOS\""), Some(linux)), Some(Platform::MacOs), "the hint is exact");
        assert_eq!(Platform::of_visitor(Some("\"Android\""), Some(linux)), None);
        assert_eq!(Platform::of_visitor(None, None), None);
    }

    #[test]
    fn links_lead_where_a_page_may_lead() {
        for link in ["https://pieces.app/x?y=z#a", "pieces://open", "mailto:help@acme.example", "HTTPS://a.example"] {
            assert_eq!(check_link(link), Ok(()), "{link}");
        }
        for link in [
            "",
            "pieces.app",
            "//pieces.app",
            "http://pieces.app",
            "javascript:alert(1)",
            "JavaScript:alert(1)",
            "data:text/html,x",
            "file:///etc/passwd",
            "https://",
            "https:///x",
            "https://a.example/ x",
            "java\nscript:alert(1)",
            "https://a.example/\"onclick=",
            " https://a.example",
            "1x://a",
            ":x",
        ] {
            assert!(check_link(link).is_err(), "{link}");
        }
    }

    #[test]
    fn a_visitor_has_their_platform_first() {
        let downloads = Platform::ALL.map(|platform| (platform, format!("https://a.example/{}", platform.name())));
        let mut resources =
            Resources { products: "Desktop".into(), downloads: downloads.to_vec(), ..Resources::default() };
        let shown = resources.downloads(Some(Platform::Linux));
        assert_eq!(shown.this_platform.unwrap().label, "Download for Linux");
        let others: Vec<String> = shown.other_platforms.into_iter().map(|download| download.platform).collect();
        assert_eq!(others, ["macos", "windows"]);
        let shown = resources.downloads(None);
        assert_eq!((shown.this_platform, shown.other_platforms.len()), (None, 3));
        let notice = resources.notice(Some("ann@acme.example"));
        assert_eq!(notice.as_deref(), Some("Sign in with ann@acme.example in Desktop to stay in sync."));
        resources.products.clear();
        assert_eq!(resources.notice(None), None);
    }
}
