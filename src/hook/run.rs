//! One slot of a kernel's installation: the files to sign, in one run.

use std::path::Path;

use crate::disk::{BOOT_DIRECTORIES, BootTree};
use crate::error::{Error, Result, quoted};
use crate::finding::Level;
use crate::formats::text::Shown;
use crate::keys::directory::Ask;
use crate::keys::{KeyDirectory, KeyName};
use crate::sign::{Job, NewKernel, Observer, Outcome, Run, SigningKeys, Summary, Vouchers, Watch, acceptance};
use crate::system::config::Config;
use crate::system::{self, Context, NewFile, Syslog, not_mounted};

use super::done::Done;
use super::files::Files;
use super::key::{has, open};
use super::loaders::stale_copies;
use super::mode::Mode;
use super::request::{Environment, Request, Slot};
use super::under_way::{self, UnderWay};
use super::{last_run, log, menu, preflight, recovery, rotation};

/// The file that GRUB itself writes: a signature would not hold.
const ENVIRONMENT: &str = "grubenv";

/// Mark in the staging area: somebody was told that there are no keys.
const TOLD: &str = "bootseal-no-keys";

/// A hook on this machine.
pub struct Hook<'a> {
    /// The machine.
    pub context: &'a Context,
    /// Its configuration.
    pub config: &'a Config,
    /// The key directory, which may not be there yet.
    pub keys: &'a Path,
    /// The environment that the caller gives.
    pub environment: &'a Environment,
    /// Paths, or SHA-256 digests in hex, of changed files that a person accepts.
    pub accepted: &'a [String],
    /// Sees how it gets on.
    pub observer: &'a dyn Observer,
}

/// The files that are to be signed.
#[derive(Debug, Default)]
struct Plan<'a> {
    job: Job<'a>,
    notes: Vec<String>,
}

impl Hook<'_> {
    /// Does the work of the slot. A file that cannot be signed is the failure of the result; with an error nothing was
    /// replaced.
    pub fn run(&self, request: &Request, ask: &mut Ask<'_>) -> Result<Done> {
        if request.removes && self.environment.is_no_removal {
            return Ok(Self::nothing_signed(request, Vec::new(), true));
        }
        let files = Files::new(self.context, self.environment, request)?;
        self.check_version(&files)?;
        let mut log = Syslog::open(self.context);
        let Some(keys) = self.key_directory()? else {
            preflight::check_missing_keys(self.context, self.keys, request)?;
            return self.without_keys(&files, &mut log);
        };
        let mut again = Self::again(request, false);
        let done = self.in_slot(&files, &keys, ask).and_then(|done| {
            // Modules of a package are not what the machine starts with; `status` looks at that.
            if files.merged.is_modules_alone {
                return Ok(done);
            }
            self.to_the_end(request, &keys, done)
        });
        let done = match done {
            Ok(mut done) => {
                if done.summary.outcomes.iter().any(|outcome| outcome.result.is_err()) {
                    let restored = recovery::restore(&files, &keys);
                    again = Self::again(request, restored.kernel);
                    done.notes.extend(restored.notes);
                    done.again.clone_from(&again);
                } else if has(&keys, KeyName::Grub) && !files.merged.is_modules_alone {
                    done.notes.extend(recovery::keep(&files, &keys));
                }
                Ok(done)
            }
            Err(error) => {
                let restored = recovery::restore(&files, &keys);
                again = Self::again(request, restored.kernel);
                let error = restored.notes.into_iter().fold(error, Error::hint);
                Err(error.hint(&again))
            }
        };
        log::record(&mut log, request, &done);
        let unrecorded = last_run::record(self.context, request, &done, again).err();
        match (done, unrecorded.as_ref().map(last_run::unrecorded)) {
            (Ok(mut done), note) => {
                done.notes.extend(note);
                Ok(done)
            }
            (Err(error), note) => Err(note.into_iter().fold(error, Error::hint)),
        }
    }

    fn in_slot(&self, files: &Files<'_>, keys: &KeyDirectory, ask: &mut Ask<'_>) -> Result<Done> {
        let request = files.request;
        if files.is_replaced() && has(keys, KeyName::Grub) {
            rotation::carry_signatures(files, &keys.grub_public_keys()?)?;
        }
        let under_way = UnderWay::in_slot(files)?;
        let mut plan = self.plan(files, keys)?;
        plan.notes.extend(under_way.notes.iter().cloned());
        // No key lies in memory while another run is at work.
        Run::wait(self.context, self.observer)?;
        let installs = request.slot == Slot::Modules && !request.removes;
        let image = request.image.as_ref().map(|image| files.below(image));
        let open = if let Some(image) = image.filter(|image| installs && image.is_file()) {
            if let [directory, ..] = not_mounted(self.context, &BOOT_DIRECTORIES)?[..] {
                let text = format!(
                    "{directory} is listed in /etc/fstab and is not mounted, so that the kernel may go elsewhere"
                );
                return Err(Error::refused(text).hint(format!("mount {directory}")));
            }
            // All keys now: one that does not open must not be found when the kernel is replaced already.
            let mut names = vec![KeyName::Module, KeyName::Db];
            names.extend(self.uses_grub(files, &files.tree()).then_some(KeyName::Grub));
            let open = open(self.context, keys, &names, ask)?;
            if open.grub.is_some() {
                self.check_grub_key(keys)?;
            }
            if open.db.is_some() {
                plan.notes.extend(preflight::check(files, &image)?);
            }
            open
        } else {
            open(self.context, keys, &plan.job.keys(), ask)?
        };
        plan.notes.extend(missing_keys(&plan.job, &open));
        let source = files.sources().into_iter().find(|source| source.is_file());
        let new_kernel = source.as_deref().map(|image| NewKernel {
            release: &request.subject,
            image,
        });
        let summary = self.sign(request, &plan.job, &open, new_kernel, &under_way)?;
        if request.slot != Slot::All {
            let left: Vec<String> = acceptance::unvouched(&summary.outcomes).map(left).collect();
            plan.notes
                .extend(under_way.without_stock(request).filter(|_| !left.is_empty()));
            plan.notes.extend(left);
        }
        let is_whole = request.slot == Slot::All && acceptance::unvouched(&summary.outcomes).next().is_none();
        if request.slot == Slot::Grub || is_whole {
            under_way::end(self.context)?;
        }
        Ok(Done {
            summary,
            notes: plan.notes,
            has_keys: true,
            again: Self::again(request, false),
        })
    }

    /// Checks that there is anything of the version that a person names: hooks are told theirs by whoever installs it.
    fn check_version(&self, files: &Files<'_>) -> Result<()> {
        let request = files.request;
        let is_named = request.slot == Slot::All && !request.removes;
        if !is_named || files.modules().is_dir() || !files.images(&files.tree()).is_empty() {
            return Ok(());
        }
        let trees = system::list_directory_if_there(&self.context.path("/lib/modules"))?;
        let known = trees
            .iter()
            .filter_map(|entry| entry.path.file_name().map(|name| Path::new(name).shown()));
        let known: Vec<String> = known.collect();
        let text = format!(
            "there is no kernel {}: neither modules nor an image have this version",
            request.subject
        );
        let hint = match known.as_slice() {
            [] => "no kernel has modules here; the version is the one that uname -r prints once it runs".to_owned(),
            known => format!("the versions with modules are: {}", known.join(", ")),
        };
        Err(Error::could_not_run(text).hint(hint))
    }

    /// The keys that sign; none where there are none yet. Keys that cannot be looked at are not "none yet".
    fn key_directory(&self) -> Result<Option<KeyDirectory>> {
        let Some(keys) = KeyDirectory::find(self.keys)?.map(|keys| keys.below(self.context.root())) else {
            return Ok(None);
        };
        let signing = [KeyName::Db, KeyName::Module, KeyName::Grub];
        Ok(signing.iter().any(|name| has(&keys, *name)).then_some(keys))
    }

    /// Told once for a kernel, in the slot that comes first; a mark in the staging area says that it was.
    fn without_keys(&self, files: &Files<'_>, log: &mut Syslog) -> Result<Done> {
        let request = files.request;
        let is_first = [Slot::Modules, Slot::Portage, Slot::All].contains(&request.slot) && !request.removes;
        let mark = files.staging().map(|staging| staging.join(TOLD));
        let mut notes = Vec::new();
        if is_first && !mark.as_ref().is_some_and(|mark| mark.exists()) {
            notes.push(format!(
                "there are no keys at {} yet, so nothing of {} is signed; bootseal ceremony run makes them",
                self.keys.shown(),
                request.subject
            ));
            if let Some(mark) = mark {
                NewFile {
                    path: &mark,
                    bytes: &[],
                    mode: 0o600,
                }
                .create(self.context)?;
            }
        }
        for note in &notes {
            log.say(Level::Warning, note);
        }
        Ok(Self::nothing_signed(request, notes, false))
    }

    /// The result of a slot in which there is nothing to do.
    fn nothing_signed(request: &Request, notes: Vec<String>, has_keys: bool) -> Done {
        Done {
            summary: Summary::default(),
            notes,
            has_keys,
            again: Self::again(request, false),
        }
    }

    fn uses_grub(&self, files: &Files<'_>, tree: &BootTree) -> bool {
        self.config.sign.names_grub(self.context) || !files.grub_configs(tree).is_empty()
    }

    fn plan(&self, files: &Files<'_>, keys: &KeyDirectory) -> Result<Plan<'_>> {
        let request = files.request;
        let slot = request.slot;
        let tree = files.tree();
        let unread = tree.unread.iter().map(|why| format!("could not look into {why}"));
        let mut plan = Plan {
            notes: unread.collect(),
            ..Plan::default()
        };
        let is = |slots: &[Slot]| slots.contains(&slot) && !request.removes;
        if is(&[Slot::Initramfs]) {
            if self.uses_grub(files, &tree) && has(keys, KeyName::Grub) {
                plan.job
                    .grub
                    .paths
                    .extend(files.installed().filter(|file| file.is_file()));
            }
            return Ok(plan);
        }
        plan.job.modules.paths.clone_from(&files.merged.modules);
        if files.merged.is_modules_alone {
            return Ok(plan);
        }
        if is(&[Slot::Image, Slot::Portage, Slot::All]) {
            plan.job.copies = stale_copies(self.context, keys)?;
        }
        if is(&[Slot::Modules, Slot::All]) {
            let modules = files.modules();
            if modules.is_dir() {
                plan.job.modules.paths.push(modules);
            } else {
                plan.notes
                    .push(format!("there is no {}: this kernel has no modules", modules.shown()));
            }
        }
        if is(&[Slot::Uki]) {
            plan.job.efi.paths.extend(files.staged());
        }
        if is(&[Slot::Image, Slot::All]) {
            plan.job.efi.paths.extend(files.images(&tree));
            if plan.job.efi.is_empty() {
                plan.notes.push(format!("no image of {} was found", request.subject));
            }
        }
        if is(&[Slot::Portage]) {
            plan.job.efi.entries = &self.config.sign.efi;
        }
        if [Slot::Image, Slot::Uki, Slot::Modules].contains(&slot) && request.removes {
            return Ok(plan);
        }
        let grub = [Slot::Image, Slot::Grub, Slot::Portage, Slot::All].contains(&slot);
        if grub && self.uses_grub(files, &tree) && has(keys, KeyName::Grub) {
            plan.job.grub.paths = files.boot_files(&tree);
            if slot != Slot::Image {
                plan.job.grub.entries = &self.config.sign.grub;
                let configs = files.grub_configs(&tree);
                menu::refuse_empty(self.context, &configs)?;
                menu::refuse_idle(self.context, request, &tree, &configs)?;
                let directories = configs.iter().filter_map(|config| config.parent());
                plan.job.grub.paths.extend(directories.map(Path::to_path_buf));
            }
        }
        Ok(plan)
    }

    /// The files that the slot would sign, by its plan.
    pub(super) fn planned(&self, request: &Request, keys: &KeyDirectory) -> Result<Job<'_>> {
        let files = Files::new(self.context, self.environment, request)?;
        Ok(self.plan(&files, keys)?.job)
    }

    fn sign(
        &self,
        request: &Request,
        job: &Job<'_>,
        keys: &SigningKeys,
        new_kernel: Option<NewKernel<'_>>,
        under_way: &UnderWay,
    ) -> Result<Summary> {
        let mut config = self.config.sign.clone();
        for directory in job.grub.paths.iter().filter(|path| path.is_dir()) {
            let below = directory.strip_prefix(self.context.root()).unwrap_or(directory);
            let below = glob::Pattern::escape(&format!("/{}", below.to_string_lossy()));
            config.exclude.push(format!("{below}/{ENVIRONMENT}"));
        }
        let watch = Watch {
            command: &format!("hook run {} {}", request.slot.name(), request.subject),
            recheck: false,
            vouchers: Vouchers {
                installation: Some(under_way),
                accepted: self.accepted,
                is_unattended: request.slot != Slot::All,
            },
            new_kernel,
            without: None,
            observer: self.observer,
        };
        job.sign(self.context, keys, &config, watch)
    }

    /// The command that makes up for a failure; `is_undone` says that the former kernel is back in its place.
    fn again(request: &Request, is_undone: bool) -> String {
        let subject = &request.subject;
        let image = request.image.as_deref().map_or_else(|| "IMAGE".to_owned(), quoted);
        let is_not_installed = is_undone || [Slot::Modules, Slot::Uki].contains(&request.slot);
        match request.mode {
            _ if request.removes => "before the next reboot: bootseal sign all".to_owned(),
            Some(Mode::Systemd) if is_not_installed => {
                format!("nothing was installed; when that is put right: kernel-install add {subject} {image}")
            }
            Some(Mode::Traditional) if is_not_installed => {
                "when that is put right, have the kernel installed again: make install, or emerge --config its package"
                    .to_owned()
            }
            None if request.slot == Slot::Portage => format!("bootseal hook run portage {subject}"),
            _ => format!("before the next reboot: bootseal hook run all {subject}"),
        }
    }
}

/// The note of a file that nobody vouches for.
fn left(outcome: &Outcome) -> String {
    let reason = outcome
        .unvouched
        .as_ref()
        .map_or("", |unvouched| unvouched.reason.as_str());
    format!(
        "{} stays unsigned: {reason}; if you put it there, sign it by hand: {}",
        outcome.path.shown(),
        acceptance::command(outcome)
    )
}

fn missing_keys(job: &Job<'_>, open: &SigningKeys) -> Vec<String> {
    let mut notes = Vec::new();
    if !job.modules.is_empty() && open.module.is_none() {
        notes.push("there is no module key: the modules stay as they are".to_owned());
    }
    if !job.efi.paths.is_empty() && open.db.is_none() {
        notes.push("there is no db key: the image stays as it is".to_owned());
    }
    notes
}
