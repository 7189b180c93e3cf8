use super::*;
use crate::disk::Architecture;
use crate::formats::firmware::guid::Guid;
use crate::system::variables::{Efivarfs, Variables};

/// A boot option for a file, and nothing else in the boot order.
fn starts_by(node: &Node, file: &str) {
    let name: Vec<u8> = format!("{file}\0").encode_utf16().flat_map(u16::to_le_bytes).collect();
    let mut path = vec![4, 4];
    path.extend(u16::try_from(name.len() + 4).unwrap().to_le_bytes());
    path.extend(name);
    path.extend([0x7f, 0xff, 4, 0]);
    let mut option = vec![1, 0, 0, 0];
    option.extend(u16::try_from(path.len()).unwrap().to_le_bytes());
    option.extend([b'x', 0, 0, 0]);
    option.extend(path);
    let mut firmware = Efivarfs::at(&node.context, node.root.path().join("firmware"));
    for (variable, data) in [("Boot0001", &*option), ("BootOrder", &[1, 0])] {
        firmware.write_raw(variable, &Guid::GLOBAL, 7, data).unwrap();
    }
}

/// The loader that the firmware falls back to is signed by the old key, and `[sign]` names the one that starts.
#[test]
fn the_old_key_stays_while_a_file_starts_by_it_alone() {
    let mut node = Node::new();
    node.rotate(KeyName::Db).unwrap();
    let esp = node.root.path().join("esp");
    let fallback = esp.join("EFI/BOOT").join(&Architecture::removable_loaders()[0]);
    let ours = esp.join("EFI/ours/loader.efi");
    for file in [&fallback, &ours] {
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::copy(node.root.path().join("boot/vmlinuz"), file).unwrap();
    }
    // Refused before as well: that is no reason.
    fs::write(esp.join("EFI/BOOT/BOOTIA32.EFI"), minimal_image()).unwrap();
    starts_by(&node, "\\EFI\\ours\\loader.efi");
    node.firmware.esp.push(esp);
    let named = Entry::Required("/esp/EFI/ours/loader.efi".to_owned());
    node.config.sign.efi.push(named);

    let old = node.keys.certificate(KeyName::Db).unwrap();
    let error = node.rotate(KeyName::Db).unwrap_err();
    let shown = fallback.display().to_string();
    assert!(error.to_string().ends_with(&shown), "{error}");
    assert!(
        error.hints()[0] == format!("bootseal sign efi {shown}"),
        "{:?}",
        error.hints()
    );
    assert!(node.holds(&old) && node.kernel_is_accepted());

    fs::copy(&ours, &fallback).unwrap();
    node.rotate(KeyName::Db).unwrap();
    assert!(!node.holds(&old));
}
