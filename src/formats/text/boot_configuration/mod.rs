//! What boot loaders are told to start, as far as the firmware judges it: entries of the Boot Loader Specification
//! (systemd-boot), and `grub.cfg`.

mod opened;

pub use opened::{Opened, Place, Use, is_elsewhere, names, opened, variables};

use crate::formats::grub::script::Script;

/// Words of a Boot Loader Specification entry that name an EFI image.
const ENTRY_WORDS: [&str; 3] = ["linux", "efi", "uki"];
/// GRUB's commands that hand an image to the firmware.
const GRUB_WORDS: [&str; 4] = ["linux", "linuxefi", "chainloader", "linux16"];

/// The images that a file `loader/entries/*.conf` names, with `/` between directories.
#[must_use]
pub fn loader_entry(text: &str) -> Vec<String> {
    let lines = loader_lines(text).filter(|(word, _)| ENTRY_WORDS.contains(word));
    lines.map(|(_, value)| value.replace('\\', "/")).collect()
}

/// The values that such a file has for a word: `initrd` and `options` may be there several times.
#[must_use]
pub fn loader_values<'t>(text: &'t str, wanted: &str) -> Vec<&'t str> {
    let lines = loader_lines(text).filter(|(word, _)| *word == wanted);
    lines.map(|(_, value)| value).collect()
}

fn loader_lines(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let lines = text.lines().map(str::trim).filter(|line| !line.starts_with('#'));
    let words = lines.filter_map(|line| line.split_once(char::is_whitespace));
    words.map(|(word, value)| (word, value.trim()))
}

/// The images on a disk that a `grub.cfg` hands to the firmware, without their devices, each once. What cannot be known
/// before GRUB runs is left out.
#[must_use]
pub fn grub(text: &str) -> Vec<String> {
    let script = Script::parse(text);
    let variables = variables(std::iter::once(&script));
    let mut images: Vec<String> = Vec::new();
    for opened in opened(&script, &variables) {
        let Place::File { device, path } = opened.place else {
            continue;
        };
        let is_new = !images.contains(&path);
        if GRUB_WORDS.contains(&opened.command.as_str()) && device.is_none_or(|device| !is_elsewhere(&device)) && is_new
        {
            images.push(path);
        }
    }
    images
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_name_kernels_and_unified_images() {
        let entry = "title Gentoo\n# linux /no\nlinux   /gentoo/6.12/linux\ninitrd /gentoo/6.12/initrd\noptions linux /x\n\
                     efi \\EFI\\tools\\memtest.efi\nlinux\n";
        assert_eq!(loader_entry(entry), ["/gentoo/6.12/linux", "/EFI/tools/memtest.efi"]);
        assert_eq!(loader_values(entry, "initrd"), ["/gentoo/6.12/initrd"]);
        assert_eq!(loader_values(entry, "options"), ["linux /x"]);
    }

    #[test]
    fn grubs_literal_paths_are_found_once() {
        let text = "menuentry 'Gentoo' {\n\tlinux\t/vmlinuz-6.12 root=/dev/sda2\n\tinitrd /initrd\n}\n\
                    chainloader ($root)/EFI/Microsoft/Boot/bootmgfw.efi\nlinux ${prefix}/x\nlinux /a$b\nset k=/vmlinuz-6.6\nlinux $k\n  \
                    linux \"(hd0,gpt1)/vmlinuz-6.12\"\nchainloader --force +1\nlinux\n";
        assert_eq!(
            grub(text),
            ["/vmlinuz-6.12", "/EFI/Microsoft/Boot/bootmgfw.efi", "/vmlinuz-6.6"]
        );
    }
}
