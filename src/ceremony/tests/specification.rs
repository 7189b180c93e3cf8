//! Specifications, and what is wrong with them.

use super::*;

#[test]
fn a_specification_says_what_is_wrong_with_it() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ceremony.toml");
    let error = |text: &str| {
        fs::write(&path, text).unwrap();
        let error = Spec::load(&path).and_then(|spec| spec.validate()).err().unwrap();
        assert_eq!(error.kind().exit_code(), 2);
        let hints = error.hints().join("; ");
        format!("{}; {hints}", error.in_one_line())
    };
    let base = "name = \"x\"\nnode = \"keys\"\noffline = \"stick\"\n";
    for (text, expected) in [
        ("nmae = \"y\"", "did you mean \"name\" for \"nmae\"?"),
        ("[keys.DB]\nbits = 2048", "did you mean \"db\"?"),
        (
            "[keys.db]\nbitz = 2048",
            "did you mean \"bits\" for \"bitz\" in [keys.db]?",
        ),
        ("[keys.db]\nbits = 1024", "the db key has 1024 bits"),
        (
            "[keys.grub]\nbits = 2048",
            "an image of GRUB embeds keys of 3072 and 4096",
        ),
        ("[keys.db]\ntype = \"ecdsa\"", "firmware and GRUB read RSA alone"),
        (
            "[keys.db]\nplace = \"stick\"",
            "a key goes to \"node\", \"offline\", or a token",
        ),
        ("[keys.db]\nplace = \"pkcs11:token=a\"", "neither object nor id"),
        ("[keys.db]\ntoken = \"import\"", "its place is no token"),
        (
            "[backup]\ndirectory = \"b\"\nshares = { neded = 2, of = 3 }",
            "did you mean \"needed\"",
        ),
        (
            "[backup]\ndirectory = \"b\"\nshares = { needed = 4, of = 3 }",
            "4 of 3 shares cannot be",
        ),
        ("[backup]\ndirectory = \"keys/b\"", "lie in each other"),
        ("[preflight]\nfatal = [\"netwrk\"]", "did you mean \"network\"?"),
        ("[preflight]\nprogram = \"12\"", "has 64 hexadecimal digits"),
        (
            "microsoft = [\"uefi-2024\"]",
            "\"uefi-2024\" is none of Microsoft's certificates",
        ),
        ("owner = \"me\"", "owner is no GUID"),
        ("years = 101", "1 to 100 years"),
    ] {
        let error = error(&format!("{base}{text}\n"));
        assert!(error.contains(expected), "{text}: {error}");
    }
    let error = error("name = \"x\"\nnode = \"keys\"\n");
    assert!(
        error.contains("the PK key is to be offline, but no directory is named"),
        "{error}"
    );
    fs::write(&path, base).unwrap();
    let spec = Spec::load(&path).unwrap();
    spec.validate().unwrap();
    assert_eq!(spec.out, directory.path().join("keys"));
}

#[test]
fn the_example_is_a_specification() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("keys.example/ceremony.toml");
    let spec = Spec::load(&path).unwrap();
    spec.validate().unwrap();
    // What is commented out is right, too.
    let text = fs::read_to_string(path).unwrap();
    let uncommented: Vec<&str> = text
        .lines()
        .map(|line| line.strip_prefix("#= ").unwrap_or(line))
        .collect();
    assert!(uncommented.join("\n") != text);
    let directory = tempfile::tempdir().unwrap();
    let all = directory.path().join("all.toml");
    fs::write(&all, uncommented.join("\n")).unwrap();
    let mut spec = Spec::load(&all).unwrap();
    assert_eq!(spec.import.take().unwrap(), Path::new("/var/lib/sbctl/keys"));
    assert_eq!(spec.grub_key.take().unwrap(), directory.path().join("grub.asc"));
    spec.validate().unwrap();
}

#[test]
fn the_example_of_a_fleet_is_a_specification() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("keys.example/fleet.toml");
    let spec = Spec::load(&path).unwrap();
    spec.validate().unwrap();
    let whole = fs::read_to_string(path).unwrap().replace("#= ", "");
    let directory = tempfile::tempdir().unwrap();
    let all = directory.path().join("all.toml");
    fs::write(&all, whole).unwrap();
    let spec = Spec::load(&all).unwrap();
    spec.validate().unwrap();
    let fleet = spec.fleet.as_ref().unwrap();
    assert_eq!(fleet.key.years, 20);
    let encrypted: Vec<bool> = fleet
        .nodes
        .iter()
        .map(|node| node.keys[&KeyName::Db].encrypted)
        .collect();
    assert_eq!(encrypted, [false, true]);
    let nas = spec.of_node(&fleet.nodes[1]).unwrap();
    assert_eq!(
        nas.work_directory().unwrap(),
        Path::new("/dev/shm/bootseal-ceremony-nas")
    );
    assert_eq!(nas.offline.unwrap(), Path::new("/mnt/stick/fleet/nodes/nas"));
}
