//! Layer 2: would this firmware, kernel or GRUB accept this file? The one place that decides.
