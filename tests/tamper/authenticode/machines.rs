//! Images of other machines and of the other format.

use bootseal::formats::crypto::hash::HashAlgorithm;
use bootseal::formats::firmware::authenticode::{Image, minimal_image};

use super::{
    MACHINE, NUMBER_OF_DIRECTORIES, OPTIONAL, SECTIONS, SIZE_OF_OPTIONAL_HEADER, holds, number, put, sample_with,
};
use crate::support::signer::TestKey;

#[test]
fn images_of_every_machine_work() {
    for machine in [0x014c_u16, 0x01c2, 0xaa64, 0x5064, 0x6264] {
        let file = sample_with(MACHINE, &machine.to_le_bytes());
        let signed = TestKey::shared().sign_image(&file);
        assert_eq!(Image::parse(&signed).unwrap().machine(), machine);
        assert!(holds(&signed));
    }
}

/// The sample as PE32: a 4-byte `BaseOfData` more, five fields of 4 bytes in place of 8.
fn pe32() -> Vec<u8> {
    let sample = minimal_image();
    let optional = &sample[OPTIONAL..SECTIONS];
    let mut narrow = optional[..24].to_vec();
    narrow.extend_from_slice(&[0; 8]);
    narrow.extend_from_slice(&optional[32..72]);
    narrow.extend_from_slice(&[0; 16]);
    narrow.extend_from_slice(&optional[104..]);
    narrow[..2].copy_from_slice(&[0x0b, 0x01]);
    let mut file = sample[..OPTIONAL].to_vec();
    put(&mut file, MACHINE, &[0x4c, 0x01]);
    put(&mut file, SIZE_OF_OPTIONAL_HEADER, &[0xe0, 0]);
    file.extend(narrow);
    file.extend_from_slice(&sample[SECTIONS..SECTIONS + 120]);
    file.resize(0x200, 0);
    file.extend_from_slice(&sample[0x200..]);
    file
}

#[test]
fn pe32_images_work() {
    let signed = TestKey::shared().sign_image(&pe32());
    let image = Image::parse(&signed).unwrap();
    assert!(holds(&signed));
    let goblin = goblin::pe::PE::parse(&signed).unwrap();
    let ranges: Vec<&[u8]> = goblin.authenticode_ranges().collect();
    assert_eq!(
        image.digest(HashAlgorithm::Sha256),
        HashAlgorithm::Sha256.digest(&ranges)
    );
}

/// An EFI zboot kernel has "zimg" and the place of its payload in the DOS header, only 6 data directories, and code
/// between the DOS header and the PE header.
#[test]
fn an_efi_zboot_kernel_works() {
    let sample = minimal_image();
    let mut file = sample[..OPTIONAL + 112 + 6 * 8].to_vec();
    file.extend_from_slice(&sample[SECTIONS..SECTIONS + 120]);
    file.resize(0x200, 0);
    file.extend_from_slice(&sample[0x200..]);
    put(&mut file, 4, b"zimg\0\x02\0\0\0\x02\0\0\0\0\0\0\0\0\0\0gzip\0");
    put(&mut file, MACHINE, &[0x64, 0xaa]);
    put(&mut file, SIZE_OF_OPTIONAL_HEADER, &[112 + 48, 0]);
    put(&mut file, NUMBER_OF_DIRECTORIES, &number(6));
    assert_eq!(Image::parse(&file).unwrap().layout_problems(), []);
    assert!(holds(&TestKey::shared().sign_image(&file)));
}
