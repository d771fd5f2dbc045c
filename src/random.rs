//! The one source of randomness: the operating system's generator. Every secret, salt, nonce and
//! code of usersd starts here, so that a review has one place to look at.

/// The alphabet of short UUIDs: no `0`, `1`, `I`, `O` or `l`, which people mistake for another
/// (`contract/password-reset.md` §2).
pub const SHORT_ALPHABET: &[u8; 57] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

/// Bytes nobody can guess.
///
/// # Panics
/// When the operating system has no randomness to give: nothing safe can be done without it.
#[must_use]
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system provides randomness");
    bytes
}

/// A random 128-bit number written as 22 characters of [`SHORT_ALPHABET`]: key ids, key secrets
/// and reset codes have this form.
///
/// # Panics
/// As [`bytes()`].
#[must_use]
pub fn short_id() -> String {
    let mut number = u128::from_le_bytes(bytes());
    let base = SHORT_ALPHABET.len() as u128;
    (0..22)
        .map(|_| {
            let digit = usize::try_from(number % base).expect("a remainder below 57 fits");
            number /= base;
            char::from(SHORT_ALPHABET[digit])
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of so many of 128 bits two are alike once in 10^28 runs; what they begin with differs like coins thrown.
    #[test]
    fn many_secrets_are_all_different_and_begin_with_anything() {
        const COUNT: usize = 250_000;
        let mut first = [0_u32; 57];
        let mut secrets: Vec<[u8; 22]> = (0..COUNT)
            .map(|_| {
                let id: [u8; 22] = short_id().into_bytes().try_into().unwrap();
                first[SHORT_ALPHABET.iter().position(|known| *known == id[0]).unwrap()] += 1;
                id
            })
            .collect();
        secrets.sort_unstable();
        assert!(secrets.windows(2).all(|pair| pair[0] != pair[1]));
        // So many thrown over 57: 4,386 each, with a deviation of 66.
        assert!(first.iter().all(|count| (3_800..5_000).contains(count)), "{first:?}");
    }

    #[test]
    fn short_ids_have_22_characters_of_the_alphabet_and_differ() {
        let ids: std::collections::HashSet<String> = (0..1000).map(|_| short_id()).collect();
        assert_eq!(ids.len(), 1000);
        assert!(ids.iter().all(|id| id.len() == 22 && id.bytes().all(|b| SHORT_ALPHABET.contains(&b))));
    }
}
