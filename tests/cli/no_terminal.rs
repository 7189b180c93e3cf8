//! Where nobody can type, the option is named that gives what is asked for, and it does.

use std::path::PathBuf;
use std::process::Command;

use crate::support::backup::Whole;
use crate::support::ceremony::private;
use crate::support::{bootseal, refuse, succeed, tool};

/// The same command without a terminal.
fn alone(command: &Command) -> Command {
    let mut alone = tool("setsid");
    alone.arg("--wait").arg(command.get_program()).args(command.get_args());
    alone.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    alone
}

#[test]
fn what_cannot_be_typed_is_given_by_the_option_that_is_named() {
    let whole = Whole::made();
    let (archive, node, passphrase) = (
        whole.path("backup/bootseal-backup.tar"),
        whole.path("node"),
        whole.path("passphrase"),
    );
    let shares = whole.path("shares.txt");
    private(&shares, format!("{}\n{}\n", whole.share(1), whole.share(2)).as_bytes());
    let restored = whole.path("restored");
    let command = |words: &[&str], paths: &[&PathBuf]| {
        let mut command = bootseal(words);
        command.args(paths);
        command
    };
    let restore = |shares: &[&str]| {
        let words = [&["ceremony", "restore", "--only", "PK,KEK"], shares].concat();
        command(&words, &[&archive, &restored])
    };
    let with_shares = ["--shares", shares.to_str().unwrap()];
    let both = ["--passphrase-file", passphrase.to_str().unwrap()];
    let said = refuse(&mut restore(&[&with_shares[..], &both].concat()));
    assert!(
        said.contains("hint: the passphrase of the keys that are put back: --new-passphrase-file FILE"),
        "{said}"
    );
    for (asks, option, file) in [
        (
            command(&["ceremony", "drill", "--keys"], &[&node, &archive]),
            "--shares",
            &shares,
        ),
        (restore(&[]), "--shares", &shares),
        (restore(&with_shares), "--new-passphrase-file", &passphrase),
        (
            command(&["keys", "passphrase", "db", "--keys"], &[&node]),
            "--new-passphrase-file",
            &passphrase,
        ),
        (command(&["grub", "password"], &[]), "--password-file", &passphrase),
        (
            command(&["ceremony", "run", "--name", "x", "--out"], &[&whole.path("other")]),
            "--passphrase-file",
            &passphrase,
        ),
    ] {
        let said = refuse(&mut alone(&asks));
        assert!(
            said.contains("there is no terminal") && said.contains(&format!("{option} FILE")),
            "{asks:?}: {said}"
        );
        let is_last = asks.get_args().any(|word| word == "restore") && option == "--shares";
        let mut given = alone(&asks);
        given.arg(option).arg(file);
        // The next question, for the passphrase of the restored keys, is the next round's.
        if !is_last {
            succeed(&mut given);
        }
    }
}
