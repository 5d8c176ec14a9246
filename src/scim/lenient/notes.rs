//! What was tolerated while a request was read, in words for the provisioning log.

use std::fmt::Write as _;

/// Names that are written out at most; a body can have a million of them.
const SHOWN: usize = 20;
/// Characters of a name that are written out at most.
const LONGEST: usize = 100;

/// What a request had that was ignored, and what was rewritten. Names of attributes only, never values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notes {
    ignored: Names,
    rewritten: Names,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Names {
    shown: Vec<String>,
    more: usize,
}

impl Notes {
    /// Something that means nothing here and was left out.
    pub fn ignored(&mut self, name: &str) {
        self.ignored.add(clipped(name));
    }

    /// Something that was read as what it must have meant.
    pub fn rewrote(&mut self, name: &str, what: &str) {
        self.rewritten.add(format!("{} ({what})", clipped(name)));
    }

    /// The explanation of an operation with these notes behind it.
    #[must_use]
    pub fn after(&self, explanation: &str) -> String {
        let mut text = explanation.to_owned();
        self.ignored.write(&mut text, "Ignored");
        self.rewritten.write(&mut text, "Tolerated");
        text
    }
}

impl Names {
    fn add(&mut self, name: String) {
        if self.shown.contains(&name) {
            return;
        }
        if self.shown.len() < SHOWN {
            self.shown.push(name);
        } else {
            self.more += 1;
        }
    }

    fn write(&self, text: &mut String, heading: &str) {
        if self.shown.is_empty() {
            return;
        }
        let _ = write!(text, " {heading}: {}", self.shown.join(", "));
        if self.more > 0 {
            let _ = write!(text, " and {} more", self.more);
        }
        text.push('.');
    }
}

fn clipped(name: &str) -> String {
    match name.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", name.get(..end).unwrap_or_default()),
        None => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_are_short_whatever_is_sent() {
        let mut notes = Notes::default();
        assert_eq!(notes.after("Created."), "Created.");
        notes.ignored("custom");
        notes.ignored("custom");
        notes.rewrote("active", "text as a boolean");
        assert_eq!(notes.after("Created."), "Created. Ignored: custom. Tolerated: active (text as a boolean).");
        for number in 0..100_000 {
            notes.ignored(&format!("{number}{}", "é".repeat(1_000)));
        }
        let text = notes.after("");
        assert!(text.len() < 5_000 && text.contains(" and 99981 more."), "{text}");
    }
}
