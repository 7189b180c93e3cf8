//! Files that Microsoft and Debian signed, with every certificate that is known or inside in db, and in dbx.

use std::fs;
use std::path::{Path, PathBuf};

use bootseal::formats::firmware::authenticode::Image;
use bootseal::formats::firmware::guid::Guid;
use bootseal::formats::firmware::signature_list::SignatureDatabase;
use bootseal::trust::image::Policy;
use bootseal::trust::microsoft;

use super::judge::Judge;
use crate::support::programs::judge;

/// The places where `tests/run` unpacks files that others signed: Debian 11 to 14, the first with pesign's older type of content.
const PLACES: [&str; 5] = ["signed-11", "signed", "signed-13", "signed-14", "linux-7.2"];

fn images(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_symlink() {
            continue;
        }
        if path.is_dir() {
            images(&path, found);
        } else if fs::read(&path).unwrap().starts_with(b"MZ") {
            found.push(path);
        }
    }
}

fn database(der: &[u8]) -> SignatureDatabase {
    let mut database = SignatureDatabase::default();
    database.add_certificate(Guid::MICROSOFT, der);
    database
}

#[test]
fn files_that_others_signed_are_judged_as_edk2_judges_them() {
    let mut openssl = Judge::start();
    let mut files = Vec::new();
    for place in PLACES {
        images(&judge(place), &mut files);
    }
    let (mut compared, mut accepted) = (0, 0);
    for path in &files {
        let file = fs::read(path).unwrap();
        let Ok(image) = Image::parse(&file) else { continue };
        let mut anchors: Vec<Vec<u8>> = microsoft::CERTIFICATES.iter().map(|known| known.der.to_vec()).collect();
        for entry in image.signatures() {
            let inside = entry.signature().unwrap().cms.certificates;
            anchors.extend(inside.iter().map(|certificate| certificate.as_der().to_vec()));
        }
        for anchor in &anchors {
            let (db, nothing) = (database(anchor), SignatureDatabase::default());
            let theirs = openssl.image(&image, std::slice::from_ref(anchor), &[]);
            let ours = Policy::new(&db, &nothing).judge(&image);
            assert_eq!(ours.is_ok(), theirs, "{}: {ours:?}", path.display());
            let forbidden = Policy::new(&database(&anchors[0]), &db).judge(&image);
            if !openssl.image(&image, &anchors[..1], std::slice::from_ref(anchor)) {
                assert!(forbidden.is_err(), "{}: {forbidden:?}", path.display());
            }
            compared += 2;
            accepted += usize::from(theirs);
        }
    }
    println!("compared {compared} of {} files, accepted {accepted}", files.len());
    assert!(files.len() >= 24 && accepted >= 40, "{} {accepted}", files.len());
}
