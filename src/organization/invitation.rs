//! Invitations (product.md §4): where one stands, and who of those that an admin names can be invited.

use serde::Serialize;
use std::collections::{HashMap, HashSet};
use std::str::FromStr;
use utoipa::ToSchema;

use super::role::Role;
use super::seats::Standing;
use crate::clock::Timestamp;
use crate::text::address_key;

/// The prefix of an invitation's secret.
pub const PREFIX: &str = "hci_";
/// Invitation mails that somebody gets in a day at most (design.md §5): from one organization, which is told so; and
/// from all together, which nobody is told.
pub const MAILS_A_DAY: usize = 3;
/// Characters of a personal message at most.
pub const LONGEST_MESSAGE: usize = 1_000;

/// Where an invitation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = InvitationState)]
pub enum State {
    Pending,
    Accepted,
    Revoked,
    Expired,
}

impl State {
    /// The name in the API and the database.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Accepted => "accepted",
            Self::Revoked => "revoked",
            Self::Expired => "expired",
        }
    }

    /// The state at a time: nobody has to have looked for one to be over.
    #[must_use]
    pub fn at(stored: &str, now: Timestamp, expires_at: i64) -> Self {
        match stored {
            "accepted" => Self::Accepted,
            "revoked" => Self::Revoked,
            "pending" if now.0 < expires_at => Self::Pending,
            _ => Self::Expired,
        }
    }
}

impl FromStr for State {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        [Self::Pending, Self::Accepted, Self::Revoked, Self::Expired]
            .into_iter()
            .find(|state| state.name() == text)
            .ok_or_else(|| format!("unknown state \"{text}\": use pending, accepted, revoked or expired"))
    }
}

/// Somebody whom an admin wants to invite, as it was typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Where it was: of a file its line, of a list its place, from 1 on.
    pub line: usize,
    pub email: String,
    /// `None`: nothing was said, which is [`Role::Read`].
    pub role: Option<String>,
}

/// What the organization knows of an address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// The standing of a member with it, and whether an admin has suspended them.
    pub member: Option<(Standing, bool)>,
    /// Whether an invitation for it is open.
    pub invited: bool,
    /// Invitation mails that the organization has written to it within a day.
    pub mails: usize,
}

/// What can be given out.
#[derive(Clone, Copy, Debug)]
pub struct Room {
    /// Seats that nobody has.
    pub seats: i64,
    /// Mails that the organization may still write today.
    pub mails: i64,
}

/// What comes of one who is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Is invited, or can be.
    Ready {
        key: String,
        role: Role,
    },
    NotAnAddress,
    /// With the role that was meant, perhaps.
    UnknownRole(Option<Role>),
    /// The role is above what whoever invites may give.
    RoleNotYours(Role),
    /// The same address is in an earlier line.
    DuplicateOf(usize),
    AlreadyMember,
    /// A member who was switched off or suspended, or waits for a seat: an invitation changes nothing of it.
    MemberKeptOut(&'static str),
    AlreadyInvited,
    TooManyMailsToThem,
    TooManyMails,
    NoSeat,
}

impl Verdict {
    /// The name in the API and in result files.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Ready { .. } => "ready",
            Self::NotAnAddress => "not_an_address",
            Self::UnknownRole(_) => "unknown_role",
            Self::RoleNotYours(_) => "role_not_allowed",
            Self::DuplicateOf(_) => "duplicate",
            Self::AlreadyMember | Self::MemberKeptOut(_) => "already_a_member",
            Self::AlreadyInvited => "already_invited",
            Self::TooManyMailsToThem | Self::TooManyMails => "too_many_mails",
            Self::NoSeat => "no_seat",
        }
    }

    /// What whoever invites reads: why, and what to do.
    #[must_use]
    pub fn sentence(&self, wanted: &Wanted) -> String {
        match self {
            Self::Ready { role, .. } => format!("Ready: is invited as {}.", role.name()),
            Self::NotAnAddress => "This is not an e-mail address. It looks like ann@company.example.".into(),
            Self::UnknownRole(meant) => {
                let given: String = wanted.role.as_deref().unwrap_or_default().chars().take(40).collect();
                match meant {
                    Some(role) => format!("Unknown role \"{given}\": did you mean {}?", role.name()),
                    None => format!("Unknown role \"{given}\": use read, write, admin or owner."),
                }
            }
            Self::RoleNotYours(role) => {
                format!("You cannot give the role {}. Choose a lower one, or ask an owner.", role.name())
            }
            Self::DuplicateOf(line) => format!("The same address as in line {line}, which counts."),
            Self::AlreadyMember => "Is a member already. Change the role at the member instead.".into(),
            Self::MemberKeptOut(why) => format!("Is a member who {why}, which an invitation does not change."),
            Self::AlreadyInvited => "Is invited already. Send that invitation again instead.".into(),
            Self::TooManyMailsToThem => {
                format!(
                    "The organization has sent them {MAILS_A_DAY} invitation mails within a day. Go on tomorrow, or copy the \
                     link of one."
                )
            }
            Self::TooManyMails => {
                "The organization has written as many mails as it may in a day. Go on tomorrow.".into()
            }
            Self::NoSeat => "No seat is left. Add seats, or revoke invitations that nobody accepts.".into(),
        }
    }
}

/// Says of each who is wanted what comes of it, in their order: the first get the seats that are left.
#[must_use]
pub fn judge(
    wanted: &[Wanted],
    known: impl Fn(&str) -> Known,
    mut room: Room,
    may_give: impl Fn(Role) -> bool,
) -> Vec<Verdict> {
    let mut lines: HashMap<String, usize> = HashMap::new();
    let mut judge_one = |wanted: &Wanted| {
        let Some(key) = address_key(&wanted.email) else { return Verdict::NotAnAddress };
        if let Some(line) = lines.get(&key) {
            return Verdict::DuplicateOf(*line);
        }
        let role = match role(wanted.role.as_deref()) {
            Ok(role) if may_give(role) => role,
            Ok(role) => return Verdict::RoleNotYours(role),
            Err(meant) => return Verdict::UnknownRole(meant),
        };
        // From here on the line counts; before, a later one that is right does.
        lines.insert(key.clone(), wanted.line);
        let known = known(&key);
        match known.member {
            Some((_, true)) => return Verdict::MemberKeptOut("is suspended"),
            Some((Standing::Deactivated, _)) => return Verdict::MemberKeptOut("was switched off by provisioning"),
            Some((Standing::Waiting, _)) => return Verdict::MemberKeptOut("waits for a seat"),
            Some((Standing::Active, _)) => return Verdict::AlreadyMember,
            None => {}
        }
        if known.invited {
            return Verdict::AlreadyInvited;
        }
        if known.mails >= MAILS_A_DAY {
            return Verdict::TooManyMailsToThem;
        }
        if room.seats < 1 {
            return Verdict::NoSeat;
        }
        if room.mails < 1 {
            return Verdict::TooManyMails;
        }
        room.seats -= 1;
        room.mails -= 1;
        Verdict::Ready { key, role }
    };
    wanted.iter().map(&mut judge_one).collect()
}

/// The keys of the addresses among those who are wanted, each once.
#[must_use]
pub fn keys(wanted: &[Wanted]) -> Vec<String> {
    let mut seen = HashSet::new();
    wanted.iter().filter_map(|wanted| address_key(&wanted.email)).filter(|key| seen.insert(key.clone())).collect()
}

/// A role as people write it.
///
/// # Errors
/// The role that was probably meant, if one was.
pub fn role(text: Option<&str>) -> Result<Role, Option<Role>> {
    let text = text.map(str::trim).filter(|text| !text.is_empty());
    let Some(text) = text else { return Ok(Role::Read) };
    let written = text.to_lowercase();
    if let Ok(role) = written.parse() {
        return Ok(role);
    }
    let closeness = |role: &Role| strsim::damerau_levenshtein(role.name(), &written);
    let close = [Role::Read, Role::Write, Role::Admin, Role::Owner].into_iter().min_by_key(closeness);
    // A letter that is wrong or missing, or two: but never most of the word. Admins write "administrator" too.
    Err(close
        .filter(|role| written.len() <= 40 && closeness(role) <= role.name().len() / 2)
        .or_else(|| written.starts_with("admin").then_some(Role::Admin)))
}

/// A personal message as it is stored: `None` for nothing but spaces.
///
/// # Errors
/// A sentence saying what it may be.
pub fn message(text: Option<&str>) -> Result<Option<String>, String> {
    let text = text.map(str::trim).filter(|text| !text.is_empty());
    let is_text = |text: &str| text.chars().all(|c| !c.is_control() || matches!(c, '\n' | '\r' | '\t'));
    match text {
        None => Ok(None),
        Some(text) if text.chars().count() <= LONGEST_MESSAGE && is_text(text) => Ok(Some(text.to_owned())),
        Some(_) => Err(format!("A message has at most {LONGEST_MESSAGE} characters and no control characters.")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOM: Room = Room { seats: 10, mails: 10 };

    fn wanted(rows: &[(&str, &str)]) -> Vec<Wanted> {
        let row = |(at, (email, role)): (usize, &(&str, &str))| Wanted {
            line: at + 1,
            email: (*email).to_owned(),
            role: (!role.is_empty()).then(|| (*role).to_owned()),
        };
        rows.iter().enumerate().map(row).collect()
    }

    fn names(wanted: &[Wanted], known: &HashMap<String, Known>, room: Room) -> Vec<&'static str> {
        judge(wanted, |key| known.get(key).copied().unwrap_or_default(), room, |role| role < Role::Owner)
            .iter()
            .map(Verdict::name)
            .collect()
    }

    #[test]
    fn each_row_has_its_state() {
        let known = HashMap::from([
            ("mem@acme.example".to_owned(), Known { member: Some((Standing::Active, false)), ..Known::default() }),
            ("off@acme.example".to_owned(), Known { member: Some((Standing::Deactivated, false)), ..Known::default() }),
            ("inv@acme.example".to_owned(), Known { invited: true, ..Known::default() }),
            ("thrice@acme.example".to_owned(), Known { mails: 3, ..Known::default() }),
            ("twice@acme.example".to_owned(), Known { mails: 2, ..Known::default() }),
        ]);
        let rows = wanted(&[
            ("Ann@ACME.example", "Write"),
            ("ann@acme.example", "read"),
            ("mem@acme.example", "read"),
            ("off@acme.example", ""),
            ("inv@acme.example", ""),
            ("no address", "read"),
            ("bob@acme.example", "wirte"),
            ("bob@acme.example", "WRITE"),
            ("cid@acme.example", "owner"),
            ("thrice@acme.example", ""),
            ("twice@acme.example", ""),
        ]);
        let of = |key: &str| known.get(key).copied().unwrap_or_default();
        let verdicts = judge(&rows, of, ROOM, |role| role < Role::Owner);
        let expected = [
            Verdict::Ready { key: "ann@acme.example".into(), role: Role::Write },
            Verdict::DuplicateOf(1),
            Verdict::AlreadyMember,
            Verdict::MemberKeptOut("was switched off by provisioning"),
            Verdict::AlreadyInvited,
            Verdict::NotAnAddress,
            Verdict::UnknownRole(Some(Role::Write)),
            Verdict::Ready { key: "bob@acme.example".into(), role: Role::Write },
            Verdict::RoleNotYours(Role::Owner),
            Verdict::TooManyMailsToThem,
            Verdict::Ready { key: "twice@acme.example".into(), role: Role::Read },
        ];
        assert_eq!(verdicts, expected);
        assert_eq!(verdicts[6].sentence(&rows[6]), "Unknown role \"wirte\": did you mean write?");
    }

    #[test]
    fn the_first_get_what_is_left() {
        let rows = wanted(&[("a@x.example", ""), ("bad", ""), ("b@x.example", ""), ("c@x.example", "")]);
        let none = HashMap::new();
        let room = Room { seats: 2, mails: 10 };
        assert_eq!(names(&rows, &none, room), ["ready", "not_an_address", "ready", "no_seat"]);
        let room = Room { seats: 9, mails: 1 };
        assert_eq!(names(&rows, &none, room), ["ready", "not_an_address", "too_many_mails", "too_many_mails"]);
        assert_eq!(names(&rows[..1], &none, Room { seats: -1, mails: 1 }), ["no_seat"]);
    }

    #[test]
    fn roles_are_read_as_people_write_them() {
        for (text, read) in [("read", Role::Read), (" Admin ", Role::Admin), ("", Role::Read), ("OWNER", Role::Owner)] {
            assert_eq!(role(Some(text)), Ok(read));
        }
        assert_eq!(role(None), Ok(Role::Read));
        for (text, meant) in [
            ("wirte", Some(Role::Write)),
            ("reed", Some(Role::Read)),
            ("admn", Some(Role::Admin)),
            ("Administrator", Some(Role::Admin)),
            ("viewer", None),
            ("x", None),
            ("=cmd()", None),
        ] {
            assert_eq!(role(Some(text)), Err(meant), "{text}");
        }
    }

    #[test]
    fn an_invitation_is_over_when_its_time_is() {
        assert_eq!(State::at("pending", Timestamp(9), 10), State::Pending);
        assert_eq!(State::at("pending", Timestamp(10), 10), State::Expired);
        assert_eq!(State::at("accepted", Timestamp(11), 10), State::Accepted);
        assert_eq!(State::at("revoked", Timestamp(1), 10), State::Revoked);
    }

    #[test]
    fn a_message_is_text() {
        assert_eq!(message(Some("  ")), Ok(None));
        assert_eq!(message(Some("Hi\nthere ")), Ok(Some("Hi\nthere".into())));
        assert!(message(Some("\u{0}")).is_err() && message(Some(&"x".repeat(1_001))).is_err());
    }
}
