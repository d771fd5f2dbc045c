//! The base64 of crypt(3): alphabet `./0-9A-Za-z`, groups of three bytes written low bits first, after
//! the bytes of the digest have been put into the order that the scheme prescribes.

const ALPHABET: &[u8; 64] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Writes the bytes of `digest` that `order` names, lowest of each group of three first.
pub(super) fn encode(digest: &[u8], order: &[usize]) -> String {
    let mut text = String::with_capacity(order.len() * 4 / 3 + 1);
    for group in order.chunks(3) {
        let mut bits = group.iter().rev().fold(0_u32, |bits, at| bits << 8 | u32::from(digest[*at]));
        for _ in 0..=group.len() {
            text.push(char::from(ALPHABET[(bits & 63) as usize]));
            bits >>= 6;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_written_low_bits_first() {
        assert_eq!(encode(&[0, 0, 0], &[0, 1, 2]), "....");
        assert_eq!(encode(&[1, 0, 0], &[0, 1, 2]), "/...");
        assert_eq!(encode(&[0, 0, 1], &[2, 1, 0]), "/...");
        assert_eq!(encode(&[0xff, 0xff, 0xff], &[0, 1, 2]), "zzzz");
        assert_eq!(encode(&[0xff, 1], &[0]), "z1");
        assert_eq!(encode(&[0xff, 0xff], &[0, 1]), "zzD");
    }
}
