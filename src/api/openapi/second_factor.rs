//! The second factor as its owner sets it up (`contract/mfa.md`): objects that admins and users share.

use super::table::{Kind, Member, Record};

/// A configuration on offer.
pub(super) const CONFIG_INFO: Record = Record::answered(
    "TotpConfigInfo",
    "A configuration for one-time codes.",
    &[&[
        Member::always("name", Kind::Text, "Name of the configuration."),
        Member::always("issuer", Kind::Text, "What apps show as the service."),
        Member::always("algo", Kind::Word(&["sha1", "sha256", "sha512"]), "The hash it is built on."),
    ]],
);

/// The request for a new secret.
pub(super) const GENERATE: Record = Record::sent(
    "TotpGenerateRequest",
    "Asks for a new secret.",
    &[&[Member::always("config_name", Kind::Text, "Which configuration to take.")]],
);

/// A new secret.
pub(super) const GENERATED: Record = Record::answered(
    "TotpGenerated",
    "A new secret; nothing is stored yet.",
    &[&[
        Member::always("config_name", Kind::Text, "The configuration."),
        Member::always("issuer", Kind::Text, "What apps show as the service."),
        Member::always("secret", Kind::Text, "The secret, base32."),
        Member::always("url", Kind::Text, "The same for apps, `otpauth://…`."),
        Member::always("qr_code", Kind::Text, "The same as an image: PNG, base64."),
    ]],
);

/// The request to try a code.
pub(super) const VALIDATE: Record = Record::sent(
    "TotpValidateRequest",
    "Tries a code before the secret is saved.",
    &[&[
        Member::always("config_name", Kind::Text, "The configuration."),
        Member::always("passcode", Kind::Text, "The code that the app shows."),
        Member::always("secret", Kind::Text, "The secret, base32."),
    ]],
);

/// A spare code as its owner sees it.
pub(super) const RECOVERY_CODE: Record = Record::answered(
    "RecoveryCode",
    "A spare code of the second factor, in clear.",
    &[&[
        Member::always("code", Kind::Text, "The code."),
        Member::always("used", Kind::Bool, "Whether it was used; it cannot be used again."),
    ]],
);
