//! The entries that GRUB 2.14 (and Fedora's before it) makes by `blscfg` of files of the Boot Loader Specification, and by `uki` of
//! unified kernel images: it puts their values, and the name of an image, into a script as they are (`grub-core/commands/blsuki.c`).

use super::script::quote;
use crate::formats::firmware::authenticode::Section;

/// Most bytes that a section with text has; GRUB makes no entry of an image with a longer one.
const MAX_SECTION: usize = 5 * 4096;

/// The script of an entry of the specification, `ID.conf`: each command is in the line of the file where its value is. GRUB reads
/// up to the first line without a value, an empty one among them; it makes no entry where no kernel was named before that.
#[must_use]
pub fn of_specification(text: &str, id: &str) -> String {
    let lines = text.lines().map(|line| line.replace('\r', ""));
    let pair = |line: String| {
        let line = line.trim_start_matches([' ', '\t']);
        let (key, value) = line.split_once([' ', '\t']).unwrap_or((line, ""));
        (key.to_owned(), value.trim_start_matches([' ', '\t']).to_owned())
    };
    let is_read = |(key, value): &(String, String)| key.starts_with('#') || !value.is_empty();
    let pairs: Vec<(String, String)> = lines.map(pair).take_while(is_read).collect();
    let value = |wanted: &str| {
        pairs
            .iter()
            .find(|(key, _)| key == wanted)
            .map(|(_, value)| value.as_str())
    };
    let Some(linux) = value("linux") else {
        return String::new();
    };
    let options: Vec<&str> = pairs
        .iter()
        .filter(|(key, _)| key == "options")
        .map(|(_, value)| value.as_str())
        .collect();
    let title = value("title").unwrap_or(linux);
    let users = value("grub_users").map_or("--unrestricted".to_owned(), |users| format!("--users={}", quote(users)));
    let mut script = format!("menuentry {} {users} --id {} {{ ", quote(title), quote(id));
    let mut has_kernel = false;
    for (key, value) in &pairs {
        match key.as_str() {
            "linux" if !has_kernel => {
                script.extend(["linux ", value, " ", &options.join(" ")]);
                has_kernel = true;
            }
            "initrd" | "devicetree" => script.extend([key, " ", value]),
            _ => {}
        }
        script.push('\n');
    }
    script.push_str("}\n");
    script
}

/// The script of the entry of a unified image of this name. None is made of an image without a kernel, or without the text that its
/// title is in.
#[must_use]
pub fn of_unified_image(sections: &[Section<'_>], name: &str) -> String {
    let find = |name: &str| sections.iter().find(|section| section.name == name);
    // A text ends at the first zero.
    let text = |section: &str| {
        let section = find(section).filter(|section| section.length() <= MAX_SECTION)?;
        let text = section.data().split(|byte| *byte == 0).next().unwrap_or_default();
        Some(String::from_utf8_lossy(text).into_owned())
    };
    let is_short = |section: &str| find(section).is_none_or(|section| section.length() <= MAX_SECTION);
    let (Some(_), Some(system), true) = (find(".linux"), text(".osrel"), is_short(".cmdline")) else {
        return String::new();
    };
    let title = system
        .split(['\n', '\r'])
        .find_map(|line| line.trim_start_matches([' ', '\t']).strip_prefix("PRETTY_NAME="));
    let title = title.map_or(name, |title| title.trim_matches(['"', '\'']));
    entry_of_image(name, title, &text(".cmdline").unwrap_or_default())
}

fn entry_of_image(name: &str, title: &str, options: &str) -> String {
    let (title, id) = (quote(title), quote(name));
    format!("menuentry {title} --unrestricted --id {id} {{ chainloader $uki/{name} {options}\n}}\n")
}

#[cfg(test)]
mod tests {
    use super::super::script::Script;
    use super::*;

    fn commands(script: &str) -> Vec<(usize, String)> {
        let script = Script::parse(script);
        assert_eq!(script.error, None);
        let commands = script.commands.iter();
        commands.map(|command| (command.line, command.to_string())).collect()
    }

    #[test]
    fn an_entry_is_a_script_with_its_values_as_they_are() {
        let text = "title Linux it's\nversion 6\n \t linux\t/vmlinuz-6\ninitrd /a.img /b.img\noptions ro; unset x\n# linux /no\n";
        let expected = [
            (1, "menuentry 'Linux it'\\''s' --unrestricted --id abc-6"),
            (3, "linux /vmlinuz-6 ro"),
            (3, "unset x"),
            (4, "initrd /a.img /b.img"),
        ];
        assert_eq!(
            commands(&of_specification(text, "abc-6")),
            expected.map(|(line, text)| (line, text.to_owned()))
        );
    }

    #[test]
    fn grub_reads_an_entry_up_to_the_first_line_without_a_value() {
        let read = |text: &str| commands(&of_specification(text, "a")).len();
        assert_eq!(read("title A\n#\nlinux /k\n\ninitrd /i\n"), 2);
        assert_eq!(read("title A\nlinux /k\nversion\ninitrd /i\n"), 2);
        assert_eq!(read("title A\n\nlinux /k\n"), 0);
        assert_eq!(read("title A\ninitrd /i\n"), 0);
    }

    #[test]
    fn the_name_of_an_image_is_a_part_of_the_script() {
        let entry = |name| commands(&entry_of_image(name, "A", "quiet; unset y"));
        assert_eq!(entry("a.efi").len(), 3);
        let planted = entry("a; set check_signatures=no; .efi");
        assert_eq!(planted[2].1, "set check_signatures=no");
    }
}
