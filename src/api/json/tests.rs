//! Every row of `contract/endpoints.md` §3, and that no bytes are without an answer.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::*;

/// A value with a rule, as the domain has them.
#[derive(Debug, Default, Clone, PartialEq, Deserialize, Serialize)]
#[serde(try_from = "String")]
struct Colour(String);

impl TryFrom<String> for Colour {
    type Error = crate::error::Invalid;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        match text.as_str() {
            "grey" => Err(crate::error::Invalid::new("colour: grey is none")),
            "secret" => Err(crate::error::Invalid::new("invalid secret")),
            _ => Ok(Self(text)),
        }
    }
}

#[derive(Debug, Default, Clone, PartialEq, Deserialize, Serialize)]
#[serde(default)]
struct Limit {
    sources: Vec<String>,
    rate: i64,
}

#[derive(Debug, Default, Clone, PartialEq, Deserialize, Serialize)]
#[serde(default)]
struct Filters {
    allowed_ip: Vec<String>,
    limits: Vec<Limit>,
    check: bool,
    hooks: Hooks,
}

#[derive(Debug, Default, Clone, PartialEq, Deserialize, Serialize)]
#[serde(default)]
struct Hooks {
    before: bool,
    after: bool,
}

#[derive(Debug, Default, Clone, PartialEq, Deserialize, Serialize)]
#[serde(default)]
struct Draft {
    username: String,
    uid: i64,
    port: u16,
    colour: Colour,
    note: Option<String>,
    extra: Option<Hooks>,
    ratio: f64,
    permissions: BTreeMap<String, Vec<String>>,
    filters: Filters,
    #[serde(rename = "skin")]
    kelvin_skin: String,
}

#[derive(Deserialize)]
struct Twins {
    name: i64,
    #[serde(rename = "NAME")]
    loud: i64,
}

/// A map that keeps what it is given, in order.
#[derive(Debug, PartialEq)]
struct Pairs(Vec<(String, i64)>);
impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;
        impl<'de> serde::de::Visitor<'de> for Collect {
            type Value = Pairs;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("object")
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Pairs, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(Collect)
    }
}

fn read(text: impl AsRef<[u8]>) -> Draft {
    decode(text.as_ref()).unwrap()
}

/// The kind and the text of a refusal.
fn refused(text: impl AsRef<[u8]>) -> (&'static str, String) {
    let error = decode::<Draft>(text.as_ref()).unwrap_err();
    let kind = if matches!(error, Error::Invalid(_)) { "invalid" } else { "malformed" };
    assert!(kind == "invalid" || matches!(error, Error::Malformed(_)), "{error:?}");
    (kind, error.to_string())
}

#[test]
fn names_match_exactly_first_and_then_in_any_case() {
    assert_eq!(read(r#"{"UserName":"a","PERMISSIONS":{"/":["*"]}}"#).username, "a");
    assert_eq!(read(r#"{"FILTERS":{"Allowed_IP":["x"]}}"#).filters.allowed_ip, ["x"]);
    // The long s and the Kelvin sign fold to ASCII letters.
    assert_eq!(read("{\"u\u{17f}ername\":\"a\",\"s\u{212a}in\":\"b\"}").username, "a");
    assert_eq!(read("{\"\u{17f}\u{212a}IN\":\"b\"}").kelvin_skin, "b");
    assert_eq!(read(r#"{"kelvin_skin":"b","user_name":"x","usernam":"y","ùsername":"z"}"#), Draft::default());

    let twins: Twins = decode(br#"{"NAME":1,"name":2}"#).unwrap();
    assert_eq!((twins.loud, twins.name), (1, 2));
}

#[test]
fn unknown_members_are_ignored_at_every_level() {
    let draft = read(r#"{"x":[{"username":1}],"filters":{"y":{},"check":true},"oidc":null}"#);
    assert_eq!(draft, Draft { filters: Filters { check: true, ..Filters::default() }, ..Draft::default() });
}

#[test]
fn the_last_of_repeated_scalars_and_lists_counts() {
    let draft =
        read(r#"{"uid":1,"username":"a","Uid":2,"filters":{"allowed_ip":["a","b"],"allowed_ip":["c"]}}"#);
    assert_eq!((draft.uid, draft.username.as_str()), (2, "a"));
    assert_eq!(draft.filters.allowed_ip, ["c"]);
}

#[test]
fn repeated_objects_and_maps_merge() {
    let draft = read(
        r#"{"permissions":{"/":["*"],"/a":["list"]},"filters":{"check":true,"hooks":{"before":true}},
            "Filters":{"allowed_ip":["x"],"hooks":{"after":true}},"permissions":{"/x":["list"],"/a":["download"]}}"#,
    );
    assert_eq!(json!(draft.permissions), json!({"/": ["*"], "/a": ["download"], "/x": ["list"]}));
    assert_eq!(draft.filters.hooks, Hooks { before: true, after: true });
    assert!(draft.filters.check);
    assert_eq!(draft.filters.allowed_ip, ["x"]);
}

#[test]
fn a_map_keeps_its_order_and_the_last_of_equal_keys() {
    let pairs: Pairs = decode(br#"{"z":1,"a":2,"m":null,"z":4}"#).unwrap();
    assert_eq!(pairs, Pairs(vec![("z".into(), 4), ("a".into(), 2), ("m".into(), 0)]));
}

#[test]
fn null_is_nothing() {
    for text in ["null", "{}", " null ", r#"{"username":null,"uid":null,"filters":null,"permissions":null}"#]
    {
        assert_eq!(read(text), Draft::default(), "{text}");
    }
    let nulls = r#"{"filters":{"allowed_ip":null,"limits":[null],"check":null,"hooks":null},"note":null,"extra":null}"#;
    let wanted = Filters { limits: vec![Limit::default()], ..Filters::default() };
    assert_eq!(read(nulls), Draft { filters: wanted, ..Draft::default() });
    assert_eq!(read(r#"{"filters":{"allowed_ip":["a",null]}}"#).filters.allowed_ip, ["a", ""]);
    assert_eq!(json!(read(r#"{"permissions":{"/":null}}"#).permissions), json!({"/": []}));
}

#[test]
fn null_takes_back_lists_and_maps_but_nothing_else() {
    let draft = read(
        r#"{"uid":1,"uid":null,"username":"a","username":null,"note":"x","note":null,"permissions":{"/":[]},
            "permissions":null,"permissions":{"/a":[]},"filters":{"allowed_ip":["x"]},"filters":null,
            "extra":{"before":true},"extra":null,"extra":{"after":true}}"#,
    );
    assert_eq!((draft.uid, draft.username.as_str(), draft.note.as_deref()), (1, "a", Some("x")));
    assert_eq!(json!(draft.permissions), json!({"/a": []}));
    assert_eq!(draft.filters.allowed_ip, ["x"]);
    assert_eq!(draft.extra, Some(Hooks { before: true, after: true }));
    assert!(read(r#"{"filters":{"allowed_ip":["x"],"allowed_ip":null}}"#).filters.allowed_ip.is_empty());
    assert_eq!(read(r#"{"note":null,"note":"x","note":"y","note":null}"#).note.as_deref(), Some("y"));
    let options = |text: &str| decode::<Option<Vec<String>>>(text.as_bytes()).unwrap();
    assert_eq!((options("[]"), options("null")), (Some(Vec::new()), None));
    let wrong = decode::<Draft>(br#"{"note":1,"note":null}"#);
    assert!(wrong.is_err(), "what stands before it must fit");
}

#[test]
fn what_follows_the_first_value_is_ignored() {
    for rest in [" trailing", "{\"uid\":2}", "}", "\u{0}", "\n\n"] {
        assert_eq!(read(format!("\n\t {{\"uid\":1}}{rest}")).uid, 1);
    }
}

#[test]
fn text_that_is_no_unicode_is_replaced() {
    for (text, wanted) in [
        (&br#"{"username":"caf\u00e9 \ud83d\ude00 \/\b\f\n\r\t\"\\"}"#[..], "café 😀 /\u{8}\u{c}\n\r\t\"\\"),
        (br#"{"username":"x\ud83dy"}"#, "x\u{fffd}y"),
        (br#"{"username":"\ude00\ud83d"}"#, "\u{fffd}\u{fffd}"),
        (br#"{"username":"\ud83d\u0041"}"#, "\u{fffd}A"),
        (br#"{"username":"\ud83d\ud83d\ude00"}"#, "\u{fffd}😀"),
        (br#"{"username":"\ud83d\n"}"#, "\u{fffd}\n"),
        (b"{\"username\":\"x\xffy\"}", "x\u{fffd}y"),
        (b"{\"username\":\"\xe2\x82z\\n\xf0\x9f\x98\"}", "\u{fffd}\u{fffd}z\n\u{fffd}\u{fffd}\u{fffd}"),
        (b"{\"usernam\xff\":\"x\",\"username\":\"\x7f\"}", "\u{7f}"),
        (br#"{"user\u006eame":"\u0000"}"#, "\0"),
    ] {
        assert_eq!(read(text).username, wanted);
    }
}

#[test]
fn integers_are_plain_and_fit() {
    for (number, wanted) in [
        ("0", 0),
        ("-0", 0),
        ("-5", -5),
        ("9223372036854775807", i64::MAX),
        ("-9223372036854775808", i64::MIN),
    ] {
        assert_eq!(read(format!("{{\"uid\":{number}}}")).uid, wanted);
    }
    for number in ["1.0", "1.5", "1e0", "1e3", "1e400", "9223372036854775808", "-9223372036854775809", "1E2"]
    {
        let text = "json: cannot unmarshal number into uid of type integer".to_owned();
        assert_eq!(refused(format!("{{\"uid\":{number}}}")), ("malformed", text), "{number}");
    }
    for number in ["65536", "-1"] {
        assert!(
            refused(format!("{{\"port\":{number}}}"))
                .1
                .starts_with("json: cannot unmarshal number into port")
        );
    }
    assert_eq!(read(r#"{"ratio":1.5e1}"#).ratio.to_bits(), 15.0_f64.to_bits());
    assert_eq!(refused(r#"{"ratio":1e400}"#).1, "json: cannot unmarshal number into ratio of type number");
}

#[test]
fn a_wrong_type_is_named_with_its_place() {
    for (text, wanted) in [
        ("[]", "array into the body of type object"),
        ("\"x\"", "string into the body of type object"),
        ("1", "number into the body of type object"),
        ("true", "bool into the body of type object"),
        (r#"{"username":1}"#, "number into username of type string"),
        (r#"{"UserName":{}}"#, "object into username of type string"),
        (r#"{"uid":"1"}"#, "string into uid of type integer"),
        (r#"{"uid":true}"#, "bool into uid of type integer"),
        (r#"{"uid":[null]}"#, "array into uid of type integer"),
        (r#"{"colour":1}"#, "number into colour of type string"),
        (r#"{"filters":[]}"#, "array into filters of type object"),
        (r#"{"filters":{"check":"true"}}"#, "string into filters.check of type bool"),
        (r#"{"filters":{"allowed_ip":{}}}"#, "object into filters.allowed_ip of type list"),
        (r#"{"filters":{"allowed_ip":["a",1]}}"#, "number into filters.allowed_ip[1] of type string"),
        (
            r#"{"filters":{"limits":[{},{"sources":[[]]}]}}"#,
            "array into filters.limits[1].sources[0] of type string",
        ),
        (r#"{"permissions":1}"#, "number into permissions of type object"),
        (r#"{"permissions":{"/":"*"}}"#, "string into permissions[\"/\"] of type list"),
        (r#"{"permissions":{"/a":[true]}}"#, "bool into permissions[\"/a\"][0] of type string"),
        (r#"{"note":[]}"#, "array into note of type string"),
        (r#"{"uid":"x","uid":1}"#, "string into uid of type integer"),
        (r#"{"filters":1,"filters":{}}"#, "number into filters of type object"),
    ] {
        assert_eq!(refused(text), ("malformed", format!("json: cannot unmarshal {wanted}")), "{text}");
    }
}

#[test]
fn the_first_fault_of_the_document_is_told() {
    assert_eq!(refused(r#"{"colour":"grey","uid":"x"}"#).1, "colour: grey is none");
    assert_eq!(
        refused(r#"{"uid":"x","colour":"grey"}"#).1,
        "json: cannot unmarshal string into uid of type integer"
    );
}

#[test]
fn a_broken_rule_is_invalid_but_a_bad_secret_malformed() {
    assert_eq!(refused(r#"{"colour":"grey"}"#), ("invalid", "colour: grey is none".to_owned()));
    assert_eq!(refused(r#"{"colour":"secret"}"#), ("malformed", "invalid secret".to_owned()));
}

#[test]
fn nothing_and_half_of_something_are_told_apart() {
    for text in ["", " ", "\r\n\t "] {
        assert_eq!(refused(text), ("malformed", "EOF".to_owned()));
    }
    let whole = r#"{"a":[1.5e-3,"\ud83d\ude00ü",true,false,null],"b":{}}"#;
    for end in 1..whole.len() {
        assert_eq!(refused(&whole.as_bytes()[..end]), ("malformed", "unexpected EOF".to_owned()), "{end}");
    }
}

#[test]
fn what_is_no_json_is_told_with_its_place() {
    for (text, wanted) in [
        ("hello", "'h' at line 1, column 1"),
        ("\u{feff}{}", "'\\u{feff}' at line 1, column 1"),
        ("{'a':1}", "'\\'' at line 1, column 2"),
        ("{\"a\":1,}", "'}' at line 1, column 8"),
        ("[1,]", "']' at line 1, column 4"),
        ("[1 2]", "'2' at line 1, column 4"),
        ("{\n \"a\" 1}", "'1' at line 2, column 6"),
        ("{\"a\":NaN}", "'N' at line 1, column 6"),
        ("{\"a\":nul}", "'}' at line 1, column 9"),
        ("{\"a\":01}", "'1' at line 1, column 7"),
        ("{\"a\":-}", "'}' at line 1, column 7"),
        ("{\"a\":+1}", "'+' at line 1, column 6"),
        ("{\"a\":.5}", "'.' at line 1, column 6"),
        ("{\"a\":1.}", "'}' at line 1, column 8"),
        ("{\"a\":1e}", "'}' at line 1, column 8"),
        ("{\"a\":\"\\x\"}", "'x' at line 1, column 8"),
        ("{\"a\":\"\\u12g4\"}", "'g' at line 1, column 11"),
        ("{\"a\":\"\\u+123\"}", "'+' at line 1, column 9"),
        ("{\"a\":\"b\u{1}\"}", "'\\u{1}' at line 1, column 8"),
        ("{\"a\":\"b\nc\"}", "'\\n' at line 1, column 8"),
        ("[/**/]", "'/' at line 1, column 2"),
        ("\u{a0}{}", "'\\u{a0}' at line 1, column 1"),
    ] {
        assert_eq!(refused(text), ("malformed", format!("invalid character {wanted}")), "{text}");
    }
    assert_eq!(refused(b"\xff").1, "invalid character '\u{fffd}' at line 1, column 1");
    // The grammar is checked before any type is.
    assert!(refused("{\"uid\":\"x\",]").1.starts_with("invalid character ']'"));
}

#[test]
fn nesting_is_bounded() {
    let nested = |depth: usize| format!("{{\"x\":{}1{}}}", "[".repeat(depth), "]".repeat(depth));
    assert_eq!(read(nested(127)), Draft::default());
    assert_eq!(refused(nested(128)).1, "invalid character: the value nests too deep");
    assert_eq!(refused("[".repeat(1_000_000)).1, "invalid character: the value nests too deep");
    assert_eq!(read(format!("{{\"x\":[{}]}}", vec!["[[]]"; 300].join(","))), Draft::default());
}

#[test]
fn extent_tells_whether_more_bytes_matter() {
    for (text, wanted) in [
        ("", Extent::Beyond),
        ("  ", Extent::Beyond),
        ("{\"a\":", Extent::Beyond),
        (" {} x", Extent::Within(3)),
        ("{x", Extent::Within(2)),
    ] {
        assert_eq!(extent(text.as_bytes()), wanted, "{text}");
    }
}

fn any_json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(serde_json::Value::from),
        any::<i64>().prop_map(serde_json::Value::from),
        any::<u64>().prop_map(serde_json::Value::from),
        any::<f64>().prop_map(serde_json::Value::from),
        any::<String>().prop_map(serde_json::Value::from),
    ];
    leaf.prop_recursive(6, 64, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(serde_json::Value::from),
            prop::collection::btree_map(any::<String>(), inner, 0..8)
                .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
        ]
    })
}

prop_compose! {
    fn any_draft()(
        username: String,
        uid: i64,
        port: u16,
        note: Option<String>,
        extra: Option<(bool, bool)>,
        permissions in prop::collection::btree_map(any::<String>(), prop::collection::vec(any::<String>(), 0..3), 0..4),
        limits in prop::collection::vec((prop::collection::vec(any::<String>(), 0..3), any::<i64>()), 0..3),
    ) -> Draft {
        let limits = limits.into_iter().map(|(sources, rate)| Limit { sources, rate }).collect();
        let extra = extra.map(|(before, after)| Hooks { before, after });
        let filters = Filters { limits, ..Filters::default() };
        Draft { username, uid, port, note, extra, permissions, filters, ..Draft::default() }
    }
}

proptest! {
    #[test]
    fn what_serde_json_writes_is_read_back(value in any_json()) {
        for text in [serde_json::to_vec(&value).unwrap(), serde_json::to_vec_pretty(&value).unwrap()] {
            prop_assert_eq!(&decode::<serde_json::Value>(&text).unwrap(), &value);
        }
    }

    #[test]
    fn a_draft_is_read_back(draft in any_draft()) {
        let line = crate::wire::to_line(&draft).unwrap();
        prop_assert_eq!(decode::<Draft>(&line).unwrap(), draft);
    }

    #[test]
    fn any_bytes_have_an_answer(bytes: Vec<u8>) {
        let strict = serde_json::from_slice::<serde_json::Value>(&bytes);
        let ours = decode::<serde_json::Value>(&bytes);
        prop_assert!(strict.is_err() || ours.is_ok());
        // A type of fixed members must not fail where bytes are an object that says nothing to it.
        if let Ok(serde_json::Value::Object(members)) = &ours && members.is_empty() {
            prop_assert_eq!(decode::<Draft>(&bytes).unwrap(), Draft::default());
        }
    }

    #[test]
    fn any_json_like_text_has_an_answer(text in r#"([\[\]{}:,"\\un0-9dDeE.+\- trufalsx]|"uid"|"filters"|\{"username":|null){0,40}"#) {
        let ours = decode::<Draft>(text.as_bytes());
        // What the strict reader takes whole is JSON to ours too.
        let strict = serde_json::from_str::<serde_json::Value>(&text);
        let grammar = matches!(&ours, Err(Error::Malformed(why)) if !why.starts_with("json: "));
        prop_assert!(strict.is_err() || !grammar, "{text}: {ours:?}");
    }
}
