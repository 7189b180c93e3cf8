//! A log that OVMF wrote, and malformed ones.

use super::*;

const LOG: &[u8] = include_bytes!("../../../../tests/golden/data/tpm/ovmf-swtpm-eventlog.bin");
const PCRS_READ: &str = include_str!("../../../../tests/golden/data/tpm/ovmf-swtpm-pcrs.yaml");

/// Bank, number and value of each PCR that `tpm2_pcrread` printed.
fn read() -> Vec<(Bank, u32, String)> {
    let mut bank = None;
    let mut values = Vec::new();
    for line in PCRS_READ.lines().map(str::trim) {
        if let Some(name) = line.strip_suffix(':') {
            bank = match name {
                "sha1" => Some(Bank::Sha1),
                "sha256" => Some(Bank::Sha2(HashAlgorithm::Sha256)),
                "sha384" => Some(Bank::Sha2(HashAlgorithm::Sha384)),
                "sha512" => Some(Bank::Sha2(HashAlgorithm::Sha512)),
                _ => None,
            };
        } else if let (Some(bank), Some((pcr, value))) = (bank, line.split_once(':')) {
            let value = value.trim().trim_start_matches("0x").to_lowercase();
            values.push((bank, pcr.trim().parse().unwrap(), value));
        }
    }
    values
}

#[test]
fn the_log_replays_to_what_the_tpm_held() {
    let log = EventLog::parse(LOG).unwrap();
    let mut compared = 0;
    for (bank, pcr, value) in read() {
        // PCRs 17 to 22 are not reset to zero, and nobody wrote to them.
        if pcr < 16 {
            let replayed = hex::encode(log.replay_in(bank, pcr).unwrap());
            assert_eq!(replayed, value, "{} {pcr}", bank.name());
            compared += 1;
        }
    }
    assert!(compared >= 16, "{compared}");
}

#[test]
fn events_tell_their_variables_and_images() {
    let log = EventLog::parse(LOG).unwrap();
    let names: Vec<String> = log
        .events()
        .iter()
        .filter_map(|event| Some(event.variable()?.name()))
        .collect();
    assert_eq!(names, ["SecureBoot", "PK", "KEK", "db", "dbx", "db"]);
    for event in log.events().iter().filter(|event| event.variable().is_some()) {
        let variable = event.variable().unwrap();
        assert_eq!(variable.to_bytes(), event.data);
        let digest = HashAlgorithm::Sha256.digest(&[&event.data]);
        assert_eq!(event.digest(HashAlgorithm::Sha256), Some(&digest));
    }
    let images: Vec<String> = log
        .events()
        .iter()
        .filter_map(|event| Some(event.image()?.device_path.to_string()))
        .collect();
    assert_eq!(images.len(), 1);
    assert!(images[0].starts_with("PciRoot(0x0)/Pci("), "{images:?}");
}

#[test]
fn a_log_that_ends_too_early_says_where() {
    for length in 0..LOG.len().min(2000) {
        if let Err(error) = EventLog::parse(&LOG[..length]) {
            let named = error.to_string();
            assert!(named.contains("at offset 0x") || named.contains("empty"), "{named}");
        }
    }
    let mut log = LOG.to_vec();
    log[0] = 99;
    assert_eq!(EventLog::parse(&log), Err(EventLogError::Pcr { offset: 0, pcr: 99 }));
}

#[test]
fn a_digest_whose_size_was_not_announced_is_refused() {
    let mut log = LOG.to_vec();
    // The last announced algorithm, SHA-512, gets a number that nobody has.
    let start = 32 + 16 + 8 + 4 + 3 * 4;
    assert_eq!(log[start..start + 2], [0x0d, 0]);
    log[start] = 0x77;
    assert!(matches!(
        EventLog::parse(&log),
        Err(EventLogError::UnknownAlgorithm { algorithm: 0x0d, .. })
    ));
}

#[test]
fn the_log_of_a_tpm_1_2_is_read_but_replays_to_nothing() {
    let mut event = Vec::new();
    event.extend(7_u32.to_le_bytes());
    event.extend(4_u32.to_le_bytes());
    event.extend([0; SHA1]);
    event.extend(4_u32.to_le_bytes());
    event.extend([0; 4]);
    let log = EventLog::parse(&event).unwrap();
    assert_eq!(log.events().len(), 1);
    assert_eq!(log.replay(HashAlgorithm::Sha256, 7), None);
    let sha1 = Bank::Sha1.extend(&[0; SHA1], &[0; SHA1]);
    assert_eq!(
        log.replay_in(Bank::Sha1, 7),
        Some(sha1),
        "what it has is its bank of SHA-1"
    );
}

/// A log of these banks, each event digested as firmware does it.
fn written(banks: &[(u16, Bank)], events: &[(u32, u32, &[u8])]) -> EventLog {
    let mut header = SPEC_ID.to_vec();
    header.extend([0, 0, 0, 0, 0, 2, 0, 2]);
    header.extend(u32::try_from(banks.len()).unwrap().to_le_bytes());
    for (number, bank) in banks {
        header.extend(number.to_le_bytes());
        header.extend(u16::try_from(bank.len()).unwrap().to_le_bytes());
    }
    header.push(0);
    let mut log = [0_u32.to_le_bytes(), NO_ACTION.to_le_bytes()].concat();
    log.extend([0; SHA1]);
    log.extend(u32::try_from(header.len()).unwrap().to_le_bytes());
    log.extend(header);
    for (pcr, kind, data) in events {
        for number in [*pcr, *kind, u32::try_from(banks.len()).unwrap()] {
            log.extend(number.to_le_bytes());
        }
        for (number, bank) in banks {
            log.extend(number.to_le_bytes());
            log.extend(bank.digest(&[data]));
        }
        log.extend(u32::try_from(data.len()).unwrap().to_le_bytes());
        log.extend(*data);
    }
    EventLog::parse(&log).unwrap()
}

#[test]
fn pcr_0_begins_with_who_started_the_tpm() {
    let sha384 = Bank::Sha2(HashAlgorithm::Sha384);
    let banks = [(0x04, Bank::Sha1), (0x0c, sha384)];
    let code: (u32, u32, &[u8]) = (0, 8, b"1.0");
    let locality = |number: u8| [STARTUP_LOCALITY, &[number]].concat();
    let (three, zero) = (locality(3), locality(0));
    let hardware: (u32, u32, &[u8]) = (0, EventType::HCRTM.0, b"HCRTM");
    for (events, first) in [
        (vec![code], 0),
        (vec![(0, NO_ACTION, three.as_slice()), code], 3),
        (vec![hardware, code], 4),
        // What hardware began is of locality 4, whatever else the log says.
        (vec![(0, NO_ACTION, zero.as_slice()), hardware, code], 4),
    ] {
        let log = written(&banks, &events);
        for (_, bank) in banks {
            let mut value = vec![0; bank.len()];
            *value.last_mut().unwrap() = first;
            for (_, _, data) in events.iter().filter(|(_, kind, _)| *kind != NO_ACTION) {
                value = bank.extend(&value, &bank.digest(&[data]));
            }
            assert_eq!(log.replay_in(bank, 0), Some(value), "{} {first}", bank.name());
            assert_eq!(
                log.replay_in(bank, 1),
                Some(vec![0; bank.len()]),
                "nothing was extended"
            );
        }
        assert_eq!(log.algorithm(), Some(HashAlgorithm::Sha384));
    }
}

#[test]
fn events_of_any_kind_and_length_are_only_digests() {
    let banks = [(0x0b, Bank::Sha2(HashAlgorithm::Sha256))];
    // EV_POST_CODE of nine bytes, EV_EVENT_TAG, a vendor's event, and shim's strings, which are no signatures.
    let shim = UefiVariable::new(
        "SbatLevel",
        crate::formats::firmware::guid::Guid::GLOBAL,
        b"sbat,1,2022\n",
    )
    .to_bytes();
    let log = written(
        &banks,
        &[
            (0, 1, &[0; 9]),
            (5, 6, b"tag"),
            (2, 0x8401, &[1]),
            (7, EventType::VARIABLE_AUTHORITY.0, &shim),
            (7, EventType::VARIABLE_AUTHORITY.0, b"short"),
        ],
    );
    assert_eq!(log.events().len(), 5);
    let names: Vec<_> = log
        .events()
        .iter()
        .filter_map(|event| Some(event.variable()?.name()))
        .collect();
    assert_eq!(names, ["SbatLevel"]);
}
