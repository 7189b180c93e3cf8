//! Every byte of every signature container, also those that no signature covers: what the reader would stumble over must
//! not pass, or a broken file would count as signed and never be signed again.

use std::cell::RefCell;
use std::fs;
use std::path::Path;

use bootseal::formats::firmware::authenticated_variable::{AuthenticatedVariable, signed_bytes};
use bootseal::formats::firmware::authenticode::{Image, minimal_image};
use bootseal::formats::kernel::module_signature::Module;
use bootseal::keys::KeyDirectory;
use bootseal::trust::variable::recognise;
use bootseal::trust::{Anchors, examine};

use crate::differential::judge::Judge;
use crate::support::{keys, module, sign, succeed};

fn anchors() -> Anchors {
    Anchors::from_directory(&KeyDirectory::open(keys()).unwrap()).unwrap()
}

fn accepted(file: &[u8], signature: Option<&[u8]>, anchors: &Anchors) -> bool {
    examine(file, signature, anchors)
        .iter()
        .all(|finding| finding.verdict.is_ok())
}

/// Changes each byte of a part, in three ways, and returns where that goes unnoticed.
fn unnoticed(bytes: &[u8], part: std::ops::Range<usize>, is_accepted: impl Fn(&[u8]) -> bool) -> Vec<usize> {
    assert!(is_accepted(bytes), "unchanged, it is accepted");
    part.filter(|place| {
        [0x01, 0x80, 0xff].into_iter().any(|change| {
            let mut changed = bytes.to_vec();
            changed[*place] ^= change;
            is_accepted(&changed)
        })
    })
    .collect()
}

fn signed(what: &str, path: &Path) -> Vec<u8> {
    succeed(&mut sign(what, &[path]));
    fs::read(path).unwrap()
}

#[test]
fn of_a_module_signature_only_algorithm_parameters_may_change() {
    let directory = tempfile::tempdir().unwrap();
    let file = signed("modules", &module(directory.path(), "m.ko"));
    let parsed = Module::parse(&file).unwrap();
    let start = parsed.content.len();
    let anchors = anchors();
    let places = unnoticed(&file, start..file.len(), |bytes| accepted(bytes, None, &anchors));
    // The kernel's grammar takes any parameters, and its parser skips them: the tag of rsaEncryption's NULL.
    let nulls = |place: &usize| file[*place] == 0x05 && file[*place + 1] == 0;
    assert!(
        places.iter().all(nulls) && places.len() <= 1,
        "{places:x?} after {start:#x}"
    );
}

#[test]
fn of_a_grub_signature_nothing_may_change() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("grub.cfg");
    fs::write(&path, b"set timeout=5\n").unwrap();
    succeed(&mut sign("grub", &[&path]));
    let signature = fs::read(directory.path().join("grub.cfg.sig")).unwrap();
    let anchors = anchors();
    let is_accepted = |bytes: &[u8]| accepted(b"set timeout=5\n", Some(bytes), &anchors);
    assert_eq!(unnoticed(&signature, 0..signature.len(), is_accepted), [0; 0]);
}

#[test]
fn of_an_image_signature_only_what_firmware_skips_may_change() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("image.efi");
    fs::write(&path, minimal_image()).unwrap();
    let file = signed("efi", &path);
    let anchors = anchors();
    let start = minimal_image().len();
    let openssl = RefCell::new(Judge::start());
    let db = [fs::read(keys().join("db.der")).unwrap()];
    let is_accepted = |bytes: &[u8]| {
        let is_accepted = accepted(bytes, None, &anchors);
        // EDK2 reads neither versions nor most algorithms: whatever passes here passes there.
        if is_accepted {
            let image = Image::parse(bytes).unwrap();
            assert!(openssl.borrow_mut().image(&image, &db, &[]));
        }
        is_accepted
    };
    let places = unnoticed(&file, start..file.len(), is_accepted);
    assert!(places.len() < 40, "{places:x?}");
}

#[test]
fn of_an_authenticated_variable_only_what_openssl_skips_may_change() {
    let anchors = anchors();
    for name in ["PK.auth", "KEK.auth", "db.auth"] {
        let file = fs::read(keys().join(name)).unwrap();
        let header = 16 + u32::from_le_bytes(file[16..20].try_into().unwrap()) as usize;
        let openssl = RefCell::new(Judge::start());
        let update = AuthenticatedVariable::parse(&file).unwrap();
        let signer = recognise(&update).unwrap();
        let attributes = signer.attributes;
        let vendor = signer.variable.vendor();
        let content = [
            signed_bytes(signer.variable.name(), &vendor, attributes, &update.time),
            update.payload.clone(),
        ];
        let is_accepted = |bytes: &[u8]| {
            let is_accepted = accepted(bytes, None, &anchors);
            if is_accepted {
                let changed = AuthenticatedVariable::parse(bytes).unwrap();
                let trusted = signer.signer.as_der();
                let mut openssl = openssl.borrow_mut();
                assert!(openssl.pkcs7(&changed.signed_data, trusted, &content.concat()));
            }
            is_accepted
        };
        let places = unnoticed(&file, 0..header, is_accepted);
        assert!(places.len() < 40, "{name}: {places:x?}");
    }
}
