mod append;

use super::*;
use flate2::Crc;
use proptest::prelude::*;

const PACKED: [Compression; 3] = [Compression::Gzip, Compression::Xz, Compression::Zstd];
const CONTENT: &[u8] = b"what a module might hold, what a module might hold";

fn xz(check: Check, filters: impl FnOnce(&mut Filters)) -> Vec<u8> {
    let mut chain = Filters::new();
    filters(&mut chain);
    let stream = Stream::new_stream_encoder(&chain, check).unwrap();
    let mut encoder = XzEncoder::new_stream(Vec::new(), stream);
    encoder.write_all(CONTENT).unwrap();
    encoder.finish().unwrap()
}

fn lzma2(chain: &mut Filters) {
    chain.lzma2(&LzmaOptions::new_preset(1).unwrap());
}

/// Unpacks to the content, but not in the kernel.
#[track_caller]
fn only_the_kernel_refuses(packed: &[u8], content: &[u8], refusal: KernelRefusal) {
    let compression = Compression::from_magic(packed);
    assert_eq!(compression.unpack(packed).unwrap(), content);
    assert_eq!(compression.kernel_unpacks(packed), Err(refusal));
}

#[test]
fn two_parts_are_one_too_many() {
    for (compression, part) in PACKED.into_iter().zip(["gzip member", "xz stream", "zstd frame"]) {
        let one = compression.pack(CONTENT.to_vec()).unwrap();
        assert_eq!(compression.kernel_unpacks(&one), Ok(()));
        only_the_kernel_refuses(
            &[one.clone(), one].concat(),
            &[CONTENT, CONTENT].concat(),
            KernelRefusal::Several(part),
        );
    }
}

#[test]
fn gzip_headers_hold_a_name_at_most() {
    let named = |builder: GzBuilder| {
        let mut encoder = builder.write(Vec::new(), flate2::Compression::default());
        encoder.write_all(CONTENT).unwrap();
        encoder.finish().unwrap()
    };
    let name = named(GzBuilder::new().filename("module.ko"));
    assert_eq!(Compression::Gzip.kernel_unpacks(&name), Ok(()));
    let comment = named(GzBuilder::new().comment("by hand"));
    only_the_kernel_refuses(&comment, CONTENT, KernelRefusal::GzipHeader(0x10));
    let extra = named(GzBuilder::new().filename("module.ko").extra(*b"extra"));
    only_the_kernel_refuses(&extra, CONTENT, KernelRefusal::GzipHeader(0x0c));
    let mut checked = Compression::Gzip.pack(CONTENT.to_vec()).unwrap();
    checked[3] = 0x02;
    let mut crc = Crc::new();
    crc.update(&checked[..10]);
    let crc = u16::try_from(crc.sum() & 0xffff).unwrap().to_le_bytes();
    checked.splice(10..10, crc);
    only_the_kernel_refuses(&checked, CONTENT, KernelRefusal::GzipHeader(0x02));
}

#[test]
fn xz_takes_crc32_and_lzma2_alone() {
    for check in [Check::Crc32, Check::None] {
        assert_eq!(Compression::Xz.kernel_unpacks(&xz(check, lzma2)), Ok(()));
    }
    for (check, number) in [(Check::Crc64, 4), (Check::Sha256, 10)] {
        only_the_kernel_refuses(&xz(check, lzma2), CONTENT, KernelRefusal::XzCheck(number));
    }
    let branches = xz(Check::Crc32, |chain| {
        chain.x86();
        lzma2(chain);
    });
    only_the_kernel_refuses(&branches, CONTENT, KernelRefusal::XzFilters);
}

#[test]
fn xz_may_be_padded() {
    let mut packed = Compression::Xz.pack(CONTENT.to_vec()).unwrap();
    packed.extend_from_slice(&[0; 8]);
    assert_eq!(Compression::Xz.unpack(&packed).unwrap(), CONTENT);
    assert_eq!(Compression::Xz.kernel_unpacks(&packed), Ok(()));
}

#[test]
fn zstd_windows_end_at_128_mib() {
    let with = |log: u32| {
        let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
        encoder.window_log(log).unwrap();
        encoder.write_all(CONTENT).unwrap();
        encoder.finish().unwrap()
    };
    assert_eq!(Compression::Zstd.kernel_unpacks(&with(27)), Ok(()));
    only_the_kernel_refuses(&with(28), CONTENT, KernelRefusal::ZstdWindow(1 << 28));
    // A frame of a single segment: its window is its content.
    let mut huge = vec![0x28, 0xb5, 0x2f, 0xfd, 0xe0];
    huge.extend((1_u64 << 40).to_le_bytes());
    assert_eq!(
        Compression::Zstd.kernel_unpacks(&huge),
        Err(KernelRefusal::ZstdWindow(1 << 40))
    );
}

#[test]
fn zstd_begins_with_its_data() {
    let mut packed = vec![0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0, 1, 2, 3, 4];
    packed.extend(Compression::Zstd.pack(CONTENT.to_vec()).unwrap());
    only_the_kernel_refuses(&packed, CONTENT, KernelRefusal::ZstdSkippable);
}

#[test]
fn headers_that_ask_for_too_much_get_nothing() {
    let mut packed = Compression::Xz.pack(CONTENT.to_vec()).unwrap();
    // The dictionary's size in the block's header, and the header's CRC32.
    packed[16] = 40;
    let mut crc = Crc::new();
    crc.update(&packed[12..20]);
    packed[20..24].copy_from_slice(&crc.sum().to_le_bytes());
    let error = Compression::Xz.unpack(&packed).unwrap_err();
    assert!(error.to_string().contains("memory"), "{error}");
    let mut packed = vec![0x28, 0xb5, 0x2f, 0xfd, 0xe0];
    packed.extend((1_u64 << 31).to_le_bytes());
    let error = Compression::Zstd.unpack(&packed).unwrap_err();
    assert!(error.to_string().contains("memory"), "{error}");
}

#[test]
fn what_is_not_packed_is_not_copied() {
    assert!(matches!(Compression::None.unpack(CONTENT), Ok(Cow::Borrowed(_))));
    assert_eq!(Compression::None.kernel_unpacks(CONTENT), Ok(()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn what_is_packed_unpacks_in_the_kernel_too(bytes: Vec<u8>) {
        for compression in PACKED {
            let packed = compression.pack(bytes.clone()).unwrap();
            prop_assert_eq!(Compression::from_magic(&packed), compression);
            prop_assert_eq!(&*compression.unpack(&packed).unwrap(), &bytes[..]);
            prop_assert_eq!(compression.kernel_unpacks(&packed), Ok(()));
        }
    }

    #[test]
    fn no_bytes_make_it_panic(bytes: Vec<u8>, cut in 0_usize..40, flip in 0_usize..40) {
        for compression in PACKED {
            let _ = compression.unpack(&bytes);
            let _ = compression.kernel_unpacks(&bytes);
            let mut packed = compression.pack(CONTENT.to_vec()).unwrap();
            packed[flip] ^= 0x55;
            let _ = compression.kernel_unpacks(&packed);
            packed.truncate(packed.len() - cut);
            let _ = compression.kernel_unpacks(&packed);
        }
    }
}

/// The size of a packed file is known when it is unpacked: never more than was asked for is held.
#[test]
fn no_more_is_unpacked_than_is_asked_for() {
    let content = vec![7; 1 << 20];
    for compression in [PACKED.as_slice(), &[Compression::None]].concat() {
        let packed = compression.pack(content.clone()).unwrap();
        let size = content.len() as u64;
        assert_eq!(compression.unpack_at_most(&packed, size).unwrap().unwrap(), content);
        assert_eq!(compression.unpack_at_most(&packed, size - 1).unwrap(), None);
        assert_eq!(compression.unpack_start(&packed, 100), [7; 100]);
        let cut = packed.get(..packed.len() - 1).unwrap();
        assert!(compression.unpack_start(cut, usize::MAX).len() <= content.len());
    }
}
