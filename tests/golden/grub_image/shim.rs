//! Images of GRUB that shim is to start.

use super::*;
use crate::support::node::GLOBAL;
use crate::support::programs::tool;

/// Shim's lock stays, which is wrong for firmware and right for shim.
#[test]
fn an_image_for_shim_is_judged_as_one_where_the_configuration_says_so() {
    let machine = Machine::new();
    let image = machine.path("grub.efi");
    succeed(machine.install(UUID).arg("--shim").arg("--output").arg(&image));
    let said = verify(&image);
    let problems = &said["files"][0]["findings"][1]["grub_image"]["problems"];
    assert_eq!(problems[0]["problem"], "shim_lock", "{said}");
    machine.config("[grub]\nshim = true\n");
    let mut with_shim = machine.bootseal(["verify", "--keys"]);
    with_shim.arg(encrypted().keys()).arg(&image);
    assert!(succeed(&mut with_shim).contains("enforces signatures by OpenPGP key"));
}

#[test]
fn where_shim_starts_grub_firmware_is_left_to_start_shim() {
    let machine = Machine::with_firmware();
    machine.config("[grub]\nesp = \"/efi\"\nshim = true\n");
    let output = machine.install(UUID).arg("--removable").output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", text(&output));
    assert!(text(&output).contains("is for shim"), "{}", text(&output));
    let said = succeed(&mut machine.install(UUID));
    assert!(
        said.contains("efi/EFI/bootseal/shimx64.efi, which is to start the image")
            && said.contains("--label bootseal --loader '\\EFI\\bootseal\\shimx64.efi'"),
        "{said}"
    );
    assert!(said.contains("left alone: they start shim"), "{said}");
    assert!(!machine.variable("BootOrder", GLOBAL).exists());
    machine.write("efi/EFI/bootseal/shimx64.efi", b"shim");
    assert!(!succeed(&mut machine.install(UUID)).contains("which is to start the image"));
    // Another takes its place at once, and the former one is kept.
    machine.write("efi/EFI/bootseal/grubx64.efi", b"another");
    succeed(&mut machine.install(UUID));
    assert_eq!(machine.image("grubx64-previous.efi").unwrap(), b"another");
    assert!(machine.image("grubx64-new.efi").is_none());
}

/// A generation states which holes are closed, so it is the distribution's, or what the release had when it came out.
#[test]
fn an_image_that_shim_refuses_for_its_sbat_is_told_where_shim_is_to_start_it() {
    let machine = Machine::new();
    let image = machine.path("grub.efi");
    let section = || {
        let lines = machine.path("lines");
        let mut objcopy = tool("objcopy");
        objcopy.args(["--output-target=binary", "--only-section=.sbat"]);
        succeed(objcopy.arg(&image).arg(&lines));
        fs::read_to_string(lines).unwrap()
    };
    let install = |arguments: &[&str]| {
        let mut install = machine.install(UUID);
        succeed(install.args(arguments).arg("--output").arg(&image))
    };
    let refused = "refuse the image: its SBAT says grub 3 and not 5";
    // Debian's own lines for this GRUB, as they are in the image that it builds.
    assert!(!install(&["--shim"]).contains("refuse the image"));
    assert!(
        section().contains("\ngrub.debian,5,Debian,grub2,2.06-13+deb12u2,"),
        "{}",
        section()
    );
    let old = "sbat,1,SBAT Version,sbat,1,https://example.org/\ngrub,3,FSF,grub,2.06,https://example.org/\n";
    machine.write("old.csv", old.as_bytes());
    let given = machine.path("old.csv");
    let given = given.to_str().unwrap();
    let said = install(&["--shim", "--sbat", given]);
    assert!(said.contains(refused) && said.contains("--sbat FILE"), "{said}");
    assert!(section().starts_with(old), "{}", section());
    // Nobody but shim minds.
    assert!(!install(&["--sbat", given]).contains("refuse the image"));
    machine.write("old.csv", b"grub,three\n");
    let output = machine.install(UUID).args(["--sbat", given]).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    assert!(text(&output).contains("holds no SBAT lines"), "{}", text(&output));
}
