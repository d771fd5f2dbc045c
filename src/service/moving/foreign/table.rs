//! Comma-separated values with a line of heads, named as the members of a user.

use std::io::Read;

use csv::StringRecord;

use super::{Password, Row};
use crate::domain::password::NewPassword;
use crate::domain::quote::quote;
use crate::error::Error;

/// What becomes of a column's value.
type Set = fn(&mut Row, &str);

/// The columns that may be there.
const COLUMNS: [(&str, Set); 10] = [
    ("username", |row, value| value.clone_into(&mut row.username)),
    ("password", |row, value| {
        if !value.is_empty() {
            row.password = Password::Text(NewPassword::new(value));
        }
    }),
    ("email", |row, value| value.clone_into(&mut row.email)),
    ("home_dir", |row, value| value.clone_into(&mut row.home_dir)),
    ("status", |row, value| match value {
        "" | "1" => {}
        "0" => row.is_disabled = true,
        _ => row.problem = Some("status: it must be 0 or 1".to_owned()),
    }),
    ("uid", |row, value| row.uid = row.number("uid", value)),
    ("gid", |row, value| row.gid = row.number("gid", value)),
    ("description", |row, value| value.clone_into(&mut row.description)),
    // One to a line: keys hold blanks and commas.
    ("public_keys", |row, value| {
        let keys = value.lines().map(str::trim).filter(|key| !key.is_empty());
        row.public_keys = keys.map(str::to_owned).collect();
    }),
    // Words parted by commas or blanks, for the directory "/".
    ("permissions", |row, value| {
        let words = value.split([',', ' ', ';']).filter(|word| !word.is_empty());
        row.permissions = words.map(str::to_owned).collect();
    }),
];

impl Row {
    fn number(&mut self, column: &str, value: &str) -> i64 {
        if value.is_empty() {
            return 0;
        }
        value.parse().unwrap_or_else(|_| {
            self.problem = Some(format!("{column}: it must be a number"));
            0
        })
    }
}

/// The users of a table.
pub(super) fn read(from: &mut dyn Read) -> Result<Vec<Row>, Error> {
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(from);
    let heads = reader.headers().map_err(|why| wrong(&why))?.clone();
    let columns = heads.iter().map(column).collect::<Result<Vec<_>, _>>()?;
    if let Some(twice) =
        (0..heads.len()).find(|at| heads.iter().take(*at).any(|head| name(head) == name(&heads[*at])))
    {
        return Err(Error::malformed(format!(
            "the column {} stands there twice",
            quote(name(&heads[twice]))
        )));
    }
    if !heads.iter().any(|head| name(head) == "username") {
        return Err(Error::malformed("the first line must name the columns, username among them"));
    }
    let row = |record: StringRecord| {
        let line = record.position().map_or(0, csv::Position::line);
        let mut row = Row { line, ..Row::default() };
        if record.len() == columns.len() {
            columns.iter().zip(record.iter()).for_each(|(set, value)| set(&mut row, value));
        } else {
            row.problem = Some(format!("the line has {} values for {} columns", record.len(), columns.len()));
        }
        row
    };
    reader.into_records().map(|record| record.map(row).map_err(|why| wrong(&why))).collect()
}

fn name(head: &str) -> &str {
    head.trim_start_matches('\u{feff}').trim()
}

fn column(head: &str) -> Result<Set, Error> {
    let found = COLUMNS.iter().find(|(known, _)| *known == name(head));
    found.map(|(_, set)| *set).ok_or_else(|| {
        let known: Vec<&str> = COLUMNS.iter().map(|(known, _)| *known).collect();
        Error::malformed(format!(
            "the column {} is not known; there may be {}",
            quote(name(head)),
            known.join(", ")
        ))
    })
}

fn wrong(why: &csv::Error) -> Error {
    Error::malformed(format!("the table cannot be read: {why}"))
}
