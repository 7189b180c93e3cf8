use super::*;

#[test]
fn ml_dsa_is_taken_from_7_0_on_where_it_is_built_in() {
    let kernel = |release: &str, options: &str| {
        let text = format!("# Linux/x86 {release} Kernel Configuration\nCONFIG_MODULE_SIG=y\n{options}");
        KernelTrust::of_configuration(release, KernelConfig::parse(text.as_bytes()).unwrap())
    };
    let said = |release, options, scheme| kernel(release, options).obstacle_of(scheme).map(|it| it.to_string());
    let (key, attributes) = (
        "CONFIG_CRYPTO_MLDSA=y\n",
        "CONFIG_CRYPTO_MLDSA=y\nCONFIG_PKCS7_WAIVE_AUTHATTRS_REJECTION_FOR_MLDSA=y\n",
    );
    assert_eq!(said("7.0.1", key, Scheme::MlDsa), None);
    assert_eq!(said("7.0.1", attributes, Scheme::MlDsaOverAttributes), None);
    for (release, options, scheme, why) in [
        ("6.19.9", attributes, Scheme::MlDsa, "older than 7.0"),
        ("7.2.0", "", Scheme::MlDsa, "CONFIG_CRYPTO_MLDSA is not set"),
        (
            "7.2.0",
            "CONFIG_CRYPTO_MLDSA=m\n",
            Scheme::MlDsa,
            "CONFIG_CRYPTO_MLDSA=m",
        ),
        ("7.2.0", key, Scheme::MlDsaOverAttributes, "EKEYREJECTED"),
    ] {
        let said = said(release, options, scheme).unwrap();
        assert!(said.contains(why), "{said}");
    }
    assert_eq!(said("6.1.0", "", Scheme::Rsa), None);
    assert_eq!(said("6.1.0", "CONFIG_CRYPTO_ECDSA=y\n", Scheme::Ecdsa), None);
    assert!(
        said("6.1.0", "CONFIG_CRYPTO_ECDSA=m\n", Scheme::Ecdsa)
            .unwrap()
            .contains("CONFIG_CRYPTO_ECDSA=m")
    );
    assert!(
        said("6.1.0", "# CONFIG_CRYPTO_ECDSA is not set\n", Scheme::Ecdsa)
            .unwrap()
            .contains("is not set")
    );
}

/// shim's mark decides, and `mokutil --ignore-db`.
#[test]
fn the_owners_keys_count_where_shim_says_so_and_db_where_nobody_says_no() {
    use crate::formats::firmware::guid::Guid;
    use crate::system::variables::{Efivarfs, Variables};
    use crate::trust::identities::{DB, database};

    let root = tempfile::tempdir().unwrap();
    let context = Context::host().with_root(root.path());
    std::fs::create_dir_all(context.path("/sys/firmware/efi/efivars")).unwrap();
    let directory = context.path("/lib/modules/6.12.1");
    std::fs::create_dir_all(&directory).unwrap();
    let shim: Guid = "605dab50-e046-4300-abb6-3dd810dd8b23".parse().unwrap();
    let set = |name: &str, vendor: &Guid, data: &[u8]| {
        Efivarfs::live(&context)
            .unwrap()
            .write_raw(name, vendor, 7, data)
            .unwrap();
    };
    let counted = |options: &str| {
        let text = format!("# Linux/x86 6.12.1 Kernel Configuration\nCONFIG_MODULE_SIG=y\n{options}");
        std::fs::write(directory.join("config"), text).unwrap();
        KernelTrust::read(&context, "6.12.1", None).certificates().count()
    };
    let mainline = "CONFIG_INTEGRITY_MACHINE_KEYRING=y\nCONFIG_SECONDARY_TRUSTED_KEYRING=y\n";
    let debian = "CONFIG_LOCK_DOWN_IN_EFI_SECURE_BOOT=y\nCONFIG_INTEGRITY_PLATFORM_KEYRING=y\n";
    let lists = database(&[&DB]).to_bytes();
    set("MokListRT", &shim, &lists);
    set("db", &Guid::IMAGE_SECURITY_DATABASE, &lists);
    assert_eq!((counted(mainline), counted(debian)), (0, 2));
    set("MokListTrustedRT", &shim, &[1]);
    assert_eq!((counted(mainline), counted(debian)), (1, 2));
    set("MokIgnoreDB", &shim, &[1]);
    assert_eq!((counted(mainline), counted(debian)), (1, 1));
}

#[test]
fn an_initramfs_needs_its_decompressor() {
    let lacks = |options: &str, packing| {
        let text = format!("# Linux/x86 6.12.1 Kernel Configuration\n{options}");
        let config = KernelConfig::parse(text.as_bytes()).unwrap();
        KernelTrust::of_configuration("6.12.1", config).lacks_for_initramfs(packing)
    };
    let gzip_alone = "CONFIG_BLK_DEV_INITRD=y\nCONFIG_RD_GZIP=y\n# CONFIG_RD_ZSTD is not set\n";
    assert_eq!(lacks(gzip_alone, Some(Packing::Gzip)), None);
    assert_eq!(lacks(gzip_alone, None), None);
    assert_eq!(lacks(gzip_alone, Some(Packing::Zstd)), Some("RD_ZSTD"));
    assert_eq!(
        lacks("# CONFIG_BLK_DEV_INITRD is not set\n", None),
        Some("BLK_DEV_INITRD")
    );
}
