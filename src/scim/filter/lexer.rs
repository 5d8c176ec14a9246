//! The cursor over the text of a filter or a path (floor 1; RFC 7644 §3.4.2.2, strings of RFC 8259 §7).

/// A position in a text. It stands on character boundaries only: it stops at ASCII delimiters.
#[derive(Clone, Copy, Debug)]
pub struct Cursor<'t> {
    text: &'t str,
    at: usize,
}

/// A comparison value as it was written.
#[derive(Debug)]
pub enum Operand<'t> {
    /// In quotes; the escapes are resolved.
    Quoted(String),
    /// Without quotes: a word.
    Bare(&'t str),
}

impl Operand<'_> {
    /// The text, quoted or not.
    pub fn text(&self) -> &str {
        match self {
            Self::Quoted(text) => text,
            Self::Bare(text) => text,
        }
    }

    /// Whether it is this word without quotes, in any case.
    pub fn is_word(&self, word: &str) -> bool {
        matches!(self, Self::Bare(text) if text.eq_ignore_ascii_case(word))
    }
}

impl<'t> Cursor<'t> {
    pub const fn new(text: &'t str) -> Self {
        Self { text, at: 0 }
    }

    /// The byte offset.
    pub const fn at(&self) -> usize {
        self.at
    }

    /// The number of the character at a byte offset, counted from 1 as people do.
    pub fn character(&self, at: usize) -> usize {
        self.text.get(..at).map_or(at, |before| before.chars().count()) + 1
    }

    /// The next byte.
    pub fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// The byte before.
    pub fn previous(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at.checked_sub(1)?).copied()
    }

    /// Steps forward to a byte offset, which must be a character boundary.
    pub const fn skip_to(&mut self, at: usize) {
        self.at = at;
    }

    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// Steps over `byte`, which must be ASCII, if it is next.
    pub fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    /// Steps over white space; whether there was any.
    pub fn skip_space(&mut self) -> bool {
        let before = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_whitespace()) {
            self.at += 1;
        }
        self.at > before
    }

    /// Steps over everything up to white space, a bracket, a quote or the end.
    pub fn word(&mut self) -> &'t str {
        let rest = self.rest();
        let ends = |byte: &u8| byte.is_ascii_whitespace() || b"()[]\"".contains(byte);
        let length = rest.as_bytes().iter().position(ends).unwrap_or(rest.len());
        self.at += length;
        rest.get(..length).unwrap_or_default()
    }

    /// What is next, for an error.
    pub fn found(mut self) -> String {
        match self.word() {
            "" => self.peek().map_or_else(|| "the end".into(), |byte| format!("`{}`", char::from(byte))),
            word => format!("`{}`", clip(word)),
        }
    }

    /// Reads a comparison value.
    ///
    /// # Errors
    /// What is wrong with it; the cursor then stands at its start.
    pub fn operand(&mut self) -> Result<Operand<'t>, String> {
        match self.peek() {
            Some(b'"') => self.quoted().map(Operand::Quoted),
            Some(b'\'') => self.single_quoted().map(|text| Operand::Quoted(text.into())),
            _ => match self.word() {
                "" => Err(format!("expected a value to compare with, found {}", self.found())),
                word => Ok(Operand::Bare(word)),
            },
        }
    }

    /// A JSON string.
    fn quoted(&mut self) -> Result<String, String> {
        let rest = self.rest();
        let mut escaped = false;
        let end = rest.bytes().skip(1).position(|byte| {
            let closes = byte == b'"' && !escaped;
            escaped = byte == b'\\' && !escaped;
            closes
        });
        let end = end.ok_or("the text in quotes does not end")? + 2;
        let text: String = serde_json::from_str(rest.get(..end).unwrap_or_default())
            .map_err(|_| "the text in quotes is not a JSON string (RFC 8259 §7)")?;
        // PostgreSQL cannot store it, so that nothing could be equal to it.
        if text.contains('\0') {
            return Err("a text cannot hold the character NUL".into());
        }
        self.at += end;
        Ok(text)
    }

    /// A text in single quotes. The grammar has none, but an example of RFC 7644 §3.7.1 does.
    fn single_quoted(&mut self) -> Result<&'t str, String> {
        let inside = self.rest().get(1..).unwrap_or_default();
        let end = inside.find('\'').ok_or("the text in quotes does not end")?;
        self.at += end + 2;
        Ok(inside.get(..end).unwrap_or_default())
    }
}

/// A piece of client text short enough for an error.
pub fn clip(text: &str) -> String {
    const LONGEST: usize = 80;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operand(text: &str) -> Result<String, String> {
        Cursor::new(text).operand().map(|operand| operand.text().to_owned())
    }

    #[test]
    fn strings_are_those_of_json() {
        assert_eq!(operand(r#""a\"b\\" x"#).unwrap(), "a\"b\\");
        assert_eq!(operand(r#""\u00e9\uD83D\uDE00\/\n""#).unwrap(), "é😀/\n");
        assert_eq!(operand("'Group'").unwrap(), "Group");
        for refused in [r#""abc"#, r#""abc\""#, r#""\x""#, r#""\ud83d""#, "\"a\nb\"", r#""\u0000""#, "'abc", "", ")"] {
            assert!(operand(refused).is_err(), "{refused}");
        }
    }

    #[test]
    fn words_end_at_delimiters() {
        let mut cursor = Cursor::new("O'Malley)");
        assert_eq!(cursor.word(), "O'Malley");
        assert_eq!(cursor.found(), "`)`");
        assert_eq!(Cursor::new("").found(), "the end");
        assert_eq!(clip(&"é".repeat(100)).chars().count(), 81);
    }
}
