//! The grammar of RFC 7644 figure 1, by recursive descent: `not` binds tighter than `and`, `and` tighter than `or`.

use super::lexer::{Token, error, tokens};
use super::{AttributeRef, Filter, Literal, MAX_COMPARISONS, MAX_DEPTH, MAX_TEXT, Operator};
use crate::clock::Timestamp;
use crate::error::Result;
use crate::scim::registry::{Named, ResourceType, Target};
use crate::scim::schema::{Attribute, AttributeType, Returned, Schema};

impl Filter {
    /// Parses a filter on resources of a type.
    ///
    /// # Errors
    /// `invalidFilter`, telling where and what.
    pub fn parse(text: &str, resource_type: &ResourceType) -> Result<Self> {
        Parser::new(text, Scope::Resource(resource_type))?.whole()
    }

    /// Parses the inside of `attribute[…]`.
    ///
    /// # Errors
    /// `invalidFilter`, telling where and what.
    pub fn parse_inside(text: &str, extension: Option<&Schema>, attribute: &Attribute) -> Result<Self> {
        Parser::new(text, Scope::Element { extension: extension.map(|schema| schema.id.as_str()), attribute })?.whole()
    }
}

/// What names in the filter mean.
#[derive(Clone, Copy)]
enum Scope<'r> {
    Resource(&'r ResourceType),
    Element { extension: Option<&'r str>, attribute: &'r Attribute },
}

struct Parser<'r> {
    tokens: Vec<(usize, Token)>,
    next: usize,
    end: usize,
    scope: Scope<'r>,
    depth: usize,
    comparisons: usize,
}

impl<'r> Parser<'r> {
    fn new(text: &str, scope: Scope<'r>) -> Result<Self> {
        if text.len() > MAX_TEXT {
            return Err(error(MAX_TEXT, &format!("a filter may be {MAX_TEXT} bytes long")));
        }
        Ok(Self { tokens: tokens(text)?, next: 0, end: text.len(), scope, depth: 0, comparisons: 0 })
    }

    fn whole(mut self) -> Result<Filter> {
        let filter = self.either()?;
        match self.tokens.get(self.next) {
            None => Ok(filter),
            Some((at, _)) => Err(error(*at, "expected \"and\", \"or\" or the end")),
        }
    }

    fn place(&self) -> usize {
        self.tokens.get(self.next).map_or(self.end, |(at, _)| *at)
    }

    fn keyword(&mut self, word: &str) -> bool {
        let found =
            matches!(self.tokens.get(self.next), Some((_, Token::Word(found))) if found.eq_ignore_ascii_case(word));
        self.next += usize::from(found);
        found
    }

    fn expect(&mut self, token: &Token, what: &str) -> Result<()> {
        if self.tokens.get(self.next).is_some_and(|(_, found)| found == token) {
            self.next += 1;
            return Ok(());
        }
        Err(error(self.place(), what))
    }

    fn nested<T>(&mut self, inner: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        if self.depth == MAX_DEPTH {
            return Err(error(self.place(), &format!("a filter may nest {MAX_DEPTH} deep")));
        }
        self.depth += 1;
        let parsed = inner(self);
        self.depth -= 1;
        parsed
    }

    fn either(&mut self) -> Result<Filter> {
        let mut parts = vec![self.all()?];
        while self.keyword("or") {
            parts.push(self.all()?);
        }
        Ok(join(parts, Filter::Or))
    }

    fn all(&mut self) -> Result<Filter> {
        let mut parts = vec![self.one()?];
        while self.keyword("and") {
            parts.push(self.one()?);
        }
        Ok(join(parts, Filter::And))
    }

    fn one(&mut self) -> Result<Filter> {
        let place = self.place();
        match self.tokens.get(self.next).map(|(_, token)| token.clone()) {
            Some(Token::Open) => self.parenthesis(),
            Some(Token::Word(word)) => {
                let negates = word.eq_ignore_ascii_case("not")
                    && matches!(self.tokens.get(self.next + 1), Some((_, Token::Open)));
                self.next += 1;
                if negates {
                    return Ok(Filter::Not(Box::new(self.parenthesis()?)));
                }
                self.comparison(place, &word)
            }
            _ => Err(error(place, "expected an attribute, \"not\" or \"(\"")),
        }
    }

    fn parenthesis(&mut self) -> Result<Filter> {
        self.expect(&Token::Open, "expected \"(\"")?;
        let inner = self.nested(Self::either)?;
        self.expect(&Token::Close, "expected \")\"")?;
        Ok(inner)
    }

    fn comparison(&mut self, place: usize, name: &str) -> Result<Filter> {
        self.comparisons += 1;
        if self.comparisons > MAX_COMPARISONS {
            return Err(error(place, &format!("a filter may hold {MAX_COMPARISONS} comparisons")));
        }
        if matches!(self.tokens.get(self.next), Some((_, Token::OpenBracket))) {
            return self.value_path(place, name);
        }
        let attribute = self.attribute(place, name)?;
        let operator_place = self.place();
        if self.keyword("pr") {
            return Ok(Filter::Present(attribute));
        }
        let operator = match self.tokens.get(self.next) {
            Some((_, Token::Word(word))) => Operator::from_keyword(word),
            _ => None,
        }
        .ok_or_else(|| error(operator_place, "expected an operator: eq, ne, co, sw, ew, gt, ge, lt, le or pr"))?;
        self.next += 1;
        let attribute = comparable(operator_place, attribute, self.scope)?;
        let literal_place = self.place();
        let token = self.tokens.get(self.next).map(|(_, token)| token.clone());
        self.next += 1;
        let literal = literal(literal_place, token, &attribute, operator)?;
        Ok(Filter::Compare { attribute, operator, literal })
    }

    fn value_path(&mut self, place: usize, name: &str) -> Result<Filter> {
        let Scope::Resource(resource_type) = self.scope else {
            return Err(error(place, "a value path cannot stand in a value path"));
        };
        let Some(Named::Attribute(Target { extension, attribute, sub_attribute: None })) = resource_type.resolve(name)
        else {
            return Err(error(place, &unknown(name, self.scope)));
        };
        if !attribute.is_complex() {
            return Err(error(place, &format!("{} has no sub-attributes to filter by", attribute.name)));
        }
        self.next += 1;
        let outer = self.scope;
        self.scope = Scope::Element { extension: extension.map(|schema| schema.id.as_str()), attribute };
        let inner = self.nested(Self::either);
        self.scope = outer;
        let inner = inner?;
        self.expect(&Token::CloseBracket, "expected \"]\"")?;
        Ok(Filter::ValuePath {
            attribute: reference(extension.map(|schema| schema.id.as_str()), attribute, None),
            filter: Box::new(inner),
        })
    }

    fn attribute(&self, place: usize, name: &str) -> Result<AttributeRef> {
        let found = match self.scope {
            Scope::Resource(resource_type) => match resource_type.resolve(name) {
                Some(Named::Attribute(target)) => {
                    Some((target.extension.map(|schema| schema.id.as_str()), target.attribute, target.sub_attribute))
                }
                _ => None,
            },
            Scope::Element { extension, attribute } => {
                attribute.sub_attribute(name).map(|sub| (extension, attribute, Some(sub)))
            }
        };
        let (extension, attribute, sub) = found.ok_or_else(|| error(place, &unknown(name, self.scope)))?;
        if attribute.returned == Returned::Never || sub.is_some_and(|sub| sub.returned == Returned::Never) {
            return Err(error(place, &format!("{name} is never returned, so it cannot be asked for")));
        }
        Ok(reference(extension, attribute, sub))
    }
}

fn join(mut parts: Vec<Filter>, make: fn(Vec<Filter>) -> Filter) -> Filter {
    if parts.len() == 1 { parts.remove(0) } else { make(parts) }
}

fn reference(extension: Option<&str>, attribute: &Attribute, sub: Option<&Attribute>) -> AttributeRef {
    let leaf = sub.unwrap_or(attribute);
    AttributeRef {
        extension: extension.map(str::to_owned),
        name: attribute.name.clone(),
        sub: sub.map(|sub| sub.name.clone()),
        kind: leaf.kind,
        case_exact: leaf.compares_exactly(),
        multi_valued: attribute.multi_valued,
    }
}

/// A complex attribute without a sub-attribute means its `value` (`emails co "…"`, `manager eq "…"`).
fn comparable(place: usize, attribute: AttributeRef, scope: Scope<'_>) -> Result<AttributeRef> {
    if attribute.kind != AttributeType::Complex {
        return Ok(attribute);
    }
    let name = attribute.to_string();
    if let Scope::Resource(resource_type) = scope
        && let Some(Named::Attribute(target)) = resource_type.resolve(&name)
        && let Some(value) = target.attribute.sub_attribute("value")
    {
        return Ok(reference(attribute.extension.as_deref(), target.attribute, Some(value)));
    }
    Err(error(place, &format!("{name} is complex: compare one of its sub-attributes")))
}

fn literal(place: usize, token: Option<Token>, attribute: &AttributeRef, operator: Operator) -> Result<Literal> {
    let (text, quoted) = match token {
        Some(Token::Text(text)) => (text, true),
        Some(Token::Word(word)) => (word, false),
        _ => return Err(error(place, "expected a value")),
    };
    if !quoted && text == "null" {
        return match operator {
            Operator::Eq | Operator::Ne => Ok(Literal::Null),
            _ => Err(error(place, "null can be compared with eq and ne only")),
        };
    }
    let substring = matches!(operator, Operator::Co | Operator::Sw | Operator::Ew);
    let ordering = matches!(operator, Operator::Gt | Operator::Ge | Operator::Lt | Operator::Le);
    let refuse = |what: &str| Err(error(place, &format!("{attribute} {what}")));
    match attribute.kind {
        AttributeType::Boolean if substring || ordering => refuse("is a boolean: use eq or ne"),
        AttributeType::Boolean => match text.to_ascii_lowercase().as_str() {
            "true" => Ok(Literal::Boolean(true)),
            "false" => Ok(Literal::Boolean(false)),
            _ => refuse("is a boolean: compare it with true or false"),
        },
        AttributeType::Integer | AttributeType::Decimal if substring => {
            refuse("is a number: use eq, ne, gt, ge, lt or le")
        }
        AttributeType::Integer | AttributeType::Decimal => match text.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(Literal::Number(number)),
            _ => refuse("is a number: compare it with one"),
        },
        AttributeType::DateTime if substring => refuse("is a dateTime: use eq, ne, gt, ge, lt or le"),
        AttributeType::DateTime => match Timestamp::parse(&text) {
            Some(at) => Ok(Literal::DateTime(at)),
            None => refuse("is a dateTime: compare it with a value such as \"2026-01-31T08:00:00Z\""),
        },
        AttributeType::Binary if ordering => refuse("is binary: it has no order"),
        _ if !quoted && (text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("false")) => {
            refuse("is a string: put the value in quotes")
        }
        // Microsoft's documentation shows `id eq X and manager eq Y` without quotes.
        _ => Ok(Literal::Text(text)),
    }
}

fn unknown(name: &str, scope: Scope<'_>) -> String {
    let known: Vec<&str> = match scope {
        Scope::Resource(resource_type) => resource_type
            .core
            .attributes
            .iter()
            .chain(&resource_type.common.attributes)
            .map(|attribute| attribute.name.as_str())
            .collect(),
        Scope::Element { attribute, .. } => attribute.sub_attributes.iter().map(|sub| sub.name.as_str()).collect(),
    };
    let close =
        known.into_iter().max_by(|a, b| strsim::jaro_winkler(a, name).total_cmp(&strsim::jaro_winkler(b, name)));
    match close.filter(|close| strsim::jaro_winkler(close, name) > 0.8) {
        Some(close) => format!("there is no attribute \"{name}\" (did you mean \"{close}\"?)"),
        None => format!("there is no attribute \"{name}\""),
    }
}
