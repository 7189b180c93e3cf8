//! What others signed, on the EFI system partition of a machine that trusts Microsoft beside its own keys.

use std::fs;

use super::{DATABASE, Machine, says};
use crate::support::judges::{debians_grub, shim};
use crate::support::keys;

#[test]
fn what_microsoft_and_debian_signed_is_judged_by_db_and_dbx() {
    let machine = Machine::new();
    machine.write("efi/EFI/debian/shimx64.efi", &shim());
    machine.write("efi/EFI/debian/grubx64.efi", &debians_grub());
    let said = machine.check("boot.images");
    says(
        &said,
        "evidence",
        "/efi/EFI/debian/grubx64.efi",
        "Debian Secure Boot Signer",
    );
    let by = "for whom \"Microsoft Corporation UEFI CA 2011\" in db vouches";
    says(&said, "evidence", "/efi/EFI/debian/shimx64.efi", by);

    let db = fs::read(keys().join("db.esl")).unwrap();
    // The first certificate of db is the machine's own: without the others, shim is not let in.
    let own = u32::from_le_bytes(db[16..20].try_into().unwrap()) as usize;
    machine.variable("db", DATABASE, 0x27, &db[..own]);
    let said = machine.check("boot.images");
    says(
        &said,
        "evidence",
        "/efi/EFI/debian/shimx64.efi",
        "not let in, signed by",
    );
}
