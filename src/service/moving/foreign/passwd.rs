//! passwd(5) and shadow(5).

use std::collections::HashMap;

use super::Row;
use crate::domain::time::UnixMillis;

type Lines = [(u64, String)];

/// Users of a passwd file whose hashes stand in it, as on old systems.
pub(super) fn read(lines: &Lines) -> Vec<Row> {
    lines.iter().map(|(line, text)| row(*line, text, None)).collect()
}

/// Users of a passwd file, with the hashes of the shadow file beside it.
pub(super) fn read_with_shadow(lines: &Lines, shadow: &Lines) -> Vec<Row> {
    let shadow: HashMap<&str, &str> =
        shadow.iter().filter_map(|(_, text)| Some((text.split_once(':')?.0, text.as_str()))).collect();
    lines.iter().map(|(line, text)| row(*line, text, Some(&shadow))).collect()
}

/// Users of a shadow file alone.
pub(super) fn read_shadow(lines: &Lines) -> Vec<Row> {
    let row = |(line, text): &(u64, String)| {
        let mut row = Row { line: *line, ..Row::default() };
        match text.split_once(':') {
            Some((name, _)) => {
                name.clone_into(&mut row.username);
                add_shadow(&mut row, text);
            }
            None => row.problem = Some("a line of a shadow file has fields parted by colons".to_owned()),
        }
        row
    };
    lines.iter().map(row).collect()
}

/// `name:password:uid:gid:comment:home:shell`.
fn row(line: u64, text: &str, shadow: Option<&HashMap<&str, &str>>) -> Row {
    let mut row = Row { line, ..Row::default() };
    let fields: Vec<&str> = text.split(':').collect();
    let [name, password, uid, gid, comment, home, _shell] = fields[..] else {
        row.problem = Some("a line of a passwd file has seven fields parted by colons".to_owned());
        return row;
    };
    name.clone_into(&mut row.username);
    let (Ok(uid), Ok(gid)) = (uid.parse(), gid.parse()) else {
        row.problem = Some("uid and gid must be numbers".to_owned());
        return row;
    };
    (row.uid, row.gid) = (uid, gid);
    // The first of the comment's fields is the name of the person.
    comment.split(',').next().unwrap_or_default().clone_into(&mut row.description);
    home.clone_into(&mut row.home_dir);
    match (password, shadow.and_then(|shadow| shadow.get(name))) {
        ("x", Some(text)) => add_shadow(&mut row, text),
        ("x", None) => row.disable("the password stands in a shadow file that does not name the user"),
        (hash, _) => row.set_hash(hash),
    }
    row
}

/// `name:password:last change:min:max:warn:inactive:expiry:`, days since 1970.
fn add_shadow(row: &mut Row, text: &str) {
    let fields: Vec<&str> = text.split(':').collect();
    let days = |at: usize| {
        let days: i64 = fields.get(at).and_then(|field| field.parse().ok()).unwrap_or(0);
        UnixMillis::new(days.max(0).saturating_mul(UnixMillis::DAY))
    };
    (row.last_password_change, row.expiration_date) = (days(2), days(7));
    row.set_hash(fields.get(1).copied().unwrap_or_default());
}
