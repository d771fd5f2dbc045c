//! Rules of whole filesystems; what one provider checks alone is tested beside it.

use serde_json::{Value, json};

use super::*;

const OWNER: &str = "alice";
const KEY: &str = "0000000000000000000000000000000000000000000000000000000000000000";

fn plain(text: &str) -> Value {
    json!({"status": "Plain", "payload": text})
}

fn draft(value: Value) -> FilesystemDraft {
    serde_json::from_value(value).unwrap()
}

fn settle(value: Value, stored: Option<&Filesystem>) -> Result<Filesystem, String> {
    draft(value).settle(stored, OWNER, &Sealer::default()).map_err(|why| why.to_string())
}

fn settled(value: Value) -> Filesystem {
    settle(value, None).unwrap()
}

fn shown(filesystem: &Filesystem) -> Value {
    serde_json::to_value(filesystem).unwrap()
}

/// A whole filesystem of each provider that has secrets, and the members they stand in.
fn providers() -> Vec<(Value, &'static [&'static str])> {
    let ed25519 = include_str!("../../../tests/data/private_keys/openssh_ed25519_ctr");
    vec![
        (
            json!({"provider": 1, "s3config": {"bucket": "b", "region": "r", "access_key": "k", "access_secret": plain("s")}}),
            &["access_secret"],
        ),
        (json!({"provider": 2, "gcsconfig": {"bucket": "b", "credentials": plain("{}")}}), &["credentials"]),
        (
            json!({"provider": 3, "azblobconfig": {"container": "c", "account_name": "n", "account_key": plain("k"),
                "sas_url": plain("https://x/c?sig=1")}}),
            &["account_key", "sas_url"],
        ),
        (json!({"provider": 4, "cryptconfig": {"passphrase": plain(" ")}}), &["passphrase"]),
        (
            json!({"provider": 5, "sftpconfig": {"endpoint": "h", "username": "u", "password": plain("p"),
                "private_key": plain(ed25519), "key_passphrase": plain("secret phrase")}}),
            &["password", "private_key", "key_passphrase"],
        ),
        (
            json!({"provider": 6, "httpconfig": {"endpoint": "http://h/", "password": plain("p"), "api_key": plain("k")}}),
            &["password", "api_key"],
        ),
    ]
}

fn section(value: &Value) -> &'static str {
    Provider::from_code(value["provider"].as_i64().unwrap()).section()
}

/// The value with another member in the active section.
fn with(value: &Value, member: &str, becomes: Value) -> Value {
    let mut value = value.clone();
    let section = section(&value);
    value[section][member] = becomes;
    value
}

/// The same for a secret that is not plain. A plain private key cannot be read without its passphrase, so
/// that the two change together.
fn with_hidden(value: &Value, member: &str, secret: &Value) -> Value {
    let value = with(value, member, secret.clone());
    if member == "key_passphrase" { with(&value, "private_key", secret.clone()) } else { value }
}

#[test]
fn the_default_is_local_and_shows_seven_sections() {
    let expected = json!({"provider": 0, "osconfig": {}, "s3config": {}, "gcsconfig": {}, "azblobconfig": {},
        "cryptconfig": {}, "sftpconfig": {}, "httpconfig": {}});
    assert_eq!(shown(&Filesystem::default()), expected);
    assert_eq!(settled(json!({})), Filesystem::default());
}

#[test]
fn the_settings_of_other_providers_are_dropped() {
    let mut all = json!({"provider": 0, "osconfig": {"read_buffer_size": 3}});
    for (value, _) in providers() {
        all[section(&value)] = value[section(&value)].clone();
    }
    for (provider, code) in Provider::ALL.into_iter().zip(0..) {
        all["provider"] = json!(code);
        let shown = shown(&settled(all.clone()));
        for other in Provider::ALL {
            assert_eq!(shown[other.section()] != json!({}), other == provider, "{other:?} of {provider:?}");
        }
    }
    all["provider"] = json!(99);
    assert_eq!(shown(&settled(all))["provider"], json!(0));
}

#[test]
fn plain_secrets_are_sealed_for_their_owner() {
    for (value, members) in providers() {
        let filesystem = settled(value.clone());
        for (slot, secret) in filesystem.secrets() {
            assert!(members.contains(&slot.member()), "{slot:?}");
            let sealed = secret.sealed().unwrap();
            assert_eq!(sealed.additional_data(), OWNER);
            let sent = value[slot.section()][slot.member()]["payload"].as_str().unwrap();
            assert_eq!(Sealer::default().open(sealed).unwrap().expose(), sent);
        }
        assert_eq!(filesystem.secrets().count(), members.len());
    }
}

#[test]
fn creating_with_a_redacted_secret_is_refused_for_the_active_provider_only() {
    for (value, members) in providers() {
        for member in members {
            let mut redacted = with(&value, member, json!({"status": "Redacted", "payload": "x"}));
            assert_eq!(
                settle(redacted.clone(), None).unwrap_err(),
                "cannot save a user with a redacted secret"
            );
            assert!(draft(redacted.clone()).refuse_redacted().is_err());
            redacted["provider"] = json!(0);
            assert!(settle(redacted, None).is_ok());
        }
    }
}

#[test]
fn creating_with_a_sealed_secret_stores_it_as_sent() {
    for status in ["Secretbox", "AES-256-GCM"] {
        let sent = json!({"status": status, "payload": "x", "key": KEY, "additional_data": "d", "mode": 1});
        for (value, members) in providers() {
            for member in members {
                let filesystem = settled(with_hidden(&value, member, &sent));
                let (_, secret) = filesystem.secrets().find(|(slot, _)| slot.member() == *member).unwrap();
                assert_eq!(serde_json::to_value(secret.confidential()).unwrap(), sent);
            }
        }
    }
}

#[test]
fn creating_with_an_unusable_secret_is_refused() {
    for unusable in [
        plain(""),
        json!({"status": "Secretbox", "payload": "x"}),
        json!({"status": "Secretbox", "payload": "x", "key": "ab"}),
        json!({"status": "Secretbox", "payload": "", "key": KEY}),
        json!({"status": "AES-256-GCM", "payload": "x"}),
    ] {
        for (value, members) in providers() {
            // A signed address makes the account's key unimportant, unless it cannot even be sealed.
            for member in members.iter().filter(|member| **member != "account_key") {
                assert!(settle(with(&value, member, unusable.clone()), None).is_err(), "{member} {unusable}");
            }
        }
    }
    let (azure, _) = &providers()[2];
    assert!(settle(with(azure, "account_key", plain("")), None).is_err());
}

#[test]
fn an_update_keeps_a_secret_that_is_sent_back_or_redacted() {
    for (value, members) in providers() {
        let stored = settled(value.clone());
        for member in members {
            let shown = shown(&stored)[section(&value)][member].clone();
            for sent in [
                shown,
                json!({"status": "Redacted"}),
                json!({"status": "Redacted", "payload": "whatever"}),
                json!({"status": "Secretbox"}),
                json!({"status": "Secretbox", "payload": "other", "key": KEY}),
                json!({"status": "AES-256-GCM", "payload": "other", "key": KEY, "additional_data": "d"}),
            ] {
                let updated = settle(with_hidden(&value, member, &sent), Some(&stored)).unwrap();
                let slot = stored.secrets().find(|(slot, _)| slot.member() == *member).unwrap().0;
                assert_eq!(updated.secret(slot), stored.secret(slot), "{member} {sent}");
            }
        }
    }
}

#[test]
fn an_update_seals_a_plain_secret_anew() {
    for (value, _) in providers() {
        let stored = settled(value.clone());
        let updated = settle(value, Some(&stored)).unwrap();
        for (slot, secret) in updated.secrets() {
            assert_ne!(Some(secret), stored.secret(slot));
            assert!(secret.sealed().is_some());
        }
    }
}

#[test]
fn an_update_without_a_secret_empties_it_but_keeps_googles() {
    let optional = ["account_key", "sas_url", "password", "private_key", "api_key"];
    for (value, members) in providers() {
        let stored = settled(value.clone());
        for member in members {
            let result = settle(with(&value, member, json!({})), Some(&stored));
            let secret = |filesystem: &Filesystem| {
                filesystem
                    .secrets()
                    .find(|(slot, _)| slot.member() == *member)
                    .map(|(_, secret)| secret.clone())
            };
            match *member {
                "credentials" => assert_eq!(secret(&result.unwrap()), secret(&stored)),
                member if optional.contains(&member) => {
                    assert_eq!(secret(&result.unwrap()), Some(Secret::Empty));
                }
                member => assert!(result.is_err(), "{member}"),
            }
        }
    }
}

#[test]
fn an_update_with_a_redacted_secret_and_nothing_to_keep_leaves_it_empty() {
    let local = Filesystem::default();
    let redacted = json!({"status": "Redacted"});
    let s3 = |access_key: &str| {
        json!({"provider": 1, "s3config": {"bucket": "b", "region": "r", "access_key": access_key,
            "access_secret": redacted}})
    };
    assert_eq!(
        shown(&settle(s3(""), Some(&local)).unwrap())["s3config"],
        json!({"bucket": "b", "region": "r"})
    );
    assert!(settle(s3("k"), Some(&local)).is_err());
}

#[test]
fn switching_the_provider_away_forgets_the_secrets() {
    for (value, members) in providers() {
        let stored = settled(value.clone());
        let local = settle(json!({}), Some(&stored)).unwrap();
        assert_eq!(local, Filesystem::default());
        let mut back = value;
        for member in members {
            back = with(&back, member, json!({"status": "Redacted"}));
        }
        let back = settle(back, Some(&local));
        // Only a web server may be spoken to without any credentials.
        assert_eq!(back.is_ok(), members.contains(&"api_key"));
    }
}

#[test]
fn automatic_credentials_drop_googles_secret() {
    let (value, _) = &providers()[1];
    let stored = settled(value.clone());
    for credentials in [plain("x"), plain(""), json!({}), json!({"status": "Redacted"})] {
        let automatic = with(&with(value, "automatic_credentials", json!(1)), "credentials", credentials);
        let updated = settle(automatic, Some(&stored)).unwrap();
        assert_eq!(shown(&updated)["gcsconfig"], json!({"bucket": "b", "automatic_credentials": 1}));
    }
    let other = json!({"provider": 2, "gcsconfig": {"bucket": "b", "automatic_credentials": 2}});
    assert!(settle(other.clone(), None).is_ok());
    assert!(settle(with(&other, "credentials", plain("")), None).is_err());
}

#[test]
fn values_are_brought_into_the_stored_form() {
    for (given, section, member, becomes) in [
        (
            json!({"provider": 2, "gcsconfig": {"upload_part_size": -1}}),
            "gcsconfig",
            "upload_part_size",
            Value::Null,
        ),
        (
            json!({"provider": 2, "gcsconfig": {"upload_part_max_time": -5}}),
            "gcsconfig",
            "upload_part_max_time",
            Value::Null,
        ),
        (
            json!({"provider": 2, "gcsconfig": {"acl": " private\u{a0}"}}),
            "gcsconfig",
            "acl",
            json!("private"),
        ),
        (
            json!({"provider": 1, "s3config": {"storage_class": "\tX "}}),
            "s3config",
            "storage_class",
            json!("X"),
        ),
        (
            json!({"provider": 3, "azblobconfig": {"key_prefix": "a//b/../c"}}),
            "azblobconfig",
            "key_prefix",
            json!("a/c/"),
        ),
        (json!({"provider": 5, "sftpconfig": {"prefix": "a/../b/"}}), "sftpconfig", "prefix", json!("/b")),
        (json!({"provider": 5, "sftpconfig": {}}), "sftpconfig", "prefix", json!("/")),
        (json!({"provider": 5, "sftpconfig": {}}), "sftpconfig", "endpoint", json!("h:22")),
        (
            json!({"provider": 6, "httpconfig": {"endpoint": "https://x///"}}),
            "httpconfig",
            "endpoint",
            json!("https://x"),
        ),
    ] {
        let code = given["provider"].as_i64().unwrap();
        let (mut whole, _) =
            providers().into_iter().find(|(value, _)| value["provider"] == json!(code)).unwrap();
        for (name, value) in given[section].as_object().unwrap() {
            whole[section][name] = value.clone();
        }
        let shown = shown(&settled(whole));
        assert_eq!(shown[section].get(member).unwrap_or(&Value::Null), &becomes, "{given}");
    }
}

#[test]
fn a_broken_rule_names_the_settings_and_the_member() {
    for (broken, text) in [
        (
            json!({"provider": 0, "osconfig": {"read_buffer_size": 11}}),
            "read_buffer_size must be between 0 and 10",
        ),
        (
            json!({"provider": 0, "osconfig": {"write_buffer_size": -1}}),
            "write_buffer_size must be between 0 and 10",
        ),
        (json!({"provider": 1}), "could not validate s3config: bucket is required"),
        (
            json!({"provider": 1, "s3config": {"bucket": "b", "region": "r", "upload_part_size": 4}}),
            "could not validate s3config: upload_part_size must be 0 or between 5 and 5000",
        ),
        (json!({"provider": 2}), "could not validate GCS config: bucket is required"),
        (json!({"provider": 3}), "could not validate Azure Blob config: container is required"),
        (
            json!({"provider": 3, "azblobconfig": {"sas_url": plain("http://%zz")}}),
            "could not validate Azure Blob config: sas_url is not a URL",
        ),
        (json!({"provider": 4}), "could not validate crypt fs config: passphrase is required"),
        (json!({"provider": 5}), "could not validate SFTP fs config: endpoint is required"),
        (json!({"provider": 6}), "could not validate HTTP fs config: endpoint is required"),
    ] {
        assert_eq!(settle(broken, None).unwrap_err(), text);
    }
    assert!(settle(json!({"provider": 3, "azblobconfig": {"sas_url": plain("foo bar")}}), None).is_ok());
}

#[test]
fn only_a_plain_private_key_in_use_is_slow() {
    let (sftp, _) = &providers()[4];
    assert!(draft(sftp.clone()).needs_slow_check());
    assert!(!draft(with(sftp, "private_key", json!({"status": "Redacted"}))).needs_slow_check());
    let mut local = sftp.clone();
    local["provider"] = json!(0);
    assert!(!draft(local).needs_slow_check());
}

#[test]
fn a_stored_filesystem_comes_back_whole_with_its_private_half() {
    for (value, _) in providers() {
        let filesystem = settled(value);
        let kept: Vec<(u8, String, String)> = filesystem
            .secrets()
            .filter_map(|(slot, secret)| {
                let (key, additional_data) = secret.private_parts()?;
                Some((slot.id(), key.to_owned(), additional_data.to_owned()))
            })
            .collect();
        let mut again: Filesystem = serde_json::from_value(shown(&filesystem)).unwrap();
        for (id, key, additional_data) in kept {
            let slot = Slot::from_id(id).unwrap();
            let (_, secret) = again.secrets_mut().find(|(at, _)| *at == slot).unwrap();
            secret.restore_private(key, additional_data).unwrap();
        }
        assert_eq!(again, filesystem);
    }
}

#[test]
fn a_stored_filesystem_with_a_secret_that_is_not_sealed_is_refused() {
    for secret in [plain("x"), json!({"status": "Redacted"})] {
        let stored = json!({"provider": 4, "cryptconfig": {"passphrase": secret}});
        assert!(serde_json::from_value::<Filesystem>(stored).is_err());
    }
}

#[test]
fn the_confidential_view_shows_every_secret_of_every_provider() {
    let mut empty = shown(&Filesystem::default());
    Filesystem::default().reveal(&mut empty).unwrap();
    let nothing = json!({"provider": 0, "osconfig": {}, "s3config": {"access_secret": {}},
        "gcsconfig": {"credentials": {}}, "azblobconfig": {"account_key": {}, "sas_url": {}},
        "cryptconfig": {"passphrase": {}},
        "sftpconfig": {"password": {}, "private_key": {}, "key_passphrase": {}},
        "httpconfig": {"password": {}, "api_key": {}}});
    assert_eq!(empty, nothing);

    for (value, members) in providers() {
        let filesystem = settled(value.clone());
        let normal = shown(&filesystem);
        let mut view = normal.clone();
        filesystem.reveal(&mut view).unwrap();
        for member in members {
            let secret = &view[section(&value)][member];
            assert_eq!(secret["payload"], normal[section(&value)][member]["payload"]);
            assert_eq!(
                (secret["key"].as_str().unwrap().len(), &secret["additional_data"]),
                (64, &json!(OWNER))
            );
            assert!(!normal.to_string().contains(secret["key"].as_str().unwrap()));
        }
        for slot in Slot::ALL.into_iter().filter(|slot| slot.section() != section(&value)) {
            assert_eq!(view[slot.section()][slot.member()], json!({}));
        }
    }
}

#[test]
fn an_encrypted_private_key_needs_its_passphrase_beside_it() {
    let (sftp, _) = &providers()[4];
    let stored = settled(sftp.clone());
    for passphrase in [json!({}), json!({"status": "Redacted"}), plain("wrong")] {
        let why = settle(with(sftp, "key_passphrase", passphrase), Some(&stored)).unwrap_err();
        assert!(why.starts_with("could not validate SFTP fs config: private_key: "), "{why}");
    }
}
