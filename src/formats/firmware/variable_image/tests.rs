//! Stores made by hand, and properties. Those of OVMF and virt-fw-vars are in `tests/golden`.

use proptest::prelude::*;

use super::*;

/// A volume of 4 KiB with a store of `size` bytes.
fn image(is_authenticated: bool, size: u32) -> Vec<u8> {
    let mut image = vec![0; 16];
    image.extend(hex::decode("8d2bf1ff96768b4ca9852747075b4f50").unwrap());
    image.extend(4096_u64.to_le_bytes());
    image.extend(b"_FVH\xff\xfe\x04\x00\x48\x00\x00\x00\x00\x00\x00\x02");
    image.extend([1_u32, 4096, 0, 0].iter().flat_map(|number| number.to_le_bytes()));
    let sum = image.chunks(2).fold(0_u16, |sum, word| {
        sum.wrapping_add(u16::from_le_bytes([word[0], word[1]]))
    });
    image[50..52].copy_from_slice(&sum.wrapping_neg().to_le_bytes());
    let signature = if is_authenticated {
        "782cf3aa7b949a43a1802e144ec37792"
    } else {
        "1636cfdd7532644198b6fe85707ffe7d"
    };
    image.extend(hex::decode(signature).unwrap());
    image.extend(size.to_le_bytes());
    image.extend([0x5a, 0xfe, 0, 0, 0, 0, 0, 0]);
    image.resize(4096, ERASED);
    image
}

fn variable(name: &str, data: &[u8]) -> ImageVariable {
    ImageVariable::new(name, Guid::GLOBAL, 7, data.to_vec())
}

#[test]
fn an_empty_store_takes_variables_until_it_is_full() {
    for is_authenticated in [true, false] {
        let mut store = VariableImage::parse(image(is_authenticated, 1024)).unwrap();
        assert_eq!((store.is_authenticated(), store.free_space()), (is_authenticated, 996));
        store.set(variable("Boot0000", b"first"));
        store.set(variable("Boot0001", b"other"));
        store.set(variable("Boot0000", b"second, and longer"));
        let again = VariableImage::parse(store.to_bytes().unwrap()).unwrap();
        assert_eq!(again.variables(), store.variables());
        assert_eq!(again.variables()[0].data, b"second, and longer");
        assert!(store.remove("Boot0000", &Guid::GLOBAL) && !store.remove("Boot0000", &Guid::GLOBAL));
        store.set(variable("Large", &[0; 1000]));
        let full = store.to_bytes().unwrap_err();
        assert!(
            matches!(full, VariableImageError::Full { available: 996, .. }),
            "{full}"
        );
    }
}

#[test]
fn states_say_what_is_valid() {
    let with_states = |first: u8, second: u8| {
        let mut store = VariableImage::parse(image(true, 1024)).unwrap();
        store.set(variable("A", b"old"));
        let mut twice = store.to_bytes().unwrap();
        let start = 72 + 28;
        let size = (60 + 4 + 3_usize).next_multiple_of(4);
        twice.copy_within(start..start + size, start + size);
        twice[start + size + 64..start + size + 67].copy_from_slice(b"new");
        (twice[start + 2], twice[start + size + 2]) = (first, second);
        let store = VariableImage::parse(twice).unwrap();
        store.get("A", &Guid::GLOBAL).map(|variable| variable.data.clone())
    };
    // Deleted; being replaced, before and after the successor is valid; header only.
    for (first, second, expected) in [
        (0x3d, 0x3f, Some(b"new".to_vec())),
        (0x3e, 0x3f, Some(b"new".to_vec())),
        (0x3e, 0x7f, Some(b"old".to_vec())),
        (0x3f, 0x3d, Some(b"old".to_vec())),
        (0x3c, 0x3d, None),
    ] {
        assert_eq!(with_states(first, second), expected, "{first:#x} {second:#x}");
    }
}

#[test]
fn what_is_no_store_is_named() {
    let parse = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut image = image(true, 1024);
        change(&mut image);
        VariableImage::parse(image).unwrap_err().to_string()
    };
    assert!(parse(&|image| image[..4].copy_from_slice(&QCOW2)).contains("qcow2"));
    assert!(parse(&|image| image[16] ^= 1).starts_with("FileSystemGuid at offset 0x10"));
    assert!(parse(&|image| image[0] ^= 1).contains("checksum"));
    assert!(parse(&|image| image.truncate(2000)).starts_with("FvLength at offset 0x20"));
    assert!(parse(&|image| image[72] ^= 1).starts_with("Signature at offset 0x48"));
    assert!(parse(&|image| image[72 + 17] = 0x70).starts_with("Size at offset 0x58"));
    assert!(parse(&|image| image[72 + 21] = 0).starts_with("State at offset 0x5d"));
    assert!(parse(&|image| image.truncate(40)).contains("at offset 0x28 needs"));
}

proptest! {
    #[test]
    fn what_is_written_reads_back(variables in prop::collection::vec(("[A-Za-z0-9]{1,12}", prop::collection::vec(any::<u8>(), 0..60), any::<u32>()), 0..8), is_authenticated: bool) {
        let mut store = VariableImage::parse(image(is_authenticated, 4000)).unwrap();
        for (name, data, attributes) in variables {
            store.set(ImageVariable { attributes, ..variable(&name, &data) });
        }
        let bytes = store.to_bytes().unwrap();
        let again = VariableImage::parse(bytes.clone()).unwrap();
        prop_assert_eq!(again.variables(), store.variables());
        prop_assert_eq!(again.free_space(), store.free_space());
        prop_assert_eq!(again.to_bytes().unwrap(), bytes);
    }

    #[test]
    fn no_bytes_make_it_panic(bytes: Vec<u8>, tail in prop::collection::vec(any::<u8>(), 0..200), is_authenticated: bool) {
        let _ = VariableImage::parse(bytes);
        let mut image = image(is_authenticated, 1024);
        image[100..100 + tail.len()].copy_from_slice(&tail);
        image[100..102].copy_from_slice(&0x55aa_u16.to_le_bytes());
        let _ = VariableImage::parse(image);
    }
}
