//! Why a mail was not taken. The texts are for the operator, in the log and at `usersd mail test`; no client of
//! the API ever sees them.

/// A mail that was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}{}", advice.map(|advice| format!(" ({advice})")).unwrap_or_default())]
pub struct MailError {
    what: String,
    advice: Option<&'static str>,
    is_final: bool,
    is_about_message: bool,
}

impl MailError {
    /// A failure that may pass: the next try can succeed.
    pub fn passing(what: impl Into<String>) -> Self {
        Self { what: what.into(), advice: None, is_final: false, is_about_message: false }
    }

    /// A failure that stays: this message will never be taken.
    pub fn lasting(what: impl Into<String>) -> Self {
        Self { what: what.into(), advice: None, is_final: true, is_about_message: true }
    }

    /// The same, where it is the message or its recipient that is refused and not the server that fails.
    #[must_use]
    pub fn about_message(self) -> Self {
        Self { is_about_message: true, ..self }
    }

    /// The same, with what the operator can do about it.
    #[must_use]
    pub fn with_advice(self, advice: &'static str) -> Self {
        Self { advice: Some(advice), ..self }
    }

    /// The same in other words.
    #[must_use]
    pub fn rewritten(self, rewritten: impl Fn(&str) -> String) -> Self {
        Self { what: rewritten(&self.what), ..self }
    }

    /// What the operator can do about it.
    pub const fn advice(&self) -> Option<&'static str> {
        self.advice
    }

    /// What went wrong, without the advice.
    pub fn what(&self) -> &str {
        &self.what
    }

    /// Whether it is about this message alone: the server takes others.
    pub const fn is_about_message(&self) -> bool {
        self.is_about_message
    }

    /// Whether another try makes no sense.
    pub const fn is_final(&self) -> bool {
        self.is_final
    }
}
