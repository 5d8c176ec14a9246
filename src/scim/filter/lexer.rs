//! Words of a filter: parentheses, brackets, names, literals, each with its place in the text.

use crate::error::{Code, Error, Result};

/// A token.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    Open,
    Close,
    OpenBracket,
    CloseBracket,
    /// A name, a keyword or an unquoted value.
    Word(String),
    /// A JSON string, unescaped.
    Text(String),
}

/// Splits a filter into tokens with their byte offsets.
pub(super) fn tokens(text: &str) -> Result<Vec<(usize, Token)>> {
    let mut tokens = Vec::new();
    let mut rest = text.char_indices().peekable();
    while let Some((at, c)) = rest.next() {
        let token = match c {
            c if c.is_whitespace() => continue,
            '(' => Token::Open,
            ')' => Token::Close,
            '[' => Token::OpenBracket,
            ']' => Token::CloseBracket,
            '"' => Token::Text(string(text, at, &mut rest)?),
            '\0' => return Err(error(at, "a NUL character cannot be used")),
            c => {
                let mut word = String::from(c);
                while let Some((_, c)) = rest.next_if(|(_, c)| !c.is_whitespace() && !"()[]\"\0".contains(*c)) {
                    word.push(c);
                }
                Token::Word(word)
            }
        };
        tokens.push((at, token));
    }
    Ok(tokens)
}

/// Reads a JSON string whose opening quote has been read (RFC 8259 §7).
fn string(text: &str, from: usize, rest: &mut std::iter::Peekable<std::str::CharIndices<'_>>) -> Result<String> {
    let mut escaped = false;
    for (at, c) in rest.by_ref() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => {
                let value: String = serde_json::from_str(&text[from..=at])
                    .map_err(|_| error(from, "this is not a JSON string: check its escapes"))?;
                if value.contains('\0') {
                    return Err(error(from, "a NUL character cannot be used"));
                }
                return Ok(value);
            }
            _ => {}
        }
    }
    Err(error(from, "the closing quote of this string is missing"))
}

/// An error that tells where.
pub(super) fn error(at: usize, what: &str) -> Error {
    Error::new(Code::InvalidFilter, format!("The filter cannot be used: at character {}: {what}.", at + 1))
}
