//! The examinations of the product, in their order: the plan names them, the run holds them, the transcript has their
//! results.

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
    /// All examinations, in their order.
    pub const ALL: [Self; 4] = [Self::Keys, Self::Certificates, Self::Writes, Self::Enrolment];

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
