//! Boot loaders, kernels and shells, recognised by the content of an EFI image.

use crate::formats::bytes::{Reader, index};
use crate::formats::crypto::certificate::Certificate;
use crate::formats::firmware::authenticode::Image;
use crate::formats::firmware::sbat::Sbat;
use crate::formats::firmware::signature_list::SignatureDatabase;
use crate::formats::grub::core_image::CoreImage;
use crate::formats::kernel::compression::Compression;
use crate::formats::kernel::kernel_image::Embedded;

use super::anchors::Anchors;
use super::grub_image;

/// The script that every UEFI shell runs at its start, which no other loader names.
const SHELL_SCRIPT: &str = "startup.nsh";
/// Offset and bytes of the mark in the headers of a Linux kernel for x86 (Documentation/arch/x86/boot.rst).
const X86_KERNEL: (usize, &[u8]) = (0x202, b"HdrS");
/// Offsets and bytes of the marks for `AArch64` and RISC-V (Documentation/arch/arm64/booting.rst,
/// riscv/boot-image-header.rst), of images that unpack themselves (zboot-header.S), of 32-bit ARM (arch/arm/boot/compressed/head.S),
/// and of any other machine with an EFI stub (include/linux/pe.h).
const OTHER_KERNELS: [(usize, &[u8]); 5] = [
    (0x38, b"ARM\x64"),
    (0x38, b"RSC\x05"),
    (4, b"zimg"),
    (0x24, b"\x18\x28\x6f\x01"),
    (0x38, b"\xcd\x23\x82\x81"),
];

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
    /// GRUB, by the section of its modules, in a form that is not known.
    UnknownGrub(String),
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
            Err(error) => return Self::UnknownGrub(error.to_string()),
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

/// The version of a kernel, as `uname -r` says it: of its header, or else of the kernel in it. None if it is no kernel, or one that
/// is not understood.
#[must_use]
pub fn kernel_release(file: &[u8]) -> Option<String> {
    x86_release(file).or_else(|| {
        let may_be = is_kernel(file) || Compression::from_magic(file) != Compression::None;
        may_be
            .then(|| Embedded::read(file).ok())
            .flatten()
            .map(|kernel| kernel.release)
    })
}

/// The version of a kernel for x86. Its headers point to a text that begins with it (protocol 2.00, `kernel_version`).
fn x86_release(file: &[u8]) -> Option<String> {
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

/// True if a file is a Linux kernel for x86 that was built without an EFI stub, so that firmware takes it for no image.
#[must_use]
pub fn lacks_efi_stub(file: &[u8]) -> bool {
    let (offset, magic) = X86_KERNEL;
    !file.starts_with(b"MZ") && file.get(offset..).is_some_and(|rest| rest.starts_with(magic))
}

/// True if a file is a GRUB that opens what nobody signed, or may do so.
#[must_use]
pub fn is_open_grub(file: &[u8]) -> bool {
    let core = Image::parse(file).map(|image| CoreImage::parse(&image));
    matches!(core, Ok(Ok(Some(core))) if grub_image::judge(&core, &[], true).is_open())
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

#[cfg(test)]
mod tests {
    use super::*;

    /// An image of another machine's kernel, with its mark and its banner.
    fn kernel((offset, mark): (usize, &[u8])) -> Vec<u8> {
        let mut file = b"MZ".to_vec();
        file.resize(4096, 0);
        file[offset..offset + mark.len()].copy_from_slice(mark);
        file.extend(b"Linux version 6.12.58-gentoo (builder) #1 SMP\n\0");
        file
    }

    #[test]
    fn kernels_of_other_machines_tell_their_version() {
        for mark in &OTHER_KERNELS[..2] {
            let file = kernel(*mark);
            assert!(is_kernel(&file));
            assert_eq!(kernel_release(&file).as_deref(), Some("6.12.58-gentoo"));
            // Image.gz, which a loader unpacks.
            let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            std::io::Write::write_all(&mut packed, &file).unwrap();
            let packed = packed.finish().unwrap();
            assert!(is_packed_kernel(&packed));
            assert_eq!(kernel_release(&packed).as_deref(), Some("6.12.58-gentoo"));
        }
    }

    #[test]
    fn a_kernel_that_is_not_understood_is_one_all_the_same() {
        for mark in OTHER_KERNELS {
            let mut file = kernel(mark);
            file.truncate(4096);
            assert!(is_kernel(&file));
            assert_eq!(kernel_release(&file), None);
        }
        assert!(!is_kernel(b"MZ"));
    }

    #[test]
    fn a_kernel_without_an_efi_stub_is_told_from_one_with_it() {
        let mut file = kernel((0x202, b"HdrS"));
        assert!(!lacks_efi_stub(&file));
        file[..2].copy_from_slice(&[0xea, 5]);
        assert!(lacks_efi_stub(&file) && is_kernel(&file));
    }
}
