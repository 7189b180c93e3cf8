//! The way from the loader to the kernel.

use std::io::BufReader;
use std::path::{Path as FilePath, PathBuf};

use crate::disk::{BOOT, EfiPartition, ExtendedBoot, GRUB_CONFIGURATION, fat_partitions, make_menu, reinstall_image};
use crate::enroll::{BootFile, LoaderKind, NextEntry, systemd_boot_choice};
use crate::error::{Explain, Result};
use crate::finding::{Finding, Level, Outcome};
use crate::formats::firmware::authenticode::Image;
use crate::formats::grub::openpgp::GrubKey;
use crate::formats::text::{Shown, printable};
use crate::grub::{KEPT_MENU, UNRESTRICT};
use crate::sign::grub::{existing_signature, idle_menu};
use crate::system;
use crate::trust::{OpenedImage, grub};

use super::grub::Grub;
use super::kernel;
use super::remedy::{missing, sign_for_grub};
use super::scene::{NEXT_START_FAILS, NEXT_START_FALLS_BACK, Scene};

/// Names of GRUB's image beside shim.
const BESIDE_SHIM: [&str; 3] = ["grubx64.efi", "grubaa64.efi", "grubia32.efi"];

/// A walk, and what it saw.
pub(super) struct Path<'a> {
    pub(super) scene: Scene<'a>,
    /// True if the firmware is known to start the loader.
    is_known: bool,
    /// True if GRUB is taken to read the menu that is kept in place of its own.
    takes_kept: bool,
    /// The menu whose kept copy was read in its place, and has an entry that is known.
    pub(super) former: Option<FormerMenu>,
    pub(super) outcome: Outcome,
}

/// A menu, whose kept copy GRUB would go by.
#[derive(Debug, Clone)]
pub struct FormerMenu {
    /// The menu in use.
    pub menu: PathBuf,
    /// The keys by which its GRUB judges files; none if it looks at no signature.
    pub keys: Vec<GrubKey>,
}

impl<'a> Path<'a> {
    pub(super) fn new(scene: Scene<'a>) -> Self {
        Self {
            scene,
            is_known: false,
            takes_kept: false,
            former: None,
            outcome: Outcome::default(),
        }
    }

    /// A walk in which GRUB reads the menu that is kept in place of its own.
    pub(super) fn by_kept_menu(scene: Scene<'a>) -> Self {
        Self {
            takes_kept: true,
            ..Self::new(scene)
        }
    }

    pub(super) fn walk(&mut self, loader: Option<&BootFile>) {
        let found = loader.and_then(|loader| Some((loader.file()?, loader.command_line())));
        self.is_known = found.is_some();
        let elsewhere = loader.filter(|loader| loader.is_elsewhere());
        // GRUB's menu may well be on what is mounted.
        let has_menu = |loader: &&BootFile| {
            loader.kind == Some(LoaderKind::Grub) && !NextEntry::menus(self.scene.context, None).is_empty()
        };
        if let Some(loader) = elsewhere.filter(|loader| !has_menu(loader)) {
            let text = format!(
                "{}: the next start begins on a partition that is not mounted, and what it goes on with was not looked at (mount it, \
                 for reading only, and ask again)",
                loader.path
            );
            self.outcome.not_run.push(text);
        }
        let walked = match found {
            Some((loader, command_line)) => self.walk_from(loader, command_line),
            None => self.walk_configurations(elsewhere.is_some()),
        };
        if let Err(error) = walked {
            self.outcome.not_run.push(printable(&error.in_one_line()));
        }
    }

    fn walk_from(&mut self, loader: &FilePath, command_line: &str) -> Result<()> {
        let partitions = fat_partitions(self.scene.context)?;
        let esp = partitions.iter().find(|esp| loader.starts_with(&esp.directory));
        let file = OpenedImage::open(loader)?;
        match LoaderKind::recognise(&file) {
            LoaderKind::Kernel if is_unified(&file) => self.entry(&NextEntry::unified(loader), &[]),
            LoaderKind::Kernel => self.entry(&NextEntry::kernel_of_firmware(loader, esp, command_line), &[]),
            LoaderKind::Grub => match self.own_grub(loader, file.start())? {
                Some(grub) => self.walk_grub(esp, &grub),
                None => Ok(()),
            },
            LoaderKind::SystemdBoot => match esp {
                Some(esp) => self.walk_systemd_boot(esp, &partitions),
                None => Ok(()),
            },
            LoaderKind::Other => {
                let text = format!("{} is a loader of which nothing is known", loader.shown());
                self.outcome.evidence.push(text);
                Ok(())
            }
        }
    }

    /// Looks at nothing but the keys of this loader, if it is GRUB.
    pub(super) fn check_keys(&mut self, loader: &FilePath) -> Result<()> {
        let file = OpenedImage::open(loader)?;
        if LoaderKind::recognise(&file) == LoaderKind::Grub {
            self.own_grub(loader, file.start())?;
        }
        Ok(())
    }

    /// The GRUB that starts; none if it knows none of our keys, which is told.
    fn own_grub(&mut self, loader: &FilePath, bytes: &[u8]) -> Result<Option<Grub>> {
        let grub = self.grub(loader, bytes)?;
        let known = &self.scene.anchors.grub;
        let is_ours = |key: &GrubKey| known.iter().any(|own| own.fingerprint() == key.fingerprint());
        if !grub.keys.is_empty() && !known.is_empty() && !grub.keys.iter().any(is_ours) {
            let keys: Vec<String> = grub.keys.iter().map(GrubKey::fingerprint).collect();
            let text = format!(
                "{}: this GRUB opens what OpenPGP key {} signs, and not what yours does",
                loader.shown(),
                keys.join(" or ")
            );
            self.fails(loader, text, ["bootseal grub install".to_owned()]);
            return Ok(None);
        }
        Ok(Some(grub))
    }

    /// Walks what is there, where the loader is not known. A menu with a signature is taken for that of a GRUB of ours. A loader that is
    /// `elsewhere`, on a partition that is not mounted, reads none of systemd-boot's entries that are here.
    fn walk_configurations(&mut self, elsewhere: bool) -> Result<()> {
        let context = self.scene.context;
        let mut others = Vec::new();
        let partitions = fat_partitions(context)?;
        for esp in &partitions {
            if systemd_boot_choice(context, esp, &ExtendedBoot::None)?.is_some() {
                others.push(esp);
            }
        }
        if let Some(menu) = NextEntry::menus(context, None).first() {
            if !others.is_empty() {
                let text =
                    "which loader the firmware starts is not known: there are GRUB's menu and systemd-boot's entries";
                self.outcome.not_run.push(text.to_owned());
                return Ok(());
            }
            let mut grub = Grub::default();
            if existing_signature(menu)?.is_some() {
                grub.keys.clone_from(&self.scene.anchors.grub);
                grub.falls_back = true;
            }
            return self.walk_grub(None, &grub);
        }
        if elsewhere {
            return Ok(());
        }
        if let [first, second, ..] = others.as_slice() {
            let (first, second) = (first.directory.shown(), second.directory.shown());
            let text = format!(
                "which loader the firmware starts is not known: systemd-boot has entries on {first} and on {second}"
            );
            self.outcome.not_run.push(text);
        }
        others
            .first()
            .map_or(Ok(()), |esp| self.walk_systemd_boot(esp, &partitions))
    }

    /// The GRUB that starts: this one, or the one that this shim starts.
    fn grub(&mut self, loader: &FilePath, bytes: &[u8]) -> Result<Grub> {
        let is_shim = Image::parse(bytes).is_ok_and(|image| image.section(".vendor_cert").is_some());
        if !is_shim {
            return Grub::read(self.scene, loader, bytes);
        }
        let mut names = BESIDE_SHIM.iter().map(|name| loader.with_file_name(name));
        if let Some(path) = names.find(|path| path.is_file()) {
            return Grub::read(self.scene, &path, &system::read(&path)?);
        }
        let text = format!("{}: there is no GRUB beside this shim", loader.shown());
        self.fails(loader, text, ["bootseal grub install".to_owned()]);
        Ok(Grub::default())
    }

    fn walk_grub(&mut self, esp: Option<&EfiPartition>, grub: &Grub) -> Result<()> {
        let context = self.scene.context;
        let menus = grub.menus(context, esp, &mut self.outcome)?;
        let Some(first) = menus.first() else {
            let menu = context.path(BOOT).join("grub").join(GRUB_CONFIGURATION);
            let text = format!(
                "{}: there is no menu of GRUB, which would end at its prompt",
                menu.shown()
            );
            let sign = "bootseal sign all".to_owned();
            self.fails(&menu, text, [make_menu(context, &menu), sign]);
            return Ok(());
        };
        let mut entry = None;
        for menu in &menus {
            entry = NextEntry::of_menu(context, menu, &grub.keys)?;
            if entry.is_some() {
                break;
            }
        }
        let menu = entry.as_ref().and_then(|entry| entry.menu.as_deref()).unwrap_or(first);
        if menu != first {
            let (first, menu) = (first.shown(), menu.shown());
            let text = format!("which menu this GRUB reads is not known: {first}, whose entry is not known, or {menu}");
            self.outcome.not_run.push(text);
        }
        let kept = menu.with_file_name(KEPT_MENU);
        if self.takes_kept && kept.is_file() {
            self.former = Some(FormerMenu {
                menu: menu.to_path_buf(),
                keys: grub.keys.clone(),
            });
            return self.walk_kept(&kept, grub);
        }
        let refusal = if grub.keys.is_empty() {
            None
        } else {
            refusal(menu, &grub.keys)?
        };
        let Some(refusal) = refusal else {
            return match entry {
                Some(entry) => self.grub_entry(&entry, grub),
                None => self.nothing_known(menu),
            };
        };
        let text = format!("{}: GRUB refuses it: {refusal}", menu.shown());
        let remedy = sign_for_grub(menu);
        let is_kept = grub.falls_back && kept.is_file() && self::refusal(&kept, &grub.keys)?.is_none();
        if !is_kept {
            self.fails(menu, text, [remedy]);
            return Ok(());
        }
        let text = format!("{text}; it reads {}, the last one that was signed", kept.shown());
        let finding = Finding::new(NEXT_START_FALLS_BACK, menu.shown(), text);
        self.outcome.findings.push(finding.remedy(remedy));
        self.walk_kept(&kept, grub)
    }

    /// Walks the last menu that was signed.
    fn walk_kept(&mut self, kept: &FilePath, grub: &Grub) -> Result<()> {
        if let Some(entry) = NextEntry::of_menu(self.scene.context, kept, &grub.keys)? {
            return self.grub_entry(&entry, grub);
        }
        self.former = None;
        self.nothing_known(kept)
    }

    fn grub_entry(&mut self, entry: &NextEntry, grub: &Grub) -> Result<()> {
        let superusers = grub.superusers.and(entry.superusers);
        if entry.is_locked && superusers.are_set {
            let (level, consequence) = if superusers.have_password && !grub.asks_nobody {
                (Level::Warning, "and waits for somebody who types it")
            } else {
                (Level::Error, "and nobody has one")
            };
            let text = format!(
                "{}: GRUB asks for a superuser's password first, {consequence}",
                printable(&entry.source)
            );
            let finding = Finding::new(NEXT_START_FAILS, &entry.source, text).at(level);
            self.outcome.findings.push(finding.remedy(UNRESTRICT));
        }
        if let Some(stop) = &entry.may_stop_at {
            let text = format!(
                "{}: GRUB may not get to it, nor know its number: it stops at the first file of a directory of which it makes no entry, \
                 as {} (sign it, if it is yours and an entry; else move it to another directory)",
                printable(&entry.source),
                stop.shown()
            );
            self.outcome.not_run.push(text);
        }
        match &entry.menu {
            // Such as one that leads to the firmware's setup.
            Some(menu) if entry.files.is_empty() => self.nothing_known(menu),
            _ => self.entry(entry, &grub.keys),
        }
    }

    /// A menu whose entries cannot be told, or that has none.
    fn nothing_known(&mut self, menu: &FilePath) -> Result<()> {
        let directory = menu.parent().unwrap_or(menu);
        if let Some(idle) = idle_menu(self.scene.context, directory)? {
            let text = format!("{}: {}", menu.shown(), idle.text);
            // Nobody may start by a menu that never had an entry.
            let level = if self.is_known { Level::Error } else { Level::Warning };
            let finding = Finding::new(NEXT_START_FAILS, menu.shown(), text).at(level);
            self.outcome.findings.push(finding.remedies(idle.remedies));
        } else {
            let text = format!("{}: what it starts by itself cannot be told", menu.shown());
            self.outcome.not_run.push(text);
        }
        Ok(())
    }

    /// Judges the files of an entry. GRUB asks for a signature by one of `keys` beside each, unless there is no key.
    pub(super) fn entry(&mut self, entry: &NextEntry, keys: &[GrubKey]) -> Result<()> {
        let source = printable(&entry.source);
        let mut is_whole = true;
        // A kernel that is not what its maker built says nothing of its keys.
        let mut is_refused = false;
        for file in &entry.files {
            let Some(path) = &file.path else {
                let name = printable(&file.name);
                let text = format!("{source}: {} {name}: there is no such file", file.command);
                self.fails(file.name.as_ref(), text, missing(self.scene.context, entry, file));
                is_whole = false;
                continue;
            };
            let refusal = if keys.is_empty() { None } else { refusal(path, keys)? };
            if let Some(refusal) = refusal {
                let text = format!("{}: GRUB refuses it: {refusal}", path.shown());
                // A signature does not mend it.
                is_refused |= !file.is_initramfs();
                let remedy = if !file.is_initramfs() && is_damaged_image(path)? {
                    reinstall_image(self.scene.context, path)
                } else {
                    sign_for_grub(path)
                };
                self.fails(path, text, [remedy]);
                is_whole = false;
            }
        }
        let Some(image) = entry.kernel().and_then(|kernel| kernel.path.as_deref()) else {
            return Ok(());
        };
        let initramfs: Vec<&FilePath> = entry
            .files
            .iter()
            .filter(|file| file.is_initramfs())
            .filter_map(|file| file.path.as_deref())
            .collect();
        if is_whole {
            self.outcome.evidence.push(format!("{source} starts {}", image.shown()));
        }
        let loaded = kernel::Loaded {
            image,
            initramfs: &initramfs,
            is_signed: !keys.is_empty(),
            is_refused,
        };
        kernel::judge(self.scene, loaded, &mut self.outcome)
    }

    pub(super) fn fails(&mut self, subject: &FilePath, text: String, remedies: impl IntoIterator<Item = String>) {
        let finding = Finding::new(NEXT_START_FAILS, subject.shown(), text);
        self.outcome.findings.push(finding.remedies(remedies));
    }
}

/// The reason why GRUB with these keys does not open a file.
fn refusal(path: &FilePath, keys: &[GrubKey]) -> Result<Option<grub::Refusal>> {
    let (file, _) = system::open(path)?;
    let signature = existing_signature(path)?;
    Ok(grub::judge_read(&mut BufReader::new(file), signature.as_deref(), keys).err())
}

/// True if this begins as an EFI program does, and is none, or was changed after it was signed for firmware.
fn is_damaged_image(path: &FilePath) -> Result<bool> {
    let file = OpenedImage::open(path)?;
    let read = file
        .image(&[])
        .or_could_not_run(|| format!("cannot read {}", path.shown()))?;
    let Ok(image) = read else {
        return Ok(file.start().starts_with(b"MZ"));
    };
    let mut signatures = image.signatures().iter().filter_map(|entry| entry.signature().ok());
    Ok(signatures.any(|signature| signature.verify_integrity(&image).is_err()))
}

/// True if this image brings its command line and initramfs with it.
fn is_unified(file: &OpenedImage) -> bool {
    let sections = file.sections().unwrap_or_default();
    sections.iter().any(|section| section.name == kernel::LINUX)
}
