//! Entries of the Boot Loader Specification (`loader/entries/*.conf`), which systemd-boot starts.

/// Words of a Boot Loader Specification entry that name an EFI image.
pub const ENTRY_WORDS: [&str; 3] = ["linux", "efi", "uki"];

/// The images that an entry names, with `/` between directories.
#[must_use]
pub fn images(text: &str) -> Vec<String> {
    let images = lines(text).filter(|(word, _)| ENTRY_WORDS.contains(word));
    images.map(|(_, value)| value.replace('\\', "/")).collect()
}

/// The values that an entry has for a word: `initrd` and `options` may be there several times.
#[must_use]
pub fn values<'t>(text: &'t str, wanted: &str) -> Vec<&'t str> {
    let values = lines(text).filter(|(word, _)| *word == wanted);
    values.map(|(_, value)| value).collect()
}

/// The words of an entry or of loader.conf, each with its value, as systemd-boot reads them.
pub fn lines(text: &str) -> impl Iterator<Item = (&str, &str)> {
    words(text, char::is_whitespace)
}

/// The names of an os-release file, each with its value.
pub fn settings(text: &str) -> impl Iterator<Item = (&str, &str)> {
    words(text, |character| character == '=')
}

fn words(text: &str, separates: fn(char) -> bool) -> impl Iterator<Item = (&str, &str)> {
    let lines = text
        .split(['\n', '\r'])
        .map(str::trim)
        .filter(|line| !line.starts_with('#'));
    let words = lines.filter_map(move |line| line.split_once(separates));
    let values = words.map(move |(word, value)| (word, value.trim_start_matches(separates)));
    let values = values.filter(|(_, value)| !value.is_empty());
    values.map(|(word, value)| (word, unquoted(value)))
}

fn unquoted(value: &str) -> &str {
    let quoted = |mark| value.strip_prefix(mark)?.strip_suffix(mark);
    quoted('"').or_else(|| quoted('\'')).unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_name_kernels_and_unified_images() {
        let entry = "title Gentoo\n# linux /no\nlinux   /gentoo/6.12/linux\ninitrd /gentoo/6.12/initrd\noptions linux /x\n\
                     efi \\EFI\\tools\\memtest.efi\nlinux\n";
        assert_eq!(images(entry), ["/gentoo/6.12/linux", "/EFI/tools/memtest.efi"]);
        assert_eq!(values(entry, "initrd"), ["/gentoo/6.12/initrd"]);
        assert_eq!(values(entry, "options"), ["linux /x"]);
        assert_eq!(
            values("sort-key  \"a b\"\r\nversion '\nsort-key \"\"\n", "sort-key"),
            ["a b", ""]
        );
        let system: Vec<(&str, &str)> = settings("ID=gentoo\n #x=y\nNAME='Gen too'\nVERSION=\n").collect();
        assert_eq!(system, [("ID", "gentoo"), ("NAME", "Gen too")]);
    }
}
