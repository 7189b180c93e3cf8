//! Links, pipes, devices and exchanged directories that an attacker put where bootseal reads and writes: nothing outside
//! of the boot directories, the EFI system partition and the module tree changes, and nothing of it is given away.

mod hook;
mod machine;
mod named;
mod races;
