//! OpenPGP keys and detached signatures in the form that GRUB takes.
