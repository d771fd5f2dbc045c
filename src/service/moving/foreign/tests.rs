//! Each format, what it says and what it cannot say.

use super::*;

const HASH: &str =
    "$6$abcdefgh$yVfUwsw5T.JApa8POvClA1pQ5peiq97DUNyXCZN5IrF.BMSkiaLQ5kvpuEm/VQ1Tvh/KV2TcaWh8qinoW5dhA1";

fn read(format: Format, text: &str, shadow: Option<&str>) -> ForeignUsers {
    let mut shadow = shadow.map(str::as_bytes);
    let shadow = shadow.as_mut().map(|shadow| shadow as &mut dyn Read);
    ForeignUsers::read(format, &mut text.as_bytes(), shadow).unwrap()
}

fn password(draft: &UserDraft) -> Option<&str> {
    draft.password.as_ref().map(NewPassword::expose)
}

#[test]
fn accounts_of_a_system_come_with_their_hash_of_the_shadow_file() {
    let passwd = "# comment\n\nanna:x:1000:1001:Anna A.,room 1:/home/anna:/bin/sh\nbert:x:1:2::/b:/bin/sh\n\
        carl:x:3:3::/c:/bin/sh\ndora:x:4:4::/d:/bin/sh\nemil:x:5:5::/e:/bin/sh\nfred:x:x:6::/f:/bin/sh\nbroken\n";
    let shadow = format!(
        "anna:{HASH}:19000:0:99999:7::20000:\nbert:!{HASH}:1::::::\ncarl:*:1::::::\ndora:ab1234567890x:1::::::\n"
    );
    let users = read(Format::Passwd, passwd, Some(&shadow));
    assert_eq!(users.count(Part::Users), 7);
    let anna = users.user(0).unwrap();
    assert_eq!((anna.username.as_str(), anna.uid, anna.gid, anna.status), ("anna", 1000, 1001, 1));
    assert_eq!((anna.home_dir.as_str(), anna.description.as_str()), ("/home/anna", "Anna A."));
    assert_eq!((password(&anna), users.line(Part::Users, 0)), (Some(HASH), 3));
    assert_eq!(anna.expiration_date, Some(UnixMillis::new(20_000 * UnixMillis::DAY)));
    assert_eq!(anna.last_password_change, UnixMillis::new(19_000 * UnixMillis::DAY));
    assert_eq!(users.remark(Part::Users, 0), None);
    for (index, why) in [(1, "locked"), (2, "locked"), (3, "no known kind"), (4, "does not name the user")] {
        let user = users.user(index).unwrap();
        assert_eq!((password(&user), user.status), (None, 0), "{index}");
        assert!(users.remark(Part::Users, index).unwrap().contains(why), "{index}");
    }
    assert!(users.user(5).unwrap_err().to_string().contains("numbers"));
    assert!(users.user(6).unwrap_err().to_string().contains("seven fields"));
}

#[test]
fn what_a_shadow_file_asks_of_passwords_is_kept_or_told() {
    let passwd = "anna:x:1:1::/a:/usr/sbin/nologin\nbert:x:2:2::/b:/bin/false\ncarl:x:3:3::/c:\ndora:x:4:4::/d:/bin/sh\n";
    let shadow = format!(
        "anna:{HASH}:0:0:99999:7:::\nbert:{HASH}:19000:2:90:7:14::\ncarl:{HASH}::::::0:\ndora:{HASH}:19000:0:0::::\n"
    );
    let users = read(Format::Passwd, passwd, Some(&shadow));
    let asked = |index: usize| {
        let user = users.user(index).unwrap();
        (user.filters.require_password_change, user.filters.password_expiration, user.status)
    };
    assert_eq!([0, 1, 2, 3].map(asked), [(true, 0, 1), (false, 90, 1), (false, 0, 0), (true, 0, 1)]);
    let told = |index: usize| users.remark(Part::Users, index).unwrap_or_default();
    assert!(told(0).contains("/usr/sbin/nologin is not kept"), "{}", told(0));
    for what in ["/bin/false is not kept", "least age of a password, 2 days", "worth nothing, 14 days"] {
        assert!(told(1).contains(what), "{}", told(1));
    }
    assert!(told(2).contains("first day of 1970"), "{}", told(2));
    assert_eq!(told(3), "");
}

#[test]
fn a_hash_may_stand_in_the_passwd_file_or_the_shadow_file_alone() {
    let users = read(Format::Passwd, &format!("anna:{HASH}:1:1::/a:/bin/sh\nbert::1:1::/b:/bin/sh\n"), None);
    assert_eq!(password(&users.user(0).unwrap()), Some(HASH));
    assert!(users.remark(Part::Users, 1).unwrap().contains("empty"), "nobody comes in without a password");
    let users = read(Format::Shadow, &format!("anna:{HASH}:0:0:::::\nbert\n"), None);
    assert_eq!(
        (password(&users.user(0).unwrap()), users.user(0).unwrap().home_dir.as_str()),
        (Some(HASH), "")
    );
    assert!(users.user(1).is_err());
}

#[test]
fn users_of_web_servers_come_with_hashes_never_with_what_may_be_a_plain_password() {
    let text =
        "anna:$apr1$abcdefgh$FBwExRW4dCc8aL.OvjpIE1\nbert:$2y$05$x\ncarl:{SHA}x=\ndora:plain\nbroken\n";
    let users = read(Format::Htpasswd, text, None);
    assert_eq!(password(&users.user(0).unwrap()), Some("$apr1$abcdefgh$FBwExRW4dCc8aL.OvjpIE1"));
    assert_eq!(password(&users.user(1).unwrap()), Some("$2y$05$x"));
    for index in [2, 3] {
        assert_eq!(password(&users.user(index).unwrap()), None);
        assert!(users.remark(Part::Users, index).unwrap().contains("no known kind"));
    }
    assert!(users.user(4).is_err());
}

#[test]
fn a_table_names_its_columns() {
    let text = "\u{feff}username,password,email,status,uid,public_keys,permissions\n\
        anna,\"a \"\"plain\"\" one\",a@example.com,1,7,\"ssh-ed25519 A\nssh-rsa B\",\"list, download\"\n\
        bert,,,0,,,\ncarl,,,2,,,\ndora,x\n";
    let users = read(Format::Csv, text, None);
    let anna = users.user(0).unwrap();
    assert_eq!((anna.username.as_str(), password(&anna)), ("anna", Some("a \"plain\" one")));
    assert_eq!((anna.uid, anna.public_keys.len()), (7, 2));
    let granted = DirectoryPermissionsDraft::new(vec![(
        "/".to_owned(),
        Some(vec!["list".to_owned(), "download".to_owned()]),
    )]);
    assert_eq!(anna.permissions, granted);
    let bert = users.user(1).unwrap();
    assert_eq!((bert.status, password(&bert), users.line(Part::Users, 1)), (0, None, 4));
    assert!(users.user(2).unwrap_err().to_string().contains("status"));
    assert!(users.user(3).unwrap_err().to_string().contains("2 values for 7 columns"));
}

#[test]
fn a_table_without_known_heads_is_refused_as_a_whole() {
    for (text, why) in [
        ("name,x\n", "\"name\" is not known"),
        ("email\na\n", "username among them"),
        ("", "username"),
        ("username,uid, username\na,1,b\n", "\"username\" stands there twice"),
    ] {
        let refused = ForeignUsers::read(Format::Csv, &mut text.as_bytes(), None).unwrap_err().to_string();
        assert!(refused.contains(why), "{refused}");
    }
    assert!(ForeignUsers::read(Format::Htpasswd, &mut &b"a:\xff"[..], None).is_err());
}
