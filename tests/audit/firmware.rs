//! dbx against lists of revocations.

use std::ffi::OsStr;
use std::fs;

use bootseal::formats::firmware::guid::Guid;
use bootseal::formats::firmware::signature_list::SignatureDatabase;
use bootseal::keys::SoftwareKey;
use bootseal::keys::certificate::{Purpose, Request, self_signed};
use bootseal::system::{Clock, Context};
use bootseal::trust::microsoft;

use super::{DATABASE, Machine, says};
use crate::support::{keys, refuse, succeed, tool};

/// Microsoft's security version numbers, which the ceremony does not put into dbx.
const UPDATE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/src/trust/microsoft/updates/DBXUpdateSVN.bin"
);

/// The signature lists of an update, without the header that signs them.
fn lists(update: &str) -> Vec<u8> {
    let file = fs::read(update).unwrap();
    let signed = u32::from_le_bytes(file[16..20].try_into().unwrap()) as usize + 16;
    file[signed..].to_vec()
}

#[test]
fn dbx_is_compared_with_the_list_that_is_given() {
    let machine = Machine::new();
    let check = |words: &[&str]| {
        let words: Vec<&OsStr> = words.iter().map(OsStr::new).collect();
        machine.check_with("firmware.revocations", &words)
    };
    let plain = check(&[]);
    assert_eq!(plain["status"], "pass");
    says(
        &plain,
        "evidence",
        "all 443 entries of Microsoft's list of 2026-04-09",
        "",
    );

    let given = check(&["--dbx", UPDATE]);
    assert_eq!(given["status"], "warn");
    says(
        &given,
        "findings",
        "dbx lacks 3 of the 3 entries of ",
        "time 2010-03-06T19:17:21Z",
    );
    says(&given, "findings", "dbx lacks 3", "signed by \"Microsoft");

    // The configuration names one as well.
    machine.write("etc/bootseal/update.bin", fs::read(UPDATE).unwrap());
    machine.write(
        "etc/bootseal/config.toml",
        b"[audit]\ndbx = \"/etc/bootseal/update.bin\"\n",
    );
    says(
        &check(&[]),
        "findings",
        "dbx lacks 3 of the 3 entries of /etc/bootseal/update.bin",
        "",
    );

    let name = format!("sys/firmware/efi/efivars/dbx-{DATABASE}");
    let held = fs::read(machine.path(&name)).unwrap()[4..].to_vec();
    let mut versions = lists(UPDATE);
    let put = |versions: &[u8]| machine.set_variable("dbx", DATABASE, 0x27, &[held.as_slice(), versions].concat());
    put(&versions);
    let said = check(&[]);
    assert_eq!(said["status"], "pass", "{said:#}");
    says(&said, "evidence", "security version in dbx: bootmgfw.efi 9.0", "");
    // The list's header, the owner, then form and program: here begins the version of bootmgfw.efi.
    let minor = 28 + 16 + 17;
    versions[minor + 2] = 10;
    put(&versions);
    assert_eq!(
        check(&[])["status"],
        "pass",
        "a higher version forbids what a lower one does"
    );
    versions[minor + 2] = 8;
    put(&versions);
    says(&check(&[]), "findings", "dbx lacks 1 of the 3 entries", "");
}

#[test]
fn entries_that_are_optional_are_not_behind() {
    let machine = Machine::new();
    let name = format!("sys/firmware/efi/efivars/dbx-{DATABASE}");
    let held = fs::read(machine.path(&name)).unwrap()[4..].to_vec();
    let held = SignatureDatabase::parse(&held).unwrap();
    let without = |is_left_out: &dyn Fn(&[u8]) -> bool| {
        let mut kept = SignatureDatabase::default();
        for (kind, entry) in held.entries().filter(|(_, entry)| !is_left_out(&entry.data)) {
            kept.add(kind, entry.owner, &entry.data);
        }
        machine.set_variable("dbx", DATABASE, 0x27, &kept.to_bytes());
        machine.check_with("firmware.revocations", &[])
    };
    let said = without(&microsoft::is_optional);
    assert_eq!(said["status"], "pass", "{said:#}");
    says(&said, "evidence", "dbx lacks 154 entries of ", "optional");
    says(&said, "evidence", "all 289 entries of ", "that are required");
    let required = held.entries().find(|(_, entry)| !microsoft::is_optional(&entry.data));
    let required = required.unwrap().1.data.clone();
    let said = without(&|data| microsoft::is_optional(data) || data == required);
    assert_eq!(said["status"], "warn", "{said:#}");
    says(
        &said,
        "findings",
        "dbx lacks 1 of the 443 entries of ",
        "not counting optional ones",
    );
}

#[test]
fn a_list_that_is_none_is_no_pass() {
    let machine = Machine::new();
    machine.write("list", b"no list at all");
    let missing = machine.path("missing");
    for path in [machine.path("list"), missing] {
        let said = machine.check_with("firmware.revocations", &["--dbx".as_ref(), path.as_os_str()]);
        assert_eq!(said["status"], "could_not_run", "{said:#}");
    }
    machine.write("etc/bootseal/config.toml", b"[audit]\ndbxx = \"/x\"\n");
    let said = refuse(&mut machine.bootseal(["audit", "--only", "firmware.revocations"]));
    assert!(said.contains("unknown field `dbxx`"), "{said}");
}

#[test]
fn what_is_known_of_a_firmware_is_told_as_it_weighs() {
    let machine = Machine::new();
    let dmi = |name: &str, value: &str| machine.write(&format!("sys/class/dmi/id/{name}"), value.as_bytes());
    let status = || machine.check("firmware.quirks")["status"].as_str().unwrap().to_owned();
    assert_eq!(status(), "pass");
    dmi("board_vendor", "Micro-Star International Co., Ltd.\n");
    machine.convicts("firmware.quirks", "warn", "msi_executes_anyway");
    dmi("board_vendor", "none\n");
    // It strikes where Microsoft's certificates are gone from db; here they are.
    dmi("sys_vendor", "LENOVO\n");
    dmi("product_family", "ThinkPad T14\n");
    let said = machine.check("firmware.quirks");
    assert_eq!(said["status"], "pass");
    says(&said, "evidence", "thinkpad_needs_microsoft: not with this db: ", "");
    machine.trusts_nobody_else();
    says(
        &machine.check("firmware.quirks"),
        "findings",
        "ThinkPads of the P, T and X series",
        "",
    );
    dmi("sys_vendor", "HP\n");
    says(
        &machine.check("firmware.quirks"),
        "evidence",
        "hp_custom_keys: a note: ",
        "",
    );
    // The owner's own table.
    machine.write("etc/bootseal/quirks.toml", b"[[quirk]]\nid = 7\n");
    assert_eq!(status(), "could_not_run");
    fs::remove_dir_all(machine.path("sys/class/dmi")).unwrap();
    assert_eq!(status(), "could_not_run");
}

#[test]
fn a_variable_that_is_not_immutable_is_told() {
    let machine = Machine::new();
    let files = ["PK", "KEK", "db", "dbx"].map(|name| {
        let vendor = if name.starts_with("db") {
            DATABASE
        } else {
            super::GLOBAL
        };
        machine.path(&format!("sys/firmware/efi/efivars/{name}-{vendor}"))
    });
    let flags = |change: &str, files: &[std::path::PathBuf]| succeed(tool("chattr").arg(change).args(files));
    flags("+i", &files);
    let said = machine.check("firmware.writable");
    flags("-i", &files[2..3]);
    let told = machine.check("firmware.writable");
    // Or else the machine cannot be thrown away.
    flags("-i", &files);
    assert_eq!(said["status"], "pass", "{said:#}");
    says(&said, "evidence", "efivarfs is mounted read-write", "");
    assert_eq!(told["status"], "warn", "{told:#}");
    assert_eq!(told["findings"].as_array().unwrap().len(), 1);
    says(&told, "findings", "the file of db is not immutable", "");
    fs::remove_dir_all(machine.path("sys/firmware/efi/efivars")).unwrap();
    assert_eq!(machine.check("firmware.writable")["status"], "could_not_run");
}

/// A host looks at the variables of a guest: what it finds is theirs, and nothing of its own is mixed in.
#[test]
fn variables_of_another_machine_are_looked_at_alone() {
    let machine = Machine::new();
    let guest = machine.path("guest");
    fs::rename(machine.path("sys/firmware/efi"), &guest).unwrap();
    let guest = guest.join("efivars");
    let audit = |rest: &[&str]| {
        let mut audit = machine.bootseal(["audit", "-v", "--store"]);
        audit.arg(&guest).args(rest);
        audit
    };
    let said = succeed(&mut audit(&["--skip", "firmware.revocations"]));
    assert!(said.contains("✓ Content of PK, KEK, db and dbx"), "{said}");
    assert!(
        said.contains("the variables are not those of the machine that looks"),
        "{said}"
    );
    assert!(!said.contains("[kernel.") && !said.contains("[boot."), "{said}");
    succeed(&mut audit(&["--only", "firmware.variables,keys.pairs"]));
    let db = guest.join(format!("db-{DATABASE}"));
    let whole = fs::read(&db).unwrap();
    fs::write(&db, &whole[..4]).unwrap();
    let said = refuse(&mut audit(&["--only", "firmware.variables"]));
    assert!(said.contains("db lacks"), "{said}");
}

/// Made while the clock stood ahead; and now it stands right.
#[test]
fn a_certificate_that_is_not_valid_yet_is_told() {
    let machine = Machine::new();
    assert_eq!(machine.check("keys.expiry")["status"], "pass");
    let ahead = Context::host().now().unwrap() + 400 * 24 * 60 * 60;
    let ahead = Context::host().with_clock(Clock::Fixed(ahead));
    let request = Request {
        common_name: "of tomorrow".to_owned(),
        organization: None,
        purpose: Purpose::Code,
        years: 10,
    };
    let key = SoftwareKey::load(&keys().join("db.key"), &mut || unreachable!("it is in clear")).unwrap();
    let certificate = self_signed(&ahead, &key, &request).unwrap();
    for (ending, bytes) in [
        ("pem", certificate.to_pem().unwrap().as_bytes()),
        ("der", certificate.as_der()),
    ] {
        let file = format!("etc/bootseal/keys/db.{ending}");
        fs::remove_file(machine.path(&file)).unwrap();
        machine.write(&file, bytes);
    }
    let said = machine.check("keys.expiry");
    assert_eq!(said["status"], "warn", "{said:#}");
    says(
        &said,
        "findings",
        "db: \"of tomorrow\" is valid from ",
        "ahead of the clock",
    );
    let remedy = said["findings"][0]["remedy"].as_str().unwrap();
    assert!(
        remedy.contains("date -u -s ") && remedy.contains("bootseal keys rotate db"),
        "{remedy}"
    );

    let mut lists = SignatureDatabase::default();
    lists.add_certificate(Guid::MICROSOFT, certificate.as_der());
    machine.set_variable("db", DATABASE, 0x27, &lists.to_bytes());
    let said = machine.check("firmware.certificates");
    says(
        &said,
        "findings",
        "\"of tomorrow\" in db is valid from ",
        "ahead of the clock",
    );
}

/// After last week's backup of the key directory was put back.
#[test]
fn revocations_that_the_key_directory_does_not_know_are_told() {
    let machine = Machine::new();
    let held = fs::read(machine.path(&format!("sys/firmware/efi/efivars/dbx-{DATABASE}"))).unwrap()[4..].to_vec();
    let own: Guid = fs::read_to_string(keys().join("owner.guid"))
        .unwrap()
        .trim()
        .parse()
        .unwrap();
    let other = Guid::from_fields(1, 2, 3, [4; 8]);
    let with = |entries: &[(Guid, u8)]| {
        let mut lists = SignatureDatabase::parse(&held).unwrap();
        for (owner, digest) in entries {
            lists.add_sha256(*owner, &[*digest; 32]);
        }
        machine.set_variable("dbx", DATABASE, 0x27, &lists.to_bytes());
        machine.check("firmware.variables")
    };
    // What Windows and fwupd put there is Microsoft's; whose another one is, is not known where the vendor's are not shown.
    assert_eq!(
        with(&[(Guid::MICROSOFT, 7), (other, 8)])["findings"]
            .as_array()
            .unwrap()
            .len(),
        0
    );
    let said = with(&[(own, 9), (other, 8)]);
    assert_eq!(said["status"], "warn", "{said:#}");
    says(
        &said,
        "findings",
        "dbx holds an entry of type sha256, a revocation of yours",
        "does not know",
    );
    let remedy = said["findings"][0]["remedy"].as_str().unwrap();
    assert!(
        remedy.contains("bootseal keys sync STICK")
            && remedy.contains(&format!("bootseal enroll add dbx {} --keys STICK", "09".repeat(32))),
        "{remedy}"
    );
    let default = |digest: u8| {
        let mut lists = SignatureDatabase::default();
        lists.add_sha256(other, &[digest; 32]);
        machine.set_variable("dbxDefault", super::GLOBAL, 6, &lists.to_bytes());
    };
    default(8);
    assert_eq!(with(&[(other, 8)])["findings"].as_array().unwrap().len(), 0);
    let said = with(&[(other, 8), (other, 10)]);
    assert_eq!(said["status"], "pass", "{said:#}");
    says(&said, "findings", "dbx holds an entry that is neither", "");
}
