//! A distribution's `/boot`: the modules, translations, font and theme of a GRUB, a kernel, an initrd, and a grub.cfg
//! that tries all of it, and the same changed.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use super::super::flip_byte;
use super::super::guest::COMMAND_LINE;
use super::super::machine::Serial;
use super::image::Version;

/// Debian's theme of GRUB.
pub const THEME: &str = "/usr/share/grub/themes/starfield";

/// The trials, one after the other. Only the embedded modules are there before.
const TRIALS: &[Trial] = &[
    Trial::works(
        "modules",
        "insmod all_video\ninsmod font\ninsmod loadenv\ninsmod gfxterm\ninsmod gfxterm_background\ninsmod png\ninsmod chain",
    ),
    Trial::works("font", "loadfont /boot/grub/fonts/unicode.pf2"),
    Trial::works("theme font", "loadfont /boot/grub/themes/starfield/dejavu_12.pf2"),
    Trial::works("graphics", "terminal_output --append gfxterm"),
    Trial::works("image", "background_image /boot/grub/themes/starfield/starfield.png"),
    Trial::works("environment", "load_env"),
    Trial::says("text", "source /boot/grub/signed.cfg", "this may be read"),
    Trial::works("search", "search --no-floppy --file /boot/grub/signed.cfg --set=found"),
    // GRUB says nothing of a configuration that it does not read.
    Trial::works("unsigned text", "source /bad/unsigned.cfg"),
    Trial::works("changed text", "source /bad/signed.cfg"),
    Trial::works("text by another", "source /bad/other.cfg"),
    Trial::says("changed module", "insmod /bad/tr.mod", BAD),
    Trial::says(
        "unsigned module",
        "insmod /bad/unsigned.mod",
        "unsigned.mod.sig' not found",
    ),
    Trial::says("changed font", "loadfont /bad/euro.pf2", BAD),
    Trial::says("changed image", "background_image /bad/starfield.png", BAD),
    Trial::says("changed environment", "load_env --file /bad/grubenv", BAD),
    Trial::says("changed loader", "chainloader /bad/vmlinuz", BAD),
    Trial::says(
        "unsigned file",
        "search --no-floppy --file /bad/unsigned.cfg --set=found",
        "no such device",
    ),
    Trial::works("language", "insmod gettext\nset lang=de"),
    Trial::says("translation", "gettext \"Press any key to continue...\"", " Taste "),
];

/// The trial at the very end: GRUB boots a kernel that is loaded as soon as any entry of a menu comes to its end,
/// even without the initrd that it has refused.
const LAST_TRIALS: &[Trial] = &[
    Trial::says("changed kernel", "linux /bad/vmlinuz", BAD),
    Trial::says("kernel by another", "linux /bad/other.img", " not found"),
    // Once: 2.06 loses the command line of a kernel that comes after another.
    Trial::works("kernel", "linux /boot/vmlinuz COMMAND_LINE"),
    Trial::says("changed initrd", "initrd /bad/initrd.img", BAD),
    Trial::works("initrd", "initrd /boot/initrd.img"),
];

/// Of a signature that is not over the content.
pub const BAD: &str = "error: bad signature";
/// Stands in files that GRUB must not read.
pub const NOT_TO_BE_READ: &str = "this must not be read";

/// Commands, and what GRUB says meanwhile: few of its commands end with their own failure.
struct Trial {
    name: &'static str,
    commands: &'static str,
    said: Option<&'static str>,
}

impl Trial {
    /// Nothing is said but for what is no error.
    const fn works(name: &'static str, commands: &'static str) -> Self {
        Self {
            name,
            commands,
            said: None,
        }
    }

    const fn says(name: &'static str, commands: &'static str, said: &'static str) -> Self {
        Self {
            name,
            commands,
            said: Some(said),
        }
    }
}

/// The commands of some trials.
fn commands(trials: &[Trial]) -> String {
    let mut script = String::new();
    for Trial { name, commands, .. } in trials {
        write!(script, "echo 'try {name}'\n{commands}\necho 'tried {name}'\n").expect("a string takes all");
    }
    script
}

/// Fails unless each trial had the outcome that is wanted.
pub fn judge(log: &Serial) {
    for Trial { name, said: wanted, .. } in TRIALS.iter().chain(LAST_TRIALS) {
        let said = log.between(&format!("try {name}"), &format!("tried {name}"));
        match wanted {
            None => assert!(!said.contains("error"), "{said}"),
            Some(words) => assert!(said.contains(words), "{words:?} is missing: {said}"),
        }
    }
    log.expect_no(NOT_TO_BE_READ);
}

const CONFIGURATION: &str = "\
TRIALS
set lang=
source /boot/grub/forms.cfg
function start {
  echo
  LAST_ONES
  boot
}
insmod gfxmenu
set timeout=-1
set theme=/boot/grub/themes/starfield/theme.txt
menuentry 'for everybody' --unrestricted {
  reboot
}
submenu 'changed theme' --hotkey=t --unrestricted {
  set theme=/bad/starfield/theme.txt
  menuentry 'for the superuser' --hotkey=l {
    start
  }
  menuentry 'for the locked out' --hotkey=o --unrestricted {
    start
  }
}
";

/// The grub.cfg: trials, forms of signatures, a menu.
pub fn configuration() -> String {
    CONFIGURATION
        .replace("TRIALS", &commands(TRIALS))
        .replace("LAST_ONES", &commands(LAST_TRIALS))
        .replace("COMMAND_LINE", COMMAND_LINE)
}

/// One that nobody signs.
pub fn unsigned_configuration() -> String {
    format!(
        "echo \"check_signatures is $check_signatures\"\nlinux /boot/vmlinuz {COMMAND_LINE}\ninitrd /boot/initrd.img\nboot\n"
    )
}

/// Puts the files of a version's packages into `grub`, over those of another. What only the other had goes, as the
/// package manager would have it, and signatures, of which it knows nothing, stay.
pub fn install(version: Version, grub: &Path) {
    let modules = grub.join("x86_64-efi");
    let mut files: Vec<(PathBuf, PathBuf)> = Vec::new();
    for path in entries(&version.modules()) {
        let name = path.file_name().expect("a name");
        let is_wanted = path
            .extension()
            .is_some_and(|ending| ending == "mod" || ending == "lst");
        // Debian's own addition to 2.06: where `linux` finds it, only shim can vouch for a kernel.
        if is_wanted && name != "linuxefi.mod" {
            files.push((modules.join(name), path));
        }
    }
    for language in entries(&version.translations()) {
        let path = language.join("LC_MESSAGES/grub.mo");
        if path.is_file() {
            let name = language.file_name().expect("a name").display();
            files.push((grub.join(format!("locale/{name}.mo")), path));
        }
    }
    files.push((grub.join("fonts/unicode.pf2"), version.font()));
    for path in entries(Path::new(THEME)) {
        if path.is_file() {
            let name = path.file_name().expect("a name");
            files.push((grub.join("themes/starfield").join(name), path));
        }
    }
    println!("GRUB {version:?} has {} files", files.len());
    assert!(files.len() > 300);
    for directory in [&modules, &grub.join("locale")]
        .into_iter()
        .filter(|path| path.is_dir())
    {
        for path in entries(directory) {
            if path.extension().is_some_and(|ending| ending != "sig") {
                fs::remove_file(path).expect("removed");
            }
        }
    }
    for (to, from) in files {
        fs::create_dir_all(to.parent().expect("a folder")).expect("a folder");
        fs::copy(from, to).expect("copied");
    }
}

/// Files of which GRUB must open none: those of a signed `/boot`, each with one byte changed, below `bad`.
pub fn change(boot: &Path, bad: &Path) {
    fs::create_dir_all(bad.join("starfield")).expect("a folder");
    for (file, name) in [
        ("vmlinuz", "vmlinuz"),
        ("initrd.img", "initrd.img"),
        ("grub/signed.cfg", "signed.cfg"),
        ("grub/grubenv", "grubenv"),
        ("grub/x86_64-efi/tr.mod", "tr.mod"),
        ("grub/fonts/unicode.pf2", "euro.pf2"),
        ("grub/themes/starfield/starfield.png", "starfield.png"),
        ("grub/themes/starfield/theme.txt", "starfield/theme.txt"),
    ] {
        for ending in ["", ".sig"] {
            let from = boot.join(format!("{file}{ending}"));
            fs::copy(from, bad.join(format!("{name}{ending}"))).expect("copied");
        }
        flip_byte(&bad.join(name));
    }
    fs::copy(boot.join("grub/x86_64-efi/tr.mod"), bad.join("unsigned.mod")).expect("copied");
    fs::copy(boot.join("vmlinuz"), bad.join("other.img")).expect("copied");
    for name in ["unsigned.cfg", "other.cfg"] {
        fs::write(bad.join(name), format!("echo '{NOT_TO_BE_READ}'\n")).expect("written");
    }
}

fn entries(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    entries.map(|entry| entry.expect("an entry").path()).collect()
}
