//! Files that are broken, truncated or forged.

mod authenticode;
mod confinement;
mod containers;
mod hostile;
mod keys;
mod links;
mod names;
mod ours;
mod packed;
