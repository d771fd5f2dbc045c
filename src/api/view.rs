//! A user as shown: the stored document as it is, or with what `confidential_data` reveals
//! (`contract/user-model.md` §5, §6).

use bytes::Bytes;
use serde_json::Value;

use crate::domain::admin::Admin;
use crate::domain::secret::Secret;
use crate::domain::user::User;
use crate::error::Error;
use crate::state::State;
use crate::store::Document;

/// The answer that shows a stored document.
///
/// # Errors
/// None today: every document is stored as it is shown.
pub fn shown(_: &State, document: &Document) -> Result<Bytes, Error> {
    Ok(document.stored().body())
}

/// The user with the hash of the password and the keys of all secrets.
///
/// # Errors
/// When the user cannot be written as JSON, which no stored user can be.
pub fn confidential_user(_: &State, user: &User) -> Result<Value, Error> {
    let mut value = serde_json::to_value(user).map_err(Error::internal)?;
    if let Some(hash) = &user.password {
        value["password"] = hash.expose().into();
    }
    user.filesystem.reveal(&mut value["filesystem"]).map_err(Error::internal)?;
    let filters = &user.filters;
    reveal(&mut value["filters"]["totp_config"]["secret"], &filters.totp_config.secret)?;
    for (index, code) in filters.recovery_codes.iter().enumerate() {
        reveal(&mut value["filters"]["recovery_codes"][index]["secret"], &code.secret)?;
    }
    Ok(value)
}

/// The admin with the hash of the password and the keys of all secrets, as a dump has him
/// (`contract/import.md` §2).
///
/// # Errors
/// As [`confidential_user`].
pub fn confidential_admin(admin: &Admin) -> Result<Value, Error> {
    let mut value = serde_json::to_value(admin).map_err(Error::internal)?;
    if let Some(hash) = &admin.password {
        value["password"] = hash.expose().into();
    }
    let filters = &admin.filters;
    reveal(&mut value["filters"]["totp_config"]["secret"], &filters.totp_config.secret)?;
    for (index, code) in filters.recovery_codes.iter().enumerate() {
        reveal(&mut value["filters"]["recovery_codes"][index]["secret"], &code.secret)?;
    }
    Ok(value)
}

/// Shows a secret with its key and additional data.
fn reveal(place: &mut Value, secret: &Secret) -> Result<(), Error> {
    *place = serde_json::to_value(secret.confidential()).map_err(Error::internal)?;
    Ok(())
}
