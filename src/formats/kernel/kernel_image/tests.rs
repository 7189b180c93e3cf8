use super::*;
use crate::formats::kernel::compression::Compression;
use proptest::prelude::*;

const BANNER: &[u8] = b"Linux version 6.12.1-test (somebody@somewhere) #1 SMP\n";

/// A list of certificates with its two numbers, and zeros between.
fn list(certificates: &[Vec<u8>], zeros: usize, build_key: usize) -> Vec<u8> {
    let mut list = certificates.concat();
    let size = list.len() as u64;
    list.resize((list.len() + zeros).next_multiple_of(8), 0);
    list.extend(size.to_le_bytes());
    list.extend((build_key as u64).to_le_bytes());
    list
}

/// A kernel with a part at this offset.
fn kernel(offset: usize, part: &[u8]) -> Vec<u8> {
    let mut kernel = BANNER.to_vec();
    // No zeros: these would be room behind a list.
    kernel.resize(offset, 0x90);
    kernel.extend(part);
    kernel.extend([0x90; 64]);
    kernel
}

/// An image for x86 with a kernel that is packed in some way.
fn x86(packed: &[u8]) -> Vec<u8> {
    let mut image = vec![0; 3 * 512];
    image[..2].copy_from_slice(b"MZ");
    image[0x1f1] = 1;
    image[0x202..0x206].copy_from_slice(b"HdrS");
    image[0x206..0x208].copy_from_slice(&0x020f_u16.to_le_bytes());
    image[0x248..0x24c].copy_from_slice(&512_u32.to_le_bytes());
    let length = u32::try_from(packed.len()).unwrap();
    image[0x24c..0x250].copy_from_slice(&length.to_le_bytes());
    image.extend(packed);
    image
}

fn packed(compression: Compression, kernel: Vec<u8>) -> Vec<u8> {
    let size = u32::try_from(kernel.len()).unwrap().to_le_bytes();
    let mut packed = compression.pack(kernel).unwrap();
    if compression != Compression::Gzip {
        packed.extend(size);
    }
    packed
}

/// Certificates of three lengths.
const CERTIFICATES: [&[u8]; 3] = [
    include_bytes!("../../../trust/microsoft/DB/microsoft-uefi-ca-2023.der"),
    include_bytes!("../../../trust/microsoft/DB/windows-uefi-ca-2023.der"),
    include_bytes!("../../../trust/microsoft/DB/microsoft-corporation-uefi-ca-2011.der"),
];

fn certificates(count: usize) -> Vec<Vec<u8>> {
    CERTIFICATES.iter().take(count).map(|der| der.to_vec()).collect()
}

fn held(image: &[u8]) -> Vec<Vec<u8>> {
    let embedded = Embedded::read(image).unwrap();
    assert_eq!(embedded.release, "6.12.1-test");
    let held = embedded.certificates.iter();
    held.map(|certificate| certificate.as_der().to_vec()).collect()
}

#[test]
fn the_list_is_found_in_every_packing() {
    let certificates = certificates(2);
    let plain = kernel(4096, &list(&certificates, 0, certificates[0].len()));
    for compression in [Compression::Gzip, Compression::Xz, Compression::Zstd] {
        assert_eq!(held(&x86(&packed(compression, plain.clone()))), certificates);
    }
    let mut zboot = b"MZ\0\0zimg".to_vec();
    let gzip = Compression::Gzip.pack(plain.clone()).unwrap();
    zboot.extend(512_u32.to_le_bytes());
    zboot.extend(u32::try_from(gzip.len()).unwrap().to_le_bytes());
    zboot.resize(512, 0);
    zboot.extend(&gzip);
    assert_eq!(held(&zboot), certificates);
    let mut arm64 = plain;
    arm64.splice(..0, [0; 0x38].into_iter().chain(*b"ARM\x64").chain([0; 4]));
    assert_eq!(held(&arm64), certificates);
    assert_eq!(held(&Compression::Gzip.pack(arm64).unwrap()), certificates);
}

#[test]
fn a_list_may_cross_windows_have_room_behind_it_and_no_key_of_the_build() {
    let certificates = certificates(3);
    for (offset, zeros, build_key) in [
        (64, 4096, certificates[0].len()),
        ((3 << 20) - 1024, 0, certificates[0].len()),
        ((3 << 20) + 8, 64, 0),
        ((4 << 20) - 512, 16, 0),
        (6 << 20, 1000, certificates[0].len()),
    ] {
        let plain = kernel(offset, &list(&certificates, zeros, build_key));
        assert_eq!(held(&x86(&packed(Compression::Zstd, plain))), certificates, "{offset}");
    }
}

#[test]
fn other_certificates_are_no_list() {
    let certificates = certificates(2);
    let trusted = list(&certificates[..1], 0, certificates[0].len());
    // As the list of revoked ones, with its own size alone behind it, and as others, with nothing behind them.
    let mut revoked = list(&certificates[1..], 0, 0);
    let size = revoked.len();
    for rest in [0_u64, 7, u64::MAX] {
        revoked[size - 8..].copy_from_slice(&rest.to_le_bytes());
        let part = [
            &certificates[1][..],
            &[0x90; 16],
            &[0x90; 8][..8 - certificates[1].len() % 8],
        ]
        .concat();
        let part = [&part[..part.len() / 8 * 8], &revoked, &trusted].concat();
        assert_eq!(
            held(&x86(&packed(Compression::Zstd, kernel(4096, &part)))),
            certificates[..1]
        );
    }
    let none = kernel(4096, &certificates.concat());
    assert_eq!(held(&x86(&packed(Compression::Zstd, none))), Vec::<Vec<u8>>::new());
    let two = [list(&certificates[..1], 0, 0), list(&certificates[1..], 0, 0)].concat();
    let two = x86(&packed(Compression::Zstd, kernel(4096, &two)));
    assert!(matches!(Embedded::read(&two), Err(KernelImageError::SeveralLists)));
}

#[test]
fn the_configuration_is_found_and_what_is_missing_is_told() {
    let config = b"CONFIG_A=y\n";
    let marked = [
        &b"IKCFG_ST"[..],
        &Compression::Gzip.pack(config.to_vec()).unwrap(),
        b"IKCFG_ED",
    ]
    .concat();
    let with = Embedded::read(&x86(&packed(Compression::Gzip, kernel(101, &marked)))).unwrap();
    assert_eq!(with.config.as_deref(), Some(&config[..]));
    let error = |image: &[u8]| Embedded::read(image).unwrap_err();
    assert!(matches!(error(b"MZ"), KernelImageError::Unknown));
    let nameless = x86(&packed(Compression::Gzip, vec![0; 4096]));
    assert!(matches!(error(&nameless), KernelImageError::NoBanner));
    let other = x86(b"BZh91AY&SY");
    let said = error(&other);
    let cause = std::error::Error::source(&said).unwrap().to_string();
    assert!(
        said.to_string().contains("0x600") && cause.contains("bzip2"),
        "{said}: {cause}"
    );
    let cut = x86(&packed(Compression::Zstd, kernel(4096, &[])));
    assert!(matches!(error(&cut[..cut.len() - 9]), KernelImageError::Truncated(_)));
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes: Vec<u8>, offset in 0_usize..0x400) {
        let mut image = x86(&bytes);
        image.truncate(image.len().saturating_sub(offset));
        let _ = Embedded::read(&image);
        let mut arm64 = vec![0; 0x38];
        arm64.extend(b"ARM\x64");
        arm64.extend(bytes);
        let _ = Embedded::read(&arm64);
    }
}
