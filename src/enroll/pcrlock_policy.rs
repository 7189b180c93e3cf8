//! The policy of systemd-pcrlock(8), to which keys may be sealed.

use crate::error::Result;
use crate::system::{self, Context};

/// The policy that systemd-pcrlock keeps.
const POLICY: &str = "/var/lib/systemd/pcrlock.json";

/// The steps around a write, where a policy of systemd-pcrlock is in use.
pub(super) const REMEDIES: [&str; 2] = [
    "relax the policy of systemd-pcrlock before the write: /usr/lib/systemd/systemd-pcrlock unlock-secureboot-policy, then \
     /usr/lib/systemd/systemd-pcrlock unlock-secureboot-authority, then /usr/lib/systemd/systemd-pcrlock make-policy",
    "lock it again after the restart: /usr/lib/systemd/systemd-pcrlock lock-secureboot-policy, then \
     /usr/lib/systemd/systemd-pcrlock lock-secureboot-authority, then /usr/lib/systemd/systemd-pcrlock make-policy",
];

/// True if there is a policy on this machine.
pub(super) fn has_policy(context: &Context) -> Result<bool> {
    system::is_there(&context.path(POLICY))
}
