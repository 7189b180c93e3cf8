//! The entry that GRUB starts when nobody chooses, and the files that it opens.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::disk::GRUB_CONFIGURATION;
use crate::error::Result;
use crate::formats::grub::environment_block::EnvironmentBlock;
use crate::formats::grub::menu::{MenuEntry, default_entry as chosen, default_name, menu};
use crate::formats::grub::opened_files::{Opened, Place, Use, opened_within, variables};
use crate::formats::grub::openpgp::GrubKey;
use crate::formats::grub::script::{Script, Variables, Word};
use crate::formats::grub::superusers::Superusers;
use crate::formats::text::Shown;
use crate::sign::discover::Search;
use crate::sign::signature_file::{existing_signature, interest};
use crate::system::config::Exclusions;
use crate::system::{self, Context};
use crate::trust::grub;
use crate::trust::grub_traps::loads_unchecked;

use super::found::{Form, is_one_word};
use super::starts::Making;
use super::tree::Tree;
use super::view::View;

/// Largest environment block that is read, in bytes.
const MAX_ENVIRONMENT: u64 = 64 << 10;
/// Its name beside the menu.
const ENVIRONMENT: &str = "grubenv";

/// The entry that GRUB starts when nobody chooses.
#[derive(Debug)]
pub struct DefaultEntry {
    /// The configuration with it.
    pub configuration: PathBuf,
    /// The line of it, from 1.
    pub line: usize,
    /// Its title.
    pub title: String,
    /// True if it wants a password where there is a superuser.
    pub is_locked: bool,
    /// The superusers of the configurations that lead to it.
    pub superusers: Superusers,
    /// The files without which it does not start, in the order in which it opens them.
    pub files: Vec<EntryFile>,
    /// A file beside its own of which GRUB makes no entry: it takes the files of a directory in the order of the file system, and stops
    /// at such a one.
    pub may_stop_at: Option<PathBuf>,
}

/// A file that an entry opens.
#[derive(Debug, Clone)]
pub struct EntryFile {
    /// The command that opens it.
    pub command: String,
    /// The name, as the configuration has it.
    pub name: String,
    /// The path; none if there is no such file.
    pub path: Option<PathBuf>,
}

impl EntryFile {
    /// True for an initramfs.
    #[must_use]
    pub fn is_initramfs(&self) -> bool {
        self.command.starts_with("initrd")
    }
}

/// Finds the entry of a menu. `configuration` is the one that GRUB reads, in the directory of its `$prefix`; none if nothing
/// is known of its entries. A GRUB with `keys` passes over what the configuration runs, and variables of an environment block, unless
/// one of them has signed it; one without any reads all.
pub fn default_entry(context: &Context, configuration: &Path, keys: &[GrubKey]) -> Result<Option<DefaultEntry>> {
    let directory = configuration.parent().unwrap_or(configuration);
    let found = Search::new(context, &Exclusions::default(), interest).below(&[directory.to_path_buf()]);
    let view = View::new(context, directory, &found)?;
    let tree = Tree::read(context, directory, &found)?;
    let own = configuration.file_name().unwrap_or(GRUB_CONFIGURATION.as_ref());
    let main = view.prefix.join(own);
    // The menu that is kept for GRUB to fall back to has another ending than configurations have.
    let kept;
    let first = match tree.scripts.iter().find(|(path, _)| **path == *main) {
        Some(first) => first,
        None if system::is_there(&main)? => {
            kept = (main.as_path().into(), Script::parse_bytes(&system::read(&main)?));
            &kept
        }
        None => return Ok(None),
    };
    let mut making = Vec::new();
    let mut stops: BTreeMap<(&Path, usize), &Path> = BTreeMap::new();
    for made in tree.menus.making(&main) {
        if opens(keys, made.path)? {
            making.push(made);
        } else if made.is_listed {
            stops.entry(made.by).or_insert(made.path);
        }
    }
    let by_path: BTreeMap<&Path, &(Arc<Path>, Script)> = tree.scripts.iter().map(|found| (&*found.0, found)).collect();
    let scripted = |made: &Making<'_>| Some(&by_path.get(made.path)?.1);
    let texts: Vec<&Script> = std::iter::once(&first.1)
        .chain(making.iter().filter_map(scripted))
        .collect();
    let block = environment(&view.prefix, &texts, keys)?;
    let variables = variables(texts.iter().copied());
    let wanted = default_name(&texts, &variables, &block).unwrap_or_default();
    let mut counts: BTreeMap<(&Path, usize), usize> = BTreeMap::new();
    making.retain(|made| {
        let Some(script) = scripted(made) else { return false };
        // Nothing is counted of what makes no entry.
        if script.commands.is_empty() {
            if made.is_listed && Form::Image.is_of(made.path) {
                stops.entry(made.by).or_insert(made.path);
            }
            return true;
        }
        let count = counts.entry(made.by).or_default();
        let index = *count;
        *count = index.saturating_add(1);
        let name = made.path.file_name().unwrap_or_default().to_string_lossy();
        let title = script.commands.first().and_then(|command| command.words.get(1));
        let is_title = title.and_then(Word::literal).is_some_and(|title| title == wanted);
        let is_default = is_title || wanted == name || wanted.parse() == Ok(index);
        made.choice.shows(&name, is_default)
    });
    let scripts: Vec<(usize, &(Arc<Path>, Script))> = std::iter::once((0, first))
        .chain(
            making
                .iter()
                .filter_map(|made| Some((made.line, *by_path.get(made.path)?))),
        )
        .collect();
    let own = making.iter().filter(|made| made.is_listed);
    let may_stop_at = |path: &Path| {
        own.clone()
            .find(|made| made.path == path)
            .and_then(|made| stops.get(&made.by))
    };
    let places: Vec<(usize, &Script)> = scripts.iter().map(|(line, (_, script))| (*line, script)).collect();
    let texts: Vec<&Script> = places.iter().map(|(_, script)| *script).collect();
    let entries = menu(&places, &variables);
    let Some(entry) = chosen(&entries, &texts, &variables, &block) else {
        return Ok(None);
    };
    let Some((_, (path, script))) = scripts.get(entry.script) else {
        return Ok(None);
    };
    let files = if Form::Image.is_of(path) {
        vec![EntryFile {
            command: "chainloader".to_owned(),
            name: path.shown(),
            // A blank, or what divides commands, ends the name.
            path: is_one_word(path).then(|| path.to_path_buf()),
        }]
    } else {
        files(&view, &variables, script, entry)?
    };
    Ok(Some(DefaultEntry {
        configuration: path.to_path_buf(),
        line: entry.line,
        title: entry.title.clone(),
        is_locked: entry.is_locked,
        superusers: Superusers::from_scripts(texts.iter().copied()),
        files,
        may_stop_at: may_stop_at(path).map(|path| path.to_path_buf()),
    }))
}

/// The variables that GRUB loads.
fn environment(prefix: &Path, scripts: &[&Script], keys: &[GrubKey]) -> Result<EnvironmentBlock> {
    let path = prefix.join(ENVIRONMENT);
    let mut commands = scripts.iter().flat_map(|script| &script.commands);
    let is_read = commands.any(loads_unchecked) || opens(keys, &path)?;
    let block = if is_read {
        system::read_if_there(&path, MAX_ENVIRONMENT)?
    } else {
        None
    };
    Ok(EnvironmentBlock::parse(&block.unwrap_or_default()))
}

/// True if a GRUB with these keys opens a file.
fn opens(keys: &[GrubKey], path: &Path) -> Result<bool> {
    if keys.is_empty() {
        return Ok(true);
    }
    let Some(signature) = existing_signature(path)? else {
        return Ok(false);
    };
    Ok(system::is_there(path)? && grub::judge(&system::read(path)?, Some(&signature), keys).is_ok())
}

fn files(view: &View<'_>, variables: &Variables, script: &Script, entry: &MenuEntry) -> Result<Vec<EntryFile>> {
    let mut files = Vec::new();
    for Opened {
        command, usage, place, ..
    } in opened_within(script, variables, entry.command)
    {
        if !matches!(usage, Use::Boot | Use::Chainload) {
            continue;
        }
        // Another machine's disk, and a name that only GRUB knows, are not looked at.
        let Some(candidates) = view.candidates(&place) else {
            continue;
        };
        let name = match place {
            Place::File { path, .. } | Place::Prefix(path) => path,
            Place::Module(_) | Place::Blocks(_) | Place::Unknown(_) => continue,
        };
        let path = view.first_existing(&candidates, false)?;
        files.push(EntryFile { command, name, path });
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    use crate::formats::firmware::authenticode::minimal_image;
    use crate::formats::grub::openpgp::UnsignedSignature;
    use crate::sign::signature_file::signature_path;
    use crate::trust::identities::DB;

    /// The title of the entry that starts by a menu.
    fn started(menu: &str, keys: &[GrubKey], signed: &[&str]) -> String {
        entry(menu, keys, signed).title
    }

    /// The entry that starts by a menu, among files of the Boot Loader Specification, of which GRUB opens those of `signed` where it has a
    /// key.
    fn entry(menu: &str, keys: &[GrubKey], signed: &[&str]) -> DefaultEntry {
        let root = tempfile::tempdir().unwrap();
        let context = Context::host().with_root(root.path());
        for (path, text) in [
            ("boot/grub/grub.cfg", menu.to_owned()),
            (
                "boot/grub/more.cfg",
                "menuentry More {\n linux /vmlinuz-9\n}\n".to_owned(),
            ),
            (
                "boot/loader/entries/x-6.9.1.conf",
                "title Nine\nlinux /vmlinuz-9\n".to_owned(),
            ),
            (
                "boot/loader/entries/x-6.10.2.conf",
                "title Ten\nlinux /vmlinuz-10\n".to_owned(),
            ),
            (
                "boot/loader/entries/x-6.2.conf",
                "title Two\nlinux /vmlinuz-9\n".to_owned(),
            ),
            ("boot/vmlinuz-9", String::new()),
            ("boot/vmlinuz-10", String::new()),
            // What /boot is on is not told otherwise.
            (
                "proc/self/mountinfo",
                "30 22 8:1 / /boot rw - ext4 /dev/sda1 rw\n".to_owned(),
            ),
        ]
        .map(|(path, text)| (path, text.into_bytes()))
        .into_iter()
        .chain([
            ("boot/EFI/Linux/u-7.1.efi", unified()),
            ("boot/EFI/Linux/u-7.2.efi", unified()),
            // GRUB makes no entry of what holds no kernel.
            ("boot/EFI/Linux/u-7.3.efi", minimal_image()),
        ]) {
            let is_signed = signed.iter().any(|name| path.ends_with(name));
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            if is_signed {
                fs::write(signature_path(&path), signature(&keys[0], &text)).unwrap();
            }
            fs::write(path, text).unwrap();
        }
        let entry = default_entry(&context, &context.path("/boot/grub/grub.cfg"), keys);
        let entry = entry.unwrap().unwrap();
        let [file] = entry.files.as_slice() else {
            panic!("{entry:?}")
        };
        assert!(file.path.as_deref().is_some_and(Path::is_file), "{file:?}");
        entry
    }

    /// An image with the sections of a unified one.
    fn unified() -> Vec<u8> {
        let mut image = minimal_image();
        for (name, wanted) in [(b".text\0\0\0", b".linux\0\0"), (b".sbat\0\0\0", b".osrel\0\0")] {
            let place = image.windows(8).position(|window| window == name).unwrap();
            image[place..place + 8].copy_from_slice(wanted);
        }
        image
    }

    fn signature(key: &GrubKey, text: &[u8]) -> Vec<u8> {
        let unsigned = UnsignedSignature::detached(key, text, 1).unwrap();
        let raw = DB.signer.sign(unsigned.to_be_signed()).unwrap();
        unsigned.finish(&raw).unwrap()
    }

    #[test]
    fn what_a_grub_with_keys_does_not_open_makes_no_entry() {
        let key = GrubKey::new(DB.signer.public_key(), 1).unwrap();
        let all = ["grub.cfg", "x-6.9.1.conf", "x-6.10.2.conf"];
        assert_eq!(started("blscfg\n", std::slice::from_ref(&key), &all), "Ten");
        assert_eq!(started("blscfg\n", std::slice::from_ref(&key), &all[..2]), "Nine");
        assert_eq!(started("blscfg\n", &[], &[]), "Ten");
        let images = ["grub.cfg", "u-7.1.efi"];
        assert_eq!(started("uki\n", std::slice::from_ref(&key), &images), "u-7.1.efi");
        assert_eq!(started("uki\n", &[], &[]), "u-7.2.efi");
    }

    /// GRUB stops at the first file that it cannot use, and nobody knows which it comes to first.
    #[test]
    fn a_file_that_makes_no_entry_is_a_doubt_about_those_beside_it() {
        let key = [GrubKey::new(DB.signer.public_key(), 1).unwrap()];
        let signed = ["grub.cfg", "x-6.9.1.conf", "x-6.10.2.conf", "x-6.2.conf"];
        let stop = |menu: &str, keys: &[GrubKey], signed: &[&str]| {
            let stop = entry(menu, keys, signed).may_stop_at?;
            Some(stop.file_name()?.to_string_lossy().into_owned())
        };
        assert_eq!(stop("blscfg\n", &key, &signed), None);
        assert_eq!(stop("blscfg\n", &key, &signed[..3]).as_deref(), Some("x-6.2.conf"));
        let images = ["grub.cfg", "u-7.1.efi", "u-7.3.efi"];
        assert_eq!(stop("uki\n", &key, &images).as_deref(), Some("u-7.2.efi"));
        assert_eq!(stop("uki\n", &[], &[]).as_deref(), Some("u-7.3.efi"));
        // What comes from elsewhere does not suffer, nor what a configuration runs by its name.
        assert_eq!(stop("blscfg\nuki\n", &key, &signed), None);
        let more = ["grub.cfg", "more.cfg"];
        assert_eq!(stop("source $prefix/more.cfg\nblscfg\n", &key, &more), None);
    }

    #[test]
    fn options_choose_among_the_files_of_a_directory() {
        for (menu, title) in [
            ("uki -e u-7.1.efi\n", "u-7.1.efi"),
            ("set default=u-7.1.efi\nuki --show-default\n", "u-7.1.efi"),
            ("set default=1\nuki -d\n", "u-7.1.efi"),
            ("set default=0\nuki -n\n", "u-7.1.efi"),
            ("set default=1\nuki -d\nuki -n\n", "u-7.2.efi"),
            ("blscfg -e x-6.9.1.conf\n", "Nine"),
            (
                "set default=Nine\nblscfg -d\nmenuentry Own {\n linux /vmlinuz-9\n}\n",
                "Nine",
            ),
            ("set default=0\nblscfg -n\nuki\n", "Nine"),
            // Nothing is there, and then the usual directory.
            ("blscfg -p /none -f\n", "Ten"),
            ("blscfg -fp /none\n", "Ten"),
        ] {
            assert_eq!(started(menu, &[], &[]), title, "{menu}");
        }
    }

    #[test]
    fn entries_of_the_specification_stand_where_the_menu_makes_them_and_the_newest_first() {
        let own = "menuentry Own {\n linux /vmlinuz-9\n}\n";
        for (menu, title) in [
            ("blscfg\n".to_owned(), "Ten"),
            (format!("set default=1\nblscfg\n{own}"), "Nine"),
            (format!("set default=3\nblscfg\n{own}"), "Own"),
            (format!("{own}blscfg\n"), "Own"),
            (format!("set default=1\n{own}blscfg\n"), "Ten"),
            ("set default=x-6.2\nblscfg\n".to_owned(), "Two"),
            (format!("source $prefix/more.cfg\nblscfg\n{own}"), "More"),
            (format!("set default=2\nsource $prefix/more.cfg\nblscfg\n{own}"), "Nine"),
            // Nobody chooses what would make more.
            (
                "menuentry Choose {\n configfile $prefix/more.cfg\n}\nset default=1\nblscfg\n".to_owned(),
                "Ten",
            ),
        ] {
            assert_eq!(started(&menu, &[], &[]), title, "{menu}");
        }
    }
}
