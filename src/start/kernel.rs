//! The kernel of the next start, and its initramfs.

use std::collections::BTreeSet;
use std::error::Error as _;
use std::io::{BufRead, BufReader};
use std::path::Path;

use crate::disk::{reinstall_image, reinstall_kernel};
use crate::error::{Explain, Result};
use crate::finding::{Finding, Outcome};
use crate::formats::firmware::authenticode::Section;
use crate::formats::kernel::compression::Packing;
use crate::formats::kernel::initramfs::InitramfsError;
use crate::formats::kernel::kernel_image::Embedded;
use crate::formats::text::{Shown, printable};
use crate::system;
use crate::trust::loader::kernel_release;
use crate::trust::{INITRAMFS, OpenedImage};

use super::modules::{Contents, Expected, KERNEL_REFUSES_OURS, Kernels, MODULE_REFUSED};
use super::remedy::{build_initramfs, sign_for_grub, sign_modules};
use super::scene::{MODULES_GONE, NEXT_START_FAILS, Scene};

/// The section of a unified image with its kernel.
pub(super) const LINUX: &str = ".linux";
/// The directory of modules, in which each kernel has one of its own.
const MODULES: &str = "/lib/modules";

/// An initramfs, or a part of one.
struct Part<'a> {
    name: String,
    content: Box<dyn BufRead + 'a>,
}

/// A kernel that starts, and the remedies for its initramfs.
struct Kernel<'a> {
    scene: Scene<'a>,
    image: &'a Path,
    /// As `uname -r` prints it; none if the image cannot be read.
    release: Option<String>,
    remedies: Vec<String>,
    /// True if the loader refuses the image.
    is_refused: bool,
}

/// The files that a loader reads for a kernel.
#[derive(Clone, Copy)]
pub(super) struct Loaded<'a> {
    /// The image, which may be a unified one.
    pub image: &'a Path,
    /// The initramfs images that the loader hands to it.
    pub initramfs: &'a [&'a Path],
    /// True if these are to be signed for GRUB.
    pub is_signed: bool,
    /// True if the loader refuses the image.
    pub is_refused: bool,
}

/// Judges a kernel by the files that a loader reads for it.
pub(super) fn judge(scene: Scene<'_>, loaded: Loaded<'_>, outcome: &mut Outcome) -> Result<()> {
    let Loaded {
        image,
        initramfs,
        is_signed,
        is_refused,
    } = loaded;
    let file = OpenedImage::open(image)?;
    let sections = file.sections().unwrap_or_default();
    let unified = sections.iter().find(|section| section.name == LINUX);
    let linux = unified.map_or(file.start(), Section::data);
    let release = match kernel_release(linux).map_or_else(|| Embedded::read(linux).map(|read| read.release), Ok) {
        Ok(release) => Some(release),
        Err(error) => {
            let text = format!("{}: which Linux it is cannot be told: {error}", image.shown());
            outcome.not_run.push(printable(&text));
            None
        }
    };
    let mut parts: Vec<Part<'_>> = Vec::new();
    let of_image = sections.iter().filter(|section| section.name == INITRAMFS);
    for section in of_image.filter(|_| unified.is_some()) {
        let content = file.section(section);
        let content = content.or_could_not_run(|| format!("cannot read {}", image.shown()))?;
        parts.push(Part {
            name: format!("{} {INITRAMFS}", image.shown()),
            content: Box::new(content),
        });
    }
    for path in initramfs {
        parts.push(Part {
            name: path.shown(),
            content: Box::new(BufReader::new(system::open(path)?.0)),
        });
    }
    let last = initramfs.last().filter(|_| unified.is_none());
    let remedies = match (last, &release) {
        (Some(last), Some(release)) => {
            let sign = is_signed.then(|| sign_for_grub(last));
            let build = build_initramfs(scene.context, last, release);
            std::iter::once(build).chain(sign).collect()
        }
        (None, Some(release)) => vec![reinstall_kernel(scene.context, release)],
        (_, None) => vec![reinstall_image(scene.context, image)],
    };
    let kernel = Kernel {
        scene,
        image,
        release,
        remedies,
        is_refused,
    };
    kernel.judge(parts, outcome);
    Ok(())
}

impl Kernel<'_> {
    fn judge(&self, parts: Vec<Part<'_>>, outcome: &mut Outcome) {
        let Scene {
            context,
            config,
            anchors,
        } = self.scene;
        let ours = &anchors.modules;
        let expect = |release: &String| Expected::read(context, config, release, Some(self.image), ours);
        let kernels = Kernels {
            known: self.release.iter().map(expect).collect(),
            other: Expected::ours(config, ours),
        };
        let (mut releases, mut entries) = (BTreeSet::new(), 0_usize);
        let last = parts.last().map(|part| part.name.clone());
        for Part { name, content } in parts {
            let name = &name;
            let mut judged = Outcome::default();
            let contents = Contents::read(name, content, &kernels, &mut judged);
            if let Some(error) = contents.error {
                return self.unread(name, &error, outcome);
            }
            entries = entries.saturating_add(contents.entries);
            releases.extend(contents.releases);
            self.packed(name, &contents.packed_by, &kernels, outcome);
            // What such a kernel takes shows once it is whole.
            if !(self.is_refused && kernels.known.iter().any(Expected::is_unknown)) {
                self.refused(name, &judged.findings, outcome);
            }
            outcome.not_run.extend(judged.not_run);
        }
        let Some(name) = &last else { return };
        if entries == 0 {
            self.fails(name, &format!("{name}: there is no file in it"), outcome);
        }
        if let Some(release) = &self.release {
            self.compare(name, release, &releases, outcome);
        }
    }

    /// Tells of an initramfs that this kernel is not built to unpack.
    fn packed(&self, name: &str, packed_by: &BTreeSet<Packing>, kernels: &Kernels, outcome: &mut Outcome) {
        let mut packings: Vec<Option<Packing>> = packed_by.iter().copied().map(Some).collect();
        if packings.is_empty() {
            packings.push(None);
        }
        for kernel in kernels.known.iter().filter_map(Expected::kernel) {
            let lacking = packings
                .iter()
                .find_map(|packing| Some((*packing, kernel.lacks_for_initramfs(*packing)?)));
            let Some((packing, symbol)) = lacking else { continue };
            let how = packing.map_or_else(String::new, |packing| {
                format!(", which is packed by {}", packing.name())
            });
            let text = format!(
                "{name}: Linux {} cannot unpack it{how}: CONFIG_{symbol} is not set",
                kernel.release
            );
            let mut others = Packing::ALL
                .into_iter()
                .filter(|other| kernel.lacks_for_initramfs(Some(*other)).is_none());
            let other = others.next().map(|other| {
                let name = other.name();
                format!("have it packed by {name} (dracut: compress={name}, in a file of /etc/dracut.conf.d), and build it anew")
            });
            let rebuild = format!("or build the kernel with CONFIG_{symbol}=y");
            let finding = Finding::new(NEXT_START_FAILS, printable(name), printable(&text));
            let build = other
                .into_iter()
                .flat_map(|other| std::iter::once(other).chain(self.remedies.clone()));
            outcome.findings.push(finding.remedies(build.chain([rebuild])));
        }
    }

    fn unread(&self, name: &str, error: &InitramfsError, outcome: &mut Outcome) {
        let cause = error.source().map_or_else(String::new, |cause| format!(": {cause}"));
        let text = format!("{name}: {error}{cause}");
        match error {
            InitramfsError::Unsupported { .. }
            | InitramfsError::TooLarge
            | InitramfsError::LargeFile(_)
            | InitramfsError::ManyNames
            | InitramfsError::ManyLinked => outcome.not_run.push(printable(&text)),
            _ => self.fails(name, &text, outcome),
        }
    }

    /// Tells of the modules that the kernel refuses. Which keys a kernel has that is not known, is not known either.
    fn refused(&self, name: &str, judged: &[Finding], outcome: &mut Outcome) {
        let Some(release) = &self.release else { return };
        let own = format!("/modules/{release}/");
        let refused = judged.iter().filter(|finding| is_refused(finding, &own));
        let refused: Vec<&Finding> = refused.collect();
        if let Some(first) = refused.first() {
            let others = match refused.len() {
                1 => String::new(),
                count => format!(", and {} more", count - 1),
            };
            let text = format!("Linux {release} refuses {}{others}", first.text);
            let finding = Finding::new(NEXT_START_FAILS, printable(name), printable(&text));
            let sign = sign_modules(self.scene.context, release);
            let remedies = std::iter::once(&sign).chain(&self.remedies);
            outcome.findings.push(finding.remedies(remedies));
        }
    }

    /// Compares the kernels whose modules are in the initramfs with this one.
    fn compare(&self, name: &str, release: &str, releases: &BTreeSet<String>, outcome: &mut Outcome) {
        let image = self.image.shown();
        if !releases.is_empty() && !releases.contains(release) {
            let others: Vec<&str> = releases.iter().map(String::as_str).collect();
            let others = others.join(" and ");
            let text = format!("{name}: it is for Linux {others}, and {image} is Linux {release}");
            self.fails(name, &text, outcome);
        } else if releases.contains(release) && !self.scene.context.path(MODULES).join(release).is_dir() {
            let text = format!("{image}: the modules of Linux {release} are gone: there is no {MODULES}/{release}");
            let finding = Finding::new(MODULES_GONE, &image, printable(&text));
            let remedy = reinstall_kernel(self.scene.context, release);
            outcome.findings.push(finding.remedy(remedy));
        }
    }

    fn fails(&self, subject: &str, text: &str, outcome: &mut Outcome) {
        let finding = Finding::new(NEXT_START_FAILS, printable(subject), printable(text));
        outcome.findings.push(finding.remedies(&self.remedies));
    }
}

/// True if the kernel itself refuses modules of its own directory: others it does not look for. A hash that is only not the
/// configured one does not keep them from loading.
fn is_refused(finding: &Finding, own: &str) -> bool {
    match finding.kind {
        KERNEL_REFUSES_OURS => true,
        MODULE_REFUSED => finding.subject.contains(own),
        _ => false,
    }
}
