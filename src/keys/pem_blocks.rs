//! PEM blocks in a file that may have several (RFC 7468), and their labels.

/// The label and the text of the first PEM block with a private key; of the first one if there is none.
pub(super) fn key_block(text: &str) -> Option<(&str, &str)> {
    let mut rest = text;
    while let Some((label, block)) = first_pem_block(rest) {
        if label.ends_with("PRIVATE KEY") {
            return Some((label, block));
        }
        let (_, after) = rest.split_once(block)?;
        rest = after;
    }
    first_pem_block(text)
}

/// The label and the text of the first PEM block.
fn first_pem_block(text: &str) -> Option<(&str, &str)> {
    const BEGIN: &str = "-----BEGIN ";
    let (_, from_label) = text.split_once(BEGIN)?;
    let (label, _) = from_label.split_once("-----")?;
    let start = text.len().checked_sub(from_label.len())?.checked_sub(BEGIN.len())?;
    let block = text.get(start..)?;
    let end_line = format!("-----END {label}-----");
    // Without its end the decoder gets all there is, and says what is missing.
    let length = block.find(&end_line).map_or(block.len(), |end| end + end_line.len());
    Some((label, block.get(..length)?))
}

/// The meaning of a PEM label. Labels are not quoted unless they are known: they come from the file.
pub(super) fn describe(label: &str) -> String {
    match label {
        "EC PRIVATE KEY" => "an elliptic curve key",
        "OPENSSH PRIVATE KEY" => "an OpenSSH key",
        "PUBLIC KEY" => "a public key",
        "CERTIFICATE" => "a certificate",
        label if label.starts_with("PGP ") => "an OpenPGP key or signature",
        _ => "something else",
    }
    .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_pem_block_counts() {
        let text = "Bag Attributes\n-----BEGIN A-----\nx\n-----END A-----\n-----BEGIN B-----\n-----END B-----\n";
        assert_eq!(
            first_pem_block(text),
            Some(("A", "-----BEGIN A-----\nx\n-----END A-----"))
        );
        let combined = "-----BEGIN A-----\nx\n-----END A-----\n-----BEGIN RSA PRIVATE KEY-----\ny\n";
        assert_eq!(key_block(combined).unwrap().0, "RSA PRIVATE KEY");
        assert_eq!(key_block(text), first_pem_block(text));
        assert_eq!(first_pem_block("-----BEGIN A"), None);
        assert_eq!(
            first_pem_block("-----BEGIN A-----\nx"),
            Some(("A", "-----BEGIN A-----\nx"))
        );
    }
}
