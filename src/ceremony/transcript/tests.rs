use super::*;
use proptest::prelude::*;

fn sample(notes: &[String]) -> Transcript {
    let mut transcript = Transcript::new();
    let text = || "x".to_owned();
    let began = Event::Began {
        format: FORMAT.to_owned(),
        bootseal: text(),
        program: text(),
        plan: text(),
        rehearsal: false,
        specification: "{\"a\":\"\u{e9}\"}".to_owned(),
    };
    let notes = notes.iter().map(|text| Event::Note { text: text.clone() });
    for event in std::iter::once(began).chain(notes) {
        transcript
            .push(transcript.next("2026-01-01T00:00:00Z".to_owned(), event))
            .unwrap();
    }
    transcript
}

#[test]
fn removal_and_another_order_are_seen() {
    let notes = ["one", "two", "three"].map(str::to_owned);
    let whole = sample(&notes);
    let lines: Vec<&[u8]> = whole.as_bytes().split_inclusive(|byte| *byte == b'\n').collect();
    let without = |left_out: usize| {
        let kept = lines.iter().enumerate().filter(|(place, _)| *place != left_out);
        Transcript::parse(&kept.flat_map(|(_, line)| line.to_vec()).collect::<Vec<u8>>())
    };
    assert!(without(0).is_err());
    assert_eq!(without(1), Err(TranscriptError::Chain(2)));
    let swapped = [lines[0], lines[2], lines[1], lines[3]].concat();
    assert_eq!(Transcript::parse(&swapped), Err(TranscriptError::Chain(2)));
    let twice = [lines[0], lines[0]].concat();
    assert!(Transcript::parse(&twice).is_err());
    assert_eq!(Transcript::parse(b""), Err(TranscriptError::Empty));
    assert_eq!(Transcript::parse(&whole.as_bytes()[..9]), Err(TranscriptError::CutOff));
}

proptest! {
    #[test]
    fn what_is_written_is_read(notes: Vec<String>) {
        let transcript = sample(&notes);
        prop_assert_eq!(Transcript::parse(transcript.as_bytes()), Ok(transcript));
    }

    #[test]
    fn no_bytes_make_it_panic(bytes: Vec<u8>) {
        let _ = Transcript::parse(&bytes);
    }

    /// All but the last line, which nothing follows: that one is for the signatures.
    #[test]
    fn a_flipped_bit_before_the_last_line_is_seen(notes in prop::collection::vec(".*", 1..4), place: prop::sample::Index, bit in 0_u8..8) {
        let mut bytes = sample(&notes).as_bytes().to_vec();
        let last = bytes[..bytes.len() - 1].iter().rposition(|byte| *byte == b'\n').unwrap() + 1;
        bytes[place.index(last)] ^= 1 << bit;
        prop_assert!(Transcript::parse(&bytes).is_err());
    }
}
