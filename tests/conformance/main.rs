//! Holds the built program to the recorded conversations of the reference: one test for each topic, all on one
//! server without mail. `cases/`, `templates.json` and `principals.json` are data; how they are read and
//! compared is written down beside each rule here.

mod cases;
mod dump;
mod placeholders;
#[expect(dead_code, reason = "the tests of the executable use the rest")]
#[path = "../program/mod.rs"]
mod program;
mod request;
mod run;
mod templates;
mod totp;
mod values;

/// Cases with one of these tags are not the aim. `quirk`: what the reference does by accident. `smtp`: needs a
/// server with mail.
const SKIPPED: [&str; 2] = ["quirk", "smtp"];

/// A test for each file of cases.
macro_rules! topics {
    ($($name:ident $file:literal)*) => {
        $(#[test]
        fn $name() {
            run::hold($file, include_str!(concat!("cases/", $file, ".json")));
        })*

        #[test]
        fn every_file_of_cases_is_a_test() {
            let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance/cases");
            let mut files: Vec<String> = folder
                .read_dir()
                .expect("the cases are there")
                .map(|entry| entry.expect("an entry").file_name().to_string_lossy().replace(".json", ""))
                .collect();
            files.sort();
            assert_eq!(files, [$($file),*]);
        }
    };
}

topics! {
    second_factor "2fa"
    admins "admins"
    api_keys "apikeys"
    auth "auth"
    filters "filters"
    granular "granular"
    keys "keys"
    list "list"
    mutations "mutations"
    names "names"
    passwords "passwords"
    permissions "permissions"
    relations "relations"
    reset "reset"
    routes "routes"
    own_side "self"
    storage "storage"
    users "users"
}
