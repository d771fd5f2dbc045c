//! What an answer leaves out: the tests for zero that serde's `skip_serializing_if` calls
//! (`contract/user-model.md`, column "Out", letter Z). False and empty have theirs in std.

/// Whether a number is left out of an answer.
pub fn is_zero(number: &i64) -> bool {
    *number == 0
}
