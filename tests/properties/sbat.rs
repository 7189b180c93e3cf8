//! SBAT: whatever the bytes, nothing panics; what is written is read; and raising a level never lets more in.

use bootseal::formats::firmware::sbat::Sbat;
use proptest::prelude::*;

fn lines() -> impl Strategy<Value = Vec<(String, u32)>> {
    proptest::collection::vec(("[a-z.]{1,4}", 1..9_u32), 1..6)
}

fn text(lines: &[(String, u32)]) -> Sbat {
    let line = |(name, generation): &(String, u32)| format!("{name},{generation},V,p,1.{generation},u\n");
    Sbat::parse(lines.iter().map(line).collect::<String>().as_bytes()).unwrap()
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..256)) {
        if let Ok(sbat) = Sbat::parse(&bytes) {
            prop_assert!(sbat.components().len() <= bytes.len());
            prop_assert_eq!(sbat.components_below(&sbat).filter(|(component, level)| component.generation >= *level).count(), 0);
        }
    }

    #[test]
    fn what_is_written_is_read(lines in lines()) {
        let sbat = text(&lines);
        let read: Vec<(String, u32)> =
            sbat.components().iter().map(|component| (component.name.clone(), component.generation)).collect();
        prop_assert_eq!(&read, &lines);
        for (component, (_, generation)) in sbat.components().iter().zip(&lines) {
            prop_assert_eq!((component.vendor.as_str(), &component.version), ("V", &format!("1.{generation}")));
        }
    }

    #[test]
    fn raising_a_level_lets_no_more_in(image in lines(), levels in lines(), raised in 0..6_usize) {
        let image = text(&image);
        let count = |levels: &[(String, u32)]| image.components_below(&text(levels)).count();
        let before = count(&levels);
        let mut higher = levels.clone();
        let position = raised % higher.len();
        higher[position].1 += 1;
        prop_assert!(count(&higher) >= before);
    }
}
