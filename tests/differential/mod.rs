//! The judges of chains and signatures against OpenSSL, called as EDK2 calls it: no difference without a written reason.

mod beside;
pub mod certificates;
pub mod chains;
mod generated;
pub mod judge;
pub mod named;
pub mod random;
mod real;
pub mod signatures;
mod variables;

/// The reasons for which bootseal refuses what OpenSSL takes, by a part of its refusal.
const STRICTER: &[(&str, &str)] = &[
    ("MD5", "firmware is built without MD5, and stock OpenSSL has it"),
    (
        "is not accepted",
        "a digest that nobody knows, MD5, or one by the name of a whole signature: some OpenSSL takes these, and some not",
    ),
];

/// The written reason for a refusal that OpenSSL does not share.
pub fn reason(refusal: &str) -> Option<&'static str> {
    let mut known = STRICTER.iter().filter(|(part, _)| refusal.contains(part));
    known.next().map(|(_, reason)| *reason)
}
