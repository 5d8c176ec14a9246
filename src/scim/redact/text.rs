//! Texts that name a secret: what is compared with it, or stands behind it, is left out.

use super::MASK;
use super::names::Names;

/// The operators behind which a filter has a value (RFC 7644 §3.4.2.2).
const COMPARISONS: [&str; 9] = ["eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"];
/// Words of a filter that are no values.
const BETWEEN: [&str; 3] = ["and", "or", "not"];
/// Behind it there is none, and whatever stands there hides as before.
const PRESENT: &str = "pr";

/// A filter or a path, however badly written, without the values in it. Where a value that is hidden has no quotes, nobody
/// can say where it ends, whatever it has in it: that is the end of the text.
pub(super) fn filter(names: &Names, text: &str) -> String {
    let (mut out, mut rest, mut hides) = (String::with_capacity(text.len()), text, Hides::Nothing);
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '"' | '\'' => {
                let length = quoted(rest, first);
                mask(&mut out, &mut hides, first);
                length
            }
            _ if is_between(first) => {
                out.push(first);
                first.len_utf8()
            }
            _ => {
                let length = rest.find(|c| is_between(c) || c == '"').unwrap_or(rest.len());
                if word(names, &mut out, &rest[..length], &mut hides) {
                    return out;
                }
                length
            }
        };
        rest = &rest[length..];
    }
    out
}

/// What is left out at a place in a text.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Hides {
    Nothing,
    /// Behind the name of a secret, to the next `and`.
    Next,
    /// Behind a comparison: whatever it is, it is a value.
    Value,
    /// Behind a value that was left out and is marked, to the next `and`.
    Marked,
}

fn is_between(c: char) -> bool {
    c.is_whitespace() || matches!(c, '(' | ')' | '[' | ']' | '=' | '&' | ',' | ';')
}

/// Whether the text ends here: with a value that has no quotes.
fn word(names: &Names, out: &mut String, word: &str, hides: &mut Hides) -> bool {
    let is_one_of = |words: &[&str]| words.iter().any(|known| known.eq_ignore_ascii_case(word));
    if *hides != Hides::Value {
        let next = match () {
            () if is_one_of(&BETWEEN) => Some(Hides::Nothing),
            () if is_one_of(&COMPARISONS) => Some(Hides::Value),
            () if is_one_of(&[PRESENT]) => Some(*hides),
            () => None,
        };
        if let Some(next) = next {
            *hides = next;
            out.push_str(word);
            return false;
        }
    }
    if *hides != Hides::Nothing {
        mask(out, hides, '\0');
        return true;
    }
    let Some(end) = names.end(word) else {
        out.push_str(word);
        return false;
    };
    out.push_str(&word[..end]);
    *hides = Hides::Next;
    if end == word.len() {
        return false;
    }
    mask(out, hides, '\0');
    true
}

/// Marks what is left out, once for all of it.
fn mask(out: &mut String, hides: &mut Hides, quote: char) {
    let quote = if quote == '"' { "\"" } else { "" };
    if *hides != Hides::Marked {
        out.extend([quote, MASK, quote]);
    }
    if *hides != Hides::Nothing {
        *hides = Hides::Marked;
    }
}

/// A sentence of ours without what it quotes, and without what stands behind the name of a secret in the same word.
pub(super) fn sentence(names: &Names, text: &str) -> String {
    let (mut out, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(start) = rest.find('"') {
        plain(names, &mut out, &rest[..start]);
        out.extend(["\"", MASK, "\""]);
        rest = &rest[start + quoted(&rest[start..], '"')..];
    }
    plain(names, &mut out, rest);
    out
}

fn plain(names: &Names, out: &mut String, text: &str) {
    for word in text.split_inclusive(char::is_whitespace) {
        match names.end(word) {
            Some(end) if word[end..].contains(char::is_alphanumeric) => out.extend([&word[..end], MASK, " "]),
            _ => out.push_str(word),
        }
    }
}

/// How long a text is that begins with a quote and ends with the same, or with all of it; a backslash takes the
/// next character along (RFC 8259 §7).
fn quoted(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (position, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return position + 1,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_value_is_left_beside_a_secret() {
        let names = Names::new(["pass"]);
        let redacted = |text: &str| filter(&names, text);
        assert_eq!(redacted(r#"password eq "S3CRET""#), r#"password eq "***""#);
        assert_eq!(redacted(r#"pass eq "a\" S3CRET" and active eq true"#), r#"pass eq "***" and active eq ***"#);
        assert_eq!(redacted(r#"pass eq "a\\" or pass eq "S3CRET"#), r#"pass eq "***" or pass eq "***""#);
        for text in [
            "password eq S3CRET",
            "password S3CRET",
            "password=S3CRET",
            "password:S3CRET",
            "password eq 'no S3CRET'",
            "password eq much S3CRET here",
            "emails[value eq S3CRET and password pr]",
            "token = \"S3CRET",
            "not (password eq S3CRET)",
            "password pr S3CRET",
            "password sw S3CRET and (pin gt 53C and x pr)",
            "password eq (S3CRET)",
            "password eq ab[S3CRET]",
            "password eq ab and S3CRET",
            "password eq and S3CRET",
            "password=ab&S3CRET",
            "password \"ab\"(S3CRET)",
        ] {
            let redacted = redacted(text);
            assert!(!redacted.contains("S3C") && !redacted.contains("53C") && redacted.contains(MASK), "{redacted}");
        }
    }

    #[test]
    fn sentences_say_nothing_that_they_quote() {
        let redacted = |text: &str| sentence(&Names::default(), text);
        assert_eq!(redacted(r#"password must not be "S3\"CRET"."#), r#"password must not be "***"."#);
        assert_eq!(redacted(r#"The "S3CRET"#), r#"The "***""#);
        assert_eq!(redacted("There is no /password=S3CRET here."), "There is no /password*** here.");
        assert_eq!(redacted("A password. Another password, too."), "A password. Another password, too.");
    }
}
