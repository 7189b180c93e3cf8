//! `keys list` asks those who judge signatures: installed kernels for the module key, the GRUB that starts next for its own.

use std::fs;

use serde_json::Value;

use super::node::{Hooked, VERSION};
use super::traditional::{add, machine};
use crate::support::kernel::Built;
use crate::support::{grub_image, refuse, succeed, text};

#[test]
fn a_kernel_that_refuses_the_module_key_is_a_finding_of_keys_list() {
    let machine = machine();
    let release = machine.kernel.release().to_owned();
    machine.succeed(&add(&machine));
    let said = machine.succeed("bootseal keys list");
    assert!(
        !said.contains("would refuse") && !said.contains("could not look"),
        "{said}"
    );
    // The same kernel, built anew without our certificate; its modules are those that we signed.
    let image = format!("boot/vmlinuz-{release}");
    machine.build(&Built {
        release: &release,
        ..Built::default()
    });
    let config = fs::read_to_string(machine.kernel.configuration()).unwrap();
    let config = config.replace(
        "CONFIG_LOCK_DOWN_IN_EFI_SECURE_BOOT=y",
        "# CONFIG_LOCK_DOWN_IN_EFI_SECURE_BOOT is not set",
    );
    machine.write(&format!("usr/lib/modules/{release}/config"), config.as_bytes());
    machine.succeed(&format!("cp /usr/src/bzImage /{image}"));
    let (code, said) = machine.refuse("bootseal keys list");
    assert_eq!(code, 1, "{said}");
    assert!(
        said.contains(&format!(
            "Linux {release} would refuse modules with our signature: it does not hold the certificate"
        )) && said.contains("keys that sign nothing which starts: 1")
            && said.contains("bootseal kernel-config"),
        "{said}"
    );
    // A kernel of its maker is none that our key is for.
    machine.add_modules();
    machine.write(&image, &fs::read(machine.kernel.image()).unwrap());
    let said = machine.succeed("bootseal keys list");
    assert!(said.contains("keep that of their maker"), "{said}");
    // One that cannot be read says nothing for the key.
    let (whole, half) = (machine.path(&image), machine.path("half"));
    let bytes = fs::read(&whole).unwrap();
    fs::write(&half, &bytes[..bytes.len() / 2]).unwrap();
    fs::rename(&half, &whole).unwrap();
    let said = machine.succeed("bootseal keys list");
    assert!(
        said.contains(&format!(
            "could not look: whether Linux {release} takes modules with our signature"
        )),
        "{said}"
    );
}

#[test]
fn a_grub_that_does_not_embed_the_key_is_a_finding_of_keys_list() {
    let node = Hooked::new();
    fs::remove_file(node.path(&format!("boot/vmlinuz-{VERSION}"))).unwrap();
    let list = || node.bootseal(["keys", "list", "--json"]);
    // Nothing is said of what is not there.
    let read = |said: &str| serde_json::from_str::<Value>(said).unwrap();
    let nothing = read(&succeed(&mut list()));
    assert_eq!(nothing["findings"], serde_json::json!([]), "{nothing}");
    assert_eq!(nothing["could_not_run"], serde_json::json!([]), "{nothing}");
    node.firmware();
    node.partition();
    node.directory("efi/EFI/BOOT");
    let loader = node.path("efi/EFI/BOOT/BOOTX64.EFI");
    succeed(&mut grub_image(&node.path("etc/bootseal/keys"), &loader));
    assert_eq!(read(&succeed(&mut list()))["findings"], serde_json::json!([]));
    node.config("[sign]\ngrub = [\"/boot/grub\"]\n");
    let _ = node
        .bootseal(["keys", "rotate", "grub", "--trusted", "--yes"])
        .output()
        .unwrap();
    let output = list().output().unwrap();
    crate::support::remedies::printed(&output);
    let found = read(&String::from_utf8_lossy(&output.stdout));
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    assert_eq!(found["findings"][0]["kind"], "key_not_in_grub", "{found}");
    let said = refuse(&mut node.bootseal(["keys", "list"]));
    assert!(
        said.contains("this GRUB opens what OpenPGP key") && said.contains("hint: bootseal grub install --root "),
        "{said}"
    );
    // A loader that cannot be judged says nothing for the key.
    fs::write(&loader, b"MZ, and no image").unwrap();
    let unknown = read(&succeed(&mut list()));
    assert_eq!(unknown["findings"], serde_json::json!([]), "{unknown}");
}
