//! passwd(5) and shadow(5).

use std::collections::HashMap;

use super::Row;
use crate::domain::time::UnixMillis;

type Lines = [(u64, String)];

/// Shells that let nobody in. Accounts for transfers alone have one as often as accounts that are closed.
const NO_SHELLS: [&str; 2] = ["nologin", "false"];
/// From here on a password's greatest age means that there is none; it is what `useradd` writes, 273 years.
const NO_GREATEST_AGE: i64 = 99_999;

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
    let [name, password, uid, gid, comment, home, shell] = fields[..] else {
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
    if NO_SHELLS.iter().any(|none| shell.rsplit('/').next() == Some(none)) {
        row.remarks.push(format!("the login shell {shell} is not kept: here the user may sign in"));
    }
    match (password, shadow.and_then(|shadow| shadow.get(name))) {
        ("x", Some(text)) => add_shadow(&mut row, text),
        ("x", None) => row.disable("the password stands in a shadow file that does not name the user"),
        (hash, _) => row.set_hash(hash),
    }
    row
}

/// `name:password:last change:min:max:warn:inactive:expiry:`, days since 1970 or numbers of days.
fn add_shadow(row: &mut Row, text: &str) {
    let fields: Vec<&str> = text.split(':').collect();
    let number = |at: usize| fields.get(at).and_then(|field| field.parse::<i64>().ok());
    let date = |at: usize| UnixMillis::new(number(at).unwrap_or(0).max(0).saturating_mul(UnixMillis::DAY));
    (row.last_password_change, row.expiration_date) = (date(2), date(7));
    // No date is none; the first day of all asks for a new password at once.
    row.must_change_password = number(2) == Some(0);
    row.password_expiration = number(4).filter(|days| (0..NO_GREATEST_AGE).contains(days)).unwrap_or(0);
    if number(4) == Some(0) {
        row.must_change_password = true;
    }
    for (at, what) in
        [(3, "the least age of a password"), (6, "the time after which an old password is worth nothing")]
    {
        if let Some(days) = number(at).filter(|days| *days > 0) {
            row.remarks.push(format!("{what}, {days} days, is not kept"));
        }
    }
    if number(7) == Some(0) {
        row.remarks.push("it expires on the first day of 1970: the user comes disabled".to_owned());
        row.is_disabled = true;
    }
    row.set_hash(fields.get(1).copied().unwrap_or_default());
}
