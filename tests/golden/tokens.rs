//! Keys on a token: `SoftHSM` makes the same signatures as the same key in a file.

use std::fs;
use std::path::{Path, PathBuf};

use bootseal::formats::firmware::authenticode::minimal_image;

use crate::support::ceremony::private;
use crate::support::token::{LIBRARY, PIN, Token};
use crate::support::{bootseal, keys, module, refuse, sign, succeed, text, tool, verify};

/// The refusal of `sign modules` with this URI; the module stays as it is.
fn refusal(token: &Token, uri: &str) -> String {
    let path = module(token.directory.path(), "refused.ko");
    let before = fs::read(&path).unwrap();
    token.name_key("module", uri);
    let said = refuse(&mut token.sign("modules", &[&path]));
    assert_eq!(fs::read(&path).unwrap(), before);
    assert!(!said.contains(PIN), "{said}");
    said
}

#[test]
fn a_token_makes_the_same_files_as_the_key_in_a_file() {
    let token = Token::new(keys());
    let image = token.path("image.efi");
    let in_file = |bytes: &[u8], path: &Path| fs::write(path, bytes).unwrap();

    in_file(&minimal_image(), &image);
    succeed(&mut token.sign("efi", &[&image]));
    let by_token = fs::read(&image).unwrap();
    in_file(&minimal_image(), &image);
    succeed(&mut sign("efi", &[&image]));
    assert!(fs::read(&image).unwrap() == by_token);

    // More modules than a batch holds, so that several threads use the token.
    let modules: Vec<PathBuf> = (0..40)
        .map(|n| module(token.directory.path(), &format!("m{n}.ko")))
        .collect();
    let unsigned: Vec<Vec<u8>> = modules.iter().map(|path| fs::read(path).unwrap()).collect();
    let paths: Vec<&Path> = modules.iter().map(PathBuf::as_path).collect();
    succeed(&mut token.sign("modules", &paths));
    let by_token: Vec<Vec<u8>> = modules.iter().map(|path| fs::read(path).unwrap()).collect();
    for (path, bytes) in modules.iter().zip(&unsigned) {
        in_file(bytes, path);
    }
    succeed(&mut sign("modules", &paths));
    let by_file: Vec<Vec<u8>> = modules.iter().map(|path| fs::read(path).unwrap()).collect();
    assert!(by_file == by_token && by_token != unsigned);

    let config = token.path("grub.cfg");
    in_file(b"set timeout=5\n", &config);
    succeed(&mut token.sign("grub", &[&config]));
    succeed(&mut verify(&[&config]));
    let mut gpgv = tool("gpgv");
    gpgv.arg("--keyring").arg(keys().join("grub.gpg"));
    succeed(gpgv.arg(token.path("grub.cfg.sig")).arg(&config));

    // A second run needs no signature.
    let again = succeed(&mut token.sign("modules", &paths));
    assert!(again.contains("unchanged 40"), "{again}");
}

#[test]
fn all_keys_of_a_token_are_opened_with_one_login() {
    let token = Token::new(keys());
    let root = token.path("root");
    fs::create_dir_all(root.join("etc/bootseal")).unwrap();
    fs::create_dir_all(root.join("boot")).unwrap();
    fs::write(root.join("boot/vmlinuz"), minimal_image()).unwrap();
    module(&root.join("boot"), "a.ko");
    let config = "[sign]\nmodules = [\"/boot/a.ko\"]\nefi = [\"/boot/vmlinuz\"]\ngrub = [\"/boot/vmlinuz\"]\n";
    fs::write(root.join("etc/bootseal/config.toml"), config).unwrap();
    for (name, id) in [("db", "%01"), ("module", "%02"), ("grub", "%03")] {
        token.name_key(name, &format!("pkcs11:token=node;id={id}?module-path={LIBRARY}"));
    }
    // The PIN is in no URI.
    let mut command = token.sign("all", &[]);
    command
        .arg("--root")
        .arg(&root)
        .args(["--passphrase-file"])
        .arg(token.path("pin"));
    let said = succeed(&mut command);
    assert!(said.contains("signed 3"), "{said}");
    succeed(&mut verify(&[&root.join("boot/vmlinuz"), &root.join("boot/a.ko")]));
}

#[test]
fn a_wrong_pin_is_tried_once_and_never_told() {
    let token = Token::new(keys());
    private(&token.path("pin"), b"wrong-9999");
    let said = refusal(&token, &token.uri("object=module"));
    assert!(
        said.contains("the PIN of the token \"node\" is wrong") && !said.contains("9999"),
        "{said}"
    );
    // Nobody is there to be asked.
    let said = refusal(&token, &format!("pkcs11:object=module?module-path={LIBRARY}"));
    assert!(said.contains("pin-source"), "{said}");
    fs::set_permissions(token.path("pin"), std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    let said = refusal(&token, &token.uri("object=module"));
    assert!(said.contains("lets others than its owner use it"), "{said}");
}

#[test]
fn what_is_not_there_or_not_clear_is_named() {
    let token = Token::new(keys());
    for (uri, expected) in [
        (token.uri("object=gone"), "\"gone\" on the token \"node\" is not there"),
        (
            token.uri("object=module;serial=0"),
            "no token fits the URI: there are \"node\"",
        ),
        (
            token.uri("object=module").replace("token=node", "token=other"),
            "no token fits the URI",
        ),
        (
            token.uri("object=module").replace(LIBRARY, "/usr/lib/nothing.so"),
            "cannot use the PKCS#11 library /usr/lib/nothing.so",
        ),
        (token.uri("object=module;colour=red"), "the attribute colour is unknown"),
        (token.uri("object=module") + "&pin-value=1234", "pin-source=file:PATH"),
        (
            token.uri("object=module") + "&pin-value:1234",
            "is not of the form NAME=VALUE",
        ),
        ("/etc/module.key".to_owned(), "does not begin with pkcs11:"),
        // The key of another certificate.
        (token.uri("object=db"), "is not the private key of"),
    ] {
        let said = refusal(&token, &uri);
        assert!(said.contains(expected), "{uri}: {said}");
    }
    token.import("module", "module", "04");
    let said = refusal(&token, &token.uri("object=module"));
    assert!(said.contains("is there 2 times") && said.contains("id=%XX"), "{said}");
    token.name_key("module", &token.uri("object=module;id=%04"));
    let path = module(token.directory.path(), "clear.ko");
    succeed(&mut token.sign("modules", &[&path]));

    // Whoever can change the file can have a library of his loaded.
    let uri = token.path("keys/module.uri");
    fs::set_permissions(&uri, std::os::unix::fs::PermissionsExt::from_mode(0o666)).unwrap();
    let said = refuse(&mut token.sign("modules", &[&path]));
    assert!(said.contains("chmod go-w"), "{said}");
    fs::set_permissions(&uri, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();

    fs::copy(keys().join("module.key"), token.path("keys/module.key")).unwrap();
    let output = token.sign("modules", &[&path]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output).contains("not clear where the key is"),
        "{}",
        text(&output)
    );
}

#[test]
fn no_token_is_touched_to_verify() {
    let token = Token::new(keys());
    let path = module(token.directory.path(), "signed.ko");
    succeed(&mut token.sign("modules", &[&path]));
    token.name_key("module", "pkcs11:object=module?module-path=/usr/lib/nothing.so");
    let mut command = bootseal(["verify", "--keys"]);
    succeed(command.arg(token.path("keys")).arg(&path));
}

/// A library that allows one session, and the file in which it counts logins.
fn one_session(token: &Token) -> (PathBuf, PathBuf) {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/one_session.c");
    let library = token.path("one_session.so");
    let mut compiler = tool("gcc");
    succeed(compiler.args(["-shared", "-fPIC", "-o"]).arg(&library).arg(source));
    (library, token.path("logins"))
}

#[test]
fn a_token_that_allows_one_session_is_logged_in_to_once_and_serves_all_keys_and_threads() {
    let token = Token::new(keys());
    let (library, logins) = one_session(&token);
    for name in ["db", "module", "grub"] {
        let uri = token
            .uri(&format!("object={name}"))
            .replace(LIBRARY, library.to_str().unwrap());
        token.name_key(name, &uri);
    }
    let root = token.path("root");
    for directory in ["etc/bootseal", "boot", "lib/modules"] {
        fs::create_dir_all(root.join(directory)).unwrap();
    }
    fs::write(root.join("boot/vmlinuz"), minimal_image()).unwrap();
    for n in 0..40 {
        module(&root.join("lib/modules"), &format!("m{n}.ko"));
    }
    let config = "[sign]\nmodules = [\"/lib/modules\"]\nefi = [\"/boot/vmlinuz\"]\ngrub = [\"/boot\"]\n";
    fs::write(root.join("etc/bootseal/config.toml"), config).unwrap();
    let mut command = token.sign("all", &[]);
    let said = succeed(command.arg("--root").arg(&root).env("LOGINS", &logins));
    assert!(said.contains("signed 42"), "{said}");
    assert_eq!(fs::read_to_string(&logins).unwrap(), "login\n");

    // A wrong PIN costs one try, however many keys there are.
    fs::remove_file(&logins).unwrap();
    private(&token.path("pin"), b"wrong-9999");
    let mut command = token.sign("all", &[]);
    refuse(command.arg("--root").arg(&root).env("LOGINS", &logins));
    assert_eq!(fs::read_to_string(&logins).unwrap(), "login\n");
}
