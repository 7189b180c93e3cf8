//! The order of versions in names of files.

use std::cmp::Ordering;

/// The order of `sort -V`: runs of digits by their number; letters before other characters, `~` before all.
#[must_use]
pub fn by_version(one: &str, other: &str) -> Ordering {
    let (mut one, mut other) = (one.as_bytes(), other.as_bytes());
    loop {
        let (text, rest) = split(one, |byte| !byte.is_ascii_digit());
        let (other_text, other_rest) = split(other, |byte| !byte.is_ascii_digit());
        let order = weights(text).cmp(weights(other_text));
        let (digits, rest) = split(rest, u8::is_ascii_digit);
        let (other_digits, other_rest) = split(other_rest, u8::is_ascii_digit);
        let order = order.then_with(|| number(digits).cmp(&number(other_digits)));
        if order != Ordering::Equal || (rest.is_empty() && other_rest.is_empty()) {
            return order.then_with(|| one.cmp(other));
        }
        (one, other) = (rest, other_rest);
    }
}

fn split(bytes: &[u8], belongs: impl Fn(&u8) -> bool) -> (&[u8], &[u8]) {
    let end = bytes.iter().position(|byte| !belongs(byte)).unwrap_or(bytes.len());
    bytes.split_at(end)
}

/// The weights of characters. The end of the text weighs less than all characters but `~`.
fn weights(text: &[u8]) -> impl Iterator<Item = u16> + '_ {
    let weight = |byte: &u8| match *byte {
        b'~' => 0,
        byte if byte.is_ascii_alphabetic() => u16::from(byte).saturating_add(1),
        byte => u16::from(byte).saturating_add(257),
    };
    text.iter().map(weight).chain([1])
}

/// The key by which numbers are compared: without leading zeros, the longer one is larger.
fn number(digits: &[u8]) -> (usize, &[u8]) {
    let (_, digits) = split(digits, |byte| *byte == b'0');
    (digits.len(), digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_sorted_as_sort_does() {
        let mut names = vec![
            "100-last",
            "45-bootseal-modules",
            "5-first",
            "90-zz-update-static.install",
            "90-yy-bootseal-image.install",
            "90-loaderentry.install",
            "90-uki-copy.install",
            "91-sbctl",
            "9-a",
            "090-b",
            "zz",
            "a~",
            "a",
            "52-dracut",
        ];
        let mut sort = std::process::Command::new("sort");
        let mut sort = sort
            .arg("-V")
            .env("LC_ALL", "C")
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        std::io::Write::write_all(&mut sort.stdin.take().unwrap(), names.join("\n").as_bytes()).unwrap();
        let sorted = String::from_utf8(sort.wait_with_output().unwrap().stdout).unwrap();
        names.sort_by(|one, other| by_version(one, other));
        assert_eq!(names, sorted.lines().collect::<Vec<_>>());
    }
}
