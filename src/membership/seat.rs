//! Where the seat comes from of somebody who becomes active: it is their invitation's, or free, or was held by an
//! invitation whose time is over (product.md §2). Every door asks here before it asks the ledger.

use crate::error::Result;
use crate::id::{InvitationId, OrganizationId};
use crate::organization::seats::{Change, Usage};
use crate::store::batch::Batch;
use crate::store::connection::Connection;
use crate::store::{invitations, organizations};

/// Where the seat of one more member comes from, if the ledger has it only so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Room {
    /// The invitation that holds it for them.
    own: Option<InvitationId>,
    /// One whose time is over.
    over: Option<InvitationId>,
}

impl Room {
    /// Writes down that the seat is taken from there.
    pub fn take(self, batch: &mut Batch, organization: OrganizationId, (now, ledger): (i64, &mut Change)) {
        if let Some(own) = self.own {
            invitations::release_seat(batch, organization, own);
            ledger.pending -= 1;
        }
        if let Some(over) = self.over {
            invitations::expire(batch, organization, &[over], true, now);
            ledger.pending -= 1;
        }
    }
}

/// Looks for the seat that there is for one more member; the ledger as it is once it is taken from there. `key`: of
/// the address of whoever becomes active, whose own invitation holds the seat for them.
///
/// Those who wait come before whoever asks: a seat is taken from an invitation that is over only while there are
/// more of them than those need, and the rest is left to the job that admits them.
///
/// # Errors
/// The database's.
pub fn room(
    connection: &mut Connection,
    organization: OrganizationId,
    usage: Usage,
    key: Option<&str>,
    now: i64,
) -> Result<(Usage, Room)> {
    let mut room = Room::default();
    if usage.pending > 0 {
        room.own = invitations::held_for(connection, organization, key)?.pop().map(|(id, _)| id);
        if room.own.is_none() && !usage.has_a_seat() {
            let missing = usage.waiting - usage.free();
            let over = invitations::due(connection, organization, (now, true), missing + 1)?;
            room.over = usize::try_from(missing).ok().and_then(|missing| over.get(missing)).copied();
        }
    }
    if room == Room::default() {
        return Ok((usage, room));
    }
    Ok((Usage { pending: usage.pending - 1, ..usage }.with_a_seat_kept(), room))
}

/// Both: looks for the seat, and takes it.
///
/// # Errors
/// The database's.
pub fn make_room(
    connection: &mut Connection,
    batch: &mut Batch,
    organization: OrganizationId,
    usage: Usage,
    key: Option<&str>,
    (now, ledger): (i64, &mut Change),
) -> Result<Usage> {
    let (usage, room) = room(connection, organization, usage, key, now)?;
    room.take(batch, organization, (now, ledger));
    Ok(usage)
}

/// Invitations that are told to the ledger at once.
const MANY: i64 = 2_000;

/// Frees every seat that is held by an invitation whose time is over; the ledger as it is then.
///
/// # Errors
/// The database's.
pub fn free_overdue(
    connection: &mut Connection,
    batch: &mut Batch,
    organization: OrganizationId,
    usage: Usage,
    (now, ledger): (i64, &mut Change),
) -> Result<Usage> {
    if usage.pending == 0 {
        return Ok(usage);
    }
    let over = invitations::due(connection, organization, (now, true), MANY)?;
    invitations::expire(batch, organization, &over, true, now);
    let count = i64::try_from(over.len()).unwrap_or(MANY);
    ledger.pending -= count;
    Ok(Usage { pending: usage.pending - count, ..usage })
}

/// The ledger as it is at a time: what is over holds no seat, whether somebody has looked or not.
///
/// # Errors
/// The database's.
pub fn usage_at(connection: &mut Connection, organization: OrganizationId, now: i64) -> Result<Usage> {
    let usage = organizations::usage(connection, organization)?;
    let overdue = if usage.pending > 0 { invitations::overdue(connection, organization, now)? } else { 0 };
    Ok(Usage { pending: usage.pending - overdue, ..usage })
}
