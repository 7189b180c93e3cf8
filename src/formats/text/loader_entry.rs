//! Entries of the Boot Loader Specification (`loader/entries/*.conf`), which systemd-boot starts.

/// Words of a Boot Loader Specification entry that name an EFI image.
const ENTRY_WORDS: [&str; 3] = ["linux", "efi", "uki"];

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

fn lines(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let lines = text.lines().map(str::trim).filter(|line| !line.starts_with('#'));
    let words = lines.filter_map(|line| line.split_once(char::is_whitespace));
    words.map(|(word, value)| (word, value.trim()))
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
    }
}
