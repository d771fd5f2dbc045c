//! What filters render, refuse and settle; the leaves are tested beside their types.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::domain::directory::DirectoryPermissions;

fn decode(filters: Value) -> Filters {
    serde_json::from_value(filters).unwrap()
}

fn settle(filters: Value) -> Result<Filters, Invalid> {
    let mut filters = decode(filters);
    filters.settle().map(|()| filters)
}

/// The smallest rendering with some members more.
fn rendered(more: &Value) -> Value {
    let mut all = json!({
        "hooks": {"external_auth_disabled": false, "pre_login_disabled": false, "check_password_disabled": false},
        "totp_config": {"secret": {}}
    });
    for (name, value) in more.as_object().unwrap() {
        all[name] = value.clone();
    }
    all
}

#[test]
fn empty_filters_show_hooks_and_totp_alone() {
    assert_eq!(serde_json::to_value(Filters::default()).unwrap(), rendered(&json!({})));
    let zeros = json!({
        "allowed_ip": [], "denied_protocols": [], "file_patterns": [], "max_upload_file_size": 0, "tls_username": "",
        "tls_certs": [""], "hooks": {}, "disable_fs_checks": false, "user_type": "", "start_directory": "/a/..",
        "access_time": [], "external_auth_cache_time": 10, "recovery_codes": [], "shoe_size": 44
    });
    assert_eq!(serde_json::to_value(settle(zeros).unwrap()).unwrap(), rendered(&json!({})));
}

#[test]
fn members_are_rendered_as_sent() {
    let sent = json!({
        "allowed_ip": ["127.0.0.0/8", "10.0.0.1/8"],
        "denied_ip": ["2001:db8::/32"],
        "denied_login_methods": ["publickey", "keyboard-interactive"],
        "denied_protocols": ["FTP", "FTP"],
        "file_patterns": [{"path": "/docs", "allowed_patterns": ["*.pdf"], "deny_policy": 1}],
        "max_upload_file_size": -1,
        "tls_username": "CommonName",
        "disable_fs_checks": true,
        "web_client": ["write-disabled", "write-disabled"],
        "allow_api_key_auth": true,
        "user_type": "anything",
        "bandwidth_limits": [{"sources": ["10.1.0.0/16"], "upload_bandwidth": 64}],
        "start_directory": "/start",
        "two_factor_protocols": ["HTTP", "HTTP"],
        "ftp_security": 7,
        "default_shares_expiration": 7,
        "max_shares_expiration": 7,
        "password_expiration": 90,
        "password_strength": -4,
        "access_time": [{"day_of_week": 1, "from": "08:00", "to": "18:30"}],
        "require_password_change": true
    });
    let filters = settle(sent.clone()).unwrap();
    assert_eq!(serde_json::to_value(&filters).unwrap(), rendered(&sent));
    assert_eq!(decode(rendered(&sent)), filters);
}

#[test]
fn a_wrong_member_is_refused_by_name() {
    for (name, value) in [
        ("allowed_ip", json!(["10.0.0.1"])),
        ("denied_ip", json!([""])),
        ("denied_login_methods", json!(["IDP"])),
        ("denied_protocols", json!(["http"])),
        ("tls_username", json!("Email")),
        ("web_client", json!([""])),
        ("bandwidth_limits", json!([{}])),
        ("access_time", json!([{}])),
        ("file_patterns", json!([{}])),
    ] {
        let refused = serde_json::from_value::<Filters>(json!({ name: value })).unwrap_err().to_string();
        assert!(refused.starts_with(&format!("filters.{name}")), "{refused}");
    }
    assert!(serde_json::from_value::<Filters>(json!({"two_factor_protocols": ["DAV"]})).is_err());
}

#[test]
fn a_start_directory_is_absolute_and_the_root_is_none() {
    for (sent, kept) in [
        ("/start/", Some("/start")),
        ("start/x", Some("/start/x")),
        ("/a/../b", Some("/b")),
        ("//a//b", Some("/a/b")),
        (" ", Some("/ ")),
        (".", None),
        ("", None),
        ("../..", None),
    ] {
        let shown = serde_json::to_value(decode(json!({ "start_directory": sent }))).unwrap();
        assert_eq!(shown.get("start_directory").and_then(Value::as_str), kept, "{sent:?}");
    }
}

#[test]
fn members_that_contradict_each_other_are_refused() {
    for sent in [
        json!({"default_shares_expiration": 8, "max_shares_expiration": 7}),
        json!({"require_password_change": true, "web_client": ["password-change-disabled"]}),
        json!({"two_factor_protocols": ["SSH"], "web_client": ["mfa-disabled"]}),
        json!({"totp_config": {"enabled": true}, "web_client": ["mfa-disabled"]}),
    ] {
        assert!(settle(sent.clone()).is_err(), "{sent}");
    }
    for sent in [
        json!({"default_shares_expiration": 8}),
        json!({"default_shares_expiration": 8, "max_shares_expiration": -1}),
        json!({"default_shares_expiration": 5, "max_shares_expiration": 5}),
        json!({"web_client": ["mfa-disabled", "password-change-disabled"]}),
        json!({"totp_config": {"enabled": true}, "two_factor_protocols": ["SSH"], "require_password_change": true}),
    ] {
        assert!(settle(sent.clone()).is_ok(), "{sent}");
    }
}

#[test]
fn an_anonymous_user_keeps_ftp_webdav_and_the_password_and_what_was_sent() {
    let filters = decode(json!({
        "is_anonymous": true, "denied_protocols": ["HTTP"], "denied_login_methods": ["publickey"]
    }));
    let mut draft: DirectoryPermissionsDraft = serde_json::from_value(json!({"/": ["*"], "/b": []})).unwrap();
    filters.check_anonymous(&mut draft).unwrap();
    let sent = serde_json::to_value(&filters).unwrap();
    assert_eq!(
        (&sent["denied_protocols"], &sent["denied_login_methods"]),
        (&json!(["HTTP"]), &json!(["publickey"]))
    );
    assert_eq!(serde_json::to_value(filters.protocols_denied_in_force()).unwrap(), json!(["HTTP", "SSH"]));
    assert_eq!(
        serde_json::to_value(filters.methods_denied_in_force()).unwrap(),
        json!([
            "publickey",
            "password-over-SSH",
            "keyboard-interactive",
            "publickey+password",
            "publickey+keyboard-interactive",
            "TLSCertificate",
            "TLSCertificate+password"
        ])
    );
    let permissions = serde_json::to_value(DirectoryPermissions::parse(draft).unwrap()).unwrap();
    assert_eq!(permissions, json!({"/": ["*"], "/b": []}));
}

#[test]
fn an_anonymous_user_needs_a_protocol_and_a_method() {
    for sent in [
        json!({"is_anonymous": true, "denied_protocols": ["FTP", "DAV"]}),
        json!({"is_anonymous": true, "denied_login_methods": ["password"]}),
    ] {
        assert!(decode(sent).check_anonymous(&mut DirectoryPermissionsDraft::default()).is_err());
    }
}

#[test]
fn who_is_not_anonymous_is_left_alone() {
    let filters = decode(json!({"denied_protocols": ["FTP", "DAV"]}));
    let mut draft: DirectoryPermissionsDraft = serde_json::from_value(json!({"/": ["fly"]})).unwrap();
    filters.check_anonymous(&mut draft).unwrap();
    assert_eq!(filters.protocols_denied_in_force(), filters.denied_protocols);
    assert_eq!(filters.methods_denied_in_force(), filters.denied_login_methods);
    assert!(DirectoryPermissions::parse(draft).is_err());
}

#[test]
fn an_allowed_network_wins_over_a_denied_one() {
    let filters =
        |allowed: &[&str], denied: &[&str]| decode(json!({"allowed_ip": allowed, "denied_ip": denied}));
    for (allowed, denied, peer, may) in [
        (&[][..], &[][..], "192.0.2.1", true),
        (&["10.0.0.0/8"], &[], "10.1.1.1", true),
        (&["10.0.0.0/8"], &[], "192.0.2.1", false),
        (&["10.0.0.0/8"], &["10.1.0.0/16"], "10.1.1.1", true),
        (&[], &["10.1.0.0/16"], "10.1.1.1", false),
        (&[], &["10.1.0.0/16"], "::ffff:10.1.1.1", false),
        (&[], &["10.1.0.0/16"], "10.2.1.1", true),
        (&["10.0.0.0/8"], &["10.1.0.0/16"], "192.0.2.1", false),
    ] {
        let peer: IpAddr = peer.parse().unwrap();
        assert_eq!(filters(allowed, denied).may_sign_in_from(peer), may, "{allowed:?} {denied:?} {peer}");
    }
}

#[test]
fn times_of_access_hold_if_there_are_any() {
    let thursday_noon = UnixMillis::new(UnixMillis::DAY / 2);
    assert!(decode(json!({})).may_sign_in_at(thursday_noon));
    let one = json!({"day_of_week": 1, "from": "00:00", "to": "23:59"});
    let other = json!({"day_of_week": 4, "from": "11:00", "to": "12:00"});
    assert!(!decode(json!({ "access_time": [one] })).may_sign_in_at(thursday_noon));
    assert!(decode(json!({ "access_time": [one, other] })).may_sign_in_at(thursday_noon));
}

#[test]
fn denials_are_exact() {
    let filters =
        decode(json!({"denied_protocols": ["HTTP"], "denied_login_methods": ["password-over-SSH"]}));
    assert!(filters.denies_protocol(Protocol::Http) && !filters.denies_protocol(Protocol::Dav));
    assert!(
        filters.denies_method(LoginMethod::PasswordOverSsh) && !filters.denies_method(LoginMethod::Password)
    );
}

proptest! {
    #[test]
    fn filters_read_back_as_themselves(
        numbers in prop::collection::vec(-2_i64..3, 6),
        flags in prop::collection::vec(any::<bool>(), 5),
        start in "[./a]{0,8}",
        options in prop::collection::vec(prop::sample::select(WebClientOption::ALL), 0..4),
        user_type in any::<String>(),
    ) {
        let filters = Filters {
            max_upload_file_size: numbers[0],
            ftp_security: numbers[1],
            default_shares_expiration: numbers[2],
            max_shares_expiration: numbers[3],
            password_expiration: numbers[4],
            password_strength: numbers[5],
            disable_fs_checks: flags[0],
            allow_api_key_auth: flags[1],
            is_anonymous: flags[2],
            require_password_change: flags[3],
            hooks: Hooks { pre_login_disabled: flags[4], ..Hooks::default() },
            start_directory: start.into(),
            web_client: options,
            user_type,
            ..Filters::default()
        };
        let json = serde_json::to_string(&filters).unwrap();
        prop_assert_eq!(serde_json::from_str::<Filters>(&json).unwrap(), filters);
    }
}
