use super::*;

/// A way to pack, as somebody's build may have it.
#[derive(Debug, Clone, Copy)]
enum Packer {
    Gzip {
        level: u32,
        flush: bool,
        named: bool,
    },
    Xz {
        preset: u32,
        check: Check,
        block: usize,
    },
    Zstd {
        level: i32,
        is_checked: bool,
        is_sized: bool,
        window_log: u32,
    },
}

impl Packer {
    fn compression(self) -> Compression {
        match self {
            Self::Gzip { .. } => Compression::Gzip,
            Self::Xz { .. } => Compression::Xz,
            Self::Zstd { .. } => Compression::Zstd,
        }
    }

    fn pack(self, content: &[u8]) -> Vec<u8> {
        match self {
            Self::Gzip { level, flush, named } => {
                let builder = if named {
                    GzBuilder::new().filename("module.ko")
                } else {
                    GzBuilder::new()
                };
                let mut encoder = builder.write(Vec::new(), flate2::Compression::new(level));
                let (first, second) = content.split_at(content.len() / 2);
                encoder.write_all(first).unwrap();
                if flush {
                    encoder.flush().unwrap();
                }
                encoder.write_all(second).unwrap();
                encoder.finish().unwrap()
            }
            Self::Xz { preset, check, block } => {
                let mut chain = Filters::new();
                chain.lzma2(&LzmaOptions::new_preset(preset).unwrap());
                let stream = Stream::new_stream_encoder(&chain, check).unwrap();
                let mut encoder = XzEncoder::new_stream(Vec::new(), stream);
                for part in content.chunks(block) {
                    encoder.write_all(part).unwrap();
                    // Ends a block, as `xz -T` does.
                    encoder.flush().unwrap();
                }
                encoder.finish().unwrap()
            }
            Self::Zstd {
                level,
                is_checked,
                is_sized,
                window_log,
            } => {
                let mut encoder = zstd::Encoder::new(Vec::new(), level).unwrap();
                encoder.include_checksum(is_checked).unwrap();
                if is_sized {
                    encoder.set_pledged_src_size(Some(content.len() as u64)).unwrap();
                }
                encoder.include_contentsize(is_sized).unwrap();
                encoder.window_log(window_log).unwrap();
                encoder.write_all(content).unwrap();
                encoder.finish().unwrap()
            }
        }
    }
}

fn packer() -> impl Strategy<Value = Packer> {
    let check = prop_oneof![Just(Check::Crc32), Just(Check::None)];
    prop_oneof![
        (0..10_u32, any::<bool>(), any::<bool>()).prop_map(|(level, flush, named)| Packer::Gzip {
            level,
            flush,
            named
        }),
        (0..4_u32, check, 4096..70_000_usize).prop_map(|(preset, check, block)| Packer::Xz { preset, check, block }),
        (-3..8, any::<bool>(), any::<bool>(), 10..22_u32).prop_map(|(level, is_checked, is_sized, window_log)| {
            Packer::Zstd {
                level,
                is_checked,
                is_sized,
                window_log,
            }
        }),
    ]
}

/// Bytes of which some can be packed.
fn content(most: usize) -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        proptest::collection::vec(any::<u8>(), 1..400),
        (any::<u8>(), 1..9_000_usize).prop_map(|(byte, length)| vec![byte; length]),
        (1..3_000_usize).prop_map(|times| b"what a module might hold, ".repeat(times)),
    ];
    proptest::collection::vec(piece, 1..8).prop_map(move |pieces| {
        let mut content = pieces.concat();
        content.truncate(most);
        content
    })
}

fn append(compression: Compression, packed: &[u8], whole: &[u8], keep: usize, end: &[u8]) -> Result<Vec<u8>, Repack> {
    let kept = Kept {
        length: whole.len() as u64,
        keep: keep as u64,
        content: &mut &whole[..keep],
    };
    compression.append(packed, kept, end).map(|pieces| pieces.concat())
}

/// Bytes that two files have in common, from the first on.
fn in_common(one: &[u8], other: &[u8]) -> usize {
    one.iter().zip(other).take_while(|(one, other)| one == other).count()
}

proptest! {
    /// The new content, for the tools and for the kernel; and again with a third.
    #[test]
    fn another_end_is_what_the_content_ends_with(
        packer in packer(),
        content in content(150_000),
        ends in [content(140_000), content(900)],
    ) {
        let compression = packer.compression();
        let packed = packer.pack(&content);
        let [first, second] = &ends;
        let one = append(compression, &packed, &content, content.len(), first).unwrap();
        prop_assert_eq!(Compression::from_magic(&one), compression);
        let whole = [&*content, first].concat();
        prop_assert!(*compression.unpack(&one).unwrap() == whole);
        prop_assert_eq!(compression.kernel_unpacks(&one), Ok(()));

        let two = append(compression, &one, &whole, content.len(), second).unwrap();
        prop_assert!(*compression.unpack(&two).unwrap() == [&*content, second].concat());
        prop_assert_eq!(compression.kernel_unpacks(&two), Ok(()));
        if compression != Compression::Zstd {
            // A wider size in the header stays.
            prop_assert!(two == append(compression, &packed, &content, content.len(), second).unwrap());
        }
    }

    /// All blocks are as they were, but for a bit of the last one.
    #[test]
    fn what_stays_is_not_packed_anew(packer in packer(), content in content(150_000), end in content(900)) {
        let compression = packer.compression();
        let packed = packer.pack(&content);
        let kept = Kept { length: content.len() as u64, keep: content.len() as u64, content: &mut &*content };
        let pieces = compression.append(&packed, kept, &end).unwrap();
        let borrowed = pieces.iter().filter(|piece| matches!(piece, Cow::Borrowed(_))).map(|piece| piece.len()).sum::<usize>();
        match compression {
            Compression::Xz => {
                let index = usize::try_from(u32::from_le_bytes(packed[packed.len() - 8..][..4].try_into().unwrap())).unwrap();
                prop_assert_eq!(borrowed, packed.len() - 12 - 4 * (index + 1));
            }
            // The largest header, a byte with the mark of the last block, and the check.
            Compression::Zstd => prop_assert!(borrowed >= packed.len().saturating_sub(18 + 1 + 4)),
            _ => {
                let appended = pieces.concat();
                let bit = in_common(&packed, &appended) + 1;
                let (old, new) = (&packed[bit.min(packed.len())..], &appended[bit.min(appended.len())..]);
                // The byte in which the last block ends, and the check.
                prop_assert!(in_common(old, new) + 1 + 8 >= old.len(), "{bit} of {}", packed.len());
            }
        }
    }

    /// Whatever comes, nothing panics, and what is made unpacks to what was asked for.
    #[test]
    fn damaged_files_end_in_errors_or_in_what_they_hold(
        packer in packer(),
        content in content(9_000),
        place in any::<prop::sample::Index>(),
        mask in 1..=255_u8,
        keep in any::<prop::sample::Index>(),
    ) {
        let compression = packer.compression();
        let mut packed = packer.pack(&content);
        let place = place.index(packed.len());
        packed[place] ^= mask;
        let Ok(whole) = compression.unpack(&packed) else { return Ok(()) };
        let keep = keep.index(whole.len() + 1);
        if let Ok(made) = append(compression, &packed, &whole, keep, b"end") {
            prop_assert!(*compression.unpack(&made).unwrap() == [&whole[..keep], b"end"].concat());
            prop_assert_eq!(compression.kernel_unpacks(&made), Ok(()));
        }
    }
}

#[test]
fn a_former_end_in_the_only_block_has_to_be_packed_anew() {
    for compression in PACKED {
        let packed = compression.pack([CONTENT, b"former"].concat()).unwrap();
        let whole = [CONTENT, b"former"].concat();
        let refusal = append(compression, &packed, &whole, CONTENT.len(), b"end").unwrap_err();
        assert!(matches!(refusal, Repack::OneBlock), "{refusal}");
    }
}

#[test]
fn what_no_kernel_takes_is_not_gone_on_with() {
    let wide = xz(Check::Crc64, lzma2);
    let refusal = append(Compression::Xz, &wide, CONTENT, CONTENT.len(), b"end").unwrap_err();
    assert!(
        matches!(refusal, Repack::Kernel(KernelRefusal::XzCheck(4))),
        "{refusal}"
    );
    for compression in PACKED {
        let one = compression.pack(CONTENT.to_vec()).unwrap();
        let twice = [CONTENT, CONTENT].concat();
        append(compression, &[one.clone(), one].concat(), &twice, twice.len(), b"end").unwrap_err();
    }
}
