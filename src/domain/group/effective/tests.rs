//! Each row of the table at [`EffectiveUser`].

use serde_json::{Value, json};

use super::*;
use crate::domain::group::GroupDraft;
use crate::domain::home_dir::HomeDirRules;
use crate::domain::sealer::Sealer;
use crate::domain::user_draft::{UserDraft, UserRules};
use crate::domain::username::NamingRules;

fn user(members: &Value) -> User {
    let mut draft = json!({"username": "ann", "home_dir": "/own", "permissions": {"/": ["list"]}});
    for (member, value) in members.as_object().unwrap() {
        draft[member] = value.clone();
    }
    let draft: UserDraft = serde_json::from_value(draft).unwrap();
    let rules = UserRules {
        naming: NamingRules::default(),
        home_dir: HomeDirRules::new(None, "/tmp".into()),
        min_password_strength: 0,
        sealer: Sealer::default(),
    };
    draft.settle(&rules, None).unwrap().0
}

fn group(name: &str, settings: &Value, folders: &Value) -> Group {
    let draft = json!({"name": name, "user_settings": settings, "virtual_folders": folders});
    let draft: GroupDraft = serde_json::from_value(draft).unwrap();
    draft.settle(NamingRules::default(), &Sealer::default(), None).unwrap()
}

/// What becomes of a user with these members in these groups, as it would be shown.
fn effective(mut members: Value, kinds: &[i64], groups: &[Group]) -> Value {
    let refs = groups.iter().zip(kinds);
    members["groups"] = refs.map(|(group, kind)| json!({"name": group.name, "type": kind})).collect();
    serde_json::to_value(&*EffectiveUser::new(user(&members), groups).unwrap()).unwrap()
}

const NUMBERS: [&str; 9] = [
    "max_sessions",
    "quota_size",
    "quota_files",
    "upload_bandwidth",
    "download_bandwidth",
    "upload_data_transfer",
    "download_data_transfer",
    "filters/password_expiration",
    "filters/password_strength",
];

fn numbers(value: i64) -> Value {
    let mut object = json!({"filters": {}});
    for name in NUMBERS {
        match name.strip_prefix("filters/") {
            Some(filter) => object["filters"][filter] = json!(value),
            None => object[name] = json!(value),
        }
    }
    object
}

#[test]
fn the_primary_group_fills_numbers_that_the_user_leaves_open() {
    let given = [group("g", &numbers(7), &json!([]))];
    for name in NUMBERS {
        let at = |user: &Value| user.pointer(&format!("/{name}")).and_then(Value::as_i64).unwrap_or(0);
        assert_eq!(at(&effective(json!({}), &[1], &given)), 7, "{name}");
        assert_eq!(at(&effective(numbers(3), &[1], &given)), 3, "{name}");
        for kind in [2, 3, 0] {
            assert_eq!(at(&effective(json!({}), &[kind], &given)), 0, "{name}");
        }
    }
}

#[test]
fn a_limit_of_transfers_is_filled_as_a_whole() {
    let given = [group("g", &json!({"total_data_transfer": 9}), &json!([]))];
    let with_total = effective(json!({}), &[1], &given);
    assert_eq!(with_total["total_data_transfer"], 9);
    let own = effective(json!({"upload_data_transfer": 1}), &[1], &given);
    assert_eq!((&own["upload_data_transfer"], &own["total_data_transfer"]), (&json!(1), &json!(0)));
}

#[test]
fn the_primary_groups_home_and_provider_take_the_users_place() {
    let settings = json!({
        "home_dir": "/srv/%role%/%username%",
        "filters": {"start_directory": "/in/%username%", "tls_username": "CommonName"},
        "filesystem": {"provider": 1, "s3config": {"bucket": "b", "region": "r", "key_prefix": "u/%username%"}},
    });
    let given = [group("g", &settings, &json!([]))];
    let filled = effective(json!({"role": "r"}), &[1], &given);
    assert_eq!((&filled["home_dir"], &filled["filesystem"]["provider"]), (&json!("/srv/r/ann"), &json!(1)));
    assert_eq!(filled["filesystem"]["s3config"]["key_prefix"], "u/ann/");
    assert_eq!(filled["filters"]["start_directory"], "/in/ann");
    assert_eq!(filled["filters"]["tls_username"], "CommonName");
    let own = json!({"filters": {"start_directory": "/mine"}});
    assert_eq!(effective(own, &[1], &given)["filters"]["start_directory"], "/mine");
    let secondary = effective(json!({}), &[2], &given);
    assert_eq!((&secondary["home_dir"], &secondary["filesystem"]["provider"]), (&json!("/own"), &json!(0)));
}

#[test]
fn switches_are_on_if_either_has_them_on() {
    let filters = json!({"disable_fs_checks": true, "allow_api_key_auth": true, "is_anonymous": true,
        "hooks": {"pre_login_disabled": true}, "require_password_change": true});
    let given = [group("g", &json!({"filters": filters}), &json!([]))];
    let on = effective(json!({}), &[1], &given);
    for switch in ["disable_fs_checks", "allow_api_key_auth", "is_anonymous"] {
        assert_eq!(on["filters"][switch], true, "{switch}");
    }
    assert_eq!(on["filters"]["hooks"]["pre_login_disabled"], true);
    assert!(on["filters"].get("require_password_change").is_none(), "an order to one account");
    assert!(effective(json!({}), &[2], &given)["filters"].get("allow_api_key_auth").is_none());
    // Who is anonymous by his group is kept from HTTP like any anonymous user.
    assert_eq!(on["filters"]["denied_protocols"], json!(["SSH", "HTTP"]));
}

#[test]
fn permissions_patterns_and_folders_come_where_the_user_has_none() {
    let settings = |word: &str| {
        json!({
            "permissions": {"/": [word], "/own": [word], "/%username%": [word]},
            "filters": {"file_patterns": [{"path": "/", "denied_patterns": [word]}, {"path": "/%username%", "denied_patterns": [word]}]},
        })
    };
    let first =
        json!([{"name": "f", "virtual_path": "/f/%username%"}, {"name": "g", "virtual_path": "/own"}]);
    let second = json!([{"name": "f", "virtual_path": "/other"}, {"name": "h", "virtual_path": "/h"}]);
    let groups = [group("a", &settings("upload"), &second), group("b", &settings("chmod"), &first)];
    let members = json!({"permissions": {"/": ["list"], "/own": []},
        "virtual_folders": [{"name": "own", "virtual_path": "/own"}]});
    // "b" is the primary one and comes first.
    let added = effective(members, &[2, 1], &groups);
    assert_eq!(added["permissions"], json!({"/": ["list"], "/own": [], "/ann": ["chmod"]}));
    let mounted: Vec<_> = added["virtual_folders"].as_array().unwrap().iter().collect();
    let mounted: Vec<_> = mounted.iter().map(|folder| (&folder["name"], &folder["virtual_path"])).collect();
    assert_eq!(
        mounted,
        [(&json!("f"), &json!("/f/ann")), (&json!("h"), &json!("/h")), (&json!("own"), &json!("/own"))]
    );
    let patterns = added["filters"]["file_patterns"].as_array().unwrap();
    assert_eq!(patterns.len(), 2);
    assert!(patterns.iter().all(|pattern| pattern["denied_patterns"] == json!(["chmod"])));
    // A secondary group says nothing of the root.
    let secondary = effective(json!({}), &[2], &groups[..1]);
    assert_eq!(secondary["filters"]["file_patterns"].as_array().unwrap().len(), 1);
}

#[test]
fn what_narrows_access_adds_up() {
    let settings = |n: u8, protocol: &str| {
        json!({"filters": {
            "allowed_ip": [format!("10.{n}.0.0/16")], "denied_ip": ["192.0.2.0/24"], "denied_protocols": [protocol],
            "denied_login_methods": ["publickey"], "two_factor_protocols": [if protocol == "DAV" { "SSH" } else { "HTTP" }],
            "web_client": ["info-change-disabled"], "access_time": [{"from": "08:00", "to": "09:00"}],
            "bandwidth_limits": [{"sources": ["10.0.0.0/8"], "upload_bandwidth": 1}],
        }})
    };
    let groups = [group("a", &settings(1, "DAV"), &json!([])), group("b", &settings(2, "HTTP"), &json!([]))];
    let own = json!({"filters": {"denied_protocols": ["FTP"], "web_client": ["write-disabled"], "denied_ip": ["192.0.2.0/24"]}});
    for kinds in [[1, 2], [2, 2]] {
        let filters = effective(own.clone(), &kinds, &groups)["filters"].clone();
        assert_eq!(filters["denied_protocols"], json!(["FTP", "DAV", "HTTP"]));
        assert_eq!(filters["allowed_ip"], json!(["10.1.0.0/16", "10.2.0.0/16"]));
        assert_eq!(filters["denied_ip"], json!(["192.0.2.0/24"]));
        assert_eq!(filters["denied_login_methods"], json!(["publickey"]));
        assert_eq!(filters["web_client"], json!(["write-disabled", "info-change-disabled"]));
        assert_eq!(filters["two_factor_protocols"], json!(["SSH", "HTTP"]));
        assert_eq!(filters["access_time"].as_array().unwrap().len(), 2);
        assert_eq!(filters["bandwidth_limits"].as_array().unwrap().len(), 2);
    }
    assert!(effective(json!({}), &[3, 3], &groups)["filters"].get("denied_protocols").is_none());
}

#[test]
fn a_name_that_cannot_stand_in_a_path_refuses_what_a_group_makes_of_it() {
    let group = group("g", &json!({"home_dir": "/srv/%username%"}), &json!([]));
    for (name, kind, fits) in [("../x", 1, false), ("a/b", 1, false), ("..", 1, false), ("a/b", 2, true)] {
        let member = user(&json!({"username": name, "groups": [{"name": "g", "type": kind}]}));
        assert_eq!(EffectiveUser::new(member, &[&group]).is_ok(), fits, "{name}");
    }
}

#[test]
fn nothing_comes_from_a_group_the_user_is_not_in() {
    let other = group("other", &numbers(7), &json!([]));
    let user = user(&json!({}));
    assert_eq!(*EffectiveUser::new(user.clone(), &[other]).unwrap(), user);
}
