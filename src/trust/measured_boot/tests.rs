use super::*;

fn log() -> EventLog {
    EventLog::parse(include_bytes!("../../../tests/golden/data/tpm/ovmf-swtpm-eventlog.bin")).unwrap()
}

fn data(name: &str) -> Vec<u8> {
    let log = log();
    let mut variables = log.events().iter().filter_map(Event::variable);
    variables.find(|variable| variable.name() == name).unwrap().data
}

fn used() -> Signature {
    let log = log();
    let mut events = log.events().iter();
    let event = events
        .find(|event| event.kind == EventType::VARIABLE_AUTHORITY)
        .unwrap();
    let data = event.variable().unwrap().data;
    Signature {
        owner: Guid::from_bytes(data[..16].try_into().unwrap()),
        data: data[16..].to_vec(),
    }
}

#[test]
fn the_same_variables_and_the_same_loader_give_the_same_pcr() {
    let log = log();
    for algorithm in [HashAlgorithm::Sha256, HashAlgorithm::Sha384] {
        let predicted = predict(&log, algorithm, |name| data(name.name()), true, &[used()]).unwrap();
        assert_eq!(Some(predicted.clone()), log.replay(algorithm, PCR));
        // An entry is measured once, however many images it lets in.
        let twice = predict(&log, algorithm, |name| data(name.name()), true, &[used(), used()]).unwrap();
        assert_eq!(twice, predicted);
    }
}

#[test]
fn every_variable_counts() {
    let log = log();
    let of = |changed: Option<VariableName>, secure_boot, entries: &[Signature]| {
        let data = |name: VariableName| {
            let mut data = data(name.name());
            if changed == Some(name) {
                data.push(1);
            }
            data
        };
        predict(&log, HashAlgorithm::Sha256, data, secure_boot, entries).unwrap()
    };
    let present = of(None, true, &[used()]);
    for name in VariableName::ALL {
        assert_ne!(of(Some(name), true, &[used()]), present, "{name}");
    }
    assert_ne!(of(None, false, &[used()]), present);
    assert_ne!(of(None, true, &[]), present);
    let bank = HashAlgorithm::Sha3_256;
    let refused = predict(&log, bank, |_| Vec::new(), true, &[]);
    assert_eq!(refused, Err(Unpredictable::Bank(bank)));
}

/// The sample with a driver from a PCI device, and an authority before it.
fn with_option_rom(secure_boot: bool) -> (EventLog, Digest) {
    let bytes = include_bytes!("../../../tests/golden/data/tpm/ovmf-swtpm-eventlog.bin");
    let mut log = bytes.to_vec();
    let position = log.windows(20).position(|window| {
        window
            == "SecureBoot"
                .encode_utf16()
                .flat_map(u16::to_le_bytes)
                .collect::<Vec<u8>>()
    });
    log[position.unwrap() + 20] = u8::from(secure_boot);
    let digest = HashAlgorithm::Sha256.digest(&[b"option rom"]);
    let mut event = Vec::new();
    event.extend(2_u32.to_le_bytes());
    event.extend(EventType::BOOT_SERVICES_DRIVER.0.to_le_bytes());
    event.extend(1_u32.to_le_bytes());
    event.extend(0x0b_u16.to_le_bytes());
    event.extend(digest.as_bytes());
    let path = [
        2, 1, 12, 0, 0xd0, 0x41, 3, 0x0a, 0, 0, 0, 0, 1, 1, 6, 0, 0, 3, 4, 8, 24, 0,
    ]
    .into_iter()
    .chain([0; 20])
    .chain([0x7f, 0xff, 4, 0])
    .collect::<Vec<u8>>();
    let size = u32::try_from(path.len()).unwrap();
    event.extend((32 + size).to_le_bytes());
    event.extend([0; 24]);
    event.extend(u64::from(size).to_le_bytes());
    event.extend(path);
    log.extend(event);
    (EventLog::parse(&log).unwrap(), digest)
}

fn listed(kind: SignatureType, data: &[u8]) -> SignatureDatabase {
    let mut database = SignatureDatabase::default();
    database.add(kind, Guid::GLOBAL, data);
    database
}

#[test]
fn option_roms_are_covered_by_hash_or_by_who_let_them_in() {
    let nothing = SignatureDatabase::default();
    let (on, digest) = with_option_rom(true);
    let roms = option_roms(&on);
    assert_eq!(roms.len(), 1);
    assert!(
        roms[0].device.starts_with("PciRoot(0x0)/Pci(0x3,0x0)/"),
        "{}",
        roms[0].device
    );
    let hash = listed(SignatureType::Sha256, digest.as_bytes());
    let certificate = listed(SignatureType::X509, &used().data);
    let of = |log: &EventLog, db: &SignatureDatabase, dbx: &SignatureDatabase| coverage(&roms[0], log, db, dbx);
    assert_eq!(of(&on, &hash, &nothing), Coverage::Hash);
    assert_eq!(of(&on, &certificate, &nothing), Coverage::Authority);
    assert_eq!(of(&on, &nothing, &nothing), Coverage::None);
    assert_eq!(of(&on, &hash, &hash), Coverage::Forbidden);
    assert_eq!(option_rom_entries(&on, &certificate).len(), 1);

    let (off, _) = with_option_rom(false);
    assert_eq!(of(&off, &certificate, &nothing), Coverage::None);
    let mut microsofts = SignatureDatabase::default();
    for known in microsoft::CERTIFICATES.iter().filter(|known| known.option_roms) {
        microsofts.add_certificate(Guid::MICROSOFT, known.der);
    }
    assert_eq!(of(&off, &microsofts, &nothing), Coverage::Likely);
    assert_eq!(of(&off, &hash, &nothing), Coverage::Hash);
}

#[test]
fn the_firmwares_own_drivers_and_boot_loaders_are_no_option_roms() {
    assert_eq!(option_roms(&log()), []);
}
