//! The first block of a PEM text (RFC 7468, and RFC 1421 for its header lines), read leniently: text
//! around it and any line length pass.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

/// A block of a PEM text.
pub(super) struct Block<'a> {
    /// What stands behind `BEGIN`.
    pub(super) label: &'a str,
    /// Whether its headers say that the content is encrypted.
    pub(super) encrypted: bool,
    /// The content, decoded.
    pub(super) content: Zeroizing<Vec<u8>>,
}

/// The first block of the text, if it has a whole one.
pub(super) fn first_block(text: &str) -> Option<Block<'_>> {
    const BEGIN: &str = "-----BEGIN ";
    let start = if text.starts_with(BEGIN) { 0 } else { text.find("\n-----BEGIN ")? + 1 };
    let (label, rest) = text[start + BEGIN.len()..].split_once("-----")?;
    let (body, _) = rest.split_once(&format!("\n-----END {label}-----"))?;

    let mut encrypted = false;
    let mut base64 = Zeroizing::new(String::with_capacity(body.len()));
    for line in body.lines() {
        if line.contains(':') {
            encrypted |= line.starts_with("Proc-Type:") && line.contains("ENCRYPTED");
        } else {
            base64.extend(line.chars().filter(|c| !c.is_ascii_whitespace()));
        }
    }
    let content = Zeroizing::new(STANDARD.decode(base64.as_bytes()).ok()?);
    Some(Block { label, encrypted, content })
}
