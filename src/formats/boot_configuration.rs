//! What boot loaders are told to start, as far as the firmware judges it: entries of the Boot Loader Specification
//! (systemd-boot), and `grub.cfg`.

/// Words of a Boot Loader Specification entry that name an EFI image.
const ENTRY_WORDS: [&str; 3] = ["linux", "efi", "uki"];
/// GRUB's commands that hand an image to the firmware.
const GRUB_WORDS: [&str; 4] = ["linux", "linuxefi", "chainloader", "linux16"];

/// The images that a file `loader/entries/*.conf` names, with `/` between directories.
#[must_use]
pub fn loader_entry(text: &str) -> Vec<String> {
    let mut images = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.starts_with('#')) {
        let Some((word, value)) = line.split_once(char::is_whitespace) else {
            continue;
        };
        if ENTRY_WORDS.contains(&word) {
            images.push(value.trim().replace('\\', "/"));
        }
    }
    images
}

/// The images that `grub.cfg` names literally; what holds a variable is left out. A device in parentheses is dropped.
#[must_use]
pub fn grub(text: &str) -> Vec<String> {
    let mut images: Vec<String> = Vec::new();
    for line in text.lines() {
        let mut words = line.split_whitespace().skip_while(|word| word.starts_with('{'));
        if !words.next().is_some_and(|command| GRUB_WORDS.contains(&command)) {
            continue;
        }
        let Some(path) = words.find(|word| !word.starts_with('-')) else {
            continue;
        };
        let path = path.trim_matches(['"', '\'']);
        let path = match path.split_once(')') {
            Some((device, path)) if device.starts_with('(') => path,
            _ => path,
        };
        let is_new = !images.iter().any(|known| known == path);
        if path.starts_with('/') && !path.contains('$') && is_new {
            images.push(path.to_owned());
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
    }

    #[test]
    fn grubs_literal_paths_are_found_once() {
        let text = "menuentry 'Gentoo' {\n\tlinux\t/vmlinuz-6.12 root=/dev/sda2\n\tinitrd /initrd\n}\n\
                    chainloader ($root)/EFI/Microsoft/Boot/bootmgfw.efi\nlinux ${prefix}/x\nlinux /a$b\n  \
                    linux \"(hd0,gpt1)/vmlinuz-6.12\"\nchainloader --force +1\nlinux\n";
        assert_eq!(grub(text), ["/vmlinuz-6.12", "/EFI/Microsoft/Boot/bootmgfw.efi"]);
    }
}
