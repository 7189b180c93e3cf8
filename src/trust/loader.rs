//! Boot loaders, kernels and shells, recognised by the content of an EFI image.

use crate::formats::bytes::{Reader, index};
use crate::formats::crypto::certificate::Certificate;
use crate::formats::firmware::authenticode::Image;
use crate::formats::firmware::sbat::Sbat;
use crate::formats::firmware::signature_list::SignatureDatabase;
use crate::formats::grub::core_image::{CoreImage, CoreImageError};
use crate::formats::kernel::compression::Compression;

use super::anchors::Anchors;
use super::grub_image;

/// The script that every UEFI shell runs at its start, which no other loader names.
const SHELL_SCRIPT: &str = "startup.nsh";
/// Offset and bytes of the mark in the headers of a Linux kernel for x86 (Documentation/arch/x86/boot.rst).
const X86_KERNEL: (usize, &[u8]) = (0x202, b"HdrS");
/// Offsets and bytes of the marks for `AArch64` and RISC-V (Documentation/arch/arm64/booting.rst,
/// riscv/boot-image-header.rst).
const OTHER_KERNELS: [(usize, &[u8]); 2] = [(0x38, b"ARM\x64"), (0x38, b"RSC\x05")];

/// The program in an EFI image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Loader {
    /// shim, which starts images that are signed by its vendor's certificate or by its owner's keys.
    Shim {
        /// The vendor that its SBAT names.
        vendor: Option<String>,
        /// Common names of the certificates that it brings along.
        certificates: Vec<String>,
    },
    /// GRUB, and whether it opens only what our key signed.
    Grub(Result<String, String>),
    /// A UEFI shell, with which whoever sits there does anything.
    Shell,
    /// A unified kernel image.
    UnifiedKernel,
    /// A Linux kernel.
    Kernel,
    /// Anything else.
    Other,
}

impl Loader {
    /// Recognises an image.
    #[must_use]
    pub fn recognise(image: &Image<'_>, file: &[u8], anchors: &Anchors) -> Self {
        match CoreImage::parse(image) {
            Ok(None) => {}
            Ok(Some(core)) => {
                return Self::Grub(grub_image::judge(&core, &anchors.grub, anchors.with_shim).verdict());
            }
            Err(error) => return Self::Grub(Err(broken(&error))),
        }
        if let Some(section) = image.section(".vendor_cert") {
            return Self::Shim {
                vendor: image.section(".sbat").and_then(vendor),
                certificates: vendors_certificates(section),
            };
        }
        if image.section(".linux").is_some() {
            return Self::UnifiedKernel;
        }
        if is_kernel(file) {
            return Self::Kernel;
        }
        let script: Vec<u8> = SHELL_SCRIPT.encode_utf16().flat_map(u16::to_le_bytes).collect();
        if file.windows(script.len()).any(|window| window == script) {
            return Self::Shell;
        }
        Self::Other
    }
}

/// True if a file is a Linux kernel that firmware or a boot loader starts, signed or not.
#[must_use]
pub fn is_kernel(file: &[u8]) -> bool {
    let has = |(offset, magic): (usize, &[u8])| file.get(offset..).is_some_and(|rest| rest.starts_with(magic));
    has(X86_KERNEL) || OTHER_KERNELS.into_iter().any(has)
}

/// Bytes at the start of a kernel in which it is recognised.
const HEADERS: usize = 0x1000;

/// True if a file holds a kernel and is no image itself, which a loader has to unpack: `Image.gz` of `AArch64`.
#[must_use]
pub fn is_packed_kernel(file: &[u8]) -> bool {
    let compression = Compression::from_magic(file);
    compression != Compression::None && is_kernel(&compression.unpack_start(file, HEADERS))
}

/// The version of a kernel for x86, as `uname -r` says it. Its headers point to a text that begins with it (protocol
/// 2.00, `kernel_version`); those of other machines do not tell.
#[must_use]
pub fn kernel_release(file: &[u8]) -> Option<String> {
    const POINTER: usize = 0x20e;
    const BASE: usize = 0x200;
    let (offset, magic) = X86_KERNEL;
    file.get(offset..)?.strip_prefix(magic)?;
    let pointer = file.get(POINTER..)?.first_chunk()?;
    let text = file.get(BASE.checked_add(usize::from(u16::from_le_bytes(*pointer)))?..)?;
    let end = text.iter().position(|byte| *byte == b' ' || *byte == 0)?;
    let release = std::str::from_utf8(text.get(..end)?).ok()?;
    (!release.is_empty()).then(|| release.to_owned())
}

fn broken(error: &CoreImageError) -> String {
    format!("is broken: {error}")
}

/// The vendor of a shim, by the component of its SBAT that is the vendor's own.
fn vendor(section: &[u8]) -> Option<String> {
    let sbat = Sbat::parse(section).ok()?;
    let mut components = sbat.components().iter();
    let own = components.find(|component| component.name.starts_with("shim."));
    own.map(|component| component.vendor.clone())
}

/// The certificates that shim's `.vendor_cert` allows. It holds sizes and offsets of two parts, and then both: what is
/// allowed, one certificate or signature lists, and what is forbidden.
fn vendors_certificates(section: &[u8]) -> Vec<String> {
    let allowed = || {
        let mut reader = Reader::new(section);
        let size = index(reader.u32("vendor_authorized_size").ok()?);
        reader.u32("vendor_deauthorized_size").ok()?;
        let start = index(reader.u32("vendor_authorized_offset").ok()?);
        section.get(start..start.checked_add(size)?)
    };
    let allowed = allowed().unwrap_or_default();
    let name = |der: &[u8]| {
        Certificate::from_der(der)
            .ok()
            .map(|certificate| certificate.common_name())
    };
    if let Some(name) = name(allowed) {
        return vec![name];
    }
    match SignatureDatabase::parse(allowed) {
        Ok(lists) => lists.certificates().filter_map(|(_, der)| name(der)).collect(),
        Err(error) => vec![format!("certificates that cannot be read ({error})")],
    }
}
