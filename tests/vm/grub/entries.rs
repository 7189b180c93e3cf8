//! The entries that GRUB 2.14 makes of files by `blscfg` and `uki`, and those that bootseal says it makes: by all ways to name a
//! directory and to choose from it.

use std::fs;
use std::path::Path;

use bootseal::formats::firmware::authenticode::Image;
use bootseal::formats::grub::boot_entries::{of_specification, of_unified_image};
use bootseal::formats::grub::opened_files::{Place, Use, opened_files, variables};
use bootseal::formats::grub::script::{Script, Word};
use bootseal::formats::grub::signature_name::signature_path;

use super::super::bootseal::Bootseal;
use super::super::machine::Serial;
use super::super::packages::run;
use crate::support::programs::{EFI_STUB, tool};

/// Commands, each with the entries that it makes: the beginnings of their names. One file that GRUB does not take may hide those behind
/// it in its directory, so each of these is alone.
const COMMANDS: [(&str, &[&str]); 14] = [
    ("uki -p /e/uki", &["Whole image"]),
    ("uki -p /e/unsigned", &[]),
    ("uki -p /e/idle", &[]),
    ("uki -p /e/untitled", &[]),
    ("uki -fp /e/nothing", &["Usual image"]),
    ("blscfg --path=/e/bls", &["Indented entry"]),
    ("blscfg -p /e/gap", &[]),
    ("blscfg -p /e/unsigned", &[]),
    ("blscfg -p relative", &["Usual entry"]),
    ("blscfg -p ($root)/", &["Topmost entry"]),
    ("blscfg -p /e/few -e two.conf", &["Second entry"]),
    ("set default=three.conf; blscfg -dp /e/more", &["Third entry"]),
    ("set default=0; blscfg -n -p /e/last", &["Fifth entry"]),
    ("uki -p /e/odd", &["Odd image"]),
];

/// Files of which no entry comes into the menu.
const NOT_MADE: [&str; 7] = [
    "Unsigned image",
    "Idle image",
    "Unsigned entry",
    "Entry behind a gap",
    "First entry",
    "Fourth entry",
    "Sixth entry",
];
/// Those of them that are not signed.
const UNSIGNED: [&str; 2] = ["e/unsigned/b.efi", "e/unsigned/c.conf"];

/// Said by a command that stands in the name of an image.
const PLANTED: &str = "said by a name";

/// Entries of the specification by their paths.
const ENTRIES: [(&str, &str); 11] = [
    ("loader/entries/usual.conf", "title Usual entry\nlinux /k\n"),
    ("topmost.conf", "title Topmost entry\nlinux /k\n"),
    ("e/bls/a.conf", "title Indented entry\n# why\n \t linux\t/k\n"),
    ("e/gap/b.conf", "title Entry behind a gap\n\nlinux /k\n"),
    ("e/few/one.conf", "title First entry\nlinux /k\n"),
    ("e/few/two.conf", "title Second entry\nlinux /k\n"),
    ("e/more/three.conf", "title Third entry\nlinux /k\n"),
    ("e/more/four.conf", "title Fourth entry\nlinux /k\n"),
    ("e/last/five-1.conf", "title Fifth entry\nlinux /k\n"),
    // The newest is the first, and so the default.
    ("e/last/five-2.conf", "title Sixth entry\nlinux /k\n"),
    ("e/unsigned/c.conf", "title Unsigned entry\nlinux /k\n"),
];

/// Images by their paths, with their systems and whether they hold a kernel.
const IMAGES: [(&str, &str, bool); 6] = [
    ("EFI/Linux/usual.efi", "PRETTY_NAME=\"Usual image\"\n", true),
    ("e/uki/a.efi", "ID=a\n PRETTY_NAME='Whole image'\n", true),
    ("e/idle/c.efi", "PRETTY_NAME=\"Idle image\"\n", false),
    ("e/untitled/d.efi", "", true),
    (
        "e/odd/x; echo said by a name; reboot; .efi",
        "PRETTY_NAME=\"Odd image\"\n",
        true,
    ),
    ("e/unsigned/b.efi", "PRETTY_NAME=\"Unsigned image\"\n", true),
];

/// The commands as a part of a configuration: before anything else, and at its end.
pub fn configuration() -> [String; 2] {
    let commands = COMMANDS.map(|(command, _)| command).join("\n");
    [
        format!("insmod blsuki\n{commands}\n"),
        "set default='Odd image'\nset timeout_style=menu\nset timeout=3\n".to_owned(),
    ]
}

/// Puts the files there, and signs them.
pub fn put(disk: &Path, own: &Bootseal) {
    let mut files = Vec::new();
    for (path, text) in ENTRIES {
        files.push(disk.join(path));
        fs::create_dir_all(disk.join(path).parent().expect("a folder")).expect("a folder");
        fs::write(disk.join(path), text).expect("written");
    }
    let work = tempfile::tempdir().expect("a temporary folder");
    for (path, system, has_kernel) in IMAGES {
        files.push(disk.join(path));
        fs::create_dir_all(disk.join(path).parent().expect("a folder")).expect("a folder");
        let mut objcopy = tool("objcopy");
        let sections = [(".osrel", system), (".cmdline", "quiet"), (".linux", "kernel")];
        for (number, (name, text)) in sections.into_iter().enumerate() {
            if text.is_empty() || (name == ".linux" && !has_kernel) {
                continue;
            }
            let file = work.path().join(name);
            fs::write(&file, text).expect("written");
            let address = 0x1_5000_0000 + 0x1000 * number;
            objcopy.arg(format!("--add-section={name}={}", file.display()));
            objcopy.arg(format!("--change-section-vma={name}={address:#x}"));
        }
        run(objcopy.arg(EFI_STUB).arg(disk.join(path)));
    }
    own.sign_for_grub(&files);
}

/// Takes signatures away again: what a menu names is signed wherever it is.
pub fn unsign(disk: &Path) {
    for path in UNSIGNED {
        fs::remove_file(signature_path(&disk.join(path))).expect("removed");
    }
}

/// The differences between GRUB, what is written here, and bootseal.
pub fn differences(log: &Serial, disk: &Path) -> Vec<String> {
    let mut differences = Vec::new();
    for (command, wanted) in COMMANDS {
        let said = entries(command, disk);
        if said != wanted {
            differences.push(format!("{command}: {said:?}, not {wanted:?}"));
        }
        let missing = wanted.iter().filter(|title| !log.contains(title));
        differences.extend(missing.map(|title| format!("{command}: GRUB makes no {title}")));
    }
    let made = NOT_MADE.iter().filter(|title| log.contains(title));
    differences.extend(made.map(|title| format!("GRUB makes {title}")));
    // The entry was chosen, and its name ran.
    if log.after(PLANTED).is_empty() {
        differences.push("the name of an image did not run".to_owned());
    }
    differences
}

/// The titles of the entries that bootseal says a command makes.
fn entries(command: &str, disk: &Path) -> Vec<String> {
    let script = Script::parse(command);
    let variables = variables(std::iter::once(&script));
    let default = variables.known("default").pop().unwrap_or_default();
    for opened in opened_files(&script, &variables) {
        let (Place::File { path, .. }, true) = (&opened.place, matches!(opened.usage, Use::Entries | Use::Images))
        else {
            continue;
        };
        let directory = disk.join(path.trim_start_matches('/'));
        let Ok(list) = fs::read_dir(directory) else { continue };
        let mut names: Vec<_> = list.map(|entry| entry.expect("an entry").path()).collect();
        names.retain(|path| signature_path(path).is_file());
        names.sort();
        names.reverse();
        let mut made: Vec<(String, String)> = Vec::new();
        for path in names {
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            let has_ending = |ending: &str| path.extension().is_some_and(|own| own == ending);
            let bytes = fs::read(&path).expect("read");
            let text = match opened.usage {
                Use::Entries if has_ending("conf") => of_specification(&String::from_utf8_lossy(&bytes), &name),
                Use::Images if has_ending("efi") => {
                    of_unified_image(Image::parse(&bytes).expect("an image").sections(), &name)
                }
                _ => continue,
            };
            let script = Script::parse(&text);
            let title = script.commands.first().and_then(|command| command.words.get(1));
            made.extend(title.and_then(Word::literal).map(|title| (name, title)));
        }
        // What is found first is all that is taken.
        if !made.is_empty() {
            let made = made.into_iter().enumerate();
            let shown = made.filter(|(index, (name, title))| {
                let is_default = [name, title].contains(&&default) || default.parse() == Ok(*index);
                opened.choice.shows(name, is_default)
            });
            return shown.map(|(_, (_, title))| title).collect();
        }
    }
    Vec::new()
}
