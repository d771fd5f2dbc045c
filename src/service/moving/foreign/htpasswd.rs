//! The password files of web servers: `name:hash`.

use super::Row;

/// The users of such a file.
pub(super) fn read(lines: &[(u64, String)]) -> Vec<Row> {
    let row = |(line, text): &(u64, String)| {
        let mut row = Row { line: *line, ..Row::default() };
        match text.split_once(':') {
            Some((name, hash)) => {
                name.clone_into(&mut row.username);
                row.set_hash(hash.trim_end());
            }
            None => row.problem = Some("a line has a name and a hash parted by a colon".to_owned()),
        }
        row
    };
    lines.iter().map(row).collect()
}
