//! The entries that GRUB 2.14 (and Fedora's before it) makes by `blscfg` of files of the Boot Loader Specification, and by `uki` of
//! unified kernel images: it puts their values into a script as they are (`grub-core/commands/blsuki.c`).

use super::script::quote;

/// The script of an entry of the specification, `ID.conf`: each command is in the line of the file where its value is.
#[must_use]
pub fn of_specification(text: &str, id: &str) -> String {
    let pairs = || {
        text.lines().map(|line| {
            let line = line.trim_end_matches('\r');
            line.split_once([' ', '\t'])
                .map_or((line, ""), |(key, value)| (key, value.trim_start_matches([' ', '\t'])))
        })
    };
    let value = |wanted: &str| pairs().find(|(key, _)| *key == wanted).map(|(_, value)| value);
    let options: Vec<&str> = pairs()
        .filter(|(key, _)| *key == "options")
        .map(|(_, value)| value)
        .collect();
    let title = value("title").or_else(|| value("linux")).unwrap_or(id);
    let users = value("grub_users").map_or("--unrestricted".to_owned(), |users| format!("--users={}", quote(users)));
    let mut script = format!("menuentry {} {users} --id {} {{ ", quote(title), quote(id));
    for (key, value) in pairs() {
        match key {
            "linux" => script.extend(["linux ", value, " ", &options.join(" ")]),
            "initrd" | "devicetree" => script.extend([key, " ", value]),
            _ => {}
        }
        script.push('\n');
    }
    script.push_str("}\n");
    script
}

/// The script of the entry of a unified image with this command line.
#[must_use]
pub fn of_unified_image(id: &str, options: &str) -> String {
    let name = quote(id);
    format!("menuentry {name} --unrestricted --id {name} {{ chainloader $uki {options}\n}}\n")
}

#[cfg(test)]
mod tests {
    use super::super::script::Script;
    use super::*;

    #[test]
    fn an_entry_is_a_script_with_its_values_as_they_are() {
        let text =
            "title Linux it's\nversion 6\nlinux\t/vmlinuz-6\ninitrd /a.img /b.img\noptions ro; unset x\n# linux /no\n";
        let script = Script::parse(&of_specification(text, "abc-6"));
        assert_eq!(script.error, None);
        let seen: Vec<(usize, String)> = script
            .commands
            .iter()
            .map(|command| (command.line, command.to_string()))
            .collect();
        let expected = [
            (1, "menuentry 'Linux it'\\''s' --unrestricted --id abc-6"),
            (3, "linux /vmlinuz-6 ro"),
            (3, "unset x"),
            (4, "initrd /a.img /b.img"),
        ];
        assert_eq!(seen, expected.map(|(line, text)| (line, text.to_owned())));
        let unified = Script::parse(&of_unified_image("a b", "quiet; unset y"));
        assert_eq!(unified.commands.len(), 3);
    }
}
