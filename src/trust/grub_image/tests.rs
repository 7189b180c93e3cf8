use super::*;
use crate::formats::crypto::rsa_public_key::RsaPublicKey;
use crate::formats::grub::core_image::Module;

const CONFIGURATION: &[u8] = b"set check_signatures=enforce\nexport check_signatures\nset superusers=\"root\"\n\
    export superusers\npassword_pbkdf2 root grub.pbkdf2.sha512.10000.AA.BB\nconfigfile $prefix/grub.cfg\nreboot\n";

fn key(byte: u8) -> GrubKey {
    let modulus: Vec<u8> = [0xc1].into_iter().chain([byte; 255]).collect();
    GrubKey::new(&RsaPublicKey::from_parts(&modulus, &[1, 0, 1]).unwrap(), 1).unwrap()
}

fn file(key: &GrubKey) -> Vec<u8> {
    key.export("somebody", &[]).unwrap()
}

fn image<'a>(modules: &[&str], keys: &[&'a [u8]], configuration: &'a [u8]) -> CoreImage<'a> {
    let module = |name: &&str| Module {
        name: (*name).to_owned(),
    };
    CoreImage {
        version: None,
        prefix: None,
        modules: modules.iter().map(module).collect(),
        keys: keys.to_vec(),
        certificates: 0,
        configuration: Some(configuration),
        memory_disk_configuration: None,
        memory_disk: None,
        shim_lock_disabled: Switch::Set,
        cli_disabled: Switch::Unset,
    }
}

fn problems(image: &CoreImage<'_>) -> Vec<&'static str> {
    judge(image, &[key(0x55)], false)
        .problems
        .iter()
        .map(|problem| problem.kind.name())
        .collect()
}

#[test]
fn one_that_enforces_says_by_which_keys_and_hides_the_password() {
    let (one, two) = (key(0x55), key(0x33));
    let files = [file(&one), file(&two)];
    let image = image(&VERIFIERS, &[&files[0], &files[1]], CONFIGURATION);
    let judged = judge(&image, &[one.clone(), two.clone()], false);
    let expected = format!(
        "enforces signatures by OpenPGP key {} and {}",
        one.fingerprint(),
        two.fingerprint()
    );
    assert_eq!(judged.verdict(), Ok(expected));
    let configuration = judged.configuration.unwrap();
    assert!(configuration.contains("password_pbkdf2 root …") && !configuration.contains("10000"));
    assert_eq!(problems(&image), ["foreign_key"]);
    assert_eq!(judge(&image, &[], false).problems, []);
}

#[test]
fn each_way_around_is_named() {
    let own = file(&key(0x55));
    let own: &[&[u8]] = &[&own];
    let with = |modules: &[&str], keys: &[&'static [u8]], configuration: &'static [u8]| {
        problems(&image(modules, keys, configuration))
    };
    assert_eq!(problems(&image(&VERIFIERS, own, CONFIGURATION)), [""; 0]);
    assert_eq!(
        problems(&image(&["gcry_rsa", "gcry_sha512"], own, CONFIGURATION)),
        ["no_pgp"]
    );
    assert_eq!(problems(&image(&["tpm"], own, CONFIGURATION)), ["tpm_without_pgp"]);
    assert_eq!(
        problems(&image(&["pgp", "gcry_rsa"], own, CONFIGURATION)),
        ["no_verifier"]
    );
    assert_eq!(with(&VERIFIERS, &[], CONFIGURATION), ["no_key"]);
    assert_eq!(
        with(&VERIFIERS, &[&[0xc6, 0xc0, 0x00]], CONFIGURATION),
        ["unreadable_key"]
    );
    assert_eq!(
        with(&VERIFIERS, &[b"\x98\x06\x04\0\0\0\0\x16"], CONFIGURATION),
        ["useless_key"]
    );
    assert_eq!(
        with(&VERIFIERS, &[b"\x98\x06\x04\0\0\0\0\x11"], CONFIGURATION),
        ["dsa_key"]
    );
}

#[test]
fn the_embedded_configuration_counts() {
    let own = file(&key(0x55));
    let said = |configuration: &[u8]| problems(&image(&VERIFIERS, &[&own], configuration));
    let after = |words: &str| {
        let text = String::from_utf8_lossy(CONFIGURATION).replace("configfile", &format!("{words}\nconfigfile"));
        said(text.as_bytes())
    };
    assert_eq!(said(b""), ["open_shell"]);
    assert_eq!(after("set check_signatures=no"), ["disabled"]);
    assert_eq!(after("set check_signatures=\"enforce\""), [""; 0]);
    assert_eq!(after("unset check_signatures"), ["disabled"]);
    assert_eq!(after("load_env --skip-sig"), ["disabled"]);
    assert_eq!(after("trust ($root)/key.gpg"), ["trust"]);
    assert_eq!(after("set superusers=\"\""), ["open_shell"]);
    assert_eq!(said(b"set superusers=root\nreboot\n"), ["open_shell"]);
    assert_eq!(
        said(b"set superusers=root\nexport superusers\nconfigfile /grub.cfg\n"),
        ["open_shell"]
    );
    let mut closed = image(&VERIFIERS, &[&own], b"configfile /grub.cfg\n");
    closed.cli_disabled = Switch::Set;
    assert_eq!(problems(&closed), [""; 0]);
}

#[test]
fn without_shim_its_lock_has_to_be_disabled() {
    let own = file(&key(0x55));
    let mut locked = image(&VERIFIERS, &[&own], CONFIGURATION);
    locked.shim_lock_disabled = Switch::Unset;
    let verdict = judge(&locked, &[], false).verdict().unwrap_err();
    assert!(
        verdict.starts_with("would open nothing, because the shim lock"),
        "{verdict}"
    );
    assert_eq!(judge(&locked, &[], true).problems, []);
}
