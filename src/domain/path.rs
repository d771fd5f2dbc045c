//! Paths with slashes, cleaned by their text alone: no disk is asked (`contract/validation.md` §3, §5,
//! §7, §8). A path is cleaned once, at the edge; everything behind compares cleaned paths.

/// The shortest path of the same meaning: no empty and no `.` parts, and no `..` but leading ones of a
/// relative path. The empty path is `.`.
pub fn clean(path: &str) -> String {
    let absolute = is_absolute(path);
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            ".." if absolute => {}
            part => parts.push(part),
        }
    }
    let joined = parts.join("/");
    match (absolute, joined.is_empty()) {
        (true, _) => format!("/{joined}"),
        (false, true) => ".".to_owned(),
        (false, false) => joined,
    }
}

/// Whether a path starts at the root.
pub fn is_absolute(path: &str) -> bool {
    path.starts_with('/')
}

/// The cleaned path, unless it is relative.
pub fn absolute(path: &str) -> Option<String> {
    is_absolute(path).then(|| clean(path))
}

/// The cleaned path, a relative one taken from the root; it cannot lead above the root.
pub fn rooted(path: &str) -> String {
    clean(&format!("/{path}"))
}

/// The cleaned path below a directory; none when it would lead out of it or to the directory itself.
pub fn below(directory: &str, path: &str) -> Option<String> {
    let inside = clean(&format!("./{path}"));
    let leaves = inside == ".." || inside.starts_with("../");
    (!leaves && inside != ".").then(|| clean(&format!("{directory}/{inside}")))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn paths_are_cleaned_by_their_text() {
        for (path, cleaned) in [
            ("", "."),
            (".", "."),
            ("/", "/"),
            ("//", "/"),
            ("//x", "/x"),
            ("/a/../b//c/", "/b/c"),
            ("/a/..", "/"),
            ("/../../b", "/b"),
            ("/a/./b", "/a/b"),
            ("a", "a"),
            ("./a", "a"),
            ("a/..", "."),
            ("../a", "../a"),
            ("a/../../b", "../b"),
            ("../..", "../.."),
            ("/...", "/..."),
            ("C:\\x", "C:\\x"),
            ("/a ", "/a "),
        ] {
            assert_eq!(clean(path), cleaned, "{path:?}");
        }
    }

    #[test]
    fn a_relative_path_is_taken_from_the_root() {
        for (path, cleaned) in [("", "/"), (".", "/"), ("x//y/", "/x/y"), ("../x", "/x"), ("//a//b", "/a/b")]
        {
            assert_eq!(rooted(path), cleaned, "{path:?}");
        }
    }

    #[test]
    fn below_a_directory_means_inside_it() {
        for (path, whole) in
            [("a", "/b/a"), ("a/../c", "/b/c"), ("a//c", "/b/a/c"), ("/etc", "/b/etc"), ("..a", "/b/..a")]
        {
            assert_eq!(below("/b", path).as_deref(), Some(whole), "{path:?}");
        }
        for path in ["", ".", "/", "..", "../", "../b", "../b/a", "a/..", "a/../..", "a/../../x", "/.."] {
            assert_eq!(below("/b", path), None, "{path:?}");
        }
        assert_eq!(below("/", "a").as_deref(), Some("/a"));
    }

    proptest! {
        #[test]
        fn cleaning_twice_changes_nothing(path in "[./a]{0,16}") {
            prop_assert_eq!(clean(&clean(&path)), clean(&path));
            prop_assert_eq!(is_absolute(&clean(&path)), is_absolute(&path));
        }

        #[test]
        fn an_absolute_path_keeps_no_dots(path in "[./a]{0,16}") {
            let path = rooted(&path);
            prop_assert!(path == "/" || path[1..].split('/').all(|part| !matches!(part, "" | "." | "..")));
        }

        #[test]
        fn what_is_below_starts_with_the_directory(path in "[./a\\\\]{0,16}") {
            if let Some(whole) = below("/b", &path) {
                prop_assert!(whole.starts_with("/b/"));
            }
        }
    }
}
