//! The object in which a secret travels (`contract/secrets.md` §1).

use super::table::{Kind, Member, Record};

/// A secret.
pub(super) const SECRET: Record = Record::both(
    "Secret",
    "A secret. To set one, send `status` `Plain` with the clear text as `payload`; it is stored encrypted and \
     answered that way. Send back what was read, or `Redacted`, to keep it. An empty object is no secret.",
    &[&[
        Member::maybe(
            "status",
            Kind::Word(&[
                "Plain",
                "Secretbox",
                "AES-256-GCM",
                "Redacted",
                "AWS",
                "GCP",
                "VaultTransit",
                "AzureKeyVault",
                "OracleKeyVault",
            ]),
            "What the payload is: clear text (`Plain`), encrypted by this server (`Secretbox`, \
             `AES-256-GCM`) or by a key service, or a stand-in for what is stored (`Redacted`).",
        ),
        Member::maybe("payload", Kind::Text, "The clear or encrypted text."),
        Member::maybe("key", Kind::Text, "What the payload was encrypted with; confidential."),
        Member::maybe("additional_data", Kind::Text, "What the payload is bound to; confidential."),
        Member::maybe("mode", Kind::Int64, "1 if a master key took part in the encryption."),
    ]],
);
