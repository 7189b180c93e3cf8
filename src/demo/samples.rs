//! Small real files for the demo: an empty kernel module as a linker would make it, and files that GRUB reads.

/// A configuration of GRUB.
pub(super) const GRUB_CFG: &[u8] =
    b"set timeout=0\nmenuentry 'demo' {\n  linux /vmlinuz console=ttyS0\n  initrd /initrd.img\n}\n";

/// Names of the sections of [`minimal_module`]; offsets into it stand in the section headers.
const SECTION_NAMES: &[u8] = b"\0.modinfo\0.shstrtab\0";
/// Content of its `.modinfo`.
const MODINFO: &[u8] = b"license=Dual MIT/GPL\0name=bootseal_demo\0vermagic=0 SMP mod_unload \0";
/// Size of an ELF64 file header.
const HEADER: u64 = 64;
/// Size of an ELF64 section header.
const SECTION_HEADER: u16 = 64;

/// A relocatable ELF64 object for x86-64 with the `.modinfo` of a kernel module: the same kind of file as any `.ko`,
/// 0x140 bytes and more.
pub(super) fn minimal_module() -> Vec<u8> {
    let modinfo_at = HEADER;
    let names_at = modinfo_at.saturating_add(MODINFO.len() as u64);
    let sections_at = names_at.saturating_add(SECTION_NAMES.len() as u64).next_multiple_of(8);
    let mut file = Vec::new();
    // e_ident: ELFCLASS64, ELFDATA2LSB, EV_CURRENT.
    file.extend(b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0");
    for half in [1u16, 62] {
        file.extend(half.to_le_bytes()); // ET_REL, EM_X86_64
    }
    file.extend(1u32.to_le_bytes());
    for word in [0, 0, sections_at] {
        file.extend(word.to_le_bytes()); // entry, program headers, section headers
    }
    file.extend(0u32.to_le_bytes());
    for half in [64u16, 0, 0, SECTION_HEADER, 3, 2] {
        file.extend(half.to_le_bytes());
    }
    file.extend(MODINFO);
    file.extend(SECTION_NAMES);
    while (file.len() as u64) < sections_at {
        file.push(0);
    }
    section(&mut file, 0, 0, 0, 0, 0);
    section(&mut file, 1, 1, 2, modinfo_at, MODINFO.len() as u64); // .modinfo: PROGBITS, ALLOC
    section(&mut file, 10, 3, 0, names_at, SECTION_NAMES.len() as u64); // .shstrtab: STRTAB
    file
}

fn section(file: &mut Vec<u8>, name: u32, kind: u32, flags: u64, offset: u64, size: u64) {
    file.extend(name.to_le_bytes());
    file.extend(kind.to_le_bytes());
    for word in [flags, 0, offset, size] {
        file.extend(word.to_le_bytes());
    }
    file.extend([0; 8]); // link, info
    for word in [u64::from(kind != 0), 0] {
        file.extend(word.to_le_bytes()); // alignment, entry size
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use goblin::elf::Elf;

    #[test]
    fn the_module_is_a_real_relocatable_object() {
        let file = minimal_module();
        let elf = Elf::parse(&file).unwrap();
        assert_eq!(elf.header.e_type, goblin::elf::header::ET_REL);
        let names: Vec<_> = elf
            .section_headers
            .iter()
            .map(|s| elf.shdr_strtab.get_at(s.sh_name).unwrap())
            .collect();
        assert_eq!(names, ["", ".modinfo", ".shstrtab"]);
    }
}
