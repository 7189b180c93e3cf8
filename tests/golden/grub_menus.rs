//! Menus as grub-mkconfig and distributions write them: none is found fault with.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use bootseal::formats::grub::script::Script;
use bootseal::trust::grub_script::{Danger, Scene, dangers};

use crate::support::programs::{judge, tool};

/// A program in the place of `grub-probe`, for a machine with one disk.
const PROBE: &str = r#"#!/bin/sh
for word in "$@"; do
    case $word in
        --target=fs_uuid) echo 5a1e4d6c-1111-2222-3333-444455556666 ;;
        --target=device) echo /dev/sda2 ;;
        --target=partmap) echo gpt ;;
        --target=fs) echo ext2 ;;
        --target=compatibility_hint) echo hd0,gpt2 ;;
        --target=hints_string) echo "--hint-bios=hd0,gpt2 --hint-efi=hd0,gpt2" ;;
        --target=drive) echo "(hd0,gpt2)" ;;
    esac
done
"#;
/// The parts that need nothing of the machine but these answers.
const PARTS: [&str; 5] = ["00_header", "10_linux", "25_bli", "30_uefi-firmware", "41_custom"];

/// Of Fedora, openSUSE, Arch and Gentoo, and Debian's entries: the lines that are not alike.
const MENUS: [(&str, &str); 5] = [
    (
        "Fedora",
        "set pager=1\nif [ -f ${config_directory}/grubenv ]; then\n  load_env -f ${config_directory}/grubenv\n\
         elif [ -s $prefix/grubenv ]; then\n  load_env\nfi\n\
         if [ \"${next_entry}\" ] ; then\n   set default=\"${next_entry}\"\n   set next_entry=\n   save_env next_entry\n\
         set boot_once=true\nelse\n   set default=\"${saved_entry}\"\nfi\n\
         if [ x\"${feature_menuentry_id}\" = xy ]; then\n  menuentry_id_option=\"--id\"\nelse\n  menuentry_id_option=\"\"\nfi\n\
         export menuentry_id_option\n\
         function savedefault {\n  if [ -z \"${boot_once}\" ]; then\n    saved_entry=\"${chosen}\"\n    save_env saved_entry\n  fi\n}\n\
         function load_video {\n  if [ x$feature_all_video_module = xy ]; then\n    insmod all_video\n  else\n    insmod efi_gop\n  fi\n}\n\
         terminal_output console\nif [ x$feature_timeout_style = xy ] ; then\n  set timeout_style=menu\n  set timeout=5\nfi\n\
         if [ -f ${prefix}/user.cfg ]; then\n  source ${prefix}/user.cfg\n  if [ -n \"${GRUB2_PASSWORD}\" ]; then\n\
         set superusers=\"root\"\n    export superusers\n    password_pbkdf2 root ${GRUB2_PASSWORD}\n  fi\nfi\n\
         insmod increment\nif [ -n \"${boot_counter}\" -a \"${boot_success}\" = \"0\" ]; then\n\
         if  [ \"${boot_counter}\" = \"0\" -o \"${boot_counter}\" = \"-1\" ]; then\n    set default=1\n    set boot_counter=-1\n\
         else\n    decrement boot_counter\n  fi\n  save_env boot_counter\nfi\n\
         insmod part_gpt\nset root='hd0,gpt2'\nif [ x$feature_platform_search_hint = xy ]; then\n\
         search --no-floppy --fs-uuid --set=root --hint-efi=hd0,gpt2  5a1e4d6c\nelse\n  search --no-floppy --fs-uuid --set=root 5a1e4d6c\nfi\n\
         if [ -z \"${kernelopts}\" ]; then\n  set kernelopts=\"root=UUID=1 ro \"\nfi\ninsmod blscfg\nblscfg\n\
         if [ \"${boot_success}\" = \"1\" -o \"${boot_indeterminate}\" = \"1\" ]; then\n  set last_boot_ok=1\nelse\n  set last_boot_ok=0\nfi\n\
         set boot_success=0\nsave_env boot_success\n\
         if [ \"${menu_show_once}\" ]; then\n  unset menu_show_once\n  save_env menu_show_once\n  set timeout=60\nfi\n\
         if [ \"$grub_platform\" = \"efi\" ]; then\n\tmenuentry 'UEFI Firmware Settings' $menuentry_id_option 'uefi-firmware' {\n\t\tfwsetup\n\t}\nfi\n\
         if [ -f $prefix/fw.cfg ]; then\n  source $prefix/fw.cfg\nfi\n",
    ),
    (
        "openSUSE",
        "set btrfs_relative_path=\"y\"\nexport btrfs_relative_path\nif [ -f ${config_directory}/grubenv ]; then\n\
         load_env -f ${config_directory}/grubenv\nelif [ -s $prefix/grubenv ]; then\n  load_env\nfi\n\
         if [ \"${env_block}\" ] ; then\n  set env_block=\"(${root})${env_block}\"\n  export env_block\n  load_env -f \"${env_block}\"\nfi\n\
         function load_video {\n  true\n}\nif [ x$feature_default_font_path = xy ] ; then\n   font=unicode\nelse\n\
         search --no-floppy --fs-uuid --set=root  5a1e4d6c\n    font=\"/usr/share/grub2/unicode.pf2\"\nfi\n\
         if loadfont $font ; then\n  set gfxmode=auto\n  load_video\n  insmod gfxterm\n  set locale_dir=$prefix/locale\n  set lang=en_US\n\
         insmod gettext\nfi\nterminal_output gfxterm\nloadfont ($root)/boot/grub2/themes/openSUSE/DejaVuSans12.pf2\n\
         set theme=($root)/boot/grub2/themes/openSUSE/theme.txt\nexport theme\n\
         if [ \"${env_block}\" ] ; then\n  save_env -f \"${env_block}\" next_entry\nfi\n\
         btrfs-mount-subvol ($root) /.snapshots @/.snapshots\n\
         if [ -f \"/.snapshots/grub-snapshot.cfg\" ]; then\n  source \"/.snapshots/grub-snapshot.cfg\"\nfi\n\
         set extra_cmdline=\"rootflags=subvol=@\"\n",
    ),
    (
        "Arch",
        "insmod part_gpt\ninsmod part_msdos\nif [ -s $prefix/grubenv ]; then\n  load_env\nfi\nmenuentry_id_option=\"--id\"\n\
         export menuentry_id_option\nif [ \"${prev_saved_entry}\" ]; then\n  set saved_entry=\"${prev_saved_entry}\"\n\
         save_env saved_entry\n  set prev_saved_entry=\n  save_env prev_saved_entry\n  set boot_once=true\nfi\n\
         function load_video {\n  insmod all_video\n}\n\
         menuentry 'Arch Linux' --class arch --class gnu-linux $menuentry_id_option 'gnulinux-simple-1' {\n\tload_video\n\
         \tset gfxpayload=keep\n\tinsmod gzio\n\tif [ x$grub_platform = xxen ]; then insmod xzio; insmod lzopio; fi\n\
         \tset root='hd0,gpt2'\n\tsearch --no-floppy --fs-uuid --set=root --hint-bios=hd0,gpt2 5a1e4d6c\n\
         \techo\t'Loading Linux linux ...'\n\tlinux\t/boot/vmlinuz-linux root=UUID=1 rw  loglevel=3 quiet\n\
         \tinitrd\t/boot/intel-ucode.img /boot/initramfs-linux.img\n}\n\
         if [ \"${grub_platform}\" == \"efi\" ]; then\n\tfwsetup --is-supported\n\tif [ \"$?\" = 0 ]; then\n\
         \t\tmenuentry 'UEFI Firmware Settings' $menuentry_id_option 'uefi-firmware' {\n\t\t\tfwsetup\n\t\t}\n\tfi\nfi\n",
    ),
    ("Gentoo", include_str!("grub_tree/grub.cfg")),
    (
        "Debian",
        "function gfxmode {\n\tset gfxpayload=\"${1}\"\n\tif [ \"${1}\" = \"keep\" ]; then\n\t\tset vt_handoff=vt.handoff=7\n\telse\n\
         \t\tset vt_handoff=\n\tfi\n}\nif [ \"${recordfail}\" != 1 ]; then\n  set linux_gfx_mode=keep\nelse\n  set linux_gfx_mode=text\nfi\n\
         export linux_gfx_mode\nfunction recordfail {\n  set recordfail=1\n  if [ -n \"${have_grubenv}\" ]; then if [ -z \"${boot_once}\" ]; then\n\
         save_env recordfail; fi; fi\n}\nset menu_color_normal=cyan/blue\n\
         submenu 'Advanced options' $menuentry_id_option 'a' {\n\tmenuentry 'x' --class ubuntu $menuentry_id_option 'b' {\n\
         \t\trecordfail\n\t\tgfxmode $linux_gfx_mode\n\t\tlinux /boot/vmlinuz root=UUID=1 ro quiet $vt_handoff\n\t\tinitrd /boot/initrd.img\n\
         \t\tinitrdfail\n\t}\n}\nif [ -f  ${config_directory}/custom.cfg ]; then\n  source ${config_directory}/custom.cfg\n\
         elif [ -z \"${config_directory}\" -a -f  $prefix/custom.cfg ]; then\n  source $prefix/custom.cfg\nfi\n",
    ),
];

fn found(text: &str) -> Vec<Danger> {
    let script = Script::parse(text);
    assert_eq!(script.error, None, "{text}");
    let is_fault = |danger: &Danger| danger.act != bootseal::trust::grub_script::Act::SuperusersChanged;
    dangers(&script, Scene::default())
        .into_iter()
        .filter(is_fault)
        .collect()
}

#[test]
fn no_distributions_menu_is_found_fault_with() {
    for (name, menu) in MENUS {
        assert_eq!(found(menu), [], "{name}");
    }
}

#[test]
fn what_the_scripts_of_grub_mkconfig_write_is_found_without_fault() {
    let work = tempfile::tempdir().unwrap();
    let program = |name: &str, text: &str| {
        let path = work.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    };
    let probe = program("probe", PROBE);
    let path = program("path", "#!/bin/sh\nfor last; do :; done\necho \"$last\"\n");
    for root in [PathBuf::from("/"), judge("grub-2.12"), judge("grub-2.14")] {
        let mut menu = String::new();
        for part in PARTS {
            let script = root.join("etc/grub.d").join(part);
            if script.is_file() {
                menu.push_str(&written(&script, &root, &probe, &path));
            }
        }
        assert!(menu.contains("load_env") && menu.contains("custom.cfg"), "{menu}");
        assert_eq!(found(&menu), [], "{}", root.display());
    }
}

#[test]
fn every_command_of_grub_is_known() {
    for root in [PathBuf::from("/"), judge("grub-2.12"), judge("grub-2.14")] {
        let list = fs::read_to_string(root.join("usr/lib/grub/x86_64-efi/command.lst")).unwrap();
        let names: Vec<&str> = list
            .lines()
            .filter_map(|line| line.split_once(": "))
            .map(|(name, _)| name)
            .collect();
        assert!(names.len() > 150, "{names:?}");
        for name in names {
            let name = name.trim_start_matches('*');
            let dangers = dangers(&Script::parse(name), Scene::default());
            let is_unknown = |danger: &Danger| format!("{:?}", danger.act).contains("no command of GRUB");
            assert!(!dangers.iter().any(is_unknown), "{name}");
        }
    }
}

/// The part of a menu that a script writes.
fn written(script: &Path, root: &Path, probe: &Path, path: &Path) -> String {
    let output = tool("sh")
        .arg(script)
        .env("pkgdatadir", root.join("usr/share/grub"))
        .env("grub_probe", probe)
        .env("grub_mkrelpath", path)
        .env("grub_file", "/bin/true")
        .env("GRUB_DEVICE", "/dev/sda2")
        .env("GRUB_DEVICE_BOOT", "/dev/sda2")
        .env("GRUB_DEVICE_UUID", "5a1e4d6c-1111-2222-3333-444455556666")
        .env("GRUB_DEVICE_BOOT_UUID", "5a1e4d6c-1111-2222-3333-444455556666")
        .env("GRUB_FS", "ext2")
        .env("GRUB_TERMINAL_OUTPUT", "gfxterm")
        .env("GRUB_SAVEDEFAULT", "true")
        .env("GRUB_DEFAULT", "saved")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}: {output:?}", script.display());
    String::from_utf8(output.stdout).unwrap()
}
