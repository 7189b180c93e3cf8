//! A newcomer's Debian, from no keys to a clean audit by the manual's first machine as it stands there, and then a kernel of apt's,
//! another db key, and the end by the manual's page.

use super::{Debian, LOOK, UP, later};
use crate::manual::pages::{Page, repository};
use crate::support::programs::tool;
use crate::support::text;
use crate::vm::machine::{Machine, Serial};

/// Where the ceremony is held: memory and stick are what they are in a machine that runs.
const ROOM: &str = "mount -t proc proc /proc
mount -t devtmpfs dev /dev
mkdir -p /mnt/stick /dev/shm
mount -t tmpfs -o mode=1777 memory /dev/shm
truncate -s 16M /dev/shm/stick.img
mke2fs -q /dev/shm/stick.img
mount -o loop /dev/shm/stick.img /mnt/stick
cd /root";

/// The stick is taken out, and lies beside the machine.
const OUT: &str = "umount /mnt/stick
cp --sparse=always /dev/shm/stick.img /root";

/// The shares, as their keepers read them off the sheets.
const SHARES: &str = "for n in 1 2; do echo \"share $n is $(grep -o 'bs1-[0-9a-z-]*' /mnt/stick/backup/shares/share-$n.html | head -n 1)\"; done";

/// Step 6 in prose.
const MENU: &str = "sed -i 's/^CLASS=\"/CLASS=\"--unrestricted /' /etc/grub.d/10_linux
echo GRUB_DISABLE_SUBMENU=true >>/etc/default/grub";

/// The loader of Debian's lies where firmware falls back to, and nobody has signed it: the plan says what mends that.
const REMEDY: &str = "$(grep -o 'bootseal grub install --removable' /run/plan | head -n 1)
echo \"guest: $? of the plan's remedy\"";

/// The checks of the audit that find something, or that could not look.
const AUDIT: &str = "bootseal audit --format prometheus 2>/dev/null |
sed -n 's/^bootseal_audit_check_status{check=\"\\([^\"]*\\)\".*status=\"\\(warn\\|fail\\|could_not_run\\)\"} 1/guest: found \\1 \\2/p'";

/// Those of a stock Debian: its entries for recovery end at a shell, and its kernel lacks options.
const FINDINGS: [&str; 2] = ["boot.command_lines fail", "kernel.configuration fail"];

/// Its owner does without the entries,
const NO_RECOVERY: &str = "echo GRUB_DISABLE_RECOVERY=true >>/etc/default/grub";

/// and accepts the kernel.
const ACCEPTED: &str = "printf '%s\\n' '[[accept]]' 'check = \"kernel.configuration\"' 'reason = \"Debian builds it\"' \\
    \"until = \\\"$(date -d '+90 days' +%F)\\\"\" >/etc/bootseal/baseline.toml";

/// The loaders that a rotation leaves to people, signed as it says.
const HINTS: &str = "sed -n 's/^hint: bootseal sign/bootseal sign/p' /run/said >/run/hints; sh -e /run/hints";

/// The commands of a step, for a machine that runs, each with its exit code. What GRUB's image would say is left out: nobody is to
/// take it for GRUB's words.
fn told(commands: &[String]) -> String {
    let told = commands.iter().map(|command| {
        format!("{command} >/run/said 2>&1; code=$?; grep -v '^    |' /run/said; echo \"guest: $code of {command}\"\n")
    });
    told.collect()
}

fn all_of(commands: &[String]) -> String {
    commands.join("\n")
}

/// The commands of a step of the page.
fn step(number: u8) -> Vec<String> {
    first_machine().commands(&format!("{number}. "))
}

fn first_machine() -> Page {
    Page::read(&repository().join("docs/manual/first-machine.md"))
}

/// From no keys to those of the node.
fn has_keys(debian: &Debian) {
    // Both say what is missing.
    for command in step(1) {
        debian.does(&format!("{command} || true"));
    }
    let mut ceremony = step(2);
    let drill = ceremony.pop().expect("a drill");
    let script = format!("{ROOM}\n{}\n{SHARES}\n{drill}\n{OUT}", all_of(&ceremony));
    let typed = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vm/debian13/ceremony.exp");
    let output = tool("expect")
        .arg(typed)
        .args(debian.session(&script))
        .output()
        .expect("expect can be started");
    assert!(output.status.success(), "{}", text(&output));
    debian.does(&all_of(&step(3)));
}

/// Step 9, for a machine that runs: the plan, a remedy of its, and the plan applied; and the words for the last.
fn enrolment(remedy: &str) -> (String, String) {
    let mut enrolment = step(9);
    assert_eq!(enrolment.pop().as_deref(), Some("reboot"));
    let apply = enrolment.pop().expect("the plan is applied");
    let (apply, _) = apply.rsplit_once(' ').expect("its digest");
    let commands = format!(
        "{} | tee /run/plan\nplan=$(grep -o '[0-9a-f]\\{{64\\}}' /run/plan | tail -n 1)\n{remedy}\n{}",
        enrolment[0],
        told(&[format!("{apply} $plan")])
    );
    (commands, format!("guest: 0 of {apply} "))
}

/// Step 10, and its findings.
fn is_proven(debian: &Debian, findings: &[&str]) {
    let log = debian.starts(&format!("{LOOK}\n{}\n{AUDIT}", told(&step(10))));
    log.expect_line("guest: a module loads");
    log.expect_line("none [integrity] confidentiality");
    log.expect_line("guest: 0 of bootseal hook install --with-boot-check --with-audit");
    assert_eq!(log.after("guest: found "), findings, "{}", log.tail());
}

/// A kernel of apt's, with nobody watching.
fn is_updated(debian: &Debian) {
    let said = debian.does(&format!("apt-get install -y -qq linux-image-{}", debian.release(0)));
    assert!(!said.contains("stays unsigned"), "{said}");
}

/// A start by the new kernel with a clean audit, and what is done after it.
fn is_clean(debian: &Debian, more: &str) -> Serial {
    let audit = told(&["bootseal audit".to_owned()]);
    let log = debian.starts(&format!("{LOOK}\n{audit}\n{AUDIT}\n{more}"));
    log.expect_line(&format!("{UP}{}", debian.release(0)));
    log.expect_line("guest: a module loads");
    assert_eq!(log.after("guest: found "), [""; 0], "{}", log.tail());
    log.expect_line("guest: 0 of bootseal audit");
    log
}

/// The kernel is accepted, and updated; the db key is another; then bootseal goes. A clean audit before each. `sign` signs the loader,
/// `own` brings the distribution's back.
fn lives_and_ends(debian: &Debian, sign: &str, own: &str) {
    debian.does(ACCEPTED);
    is_updated(debian);
    let log = is_clean(debian, &later::rotation(sign));
    later::after_rotation(debian, &log);
    let log = is_clean(debian, &later::firmware_forgets());
    later::goes(debian, &log, own);
}

#[test]
#[ignore = "tests/vm/debian13/run, since it takes minutes"]
fn a_newcomer_goes_by_the_manual_from_the_first_day_to_the_last() {
    let debian = Debian::on(Machine::in_setup_mode().with_tpm());
    let old = debian.release(1);
    debian.does(include_str!("newcomer.sh"));
    has_keys(&debian);
    // Debian builds and signs its kernel itself.
    debian.does(&all_of(&step(5)));
    debian.does(&format!("{MENU}\n{}", all_of(&step(6))));
    debian.does(&all_of(&step(7)));

    let log = debian.starts(&told(&step(8)[..2]));
    log.expect_line(&format!("{UP}{old}"));
    log.expect_line("guest: 0 of bootseal grub install");
    log.expect_line("guest: 0 of bootseal verify");

    let (commands, applied) = enrolment(REMEDY);
    let log = debian.starts(&commands);
    log.expect_line(&format!("{UP}{old}"));
    log.expect_line("guest: 0 of the plan's remedy");
    log.expect(&applied);
    is_proven(&debian, &FINDINGS);
    debian.does(NO_RECOVERY);
    lives_and_ends(&debian, HINTS, "grub-install && grub-install --removable");
}

#[test]
#[ignore = "tests/vm/debian13/run, since it takes minutes"]
fn a_newcomer_with_systemd_boot_goes_by_the_manual_from_the_first_day_to_the_last() {
    let debian = Debian::on(Machine::in_setup_mode().with_tpm());
    let old = debian.release(1);
    debian.does(include_str!("systemd_boot.sh"));
    has_keys(&debian);
    debian.does(&all_of(&step(5)));
    debian.does(&all_of(&step(7)));

    let mut loader = first_machine().commands("With systemd-boot");
    assert_eq!(loader.pop().as_deref(), Some("reboot"));
    let log = debian.starts(&told(&loader));
    log.expect_line(&format!("{UP}{old}"));
    for command in &loader {
        log.expect_line(&format!("guest: 0 of {command}"));
    }
    let (commands, applied) = enrolment("");
    let log = debian.starts(&commands);
    log.expect_line(&format!("{UP}{old}"));
    log.expect(&applied);
    is_proven(&debian, &FINDINGS[1..]);
    let own = "rm /usr/lib/systemd/boot/efi/systemd-bootx64.efi.signed && bootctl install";
    lives_and_ends(&debian, &loader[..2].join("; "), own);
}
