//! An image that was built from a signed one: its certificate table is still noted, in what are sections now.

use std::fs;

use bootseal::formats::firmware::authenticode::{Image, minimal_image};

use super::{DIRECTORY, holds, sample_with};
use crate::support::signer::TestKey;
use crate::support::{bootseal, keys};

fn stale() -> Vec<u8> {
    sample_with(DIRECTORY, &[0, 4, 0, 0, 0x40, 0, 0, 0])
}

#[test]
fn it_is_refused_with_a_way_on_and_signed_with_replace() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("image.efi");
    fs::write(&path, stale()).unwrap();
    let sign = |replace: &[&str]| {
        let mut command = bootseal(["sign", "efi", "--keys"]);
        command.arg(keys()).args(replace).arg(&path);
        command.output().unwrap()
    };
    let refused = sign(&[]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned() + &String::from_utf8_lossy(&refused.stdout);
    assert!(!refused.status.success() && said.contains("--replace"), "{said}");
    assert_eq!(fs::read(&path).unwrap(), stale());
    let signed = sign(&["--replace"]);
    assert!(signed.status.success(), "{}", String::from_utf8_lossy(&signed.stderr));
    let file = fs::read(&path).unwrap();
    assert_eq!(Image::parse(&file).unwrap().signatures().len(), 1);
    let verified = bootseal(["verify", "--keys"]).arg(keys()).arg(&path).status();
    assert!(verified.unwrap().success());
}

#[test]
fn a_table_that_is_cut_off_or_followed_by_data_is_none_of_these() {
    let signed = TestKey::shared().sign_image(&minimal_image());
    assert!(holds(&signed));
    for file in [[&signed[..], b"more"].concat(), signed[..signed.len() - 8].to_vec()] {
        assert!(Image::parse(&file).is_err());
        assert!(Image::parse_with_stale_table(&file).is_err());
    }
    assert!(Image::parse_with_stale_table(&stale()).is_ok());
}
