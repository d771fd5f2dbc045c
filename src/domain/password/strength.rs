//! How hard a password is to guess, as `contract/validation.md` §10: the size of the alphabet it seems to
//! be drawn from, and what remains of its length when repetitions and sequences are taken out.

use std::collections::HashSet;

use crate::error::Invalid;

/// Classes of characters and what each adds to the alphabet.
const CLASSES: [(Class, f64); 6] = [
    (Class::Replacing, 5.0),
    (Class::Separating, 5.0),
    (Class::OtherSpecial, 22.0),
    (Class::Lower, 26.0),
    (Class::Upper, 26.0),
    (Class::Digit, 10.0),
];

/// Sequences people type, forwards and then backwards.
const SEQUENCES: [&[u8]; 10] = [
    b"0123456789",
    b"qwertyuiop",
    b"asdfghjkl",
    b"zxcvbnm",
    b"abcdefghijklmnopqrstuvwxyz",
    b"9876543210",
    b"poiuytrewq",
    b"lkjhgfdsa",
    b"mnbvcxz",
    b"zyxwvutsrqponmlkjihgfedcba",
];

/// Bytes of a password that are looked at: the work grows with them, and it is done while others wait. Whoever is not
/// strong by then does not become so.
const LOOKED_AT: usize = 4096;

/// How many characters of a run or a sequence count.
const COUNTED: usize = 2;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Class {
    Replacing,
    Separating,
    OtherSpecial,
    Lower,
    Upper,
    Digit,
    Foreign(char),
}

impl Class {
    fn of(character: char) -> Self {
        match character {
            'a'..='z' => Self::Lower,
            'A'..='Z' => Self::Upper,
            '0'..='9' => Self::Digit,
            '!' | '@' | '$' | '&' | '*' => Self::Replacing,
            '_' | '-' | '.' | ',' | ' ' => Self::Separating,
            '"' | '#' | '%' | '\'' | '(' | ')' | '+' | '/' | ':' | ';' | '<' | '=' | '>' | '?' | '['
            | '\\' | ']' | '^' | '{' | '|' | '}' | '~' => Self::OtherSpecial,
            other => Self::Foreign(other),
        }
    }
}

/// The entropy of a password in bits.
pub fn bits(password: &str) -> f64 {
    let classes: HashSet<Class> = password.chars().map(Class::of).collect();
    let counted = reduce(password).iter().map(|character| character.len_utf8()).sum::<usize>();
    if counted == 0 {
        return 0.0;
    }
    #[expect(clippy::cast_precision_loss, reason = "a password is far shorter than 2^52 bytes")]
    let length = counted as f64;
    length * alphabet(&classes).log2()
}

/// Checks that the first 4096 bytes of a password have at least so many bits; zero and less ask for nothing.
///
/// # Errors
/// [`Invalid`] with hints at what would make it stronger.
pub fn check(password: &str, minimum_bits: i64) -> Result<(), Invalid> {
    #[expect(clippy::cast_precision_loss, reason = "a minimum beyond 2^52 is out of reach either way")]
    let minimum = minimum_bits as f64;
    let password = beginning(password);
    if minimum_bits <= 0 || bits(password) >= minimum {
        return Ok(());
    }
    let classes: HashSet<Class> = password.chars().map(Class::of).collect();
    let special = [Class::Replacing, Class::Separating, Class::OtherSpecial];
    let hints = [
        (special.iter().all(|class| classes.contains(class)), "including more special characters"),
        (classes.contains(&Class::Lower), "using lowercase letters"),
        (classes.contains(&Class::Upper), "using uppercase letters"),
        (classes.contains(&Class::Digit), "using numbers"),
    ];
    let hints: Vec<&str> = hints.iter().filter(|(present, _)| !present).map(|(_, hint)| *hint).collect();
    if hints.is_empty() {
        return Err(Invalid::new("insecure password, try using a longer password"));
    }
    Err(Invalid::new(format!("insecure password, try {} or using a longer password", hints.join(", "))))
}

/// The part of a password that is looked at.
fn beginning(password: &str) -> &str {
    let end = (0..=LOOKED_AT.min(password.len())).rev().find(|at| password.is_char_boundary(*at));
    &password[..end.unwrap_or(0)]
}

fn alphabet(classes: &HashSet<Class>) -> f64 {
    let known: f64 = CLASSES.iter().filter(|(class, _)| classes.contains(class)).map(|(_, size)| size).sum();
    classes.iter().filter(|class| matches!(class, Class::Foreign(_))).fold(known, |sum, _| sum + 1.0)
}

/// What is left when runs and sequences are cut to their first two characters.
fn reduce(password: &str) -> Vec<char> {
    let mut left: Vec<char> = Vec::with_capacity(password.len());
    for character in password.chars() {
        if !left.ends_with(&[character; COUNTED]) {
            left.push(character);
        }
    }
    SEQUENCES.iter().fold(left, |text, sequence| walk(&text, sequence))
}

/// Walks along the sequence beside the text, again and again, and drops what follows the second match in a row.
///
/// The count is not reset between two rounds and a round's end skips a character: so the rule has it.
fn walk(text: &[char], sequence: &[u8]) -> Vec<char> {
    let mut left = Vec::with_capacity(text.len());
    let mut rest = text.iter().copied().peekable();
    let mut matched = 0;
    while rest.peek().is_some() {
        for expected in sequence {
            let Some(&character) = rest.peek() else { break };
            if character != char::from(*expected) {
                matched = 0;
                continue;
            }
            matched += 1;
            rest.next();
            if matched <= COUNTED {
                left.push(character);
            }
        }
        left.extend(rest.next());
    }
    left
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_beginning_of_a_long_password_decides() {
        assert_eq!(beginning("short"), "short");
        let long = "a".to_owned() + &"é".repeat(LOOKED_AT);
        assert_eq!(beginning(&long).len(), LOOKED_AT - 1, "no character is taken apart");
        let runs = "A".repeat(LOOKED_AT);
        assert!(check(&format!("{runs}Xk7#pQ_9"), 60).is_err());
        assert!(check(&format!("Xk7#pQ_9vW!{runs}"), 60).is_ok());
    }

    /// The table of `contract/validation.md` §10.
    #[test]
    fn the_published_passwords_have_the_published_entropy() {
        for (password, left, entropy) in [
            ("abcdefgh", "ab", 9.40),
            ("1234512345", "12123", 16.61),
            ("aabbccdd111122", "aabbccdd1122", 62.04),
            ("qwertyasdfgh123", "qwas12", 31.02),
            ("zyxwvu987654", "zy98", 20.68),
            ("abcabcabcabc", "ababcabcabc", 51.70),
            ("12121212", "12121212", 26.58),
            ("Hello World 123!", "Hello World 12!", 92.55),
            ("ééabc`x", "ééab`x", 38.46),
        ] {
            assert_eq!(reduce(password).iter().collect::<String>(), left, "{password}");
            assert!((bits(password) - entropy).abs() < 0.01, "{password}: {}", bits(password));
        }
    }

    #[test]
    fn a_password_is_accepted_at_the_floor_of_its_entropy_and_refused_one_above() {
        for (password, floor) in [("abcdefgh", 9), ("aabbccdd111122", 62), ("Hello World 123!", 92), ("", 0)]
        {
            assert!(check(password, floor).is_ok(), "{password}");
            assert!(check(password, floor + 1).is_err(), "{password}");
        }
    }

    #[test]
    fn the_observed_passwords_are_judged_as_observed_at_60() {
        let weak = ["password123", "Abcdefgh1!", &"a".repeat(24), "abcdefghijklmnopqrst", &"é".repeat(13)];
        for password in weak {
            assert!(check(password, 60).is_err(), "{password}");
        }
        for password in ["correct horse battery", "Passw0rd!Passw0rd!"] {
            assert!(check(password, 60).is_ok(), "{password}");
        }
    }

    #[test]
    fn the_hints_name_what_is_missing() {
        for (password, hints) in [
            ("x", "including more special characters, using uppercase letters, using numbers or "),
            ("1", "including more special characters, using lowercase letters, using uppercase letters or "),
            ("A !", "including more special characters, using lowercase letters, using numbers or "),
            ("! #", "using lowercase letters, using uppercase letters, using numbers or "),
            ("aA1! #", ""),
        ] {
            let why = check(password, 1000).unwrap_err().to_string();
            assert_eq!(why, format!("insecure password, try {hints}using a longer password"), "{password}");
        }
    }

    #[test]
    fn no_minimum_accepts_everything() {
        assert!(check("", 0).is_ok());
        assert!(check("a", -1).is_ok());
        assert!(check("a", i64::MAX).is_err());
    }

    proptest! {
        #[test]
        fn entropy_is_a_number_and_never_grows_by_the_reduction(password in ".{0,60}") {
            prop_assert!(bits(&password).is_finite() && bits(&password) >= 0.0);
            prop_assert!(reduce(&password).len() <= password.chars().count());
        }
    }
}
