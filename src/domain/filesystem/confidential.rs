//! The fuller views of a filesystem: every secret of every provider, empty ones too, and in the
//! confidential one each with what opens it (`contract/user-model.md` §3, §5). Who may see which is
//! decided elsewhere.

use serde_json::{Map, Value};

use super::{Filesystem, Slot};
use crate::domain::secret::Secret;

impl Filesystem {
    /// Adds `{}` for every secret that is not there to its normal view: the form of folders.
    pub fn complete(view: &mut Value) {
        for slot in Slot::ALL {
            let section = object(view).entry(slot.section()).or_insert(Value::Null);
            object(section).entry(slot.member()).or_insert_with(|| Value::Object(Map::new()));
        }
    }

    /// Turns its normal view, as the store keeps it, into the confidential one.
    ///
    /// # Errors
    /// When a secret cannot be written as JSON, which a settled filesystem's can.
    pub fn reveal(&self, view: &mut Value) -> Result<(), serde_json::Error> {
        for slot in Slot::ALL {
            let secret = self.secret(slot).unwrap_or(&Secret::Empty);
            let shown = serde_json::to_value(secret.confidential())?;
            let section = object(view).entry(slot.section()).or_insert(Value::Null);
            object(section).insert(slot.member().to_owned(), shown);
        }
        Ok(())
    }
}

/// The value as an object; anything else becomes an empty one.
fn object(value: &mut Value) -> &mut Map<String, Value> {
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    value.as_object_mut().expect("anything else was replaced just now")
}
