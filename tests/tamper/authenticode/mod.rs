//! Hostile and odd PE files: each is refused with the field and its offset, or works; none gets a signature that
//! firmware would see differently.

mod headers;
mod layout;
mod machines;
mod signature;
mod stale;
mod table;

use bootseal::formats::crypto::hash::HashAlgorithm;
use bootseal::formats::firmware::authenticode::{Image, ImageError, TableError, minimal_image};

use crate::support::image::is_signed_by;
use crate::support::signer::TestKey;

/// Offsets of fields of [`minimal_image`].
const E_LFANEW: usize = 60;
const PE: usize = 64;
const MACHINE: usize = PE + 4;
const POINTER_TO_SYMBOL_TABLE: usize = PE + 12;
const NUMBER_OF_SECTIONS: usize = PE + 6;
const SIZE_OF_OPTIONAL_HEADER: usize = PE + 20;
const OPTIONAL: usize = PE + 24;
const SIZE_OF_HEADERS: usize = OPTIONAL + 60;
const CHECKSUM: usize = OPTIONAL + 64;
const NUMBER_OF_DIRECTORIES: usize = OPTIONAL + 108;
const DIRECTORY: usize = OPTIONAL + 112 + 4 * 8;
const SECTIONS: usize = OPTIONAL + 240;
const SIZE_OF_RAW_DATA: usize = 16;
const POINTER_TO_RAW_DATA: usize = 20;

fn put(file: &mut [u8], at: usize, bytes: &[u8]) {
    file[at..at + bytes.len()].copy_from_slice(bytes);
}

/// The sample with these bytes at this offset.
fn sample_with(at: usize, bytes: &[u8]) -> Vec<u8> {
    let mut file = minimal_image();
    put(&mut file, at, bytes);
    file
}

fn number(value: u32) -> [u8; 4] {
    value.to_le_bytes()
}

/// The signed sample with these bytes at this offset.
fn signed_with(at: usize, bytes: &[u8]) -> Vec<u8> {
    let mut file = TestKey::shared().sign_image(&minimal_image());
    put(&mut file, at, bytes);
    file
}

fn refusal(file: &[u8]) -> ImageError {
    Image::parse(file)
        .map(|image| image.digest(HashAlgorithm::Sha256))
        .unwrap_err()
}

fn table_refusal(file: &[u8]) -> TableError {
    match refusal(file) {
        ImageError::Table(error) => error,
        other => panic!("not refused for its table: {other}"),
    }
}

/// The sample with these bytes between the DOS header and the PE header.
fn with_dos_stub(stub: &[u8]) -> Vec<u8> {
    let mut file = minimal_image();
    let headers = file[PE..SECTIONS + 120].to_vec();
    put(&mut file, PE, stub);
    put(&mut file, PE + stub.len(), &headers);
    put(&mut file, E_LFANEW, &number(u32::try_from(PE + stub.len()).unwrap()));
    file
}

/// True if firmware that trusts the test key would start the file.
fn holds(file: &[u8]) -> bool {
    let key = TestKey::shared();
    Image::parse(file).is_ok_and(|image| {
        image
            .signatures()
            .iter()
            .filter_map(|entry| entry.signature().ok())
            .any(|signature| signature.verify_integrity(&image).is_ok() && is_signed_by(&signature, key))
    })
}
