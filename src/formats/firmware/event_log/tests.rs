//! A log that OVMF wrote, and malformed ones.

use super::*;

const LOG: &[u8] = include_bytes!("../../../../tests/golden/data/tpm/ovmf-swtpm-eventlog.bin");
const PCRS_READ: &str = include_str!("../../../../tests/golden/data/tpm/ovmf-swtpm-pcrs.yaml");

/// Bank, number and value of each PCR that `tpm2_pcrread` printed.
fn read() -> Vec<(HashAlgorithm, u32, String)> {
    let mut bank = None;
    let mut values = Vec::new();
    for line in PCRS_READ.lines().map(str::trim) {
        if let Some(name) = line.strip_suffix(':') {
            bank = match name {
                "sha256" => Some(HashAlgorithm::Sha256),
                "sha384" => Some(HashAlgorithm::Sha384),
                "sha512" => Some(HashAlgorithm::Sha512),
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
            assert_eq!(log.replay(bank, pcr).unwrap().to_hex(), value, "{} {pcr}", bank.name());
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
}
