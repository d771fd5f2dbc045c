//! Whether an account may be used at all (`contract/user-model.md` §1, `contract/auth.md` §5).

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::Invalid;

/// The state of a user or an admin: 0 or 1 on the wire, 0 when a request leaves it out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Status {
    /// The account exists and may not sign in.
    #[default]
    Disabled,
    /// The account may sign in.
    Enabled,
}

impl Status {
    /// Reads the number that clients send.
    ///
    /// # Errors
    /// For any number but 0 and 1.
    pub fn parse(number: i64) -> Result<Self, Invalid> {
        match number {
            0 => Ok(Self::Disabled),
            1 => Ok(Self::Enabled),
            other => Err(Invalid::new(format!("status: {other} is neither 0 (disabled) nor 1 (enabled)"))),
        }
    }

    /// Whether the account may sign in as far as its status goes.
    pub fn is_enabled(self) -> bool {
        self == Self::Enabled
    }
}

impl Serialize for Status {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(u8::from(self.is_enabled()))
    }
}

impl<'de> Deserialize<'de> for Status {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(i64::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_zero_and_one_are_a_status() {
        assert_eq!(Status::parse(0), Ok(Status::Disabled));
        assert_eq!(Status::parse(1), Ok(Status::Enabled));
        for number in [-1, 2, 5, i64::MAX] {
            assert!(Status::parse(number).is_err(), "{number}");
        }
    }
}
