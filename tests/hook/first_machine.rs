//! The manual's first machine, its commands typed as they stand there: those that no firmware and no restart is needed for.

use std::fs;

use super::machine::Machine;
use super::traditional::{add, machine};
use crate::manual::pages::{Page, repository};
use crate::support::judges::{check_grub, check_kernel, judge_module};
use crate::support::{bootseal, keys, succeed};

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
    for command in page.commands("3. ") {
        machine.succeed(&command);
    }
    // The check is for the kernel that was built meanwhile.
    let checks = |command: &String| command.starts_with("bootseal kernel-config --check");
    for command in page.commands("4. ").into_iter().filter(|command| !checks(command)) {
        machine.succeed(&command);
    }
    machine.succeed(&add(&machine));

    for command in page.commands("5. ") {
        machine.succeed(&command);
    }
    let said: Vec<String> = page
        .commands("7. ")
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

/// The answers to the guide, typed one after the other.
fn guided(machine: &Machine, answers: &[&str]) -> String {
    let (_, said) = machine.refuse(&format!("printf '{}\\n' | bootseal setup", answers.join("\\n")));
    said
}

#[test]
fn the_guide_runs_what_it_shows_and_goes_on_where_it_was_left() {
    let machine = machine();
    machine.succeed("bootseal hook remove; rm -rf /etc/bootseal; mkdir -p /mnt/offline/keys");
    for entry in fs::read_dir(keys()).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), machine.path("mnt/offline/keys").join(entry.file_name())).unwrap();
    }
    let look = ["yes", "skip"];
    let ceremony = [
        "skip",
        "yes",
        "skip",
        "skip",
        "skip",
        "/mnt/offline/keys",
        "/mnt/b.tar",
        "skip",
        "yes",
    ];
    let bring = ["yes", "yes", "yes", "yes"];
    // No shell reads a value otherwise than it stands there.
    let kernel = ["skip", "$(touch /broken)", "6.12.0", "skip", "quit"];
    let said = guided(&machine, &[&look[..], &ceremony, &bring, &kernel].concat());
    assert!(said.contains("# cp -r /mnt/offline/keys /etc/bootseal/keys"), "{said}");
    assert!(
        said.contains("done: bootseal audit --only keys.private,keys.pairs") && said.contains("once more"),
        "{said}"
    );
    assert!(
        said.contains("✓ 3. Bring the node's keys\n- 4. Build the kernel"),
        "{said}"
    );
    assert!(said.contains("hint: bootseal setup"), "{said}");
    machine.succeed("bootseal keys list; test ! -e /broken");

    let build = ["skip", "6.12.0", "skip", "skip", "yes", "skip", "skip"];
    let configuration = ["yes", "yes"];
    let menu = ["yes", "skip"];
    let sign = ["yes", "yes", "yes"];
    let answers = [
        &look[..],
        &ceremony[..0],
        &build,
        &configuration,
        &menu,
        &sign,
        &["quit"],
    ]
    .concat();
    let said = guided(&machine, &answers);
    for done in ["✓ 3. ", "✓ 5. ", "✓ 7. ", "- 8. "] {
        assert!(said.contains(done), "{done}: {said}");
    }
    check_grub(&machine.path("boot/grub/grub.cfg"));
}

#[test]
fn the_guide_has_the_commands_of_the_manual() {
    let page = Page::read(&repository().join("docs/manual/first-machine.md"));
    let output = bootseal(["--json", "setup", "--print", "--loader", "grub"])
        .output()
        .unwrap();
    let guide: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let steps = guide["steps"].as_array().unwrap();
    assert_eq!(steps.len(), 10);
    for (number, step) in (1..).zip(steps) {
        let acts = step["acts"].as_array().unwrap();
        let typed: Vec<&str> = acts.iter().filter_map(|act| act["command"].as_str()).collect();
        assert_eq!(typed, page.commands(&format!("{number}. ")), "step {number}");
        let heading = format!("## {number}. {}", step["title"].as_str().unwrap());
        assert!(page.text.lines().any(|line| line == heading), "{heading}");
    }
    let output = bootseal(["--json", "setup", "--print", "--loader", "systemd-boot"])
        .output()
        .unwrap();
    let guide = String::from_utf8(output.stdout).unwrap();
    let (_, with_systemd_boot) = page.text.split_once("## With systemd-boot").unwrap();
    for command in with_systemd_boot.lines().filter_map(|line| line.strip_prefix("# ")) {
        assert!(
            guide.contains(&format!("{{\"command\":\"{command}\"}}")),
            "{command}: {guide}"
        );
    }
}
