use super::*;
use crate::formats::crypto::hash::{Digest, HashAlgorithm};
use crate::formats::firmware::authenticated_variable::VariableName;
use crate::formats::firmware::event_log::{Bank, Event, EventLog, EventType, UefiVariable};
use crate::formats::firmware::guid::Guid;
use crate::formats::firmware::signature_list::{Signature, SignatureDatabase, SignatureType};
use crate::trust::microsoft;

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

/// PCR 7 of a start with this db and these changes of the variables' data.
fn predicted(
    log: &EventLog,
    bank: Bank,
    db: &SignatureDatabase,
    changed: Option<VariableName>,
    secure_boot: bool,
) -> Result<Vec<u8>, Unpredictable> {
    let used = used();
    let data = |name: VariableName| {
        let mut data = data(name.name());
        data.extend((changed == Some(name)).then_some(1));
        data
    };
    let start = Start {
        data: &data,
        db,
        secure_boot,
        changes_mode: false,
        loader: Some(&used),
    };
    value(&measurements(log, &start)?, bank)
}

const SHA256: Bank = Bank::Sha2(HashAlgorithm::Sha256);

/// The db of the sample, as far as it let something in.
fn db() -> SignatureDatabase {
    let mut database = SignatureDatabase::default();
    let used = used();
    database.add(SignatureType::X509, used.owner, &used.data);
    database
}

#[test]
fn the_same_variables_and_the_same_loader_give_the_same_pcr() {
    let log = log();
    for bank in [SHA256, Bank::Sha2(HashAlgorithm::Sha384)] {
        let same = predicted(&log, bank, &db(), None, true).unwrap();
        assert_eq!(Some(same), log.replay_in(bank, PCR));
    }
}

#[test]
fn every_variable_counts() {
    let log = log();
    let of = |changed, secure_boot| predicted(&log, SHA256, &db(), changed, secure_boot).unwrap();
    let present = of(None, true);
    for name in VariableName::ALL {
        assert_ne!(of(Some(name), true), present, "{name}");
    }
    assert_ne!(of(None, false), present);
    let refused = predicted(&log, Bank::Sha2(HashAlgorithm::Sha3_256), &db(), None, true);
    assert!(matches!(refused, Err(Unpredictable::Bank(_))), "{refused:?}");
}

#[test]
fn variables_that_changed_since_the_start_are_named() {
    let log = log();
    let now = |changed: &'static [VariableName]| {
        move |name: VariableName| {
            let mut data = data(name.name());
            data.extend(changed.contains(&name).then_some(1));
            data
        }
    };
    assert_eq!(changed_since(&log, &now(&[])), []);
    for (changed, words) in [
        (&[VariableName::Pk][..], "and PK was changed since then"),
        (&VariableName::ALL, "and PK, KEK, db and dbx were changed since then"),
    ] {
        let found = changed_since(&log, &now(changed));
        assert_eq!(found, changed);
        let text = Unpredictable::Changed(found).to_string();
        assert!(text.ends_with(words), "{text}");
    }
}

/// An event of the SHA-256 bank alone.
fn event(pcr: u32, kind: EventType, data: &[u8], digest: &[u8]) -> Vec<u8> {
    let mut event = Vec::new();
    for number in [pcr, kind.0, 1] {
        event.extend(number.to_le_bytes());
    }
    event.extend(0x0b_u16.to_le_bytes());
    event.extend(digest);
    event.extend(u32::try_from(data.len()).unwrap().to_le_bytes());
    event.extend(data);
    event
}

fn measured(kind: EventType, data: &[u8]) -> Vec<u8> {
    event(PCR, kind, data, HashAlgorithm::Sha256.digest(&[data]).as_bytes())
}

/// A log of the SHA-256 bank alone: a text of the firmware first, an Option ROM with its authority before the separator, and the
/// loader's authority behind it.
fn other_order(mode: Option<&str>, rom_in: u32) -> EventLog {
    let mut bytes = Vec::new();
    bytes.extend(0_u32.to_le_bytes());
    bytes.extend(3_u32.to_le_bytes());
    bytes.extend([0; 20]);
    let header = [
        b"Spec ID Event03\0".as_slice(),
        &[0, 0, 0, 0, 0, 2, 0, 2],
        &[1, 0, 0, 0],
        &[0x0b, 0, 32, 0, 0],
    ]
    .concat();
    bytes.extend(u32::try_from(header.len()).unwrap().to_le_bytes());
    bytes.extend(header);
    bytes.extend(measured(EventType::ACTION, b"DMA Protection Disabled\0"));
    let config = EventType::VARIABLE_DRIVER_CONFIG;
    bytes.extend(measured(
        config,
        &UefiVariable::new("SecureBoot", Guid::GLOBAL, &[1]).to_bytes(),
    ));
    for name in VariableName::ALL {
        let variable = UefiVariable::new(name.name(), name.vendor(), &data(name.name()));
        bytes.extend(measured(config, &variable.to_bytes()));
    }
    if let Some(mode) = mode {
        bytes.extend(measured(
            config,
            &UefiVariable::new(mode, Guid::GLOBAL, &[0]).to_bytes(),
        ));
    }
    let rom = [ROM_OWNER.as_slice(), b"rom's certificate"].concat();
    let rom = UefiVariable::new("db", Guid::IMAGE_SECURITY_DATABASE, &rom).to_bytes();
    let digest = HashAlgorithm::Sha256.digest(&[&rom]);
    bytes.extend(event(rom_in, EventType::VARIABLE_AUTHORITY, &rom, digest.as_bytes()));
    bytes.extend(event(2, EventType::BOOT_SERVICES_DRIVER, &[0; 32], &[7; 32]));
    bytes.extend(measured(EventType::SEPARATOR, &[0; 4]));
    let used = used();
    let own = UefiVariable::new(
        "db",
        Guid::IMAGE_SECURITY_DATABASE,
        &[used.owner.as_bytes().as_slice(), &used.data].concat(),
    );
    bytes.extend(measured(EventType::VARIABLE_AUTHORITY, &own.to_bytes()));
    EventLog::parse(&bytes).unwrap()
}

const ROM_OWNER: [u8; 16] = [9; 16];

#[test]
fn every_event_keeps_its_place() {
    let mut with_rom = db();
    with_rom.add(SignatureType::X509, Guid::from_bytes(ROM_OWNER), b"rom's certificate");
    for log in [
        other_order(None, PCR),
        other_order(Some("AuditMode"), PCR),
        other_order(Some("DeployedMode"), 2),
    ] {
        let same = predicted(&log, SHA256, &with_rom, None, true).unwrap();
        assert_eq!(Some(same.clone()), log.replay_in(SHA256, PCR));
        // What lies in between is exchanged where it stands.
        let other = predicted(&log, SHA256, &with_rom, Some(VariableName::Dbx), true).unwrap();
        assert_ne!(other, same);
    }
    let gone = predicted(&other_order(None, PCR), SHA256, &db(), None, true);
    assert_eq!(gone, Err(Unpredictable::AuthorityGone));
    // In PCR 2 it is no part of PCR 7.
    assert!(predicted(&other_order(None, 2), SHA256, &db(), None, true).is_ok());
}

#[test]
fn what_is_not_known_to_come_again_is_not_predicted() {
    let mut bytes = include_bytes!("../../../tests/golden/data/tpm/ovmf-swtpm-eventlog.bin").to_vec();
    bytes.extend(event(PCR, EventType(0x8401), &[1], &[1; 32]));
    let log = EventLog::parse(&bytes).unwrap();
    assert_eq!(
        predicted(&log, SHA256, &db(), None, true),
        Err(Unpredictable::Foreign(0x8401))
    );
    // A log of a start without Secure Boot does not say who let an Option ROM in.
    let (off, _) = with_option_rom(false);
    assert_eq!(
        predicted(&off, SHA256, &db(), None, true),
        Err(Unpredictable::OptionRoms)
    );
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
