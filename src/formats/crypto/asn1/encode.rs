//! Values as they are written.

/// A value in the Distinguished Encoding Rules, with these content octets.
#[must_use]
pub fn encode(identifier: u8, content: &[&[u8]]) -> Vec<u8> {
    let length: usize = content.iter().map(|part| part.len()).sum();
    let mut value = vec![identifier];
    match u8::try_from(length) {
        Ok(short) if short < 0x80 => value.push(short),
        _ => {
            let octets = length.to_be_bytes();
            let significant: Vec<u8> = octets.into_iter().skip_while(|octet| *octet == 0).collect();
            // At most 8.
            value.push(0x80 | u8::try_from(significant.len()).unwrap_or(8));
            value.extend(significant);
        }
    }
    for part in content {
        value.extend_from_slice(part);
    }
    value
}
