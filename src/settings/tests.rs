//! Settings as a whole: the layers, the places named, and the shipped files against the code.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::*;

const SHIPPED: &str = include_str!("../../config/usersd.toml");
const README: &str = include_str!("../../README.md");

fn shipped(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("config").join(name)
}

fn variables(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}

fn from_environment(list: &[(&str, &str)]) -> Result<Settings, SettingsError> {
    Settings::load(None, variables(list))
}

/// Loads a text as a file called `usersd.toml`; complaints lose the folder's name.
fn load(text: &str, list: &[(&str, &str)]) -> Result<Settings, String> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("usersd.toml");
    std::fs::write(&file, text).unwrap();
    Settings::load(Some(&file), variables(list))
        .map_err(|why| why.to_string().replace(&format!("{}/", folder.path().display()), ""))
}

/// The names of all settings, as serde knows them: it lists them to whoever asks for one that is not.
fn all_keys() -> Vec<(&'static str, Vec<String>)> {
    let sections = [
        "http",
        "store",
        "users",
        "admins",
        "hashing",
        "auth",
        "auth.api_keys",
        "defender",
        "secrets",
        "totp",
        "smtp",
        "reset_codes",
        "log",
    ];
    let list = |section: &str| {
        let lists = ["totp", "auth.api_keys"].contains(&section);
        let header = if lists { format!("[[{section}]]") } else { format!("[{section}]") };
        let why = toml::from_str::<Settings>(&format!("{header}\nzzz = 1\n")).unwrap_err();
        let names: Vec<String> = why.message().split('`').skip(3).step_by(2).map(ToOwned::to_owned).collect();
        assert!(!names.is_empty(), "{section}: {}", why.message());
        names
    };
    sections.into_iter().map(|section| (section, list(section))).collect()
}

#[test]
fn the_shipped_file_says_the_defaults() {
    assert_eq!(Settings::load(Some(&shipped("usersd.toml")), []).unwrap(), Settings::default());
}

#[test]
fn the_shipped_file_and_the_readme_hold_every_setting() {
    for (section, keys) in all_keys() {
        let headers =
            [format!("\n[{section}]\n"), format!("\n[[{section}]]\n"), format!("\n#[[{section}]]\n")];
        let begin = headers.iter().find_map(|header| Some(SHIPPED.find(header)? + header.len()));
        let rest = &SHIPPED[begin.unwrap_or_else(|| panic!("config/usersd.toml lacks [{section}]"))..];
        let body = rest.find("\n[").map_or(rest, |end| &rest[..end]);
        for key in keys {
            let set = body.lines().any(|line| line.trim_start_matches('#').starts_with(&format!("{key} =")));
            let table = SHIPPED.contains(&format!("[[{section}.{key}]]"));
            assert!(set || table, "config/usersd.toml lacks {key} in [{section}]");
            assert!(README.contains(&format!("`{key}`")), "README.md lacks {section}.{key}");
        }
    }
}

#[test]
fn the_examples_of_the_shipped_file_are_right_one_by_one() {
    let mut section = String::new();
    let mut tried = 0;
    for line in SHIPPED.lines() {
        if line.starts_with('[') {
            section = format!("{line}\n");
        }
        let Some(example) = line.strip_prefix('#').filter(|rest| rest.starts_with(char::is_alphabetic))
        else {
            continue;
        };
        // A key is right or wrong as a whole; `usersd api-key new` has a test of the lines it makes.
        let name = example.split(' ').next().unwrap();
        if !example.contains(" = ")
            || ["id", "name", "secret_hash", "permissions", "expires_at"].contains(&name)
        {
            continue;
        }
        toml::from_str::<Settings>(&format!("{section}{example}\n"))
            .unwrap_or_else(|why| panic!("{line}: {why}"));
        tried += 1;
    }
    assert!(tried >= 15, "only {tried} examples");
}

#[test]
fn the_conformance_file_is_what_the_recorded_cases_expect() {
    let settings = Settings::load(Some(&shipped("conformance.toml")), []).unwrap();
    assert_eq!(settings.users.base_dir.as_deref(), Some(Path::new("/srv/sftp")));
    assert_eq!((settings.users.naming_rules, settings.users.min_password_strength), (5, 0));
    let names: Vec<_> = settings.totp.iter().map(|one| (one.name.as_str(), one.issuer.as_str())).collect();
    assert_eq!(names, [("Default", "SFTPGo"), ("Sha256", "SFTPGo"), ("Sha512", "SFTPGo")]);
    let hashes: Vec<_> = settings.totp.iter().map(|one| one.algorithm).collect();
    assert_eq!(hashes, [TotpHash::Sha1, TotpHash::Sha256, TotpHash::Sha512]);
    assert!(settings.smtp.host.is_none() && !settings.smtp.uniform_answers);
    assert!(settings.master_key().unwrap().is_none());
    let mail = [("USERSD__SMTP__HOST", "127.0.0.1"), ("USERSD__SMTP__PORT", "2525")];
    let with_mail = Settings::load(Some(&shipped("conformance.toml")), variables(&mail)).unwrap();
    assert_eq!((with_mail.smtp.host.as_deref(), with_mail.smtp.port.get()), (Some("127.0.0.1"), 2525));
}

#[test]
fn the_environment_wins_over_the_file_and_the_file_over_the_defaults() {
    let text = "[smtp]\nport = 25\ntimeout_secs = 3\n[http]\nworkers = 7\n";
    let settings = load(text, &[("USERSD__SMTP__PORT", "2525")]).unwrap();
    assert_eq!(settings.smtp.port.get(), 2525);
    assert_eq!(settings.smtp.timeout.as_secs(), 3);
    assert_eq!(settings.http.workers.unwrap().get(), 7);
    assert_eq!(settings.http.keep_alive, HttpSettings::default().keep_alive);
}

#[test]
fn variables_take_the_type_of_their_setting() {
    let settings = from_environment(&[
        ("USERSD__HTTP__BIND", "127.0.0.1:0, [::1]:0"),
        ("USERSD__HTTP__PROXY_ALLOWED", "10.0.0.0/8,::1"),
        ("USERSD__STORE__PATH", "/tmp/1"),
        ("USERSD__STORE__REQUIRE_DATA", "true"),
        ("USERSD__HASHING__ALGORITHM", "argon2id"),
        ("USERSD__AUTH__TOKEN_LIFETIME_SECS", "60"),
        ("USERSD__AUTH__SIGNING_KEY", "[1234567890123456789012345678901"),
        ("USERSD__SMTP__USER", "12345"),
        ("USERSD__SMTP__PASSWORD", "12345"),
        ("USERSD__TOTP", r#"[{ name = "A", issuer = "B", algorithm = "sha256" }]"#),
    ])
    .unwrap();
    assert_eq!(settings.http.bind.len(), 2);
    assert_eq!(settings.http.proxy_allowed.len(), 2);
    assert_eq!(settings.store.path, Path::new("/tmp/1"));
    assert!(settings.store.require_data);
    assert_eq!(settings.hashing.algorithm, HashAlgorithm::Argon2id);
    assert_eq!(settings.auth.token_lifetime.as_secs(), 60);
    assert_eq!(settings.auth.signing_key.unwrap().expose(), "[1234567890123456789012345678901");
    assert_eq!(settings.smtp.password.unwrap().expose(), "12345");
    assert_eq!(settings.totp[0].algorithm, TotpHash::Sha256);
}

#[test]
fn a_wrong_variable_is_called_by_its_name() {
    for (name, text, holds) in [
        ("USERSD__SMTP__PROT", "25", "unknown field `prot`"),
        ("USERSD__SMTP__PROT", "", "unknown field `prot`"),
        ("USERSD__SMPT__HOST", "h", "unknown field `smpt`"),
        ("USERSD__SMTP__PORT", "x", "integer"),
        ("USERSD__SMTP__PORT", "0", "nonzero"),
        ("USERSD__SMTP__PORT", "65537", "65537"),
        ("USERSD__SMTP", "x", "USERSD__SMTP"),
        ("USERSD__HTTP__BIND", "8080", "not an address with a port"),
        ("USERSD__HASHING__BCRYPT_COST", "3", "hashing.bcrypt_cost must be from 4 to 15"),
        ("USERSD__HASHING__BCRYPT_COST", "16", "hashing.bcrypt_cost must be from 4 to 15"),
        ("USERSD__TOTP__0__NAME", "x", "USERSD__TOTP__0__NAME"),
        ("USERSD__LOG__FILTER", "usersd=loud", "\"loud\" is not one of"),
        ("RUST_LOG", "usersd=loud", "\"loud\" is not one of"),
    ] {
        let why = from_environment(&[(name, text)]).unwrap_err().to_string();
        assert!(why.starts_with(&format!("{name}: ")) && why.contains(holds), "{name}={text} gave {why:?}");
    }
}

#[test]
fn an_empty_variable_takes_back_what_the_file_says() {
    let text = "[smtp]\nhost = \"h\"\nfrom = \"a@example.com\"\nport = 25\n";
    let settings = load(text, &[("USERSD__SMTP__HOST", ""), ("USERSD__SMTP__PORT", "")]).unwrap();
    assert_eq!((settings.smtp.host, settings.smtp.port.get()), (None, 587));
}

#[test]
fn variables_of_container_platforms_are_left_alone() {
    let settings = from_environment(&[("USERSD_PORT", "tcp://10.0.0.1:80"), ("USERSD_SERVICE_HOST", "x")]);
    assert_eq!(settings.unwrap(), Settings::default());
}

#[test]
fn every_wrong_value_is_named_at_once_with_line_or_variable() {
    let text =
        "[http]\nclient_ip_header = \"X-Real-IP\"\n\n[hashing]\nbcrypt_cost = 99\n\n[smtp]\nhost = \"h\"\n";
    let why = load(text, &[("USERSD__USERS__NAMING_RULES", "8")]).unwrap_err();
    let begins = [
        "usersd.toml:2: http.client_ip_header nobody may set",
        "USERSD__USERS__NAMING_RULES: users.naming_rules must be",
        "usersd.toml:5: hashing.bcrypt_cost must be",
        "usersd.toml:8: smtp.host is set without smtp.from",
    ];
    let lines: Vec<&str> = why.lines().collect();
    assert_eq!(lines.len(), begins.len(), "{why}");
    for (line, begin) in lines.iter().zip(begins) {
        assert!(line.starts_with(begin), "{line}");
    }
}

#[test]
fn values_that_make_no_sense_are_refused() {
    for (text, holds) in [
        ("[http]\nbind = []", "at least one address"),
        ("[http]\nserver_header = \"a\\nb\"", "http.server_header"),
        ("[http]\nclient_ip_header = \"a b\"\nproxy_allowed = \"::1\"", "not the name of a header"),
        ("[http]\nproxy_protocol = true", "name the proxies in http.proxy_allowed"),
        ("[store]\npath = \"\"", "store.path"),
        ("[store]\nengine_cache_mib = 1", "at least 16"),
        ("[store]\ncontrol_socket = \"\"", "store.control_socket"),
        ("[users]\nbase_dir = \"srv\"", "users.base_dir must be an absolute path"),
        ("[users]\nmin_password_strength = 1000", "at most 256"),
        ("[hashing]\nargon2_memory_kib = 8", "at least 8 KiB for each lane"),
        ("[hashing]\nargon2_memory_kib = 262145", "at most 262144"),
        ("[hashing]\nargon2_memory_kib = 262144\nargon2_iterations = 5", "at most 1048576 times"),
        ("[hashing]\nargon2_parallelism = 65", "of which there may be 64"),
        ("[auth]\nsigning_key = \"a\"\nsigning_key_file = \"b\"", "auth.signing_key is given in 2 ways"),
        ("[secrets]\nmaster_key_file = \"a\"\nmaster_key_credential = \"b\"", "secrets.master_key is given"),
        (
            "[[totp]]\nname = \"a\"\nissuer = \"b\"\nalgorithm = \"sha1\"\n[[totp]]\nname = \"a\"\nissuer = \"b\"\nalgorithm = \"sha1\"",
            "another of this name",
        ),
        ("totp = []", "totp must have at least one"),
        ("[smtp]\nhost = \"\"\nfrom = \"a@b.c\"", "smtp.host must be"),
        ("[smtp]\nhost = \"h\"\nfrom = \"nobody\"", "smtp.from"),
        ("[smtp]\nhost = \"h\"\nuser = \"a@b.c\"", "smtp.user is set without a password"),
        ("[smtp]\nhost = \"h\"\nuser = \"a@b.c\"\npassword = \"p\"\nencryption = \"none\"", "in clear text"),
        (
            "[[auth.api_keys]]\nid = \"x\"\nname = \"n\"\nsecret_hash = \"plain\"\npermissions = [\"*\"]",
            "auth.api_keys.0.secret_hash",
        ),
        (
            "[[auth.api_keys]]\nid = \"x\"\nname = \"n\"\nsecret_hash = \"h\"\npermissions = [\"fly\"]",
            "usersd.toml:5: ",
        ),
        (
            "[[auth.api_keys]]\nid = \"x\"\nname = \"n\"\nsecret_hash = \"h\"\npermissions = []",
            "usersd.toml:5: ",
        ),
    ] {
        let why = load(text, &[]).unwrap_err();
        assert!(why.starts_with("usersd.toml:") && why.contains(holds), "{text:?} gave {why:?}");
    }
}

#[test]
fn the_sender_is_the_user_where_that_is_an_address() {
    let text = "[smtp]\nhost = \"h\"\nuser = \"a@example.com\"\npassword = \"p\"\n";
    assert_eq!(load(text, &[]).unwrap().smtp.sender().unwrap().to_string(), "a@example.com");
    let named = format!("{text}from = \"Keeper <k@example.com>\"\n");
    assert_eq!(load(&named, &[]).unwrap().smtp.sender().unwrap().email.to_string(), "k@example.com");
}

#[test]
fn the_first_admin_and_the_surroundings_come_from_the_environment() {
    let settings = from_environment(&[
        ("USERSD_FIRST_ADMIN", "admin"),
        ("USERSD_FIRST_ADMIN_PASSWORD", "planted"),
        ("CREDENTIALS_DIRECTORY", "/run/credentials/usersd.service"),
        ("JOURNAL_STREAM", "9:4711"),
    ])
    .unwrap();
    assert_eq!(settings.first_admin.name.as_deref(), Some("admin"));
    assert_eq!(settings.first_admin.password.as_ref().unwrap().expose(), "planted");
    assert_eq!(
        settings.surroundings.credentials.as_deref(),
        Some(Path::new("/run/credentials/usersd.service"))
    );
    assert_eq!(settings.surroundings.journal, Some((9, 4711)));
    assert!(!format!("{settings:?}").contains("planted"));
    assert!(!settings.to_toml().unwrap().contains("planted"));
}

#[test]
fn a_signing_key_is_made_once_for_its_owner_only() {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = Settings::default();
    settings.store.path = folder.path().join("store");
    let key = settings.signing_key().unwrap();
    assert_eq!(settings.signing_key().unwrap().expose(), key.expose());
    let file = settings.store.path.join("signing.key");
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&file), mode(&settings.store.path)), (0o600, 0o700));
    assert_eq!(std::fs::read_to_string(&file).unwrap().trim().len(), 64);
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
    assert!(settings.signing_key().unwrap_err().to_string().contains("(mode 0640)"));
}

#[test]
fn a_configured_signing_key_is_hashed_as_the_reference_does() {
    let mut settings = Settings::default();
    settings.auth.signing_key = Some(SecretText::new("a".repeat(32)));
    // SHA-256 of 32 times "a", by sha256sum(1).
    let hash = "3ba3f5f43b92602683c19aee62a20342b084dd5971ddd33808d81a328879a547";
    assert_eq!(hex::encode(settings.signing_key().unwrap().expose()), hash);
    settings.auth.signing_key = Some(SecretText::new("short".to_owned()));
    assert!(settings.signing_key().unwrap_err().to_string().contains("at least 32 characters"));
}

#[test]
fn secrets_come_from_files_and_credentials_that_are_not_open_to_all() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key");
    let write = |text: &str, mode: u32| {
        std::fs::write(&file, text).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    let mut settings = Settings::default();
    settings.secrets.master_key_file = Some(file.clone());
    assert!(settings.master_key().unwrap_err().to_string().starts_with("secrets.master_key_file: "));
    for mode in [0o600, 0o400, 0o640] {
        write(" master key\n", mode);
        assert_eq!(settings.master_key().unwrap().unwrap().expose(), "master key");
        std::fs::remove_file(&file).unwrap();
    }
    for mode in [0o644, 0o660, 0o602] {
        write("master key", mode);
        assert!(settings.master_key().unwrap_err().to_string().contains("chmod 600"), "{mode:o}");
    }
    write(" \n", 0o600);
    assert!(settings.master_key().unwrap_err().to_string().ends_with("is empty"));
    write("password", 0o444);
    settings.secrets.master_key_file = None;
    settings.smtp.password_credential = Some("key".to_owned());
    assert!(settings.check_secrets().unwrap_err().to_string().contains("CREDENTIALS_DIRECTORY"));
    settings.surroundings.credentials = Some(folder.path().to_owned());
    assert_eq!(settings.smtp_password().unwrap().unwrap().expose(), "password");
}

#[test]
fn a_file_with_secrets_that_others_may_read_is_warned_of() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("usersd.toml");
    let warnings = |text: &str, mode: u32| {
        std::fs::write(&file, text).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
        Settings::load(Some(&file), []).unwrap().warnings
    };
    let secret = format!("[auth]\nsigning_key = \"{}\"\n", "k".repeat(32));
    for mode in [0o600, 0o400, 0o640] {
        assert!(warnings(&secret, mode).is_empty(), "{mode:o}");
    }
    for mode in [0o644, 0o660, 0o604] {
        let warned = warnings(&secret, mode);
        assert_eq!(warned.len(), 1, "{mode:o}");
        assert!(warned[0].contains("holds auth.signing_key") && warned[0].contains(&format!("{mode:04o}")));
        assert!(!warned[0].contains("kkkk"));
        assert!(
            warnings("[http]\nworkers = 1\n", mode).is_empty(),
            "without a secret there is nothing to see"
        );
    }
}
