//! The home page's links and names, as the settings say them.

use super::Config;
use crate::organization::home::{Link, Platform, Resources, check_link};

impl Config {
    /// What the home page leads to; what is empty is left away.
    ///
    /// # Errors
    /// A sentence naming the key of what is no link.
    pub fn home(&self) -> Result<Resources, String> {
        let link = |key: &str| match self.text(key) {
            "" => Ok(None),
            url => check_link(url).map(|()| Some(url.to_owned())).map_err(|why| format!("{key}: {why}")),
        };
        let named = |label: &str, key: &str| Ok(link(key)?.map(|url| Link { label: label.to_owned(), url }));
        let download = |platform: Platform| {
            let url = link(&format!("home.download_{}", platform.name()))?;
            Ok(url.map(|url| (platform, url)))
        };
        let links = [
            ("Documentation", "home.documentation"),
            ("Pro tips", "home.pro_tips"),
            ("Support", "home.support"),
            ("GitHub", "home.github"),
        ];
        Ok(Resources {
            products: self.text("home.products").to_owned(),
            desktop: named(&format!("Open {}", self.text("home.desktop_name")), "home.desktop_link")?,
            downloads: Platform::ALL
                .into_iter()
                .filter_map(|platform| download(platform).transpose())
                .collect::<Result<_, String>>()?,
            links: links
                .into_iter()
                .filter_map(|(label, key)| named(label, key).transpose())
                .collect::<Result<_, String>>()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn load(environment: &[(&str, &str)]) -> Result<Config, String> {
        Config::load(&BTreeMap::new(), environment.iter().map(|(name, value)| (name.into(), value.into())))
    }

    #[test]
    fn what_is_empty_is_left_away() {
        let all = load(&[]).unwrap().home().unwrap();
        assert_eq!((all.downloads.len(), all.links.len(), all.desktop.unwrap().label), (3, 4, "Open Desktop".into()));
        let few =
            [("HEADCOUNT_HOME_DESKTOP_LINK", ""), ("HEADCOUNT_HOME_DOWNLOAD_LINUX", ""), ("HEADCOUNT_HOME_GITHUB", "")];
        let few = load(&few).unwrap().home().unwrap();
        assert_eq!((few.downloads.len(), few.links.len(), few.desktop), (2, 3, None));
    }

    #[test]
    fn what_is_no_link_is_refused_before_anything_starts() {
        let refused = load(&[("HEADCOUNT_HOME_SUPPORT", "javascript:alert(1)")]).unwrap_err();
        assert!(refused.contains("home.support: \"javascript:alert(1)\" is no link"), "{refused}");
        let refused = load(&[("HEADCOUNT_HOME_DOWNLOAD_MACOS", "http://a.example")]).unwrap_err();
        assert!(refused.contains("home.download_macos"), "{refused}");
    }
}
