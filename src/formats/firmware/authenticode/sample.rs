//! A minimal EFI application, for demonstrations and tests.

use super::checksum::checksum;

/// Size of the headers and of each section in the file, in bytes (`FileAlignment`).
const FILE_ALIGNMENT: u16 = 0x200;
/// Distance of the sections in memory, in bytes (`SectionAlignment`).
const SECTION_ALIGNMENT: u32 = 0x1000;
/// Offset of `e_lfanew`, the last field of the DOS header.
const E_LFANEW: usize = 60;
/// Offset of the PE signature: right after the DOS header.
const PE_HEADER: u32 = 64;
/// Offset of `CheckSum`.
const CHECKSUM: usize = 64 + 24 + 64;

/// `xor eax, eax; ret`: returns `EFI_SUCCESS`.
const CODE: &[u8] = b"\x31\xc0\xc3";
/// One base relocation block without relocations: page 0x1000, size 12, two entries of padding.
const RELOCATIONS: &[u8] = b"\0\x10\0\0\x0c\0\0\0\0\0\0\0";
const SBAT: &[u8] = b"sbat,1,SBAT Version,sbat,1,https://github.com/rhboot/shim/blob/main/SBAT.md\n\
    bootseal.sample,1,bootseal,sample,1,https://github.com/bootseal/bootseal\n";

/// Name, data and `Characteristics` of the sections.
const SECTIONS: [(&[u8; 8], &[u8], u32); 3] = [
    (b".text\0\0\0", CODE, 0x6000_0020),
    (b".reloc\0\0", RELOCATIONS, 0x4200_0040),
    (b".sbat\0\0\0", SBAT, 0x4000_0040),
];

/// An unsigned EFI application for x86-64 of 2 KiB that returns `EFI_SUCCESS`: PE32+, with `.text`, `.reloc` and `.sbat`
/// sections that follow the headers without a gap, and a right `CheckSum`.
#[must_use]
pub fn minimal_image() -> Vec<u8> {
    let mut image = b"MZ".to_vec();
    image.resize(E_LFANEW, 0);
    push(&mut image, &[PE_HEADER]);
    image.extend_from_slice(b"PE\0\0");
    coff_header(&mut image);
    optional_header(&mut image);
    let places = (1..).zip(SECTIONS);
    for (number, (name, data, characteristics)) in places {
        image.extend_from_slice(name);
        let address = SECTION_ALIGNMENT.saturating_mul(number);
        let offset = u32::from(FILE_ALIGNMENT).saturating_mul(number);
        let size = u32::try_from(data.len()).unwrap_or(0);
        push(
            &mut image,
            &[size, address, FILE_ALIGNMENT.into(), offset, 0, 0, 0, characteristics],
        );
    }
    for (_, data, _) in SECTIONS {
        pad(&mut image);
        image.extend_from_slice(data);
    }
    pad(&mut image);
    let sum = checksum(&[&image], CHECKSUM).to_le_bytes();
    for (byte, value) in image.iter_mut().skip(CHECKSUM).zip(sum) {
        *byte = value;
    }
    image
}

/// Machine x86-64, three sections, an executable image that can handle large addresses.
fn coff_header(image: &mut Vec<u8>) {
    image.extend_from_slice(b"\x64\x86\x03\0");
    push(image, &[0, 0, 0]);
    image.extend_from_slice(b"\xf0\0\x22\0");
}

fn optional_header(image: &mut Vec<u8>) {
    let page = SECTION_ALIGNMENT;
    let file = u32::from(FILE_ALIGNMENT);
    image.extend_from_slice(b"\x0b\x02\0\0");
    // SizeOfCode, SizeOfInitializedData, SizeOfUninitializedData, AddressOfEntryPoint, BaseOfCode, ImageBase.
    push(image, &[file, file.saturating_mul(2), 0, page, page, 0, 0, page, file]);
    // Versions, Win32VersionValue, SizeOfImage, SizeOfHeaders, CheckSum.
    push(image, &[0, 0, 0, 0, page.saturating_mul(4), file, 0]);
    // Subsystem: EFI application. DllCharacteristics: runs with pages that are not executable.
    image.extend_from_slice(b"\x0a\0\0\x01");
    // Stack and heap sizes, LoaderFlags, NumberOfRvaAndSizes.
    push(image, &[0, 0, 0, 0, 0, 0, 0, 0, 0, 16]);
    // The data directories: only the base relocations.
    push(image, &[0; 10]);
    let relocations = u32::try_from(RELOCATIONS.len()).unwrap_or(0);
    push(image, &[page.saturating_mul(2), relocations]);
    push(image, &[0; 20]);
}

fn push(image: &mut Vec<u8>, numbers: &[u32]) {
    image.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
}

fn pad(image: &mut Vec<u8>) {
    image.resize(image.len().next_multiple_of(FILE_ALIGNMENT.into()), 0);
}

#[cfg(test)]
mod tests {
    use super::super::Image;
    use super::*;

    #[test]
    fn the_sample_is_a_sound_image() {
        let file = minimal_image();
        let image = Image::parse(&file).unwrap();
        assert_eq!(image.layout_problems(), []);
        assert_eq!((image.machine(), file.len()), (0x8664, 2048));
        assert_eq!(image.stated_checksum(), image.checksum());
        assert_eq!(image.section(".sbat"), Some(SBAT));
        assert!(image.signatures().is_empty());
    }
}
