//! The parser of filters (floor 1): recursive descent over the grammar of RFC 7644 §3.4.2.2, figure 1.
//!
//! Beyond the grammar it takes what clients send: white space of any kind and amount, texts without
//! quotes, and a test behind a value path (`emails[type eq "work"].value eq "x"`, Microsoft Entra).

use super::lexer::{Cursor, Operand, clip};
use super::resolve::{comparable, literal, searchable, suggestion, suggestion_within};
use super::{AttributeRef, Filter, Literal, MAX_COMPARISONS, MAX_DEPTH, MAX_LENGTH, Operator};
use crate::error::{Code, Error, Result};
use crate::scim::lenient::{misnamed_attribute, test_behind_value_path};
use crate::scim::registry::{Named, ResourceType, Target};
use crate::scim::schema::{Attribute, Schema};

/// One text being read. [`crate::scim::path`] uses it for the value path in a PATCH path.
pub struct Parser<'t, 'r> {
    pub cursor: Cursor<'t>,
    resource_type: &'r ResourceType,
    /// The resource type whose attributes are known too.
    other: Option<&'r ResourceType>,
    /// The attribute whose sub-attributes names mean, within the brackets of a value path.
    within: Option<(&'r Attribute, Option<&'r Schema>)>,
    depth: usize,
    comparisons: usize,
}

impl<'t, 'r> Parser<'t, 'r> {
    /// Starts on a text.
    pub fn new(text: &'t str, resource_type: &'r ResourceType) -> Result<Self> {
        let cursor = Cursor::new(text);
        if text.len() > MAX_LENGTH {
            let detail = format!("The filter has {} bytes; the most that is taken is {MAX_LENGTH}.", text.len());
            return Err(Error::new(Code::InvalidFilter, detail));
        }
        if let Some(at) = text.find('\0') {
            return Err(failure(&cursor, at, "a text cannot hold the character NUL"));
        }
        Ok(Self { cursor, resource_type, other: None, within: None, depth: 0, comparisons: 0 })
    }

    /// Lets names mean the attributes of another resource type as well.
    pub fn or_of(mut self, other: &'r ResourceType) -> Self {
        self.other = Some(other);
        self
    }

    /// Lets names mean the sub-attributes of one attribute.
    pub fn within(mut self, attribute: &'r Attribute, extension: Option<&'r Schema>) -> Self {
        self.within = Some((attribute, extension));
        self
    }

    /// A filter up to the end of the text.
    pub fn whole(mut self) -> Result<Filter> {
        let filter = self.or()?;
        self.cursor.skip_space();
        if self.cursor.peek().is_some() {
            return Err(self.expected("\"and\", \"or\" or the end"));
        }
        // A test behind a value path nests deeper in the filter than in the text.
        if filter.depth() > MAX_DEPTH {
            return Err(self.fail(self.cursor.at(), too_deep()));
        }
        Ok(filter)
    }

    /// `[filter]` behind an attribute that was resolved; the cursor stands at the bracket.
    pub fn brackets(&mut self, target: &Target<'r>) -> Result<Filter> {
        let start = self.cursor.at();
        if self.within.is_some() {
            return Err(self.fail(start, "expected an operator: a value path cannot hold another"));
        }
        if target.sub_attribute.is_some() || !target.attribute.has_elements() {
            let name = &target.leaf().name;
            return Err(self.fail(start, format!("`{name}` has no sub-attributes that a value path could look at")));
        }
        self.enter()?;
        self.cursor.eat(b'[');
        self.within = Some((target.attribute, target.extension));
        let filter = self.or()?;
        self.within = None;
        self.cursor.skip_space();
        if !self.cursor.eat(b']') {
            return Err(self.expected("\"and\", \"or\" or \"]\""));
        }
        self.depth -= 1;
        Ok(filter)
    }

    fn or(&mut self) -> Result<Filter> {
        let mut items = Vec::new();
        loop {
            match self.and()? {
                Filter::Or(more) => items.extend(more),
                item => items.push(item),
            }
            if !self.keyword("or") {
                return Ok(joined(items, Filter::Or));
            }
        }
    }

    fn and(&mut self) -> Result<Filter> {
        let mut items = Vec::new();
        loop {
            match self.factor()? {
                // The same tree for `a and (b and c)`: grouping by the same operator says nothing.
                Filter::And(more) => items.extend(more),
                item => items.push(item),
            }
            if !self.keyword("and") {
                return Ok(joined(items, Filter::And));
            }
        }
    }

    fn factor(&mut self) -> Result<Filter> {
        self.cursor.skip_space();
        let negated = self.not();
        if self.cursor.peek() != Some(b'(') {
            return self.expression();
        }
        self.enter()?;
        self.cursor.eat(b'(');
        let filter = self.or()?;
        self.cursor.skip_space();
        if !self.cursor.eat(b')') {
            return Err(self.expected("\"and\", \"or\" or \")\""));
        }
        self.depth -= 1;
        Ok(if negated { Filter::Not(Box::new(filter)) } else { filter })
    }

    /// Steps over `not`, which is one only in front of a parenthesis: it could be an attribute's name.
    fn not(&mut self) -> bool {
        let mut ahead = self.cursor;
        let negated = ahead.word().eq_ignore_ascii_case("not") && {
            ahead.skip_space();
            ahead.peek() == Some(b'(')
        };
        if negated {
            self.cursor = ahead;
        }
        negated
    }

    /// Steps over `and` or `or`, set off by white space or brackets.
    fn keyword(&mut self, word: &str) -> bool {
        let mut ahead = self.cursor;
        let set_off = ahead.skip_space() || matches!(ahead.previous(), Some(b')' | b']'));
        let found = set_off && ahead.word().eq_ignore_ascii_case(word) && ahead.peek() != Some(b'"');
        if found {
            self.cursor = ahead;
        }
        found
    }

    /// One test of an attribute, or a value path.
    fn expression(&mut self) -> Result<Filter> {
        let start = self.cursor.at();
        let name = self.cursor.word();
        if name.is_empty() {
            return Err(self.expected("an attribute"));
        }
        let target = self.resolve(name).map_err(|message| self.fail(start, message))?;
        searchable(&target).map_err(|message| self.fail(start, message))?;
        let spaced = self.cursor.skip_space();
        if self.cursor.peek() == Some(b'[') {
            return self.value_path(target);
        }
        if !spaced {
            return Err(self.expected(&format!("a space and an operator after `{}`", clip(name))));
        }
        self.test(target)
    }

    fn resolve(&self, name: &str) -> Result<Target<'r>, String> {
        if let Some((attribute, extension)) = self.within {
            // The values of a simple attribute have `value` for a name (RFC 7643 §2.4).
            if !attribute.is_complex() && name.eq_ignore_ascii_case("value") {
                return Ok(Target { extension, attribute, sub_attribute: None });
            }
            let sub = attribute.sub_attribute(name).ok_or_else(|| {
                let near = suggestion_within(name, attribute);
                format!("`{}` is not a sub-attribute of `{}`{near}", clip(name), attribute.name)
            })?;
            return Ok(Target { extension, attribute, sub_attribute: Some(sub) });
        }
        match self.resource_type.resolve(name).or_else(|| self.other?.resolve(name)) {
            Some(Named::Attribute(target)) => Ok(target),
            Some(Named::Extension(schema)) => Err(format!(
                "`{}` is a schema, not an attribute; resources that have it are found by `schemas eq \"{0}\"`",
                schema.id
            )),
            None => misnamed_attribute(name, self.resource_type).ok_or_else(|| {
                let near = suggestion(name, self.resource_type);
                format!("`{}` is not an attribute of {}{near}", clip(name), self.resource_type.kind.name())
            }),
        }
    }

    fn value_path(&mut self, target: Target<'r>) -> Result<Filter> {
        let filter = self.brackets(&target)?;
        let attribute = AttributeRef::new(&target);
        if !self.cursor.eat(b'.') {
            return Ok(Filter::ValuePath { attribute, filter: Box::new(filter) });
        }
        let start = self.cursor.at();
        let name = self.cursor.word();
        let sub = target.attribute.sub_attribute(name).ok_or_else(|| {
            self.fail(start, format!("`{}` is not a sub-attribute of `{}`", clip(name), target.attribute.name))
        })?;
        let target = Target { sub_attribute: Some(sub), ..target };
        searchable(&target).map_err(|message| self.fail(start, message))?;
        if !self.cursor.skip_space() {
            return Err(self.expected("a space and an operator"));
        }
        let test = self.test(target)?;
        Ok(test_behind_value_path(attribute, filter, test))
    }

    /// The operator, and the value if it takes one.
    fn test(&mut self, target: Target<'r>) -> Result<Filter> {
        self.comparisons += 1;
        if self.comparisons > MAX_COMPARISONS {
            let message = format!("the filter has more than {MAX_COMPARISONS} comparisons");
            return Err(self.fail(self.cursor.at(), message));
        }
        let start = self.cursor.at();
        let word = self.cursor.word();
        if word.eq_ignore_ascii_case("pr") {
            return Ok(Filter::Present(AttributeRef::new(&target)));
        }
        let operator = Operator::ALL.into_iter().find(|operator| word.eq_ignore_ascii_case(operator.name()));
        let Some(operator) = operator else {
            const KNOWN: &str = "eq, ne, co, sw, ew, gt, ge, lt, le, pr";
            let message = match word {
                "" => format!("expected an operator ({KNOWN}), found {}", self.cursor.found()),
                word => format!("the operator `{}` is not supported; there are {KNOWN}", clip(word)),
            };
            return Err(self.fail(start, message));
        };
        if !self.cursor.skip_space() {
            return Err(self.expected(&format!("a space and a value after `{}`", operator.name())));
        }
        self.compare(target, operator, start)
    }

    fn compare(&mut self, target: Target<'r>, operator: Operator, operator_at: usize) -> Result<Filter> {
        let start = self.cursor.at();
        let operand = self.cursor.operand().map_err(|message| self.fail(start, message))?;
        if operand.is_word("null") {
            if !matches!(operator, Operator::Eq | Operator::Ne) {
                let message = format!("`{}` cannot be used with null; use eq or ne", operator.name());
                return Err(self.fail(operator_at, message));
            }
            return Ok(Filter::Compare { attribute: AttributeRef::new(&target), operator, literal: Literal::Null });
        }
        let typed = |operand: &Operand<'_>| -> Result<Filter, String> {
            let target = comparable(target)?;
            let literal = literal(&target, operator, operand)?;
            Ok(Filter::Compare { attribute: AttributeRef::new(&target), operator, literal })
        };
        typed(&operand).map_err(|message| self.fail(operator_at, message))
    }

    /// Counts a bracket before stepping into it, so that the stack stays small whatever is sent.
    fn enter(&mut self) -> Result<()> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.fail(self.cursor.at(), too_deep()));
        }
        Ok(())
    }

    fn expected(&self, what: &str) -> Error {
        self.fail(self.cursor.at(), format!("expected {what}, found {}", self.cursor.found()))
    }

    fn fail(&self, at: usize, message: impl AsRef<str>) -> Error {
        failure(&self.cursor, at, message.as_ref())
    }
}

fn failure(cursor: &Cursor<'_>, at: usize, message: &str) -> Error {
    let end = if message.ends_with('?') { "" } else { "." };
    Error::new(Code::InvalidFilter, format!("Invalid filter at character {}: {message}{end}", cursor.character(at)))
}

fn too_deep() -> String {
    format!("brackets nest deeper than {MAX_DEPTH}")
}

fn joined(mut items: Vec<Filter>, join: fn(Vec<Filter>) -> Filter) -> Filter {
    match items.pop() {
        Some(only) if items.is_empty() => only,
        Some(last) => {
            items.push(last);
            join(items)
        }
        None => join(items),
    }
}
