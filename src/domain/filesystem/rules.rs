//! What the settings of all providers have in common: secrets in places, rules to pass, and the few
//! rules that several of them share (`contract/validation.md` §6).

use std::ops::RangeInclusive;

use super::Slot;
use crate::domain::path;
use crate::domain::secret::Secret;
use crate::error::Invalid;

/// The settings of one provider.
pub(super) trait Settings {
    /// Its secrets, empty ones too.
    fn secrets(&self) -> Vec<(Slot, &Secret)>;

    /// Its secrets, to be replaced.
    fn secrets_mut(&mut self) -> Vec<(Slot, &mut Secret)>;

    /// The texts in which a group may let a member's name stand: none unless the provider has some.
    fn templates_mut(&mut self) -> Vec<&mut String> {
        Vec::new()
    }

    /// Checks the settings by the provider's rules in their order, and brings them into the form in
    /// which they are stored. Secrets stay plain.
    fn settle(&mut self) -> Result<(), Invalid>;
}

/// Says in whose settings a rule was broken.
pub(super) fn labelled(label: &str) -> impl Fn(Invalid) -> Invalid {
    move |why| Invalid::new(format!("could not validate {label}: {why}"))
}

/// Demands a value.
pub(super) fn present(member: &str, value: &str) -> Result<(), Invalid> {
    if value.is_empty() { Err(Invalid::new(format!("{member} is required"))) } else { Ok(()) }
}

/// Holds a number to its range.
pub(super) fn within(member: &str, value: i64, range: &RangeInclusive<i64>) -> Result<(), Invalid> {
    if range.contains(&value) {
        return Ok(());
    }
    Err(Invalid::new(format!("{member} must be between {} and {}", range.start(), range.end())))
}

/// Holds a number to its range, or to 0 for "the default".
pub(super) fn within_or_zero(member: &str, value: i64, range: &RangeInclusive<i64>) -> Result<(), Invalid> {
    if value == 0 || range.contains(&value) {
        return Ok(());
    }
    Err(Invalid::new(format!("{member} must be 0 or between {} and {}", range.start(), range.end())))
}

/// Demands a secret that can be used.
pub(super) fn required(slot: Slot, secret: &Secret) -> Result<(), Invalid> {
    if secret.is_empty() {
        return Err(Invalid::new(format!("{} is required", slot.member())));
    }
    optional(slot, secret)
}

/// Lets no secret pass, or one that can be used.
pub(super) fn optional(slot: Slot, secret: &Secret) -> Result<(), Invalid> {
    let named = |why: &dyn std::fmt::Display| Invalid::new(format!("{}: {why}", slot.member()));
    match secret {
        Secret::Plain(plain) if plain.expose().is_empty() => Err(named(&"the secret has no payload")),
        Secret::Empty | Secret::Plain(_) => Ok(()),
        Secret::Sealed(sealed) => sealed.check().map_err(|why| named(&why)),
        Secret::Redacted => Err(named(&"there is no secret to keep")),
    }
}

/// Cleans the prefix of keys in a bucket or container: relative, with a slash at its end.
pub(super) fn clean_key_prefix(prefix: &mut String) -> Result<(), Invalid> {
    if prefix.starts_with('/') {
        return Err(Invalid::new("key_prefix cannot start with /"));
    }
    if !prefix.is_empty() {
        *prefix = format!("{}/", path::clean(prefix));
    }
    Ok(())
}

/// Takes the blanks from both ends.
pub(super) fn trim(text: &mut String) {
    let trimmed = text.trim();
    if trimmed.len() < text.len() {
        *text = trimmed.to_owned();
    }
}

/// Whether a number is left out of the JSON.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde's skip_serializing_if calls")]
pub(super) fn is_zero(number: &i64) -> bool {
    *number == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_prefix_is_cleaned_and_ends_with_a_slash() {
        for (given, becomes) in
            [("", ""), ("a//b/../c", "a/c/"), (".", "./"), ("..", "../"), ("../x", "../x/"), ("x/", "x/")]
        {
            let mut prefix = given.to_owned();
            assert_eq!(clean_key_prefix(&mut prefix), Ok(()));
            assert_eq!(prefix, becomes, "{given:?}");
        }
        assert!(clean_key_prefix(&mut "/x".to_owned()).is_err());
    }

    #[test]
    fn ranges_include_their_ends() {
        assert!(within("n", 0, &(0..=10)).is_ok() && within("n", 10, &(0..=10)).is_ok());
        assert!(within("n", -1, &(0..=10)).is_err() && within("n", 11, &(0..=10)).is_err());
        assert!(within_or_zero("n", 0, &(5..=9)).is_ok() && within_or_zero("n", 5, &(5..=9)).is_ok());
        assert!(within_or_zero("n", 4, &(5..=9)).is_err() && within_or_zero("n", 10, &(5..=9)).is_err());
    }
}
