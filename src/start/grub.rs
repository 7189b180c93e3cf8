//! GRUB as a reader of files: what its image says of its keys and its menu.

use std::path::{Path, PathBuf};

use crate::disk::{EfiPartition, GRUB_CONFIGURATION, GrubPaths};
use crate::enroll::NextEntry;
use crate::error::{Error, Result};
use crate::finding::Outcome;
use crate::formats::firmware::authenticode::Image;
use crate::formats::grub::core_image::{CoreImage, Switch};
use crate::formats::grub::openpgp::GrubKey;
use crate::formats::grub::script::Script;
use crate::formats::grub::superusers::Superusers;
use crate::formats::text::{Shown, printable};
use crate::grub::KEPT_MENU;
use crate::system::{self, Context};
use crate::trust::grub_image;

use super::scene::Scene;

/// The beginning of the line by which an image of ours finds its menu.
const SET_DIRECTORY: &str = "set prefix=($root)";

/// GRUB as a reader of files.
#[derive(Default)]
pub(super) struct Grub {
    /// The keys by which it judges them; none if it looks at no signature.
    pub keys: Vec<GrubKey>,
    /// True if it reads the last menu that was signed where the present one is not.
    pub falls_back: bool,
    /// The directory of its menu, as its own script has it: from the root of a file system.
    pub directory: Option<String>,
    /// The superusers of its own script.
    pub superusers: Superusers,
    /// True if nobody gets a command line, and so is asked for a password.
    pub asks_nobody: bool,
}

impl Grub {
    /// The GRUB of an image.
    pub(super) fn read(scene: Scene<'_>, path: &Path, bytes: &[u8]) -> Result<Self> {
        let unreadable =
            |error: &dyn std::error::Error| Error::could_not_run(format!("cannot judge {}: {error}", path.shown()));
        let image = Image::parse(bytes).map_err(|error| unreadable(&error))?;
        let Some(core) = CoreImage::parse(&image).map_err(|error| unreadable(&error))? else {
            return Ok(Self::default());
        };
        let configuration = String::from_utf8_lossy(core.configuration.unwrap_or_default()).into_owned();
        let judged = grub_image::judge(&core, &[], scene.config.grub.shim);
        // One that enforces nothing is a finding of the audit; it starts what is there.
        Ok(Self {
            keys: judged.verdict().map(|_| judged.keys).unwrap_or_default(),
            falls_back: configuration.contains(KEPT_MENU),
            directory: configuration
                .lines()
                .find_map(|line| line.trim().strip_prefix(SET_DIRECTORY))
                .map(str::to_owned),
            superusers: Superusers::from_scripts([&Script::parse(&configuration)]),
            asks_nobody: core.cli_disabled == Switch::Set,
        })
    }

    /// The menus that this GRUB may read, the likeliest first: the one that its own script names, if that can be told.
    pub(super) fn menus(
        &self,
        context: &Context,
        esp: Option<&EfiPartition>,
        outcome: &mut Outcome,
    ) -> Result<Vec<PathBuf>> {
        let mut menus = NextEntry::menus(context, esp);
        let Some(directory) = &self.directory else {
            return Ok(menus);
        };
        let named = format!("{directory}/{GRUB_CONFIGURATION}");
        let below = GrubPaths::read(context)?.candidates(&named);
        // One at an unusual place, as `EFI/gentoo` on the EFI system partition.
        let at_place = below.iter().filter(|path| path.is_file()).cloned();
        for menu in esp.and_then(|esp| esp.find(&named)).into_iter().chain(at_place) {
            if !menus.contains(&menu) {
                menus.push(menu);
            }
        }
        let is_named = |menu: &&PathBuf| menu.ends_with(named.trim_start_matches('/')) || below.contains(menu);
        let of_image: Vec<PathBuf> = menus.iter().filter(is_named).cloned().collect();
        if of_image.is_empty() && !menus.is_empty() {
            let text = format!("the menu {} that this GRUB reads is not found here", printable(&named));
            outcome.not_run.push(text);
            return Ok(menus);
        }
        if let [first, others @ ..] = of_image.as_slice() {
            let bytes = system::read(first)?;
            for other in others {
                if system::read(other)? != bytes {
                    let (first, other) = (first.shown(), other.shown());
                    let text =
                        format!("which menu this GRUB reads is not known, on which file system: {first} or {other}");
                    outcome.not_run.push(text);
                }
            }
        }
        Ok(of_image)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// The menus of a GRUB with this directory in its image, below the root, and the number of doubts.
    fn menus(directory: Option<&str>, files: &[(&str, &str)]) -> (Vec<String>, usize) {
        let root = tempfile::tempdir().unwrap();
        let context = Context::host().with_root(root.path());
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let esp = root.path().join("efi");
        fs::create_dir_all(&esp).unwrap();
        let esp = EfiPartition::named(&esp).unwrap();
        let grub = Grub {
            directory: directory.map(str::to_owned),
            ..Grub::default()
        };
        let mut outcome = Outcome::default();
        let found = grub.menus(&context, Some(&esp), &mut outcome).unwrap();
        let below = |path: &PathBuf| path.strip_prefix(root.path()).unwrap().display().to_string();
        (found.iter().map(below).collect(), outcome.not_run.len())
    }

    #[test]
    fn the_menu_is_the_one_that_the_image_names_and_a_doubt_is_told() {
        let (ours, other) = ("boot/grub/grub.cfg", "boot/grub2/grub.cfg");
        let files = [(ours, "a"), (other, "b")];
        let of = |path: &str| (vec![path.to_owned()], 0);
        assert_eq!(menus(Some("/grub"), &files), of(ours));
        assert_eq!(menus(Some("/boot/grub2"), &files), of(other));
        // Of an image that says nothing all are looked at; one that names another place is a doubt.
        assert_eq!(menus(None, &files), (vec![ours.to_owned(), other.to_owned()], 0));
        assert_eq!(menus(Some("/elsewhere"), &files).1, 1);
        let unusual = "efi/EFI/gentoo/grub.cfg";
        assert_eq!(menus(Some("/EFI/gentoo"), &[(unusual, "a")]), of(unusual));
        let named = [
            ("etc/env.d/99grub", "GRUB_CFG=/efi/EFI/gentoo/grub.cfg\n"),
            (unusual, "a"),
        ];
        assert_eq!(menus(None, &named), of(unusual));
        // The same name on two file systems.
        let on_esp = "efi/grub/grub.cfg";
        let (found, doubts) = menus(Some("/grub"), &[(ours, "a"), (on_esp, "b")]);
        assert_eq!((found.len(), doubts), (2, 1), "{found:?}");
        assert_eq!(menus(Some("/grub"), &[(ours, "a"), (on_esp, "a")]).1, 0);
    }
}
