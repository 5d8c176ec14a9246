//! Answers as text: the stored document with `id`, `groups` and `meta` spliced in, so that a
//! resource is not parsed where nothing has to be projected.

use ring::digest;

use crate::clock::Timestamp;
use crate::id::ResourceId;
use crate::scim::manager;
use crate::scim::registry::Kind;
use crate::store::group_members::{Member, Membership};
use crate::store::resources::Resource;

/// A resource with what is derived for its answer.
#[derive(Clone, Debug)]
pub struct Shown {
    pub kind: Kind,
    pub resource: Resource,
    /// A User's groups; empty for a Group.
    pub groups: Vec<Membership>,
    /// A Group's members, when they fit one page; longer lists are streamed.
    pub members: Members,
}

/// What an answer shows that is not in the document.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Relations {
    #[default]
    None,
    /// A User's groups, a Group's members.
    Shown,
    /// A Group's members with their names, which costs a look at each of them.
    Named,
}

/// Which sub-attributes of its members a Group shows.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "one for each sub-attribute, in any combination")]
pub struct MemberFields {
    pub value: bool,
    pub reference: bool,
    pub kind: bool,
    pub display: bool,
}

impl MemberFields {
    /// All of them.
    pub const ALL: Self = Self { value: true, reference: true, kind: true, display: true };

    /// Whether none is shown.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        !(self.value || self.reference || self.kind || self.display)
    }
}

/// The members of a Group in an answer.
#[derive(Clone, Debug)]
pub enum Members {
    /// Not asked for.
    Left,
    /// All of them.
    All(Vec<Member>),
    /// The first of them; the rest is streamed behind the last.
    More(Vec<Member>),
}

impl Shown {
    /// The entity tag (RFC 7644 §3.14): the version of the document, and for a User in groups a
    /// digest of them, because they are part of the representation and change without the document.
    #[must_use]
    pub fn etag(&self) -> String {
        if self.groups.is_empty() {
            return format!("W/\"{}\"", self.resource.version);
        }
        let mut context = digest::Context::new(&digest::SHA256);
        for membership in &self.groups {
            context.update(membership.group.as_bytes());
            context.update(&[u8::from(membership.direct)]);
            context.update(membership.display.as_deref().unwrap_or_default().as_bytes());
        }
        let hash = context.finish();
        let bytes = hash.as_ref();
        format!("W/\"{}-{:02x}{:02x}{:02x}{:02x}\"", self.resource.version, bytes[0], bytes[1], bytes[2], bytes[3])
    }

    /// Whether an `If-None-Match` names this representation: a weak comparison (RFC 9110 §13.1.2).
    #[must_use]
    pub fn is_named_by(&self, condition: &str) -> bool {
        let tag = self.etag();
        let opaque = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
        condition.trim() == "*" || condition.split(',').any(|named| opaque(named) == opaque(&tag))
    }

    /// `Location` and `meta.location`.
    #[must_use]
    pub fn location(&self, base: &str) -> String {
        location(base, self.kind, self.resource.id)
    }

    /// The answer up to where members go, and what follows them.
    #[must_use]
    pub fn parts(&self, base: &str) -> (String, String) {
        let document = &self.resource.document;
        let mut head = String::with_capacity(document.len() + 512);
        // The document is an object that begins with "schemas", so it is never empty.
        let mut rest = document.strip_suffix('}').unwrap_or(document);
        if let Some((at, manager)) = manager::find(document) {
            head.push_str(&rest[..at]);
            head.push_str(",\"$ref\":");
            write_json(&mut head, &location(base, Kind::User, manager));
            rest = &rest[at..];
        }
        head.push_str(rest);
        head.push_str(",\"id\":\"");
        self.resource.id.write_to(&mut head);
        head.push('"');
        if !self.groups.is_empty() {
            head.push_str(",\"groups\":[");
            for (position, membership) in self.groups.iter().enumerate() {
                if position > 0 {
                    head.push(',');
                }
                write_membership(&mut head, base, membership);
            }
            head.push(']');
        }
        let mut tail = String::with_capacity(256);
        self.write_meta(&mut tail, base);
        (head, tail)
    }

    fn write_meta(&self, out: &mut String, base: &str) {
        out.push_str(",\"meta\":{\"resourceType\":\"");
        out.push_str(self.kind.name());
        out.push_str("\",\"created\":\"");
        Timestamp(self.resource.created_at).write_rfc3339(out);
        out.push_str("\",\"lastModified\":\"");
        Timestamp(self.resource.updated_at).write_rfc3339(out);
        out.push_str("\",\"location\":");
        write_json(out, &self.location(base));
        out.push_str(",\"version\":");
        write_json(out, &self.etag());
        out.push_str("}}");
    }

    /// The answer without members.
    #[must_use]
    pub fn alone(&self, base: &str) -> String {
        let (mut text, tail) = self.parts(base);
        text.push_str(&tail);
        text
    }

    /// The whole answer; members that do not fit one page are not in it.
    #[must_use]
    pub fn text(&self, base: &str) -> String {
        let (mut text, tail) = self.parts(base);
        if let Members::All(members) | Members::More(members) = &self.members
            && !members.is_empty()
        {
            text.push_str(",\"members\":[");
            write_members(&mut text, base, members, MemberFields::ALL, true);
            text.push(']');
        }
        text.push_str(&tail);
        text
    }
}

/// Appends members, with a comma in front of each but the very first.
pub fn write_members(out: &mut String, base: &str, members: &[Member], fields: MemberFields, first: bool) {
    for (position, member) in members.iter().enumerate() {
        if position > 0 || !first {
            out.push(',');
        }
        let mut separator = '{';
        let mut key = |out: &mut String, name: &str| {
            out.push(separator);
            out.push_str(name);
            separator = ',';
        };
        if fields.value {
            key(out, "\"value\":\"");
            member.id.write_to(out);
            out.push('"');
        }
        if fields.reference {
            key(out, "\"$ref\":");
            write_json(out, &location(base, member.kind, member.id));
        }
        if fields.kind {
            key(out, "\"type\":\"");
            out.push_str(member.kind.name());
            out.push('"');
        }
        if let (true, Some(display)) = (fields.display, &member.display) {
            key(out, "\"display\":");
            write_json(out, display);
        }
        out.push_str(if separator == '{' { "{}" } else { "}" });
    }
}

/// A member as a value, for filters.
#[must_use]
pub fn member_value(base: &str, member: &Member) -> serde_json::Value {
    let mut text = String::with_capacity(200);
    write_members(&mut text, base, std::slice::from_ref(member), MemberFields::ALL, true);
    serde_json::from_str(&text).unwrap_or_default()
}

fn write_membership(out: &mut String, base: &str, membership: &Membership) {
    out.push_str("{\"value\":\"");
    membership.group.write_to(out);
    out.push_str("\",\"$ref\":");
    write_json(out, &location(base, Kind::Group, membership.group));
    if let Some(display) = &membership.display {
        out.push_str(",\"display\":");
        write_json(out, display);
    }
    out.push_str(if membership.direct { ",\"type\":\"direct\"}" } else { ",\"type\":\"indirect\"}" });
}

fn location(base: &str, kind: Kind, id: ResourceId) -> String {
    let mut location = String::with_capacity(base.len() + 44);
    location.push_str(base);
    location.push_str(kind.endpoint());
    location.push('/');
    id.write_to(&mut location);
    location
}

/// Appends a JSON string.
pub fn write_json(out: &mut String, text: &str) {
    out.push_str(&serde_json::Value::from(text).to_string());
}

/// Whether an `If-Match` names this version. Only the document's version counts: a User's groups
/// are readOnly there, so nobody's change is lost by them (RFC 7644 §3.14).
#[must_use]
pub fn matches_version(condition: &str, version: i64) -> bool {
    condition.split(',').map(str::trim).any(|tag| {
        tag == "*" || {
            let tag = tag.strip_prefix("W/").unwrap_or(tag).trim_matches('"');
            tag.split('-').next().and_then(|number| number.parse::<i64>().ok()) == Some(version)
        }
    })
}
