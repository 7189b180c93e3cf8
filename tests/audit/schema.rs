//! The output of `--json` follows its published schema, by Python's jsonschema.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::Machine;
use crate::support::node::Node;
use crate::support::programs::{JSONSCHEMA, tool};

/// Checks a value against a schema of docs/schema; the error is the words of the judge.
fn validate(schema: &str, value: &Value) -> Result<(), String> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/schema");
    let instance = tempfile::NamedTempFile::new().unwrap();
    fs::write(instance.path(), value.to_string()).unwrap();
    let output = tool(JSONSCHEMA)
        .args(["--base-uri", &format!("file://{}/", directory.display()), "-i"])
        .arg(instance.path())
        .arg(directory.join(format!("{schema}-1.json")))
        .output()
        .unwrap();
    let said = crate::support::text(&output);
    assert!(!said.contains("Traceback"), "{said}");
    output.status.success().then_some(()).ok_or(said)
}

/// The output of a command, whatever its exit code.
fn printed(machine: &Machine, words: &[&str]) -> Value {
    let output = machine.bootseal(words.iter().copied()).output().unwrap();
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn real_output_is_as_the_schema_says() {
    let clean = Machine::new();
    let faulty = Machine::new();
    faulty.change_initrd();
    faulty.write("efi/EFI/BOOT/BOOTX64.EFI", b"MZ");
    let baseline = b"[[accept]]\ncheck = \"keys.offline\"\nreason = \"a test\"\nuntil = \"2999-12-31\"\n";
    faulty.write("etc/bootseal/baseline.toml", baseline);
    let nothing = Machine(Node::new());
    for machine in [&clean, &faulty, &nothing] {
        for command in ["audit", "status"] {
            let said = printed(machine, &["--json", command]);
            validate(command, &said).unwrap_or_else(|error| panic!("{error}\n{said:#}"));
        }
        let mut said = printed(machine, &["audit", "--format", "json"]);
        validate("audit", &said).unwrap();
        said["schema"] = "bootseal.status/1".into();
        validate("audit", &said).unwrap_err();
    }
    // With a record of an audit.
    let said = printed(&faulty, &["--json", "status"]);
    assert!(said["last_audit"]["age_seconds"].is_u64(), "{said:#}");
    validate("status", &said).unwrap();
}

#[test]
fn other_output_is_refused() {
    let machine = Machine::new();
    let good = printed(&machine, &["--json", "audit"]);
    let wrong: [(&str, Value); 8] = [
        ("/checks/0/status", "passed".into()),
        ("/checks/0/id", "secure_boot".into()),
        ("/checks/0/not_run", json!(["a pass that was none"])),
        ("/time", 7.into()),
        ("/counts/pass", (-1).into()),
        ("/firmware/variables/0/sha256", "00".into()),
        ("/keys/0/bits", "2048".into()),
        ("/boot_files/0/verdict/answer", "perhaps".into()),
    ];
    for (place, value) in wrong {
        let mut changed = good.clone();
        *changed.pointer_mut(place).unwrap_or_else(|| panic!("{place}")) = value;
        validate("audit", &changed).expect_err(place);
    }
    let mut more = good.clone();
    more["checks"][0]["undocumented"] = true.into();
    validate("audit", &more).unwrap_err();
    let mut status = printed(&machine, &["--json", "status"]);
    status.as_object_mut().unwrap().remove("last_audit");
    validate("status", &status).unwrap_err();
}
