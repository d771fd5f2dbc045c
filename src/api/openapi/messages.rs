//! What every part of the API speaks of: the short answer of calls that answer no object, and of all
//! failures (`contract/endpoints.md` §4); the parameters of lists and of names.

use super::table::{Kind, Member, Param, Record};

/// The objects that are described whatever parts are served.
pub(super) const RECORDS: &[Record] = &[Record::both(
    "ApiResponse",
    "The outcome of a call in words.",
    &[&[
        Member::always("message", Kind::Text, "What was done, or the general reason why not; may be empty."),
        Member::maybe("error", Kind::Text, "What is wrong, if more can be said about it."),
    ]],
)];

/// Statuses any guarded operation may have.
pub(super) const GUARDED: &[u16] = &[400, 401, 403, 500];
/// The same for an operation on one object.
pub(super) const GUARDED_LOOKUP: &[u16] = &[400, 401, 403, 404, 500];
/// The same for an operation that makes an object, where its name may be taken.
pub(super) const GUARDED_CREATE: &[u16] = &[400, 401, 403, 409, 500];

/// How many elements a list leaves out at its beginning.
pub(super) const OFFSET: Param =
    Param::query("offset", Kind::Int32, "How many elements to skip; negative counts as 0.").or(0);
/// How many elements a list has at most.
pub(super) const LIMIT: Param =
    Param::query("limit", Kind::Int32, "How many elements to answer at most; more than 500 counts as 500.")
        .or(100);
/// Which way a list is sorted.
pub(super) const ORDER: Param = Param::query(
    "order",
    Kind::Word(&["ASC", "DESC"]),
    "Sorted by name, in byte order, ascending unless said otherwise.",
)
.such_as("ASC");
/// What every list takes.
pub(super) const LIST: &[Param] = &[OFFSET, LIMIT, ORDER];
