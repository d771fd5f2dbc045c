//! The body of `PATCH /users/{username}`: a merge patch for what `GET` shows of the user. What comes out is a draft,
//! settled by the very rules of `PUT`; nothing here says what a user may be.

use serde_json::Value;

use super::json::{self, MergePatch};
use crate::domain::filesystem::Slot;
use crate::domain::user::User;
use crate::domain::user_draft::UserDraft;
use crate::error::Error;

/// Members that hold maps with keys of the client's own.
const MAPS: [&str; 2] = ["permissions", "oidc_custom_fields"];

/// A patch of a user.
pub struct UserPatch(MergePatch);

impl UserPatch {
    /// Reads a patch.
    ///
    /// # Errors
    /// [`Error::Malformed`] when it is none.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let mut patch = MergePatch::parse(bytes, &MAPS)?;
        // An absent password is kept: what `PUT` writes as "" is how it is taken away.
        if let Some(password @ Value::Null) = patch.members_mut().get_mut("password") {
            *password = Value::String(String::new());
        }
        Ok(Self(patch))
    }

    /// The draft that makes of a stored user what the patch says.
    ///
    /// | in the patch | becomes |
    /// |---|---|
    /// | absent | what is stored, also passwords and secrets |
    /// | `null` | reset, as if a `PUT` had left it out; a password or a secret is removed |
    /// | an object | merged; but a secret with a `status` replaces the stored one |
    /// | anything else | itself |
    ///
    /// # Errors
    /// [`Error::Malformed`] or [`Error::Invalid`] when the patched user does not decode, and when he would be
    /// larger than `limit` bytes and than before: what no request could hold must not be made by many.
    pub fn draft(&self, stored: &User, limit: usize) -> Result<UserDraft, Error> {
        let mut document = serde_json::to_value(stored).map_err(Error::internal)?;
        let before = length(&document)?;
        for slot in Slot::ALL.into_iter().filter(|slot| self.replaces(*slot)) {
            document["filesystem"][slot.section()][slot.member()].take();
        }
        self.0.apply(&mut document);
        let patched = serde_json::to_vec(&document).map_err(Error::internal)?;
        if patched.len() > limit.max(before) {
            return Err(Error::malformed("the patched user is too large"));
        }
        let mut draft: UserDraft = json::decode_draft(&patched)?;
        draft.filesystem.keep_no_absent_secrets();
        Ok(draft)
    }

    /// Whether nothing of a stored secret may get into the new one: its cipher text would become its plain text.
    fn replaces(&self, slot: Slot) -> bool {
        let secret = self.0.at("filesystem", slot.section(), slot.member());
        secret.is_some_and(|secret| secret.get("status").is_some_and(|status| !status.is_null()))
    }
}

fn length(document: &Value) -> Result<usize, Error> {
    Ok(serde_json::to_vec(document).map_err(Error::internal)?.len())
}
