//! Scripts, and what they do.

use super::*;

fn judged(text: &str) -> Vec<(Act, usize)> {
    dangers(&Script::parse(text), Scene::default())
        .iter()
        .map(|danger| (danger.act, danger.line))
        .collect()
}

/// The first answer in short: `+` enforces, `-` does not, `?` cannot be proven.
fn sign(text: &str) -> char {
    let acts = judged(text);
    match acts.iter().find(|(act, _)| !matches!(act, Act::Unproven(_))) {
        Some((Act::SuperusersChanged, _)) => '+',
        Some(_) => '-',
        None if acts.is_empty() => '+',
        None => '?',
    }
}

#[test]
fn every_way_to_switch_off_is_seen() {
    for text in [
        "set check_signatures=no",
        "check_signatures=no",
        "check_signatures=",
        "unset check_signatures",
        "! set check_signatures=no",
        "time set check_signatures=no",
        "! time unset check_signatures",
        "set 'check_signatures=0'",
        "for check_signatures in no; do true; done",
        "for n in lang check_signatures; do set $n=no; done",
        "set n=check_signatures\nset $n=no",
        "n=check\nm=_signatures\nset $n$m=no",
        "n=check_signatures\n$n=no",
        "c=set\n$c check_signatures=no",
        "x='set check_signatures=no'\n$x",
        "eval 'set check_signatures=no'",
        "x='check_signatures=no'\neval set $x",
        "eval eval eval unset check_signatures",
        "function f {\nset check_signatures=no\n}\nf",
        "function f {\nset $1=no\n}\nf check_signatures",
        "function f {\nset $2$1\n}\nf =no check_signatures",
        "function f {\nshift\nset $1=no\n}\nf lang check_signatures",
        "function f {\nsetparams a check_signatures\nset $2=no\n}\nf",
        "function f {\nset $@\n}\nf check_signatures=no",
        "function f {\nset check_signatures=no\n}",
        "function f {\ng\n}\nfunction g {\nunset check_signatures\n}\nf",
        "if false; then set check_signatures=no; fi",
        "if true; then true; else true; fi; unset check_signatures",
        "if [ -e /x ]; then n=check_signatures; else n=lang; fi\nset $n=no",
        "while [ -e /x ]; do set check_signatures=no; done",
        "until [ -e /x ]; do set $n=no; n=check_signatures; done\nn=lang\nfor a in 1 2; do set $n=no; n=check_signatures; done",
        "menuentry a {\nset check_signatures=no\n}",
        "submenu a {\nmenuentry b {\ncheck_signatures=no\n}\n}",
        "menuentry check_signatures {\nset $1=no\n}",
        "menuentry a --source 'set check_signatures=no'",
        "submenu a --source='unset check_signatures'",
        "regexp --set check_signatures '(.*)' no",
        "regexp --set=1:check_signatures '(.*)' no",
        "regexp -s check_signatures '(.*)' no",
        "search --label --set=check_signatures ESP",
        "search -ls check_signatures ESP",
        "search.fs_label ESP check_signatures",
        "search.file /x check_signatures",
        "probe --set check_signatures -u (hd0)",
        "smbios --type 1 --get-string 4 --set check_signatures",
        "rdmsr -v check_signatures 1",
        "read_byte -v check_signatures 1",
        "read check_signatures",
        "read superusers",
        "tr --set=check_signatures a b c",
        "net_get_dhcp_option check_signatures efinet0 12 string",
        "load_env -s",
        "load_env -sf /env",
        "load_env -s check_signatures",
        "load_env --skip-sig --file /env superusers",
        "load_env -s -f /env prefix",
        "rmmod pgp",
        "for m in gcry_rsa pgp; do rmmod $m; done",
        "trust /key",
        "trust --skip-sig /key",
        "distrust 01234567",
        "unset superusers",
        "set superusers=",
        "for superusers in ''; do true; done",
        "write_dword 0 0",
        "normal_exit",
        "efi-load-env",
        "x=a; y=\"$x\"; if [ $y = a ]; then y=check_signatures; fi; set \"$y\"=no",
    ] {
        assert_eq!(sign(text), '-', "{text}: {:?}", judged(text));
    }
}

#[test]
fn what_is_known_only_as_grub_runs_is_not_proven() {
    for text in [
        "set $n=no",
        "set \"$n\"=no",
        "set $\"check\"=no",
        "$c",
        "c$d pgp\nse$x y",
        "eval $x",
        "eval \"echo $x\"",
        "read n\nset $n=no",
        "regexp --set n '(.*)' \"$x\"\nset $n=no",
        "search --label --set=root $label",
        "load_env\nset $saved=1",
        "source /x.cfg\nset $n=no",
        "n=lang\nsource /x.cfg\nset $n=no",
        "n=lang\nload_env -s n\nset $n=no",
        "frobnicate",
        "set check_signatures=$x",
        "set superusers=$x",
        "rmmod $m",
        "rmmod p$m",
        "configfile (memdisk)/x.cfg",
        "set root=memdisk\nconfigfile /x.cfg",
        "set root=(memdisk)\nsource /x.cfg",
        "source (proc)/luks_script",
        "set prefix=(memdisk)\nnormal",
        "legacy_configfile /menu.lst",
        "function f { f; }\nf",
        "menuentry a --source \"$x\"",
        "all_functional_test",
        "menuentry a {\nset $n=no\n}\nmenuentry b {\nn=check_signatures\n}\nn=lang",
        "function f {\nset $1=no\n}",
    ] {
        assert_eq!(sign(text), '?', "{text}: {:?}", judged(text));
    }
}

#[test]
fn what_does_no_harm_is_proven() {
    for text in [
        "",
        "set check_signatures=enforce\nexport check_signatures",
        "set check_signatures=1",
        "set superusers=root\nexport superusers",
        "echo set check_signatures=no",
        "echo 'x; set check_signatures=no'",
        "# set check_signatures=no",
        "n=lang\nset $n=de",
        "set x$n=no",
        "set lang=$x",
        "set foo=$x$y",
        "if [ $x = y ]; then echo $x; fi",
        "linux /vmlinuz $x",
        "search --no-floppy --fs-uuid --set=root --hint-efi=hd0,gpt2 5a1e",
        "search --set=root --label \"x$y\"",
        "regexp --set=1:dev '\\((.*)\\)' \"$cmdpath\"",
        "load_env",
        "load_env -f /env a b",
        "load_env --skip-sig saved_entry",
        "rmmod tpm",
        "read answer",
        "configfile /x.cfg",
        "configfile $prefix/x.cfg",
        "source ${config_directory}/custom.cfg",
        "n=lang\nconfigfile /x.cfg\nset $n=no",
        "if true; then n=lang; else n=check_signatures; fi\nset $n=no",
        "function f {\nset $1=no\n}\nf lang",
        "eval 'set lang=de'",
        "menuentry \"$x\" $menuentry_id_option x {\nlinux /y\n}",
        "savedefault",
        "for x in $list; do insmod $x; done",
        "insmod pgp",
        "export $x",
        "set check_signatures",
        "set\necho check_signatures=no",
        "net_dhcp\nset net_$x=1",
    ] {
        assert_eq!(sign(text), '+', "{text}: {:?}", judged(text));
    }
}

#[test]
fn a_danger_is_at_its_line_and_files_of_the_memory_disk_are_followed() {
    assert_eq!(
        judged("\nfunction f {\n\nset check_signatures=no\n}\nf"),
        [(Act::SignaturesOff, 4)]
    );
    assert_eq!(
        judged("\neval 'true\nset check_signatures=no'"),
        [(Act::SignaturesOff, 2)]
    );
    let files = |path: &str| match path {
        "/off.cfg" => Some(b"\nset check_signatures=no\n".to_vec()),
        "/n.cfg" => Some(b"n=check_signatures".to_vec()),
        "/on.cfg" => Some(b"set check_signatures=enforce".to_vec()),
        _ => None,
    };
    let with = |text: &str| {
        let scene = Scene {
            memory_disk: Some(&files),
            ..Scene::default()
        };
        dangers(&Script::parse(text), scene)
    };
    let off = with("true; configfile (memdisk)/off.cfg");
    assert_eq!((off.len(), off[0].act, off[0].line), (1, Act::SignaturesOff, 2));
    assert_eq!(off[0].within.as_deref(), Some("(memdisk)/off.cfg"));
    assert_eq!(with("source (memdisk)/n.cfg\nset $n=no").len(), 1);
    assert_eq!(with("n=lang\nconfigfile (memdisk)/n.cfg\nset $n=no"), []);
    assert_eq!(with("source (memdisk)/on.cfg"), []);
    assert_eq!(with("source (memdisk)/none.cfg").len(), 1);
}

#[test]
fn the_small_parser_reads_lines() {
    let scene = Scene {
        is_first: true,
        ..Scene::default()
    };
    let acts = |text: &str| {
        dangers_of_embedded(text, scene)
            .iter()
            .map(|danger| danger.act)
            .collect::<Vec<_>>()
    };
    assert_eq!(acts("set n=check_signatures\nset $n=no\n"), [Act::SignaturesOff]);
    // A comment is none there, and its quote has the next line's for its end.
    assert_eq!(
        acts("# \"\necho \"\nset check_signatures=no\necho \"\n"),
        [Act::SignaturesOff]
    );
    assert_eq!(acts("}\nset check_signatures=no\n").len(), 1);
    assert_eq!(
        acts(
            "set check_signatures=enforce\nsearch.fs_uuid 1234 root\nset prefix=($root)/grub\nconfigfile $prefix/grub.cfg\nreboot\n"
        ),
        []
    );
}

#[test]
fn what_does_not_end_is_not_followed_for_ever() {
    let doubling: Vec<String> = (0..40)
        .map(|n| format!("function f{n} {{\nf{}\nf{}\n}}\n", n + 1, n + 1))
        .collect();
    let doubling = doubling.concat();
    assert_eq!(sign(&format!("{doubling}f0\n")), '?');
    let nested = format!("{}true{}", "if true; then ".repeat(5000), "; fi".repeat(5000));
    assert_eq!(sign(&nested), '?');
    let many: Vec<String> = (0..200)
        .map(|n| format!("if [ $x ]; then a{n}=$b{n}$c{n}; else a{n}=1; fi\n"))
        .collect();
    let many = many.concat();
    assert_eq!(sign(&many), '+');
    let variables: Vec<String> = (0..12)
        .map(|n| format!("for v{n} in a b c d e f; do true; done\n"))
        .collect();
    let variables = variables.concat();
    assert_eq!(sign(&format!("{variables}echo $v0 $v1 $v2 $v3 $v4 $v5 $v6\n")), '+');
}

/// Scripts whose work grows faster than they do, each in another way: without a limit, hours or all memory.
#[test]
fn the_work_is_limited_however_a_script_multiplies_it() {
    let lines = |count: usize, line: &dyn Fn(usize) -> String| (0..count).map(line).collect::<Vec<_>>().concat();
    let scripts = [
        ("parameters double", "function f { f $* $* ; }\nf a\n".to_owned()),
        ("variables", lines(30_000, &|n| format!("v{n}=$v\n"))),
        ("ways", lines(20_000, &|n| format!("if a; then v{n}=1; fi\n"))),
        (
            "one chain",
            format!(
                "if a; then b{}; fi",
                lines(20_000, &|n| format!("\nelif a; then v{n}=1"))
            ),
        ),
        (
            "bodies",
            lines(3_000, &|n| format!("if a; then function f {{ v={n}\n }}\n fi\n")),
        ),
        ("functions", lines(20_000, &|n| format!("function f{n} {{ v=1\n }}\n"))),
        ("entries", lines(20_000, &|n| format!("menuentry {n} {{ v={n}\n }}\n"))),
        ("dangers", lines(30_000, &|n| format!("x{n} y\n"))),
        (
            "values",
            format!("for x in {}; do v=$x; done\n", lines(50_000, &|n| format!("a{n} "))),
        ),
        (
            "a long text in a loop",
            format!(
                "for x in {}; do for y in {}; do eval '{}'; done; done",
                "1 ".repeat(99),
                lines(99, &|n| format!("{n} ")),
                "a=1 ".repeat(50_000)
            ),
        ),
        (
            "a long word",
            format!("a={}\necho {}\n", "x".repeat(4000), "$a".repeat(20_000)),
        ),
    ];
    for (name, text) in scripts {
        let start = std::time::Instant::now();
        let _ = judged(&text);
        let taken = start.elapsed();
        assert!(taken.as_secs() < 20, "{name}: {taken:?} for {} bytes", text.len());
    }
}

#[test]
fn what_is_left_unknown_by_a_limit_may_still_be_all() {
    let many = |count: usize| (0..count).map(|n| format!("v{n}=a\n")).collect::<Vec<_>>().concat();
    assert_eq!(sign(&format!("n=lang\n{}set $n=no\n", many(1000))), '+');
    assert_eq!(sign(&format!("n=lang\n{}set $n=no\n", many(3000))), '?');
    // The name of a variable comes of a parameter behind those that are known.
    let all = "x ".repeat(1500);
    assert_eq!(sign(&format!("function f {{ set $1500=no\n }}\nf {all}\n")), '?');
    let long = format!("a={}\nset $a$a$a$a$a$a=no\n", "c".repeat(1000));
    assert_ne!(sign(&long), '-');
}

/// The acts of the last of these scripts.
fn last_of(texts: &[&str]) -> Vec<Act> {
    let scripts: Vec<Script> = texts.iter().map(|text| Script::parse(text)).collect();
    let shared = Scripts::new(&scripts);
    let number = scripts.len() - 1;
    let scene = Scene {
        others: Some(shared.beside(number)),
        ..Scene::default()
    };
    dangers(&scripts[number], scene)
        .iter()
        .map(|danger| danger.act)
        .collect()
}

#[test]
fn functions_of_other_scripts_are_called_where_no_own_one_is() {
    let other = "function f { set check_signatures=no\n }\n";
    for (text, is_off) in [
        ("f\n", true),
        ("true\n", false),
        ("function f { true\n }\nf\n", false),
        ("if [ \"$y\" ]; then\n eval 'function f { true; }'\nfi\nf\n", true),
        ("eval 'function f { true; }'\nf\n", true),
        ("f\nfunction f { true\n }\n", true),
        ("function g { f\n }\n", true),
    ] {
        let acts = last_of(&[other, text]);
        assert_eq!(acts.contains(&Act::SignaturesOff), is_off, "{text}: {acts:?}");
    }
    // A name that only GRUB knows may be that of a function; one's own is judged where it is.
    assert!(matches!(last_of(&[other, "f$x\n"])[..], [Act::Unproven(_)]));
    assert_eq!(last_of(&["function f { true\n }\n", other]), [Act::SignaturesOff]);
}

/// Each script of a tree is judged beside all others, and the tree costs no more than its bytes, or is told as too long.
#[test]
fn the_scripts_of_a_tree_cost_no_more_than_their_bytes() {
    let loops = "for x in 1 2 3 4 5 6 7 8 9; do for y in 1 2 3 4 5 6 7 8 9; do for z in 1 2 3 4 5 6 7 8 9; do a=$x; done; done; done\n";
    let kinds: [(&str, Texts<'_>, usize, bool); 4] = [
        ("plain", &|n| format!("set x={n}\n"), 20_000, true),
        ("functions", &|n| format!("function f{n} {{ v={n}\n }}\n"), 20_000, true),
        ("one name", &|n| format!("function f {{ v={n}\n }}\nf\n"), 20_000, false),
        ("loops", &|_| loops.repeat(40), 2_000, false),
    ];
    for (name, text, count, is_proven) in kinds {
        let cost = |count: usize| {
            let scripts: Vec<Script> = (0..count).map(|number| Script::parse(&text(number))).collect();
            let before = processor_time();
            let shared = Scripts::new(&scripts);
            let mut is_whole = true;
            for (number, script) in scripts.iter().enumerate() {
                let scene = Scene {
                    others: Some(shared.beside(number)),
                    ..Scene::default()
                };
                is_whole &= dangers(script, scene).is_empty();
            }
            (is_whole, processor_time() - before)
        };
        let (of_some, of_all) = (cost(count / 8), cost(count));
        assert_eq!(of_all.0, is_proven, "{name}");
        // The square would be 64 times as much.
        let most = of_some.1 * 24 + 200_000_000;
        assert!(of_all.1 < most, "{name}: {of_some:?}, {of_all:?}");
    }
}

/// The texts of scripts, by their numbers.
type Texts<'a> = &'a dyn Fn(usize) -> String;

/// Nanoseconds that this thread has had a processor, whatever else runs on the machine.
fn processor_time() -> u64 {
    let said = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    said.split_whitespace().next().unwrap().parse().unwrap()
}
