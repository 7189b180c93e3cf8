//! The examinations of the product, in their order: the plan names them, the run holds them, the transcript has their
//! results.

use super::spec::Spec;

/// A part of the product that is read back from the disk and tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Examination {
    /// The private keys.
    Keys,
    /// The certificates.
    Certificates,
    /// The signature lists, and the signed writes of firmware variables.
    Writes,
    /// All of it, enrolled into a simulated firmware.
    Enrolment,
}

impl Examination {
    /// The examinations of what a ceremony makes, in their order.
    pub fn for_spec(spec: &Spec) -> &'static [Self] {
        const ALL: [Examination; 4] = [
            Examination::Keys,
            Examination::Certificates,
            Examination::Writes,
            Examination::Enrolment,
        ];
        const OF_FLEET: [Examination; 2] = [Examination::Keys, Examination::Certificates];
        if spec.makes_chain() { &ALL } else { &OF_FLEET }
    }

    /// The text for plans and for people who watch.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Keys => "sign and verify with each key",
            Self::Certificates => "look through the certificates",
            Self::Writes => "judge the signed writes as firmware does",
            Self::Enrolment => "enroll into a simulated firmware and let it judge a signed image",
        }
    }
}
