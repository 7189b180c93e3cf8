//! OVMF's own images, and those of virt-fw-vars, which judges ours. The firmware itself does so in `tests/vm`.

use std::fs;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use bootseal::enroll::{Store, StoreChoice};
use bootseal::formats::firmware::authenticated_variable::VariableName;
use bootseal::formats::firmware::guid::Guid;
use bootseal::formats::firmware::signature_list::{SignatureDatabase, SignatureType};
use bootseal::formats::firmware::variable_image::VariableImage;
use bootseal::system::Context;
use serde_json::Value;

use crate::support::programs::{FIRMWARE_CODE, FIRMWARE_VARS, host_file, judge};
use crate::support::{bootseal, keys, succeed, text, tool};

/// Another file of variables beside the one of a new machine.
fn ovmf(name: &str) -> PathBuf {
    host_file(FIRMWARE_VARS).with_file_name(name)
}

/// virt-fw-vars, which `tests/run` installs.
fn virt_fw_vars() -> Command {
    let package = judge("virt/firmware");
    let judges = package.parent().and_then(Path::parent).unwrap();
    let mut command = tool("python3");
    command.env("PYTHONPATH", judges).args(["-m", "virt.firmware.vars"]);
    command
}

/// Name to data, as virt-fw-vars reads them.
fn read_by_virt_fw_vars(image: &Path) -> Vec<(String, Vec<u8>)> {
    let json = image.with_extension("json");
    succeed(virt_fw_vars().arg("-i").arg(image).arg("--output-json").arg(&json));
    let read: Value = serde_json::from_slice(&fs::read(json).unwrap()).unwrap();
    let variables = read["variables"].as_array().unwrap();
    let text = |variable: &Value, key: &str| variable[key].as_str().unwrap().to_owned();
    let variable = |variable: &Value| (text(variable, "name"), hex::decode(text(variable, "data")).unwrap());
    variables.iter().map(variable).collect()
}

fn enroll(what: &str, image: &Path) -> Command {
    let mut command = bootseal(["enroll", what, "--keys"]);
    command.arg(keys()).arg("--store").arg(image);
    if what == "apply" {
        command.arg("--yes");
    }
    command
}

#[test]
fn an_enrolled_image_holds_the_same_lists_for_virt_fw_vars() {
    let directory = tempfile::tempdir().unwrap();
    for original in ["OVMF_VARS_4M.fd", "OVMF_VARS.fd"] {
        let image = directory.path().join(original);
        fs::copy(ovmf(original), &image).unwrap();
        let before = fs::read(&image).unwrap();
        let planned = succeed(&mut enroll("plan", &image));
        assert!(planned.contains("Setup Mode: it has no platform key"), "{planned}");
        assert_eq!(fs::read(&image).unwrap(), before, "a plan changes nothing");
        succeed(&mut enroll("apply", &image));

        let read = read_by_virt_fw_vars(&image);
        let data = |name: &str| &read.iter().find(|(other, _)| other == name).unwrap().1;
        for name in ["PK", "KEK", "db"] {
            assert_eq!(
                *data(name),
                fs::read(keys().join(name).with_extension("esl")).unwrap(),
                "{name}"
            );
        }
        assert_eq!(*data("SecureBootEnable"), [1]);
        let dbx = SignatureDatabase::parse(data("dbx")).unwrap();
        assert_eq!(dbx.entries_of_type(SignatureType::Sha256).count(), 443);
        let again = succeed(&mut enroll("apply", &image));
        assert!(again.contains("there already") && !again.contains("written"), "{again}");
    }
}

#[test]
fn an_image_by_virt_fw_vars_is_read_and_its_other_variables_survive() {
    let directory = tempfile::tempdir().unwrap();
    let image = directory.path().join("theirs.fd");
    let owner = Guid::MICROSOFT.to_string();
    let mut make = virt_fw_vars();
    make.arg("-i").arg(host_file(FIRMWARE_VARS));
    for (option, name) in [("--set-pk", "PK.pem"), ("--add-kek", "KEK.pem"), ("--add-db", "db.pem")] {
        make.args([option, &owner]).arg(keys().join(name));
    }
    succeed(make.args(["--set-true", "CustomMode", "-o"]).arg(&image));
    let store = Store::open(&Context::host(), &StoreChoice::At(image.clone())).unwrap();
    assert!(!store.setup_mode().unwrap());
    for (variable, pem) in [
        (VariableName::Pk, "PK"),
        (VariableName::Kek, "KEK"),
        (VariableName::Db, "db"),
    ] {
        let held = store.database(variable).unwrap();
        let certificate = fs::read(keys().join(pem).with_extension("der")).unwrap();
        let held: Vec<_> = held
            .entries_of_type(SignatureType::X509)
            .map(|(_, data)| data)
            .collect();
        assert_eq!(held, [certificate.as_slice()], "{pem}");
    }
    // Somebody else's platform key.
    let output = enroll("apply", &image).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));

    // Written anew by us, it is the same to them.
    let before = read_by_virt_fw_vars(&image);
    let bytes = VariableImage::parse(fs::read(&image).unwrap())
        .unwrap()
        .to_bytes()
        .unwrap();
    let ours = directory.path().join("ours.fd");
    fs::write(&ours, bytes).unwrap();
    assert_eq!(read_by_virt_fw_vars(&ours), before);
}

#[test]
fn the_images_of_the_distribution_survive_a_rewrite() {
    for name in [
        "OVMF_VARS_4M.ms.fd",
        "OVMF_VARS.ms.fd",
        "OVMF_VARS_4M.snakeoil.fd",
        "OVMF_VARS_4M.fd",
    ] {
        let original = fs::read(ovmf(name)).unwrap();
        let image = VariableImage::parse(original.clone()).unwrap();
        let rewritten = image.to_bytes().unwrap();
        assert_eq!(rewritten.len(), original.len());
        assert_eq!(
            VariableImage::parse(rewritten).unwrap().variables(),
            image.variables(),
            "{name}"
        );
    }
}

#[test]
fn what_cannot_be_enrolled_to_is_refused_with_the_remedy() {
    let directory = tempfile::tempdir().unwrap();
    let said = |image: &Path, code: i32| {
        let output = enroll("apply", image).output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{}", text(&output));
        text(&output)
    };
    let image = directory.path().join("vars.qcow2");
    let mut convert = tool("qemu-img");
    convert
        .args(["convert", "-O", "qcow2"])
        .arg(host_file(FIRMWARE_VARS))
        .arg(&image);
    succeed(&mut convert);
    assert!(said(&image, 1).contains("qemu-img convert -O raw"));

    let code = directory.path().join("code.fd");
    fs::copy(host_file(FIRMWARE_CODE), &code).unwrap();
    assert!(said(&code, 1).contains("no image of a firmware's variables"));
    assert!(said(&directory.path().join("gone.fd"), 3).contains("mkdir -p"));

    // A virtual machine that runs has locked it.
    let image = directory.path().join("running.fd");
    fs::copy(host_file(FIRMWARE_VARS), &image).unwrap();
    let held = File::open(&image).unwrap();
    held.lock_shared().unwrap();
    assert!(said(&image, 3).contains("shut the virtual machine down"));
    drop(held);
    succeed(&mut enroll("apply", &image));
}
