//! The first whole block of a PEM text (RFC 7468, and RFC 1421 for its header lines), read leniently: text around it,
//! any line length and blocks that are broken pass. The text is read once, whatever stands in it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";
const DASHES: &str = "-----";

/// A block of a PEM text.
pub(super) struct Block<'a> {
    /// What stands behind `BEGIN`.
    pub(super) label: &'a str,
    /// Whether its headers say that the content is encrypted.
    pub(super) is_encrypted: bool,
    /// How it is encrypted, as its header `DEK-Info` says.
    pub(super) encryption: Option<&'a str>,
    /// The content, decoded.
    pub(super) content: Zeroizing<Vec<u8>>,
}

/// A block whose end has not been seen.
struct Begun<'a> {
    label: &'a str,
    is_encrypted: bool,
    encryption: Option<&'a str>,
    base64: Zeroizing<String>,
}

/// The first block of the text that begins, decodes and ends as one; those that do not are text like any other.
pub(super) fn first_block(text: &str) -> Option<Block<'_>> {
    let mut begun: Option<Begun<'_>> = None;
    for line in text.lines() {
        if let Some(label) = label(line, BEGIN) {
            // Enough for all that can follow: grown piece by piece, it would leave copies of a key behind.
            let base64 = match begun.take() {
                Some(Begun { mut base64, .. }) => {
                    base64.clear();
                    base64
                }
                None => Zeroizing::new(String::with_capacity(text.len())),
            };
            begun = Some(Begun { label, is_encrypted: false, encryption: None, base64 });
        } else if let Some(label) = label(line, END) {
            if let Some(block) = begun.take().filter(|begun| begun.label == label).and_then(Begun::end) {
                return Some(block);
            }
        } else if let Some(begun) = &mut begun {
            begun.read(line);
        }
    }
    None
}

/// What stands between the dashes of a line that begins or ends a block.
fn label<'a>(line: &'a str, word: &str) -> Option<&'a str> {
    line.strip_prefix(word)?.split_once(DASHES).map(|(label, _)| label)
}

impl<'a> Begun<'a> {
    fn read(&mut self, line: &'a str) {
        match line.split_once(':') {
            Some(("Proc-Type", value)) => self.is_encrypted |= value.contains("ENCRYPTED"),
            Some(("DEK-Info", value)) => self.encryption = Some(value.trim()),
            Some(_) => {}
            None => self.base64.extend(line.chars().filter(|c| !c.is_ascii_whitespace())),
        }
    }

    fn end(self) -> Option<Block<'a>> {
        let Self { label, is_encrypted, encryption, base64 } = self;
        let content = Zeroizing::new(STANDARD.decode(base64.as_bytes()).ok()?);
        Some(Block { label, is_encrypted, encryption, content })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<(&str, Vec<u8>)> {
        first_block(text).map(|block| (block.label, block.content.to_vec()))
    }

    #[test]
    fn the_first_whole_block_counts_and_broken_ones_are_passed_over() {
        const WHOLE: &str = "-----BEGIN A-----\nAAEC\n-----END A-----\n";
        for before in [
            "",
            "text\n",
            "-----BEGIN B-----\n",
            "-----BEGIN B-----\n!!!\n-----END B-----\n",
            "-----BEGIN B-----\nAAEC\n-----END C-----\n",
            "-----BEGIN B-----\nAAE\n-----END B-----\n",
            "-----END A-----\n",
            "-----BEGIN B----\n",
            "x-----BEGIN B-----\nAAAA\n-----END B-----\n",
        ] {
            for line_end in ["\n", "\r\n"] {
                let text = format!("{before}{WHOLE}{WHOLE}").replace('\n', line_end);
                assert_eq!(read(&text), Some(("A", vec![0, 1, 2])), "{before:?}");
            }
        }
        for text in
            ["", "-----BEGIN A-----\nAAEC\n", "AAEC\n-----END A-----", "-----BEGIN A-----AAEC-----END A-----"]
        {
            assert_eq!(read(text), None, "{text:?}");
        }
    }

    #[test]
    fn headers_tell_of_the_encryption_and_are_no_content() {
        let block = first_block(
            "-----BEGIN A-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\nX: y\n\nAA\n==\n-----END A-----",
        );
        let block = block.unwrap();
        assert!(block.is_encrypted);
        assert_eq!((block.encryption, &block.content[..]), (Some("AES-128-CBC,00"), &[0][..]));
    }
}
