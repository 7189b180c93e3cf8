//! A machine with Secure Boot: QEMU, OVMF, its variables, a disk, and what it says on the serial line.

use super::{disk, grub, guest};
use crate::support::PATIENCE;
use crate::support::programs::{FIRMWARE_CODE, FIRMWARE_VARS, judge, tool};
use std::fs;
use std::io::{self, Read, Write};
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Said by the firmware when it may start nothing that is on any disk.
pub const FIRMWARE_GAVE_UP: &str = "BdsDxe: No bootable option or device was found.";

/// After any of these there is nothing to wait for: each is said by whoever has come to its end.
const LAST_WORDS: [&str; 3] = [FIRMWARE_GAVE_UP, grub::LAST_WORDS, guest::LAST_WORDS];

/// Secure Boot needs SMM, which guards the variables. There is no KVM, since within a virtual machine
/// it often starts and then fails inside the firmware. One processor: of two, one may run, under emulation, what the other
/// is patching, and a kernel that starts patches itself (an oops at `int3`).
const HARDWARE: &str = "\
    -accel tcg,thread=multi -cpu max,la57=off -smp 1 -m 1024 \
    -machine q35,smm=on -global driver=cfi.pflash01,property=secure,value=on \
    -device virtio-blk-pci,drive=disk,bootindex=1 \
    -net none -display none -monitor none -serial stdio -no-reboot";

const CARD: &str = "-device virtio-net-pci,romfile=efi-virtio.rom";

/// A build of firmware that enforces Secure Boot.
#[derive(Clone)]
pub struct Firmware {
    code: PathBuf,
    /// Variables of a machine in Setup Mode.
    variables: PathBuf,
}

impl Firmware {
    pub fn debian_12() -> Self {
        let [code, variables] = [FIRMWARE_CODE, FIRMWARE_VARS].map(PathBuf::from);
        Self { code, variables }
    }

    /// That of the newest Debian.
    pub fn newest() -> Self {
        let [code, variables] = [FIRMWARE_CODE, FIRMWARE_VARS].map(|path| judge(format!("ovmf{path}")));
        Self { code, variables }
    }
}

/// The part of a machine that outlives a boot: the firmware's variables.
pub struct Machine {
    firmware: Firmware,
    variables: PathBuf,
    /// The TPM's memory, if there is one.
    tpm: Option<PathBuf>,
    /// True if there is a network card whose Option ROM nobody has signed.
    card: bool,
    /// Disks beside the one that it is started with.
    disks: Vec<PathBuf>,
    /// Holds them.
    directory: TempDir,
}

impl Machine {
    /// As it leaves the shop: no keys, Setup Mode.
    pub fn in_setup_mode() -> Self {
        Self::with_firmware(Firmware::debian_12())
    }

    /// The same with another build of the firmware.
    pub fn with_firmware(firmware: Firmware) -> Self {
        let variables = firmware.variables.clone();
        Self::with_variables(firmware, &variables)
    }

    /// A machine with the same variables, to be booted without changing this one's.
    pub fn twin(&self) -> Self {
        Self::with_variables(self.firmware.clone(), &self.variables)
    }

    /// A twin with a new TPM.
    pub fn with_tpm(&self) -> Self {
        let machine = self.twin();
        let tpm = machine.directory.path().join("tpm");
        fs::create_dir(&tpm).expect("a folder");
        Self {
            tpm: Some(tpm),
            ..machine
        }
    }

    /// The same with a network card whose Option ROM nobody has signed.
    pub fn with_card(self) -> Self {
        Self { card: true, ..self }
    }

    /// The same with more disks, which the firmware tries in this order after the first.
    pub fn with_disks(self, disks: Vec<PathBuf>) -> Self {
        Self { disks, ..self }
    }

    /// The file with the variables of a machine that is switched off.
    pub fn variables(&self) -> &Path {
        &self.variables
    }

    fn with_variables(firmware: Firmware, original: &Path) -> Self {
        let directory = tempfile::tempdir().expect("a temporary folder");
        let variables = directory.path().join("variables.fd");
        fs::copy(original, &variables).expect("the firmware's variables can be copied");
        Self {
            firmware,
            variables,
            tpm: None,
            card: false,
            disks: Vec::new(),
            directory,
        }
    }

    /// Boots from a disk that holds the tree `files`, as [`Self::boot_disk`] does.
    pub fn boot(&self, files: &Path) -> Serial {
        self.talk(files, &[])
    }

    /// The same with somebody at the keyboard, who waits for the first words of each pair and then types the second.
    pub fn talk(&self, files: &Path, conversation: &[(&str, &str)]) -> Serial {
        self.talk_until(files, conversation, &[])
    }

    /// The same until one of these is said, after which nothing would come without somebody who types.
    pub fn talk_until(&self, files: &Path, conversation: &[(&str, &str)], last_words: &[&str]) -> Serial {
        let work = tempfile::tempdir().expect("a temporary folder");
        let disk = work.path().join("disk.img");
        disk::make_disk(&disk, files);
        self.talk_disk(&disk, conversation, last_words)
    }

    /// Boots from a disk, and returns what was said on the serial line until somebody's last words, or until the
    /// machine switched itself off.
    ///
    /// Fails after [`PATIENCE`] without a word.
    pub fn boot_disk(&self, disk: &Path) -> Serial {
        self.talk_disk(disk, &[], &[])
    }

    /// The same from a disk, with somebody at the keyboard.
    pub fn talk_disk(&self, disk: &Path, conversation: &[(&str, &str)], last_words: &[&str]) -> Serial {
        let _processor = Processor::take();
        let _tpm = self.tpm.as_ref().map(|memory| Tpm::start(memory));
        let mut running = self.start(disk);
        let started = Instant::now();
        let mut serial = Serial::default();
        let mut turns = conversation.iter();
        let mut turn = turns.next();
        let mut heard = 0;
        let is_over = |serial: &Serial| {
            let text = serial.text();
            LAST_WORDS.iter().chain(last_words).any(|words| text.contains(words))
        };
        while !is_over(&serial) {
            match running.output.recv_timeout(PATIENCE) {
                Ok(bytes) => serial.bytes.extend(bytes),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => panic!("silent for {PATIENCE:?}\n{}", serial.tail()),
            }
            if let Some((words, answer)) = turn
                && let Some(at) = serial.text()[heard..].find(words)
            {
                heard += at + words.len();
                running.keyboard.write_all(answer.as_bytes()).expect("QEMU reads");
                turn = turns.next();
            }
        }
        if let Some((words, _)) = turn {
            panic!("{words:?} was not said\n{}", serial.tail());
        }
        println!("a boot of {:.1} s", started.elapsed().as_secs_f32());
        serial
    }

    fn start(&self, disk: &Path) -> Running {
        let (mut log, to_log) = io::pipe().expect("a pipe");
        let mut qemu = tool("setpriv")
            // Should the test itself be killed, QEMU goes with it.
            .args(["--pdeathsig", "KILL"])
            .arg(tool("qemu-system-x86_64").get_program())
            .args(HARDWARE.split_whitespace())
            .arg("-drive")
            .arg(format!(
                "if=pflash,unit=0,format=raw,readonly=on,file={}",
                self.firmware.code.display()
            ))
            .arg("-drive")
            .arg(format!("if=pflash,unit=1,format=raw,file={}", self.variables.display()))
            .arg("-drive")
            .arg(format!("if=none,id=disk,format=raw,file={}", disk.display()))
            .args(
                (2..)
                    .zip(&self.disks)
                    .flat_map(|(number, disk)| disk::device(number, disk)),
            )
            .args(self.tpm.iter().flat_map(|memory| Tpm::hardware(memory)))
            .args(self.card.then_some(CARD).into_iter().flat_map(str::split_whitespace))
            .stdin(Stdio::piped())
            .stdout(to_log.try_clone().expect("a pipe"))
            .stderr(to_log)
            .spawn()
            .expect("QEMU can be started");

        let (sender, output) = channel();
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = log.read(&mut buffer) {
                if sender.send(buffer[..count].to_vec()).is_err() {
                    break;
                }
            }
        });
        let keyboard = qemu.stdin.take().expect("a pipe");
        Running { qemu, keyboard, output }
    }
}

/// A processor of this machine for a machine that runs: more of these at once would take each other's time.
struct Processor;

/// The number of those that are taken.
static TAKEN: Mutex<usize> = Mutex::new(0);
static GIVEN_BACK: Condvar = Condvar::new();

impl Processor {
    /// Waits for one.
    fn take() -> Self {
        let all = thread::available_parallelism().map_or(1, NonZero::get);
        let taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = GIVEN_BACK.wait_while(taken, |taken| *taken >= all);
        *taken.unwrap_or_else(PoisonError::into_inner) += 1;
        Self
    }
}

impl Drop for Processor {
    fn drop(&mut self) {
        *TAKEN.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        GIVEN_BACK.notify_one();
    }
}

/// Starts a TPM with its memory in a directory, and waits until it listens at `socket`, which `options` have it make.
pub fn start_tpm(memory: &Path, options: &[&str], socket: &Path) -> Child {
    let swtpm = tool("setpriv")
        .args(["--pdeathsig", "KILL"])
        .arg(tool("swtpm").get_program())
        .args(["socket", "--tpm2", "--tpmstate"])
        .arg(format!("dir={}", memory.display()))
        .args(options)
        .spawn()
        .expect("swtpm can be started");
    let started = Instant::now();
    while !socket.exists() {
        assert!(started.elapsed() < PATIENCE, "swtpm opens no socket");
        thread::sleep(Duration::from_millis(10));
    }
    swtpm
}

/// A TPM at work. It ends with the machine that it is in.
struct Tpm(Child);

impl Tpm {
    fn start(memory: &Path) -> Self {
        let socket = Self::socket(memory);
        let ctrl = format!("type=unixio,path={}", socket.display());
        let options = ["--flags", "startup-clear", "--terminate", "--ctrl", &ctrl];
        Self(start_tpm(memory, &options, &socket))
    }

    fn socket(memory: &Path) -> PathBuf {
        memory.join("socket")
    }

    fn hardware(memory: &Path) -> Vec<String> {
        let socket = Self::socket(memory);
        let words = format!(
            "-chardev socket,id=tpm,path={} -tpmdev emulator,id=tpm0,chardev=tpm -device tpm-crb,tpmdev=tpm0",
            socket.display()
        );
        words.split_whitespace().map(str::to_owned).collect()
    }
}

impl Drop for Tpm {
    fn drop(&mut self) {
        // Neither can fail but for a process that has already ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// QEMU at work. Dropping it is pulling the plug, so a failed assertion leaves nothing behind.
struct Running {
    qemu: Child,
    keyboard: ChildStdin,
    output: Receiver<Vec<u8>>,
}

impl Drop for Running {
    fn drop(&mut self) {
        // Neither can fail but for a process that has already ended.
        let _ = self.qemu.kill();
        let _ = self.qemu.wait();
    }
}

/// The words of a machine on its serial line.
#[derive(Default)]
pub struct Serial {
    bytes: Vec<u8>,
}

impl Serial {
    /// Fails unless this is one whole line of the log.
    #[track_caller]
    pub fn expect_line(&self, line: &str) {
        let found = self.text().lines().any(|candidate| candidate == line);
        assert!(found, "the line {line:?} is missing\n{}", self.tail());
    }

    /// Fails unless the log contains this.
    #[track_caller]
    pub fn expect(&self, words: &str) {
        assert!(self.contains(words), "{words:?} is missing\n{}", self.tail());
    }

    /// Fails if the log contains this.
    #[track_caller]
    pub fn expect_no(&self, words: &str) {
        assert!(!self.contains(words), "{words:?} was said\n{}", self.tail());
    }

    /// True if the log contains this.
    pub fn contains(&self, words: &str) -> bool {
        self.text().contains(words)
    }

    /// The lines between these two.
    #[track_caller]
    pub fn between(&self, first: &str, last: &str) -> String {
        let text = self.text();
        let find = |line: &str| {
            let found = text.find(&format!("\n{line}\n"));
            found.unwrap_or_else(|| panic!("the line {line:?} is missing\n{}", self.tail()))
        };
        text[find(first) + first.len() + 1..=find(last)].to_owned()
    }

    /// The rest of each line that begins with these words.
    pub fn after(&self, words: &str) -> Vec<String> {
        let text = self.text();
        text.lines()
            .filter_map(|line| line.strip_prefix(words))
            .map(str::to_owned)
            .collect()
    }

    /// The log without the sequences by which firmware and GRUB colour the screen and move on it.
    fn text(&self) -> String {
        let log = String::from_utf8_lossy(&self.bytes).replace('\r', "");
        let mut parts = log.split('\x1b');
        let mut text = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let after = match part.strip_prefix('[') {
                Some(sequence) => sequence.trim_start_matches(|c: char| !c.is_ascii_alphabetic()).get(1..),
                None => part.get(1..),
            };
            text.push_str(after.unwrap_or_default());
        }
        text
    }

    /// The end of the log, for a message.
    pub fn tail(&self) -> String {
        let text = self.text();
        let lines: Vec<_> = text
            .lines()
            .map(str::trim_end)
            .filter(|line| !line.is_empty())
            .collect();
        let last = &lines[lines.len().saturating_sub(40)..];
        format!("--- the end of the serial log:\n{}\n---", last.join("\n"))
    }
}
