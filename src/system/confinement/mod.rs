//! Confinement: what this process, and each program that it starts, can do from here on. Landlock (landlock(7)) holds
//! writes, programs and signals, a filter of system calls (seccomp(2)) the network; no program gains privileges
//! (`PR_SET_NO_NEW_PRIVS`).
//!
//! bootseal reads as root what others control. A fault in a parser is to end there: an audit that was taken over cannot
//! write, and none of the commands can send anything away.
//!
//! Reading is not confined: keys are read where they are named, and an audit reads all of the machine.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, LandlockStatus, PathBeneath, PathFd, Ruleset,
    RulesetAttr, RulesetCreatedAttr, Scope,
};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule, TargetArch,
};

use crate::error::{Error, Explain, Result};
use crate::formats::text::Shown;

use super::context::Context;
use super::process::PROGRAMS;
use super::variables::EFIVARFS;

/// The newest interface that is asked for, of Linux 6.12; an older kernel confines as much of it as it knows.
const NEWEST: ABI = ABI::V6;
/// The devices that any command may write to: what a person sees and types, and what takes everything.
const DEVICES: [&str; 5] = ["/dev/console", "/dev/null", "/dev/pts", "/dev/tty", "/dev/zero"];
/// The devices that the libraries of tokens talk through, where no daemon does it for them.
const TOKEN_DEVICES: [&str; 3] = ["/dev/bus/usb", TPM_DEVICES[0], TPM_DEVICES[1]];
/// The devices of the TPM.
const TPM_DEVICES: [&str; 2] = ["/dev/tpm0", "/dev/tpmrm0"];
/// The devices of the kernel's volume managers, which `grub-probe` asks.
const VOLUME_DEVICES: [&str; 2] = ["/dev/mapper", "/dev/zfs"];
/// The directories of the root that hold no files: devices, and the kernel's own file systems.
const NO_FILES: [&str; 3] = ["dev", "proc", "sys"];
/// The directory among the devices that holds files: memory, where a ceremony works and keys leave no trace on a disk.
const SHARED_MEMORY: &str = "/dev/shm";
/// The directories of libraries and interpreters, without which no program starts.
const LIBRARIES: [&str; 7] = ["/bin", "/lib", "/lib32", "/lib64", "/usr/bin", "/usr/lib", "/usr/lib64"];
/// The families of sockets that stay: of this machine's daemons, and of the kernel's events.
const LOCAL_SOCKETS: [libc::c_int; 2] = [libc::AF_UNIX, libc::AF_NETLINK];

/// The files that a command may write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Writes {
    /// None.
    Nothing,
    /// Those below these directories, or at these paths; the directory that a missing one would be in counts for it.
    Below(Vec<PathBuf>),
    /// Those that a person names, wherever they are: all but devices and the kernel's own file systems.
    Files,
}

/// The needs of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Powers {
    /// The files that it may write.
    pub writes: Writes,
    /// True if it may write the firmware's variables.
    pub variables: bool,
    /// Programs that it may start in the place of one of [`PROGRAMS`]; none if it starts no program. One that a person
    /// names may be a script that starts others, so that all may be started then.
    pub programs: Option<Vec<PathBuf>>,
    /// A block device that it may write, as a virtual machine's variables may be on.
    pub device: Option<PathBuf>,
    /// A program that it may start to be told a passphrase, with the libraries and programs of the system.
    pub secret_program: Option<PathBuf>,
}

impl Powers {
    /// The powers of a command that writes these files only, and starts no program.
    #[must_use]
    pub const fn writing(writes: Writes) -> Self {
        Self {
            writes,
            variables: false,
            programs: None,
            device: None,
            secret_program: None,
        }
    }

    /// The same with a block device.
    #[must_use]
    pub fn and_device(self, device: Option<PathBuf>) -> Self {
        Self { device, ..self }
    }

    /// The same with a program that tells a passphrase, which may ask the TPM.
    #[must_use]
    pub fn and_secret_program(self, secret_program: Option<PathBuf>) -> Self {
        Self { secret_program, ..self }
    }

    /// The same with [`PROGRAMS`], or with any where these are named in the place of one of them.
    #[must_use]
    pub fn starting(self, named: impl IntoIterator<Item = PathBuf>) -> Self {
        Self {
            programs: Some(named.into_iter().collect()),
            ..self
        }
    }

    /// The same with the firmware's variables.
    #[must_use]
    pub fn and_variables(self) -> Self {
        Self {
            variables: true,
            ..self
        }
    }
}

/// The confinement that the kernel gave; none by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Confinement {
    /// The version of Landlock's interface; none where the kernel has no Landlock, or it is off.
    pub landlock: Option<i32>,
    /// True if a filter keeps the process from the network; false on an architecture without one.
    pub no_network: bool,
}

impl Confinement {
    /// True if the kernel holds all that it was asked for.
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        matches!(self.landlock, Some(version) if version >= NEWEST as i32) && self.no_network
    }
}

impl fmt::Display for Confinement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.landlock {
            Some(version) if version >= NEWEST as i32 => f.write_str("confined by Landlock")?,
            Some(version) => write!(
                f,
                "confined by Landlock {version}, which lacks parts of {}",
                NEWEST as i32
            )?,
            None => f.write_str(
                "not confined: this kernel has no Landlock (CONFIG_SECURITY_LANDLOCK, and landlock in lsm=)",
            )?,
        }
        f.write_str(if self.no_network {
            "; no network"
        } else {
            "; the network is not closed"
        })
    }
}

/// Confines the process to these powers, for good. Threads that run already are not confined: it comes before all others.
/// An error where the kernel has a means and refuses it; a kernel without one is told of in the result.
pub fn confine(context: &Context, powers: &Powers) -> Result<Confinement> {
    rustix::thread::set_no_new_privs(true).or_could_not_run(|| "cannot give up privileges to gain".to_owned())?;
    let landlock = restrict_files(context, powers)?;
    Ok(Confinement {
        landlock,
        no_network: close_network()?,
    })
}

/// Restricts writes, programs, and signals to others.
fn restrict_files(context: &Context, powers: &Powers) -> Result<Option<i32>> {
    let cannot = || "cannot confine the process by Landlock".to_owned();
    let writes = AccessFs::from_write(NEWEST);
    let mut ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(writes | AccessFs::Execute)
        .or_could_not_run(cannot)?
        .handle_access(AccessNet::from_all(NEWEST))
        .or_could_not_run(cannot)?
        .scope(Scope::from_all(NEWEST))
        .or_could_not_run(cannot)?
        .create()
        .or_could_not_run(cannot)?;
    let mut allowed: BTreeMap<PathBuf, BitFlags<AccessFs>> = BTreeMap::new();
    let mut allow = |path: PathBuf, access| {
        let known = allowed.entry(path).or_default();
        *known |= access;
    };
    for path in written(context, powers) {
        allow(path, writes);
    }
    if let Some(programs) = &powers.programs {
        for path in started(programs) {
            allow(path, AccessFs::Execute.into());
        }
        // `grub-probe` asks block devices for their size and place by ioctl(2), through descriptors that only read.
        allow(PathBuf::from("/dev"), AccessFs::IoctlDev.into());
    }
    if let Some(program) = &powers.secret_program {
        for path in LIBRARIES.iter().map(PathBuf::from).chain([program.clone()]) {
            allow(path, AccessFs::Execute.into());
        }
    }
    for (path, access) in allowed {
        // What is not there cannot be written; a directory above stands for it where it may be made.
        let (Ok(file), Ok(metadata)) = (PathFd::new(&path), std::fs::metadata(&path)) else {
            continue;
        };
        let access = if metadata.is_dir() {
            access
        } else {
            access & AccessFs::from_file(NEWEST)
        };
        ruleset = ruleset
            .add_rule(PathBeneath::new(file, access))
            .or_could_not_run(|| format!("{} to {}", cannot(), path.shown()))?;
    }
    match ruleset.restrict_self().or_could_not_run(cannot)?.landlock {
        LandlockStatus::Available {
            effective_abi,
            kernel_abi,
            ..
        } => Ok(Some(kernel_abi.unwrap_or(effective_abi as i32))),
        LandlockStatus::NotEnabled | LandlockStatus::NotImplemented => Ok(None),
    }
}

/// The paths that may be written.
fn written(context: &Context, powers: &Powers) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = DEVICES.iter().map(PathBuf::from).collect();
    if powers.secret_program.is_some() {
        // Whether anything is replaced or not, the TPM is asked, and scripts keep what they are told in a file meanwhile.
        paths.extend(TPM_DEVICES.iter().map(PathBuf::from));
        paths.push(std::env::temp_dir());
    }
    if context.dry_run() {
        // Programs that only look still work in a directory of their own.
        paths.extend(powers.programs.is_some().then(std::env::temp_dir));
        return paths;
    }
    match &powers.writes {
        Writes::Nothing => {}
        Writes::Below(directories) => paths.extend(directories.iter().map(|path| existing(path))),
        Writes::Files => {
            paths.extend(TOKEN_DEVICES.iter().map(PathBuf::from));
            paths.extend(directories_of_root());
            paths.push(PathBuf::from(SHARED_MEMORY));
        }
    }
    if powers.programs.is_some() {
        paths.push(std::env::temp_dir());
        paths.extend(VOLUME_DEVICES.iter().map(PathBuf::from));
    }
    if powers.variables {
        paths.push(context.path(EFIVARFS));
    }
    paths.extend(powers.device.clone());
    paths
}

/// A path, or the nearest directory above that is there.
fn existing(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    let found = absolute.ancestors().find(|path| path.exists());
    found.map_or(absolute.clone(), Path::to_path_buf)
}

fn directories_of_root() -> Vec<PathBuf> {
    let entries = std::fs::read_dir("/").into_iter().flatten().flatten();
    entries
        .filter(|entry| !NO_FILES.iter().any(|name| entry.file_name() == *name))
        .map(|entry| entry.path())
        .filter(|path| path.is_dir())
        .collect()
}

/// The directories that programs are started from, and programs.
fn started(named: &[PathBuf]) -> Vec<PathBuf> {
    if !named.is_empty() {
        return vec![PathBuf::from("/")];
    }
    let mut paths: Vec<PathBuf> = LIBRARIES.iter().map(PathBuf::from).collect();
    let search = std::env::var_os("PATH").unwrap_or_default();
    for directory in std::env::split_paths(&search).filter(|directory| directory.is_absolute()) {
        paths.extend(PROGRAMS.iter().map(|name| directory.join(name)));
    }
    paths
}

/// Closes every socket but those of this machine; false where the crate knows no filter for the architecture.
fn close_network() -> Result<bool> {
    let Ok(architecture) = TargetArch::try_from(std::env::consts::ARCH) else {
        return Ok(false);
    };
    let cannot = || "cannot close the network by seccomp".to_owned();
    let is_other = |family: &libc::c_int| {
        let family = u64::from(family.unsigned_abs());
        SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Ne, family)
    };
    let conditions: std::result::Result<Vec<_>, _> = LOCAL_SOCKETS.iter().map(is_other).collect();
    let others = SeccompRule::new(conditions.or_could_not_run(cannot)?).or_could_not_run(cannot)?;
    let rules = BTreeMap::from([
        (libc::SYS_socket, vec![others]),
        // It makes sockets past the system call.
        (libc::SYS_io_uring_setup, Vec::new()),
    ]);
    let refused = SeccompAction::Errno(rustix::io::Errno::ACCESS.raw_os_error().unsigned_abs());
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, refused, architecture).or_could_not_run(cannot)?;
    let program: BpfProgram = filter.try_into().or_could_not_run(cannot)?;
    seccompiler::apply_filter(&program)
        .map(|()| true)
        .or_else(|error| match error {
            // A kernel without seccomp, or a container's own filter.
            seccompiler::Error::Prctl(_) | seccompiler::Error::Seccomp(_) => Ok(false),
            error => Err(Error::could_not_run(cannot()).caused_by(error)),
        })
}

#[cfg(test)]
mod tests;
