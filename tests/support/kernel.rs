//! Images of kernels that say of themselves what a test needs.

use bootseal::formats::firmware::authenticode::minimal_image;
use bootseal::formats::kernel::compression::Compression;

/// Where the boot protocol for x86 has the number of sectors of setup code, and offset and length of the kernel
/// (Documentation/arch/x86/boot.rst).
const SETUP_SECTORS: usize = 0x1f1;
const PAYLOAD: usize = 0x248;

/// A small image that the firmware would start, with the header of a kernel for x86 that states a release.
pub fn kernel_image(release: &str) -> Vec<u8> {
    const MAGIC: usize = 0x202;
    const VERSION: usize = 0x20e;
    const TEXT: usize = 0x300;
    let mut image = minimal_image();
    image[MAGIC..MAGIC + 4].copy_from_slice(b"HdrS");
    let offset = u16::try_from(TEXT - 0x200).unwrap();
    image[VERSION..VERSION + 2].copy_from_slice(&offset.to_le_bytes());
    let text = format!("{release} (somebody@somewhere)\0");
    image[TEXT..TEXT + text.len()].copy_from_slice(text.as_bytes());
    image
}

/// An initramfs with one file, which starts.
pub fn initramfs(init: &str) -> Vec<u8> {
    archive(&[("init", init.as_bytes())])
}

/// An archive of files in the "newc" format of cpio, by name and content.
pub fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = Vec::new();
    for (name, data) in files.iter().chain(&[("TRAILER!!!", &b""[..])]) {
        let mut fields = [0; 13];
        // Mode, and the sizes of content and name.
        fields[1] = 0o100_755;
        fields[6] = data.len();
        fields[11] = name.len() + 1;
        archive.extend(b"070701");
        archive.extend(fields.iter().flat_map(|field| format!("{field:08x}").into_bytes()));
        for part in [format!("{name}\0").as_bytes(), data] {
            archive.extend(part);
            archive.resize(archive.len().next_multiple_of(4), 0);
        }
    }
    archive
}

/// A kernel, as far as its image tells of it.
#[derive(Default)]
pub struct Built<'a> {
    /// As `uname -r` prints it.
    pub release: &'a str,
    /// The certificates that it trusts for modules, in DER, that of the build first.
    pub certificates: &'a [&'a [u8]],
    /// Its configuration, if it is built in.
    pub config: Option<&'a str>,
}

impl Built<'_> {
    /// Such a kernel in the image of another one, which is as long as before and starts nothing.
    pub fn within(&self, image: &[u8]) -> Vec<u8> {
        let number = |at: usize| u32::from_le_bytes(image[at..at + 4].try_into().unwrap()) as usize;
        let start = (usize::from(image[SETUP_SECTORS]) + 1) * 512 + number(PAYLOAD);
        let kernel = self.packed();
        assert!(kernel.len() <= number(PAYLOAD + 4), "there is no room for it");
        let mut image = image.to_vec();
        image[start..start + kernel.len()].copy_from_slice(&kernel);
        image[PAYLOAD + 4..PAYLOAD + 8].copy_from_slice(&u32::try_from(kernel.len()).unwrap().to_le_bytes());
        image
    }

    fn packed(&self) -> Vec<u8> {
        let mut kernel = format!("Linux version {} (somebody@somewhere) #1 SMP\n", self.release).into_bytes();
        if let Some(config) = self.config {
            kernel.extend(b"IKCFG_ST");
            kernel.extend(Compression::Gzip.pack(config.as_bytes().to_vec()).unwrap());
            kernel.extend(b"IKCFG_ED");
        }
        // As certs/system_certificates.S lays them out.
        kernel.resize(kernel.len().next_multiple_of(8), 0x90);
        let size: usize = self.certificates.iter().map(|certificate| certificate.len()).sum();
        kernel.extend(self.certificates.concat());
        kernel.resize(kernel.len().next_multiple_of(8), 0);
        kernel.extend((size as u64).to_le_bytes());
        let first = self.certificates.first().map_or(0, |certificate| certificate.len());
        kernel.extend((first as u64).to_le_bytes());
        Compression::Gzip.pack(kernel).unwrap()
    }
}
