//! The manual's first machine, its commands typed as they stand there: those that no firmware and no restart is needed for.

use std::fs;

use super::traditional::{add, machine};
use crate::manual::pages::{Page, repository};
use crate::support::judges::{check_grub, check_kernel, judge_module};
use crate::support::{keys, succeed};

/// The commands of a step, which is named by its number.
fn commands(page: &Page, step: u8) -> Vec<String> {
    let beginning = page
        .text
        .lines()
        .position(|line| line.starts_with(&format!("## {step}. ")));
    let lines = page.text.lines().skip(beginning.unwrap() + 1);
    let typed = lines.take_while(|line| !line.starts_with("## "));
    let typed: Vec<String> = typed
        .filter_map(|line| line.strip_prefix("# "))
        .map(str::to_owned)
        .collect();
    assert!(!typed.is_empty(), "step {step} has no commands");
    typed
}

#[test]
fn a_first_machine_is_prepared_as_the_manual_says() {
    let page = Page::read(&repository().join("docs/manual/first-machine.md"));
    let machine = machine();
    // Nothing of bootseal is there but what the ceremony has made.
    machine.succeed("bootseal hook remove; rm -rf /etc/bootseal");
    let made = machine.path("root/ceremony");
    fs::create_dir_all(&made).unwrap();
    for entry in fs::read_dir(keys()).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), made.join(entry.file_name())).unwrap();
    }
    for command in commands(&page, 3) {
        machine.succeed(&command);
    }
    // The check is for the kernel that was built meanwhile.
    let checks = |command: &String| command.starts_with("bootseal kernel-config --check");
    for command in commands(&page, 4).into_iter().filter(|command| !checks(command)) {
        machine.succeed(&command);
    }
    machine.succeed(&add(&machine));

    for command in commands(&page, 5) {
        machine.succeed(&command);
    }
    let said: Vec<String> = commands(&page, 7)
        .iter()
        .map(|command| machine.succeed(command))
        .collect();
    assert!(said.last().unwrap().contains("signed "), "{said:?}");

    let release = machine.kernel.release();
    let is_signed = || {
        check_kernel(&machine.path(&format!("boot/vmlinuz-{release}")));
        check_grub(&machine.path("boot/grub/grub.cfg"));
        for module in machine.modules() {
            succeed(&mut judge_module(&module));
        }
    };
    is_signed();
    // From here on each kernel comes out signed.
    machine.add_modules();
    machine.succeed(&add(&machine));
    is_signed();
}
