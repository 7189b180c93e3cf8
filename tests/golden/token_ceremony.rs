//! A ceremony whose keys never leave a token, and all that they sign afterwards.

use std::fs;
use std::path::PathBuf;

use bootseal::formats::firmware::authenticode::minimal_image;

use crate::support::ceremony::{PASSPHRASE, private};
use crate::support::judges::openssl_verify_by;
use crate::support::token::{LIBRARY, PIN, Token};
use crate::support::{keys, module, refuse, succeed, text, tool};

/// A specification whose keys are all on the token; each with what `rest` says.
pub fn specification(token: &Token, pin: bool, rest: &str) -> PathBuf {
    let mut text = format!("name = \"token\"\nnode = \"made\"\n{rest}\n");
    for name in ["PK", "KEK", "db", "module", "grub"] {
        let source = format!("&pin-source=file:{}", token.path("pin").display());
        let source = if pin { source.as_str() } else { "" };
        let uri = ["pkcs11:token=node;object=my%20", name, "?module-path=", LIBRARY, source].concat();
        let bits = if name == "grub" { "3072" } else { "2048" };
        text += &["[keys.", name, "]\nbits = ", bits, "\nplace = \"", &uri, "\"\n"].concat();
    }
    let path = token.path("ceremony.toml");
    fs::write(&path, text).unwrap();
    path
}

#[test]
fn keys_that_never_leave_their_token_sign_the_whole_chain() {
    let token = Token::empty(keys());
    let spec = specification(&token, true, "");
    let printed = succeed(token.bootseal(&["ceremony", "run"]).arg(&spec));
    assert_eq!(printed.matches("RSA-2048, on a token").count(), 4, "{printed}");
    assert_eq!(printed.matches("RSA-3072, on a token").count(), 1, "{printed}");
    let made = token.path("made");
    assert!(
        fs::read_dir(&made)
            .unwrap()
            .all(|entry| entry.unwrap().path().extension().unwrap() != "key")
    );
    assert_eq!(token.objects().matches("Private Key Object").count(), 5);
    assert!(
        !token.objects().contains("Access:     extractable"),
        "{}",
        token.objects()
    );
    succeed(token.bootseal(&["ceremony", "verify"]).arg(&made));

    let sign = |what: &str, path: &PathBuf| {
        let mut command = token.bootseal(&["sign", what, "--keys"]);
        succeed(command.arg(&made).arg(path));
    };
    let image = token.path("image.efi");
    fs::write(&image, minimal_image()).unwrap();
    sign("efi", &image);
    succeed(tool("sbverify").arg("--cert").arg(made.join("db.pem")).arg(&image));
    let object = module(token.directory.path(), "a.ko");
    let unsigned = fs::read(&object).unwrap();
    sign("modules", &object);
    // The signature between the module and its trailer, for openssl.
    let signed = fs::read(&object).unwrap();
    let tail = &signed[unsigned.len()..];
    let trailer = b"~Module signature appended~\n".len() + 12;
    let (cms, content) = (token.path("module.cms"), token.path("module.raw"));
    fs::write(&cms, &tail[..tail.len() - trailer]).unwrap();
    fs::write(&content, &unsigned).unwrap();
    succeed(&mut openssl_verify_by(&made.join("module.pem"), &cms, &content));
    let config = token.path("grub.cfg");
    fs::write(&config, b"set timeout=5\n").unwrap();
    sign("grub", &config);
    let mut gpgv = tool("gpgv");
    gpgv.arg("--keyring").arg(made.join("grub.gpg"));
    succeed(gpgv.arg(token.path("grub.cfg.sig")).arg(&config));

    super::variables::judged_by_openssl(&made);
    // Authenticated variables: into a simulated firmware, and then a change that the KEK on the token signs.
    let firmware = token.path("firmware");
    fs::create_dir(&firmware).unwrap();
    for arguments in [
        &["enroll", "apply", "--yes"][..],
        &["enroll", "add", "db", "windows-2023", "--yes"],
    ] {
        let mut command = token.bootseal(arguments);
        command.arg("--keys").arg(&made).arg("--store").arg(&firmware);
        succeed(&mut command);
    }
    // A note is signed by a key on the token, too.
    succeed(
        token
            .bootseal(&["ceremony", "note"])
            .arg(&made)
            .arg("the token is in the safe"),
    );
    let verified = succeed(token.bootseal(&["ceremony", "verify"]).arg(&made));
    assert!(verified.contains("the token is in the safe"), "{verified}");

    // Nothing is replaced: another ceremony finds the names taken, and leaves nothing.
    let spec = specification(&token, true, "");
    let other = fs::read_to_string(&spec).unwrap().replace("\"made\"", "\"other\"");
    fs::write(&spec, other).unwrap();
    let refused = refuse(token.bootseal(&["ceremony", "run"]).arg(&spec));
    assert!(
        refused.contains("the token \"node\" has such a key already"),
        "{refused}"
    );
    succeed(
        token
            .bootseal(&["ceremony", "abort"])
            .arg(token.path(".other.ceremony")),
    );
    assert_eq!(token.objects().matches("Private Key Object").count(), 5);
}

#[test]
fn imported_keys_are_in_the_backup_and_an_aborted_ceremony_takes_them_off_the_token() {
    let token = Token::empty(keys());
    private(&token.path("passphrase"), PASSPHRASE.as_bytes());
    let spec = specification(&token, false, "");
    let text_of = fs::read_to_string(&spec)
        .unwrap()
        .replace("\nplace =", "\ntoken = \"import\"\nplace =");
    fs::write(&spec, text_of + "[backup]\ndirectory = \"backup\"\n").unwrap();
    let run = || {
        let mut command = token.bootseal(&["ceremony", "run"]);
        command
            .arg(&spec)
            .arg("--passphrase-file")
            .arg(token.path("passphrase"));
        command
    };
    // The PIN is in no URI, and nobody can be asked.
    let refused = refuse(
        run()
            .stdin(std::process::Stdio::null())
            .arg("--pin-file")
            .arg(token.path("nowhere")),
    );
    assert!(!refused.contains(PIN), "{refused}");
    // Killed in the middle of what the token is given.
    let strace = |nth: &str| {
        let mut command = tool("strace");
        let inject = format!("inject=fsync:signal=KILL:when={nth}");
        command.args(["-f", "-e", "trace=fsync", "-e", &inject, "-o", "/dev/null"]);
        command
            .arg(run().get_program())
            .args(run().get_args())
            .arg("--pin-file")
            .arg(token.path("pin"));
        command.env("SOFTHSM2_CONF", token.path("softhsm2.conf"));
        command.output().unwrap()
    };
    strace("40");
    let work = token.path(".made.ceremony");
    let transcript = fs::read_to_string(work.join("ceremony.jsonl")).unwrap();
    assert!(transcript.contains("key_intended"), "{transcript}");
    let mut abort = token.bootseal(&["ceremony", "abort"]);
    succeed(abort.arg(&work).arg("--pin-file").arg(token.path("pin")));
    assert!(!token.objects().contains("Private Key Object"), "{}", token.objects());

    strace("40");
    let output = run().arg("--pin-file").arg(token.path("pin")).output().unwrap();
    assert!(output.status.success(), "{}", text(&output));
    assert_eq!(token.objects().matches("Private Key Object").count(), 5);
    assert!(!work.exists());
    let mut drill = token.bootseal(&["ceremony", "drill", "--keys"]);
    drill
        .arg(token.path("made"))
        .arg(token.path("backup/bootseal-backup.tar"));
    let drilled = succeed(drill.arg("--passphrase-file").arg(token.path("passphrase")));
    assert_eq!(drilled.matches("restored from the archive").count(), 5, "{drilled}");
    // The copies that were on their way are nowhere.
    for place in ["made", "backup"] {
        let mut names = fs::read_dir(token.path(place)).unwrap();
        assert!(names.all(|entry| entry.unwrap().path().extension().unwrap_or_default() != "imported"));
    }
}

/// Each key gives way to another one that its token makes, and that never leaves it either.
#[test]
fn keys_on_a_token_rotate() {
    let token = Token::empty(keys());
    let spec = specification(&token, true, "microsoft = [\"none\"]\ndbx = \"none\"");
    succeed(token.bootseal(&["ceremony", "run"]).arg(&spec));
    let (made, firmware) = (token.path("made"), token.path("firmware"));
    fs::create_dir(&firmware).unwrap();
    let at = |words: &[&str]| {
        let mut command = token.bootseal(words);
        command.arg("--keys").arg(&made).arg("--store").arg(&firmware);
        command
    };
    succeed(&mut at(&["enroll", "apply", "--yes"]));
    let private = || token.objects().matches("Private Key Object").count();
    let name_of = |name: &str| fs::read_to_string(made.join(format!("{name}.uri"))).unwrap();

    // One that is given up leaves nothing on the token, and neither does one that is only tried.
    let grub = name_of("grub");
    succeed(&mut at(&["keys", "rotate", "grub", "--dry-run"]));
    assert_eq!(private(), 5);
    refuse(&mut at(&["keys", "rotate", "grub"]));
    assert_eq!(private(), 6);
    succeed(&mut at(&["keys", "rotate", "grub", "--abort"]));
    assert_eq!((private(), name_of("grub")), (5, grub));

    for (number, (name, options)) in [
        ("KEK", &[][..]),
        ("db", &["--signed"]),
        ("PK", &[]),
        ("module", &["--trusted", "--signed"]),
        ("grub", &["--trusted", "--signed"]),
    ]
    .into_iter()
    .enumerate()
    {
        let before = name_of(name);
        let mut rotate = at(&["keys", "rotate", name, "--yes"]);
        succeed(rotate.args(options));
        assert_ne!(name_of(name), before, "{name}");
        assert_eq!(private(), 6 + number, "{name}");
        assert!(!token.objects().contains("Access:     extractable"));
        let kept = fs::read_dir(made.join("retired")).unwrap().count();
        assert_eq!(kept, 1 + number);
        let verified = succeed(token.bootseal(&["ceremony", "verify"]).arg(&made));
        assert!(verified.contains("the transcript holds"), "{verified}");
    }
    // What the new ones sign is accepted, and the firmware takes changes by them.
    let plan = succeed(&mut at(&["enroll", "plan"]));
    for variable in ["PK", "KEK", "db"] {
        assert!(plan.contains(&format!("\n{variable}: nothing to do")), "{plan}");
    }
    succeed(&mut at(&["enroll", "add", "db", "windows-2023", "--yes"]));
    let image = token.path("image.efi");
    fs::write(&image, minimal_image()).unwrap();
    succeed(token.bootseal(&["sign", "efi", "--keys"]).arg(&made).arg(&image));
    succeed(tool("sbverify").arg("--cert").arg(made.join("db.pem")).arg(&image));
    let config = token.path("grub.cfg");
    fs::write(&config, b"set timeout=5\n").unwrap();
    succeed(token.bootseal(&["sign", "grub", "--keys"]).arg(&made).arg(&config));
    let mut gpgv = tool("gpgv");
    gpgv.arg("--keyring").arg(made.join("grub.gpg"));
    succeed(gpgv.arg(token.path("grub.cfg.sig")).arg(&config));
    // And once more.
    succeed(&mut at(&["keys", "rotate", "db", "--signed", "--yes"]));
    assert_eq!(private(), 11);
    // A first pcr key, which a key on the token vouches for: in a file, and in clear as nobody gave a passphrase.
    succeed(&mut at(&["keys", "rotate", "pcr", "--signed", "--yes"]));
    assert!(
        fs::read_to_string(made.join("pcr.key"))
            .unwrap()
            .starts_with("-----BEGIN PRIVATE KEY")
    );
    let verified = succeed(token.bootseal(&["ceremony", "verify"]).arg(&made));
    assert!(verified.contains("the transcript holds"), "{verified}");
}
