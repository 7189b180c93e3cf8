//! EFI signature lists (UEFI 2.10, section 32.4.1).
