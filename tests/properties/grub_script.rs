//! Scripts of GRUB: any text is read without a panic, and what is quoted means itself again.

use std::path::Path;

use bootseal::formats::grub::opened_files::{opened_files, variables};
use bootseal::formats::grub::script::{Script, Word, quote};
use bootseal::formats::grub::theme;
use bootseal::trust::grub_traps::{default_traps, traps};
use proptest::prelude::*;

/// Texts in which much of the grammar occurs.
fn script() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => prop::sample::select(vec![
            "if", "then", "elif", "else", "fi", "for", "x", "in", "do", "done", "while", "function", "menuentry", "{", "}",
            ";", "\n", "'", "\"", "\\", "$", "${a}", "$a", "set a=", "=", "#", "linux", "initrd", "/vmlinuz", "(hd0)", "\r",
            "load_env", "--skip-sig", "-f", "theme=", "newc:a:/b", "insmod", "$prefix/", "save_env", "(", ")", "+1",
        ]).prop_map(str::to_owned),
        1 => any::<String>(),
    ];
    prop::collection::vec((piece, prop::bool::ANY), 0..40).prop_map(|pieces| {
        let spaced = pieces
            .iter()
            .map(|(piece, space)| format!("{piece}{}", if *space { " " } else { "" }));
        spaced.collect()
    })
}

proptest! {
    #[test]
    fn any_script_is_read_and_judged(text in script()) {
        let script = Script::parse(&text);
        let values = variables(std::iter::once(&script));
        let lines = text.matches('\n').count() + 1;
        for trap in traps(Path::new("grub.cfg"), &script, None, &values) {
            prop_assert!((1..=lines).contains(&trap.line.unwrap().number));
        }
        let _ = (opened_files(&script, &values), default_traps(Path::new("/etc/default/grub"), &text), theme::images(&text));
        if let Some(error) = script.error {
            prop_assert!(error.offset <= text.len() && error.line <= lines);
        }
    }

    #[test]
    fn a_quoted_text_means_itself(text in "[^\0\r]*") {
        let script = Script::parse(&format!("echo {}", quote(&text)));
        prop_assert_eq!(script.error, None);
        let words: Vec<_> = script.commands[0].words.iter().map(Word::literal).collect();
        prop_assert_eq!(words, [Some("echo".to_owned()), Some(text)]);
    }

    #[test]
    fn a_command_that_is_written_again_is_the_same(text in script()) {
        for command in Script::parse(&text).commands {
            let again = Script::parse(&command.to_string());
            if command.loop_variable.is_none() && !command.words.is_empty() {
                prop_assert_eq!(again.error, None);
                let written: Vec<_> = again.commands[0].words.iter().map(|word| &word.parts).collect();
                let read: Vec<_> = command.words.iter().map(|word| &word.parts).collect();
                prop_assert_eq!(written, read);
            }
        }
    }
}
