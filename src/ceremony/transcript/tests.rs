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
    assert_eq!(without(1), Err(ChainError::Follows(2).into()));
    let swapped = [lines[0], lines[2], lines[1], lines[3]].concat();
    assert_eq!(Transcript::parse(&swapped), Err(ChainError::Follows(2).into()));
    let twice = [lines[0], lines[0]].concat();
    assert!(Transcript::parse(&twice).is_err());
    assert_eq!(Transcript::parse(b""), Err(ChainError::Empty.into()));
    assert_eq!(
        Transcript::parse(&whole.as_bytes()[..9]),
        Err(ChainError::CutOff.into())
    );
}

/// A line after the beginning of a sample, as text.
fn with_line(event: &str) -> Vec<u8> {
    let mut bytes = sample(&[]).as_bytes().to_vec();
    let previous = HashAlgorithm::Sha256.digest(&[&bytes]).to_hex();
    let line =
        format!("{{\"number\":1,\"previous\":\"{previous}\",\"time\":\"2026-01-01T00:00:00Z\",\"event\":{event}}}\n");
    bytes.extend(line.into_bytes());
    bytes
}

#[test]
fn lines_of_earlier_versions_are_read_and_findings_have_one_form() {
    // Sentences of the first version.
    let checks = "\"each key signs a nonce that its public half verifies, read back from the disk\",\"no two keys are the same\"";
    let bytes = with_line(&format!("{{\"checked\":{{\"checks\":[{checks}]}}}}"));
    let transcript = Transcript::parse(&bytes).unwrap();
    assert_eq!(transcript.as_bytes(), bytes);
    assert!(matches!(
        transcript.events().nth(1),
        Some(Event::Checked { checks, findings }) if checks.len() == 2 && findings.is_empty()
    ));
    let finding = "{\"key\":\"PK\",\"check\":\"authority\",\"reason\":\"CA:TRUE\"}";
    let bytes = with_line(&format!("{{\"checked\":{{\"checks\":[],\"findings\":[{finding}]}}}}"));
    assert_eq!(Transcript::parse(&bytes).unwrap().as_bytes(), bytes);
    let two_forms = with_line("{\"checked\":{\"checks\":[],\"findings\":[]}}");
    assert_eq!(Transcript::parse(&two_forms), Err(ChainError::Form(2).into()));
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
