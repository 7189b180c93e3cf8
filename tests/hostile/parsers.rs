//! Each parser of layer 0, and each round trip, as a function that takes any bytes: the fuzzer (`fuzz/`) calls it, and so does
//! the replay of what the fuzzer found worth keeping. It panics where something is wrong.

// They are called for what they might do.
#![allow(unused_must_use)]

use std::fmt::Debug;

use bootseal::ceremony::transcript::Transcript;
use bootseal::formats::backup::{base32, paper, secret_sharing, share::Share};
use bootseal::formats::chain::{Chain, Start};
use bootseal::formats::crypto::certificate::Certificate;
use bootseal::formats::crypto::cms::SignedData;
use bootseal::formats::crypto::hash::HashAlgorithm;
use bootseal::formats::crypto::ml_dsa::MlDsaKey;
use bootseal::formats::crypto::rsa_public_key::RsaPublicKey;
use bootseal::formats::fat::Fat;
use bootseal::formats::firmware::authenticated_variable::AuthenticatedVariable;
use bootseal::formats::firmware::authenticode::Image;
use bootseal::formats::firmware::device_path::DevicePath;
use bootseal::formats::firmware::event_log::EventLog;
use bootseal::formats::firmware::load_option::LoadOption;
use bootseal::formats::firmware::partition_table::PartitionTables;
use bootseal::formats::firmware::pcr_signature::{self, PcrSignature};
use bootseal::formats::firmware::sbat::Sbat;
use bootseal::formats::firmware::signature_list::SignatureDatabase;
use bootseal::formats::firmware::variable_image::VariableImage;
use bootseal::formats::grub::core_image::CoreImage;
use bootseal::formats::grub::environment_block::EnvironmentBlock;
use bootseal::formats::grub::menu;
use bootseal::formats::grub::opened_files::opened_files;
use bootseal::formats::grub::openpgp::{DetachedSignature, GrubKey, GrubKeyFile};
use bootseal::formats::grub::script::{Script, Variables};
use bootseal::formats::grub::theme;
use bootseal::formats::kernel::compression::{Compression, Kept};
use bootseal::formats::kernel::kernel_config::KernelConfig;
use bootseal::formats::kernel::kernel_image::Embedded;
use bootseal::formats::kernel::module_info::ModuleInfo;
use bootseal::formats::kernel::module_signature::{self, Module};
use bootseal::formats::kernel::running_kernel::{CommandLine, key_list, loaded_modules};
use bootseal::formats::kernel::{initramfs, luks2};
use bootseal::formats::text::{loader_entry, portage, printable};

/// A function that takes any bytes.
pub type Parser = fn(&[u8]);

/// All of them, by name.
pub const PARSERS: &[(&str, Parser)] = &[
    ("authenticode", authenticode),
    ("authenticode-round-trip", authenticode_round_trip),
    ("authenticated-variable", authenticated_variable),
    ("backup-text", backup_text),
    ("certificate", certificate),
    ("chain", chain),
    ("cms", cms),
    ("compression", compression),
    ("compression-round-trip", compression_round_trip),
    ("core-image", core_image),
    ("device-path", device_path),
    ("event-log", event_log),
    ("fat", fat),
    ("grub-script", grub_script),
    ("grub-texts", grub_texts),
    ("initramfs", initramfs_walk),
    ("kernel-config", kernel_config),
    ("kernel-image", kernel_image),
    ("luks2", luks2_header),
    ("module", module),
    ("module-round-trip", module_round_trip),
    ("openpgp", openpgp),
    ("partition-table", partition_table),
    ("pcr-signature", pcr_signatures),
    ("public-key", public_key),
    ("running-kernel", running_kernel),
    ("sbat", sbat),
    ("sharing-round-trip", sharing_round_trip),
    ("signature-list", signature_list),
    ("texts", texts),
    ("transcript", transcript),
    ("variable-image", variable_image),
];

/// Checks that a value is read again from what it was written to.
fn reads_back<T: PartialEq + Debug, E: Debug>(value: &T, again: Result<T, E>) {
    assert_eq!(&again.unwrap(), value, "another value is read back");
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn authenticode(bytes: &[u8]) {
    for image in [Image::parse(bytes), Image::parse_with_stale_table(bytes)]
        .into_iter()
        .flatten()
    {
        for entry in image.signatures() {
            if let Ok(signature) = entry.signature() {
                let _ = signature.verify_integrity(&image);
            }
        }
        image.layout_problems();
        pcr_signature::policies(&image, "sha256");
        image.digest(HashAlgorithm::Sha256);
        image.unpadded_digest(HashAlgorithm::Sha256);
        image.checksum();
    }
}

/// A signature that is added and taken away leaves the image as it was, but for its padding; its hash stays.
fn authenticode_round_trip(bytes: &[u8]) {
    let Ok(image) = Image::parse(bytes) else { return };
    let Ok(plain) = image.rewritten(|_| false, None) else {
        return;
    };
    let plain = plain.to_vec();
    let Ok(signed) = image.rewritten(|_| false, Some(b"no CMS at all")) else {
        return;
    };
    let signed = signed.to_vec();
    let again = Image::parse(&signed).unwrap();
    assert_eq!(again.signatures().len(), 1);
    assert_eq!(again.rewritten(|_| false, None).unwrap().to_vec(), plain);
    let before = Image::parse(&plain).unwrap();
    // Of an image that is refused, firmware hashes one thing or another.
    if before.check_signable().is_ok() {
        assert_eq!(
            again.digest(HashAlgorithm::Sha256),
            before.digest(HashAlgorithm::Sha256)
        );
    }
}

fn authenticated_variable(bytes: &[u8]) {
    if let Ok(variable) = AuthenticatedVariable::parse(bytes) {
        let _ = variable.cms();
        let _ = variable.time.check();
        let again = AuthenticatedVariable::parse(&variable.to_bytes()).unwrap();
        assert_eq!(again.payload, variable.payload);
        assert_eq!(again.time, variable.time);
    }
}

fn backup_text(bytes: &[u8]) {
    let text = text(bytes);
    let _ = Share::parse(&text);
    let _ = paper::files(&text);
    let _ = base32::decode(&text);
    let lines = paper::lines("file", bytes).join("\n");
    if let Ok(files) = paper::files(&lines) {
        assert_eq!(files.get("file").map(Vec::as_slice), Some(bytes));
    }
}

fn certificate(bytes: &[u8]) {
    let _ = Certificate::from_der_prefix(bytes);
    let _ = Certificate::from_pem(bytes);
    if let Ok(certificate) = Certificate::from_der(bytes) {
        certificate.common_name();
        certificate.fingerprint();
        let _ = certificate.public_key();
        let _ = certificate.ecdsa_key();
        reads_back(
            &certificate.as_der().to_vec(),
            Certificate::from_der(certificate.as_der()).map(|again| again.as_der().to_vec()),
        );
    }
}

fn chain(bytes: &[u8]) {
    if let Ok(chain) = Chain::<std::collections::BTreeMap<String, String>>::parse(bytes, Start::Beginning) {
        assert_eq!(chain.as_bytes(), bytes);
    }
}

fn cms(bytes: &[u8]) {
    let _ = SignedData::parse(bytes);
    let _ = SignedData::parse_prefix(bytes);
}

fn compression(bytes: &[u8]) {
    let format = Compression::from_magic(bytes);
    let _ = format.unpack_start(bytes, 100);
    let _ = format.kernel_unpacks(bytes);
    if let Ok(Some(content)) = format.unpack_at_most(bytes, 1 << 20) {
        let half = content.len() / 2;
        for keep in [content.len(), content.len().saturating_sub(3), half] {
            appended(format, bytes, &content, keep);
        }
    }
}

/// A file that gets another end has that one, and can have another.
fn appended(format: Compression, packed: &[u8], content: &[u8], keep: usize) -> bool {
    let append = |packed: &[u8], whole: usize, end: &[u8]| {
        let kept = Kept {
            length: whole as u64,
            keep: keep as u64,
            content: &mut &content[..keep],
        };
        format.append(packed, kept, end).map(|pieces| pieces.concat())
    };
    let Ok(one) = append(packed, content.len(), b"end") else {
        return false;
    };
    let two = append(&one, keep + 3, b"another").unwrap();
    for (packed, end) in [(one, &b"end"[..]), (two, b"another")] {
        assert!(*format.unpack(&packed).unwrap() == [&content[..keep], end].concat());
        format.kernel_unpacks(&packed).unwrap();
    }
    true
}

fn compression_round_trip(bytes: &[u8]) {
    let [first, content @ ..] = bytes else { return };
    let format = match first % 3 {
        0 => Compression::Gzip,
        1 => Compression::Xz,
        _ => Compression::Zstd,
    };
    let packed = format.pack(content.to_vec()).unwrap();
    assert_eq!(Compression::from_magic(&packed), format);
    assert_eq!(format.unpack(&packed).unwrap(), content);
    format.kernel_unpacks(&packed).unwrap();
    assert!(appended(format, &packed, content, content.len()));
}

fn core_image(bytes: &[u8]) {
    for core in [
        CoreImage::parse_section(bytes, None),
        CoreImage::parse_section(bytes, Some(bytes)),
    ]
    .into_iter()
    .flatten()
    {
        core.memory_disk_scripts();
        core.memory_disk_file("/boot/grub/grub.cfg");
        core.has_module("pgp");
    }
}

fn device_path(bytes: &[u8]) {
    let path = DevicePath::new(bytes);
    path.file();
    path.partition();
    path.is_of_firmware();
    path.is_firmware_file();
    let _ = LoadOption::parse(bytes);
}

fn event_log(bytes: &[u8]) {
    let Ok(log) = EventLog::parse(bytes) else { return };
    for event in log.events() {
        event.variable();
        event.image();
    }
    for pcr in 0..8 {
        log.replay(HashAlgorithm::Sha256, pcr);
    }
}

fn fat(bytes: &[u8]) {
    let Ok(fat) = Fat::open(bytes.to_vec()) else { return };
    let files: Vec<_> = fat.files().take(100).collect();
    for (_, entry) in files {
        if let (Ok(whole), Ok(extents)) = (fat.read(entry, 1 << 20), fat.extents(entry)) {
            let mut place = 0;
            while place < whole.len() {
                let (offset, left) = extents.at(place as u64).unwrap();
                assert_eq!(bytes[usize::try_from(offset).unwrap()], whole[place]);
                place += usize::try_from(left).unwrap();
            }
        }
    }
    fat.find_file("/EFI/BOOT/BOOTX64.EFI");
}

fn partition_table(bytes: &[u8]) {
    let disk = bytes.to_vec();
    for block in [512, 4096] {
        for partition in PartitionTables::read(&disk, block, bytes.len() as u64).partitions {
            assert!(partition.length > 0 && partition.start + partition.length <= bytes.len() as u64);
        }
    }
}

fn grub_script(bytes: &[u8]) {
    let script = Script::parse_bytes(bytes);
    opened_files(&script, &Variables::default());
    let menu = menu::menu(&[(0, &script)], &Variables::default());
    menu::default_entry(
        &menu,
        &[&script],
        &Variables::default(),
        &EnvironmentBlock::parse(bytes),
    );
}

fn grub_texts(bytes: &[u8]) {
    let block = EnvironmentBlock::parse(bytes);
    for name in block.names() {
        block.get(name);
    }
    theme::images(&text(bytes));
}

fn initramfs_walk(bytes: &[u8]) {
    let _ = initramfs::files(bytes, |path| path.ends_with(b".ko"), |entry| drop(entry.path));
}

fn kernel_config(bytes: &[u8]) {
    if let Ok(config) = KernelConfig::parse(bytes) {
        config.is_on("CONFIG_MODULES");
    }
}

fn kernel_image(bytes: &[u8]) {
    let _ = Embedded::read(bytes);
}

fn luks2_header(bytes: &[u8]) {
    let _ = luks2::header_size(bytes);
    let _ = luks2::tpm_tokens(bytes);
}

fn module(bytes: &[u8]) {
    if let Ok(module) = Module::parse(bytes) {
        let _ = module.signed_data();
    }
    let _ = Module::stripped(bytes);
    let _ = ModuleInfo::parse(bytes);
}

fn module_round_trip(bytes: &[u8]) {
    let (content, cms) = bytes.split_at(bytes.len() / 2);
    let signed = module_signature::append(content, cms).unwrap();
    let module = Module::parse(&signed).unwrap();
    assert_eq!((module.content, module.signature), (content, Some(cms)));
}

fn openpgp(bytes: &[u8]) {
    let _ = GrubKeyFile::parse(bytes);
    if let Ok(key) = GrubKey::parse(bytes) {
        key.fingerprint();
        key.key_id();
    }
    if let Ok(signature) = DetachedSignature::parse(bytes) {
        signature.issuer();
        if let Ok(written) = signature.to_bytes() {
            DetachedSignature::parse(&written).unwrap();
        }
    }
}

fn public_key(bytes: &[u8]) {
    let _ = RsaPublicKey::from_spki_der(bytes);
    let _ = MlDsaKey::from_spki_der(bytes);
    let _ = bootseal::formats::crypto::ecdsa::EcdsaKey::from_spki_der(bytes);
}

fn running_kernel(bytes: &[u8]) {
    let text = text(bytes);
    CommandLine::parse(&text);
    let _ = loaded_modules(&text);
    let _ = key_list(&text);
}

fn pcr_signatures(bytes: &[u8]) {
    let _ = PcrSignature::parse(bytes);
    let _ = pcr_signature::public_key(bytes).map(|key| pcr_signature::fingerprint(&key));
}

fn sbat(bytes: &[u8]) {
    if let Ok(sbat) = Sbat::parse(bytes) {
        sbat.components_below(&sbat).for_each(drop);
    }
}

fn sharing_round_trip(bytes: &[u8]) {
    let [needed, count, rest @ ..] = bytes else { return };
    let (secret, random) = rest.split_at(rest.len() / 3);
    let Ok(shares) = secret_sharing::split(secret, *needed, *count, random) else {
        return;
    };
    let numbered: Vec<(u8, &[u8])> = (1..=u8::MAX).zip(shares.iter().map(|share| share.as_slice())).collect();
    let (first, last) = (usize::from(*needed), numbered.len() - usize::from(*needed));
    for shares in [&numbered[..first], &numbered[last..]] {
        assert_eq!(secret_sharing::combine(shares).unwrap().as_slice(), secret);
    }
}

fn signature_list(bytes: &[u8]) {
    if let Ok(lists) = SignatureDatabase::parse(bytes) {
        assert_eq!(lists.to_bytes(), bytes);
        let mut merged = SignatureDatabase::default();
        merged.merge(&lists);
        assert!(merged.contains_all(&lists));
        assert!(lists.contains_all(&merged));
    }
}

fn texts(bytes: &[u8]) {
    let text = text(bytes);
    loader_entry::images(&text);
    portage::assignments(&text);
    portage::package_lines(&text);
    let shown = printable(&text);
    assert_eq!(printable(&shown), shown);
}

fn transcript(bytes: &[u8]) {
    if let Ok(transcript) = Transcript::parse(bytes) {
        assert_eq!(transcript.as_bytes(), bytes);
        transcript.is_sealed();
    }
}

fn variable_image(bytes: &[u8]) {
    if let Ok(image) = VariableImage::parse(bytes.to_vec()) {
        image.free_space();
        if let Ok(written) = image.to_bytes() {
            let again = VariableImage::parse(written).unwrap();
            assert_eq!(again.variables().len(), image.variables().len());
        }
    }
}
