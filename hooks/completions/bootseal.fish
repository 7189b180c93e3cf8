# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_bootseal_global_optspecs
    string join \n config= root= json q/quiet v/verbose color= dry-run h/help V/version
end

function __fish_bootseal_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_bootseal_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_bootseal_using_subcommand
    set -l cmd (__fish_bootseal_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c bootseal -n "__fish_bootseal_needs_command" -l config -d 'Configuration file [default: /etc/bootseal/config.toml]' -r -F
complete -c bootseal -n "__fish_bootseal_needs_command" -l root -d 'Take DIR for / in every path that bootseal or its configuration names' -r -F
complete -c bootseal -n "__fish_bootseal_needs_command" -l color -d 'When to use colors' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c bootseal -n "__fish_bootseal_needs_command" -l json -d 'Print one JSON object'
complete -c bootseal -n "__fish_bootseal_needs_command" -s q -l quiet -d 'Print errors only'
complete -c bootseal -n "__fish_bootseal_needs_command" -s v -l verbose -d 'Say more: also what needed nothing to be done'
complete -c bootseal -n "__fish_bootseal_needs_command" -l dry-run -d 'Show what would be done; change nothing'
complete -c bootseal -n "__fish_bootseal_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c bootseal -n "__fish_bootseal_needs_command" -s V -l version -d 'Print version'
complete -c bootseal -n "__fish_bootseal_needs_command" -f -a "setup" -d 'Go through a first machine, step by step'
complete -c bootseal -n "__fish_bootseal_needs_command" -f -a "ceremony" -d 'Make the keys, once'
complete -c bootseal -n "__fish_bootseal_needs_command" -f -a "keys" -d 'See the keys, export them, change their passphrase'
complete -c bootseal -n "__fish_bootseal_needs_command" -f -a "enroll" -d 'Put the keys into the firmware'
complete -c bootseal -n "__fish_bootseal_needs_command" -f -a "sign" -d 'Sign kernels, modules and GRUB\'s files'
complete -c bootseal -n "__fish_bootseal_needs_command" -f -a "grub" -d 'Build and install a GRUB that enforces signatures'
complete -c bootseal -n "__fish_bootseal_needs_command" -f -a "status" -d 'Show the state of firmware, next boot, kernel, keys and hooks on one screen'
complete -c bootseal -n "__fish_bootseal_needs_command" -f -a "audit" -d 'Prove every link of the chain on this machine, or say which does not hold'
complete -c bootseal -n "__fish_bootseal_needs_command" -f -a "verify" -d 'Say who signed a file, and whether firmware, kernel or GRUB would accept it'
complete -c bootseal -n "__fish_bootseal_needs_command" -f -a "hook" -d 'Have every kernel signed as it is installed'
complete -c bootseal -n "__fish_bootseal_needs_command" -f -a "ledger" -d 'Show every signature that was made on this machine, or prove that the record of them holds'
complete -c bootseal -n "__fish_bootseal_needs_command" -f -a "config" -d 'Print a configuration to be edited, or check the one that is there'
complete -c bootseal -n "__fish_bootseal_needs_command" -f -a "completions" -d 'Print the completions for a shell'
complete -c bootseal -n "__fish_bootseal_needs_command" -f -a "man" -d 'Write the manual pages'
complete -c bootseal -n "__fish_bootseal_needs_command" -f -a "kernel-config" -d 'Print the options that the chain needs of a kernel, or check a kernel\'s configuration'
complete -c bootseal -n "__fish_bootseal_needs_command" -f -a "demo" -d 'Walk the whole chain in a temporary directory'
complete -c bootseal -n "__fish_bootseal_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c bootseal -n "__fish_bootseal_using_subcommand setup" -l loader -d 'The boot loader of this machine [default: the one that it starts next, or GRUB]' -r -f -a "grub\t'GRUB'
systemd-boot\t'systemd-boot'
none\t'None: the firmware starts the kernel, or a unified image of one'"
complete -c bootseal -n "__fish_bootseal_using_subcommand setup" -l config -d 'Configuration file [default: /etc/bootseal/config.toml]' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand setup" -l root -d 'Take DIR for / in every path that bootseal or its configuration names' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand setup" -l color -d 'When to use colors' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c bootseal -n "__fish_bootseal_using_subcommand setup" -l print -d 'Print the steps and their commands, and which are done; run none'
complete -c bootseal -n "__fish_bootseal_using_subcommand setup" -l json -d 'Print one JSON object'
complete -c bootseal -n "__fish_bootseal_using_subcommand setup" -s q -l quiet -d 'Print errors only'
complete -c bootseal -n "__fish_bootseal_using_subcommand setup" -s v -l verbose -d 'Say more: also what needed nothing to be done'
complete -c bootseal -n "__fish_bootseal_using_subcommand setup" -l dry-run -d 'Show what would be done; change nothing'
complete -c bootseal -n "__fish_bootseal_using_subcommand setup" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and not __fish_seen_subcommand_from template plan run verify drill backup restore add-node retire-node nodes note abort help" -l config -d 'Configuration file [default: /etc/bootseal/config.toml]' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and not __fish_seen_subcommand_from template plan run verify drill backup restore add-node retire-node nodes note abort help" -l root -d 'Take DIR for / in every path that bootseal or its configuration names' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and not __fish_seen_subcommand_from template plan run verify drill backup restore add-node retire-node nodes note abort help" -l color -d 'When to use colors' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and not __fish_seen_subcommand_from template plan run verify drill backup restore add-node retire-node nodes note abort help" -l json -d 'Print one JSON object'
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and not __fish_seen_subcommand_from template plan run verify drill backup restore add-node retire-node nodes note abort help" -s q -l quiet -d 'Print errors only'
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and not __fish_seen_subcommand_from template plan run verify drill backup restore add-node retire-node nodes note abort help" -s v -l verbose -d 'Say more: also what needed nothing to be done'
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and not __fish_seen_subcommand_from template plan run verify drill backup restore add-node retire-node nodes note abort help" -l dry-run -d 'Show what would be done; change nothing'
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and not __fish_seen_subcommand_from template plan run verify drill backup restore add-node retire-node nodes note abort help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and not __fish_seen_subcommand_from template plan run verify drill backup restore add-node retire-node nodes note abort help" -f -a "template" -d 'Print a specification with all that one can say, to be edited'
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and not __fish_seen_subcommand_from template plan run verify drill backup restore add-node retire-node nodes note abort help" -f -a "plan" -d 'Show every step and file of a ceremony, and its digest; make nothing'
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and not __fish_seen_subcommand_from template plan run verify drill backup restore add-node retire-node nodes note abort help" -f -a "run" -d 'Make PK, KEK, db, module and GRUB keys, with everything that enrolls them'
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and not __fish_seen_subcommand_from template plan run verify drill backup restore add-node retire-node nodes note abort help" -f -a "verify" -d 'Replay the transcript of a ceremony and compare its files'
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and not __fish_seen_subcommand_from template plan run verify drill backup restore add-node retire-node nodes note abort help" -f -a "drill" -d 'Restore all keys from their backup, to see that it can be done, and record that'
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and not __fish_seen_subcommand_from template plan run verify drill backup restore add-node retire-node nodes note abort help" -f -a "backup" -d 'Make another backup, of the keys as they are now'
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and not __fish_seen_subcommand_from template plan run verify drill backup restore add-node retire-node nodes note abort help" -f -a "restore" -d 'Put keys back from their backup into a new directory'
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and not __fish_seen_subcommand_from template plan run verify drill backup restore add-node retire-node nodes note abort help" -f -a "add-node" -d 'Add a node to a fleet: keys of its own, its backup, and its bundle'
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and not __fish_seen_subcommand_from template plan run verify drill backup restore add-node retire-node nodes note abort help" -f -a "retire-node" -d 'Take a node out of a fleet: stolen, sold, or with another board'
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and not __fish_seen_subcommand_from template plan run verify drill backup restore add-node retire-node nodes note abort help" -f -a "nodes" -d 'The nodes of a fleet: their keys, and which rotation is known of each'
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and not __fish_seen_subcommand_from template plan run verify drill backup restore add-node retire-node nodes note abort help" -f -a "note" -d 'Add a line to the transcript: who was there, what was seen'
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and not __fish_seen_subcommand_from template plan run verify drill backup restore add-node retire-node nodes note abort help" -f -a "abort" -d 'End a ceremony that is under way; leave nothing of it behind'
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and not __fish_seen_subcommand_from template plan run verify drill backup restore add-node retire-node nodes note abort help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from template" -l config -d 'Configuration file [default: /etc/bootseal/config.toml]' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from template" -l root -d 'Take DIR for / in every path that bootseal or its configuration names' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from template" -l color -d 'When to use colors' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from template" -l fleet -d 'That of a fleet: several machines, each with keys of its own'
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from template" -l json -d 'Print one JSON object'
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from template" -s q -l quiet -d 'Print errors only'
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from template" -s v -l verbose -d 'Say more: also what needed nothing to be done'
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from template" -l dry-run -d 'Show what would be done; change nothing'
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from template" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from plan" -l out -d 'Directory to make; it must not exist yet, or be empty' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from plan" -l name -d 'Whose keys they are: begins every certificate\'s subject' -r
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from plan" -l owner -d 'Owner GUID of the entries [default: a random one]' -r
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from plan" -l microsoft -d 'Microsoft\'s certificates: "default", "none", names to add, -names to leave out [default: default]' -r
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from plan" -l dbx -d 'Revocations [default: microsoft]' -r -f -a "microsoft\t'Microsoft\'s list for x86-64, signed anew by the new KEK'
none\t'None'"
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from plan" -l plain -d 'Private keys that stay unencrypted, for unattended signing: of PK, KEK, db, module, grub, pcr' -r
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from plan" -l import -d 'Take the keys that DIR has, of sbctl (/var/lib/sbctl/keys) or of openssl (PK.key and PK.crt), and make the others' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from plan" -l grub-key -d 'Take GRUB\'s key from FILE, a secret key as gpg --export-secret-keys writes it: what it signed goes on to be trusted' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from plan" -l years -d 'Validity of the certificates, in years [default: 10]' -r
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from plan" -l config -d 'Configuration file [default: /etc/bootseal/config.toml]' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from plan" -l root -d 'Take DIR for / in every path that bootseal or its configuration names' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from plan" -l color -d 'When to use colors' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from plan" -l pcr -d 'Make a pcr key as well, which signs the values of PCR 11 that ukify puts into unified images: a disk can be bound to it'
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from plan" -l same-disk -d 'Let offline keys and backup lie on the disk of the system, or where nothing is mounted'
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from plan" -l json -d 'Print one JSON object'
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from plan" -s q -l quiet -d 'Print errors only'
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from plan" -s v -l verbose -d 'Say more: also what needed nothing to be done'
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from plan" -l dry-run -d 'Show what would be done; change nothing'
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from plan" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from run" -l out -d 'Directory to make; it must not exist yet, or be empty' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from run" -l name -d 'Whose keys they are: begins every certificate\'s subject' -r
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from run" -l owner -d 'Owner GUID of the entries [default: a random one]' -r
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from run" -l microsoft -d 'Microsoft\'s certificates: "default", "none", names to add, -names to leave out [default: default]' -r
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from run" -l dbx -d 'Revocations [default: microsoft]' -r -f -a "microsoft\t'Microsoft\'s list for x86-64, signed anew by the new KEK'
none\t'None'"
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from run" -l plain -d 'Private keys that stay unencrypted, for unattended signing: of PK, KEK, db, module, grub, pcr' -r
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from run" -l import -d 'Take the keys that DIR has, of sbctl (/var/lib/sbctl/keys) or of openssl (PK.key and PK.crt), and make the others' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from run" -l grub-key -d 'Take GRUB\'s key from FILE, a secret key as gpg --export-secret-keys writes it: what it signed goes on to be trusted' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from run" -l years -d 'Validity of the certificates, in years [default: 10]' -r
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from run" -l plan -d 'Hold the ceremony only if its plan has this digest, as `plan` prints it, in hex or words' -r
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from run" -l bundle-passphrases -d 'Read the passphrase of each bundle from the first line of DIR/NODE, in place of asking for it' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from run" -l passphrase-file -d 'Read the passphrase from the first line of FILE; of one key alone with PK=, KEK=, db=, module=, grub= or pcr= before it. May be given several times' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from run" -l passphrase-fd -d 'Read the passphrase from file descriptor N' -r
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from run" -l pin-file -d 'Read the PIN of tokens, where their URIs name none, or the passphrase of imported keys, from the first line of FILE; that of one imported key with PK=, KEK=, db=, module=, grub= or pcr= before it. May be given several times' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from run" -l pin-fd -d 'Read the PIN from file descriptor N' -r
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from run" -l config -d 'Configuration file [default: /etc/bootseal/config.toml]' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from run" -l root -d 'Take DIR for / in every path that bootseal or its configuration names' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from run" -l color -d 'When to use colors' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from run" -l pcr -d 'Make a pcr key as well, which signs the values of PCR 11 that ukify puts into unified images: a disk can be bound to it'
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from run" -l same-disk -d 'Let offline keys and backup lie on the disk of the system, or where nothing is mounted'
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from run" -l rehearse -d 'Go through all of it with keys that say TEST, in a directory that is thrown away'
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from run" -l json -d 'Print one JSON object'
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from run" -s q -l quiet -d 'Print errors only'
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from run" -s v -l verbose -d 'Say more: also what needed nothing to be done'
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from run" -l dry-run -d 'Show what would be done; change nothing'
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from run" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from verify" -l head -d 'The transcript must end here: its last digest, in hex or words, as it was written down' -r
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from verify" -l config -d 'Configuration file [default: /etc/bootseal/config.toml]' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from verify" -l root -d 'Take DIR for / in every path that bootseal or its configuration names' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from verify" -l color -d 'When to use colors' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from verify" -l json -d 'Print one JSON object'
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from verify" -s q -l quiet -d 'Print errors only'
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from verify" -s v -l verbose -d 'Say more: also what needed nothing to be done'
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from verify" -l dry-run -d 'Show what would be done; change nothing'
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from verify" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from drill" -l keys -d 'Key directory whose keys they are [default: the one of the configuration]' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from drill" -l shares -d 'Read the shares from FILE, one a line, in place of asking for them' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from drill" -l fleet -d 'Open the archive of a fleet\'s node with the fleet\'s key, which DIR has' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from drill" -l passphrase-file -d 'Read the passphrase from the first line of FILE; of one key alone with PK=, KEK=, db=, module=, grub= or pcr= before it. May be given several times' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from drill" -l passphrase-fd -d 'Read the passphrase from file descriptor N' -r
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from drill" -l config -d 'Configuration file [default: /etc/bootseal/config.toml]' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from drill" -l root -d 'Take DIR for / in every path that bootseal or its configuration names' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from drill" -l color -d 'When to use colors' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from drill" -l json -d 'Print one JSON object'
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from drill" -s q -l quiet -d 'Print errors only'
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from drill" -s v -l verbose -d 'Say more: also what needed nothing to be done'
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from drill" -l dry-run -d 'Show what would be done; change nothing'
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from drill" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from backup" -l keys -d 'Key directory [default: the one of the configuration]' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from backup" -l authority -d 'Directory with the PK and KEK keys [default: the key directory]' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from backup" -l shares -d 'Shares to divide the new secret into, as 2/3: any two of three [default: as the last backup]' -r
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from backup" -l new-passphrase-file -d 'Read the passphrase of a backup without shares from the first line of FILE [default: that of the keys]' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from backup" -l passphrase-file -d 'Read the passphrase from the first line of FILE; of one key alone with PK=, KEK=, db=, module=, grub= or pcr= before it. May be given several times' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from backup" -l passphrase-fd -d 'Read the passphrase from file descriptor N' -r
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from backup" -l config -d 'Configuration file [default: /etc/bootseal/config.toml]' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from backup" -l root -d 'Take DIR for / in every path that bootseal or its configuration names' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from backup" -l color -d 'When to use colors' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from backup" -l json -d 'Print one JSON object'
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from backup" -s q -l quiet -d 'Print errors only'
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from backup" -s v -l verbose -d 'Say more: also what needed nothing to be done'
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from backup" -l dry-run -d 'Show what would be done; change nothing'
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from backup" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from restore" -l only -d 'Keys to put back: of PK, KEK, db, module, grub, pcr [default: all, if the ceremony kept them in one place]' -r
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from restore" -l with -d 'Another directory of the ceremony that is left, which may know more than the archive; may be given several times' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from restore" -l shares -d 'Read the shares from FILE, one a line, in place of asking for them' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from restore" -l fleet -d 'Open the archive of a fleet\'s node with the fleet\'s key, which DIR has' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from restore" -l new-passphrase-file -d 'Read the passphrase of the keys that were encrypted from the first line of FILE, where the backup is under shares, or under the fleet\'s key' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from restore" -l passphrase-file -d 'Read the passphrase from the first line of FILE; of one key alone with PK=, KEK=, db=, module=, grub= or pcr= before it. May be given several times' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from restore" -l passphrase-fd -d 'Read the passphrase from file descriptor N' -r
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from restore" -l config -d 'Configuration file [default: /etc/bootseal/config.toml]' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from restore" -l root -d 'Take DIR for / in every path that bootseal or its configuration names' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from restore" -l color -d 'When to use colors' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from restore" -l json -d 'Print one JSON object'
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from restore" -s q -l quiet -d 'Print errors only'
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from restore" -s v -l verbose -d 'Say more: also what needed nothing to be done'
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from restore" -l dry-run -d 'Show what would be done; change nothing'
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from restore" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from add-node" -l bundle-passphrases -d 'Read the passphrase of each bundle from the first line of DIR/NODE, in place of asking for it' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from add-node" -l passphrase-file -d 'Read the passphrase from the first line of FILE; of one key alone with PK=, KEK=, db=, module=, grub= or pcr= before it. May be given several times' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from add-node" -l passphrase-fd -d 'Read the passphrase from file descriptor N' -r
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from add-node" -l pin-file -d 'Read the PIN of tokens, where their URIs name none, or the passphrase of imported keys, from the first line of FILE; that of one imported key with PK=, KEK=, db=, module=, grub= or pcr= before it. May be given several times' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from add-node" -l pin-fd -d 'Read the PIN from file descriptor N' -r
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from add-node" -l config -d 'Configuration file [default: /etc/bootseal/config.toml]' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from add-node" -l root -d 'Take DIR for / in every path that bootseal or its configuration names' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from add-node" -l color -d 'When to use colors' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from add-node" -l same-disk -d 'Let offline keys and backup lie on the disk of the system, or where nothing is mounted'
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from add-node" -l json -d 'Print one JSON object'
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from add-node" -s q -l quiet -d 'Print errors only'
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from add-node" -s v -l verbose -d 'Say more: also what needed nothing to be done'
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from add-node" -l dry-run -d 'Show what would be done; change nothing'
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from add-node" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from retire-node" -l keys -d 'Offline directory of the fleet' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from retire-node" -l reason -d 'Why, for the transcript of the fleet' -r
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from retire-node" -l passphrase-file -d 'Read the passphrase from the first line of FILE; of one key alone with PK=, KEK=, db=, module=, grub= or pcr= before it. May be given several times' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from retire-node" -l passphrase-fd -d 'Read the passphrase from file descriptor N' -r
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from retire-node" -l config -d 'Configuration file [default: /etc/bootseal/config.toml]' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from retire-node" -l root -d 'Take DIR for / in every path that bootseal or its configuration names' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from retire-node" -l color -d 'When to use colors' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from retire-node" -l json -d 'Print one JSON object'
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from retire-node" -s q -l quiet -d 'Print errors only'
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from retire-node" -s v -l verbose -d 'Say more: also what needed nothing to be done'
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from retire-node" -l dry-run -d 'Show what would be done; change nothing'
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from retire-node" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from nodes" -l keys -d 'Offline directory of the fleet' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from nodes" -l config -d 'Configuration file [default: /etc/bootseal/config.toml]' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from nodes" -l root -d 'Take DIR for / in every path that bootseal or its configuration names' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from nodes" -l color -d 'When to use colors' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from nodes" -l json -d 'Print one JSON object'
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from nodes" -s q -l quiet -d 'Print errors only'
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from nodes" -s v -l verbose -d 'Say more: also what needed nothing to be done'
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from nodes" -l dry-run -d 'Show what would be done; change nothing'
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from nodes" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from note" -l passphrase-file -d 'Read the passphrase from the first line of FILE; of one key alone with PK=, KEK=, db=, module=, grub= or pcr= before it. May be given several times' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from note" -l passphrase-fd -d 'Read the passphrase from file descriptor N' -r
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from note" -l config -d 'Configuration file [default: /etc/bootseal/config.toml]' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from note" -l root -d 'Take DIR for / in every path that bootseal or its configuration names' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from note" -l color -d 'When to use colors' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from note" -l json -d 'Print one JSON object'
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from note" -s q -l quiet -d 'Print errors only'
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from note" -s v -l verbose -d 'Say more: also what needed nothing to be done'
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from note" -l dry-run -d 'Show what would be done; change nothing'
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from note" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from abort" -l pin-file -d 'Read the PIN of tokens, where their URIs name none, or the passphrase of imported keys, from the first line of FILE; that of one imported key with PK=, KEK=, db=, module=, grub= or pcr= before it. May be given several times' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from abort" -l pin-fd -d 'Read the PIN from file descriptor N' -r
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from abort" -l config -d 'Configuration file [default: /etc/bootseal/config.toml]' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from abort" -l root -d 'Take DIR for / in every path that bootseal or its configuration names' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from abort" -l color -d 'When to use colors' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from abort" -l json -d 'Print one JSON object'
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from abort" -s q -l quiet -d 'Print errors only'
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from abort" -s v -l verbose -d 'Say more: also what needed nothing to be done'
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from abort" -l dry-run -d 'Show what would be done; change nothing'
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from abort" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from help" -f -a "template" -d 'Print a specification with all that one can say, to be edited'
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from help" -f -a "plan" -d 'Show every step and file of a ceremony, and its digest; make nothing'
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from help" -f -a "run" -d 'Make PK, KEK, db, module and GRUB keys, with everything that enrolls them'
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from help" -f -a "verify" -d 'Replay the transcript of a ceremony and compare its files'
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from help" -f -a "drill" -d 'Restore all keys from their backup, to see that it can be done, and record that'
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from help" -f -a "backup" -d 'Make another backup, of the keys as they are now'
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from help" -f -a "restore" -d 'Put keys back from their backup into a new directory'
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from help" -f -a "add-node" -d 'Add a node to a fleet: keys of its own, its backup, and its bundle'
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from help" -f -a "retire-node" -d 'Take a node out of a fleet: stolen, sold, or with another board'
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from help" -f -a "nodes" -d 'The nodes of a fleet: their keys, and which rotation is known of each'
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from help" -f -a "note" -d 'Add a line to the transcript: who was there, what was seen'
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from help" -f -a "abort" -d 'End a ceremony that is under way; leave nothing of it behind'
complete -c bootseal -n "__fish_bootseal_using_subcommand ceremony; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and not __fish_seen_subcommand_from list show sync import export rotate revoke passphrase help" -l config -d 'Configuration file [default: /etc/bootseal/config.toml]' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and not __fish_seen_subcommand_from list show sync import export rotate revoke passphrase help" -l root -d 'Take DIR for / in every path that bootseal or its configuration names' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and not __fish_seen_subcommand_from list show sync import export rotate revoke passphrase help" -l color -d 'When to use colors' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and not __fish_seen_subcommand_from list show sync import export rotate revoke passphrase help" -l json -d 'Print one JSON object'
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and not __fish_seen_subcommand_from list show sync import export rotate revoke passphrase help" -s q -l quiet -d 'Print errors only'
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and not __fish_seen_subcommand_from list show sync import export rotate revoke passphrase help" -s v -l verbose -d 'Say more: also what needed nothing to be done'
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and not __fish_seen_subcommand_from list show sync import export rotate revoke passphrase help" -l dry-run -d 'Show what would be done; change nothing'
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and not __fish_seen_subcommand_from list show sync import export rotate revoke passphrase help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and not __fish_seen_subcommand_from list show sync import export rotate revoke passphrase help" -f -a "list" -d 'All keys: role, subject, fingerprint, expiry, place, protection, last restore drill'
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and not __fish_seen_subcommand_from list show sync import export rotate revoke passphrase help" -f -a "show" -d 'All facts of one key'
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and not __fish_seen_subcommand_from list show sync import export rotate revoke passphrase help" -f -a "sync" -d 'Bring key directory and stick to the same: what one knows, drills, rotations and lists, the other learns'
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and not __fish_seen_subcommand_from list show sync import export rotate revoke passphrase help" -f -a "import" -d 'Take the keys of this machine from the bundle that its fleet made for it'
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and not __fish_seen_subcommand_from list show sync import export rotate revoke passphrase help" -f -a "export" -d 'Write a key to a new file, in the form that another program reads'
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and not __fish_seen_subcommand_from list show sync import export rotate revoke passphrase help" -f -a "rotate" -d 'Put another key in the place of one: beside it first, files signed again, the old one retired last'
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and not __fish_seen_subcommand_from list show sync import export rotate revoke passphrase help" -f -a "revoke" -d 'Put another key in the place of one that fell into other hands, and have it refused'
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and not __fish_seen_subcommand_from list show sync import export rotate revoke passphrase help" -f -a "passphrase" -d 'Encrypt private keys with another passphrase, or leave them in clear'
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and not __fish_seen_subcommand_from list show sync import export rotate revoke passphrase help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and __fish_seen_subcommand_from list" -l keys -d 'Key directory [default: /etc/bootseal/keys]' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and __fish_seen_subcommand_from list" -l config -d 'Configuration file [default: /etc/bootseal/config.toml]' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and __fish_seen_subcommand_from list" -l root -d 'Take DIR for / in every path that bootseal or its configuration names' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and __fish_seen_subcommand_from list" -l color -d 'When to use colors' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and __fish_seen_subcommand_from list" -l json -d 'Print one JSON object'
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Print errors only'
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Say more: also what needed nothing to be done'
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and __fish_seen_subcommand_from list" -l dry-run -d 'Show what would be done; change nothing'
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and __fish_seen_subcommand_from show" -l keys -d 'Key directory [default: /etc/bootseal/keys]' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and __fish_seen_subcommand_from show" -l config -d 'Configuration file [default: /etc/bootseal/config.toml]' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and __fish_seen_subcommand_from show" -l root -d 'Take DIR for / in every path that bootseal or its configuration names' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and __fish_seen_subcommand_from show" -l color -d 'When to use colors' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and __fish_seen_subcommand_from show" -l json -d 'Print one JSON object'
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Print errors only'
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and __fish_seen_subcommand_from show" -s v -l verbose -d 'Say more: also what needed nothing to be done'
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and __fish_seen_subcommand_from show" -l dry-run -d 'Show what would be done; change nothing'
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and __fish_seen_subcommand_from sync" -l keys -d 'Key directory [default: /etc/bootseal/keys]' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and __fish_seen_subcommand_from sync" -l config -d 'Configuration file [default: /etc/bootseal/config.toml]' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and __fish_seen_subcommand_from sync" -l root -d 'Take DIR for / in every path that bootseal or its configuration names' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and __fish_seen_subcommand_from sync" -l color -d 'When to use colors' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and __fish_seen_subcommand_from sync" -l follow -d 'Where each has lines that the other lacks, DIR is right and the key directory follows it'
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and __fish_seen_subcommand_from sync" -l json -d 'Print one JSON object'
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and __fish_seen_subcommand_from sync" -s q -l quiet -d 'Print errors only'
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and __fish_seen_subcommand_from sync" -s v -l verbose -d 'Say more: also what needed nothing to be done'
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and __fish_seen_subcommand_from sync" -l dry-run -d 'Show what would be done; change nothing'
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and __fish_seen_subcommand_from sync" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and __fish_seen_subcommand_from import" -l fleet -d 'Fingerprint of the fleet, in words or hex; a machine that belongs to it knows it already' -r
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and __fish_seen_subcommand_from import" -l keys -d 'Key directory [default: /etc/bootseal/keys]' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and __fish_seen_subcommand_from import" -l passphrase-file -d 'Read the passphrase from the first line of FILE; of one key alone with PK=, KEK=, db=, module=, grub= or pcr= before it. May be given several times' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and __fish_seen_subcommand_from import" -l passphrase-fd -d 'Read the passphrase from file descriptor N' -r
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and __fish_seen_subcommand_from import" -l config -d 'Configuration file [default: /etc/bootseal/config.toml]' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and __fish_seen_subcommand_from import" -l root -d 'Take DIR for / in every path that bootseal or its configuration names' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and __fish_seen_subcommand_from import" -l color -d 'When to use colors' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and __fish_seen_subcommand_from import" -l json -d 'Print one JSON object'
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and __fish_seen_subcommand_from import" -s q -l quiet -d 'Print errors only'
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and __fish_seen_subcommand_from import" -s v -l verbose -d 'Say more: also what needed nothing to be done'
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and __fish_seen_subcommand_from import" -l dry-run -d 'Show what would be done; change nothing'
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and __fish_seen_subcommand_from import" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and __fish_seen_subcommand_from export" -l format -d 'The form' -r -f -a "pem\t'The certificate, PEM'
der\t'The certificate, DER'
esl\t'Signature lists: for PK, KEK and db the whole content of the variable'
auth\t'The signed write of the variable'
gpg\t'The OpenPGP public key that GRUB embeds'
public-key\t'The public key, PEM, for `--pcr-public-key` of ukify and `--tpm2-public-key` of systemd-cryptenroll'
signing-key\t'Private key and certificate for the kernel\'s `CONFIG_MODULE_SIG_KEY`; of pcr for `--pcr-private-key` of ukify, and for `MEASUREDBOOT_SIGN_KEY` and `MEASUREDBOOT_SIGN_CERT` of Portage'
portage\t'Private key and certificate for /etc/portage/secureboot.pem'"
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and __fish_seen_subcommand_from export" -s o -l output -d 'The file; it must not exist yet' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and __fish_seen_subcommand_from export" -l keys -d 'Key directory [default: /etc/bootseal/keys]' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and __fish_seen_subcommand_from export" -l passphrase-file -d 'Read the passphrase from the first line of FILE; of one key alone with PK=, KEK=, db=, module=, grub= or pcr= before it. May be given several times' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and __fish_seen_subcommand_from export" -l passphrase-fd -d 'Read the passphrase from file descriptor N' -r
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and __fish_seen_subcommand_from export" -l config -d 'Configuration file [default: /etc/bootseal/config.toml]' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and __fish_seen_subcommand_from export" -l root -d 'Take DIR for / in every path that bootseal or its configuration names' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and __fish_seen_subcommand_from export" -l color -d 'When to use colors' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and __fish_seen_subcommand_from export" -l json -d 'Print one JSON object'
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and __fish_seen_subcommand_from export" -s q -l quiet -d 'Print errors only'
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and __fish_seen_subcommand_from export" -s v -l verbose -d 'Say more: also what needed nothing to be done'
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and __fish_seen_subcommand_from export" -l dry-run -d 'Show what would be done; change nothing'
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and __fish_seen_subcommand_from export" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and __fish_seen_subcommand_from rotate" -l keys -d 'Key directory [default: /etc/bootseal/keys]' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and __fish_seen_subcommand_from rotate" -l passphrase-file -d 'Read the passphrase from the first line of FILE; of one key alone with PK=, KEK=, db=, module=, grub= or pcr= before it. May be given several times' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and __fish_seen_subcommand_from rotate" -l passphrase-fd -d 'Read the passphrase from file descriptor N' -r
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and __fish_seen_subcommand_from rotate" -l accept-changed -d 'Sign it though it changed since it was signed: a file, a directory with all in it, or the SHA-256 of a file' -r
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and __fish_seen_subcommand_from rotate" -l authority -d 'Directory with the PK and KEK keys, which sign the change [default: the key directory]' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and __fish_seen_subcommand_from rotate" -l store -d 'The firmware: "live", the raw image of a virtual machine\'s variables (`OVMF_VARS.fd`), or a directory that serves as a simulated one' -r
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and __fish_seen_subcommand_from rotate" -l esp -d 'Mount point of an EFI system partition, whose files are judged [default: those that are mounted]' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and __fish_seen_subcommand_from rotate" -l event-log -d 'The event log of the machine\'s last start [default: the kernel\'s]' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and __fish_seen_subcommand_from rotate" -l config -d 'Configuration file [default: /etc/bootseal/config.toml]' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and __fish_seen_subcommand_from rotate" -l root -d 'Take DIR for / in every path that bootseal or its configuration names' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and __fish_seen_subcommand_from rotate" -l color -d 'When to use colors' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and __fish_seen_subcommand_from rotate" -l recheck -d 'Verify every file, also those that were seen to be signed and have not changed since'
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and __fish_seen_subcommand_from rotate" -l trusted -d 'The kernel, or GRUB\'s image, knows the new key already'
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and __fish_seen_subcommand_from rotate" -l signed -d 'All files are signed again, by other means than `sign all`'
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and __fish_seen_subcommand_from rotate" -l clock-is-right -d 'The clock is right, though a signed record is of a later time, or every certificate has ended'
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and __fish_seen_subcommand_from rotate" -s y -l yes -d 'Write to the firmware without asking'
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and __fish_seen_subcommand_from rotate" -l i-know-option-roms-may-stop-working -d 'Go on although Option ROMs, such as that of the graphics card, may be refused'
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and __fish_seen_subcommand_from rotate" -l i-know-this-machine-may-not-boot -d 'Go on although the firmware would refuse what it starts next'
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and __fish_seen_subcommand_from rotate" -l i-know-this-firmware-misbehaves -d 'Go on although this firmware is known to misbehave'
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and __fish_seen_subcommand_from rotate" -l abort -d 'Give up the rotation of KEY that is under way; the present key stays'
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and __fish_seen_subcommand_from rotate" -l json -d 'Print one JSON object'
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and __fish_seen_subcommand_from rotate" -s q -l quiet -d 'Print errors only'
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and __fish_seen_subcommand_from rotate" -s v -l verbose -d 'Say more: also what needed nothing to be done'
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and __fish_seen_subcommand_from rotate" -l dry-run -d 'Show what would be done; change nothing'
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and __fish_seen_subcommand_from rotate" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and __fish_seen_subcommand_from revoke" -l keys -d 'Key directory [default: /etc/bootseal/keys]' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and __fish_seen_subcommand_from revoke" -l passphrase-file -d 'Read the passphrase from the first line of FILE; of one key alone with PK=, KEK=, db=, module=, grub= or pcr= before it. May be given several times' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and __fish_seen_subcommand_from revoke" -l passphrase-fd -d 'Read the passphrase from file descriptor N' -r
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and __fish_seen_subcommand_from revoke" -l accept-changed -d 'Sign it though it changed since it was signed: a file, a directory with all in it, or the SHA-256 of a file' -r
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and __fish_seen_subcommand_from revoke" -l authority -d 'Directory with the PK and KEK keys, which sign the change [default: the key directory]' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and __fish_seen_subcommand_from revoke" -l store -d 'The firmware: "live", the raw image of a virtual machine\'s variables (`OVMF_VARS.fd`), or a directory that serves as a simulated one' -r
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and __fish_seen_subcommand_from revoke" -l esp -d 'Mount point of an EFI system partition, whose files are judged [default: those that are mounted]' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and __fish_seen_subcommand_from revoke" -l event-log -d 'The event log of the machine\'s last start [default: the kernel\'s]' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and __fish_seen_subcommand_from revoke" -l reason -d 'Why, for the transcript of the ceremony' -r
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and __fish_seen_subcommand_from revoke" -l config -d 'Configuration file [default: /etc/bootseal/config.toml]' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and __fish_seen_subcommand_from revoke" -l root -d 'Take DIR for / in every path that bootseal or its configuration names' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and __fish_seen_subcommand_from revoke" -l color -d 'When to use colors' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and __fish_seen_subcommand_from revoke" -l recheck -d 'Verify every file, also those that were seen to be signed and have not changed since'
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and __fish_seen_subcommand_from revoke" -l trusted -d 'The kernel, or GRUB\'s image, knows the new key already'
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and __fish_seen_subcommand_from revoke" -l signed -d 'All files are signed again, by other means than `sign all`'
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and __fish_seen_subcommand_from revoke" -l clock-is-right -d 'The clock is right, though a signed record is of a later time, or every certificate has ended'
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and __fish_seen_subcommand_from revoke" -s y -l yes -d 'Write to the firmware without asking'
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and __fish_seen_subcommand_from revoke" -l i-know-option-roms-may-stop-working -d 'Go on although Option ROMs, such as that of the graphics card, may be refused'
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and __fish_seen_subcommand_from revoke" -l i-know-this-machine-may-not-boot -d 'Go on although the firmware would refuse what it starts next'
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and __fish_seen_subcommand_from revoke" -l i-know-this-firmware-misbehaves -d 'Go on although this firmware is known to misbehave'
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and __fish_seen_subcommand_from revoke" -l json -d 'Print one JSON object'
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and __fish_seen_subcommand_from revoke" -s q -l quiet -d 'Print errors only'
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and __fish_seen_subcommand_from revoke" -s v -l verbose -d 'Say more: also what needed nothing to be done'
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and __fish_seen_subcommand_from revoke" -l dry-run -d 'Show what would be done; change nothing'
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and __fish_seen_subcommand_from revoke" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and __fish_seen_subcommand_from passphrase" -l new-passphrase-file -d 'Read the new passphrase from the first line of FILE, in place of asking for it' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and __fish_seen_subcommand_from passphrase" -l keys -d 'Key directory [default: /etc/bootseal/keys]' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and __fish_seen_subcommand_from passphrase" -l passphrase-file -d 'Read the passphrase from the first line of FILE; of one key alone with PK=, KEK=, db=, module=, grub= or pcr= before it. May be given several times' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and __fish_seen_subcommand_from passphrase" -l passphrase-fd -d 'Read the passphrase from file descriptor N' -r
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and __fish_seen_subcommand_from passphrase" -l config -d 'Configuration file [default: /etc/bootseal/config.toml]' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and __fish_seen_subcommand_from passphrase" -l root -d 'Take DIR for / in every path that bootseal or its configuration names' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and __fish_seen_subcommand_from passphrase" -l color -d 'When to use colors' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and __fish_seen_subcommand_from passphrase" -l plain -d 'Leave them unencrypted, for signing with nobody there'
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and __fish_seen_subcommand_from passphrase" -l json -d 'Print one JSON object'
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and __fish_seen_subcommand_from passphrase" -s q -l quiet -d 'Print errors only'
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and __fish_seen_subcommand_from passphrase" -s v -l verbose -d 'Say more: also what needed nothing to be done'
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and __fish_seen_subcommand_from passphrase" -l dry-run -d 'Show what would be done; change nothing'
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and __fish_seen_subcommand_from passphrase" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and __fish_seen_subcommand_from help" -f -a "list" -d 'All keys: role, subject, fingerprint, expiry, place, protection, last restore drill'
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and __fish_seen_subcommand_from help" -f -a "show" -d 'All facts of one key'
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and __fish_seen_subcommand_from help" -f -a "sync" -d 'Bring key directory and stick to the same: what one knows, drills, rotations and lists, the other learns'
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and __fish_seen_subcommand_from help" -f -a "import" -d 'Take the keys of this machine from the bundle that its fleet made for it'
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and __fish_seen_subcommand_from help" -f -a "export" -d 'Write a key to a new file, in the form that another program reads'
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and __fish_seen_subcommand_from help" -f -a "rotate" -d 'Put another key in the place of one: beside it first, files signed again, the old one retired last'
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and __fish_seen_subcommand_from help" -f -a "revoke" -d 'Put another key in the place of one that fell into other hands, and have it refused'
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and __fish_seen_subcommand_from help" -f -a "passphrase" -d 'Encrypt private keys with another passphrase, or leave them in clear'
complete -c bootseal -n "__fish_bootseal_using_subcommand keys; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and not __fish_seen_subcommand_from list plan apply add remove reset rotate revert export help" -l config -d 'Configuration file [default: /etc/bootseal/config.toml]' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and not __fish_seen_subcommand_from list plan apply add remove reset rotate revert export help" -l root -d 'Take DIR for / in every path that bootseal or its configuration names' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and not __fish_seen_subcommand_from list plan apply add remove reset rotate revert export help" -l color -d 'When to use colors' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and not __fish_seen_subcommand_from list plan apply add remove reset rotate revert export help" -l json -d 'Print one JSON object'
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and not __fish_seen_subcommand_from list plan apply add remove reset rotate revert export help" -s q -l quiet -d 'Print errors only'
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and not __fish_seen_subcommand_from list plan apply add remove reset rotate revert export help" -s v -l verbose -d 'Say more: also what needed nothing to be done'
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and not __fish_seen_subcommand_from list plan apply add remove reset rotate revert export help" -l dry-run -d 'Show what would be done; change nothing'
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and not __fish_seen_subcommand_from list plan apply add remove reset rotate revert export help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and not __fish_seen_subcommand_from list plan apply add remove reset rotate revert export help" -f -a "list" -d 'Show what the firmware holds, entry by entry; no key is needed'
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and not __fish_seen_subcommand_from list plan apply add remove reset rotate revert export help" -f -a "plan" -d 'Show what would change in the firmware, entry by entry'
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and not __fish_seen_subcommand_from list plan apply add remove reset rotate revert export help" -f -a "apply" -d 'Write dbx, db, KEK and PK, in this order'
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and not __fish_seen_subcommand_from list plan apply add remove reset rotate revert export help" -f -a "add" -d 'Add entries to KEK, db or dbx; outside Setup Mode too'
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and not __fish_seen_subcommand_from list plan apply add remove reset rotate revert export help" -f -a "remove" -d 'Take entries out of KEK, db or dbx'
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and not __fish_seen_subcommand_from list plan apply add remove reset rotate revert export help" -f -a "reset" -d 'Take the platform key out: back to Setup Mode'
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and not __fish_seen_subcommand_from list plan apply add remove reset rotate revert export help" -f -a "rotate" -d 'Let the keys of another ceremony take over, signed by the present ones'
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and not __fish_seen_subcommand_from list plan apply add remove reset rotate revert export help" -f -a "revert" -d 'Restore the variables from before `enroll apply`'
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and not __fish_seen_subcommand_from list plan apply add remove reset rotate revert export help" -f -a "export" -d 'Write the public files for firmware setup screens, `KeyTool` and systemd-boot'
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and not __fish_seen_subcommand_from list plan apply add remove reset rotate revert export help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from list" -l store -d 'The firmware: "live", the raw image of a virtual machine\'s variables (`OVMF_VARS.fd`), or a directory that serves as a simulated one' -r
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from list" -l keys -d 'Key directory whose owner\'s entries are marked as own; there may be none [default: /etc/bootseal/keys]' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from list" -l config -d 'Configuration file [default: /etc/bootseal/config.toml]' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from list" -l root -d 'Take DIR for / in every path that bootseal or its configuration names' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from list" -l color -d 'When to use colors' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from list" -l json -d 'Print one JSON object'
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Print errors only'
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Say more: also what needed nothing to be done'
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from list" -l dry-run -d 'Show what would be done; change nothing'
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from plan" -l keys -d 'Directory with PK.auth, KEK.auth, db.auth and, if wanted, dbx.auth [default: /etc/bootseal/keys]' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from plan" -l keep-vendor -d 'Keep in these variables what they hold now and what the vendor\'s defaults are: KEK, db or both. Signed anew, so the PK key is needed for KEK, and the KEK key for db' -r
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from plan" -l passphrase-file -d 'Read the passphrase from the first line of FILE; of one key alone with PK=, KEK=, db=, module=, grub= or pcr= before it. May be given several times' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from plan" -l passphrase-fd -d 'Read the passphrase from file descriptor N' -r
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from plan" -l store -d 'The firmware: "live", the raw image of a virtual machine\'s variables (`OVMF_VARS.fd`), or a directory that serves as a simulated one' -r
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from plan" -l esp -d 'Mount point of an EFI system partition, whose files are judged [default: those that are mounted]' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from plan" -l event-log -d 'The event log of the machine\'s last start [default: the kernel\'s]' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from plan" -l pcrlock -d 'Write components for systemd-pcrlock below DIR' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from plan" -l config -d 'Configuration file [default: /etc/bootseal/config.toml]' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from plan" -l root -d 'Take DIR for / in every path that bootseal or its configuration names' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from plan" -l color -d 'When to use colors' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from plan" -l keep-option-roms -d 'Take the hashes of the present Option ROMs into db. Signed anew, so the KEK key is needed'
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from plan" -l i-know-option-roms-may-stop-working -d 'Go on although Option ROMs, such as that of the graphics card, may be refused'
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from plan" -l i-know-this-machine-may-not-boot -d 'Go on although the firmware would refuse what it starts next'
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from plan" -l i-know-this-firmware-misbehaves -d 'Go on although this firmware is known to misbehave'
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from plan" -l json -d 'Print one JSON object'
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from plan" -s q -l quiet -d 'Print errors only'
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from plan" -s v -l verbose -d 'Say more: also what needed nothing to be done'
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from plan" -l dry-run -d 'Show what would be done; change nothing'
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from plan" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from apply" -l keys -d 'Directory with PK.auth, KEK.auth, db.auth and, if wanted, dbx.auth [default: /etc/bootseal/keys]' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from apply" -l keep-vendor -d 'Keep in these variables what they hold now and what the vendor\'s defaults are: KEK, db or both. Signed anew, so the PK key is needed for KEK, and the KEK key for db' -r
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from apply" -l passphrase-file -d 'Read the passphrase from the first line of FILE; of one key alone with PK=, KEK=, db=, module=, grub= or pcr= before it. May be given several times' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from apply" -l passphrase-fd -d 'Read the passphrase from file descriptor N' -r
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from apply" -l store -d 'The firmware: "live", the raw image of a virtual machine\'s variables (`OVMF_VARS.fd`), or a directory that serves as a simulated one' -r
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from apply" -l esp -d 'Mount point of an EFI system partition, whose files are judged [default: those that are mounted]' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from apply" -l event-log -d 'The event log of the machine\'s last start [default: the kernel\'s]' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from apply" -l plan -d 'Apply this plan and no other: the digest that `enroll plan` printed' -r
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from apply" -l config -d 'Configuration file [default: /etc/bootseal/config.toml]' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from apply" -l root -d 'Take DIR for / in every path that bootseal or its configuration names' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from apply" -l color -d 'When to use colors' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from apply" -l keep-option-roms -d 'Take the hashes of the present Option ROMs into db. Signed anew, so the KEK key is needed'
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from apply" -l i-know-option-roms-may-stop-working -d 'Go on although Option ROMs, such as that of the graphics card, may be refused'
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from apply" -l i-know-this-machine-may-not-boot -d 'Go on although the firmware would refuse what it starts next'
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from apply" -l i-know-this-firmware-misbehaves -d 'Go on although this firmware is known to misbehave'
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from apply" -s y -l yes -d 'Do not ask'
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from apply" -l json -d 'Print one JSON object'
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from apply" -s q -l quiet -d 'Print errors only'
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from apply" -s v -l verbose -d 'Say more: also what needed nothing to be done'
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from apply" -l dry-run -d 'Show what would be done; change nothing'
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from apply" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from add" -l reason -d 'Why, for the transcript of the ceremony' -r
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from add" -l nodes -d 'Make a write for each of these nodes of the fleet whose offline directory --keys names, with the keys of each, into DIR/NODE of --output: `all`, or names' -r
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from add" -l keys -d 'Directory with the keys that the firmware trusts [default: /etc/bootseal/keys]' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from add" -l passphrase-file -d 'Read the passphrase from the first line of FILE; of one key alone with PK=, KEK=, db=, module=, grub= or pcr= before it. May be given several times' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from add" -l passphrase-fd -d 'Read the passphrase from file descriptor N' -r
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from add" -l output -d 'Write nothing to the firmware, but the signed write and its plan into DIR, which must not exist yet: for another machine, where `bootseal enroll apply DIR` takes it. Without --store it is made from what the key directory enrolls' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from add" -l for -d 'Make it for the machine with this host name or machine-id alone: `enroll apply` refuses it elsewhere [default: for each machine of the fleet]' -r
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from add" -l store -d 'The firmware: "live", the raw image of a virtual machine\'s variables (`OVMF_VARS.fd`), or a directory that serves as a simulated one' -r
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from add" -l esp -d 'Mount point of an EFI system partition, whose files are judged [default: those that are mounted]' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from add" -l event-log -d 'The event log of the machine\'s last start [default: the kernel\'s]' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from add" -l plan -d 'Apply this plan and no other: the digest that `enroll plan` printed' -r
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from add" -l config -d 'Configuration file [default: /etc/bootseal/config.toml]' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from add" -l root -d 'Take DIR for / in every path that bootseal or its configuration names' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from add" -l color -d 'When to use colors' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from add" -l hash -d 'Take the hashes of EFI images into db'
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from add" -l i-know-option-roms-may-stop-working -d 'Go on although Option ROMs, such as that of the graphics card, may be refused'
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from add" -l i-know-this-machine-may-not-boot -d 'Go on although the firmware would refuse what it starts next'
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from add" -l i-know-this-firmware-misbehaves -d 'Go on although this firmware is known to misbehave'
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from add" -s y -l yes -d 'Do not ask'
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from add" -l json -d 'Print one JSON object'
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from add" -s q -l quiet -d 'Print errors only'
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from add" -s v -l verbose -d 'Say more: also what needed nothing to be done'
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from add" -l dry-run -d 'Show what would be done; change nothing'
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from add" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from remove" -l reason -d 'Why, for the transcript of the ceremony' -r
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from remove" -l nodes -d 'Make a write for each of these nodes of the fleet whose offline directory --keys names, with the keys of each, into DIR/NODE of --output: `all`, or names' -r
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from remove" -l keys -d 'Directory with the keys that the firmware trusts [default: /etc/bootseal/keys]' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from remove" -l passphrase-file -d 'Read the passphrase from the first line of FILE; of one key alone with PK=, KEK=, db=, module=, grub= or pcr= before it. May be given several times' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from remove" -l passphrase-fd -d 'Read the passphrase from file descriptor N' -r
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from remove" -l output -d 'Write nothing to the firmware, but the signed write and its plan into DIR, which must not exist yet: for another machine, where `bootseal enroll apply DIR` takes it. Without --store it is made from what the key directory enrolls' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from remove" -l for -d 'Make it for the machine with this host name or machine-id alone: `enroll apply` refuses it elsewhere [default: for each machine of the fleet]' -r
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from remove" -l store -d 'The firmware: "live", the raw image of a virtual machine\'s variables (`OVMF_VARS.fd`), or a directory that serves as a simulated one' -r
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from remove" -l esp -d 'Mount point of an EFI system partition, whose files are judged [default: those that are mounted]' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from remove" -l event-log -d 'The event log of the machine\'s last start [default: the kernel\'s]' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from remove" -l plan -d 'Apply this plan and no other: the digest that `enroll plan` printed' -r
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from remove" -l config -d 'Configuration file [default: /etc/bootseal/config.toml]' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from remove" -l root -d 'Take DIR for / in every path that bootseal or its configuration names' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from remove" -l color -d 'When to use colors' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from remove" -l i-know-this-allows-what-was-revoked -d 'Take entries out of dbx, so that what they revoked starts again'
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from remove" -l i-know-option-roms-may-stop-working -d 'Go on although Option ROMs, such as that of the graphics card, may be refused'
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from remove" -l i-know-this-machine-may-not-boot -d 'Go on although the firmware would refuse what it starts next'
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from remove" -l i-know-this-firmware-misbehaves -d 'Go on although this firmware is known to misbehave'
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from remove" -s y -l yes -d 'Do not ask'
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from remove" -l json -d 'Print one JSON object'
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from remove" -s q -l quiet -d 'Print errors only'
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from remove" -s v -l verbose -d 'Say more: also what needed nothing to be done'
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from remove" -l dry-run -d 'Show what would be done; change nothing'
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from remove" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from reset" -l keys -d 'Directory with the keys that the firmware trusts [default: /etc/bootseal/keys]' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from reset" -l passphrase-file -d 'Read the passphrase from the first line of FILE; of one key alone with PK=, KEK=, db=, module=, grub= or pcr= before it. May be given several times' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from reset" -l passphrase-fd -d 'Read the passphrase from file descriptor N' -r
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from reset" -l output -d 'Write nothing to the firmware, but the signed write and its plan into DIR, which must not exist yet: for another machine, where `bootseal enroll apply DIR` takes it. Without --store it is made from what the key directory enrolls' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from reset" -l for -d 'Make it for the machine with this host name or machine-id alone: `enroll apply` refuses it elsewhere [default: for each machine of the fleet]' -r
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from reset" -l store -d 'The firmware: "live", the raw image of a virtual machine\'s variables (`OVMF_VARS.fd`), or a directory that serves as a simulated one' -r
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from reset" -l esp -d 'Mount point of an EFI system partition, whose files are judged [default: those that are mounted]' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from reset" -l event-log -d 'The event log of the machine\'s last start [default: the kernel\'s]' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from reset" -l plan -d 'Apply this plan and no other: the digest that `enroll plan` printed' -r
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from reset" -l config -d 'Configuration file [default: /etc/bootseal/config.toml]' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from reset" -l root -d 'Take DIR for / in every path that bootseal or its configuration names' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from reset" -l color -d 'When to use colors' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from reset" -l i-know-option-roms-may-stop-working -d 'Go on although Option ROMs, such as that of the graphics card, may be refused'
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from reset" -l i-know-this-machine-may-not-boot -d 'Go on although the firmware would refuse what it starts next'
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from reset" -l i-know-this-firmware-misbehaves -d 'Go on although this firmware is known to misbehave'
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from reset" -s y -l yes -d 'Do not ask'
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from reset" -l json -d 'Print one JSON object'
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from reset" -s q -l quiet -d 'Print errors only'
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from reset" -s v -l verbose -d 'Say more: also what needed nothing to be done'
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from reset" -l dry-run -d 'Show what would be done; change nothing'
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from reset" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from rotate" -l new-passphrase-file -d 'Read the passphrase of the new PK and KEK keys from the first line of FILE [default: as that of the present ones]' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from rotate" -l keys -d 'Directory with the keys that the firmware trusts [default: /etc/bootseal/keys]' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from rotate" -l passphrase-file -d 'Read the passphrase from the first line of FILE; of one key alone with PK=, KEK=, db=, module=, grub= or pcr= before it. May be given several times' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from rotate" -l passphrase-fd -d 'Read the passphrase from file descriptor N' -r
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from rotate" -l output -d 'Write nothing to the firmware, but the signed write and its plan into DIR, which must not exist yet: for another machine, where `bootseal enroll apply DIR` takes it. Without --store it is made from what the key directory enrolls' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from rotate" -l for -d 'Make it for the machine with this host name or machine-id alone: `enroll apply` refuses it elsewhere [default: for each machine of the fleet]' -r
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from rotate" -l store -d 'The firmware: "live", the raw image of a virtual machine\'s variables (`OVMF_VARS.fd`), or a directory that serves as a simulated one' -r
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from rotate" -l esp -d 'Mount point of an EFI system partition, whose files are judged [default: those that are mounted]' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from rotate" -l event-log -d 'The event log of the machine\'s last start [default: the kernel\'s]' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from rotate" -l plan -d 'Apply this plan and no other: the digest that `enroll plan` printed' -r
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from rotate" -l config -d 'Configuration file [default: /etc/bootseal/config.toml]' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from rotate" -l root -d 'Take DIR for / in every path that bootseal or its configuration names' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from rotate" -l color -d 'When to use colors' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from rotate" -l i-know-option-roms-may-stop-working -d 'Go on although Option ROMs, such as that of the graphics card, may be refused'
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from rotate" -l i-know-this-machine-may-not-boot -d 'Go on although the firmware would refuse what it starts next'
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from rotate" -l i-know-this-firmware-misbehaves -d 'Go on although this firmware is known to misbehave'
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from rotate" -s y -l yes -d 'Do not ask'
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from rotate" -l json -d 'Print one JSON object'
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from rotate" -s q -l quiet -d 'Print errors only'
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from rotate" -s v -l verbose -d 'Say more: also what needed nothing to be done'
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from rotate" -l dry-run -d 'Show what would be done; change nothing'
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from rotate" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from revert" -l keys -d 'Directory with the keys that the firmware trusts [default: /etc/bootseal/keys]' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from revert" -l passphrase-file -d 'Read the passphrase from the first line of FILE; of one key alone with PK=, KEK=, db=, module=, grub= or pcr= before it. May be given several times' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from revert" -l passphrase-fd -d 'Read the passphrase from file descriptor N' -r
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from revert" -l output -d 'Write nothing to the firmware, but the signed write and its plan into DIR, which must not exist yet: for another machine, where `bootseal enroll apply DIR` takes it. Without --store it is made from what the key directory enrolls' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from revert" -l for -d 'Make it for the machine with this host name or machine-id alone: `enroll apply` refuses it elsewhere [default: for each machine of the fleet]' -r
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from revert" -l store -d 'The firmware: "live", the raw image of a virtual machine\'s variables (`OVMF_VARS.fd`), or a directory that serves as a simulated one' -r
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from revert" -l esp -d 'Mount point of an EFI system partition, whose files are judged [default: those that are mounted]' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from revert" -l event-log -d 'The event log of the machine\'s last start [default: the kernel\'s]' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from revert" -l plan -d 'Apply this plan and no other: the digest that `enroll plan` printed' -r
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from revert" -l config -d 'Configuration file [default: /etc/bootseal/config.toml]' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from revert" -l root -d 'Take DIR for / in every path that bootseal or its configuration names' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from revert" -l color -d 'When to use colors' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from revert" -l i-know-option-roms-may-stop-working -d 'Go on although Option ROMs, such as that of the graphics card, may be refused'
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from revert" -l i-know-this-machine-may-not-boot -d 'Go on although the firmware would refuse what it starts next'
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from revert" -l i-know-this-firmware-misbehaves -d 'Go on although this firmware is known to misbehave'
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from revert" -s y -l yes -d 'Do not ask'
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from revert" -l json -d 'Print one JSON object'
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from revert" -s q -l quiet -d 'Print errors only'
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from revert" -s v -l verbose -d 'Say more: also what needed nothing to be done'
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from revert" -l dry-run -d 'Show what would be done; change nothing'
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from revert" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from export" -l keys -d 'Key directory [default: /etc/bootseal/keys]' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from export" -l config -d 'Configuration file [default: /etc/bootseal/config.toml]' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from export" -l root -d 'Take DIR for / in every path that bootseal or its configuration names' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from export" -l color -d 'When to use colors' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from export" -l with-removal -d 'Also noPK.auth, with which anybody can take the platform key out of every board that has it'
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from export" -l json -d 'Print one JSON object'
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from export" -s q -l quiet -d 'Print errors only'
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from export" -s v -l verbose -d 'Say more: also what needed nothing to be done'
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from export" -l dry-run -d 'Show what would be done; change nothing'
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from export" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from help" -f -a "list" -d 'Show what the firmware holds, entry by entry; no key is needed'
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from help" -f -a "plan" -d 'Show what would change in the firmware, entry by entry'
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from help" -f -a "apply" -d 'Write dbx, db, KEK and PK, in this order'
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from help" -f -a "add" -d 'Add entries to KEK, db or dbx; outside Setup Mode too'
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from help" -f -a "remove" -d 'Take entries out of KEK, db or dbx'
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from help" -f -a "reset" -d 'Take the platform key out: back to Setup Mode'
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from help" -f -a "rotate" -d 'Let the keys of another ceremony take over, signed by the present ones'
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from help" -f -a "revert" -d 'Restore the variables from before `enroll apply`'
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from help" -f -a "export" -d 'Write the public files for firmware setup screens, `KeyTool` and systemd-boot'
complete -c bootseal -n "__fish_bootseal_using_subcommand enroll; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c bootseal -n "__fish_bootseal_using_subcommand sign; and not __fish_seen_subcommand_from efi modules grub all help" -l config -d 'Configuration file [default: /etc/bootseal/config.toml]' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand sign; and not __fish_seen_subcommand_from efi modules grub all help" -l root -d 'Take DIR for / in every path that bootseal or its configuration names' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand sign; and not __fish_seen_subcommand_from efi modules grub all help" -l color -d 'When to use colors' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c bootseal -n "__fish_bootseal_using_subcommand sign; and not __fish_seen_subcommand_from efi modules grub all help" -l json -d 'Print one JSON object'
complete -c bootseal -n "__fish_bootseal_using_subcommand sign; and not __fish_seen_subcommand_from efi modules grub all help" -s q -l quiet -d 'Print errors only'
complete -c bootseal -n "__fish_bootseal_using_subcommand sign; and not __fish_seen_subcommand_from efi modules grub all help" -s v -l verbose -d 'Say more: also what needed nothing to be done'
complete -c bootseal -n "__fish_bootseal_using_subcommand sign; and not __fish_seen_subcommand_from efi modules grub all help" -l dry-run -d 'Show what would be done; change nothing'
complete -c bootseal -n "__fish_bootseal_using_subcommand sign; and not __fish_seen_subcommand_from efi modules grub all help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c bootseal -n "__fish_bootseal_using_subcommand sign; and not __fish_seen_subcommand_from efi modules grub all help" -f -a "efi" -d 'EFI images: kernels, unified kernel images, boot loaders'
complete -c bootseal -n "__fish_bootseal_using_subcommand sign; and not __fish_seen_subcommand_from efi modules grub all help" -f -a "modules" -d 'Kernel modules: .ko, .ko.gz, .ko.xz, .ko.zst'
complete -c bootseal -n "__fish_bootseal_using_subcommand sign; and not __fish_seen_subcommand_from efi modules grub all help" -f -a "grub" -d 'Files that GRUB opens: FILE.sig beside each'
complete -c bootseal -n "__fish_bootseal_using_subcommand sign; and not __fish_seen_subcommand_from efi modules grub all help" -f -a "all" -d 'All files that the configuration names: modules, then EFI images, then GRUB\'s files'
complete -c bootseal -n "__fish_bootseal_using_subcommand sign; and not __fish_seen_subcommand_from efi modules grub all help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c bootseal -n "__fish_bootseal_using_subcommand sign; and __fish_seen_subcommand_from efi" -l keys -d 'Key directory [default: /etc/bootseal/keys]' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand sign; and __fish_seen_subcommand_from efi" -l passphrase-file -d 'Read the passphrase from the first line of FILE; of one key alone with PK=, KEK=, db=, module=, grub= or pcr= before it. May be given several times' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand sign; and __fish_seen_subcommand_from efi" -l passphrase-fd -d 'Read the passphrase from file descriptor N' -r
complete -c bootseal -n "__fish_bootseal_using_subcommand sign; and __fish_seen_subcommand_from efi" -l accept-changed -d 'Sign it though it changed since it was signed: a file, a directory with all in it, or the SHA-256 of a file' -r
complete -c bootseal -n "__fish_bootseal_using_subcommand sign; and __fish_seen_subcommand_from efi" -l output -d 'Write the signed image to FILE, and leave the one image that is named as it is' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand sign; and __fish_seen_subcommand_from efi" -l prepare -d 'Write the bytes to be signed for the one image to the new FILE; needs no private key' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand sign; and __fish_seen_subcommand_from efi" -l attach -d 'Put the signature in FILE into the one image: made over the bytes that --prepare wrote, or PKCS#7' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand sign; and __fish_seen_subcommand_from efi" -l certificate -d 'Certificate for --prepare and --attach, PEM or DER [default: that of the db key]' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand sign; and __fish_seen_subcommand_from efi" -l config -d 'Configuration file [default: /etc/bootseal/config.toml]' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand sign; and __fish_seen_subcommand_from efi" -l root -d 'Take DIR for / in every path that bootseal or its configuration names' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand sign; and __fish_seen_subcommand_from efi" -l color -d 'When to use colors' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c bootseal -n "__fish_bootseal_using_subcommand sign; and __fish_seen_subcommand_from efi" -l recheck -d 'Verify every file, also those that were seen to be signed and have not changed since'
complete -c bootseal -n "__fish_bootseal_using_subcommand sign; and __fish_seen_subcommand_from efi" -l replace -d 'Remove the signatures by others, which stay otherwise'
complete -c bootseal -n "__fish_bootseal_using_subcommand sign; and __fish_seen_subcommand_from efi" -l json -d 'Print one JSON object'
complete -c bootseal -n "__fish_bootseal_using_subcommand sign; and __fish_seen_subcommand_from efi" -s q -l quiet -d 'Print errors only'
complete -c bootseal -n "__fish_bootseal_using_subcommand sign; and __fish_seen_subcommand_from efi" -s v -l verbose -d 'Say more: also what needed nothing to be done'
complete -c bootseal -n "__fish_bootseal_using_subcommand sign; and __fish_seen_subcommand_from efi" -l dry-run -d 'Show what would be done; change nothing'
complete -c bootseal -n "__fish_bootseal_using_subcommand sign; and __fish_seen_subcommand_from efi" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c bootseal -n "__fish_bootseal_using_subcommand sign; and __fish_seen_subcommand_from modules" -l keys -d 'Key directory [default: /etc/bootseal/keys]' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand sign; and __fish_seen_subcommand_from modules" -l passphrase-file -d 'Read the passphrase from the first line of FILE; of one key alone with PK=, KEK=, db=, module=, grub= or pcr= before it. May be given several times' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand sign; and __fish_seen_subcommand_from modules" -l passphrase-fd -d 'Read the passphrase from file descriptor N' -r
complete -c bootseal -n "__fish_bootseal_using_subcommand sign; and __fish_seen_subcommand_from modules" -l accept-changed -d 'Sign it though it changed since it was signed: a file, a directory with all in it, or the SHA-256 of a file' -r
complete -c bootseal -n "__fish_bootseal_using_subcommand sign; and __fish_seen_subcommand_from modules" -l key -d 'Sign with another key of the key directory' -r -f -a "module\t'The module key'
db\t'The db key'"
complete -c bootseal -n "__fish_bootseal_using_subcommand sign; and __fish_seen_subcommand_from modules" -l hash -d 'The hash to sign [default: as the configuration has it for the kernel, or sha3-512]' -r -f -a "sha3-512\t'SHA3-512, from Linux 6.7 on'
sha512\t'SHA-512'"
complete -c bootseal -n "__fish_bootseal_using_subcommand sign; and __fish_seen_subcommand_from modules" -l foreign -d 'Treatment of modules that another key has signed, such as those of a distribution' -r -f -a "replace\t'They are signed by our key instead'
keep\t'They stay as they are, and are named'
refuse\t'Each is an error'"
complete -c bootseal -n "__fish_bootseal_using_subcommand sign; and __fish_seen_subcommand_from modules" -l config -d 'Configuration file [default: /etc/bootseal/config.toml]' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand sign; and __fish_seen_subcommand_from modules" -l root -d 'Take DIR for / in every path that bootseal or its configuration names' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand sign; and __fish_seen_subcommand_from modules" -l color -d 'When to use colors' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c bootseal -n "__fish_bootseal_using_subcommand sign; and __fish_seen_subcommand_from modules" -l recheck -d 'Verify every file, also those that were seen to be signed and have not changed since'
complete -c bootseal -n "__fish_bootseal_using_subcommand sign; and __fish_seen_subcommand_from modules" -l json -d 'Print one JSON object'
complete -c bootseal -n "__fish_bootseal_using_subcommand sign; and __fish_seen_subcommand_from modules" -s q -l quiet -d 'Print errors only'
complete -c bootseal -n "__fish_bootseal_using_subcommand sign; and __fish_seen_subcommand_from modules" -s v -l verbose -d 'Say more: also what needed nothing to be done'
complete -c bootseal -n "__fish_bootseal_using_subcommand sign; and __fish_seen_subcommand_from modules" -l dry-run -d 'Show what would be done; change nothing'
complete -c bootseal -n "__fish_bootseal_using_subcommand sign; and __fish_seen_subcommand_from modules" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c bootseal -n "__fish_bootseal_using_subcommand sign; and __fish_seen_subcommand_from grub" -l keys -d 'Key directory [default: /etc/bootseal/keys]' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand sign; and __fish_seen_subcommand_from grub" -l passphrase-file -d 'Read the passphrase from the first line of FILE; of one key alone with PK=, KEK=, db=, module=, grub= or pcr= before it. May be given several times' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand sign; and __fish_seen_subcommand_from grub" -l passphrase-fd -d 'Read the passphrase from file descriptor N' -r
complete -c bootseal -n "__fish_bootseal_using_subcommand sign; and __fish_seen_subcommand_from grub" -l accept-changed -d 'Sign it though it changed since it was signed: a file, a directory with all in it, or the SHA-256 of a file' -r
complete -c bootseal -n "__fish_bootseal_using_subcommand sign; and __fish_seen_subcommand_from grub" -l config -d 'Configuration file [default: /etc/bootseal/config.toml]' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand sign; and __fish_seen_subcommand_from grub" -l root -d 'Take DIR for / in every path that bootseal or its configuration names' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand sign; and __fish_seen_subcommand_from grub" -l color -d 'When to use colors' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c bootseal -n "__fish_bootseal_using_subcommand sign; and __fish_seen_subcommand_from grub" -l recheck -d 'Verify every file, also those that were seen to be signed and have not changed since'
complete -c bootseal -n "__fish_bootseal_using_subcommand sign; and __fish_seen_subcommand_from grub" -l json -d 'Print one JSON object'
complete -c bootseal -n "__fish_bootseal_using_subcommand sign; and __fish_seen_subcommand_from grub" -s q -l quiet -d 'Print errors only'
complete -c bootseal -n "__fish_bootseal_using_subcommand sign; and __fish_seen_subcommand_from grub" -s v -l verbose -d 'Say more: also what needed nothing to be done'
complete -c bootseal -n "__fish_bootseal_using_subcommand sign; and __fish_seen_subcommand_from grub" -l dry-run -d 'Show what would be done; change nothing'
complete -c bootseal -n "__fish_bootseal_using_subcommand sign; and __fish_seen_subcommand_from grub" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c bootseal -n "__fish_bootseal_using_subcommand sign; and __fish_seen_subcommand_from all" -l keys -d 'Key directory [default: /etc/bootseal/keys]' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand sign; and __fish_seen_subcommand_from all" -l passphrase-file -d 'Read the passphrase from the first line of FILE; of one key alone with PK=, KEK=, db=, module=, grub= or pcr= before it. May be given several times' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand sign; and __fish_seen_subcommand_from all" -l passphrase-fd -d 'Read the passphrase from file descriptor N' -r
complete -c bootseal -n "__fish_bootseal_using_subcommand sign; and __fish_seen_subcommand_from all" -l accept-changed -d 'Sign it though it changed since it was signed: a file, a directory with all in it, or the SHA-256 of a file' -r
complete -c bootseal -n "__fish_bootseal_using_subcommand sign; and __fish_seen_subcommand_from all" -l config -d 'Configuration file [default: /etc/bootseal/config.toml]' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand sign; and __fish_seen_subcommand_from all" -l root -d 'Take DIR for / in every path that bootseal or its configuration names' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand sign; and __fish_seen_subcommand_from all" -l color -d 'When to use colors' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c bootseal -n "__fish_bootseal_using_subcommand sign; and __fish_seen_subcommand_from all" -l recheck -d 'Verify every file, also those that were seen to be signed and have not changed since'
complete -c bootseal -n "__fish_bootseal_using_subcommand sign; and __fish_seen_subcommand_from all" -l json -d 'Print one JSON object'
complete -c bootseal -n "__fish_bootseal_using_subcommand sign; and __fish_seen_subcommand_from all" -s q -l quiet -d 'Print errors only'
complete -c bootseal -n "__fish_bootseal_using_subcommand sign; and __fish_seen_subcommand_from all" -s v -l verbose -d 'Say more: also what needed nothing to be done'
complete -c bootseal -n "__fish_bootseal_using_subcommand sign; and __fish_seen_subcommand_from all" -l dry-run -d 'Show what would be done; change nothing'
complete -c bootseal -n "__fish_bootseal_using_subcommand sign; and __fish_seen_subcommand_from all" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c bootseal -n "__fish_bootseal_using_subcommand sign; and __fish_seen_subcommand_from help" -f -a "efi" -d 'EFI images: kernels, unified kernel images, boot loaders'
complete -c bootseal -n "__fish_bootseal_using_subcommand sign; and __fish_seen_subcommand_from help" -f -a "modules" -d 'Kernel modules: .ko, .ko.gz, .ko.xz, .ko.zst'
complete -c bootseal -n "__fish_bootseal_using_subcommand sign; and __fish_seen_subcommand_from help" -f -a "grub" -d 'Files that GRUB opens: FILE.sig beside each'
complete -c bootseal -n "__fish_bootseal_using_subcommand sign; and __fish_seen_subcommand_from help" -f -a "all" -d 'All files that the configuration names: modules, then EFI images, then GRUB\'s files'
complete -c bootseal -n "__fish_bootseal_using_subcommand sign; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c bootseal -n "__fish_bootseal_using_subcommand grub; and not __fish_seen_subcommand_from install confirm password help" -l config -d 'Configuration file [default: /etc/bootseal/config.toml]' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand grub; and not __fish_seen_subcommand_from install confirm password help" -l root -d 'Take DIR for / in every path that bootseal or its configuration names' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand grub; and not __fish_seen_subcommand_from install confirm password help" -l color -d 'When to use colors' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c bootseal -n "__fish_bootseal_using_subcommand grub; and not __fish_seen_subcommand_from install confirm password help" -l json -d 'Print one JSON object'
complete -c bootseal -n "__fish_bootseal_using_subcommand grub; and not __fish_seen_subcommand_from install confirm password help" -s q -l quiet -d 'Print errors only'
complete -c bootseal -n "__fish_bootseal_using_subcommand grub; and not __fish_seen_subcommand_from install confirm password help" -s v -l verbose -d 'Say more: also what needed nothing to be done'
complete -c bootseal -n "__fish_bootseal_using_subcommand grub; and not __fish_seen_subcommand_from install confirm password help" -l dry-run -d 'Show what would be done; change nothing'
complete -c bootseal -n "__fish_bootseal_using_subcommand grub; and not __fish_seen_subcommand_from install confirm password help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c bootseal -n "__fish_bootseal_using_subcommand grub; and not __fish_seen_subcommand_from install confirm password help" -f -a "install" -d 'Build an image that enforces signatures, sign it, and put it on the EFI system partition'
complete -c bootseal -n "__fish_bootseal_using_subcommand grub; and not __fish_seen_subcommand_from install confirm password help" -f -a "confirm" -d 'Let the image on trial, by which this machine was started, take the place of the present one'
complete -c bootseal -n "__fish_bootseal_using_subcommand grub; and not __fish_seen_subcommand_from install confirm password help" -f -a "password" -d 'Hash a password for `password` under [grub] in the configuration'
complete -c bootseal -n "__fish_bootseal_using_subcommand grub; and not __fish_seen_subcommand_from install confirm password help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c bootseal -n "__fish_bootseal_using_subcommand grub; and __fish_seen_subcommand_from install" -l esp -d 'Mount point of the EFI system partition [default: the configuration\'s, or the only one that is mounted]' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand grub; and __fish_seen_subcommand_from install" -l name -d 'Directory below EFI, and name in the firmware\'s menu [default: bootseal]' -r
complete -c bootseal -n "__fish_bootseal_using_subcommand grub; and __fish_seen_subcommand_from install" -l keys -d 'Key directory [default: /etc/bootseal/keys]' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand grub; and __fish_seen_subcommand_from install" -l passphrase-file -d 'Read the passphrase from the first line of FILE; of one key alone with PK=, KEK=, db=, module=, grub= or pcr= before it. May be given several times' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand grub; and __fish_seen_subcommand_from install" -l passphrase-fd -d 'Read the passphrase from file descriptor N' -r
complete -c bootseal -n "__fish_bootseal_using_subcommand grub; and __fish_seen_subcommand_from install" -l directory -d 'GRUB\'s directory on this machine [default: /boot/grub]' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand grub; and __fish_seen_subcommand_from install" -l fs-uuid -d 'UUID of the file system with GRUB\'s directory, in place of asking grub-probe' -r
complete -c bootseal -n "__fish_bootseal_using_subcommand grub; and __fish_seen_subcommand_from install" -l grub-path -d 'GRUB\'s directory on that file system, such as /grub or /boot/grub' -r
complete -c bootseal -n "__fish_bootseal_using_subcommand grub; and __fish_seen_subcommand_from install" -l menu -d 'The menu, whose modules the image is to hold [default: grub.cfg in GRUB\'s directory, if that is on this machine]' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand grub; and __fish_seen_subcommand_from install" -l module -d 'One more module for the image' -r
complete -c bootseal -n "__fish_bootseal_using_subcommand grub; and __fish_seen_subcommand_from install" -l add-key -d 'One more OpenPGP key that GRUB is to trust' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand grub; and __fish_seen_subcommand_from install" -l superuser -d 'Name of the user who may edit entries and get a command line [default: root]' -r
complete -c bootseal -n "__fish_bootseal_using_subcommand grub; and __fish_seen_subcommand_from install" -l password-file -d 'Read that user\'s password from the first line of FILE [default: the configuration\'s; without one, nobody may]' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand grub; and __fish_seen_subcommand_from install" -l sbat -d 'SBAT lines [default: the distribution\'s, in /usr/share/grub/sbat.csv or its own image of this GRUB; else upstream\'s]' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand grub; and __fish_seen_subcommand_from install" -l mkimage -d 'The program that makes images [default: grub-mkimage]' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand grub; and __fish_seen_subcommand_from install" -l modules-dir -d 'GRUB\'s modules [default: /usr/lib/grub/x86_64-efi]' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand grub; and __fish_seen_subcommand_from install" -l output -d 'Only build and sign: write the image to FILE' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand grub; and __fish_seen_subcommand_from install" -l config -d 'Configuration file [default: /etc/bootseal/config.toml]' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand grub; and __fish_seen_subcommand_from install" -l root -d 'Take DIR for / in every path that bootseal or its configuration names' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand grub; and __fish_seen_subcommand_from install" -l color -d 'When to use colors' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c bootseal -n "__fish_bootseal_using_subcommand grub; and __fish_seen_subcommand_from install" -l removable -d 'Also take the path that firmware falls back to, EFI/BOOT'
complete -c bootseal -n "__fish_bootseal_using_subcommand grub; and __fish_seen_subcommand_from install" -l shim -d 'Shim starts GRUB, not the firmware: shimx64.efi in the same directory, which firmware has to start'
complete -c bootseal -n "__fish_bootseal_using_subcommand grub; and __fish_seen_subcommand_from install" -l no-nvram -d 'Leave the firmware\'s variables alone: the image takes its place at once'
complete -c bootseal -n "__fish_bootseal_using_subcommand grub; and __fish_seen_subcommand_from install" -l if-installed -d 'Do nothing if no image is in its place yet: for hooks'
complete -c bootseal -n "__fish_bootseal_using_subcommand grub; and __fish_seen_subcommand_from install" -l json -d 'Print one JSON object'
complete -c bootseal -n "__fish_bootseal_using_subcommand grub; and __fish_seen_subcommand_from install" -s q -l quiet -d 'Print errors only'
complete -c bootseal -n "__fish_bootseal_using_subcommand grub; and __fish_seen_subcommand_from install" -s v -l verbose -d 'Say more: also what needed nothing to be done'
complete -c bootseal -n "__fish_bootseal_using_subcommand grub; and __fish_seen_subcommand_from install" -l dry-run -d 'Show what would be done; change nothing'
complete -c bootseal -n "__fish_bootseal_using_subcommand grub; and __fish_seen_subcommand_from install" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c bootseal -n "__fish_bootseal_using_subcommand grub; and __fish_seen_subcommand_from confirm" -l esp -d 'Mount point of the EFI system partition [default: the configuration\'s, or the only one that is mounted]' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand grub; and __fish_seen_subcommand_from confirm" -l name -d 'Directory below EFI, and name in the firmware\'s menu [default: bootseal]' -r
complete -c bootseal -n "__fish_bootseal_using_subcommand grub; and __fish_seen_subcommand_from confirm" -l config -d 'Configuration file [default: /etc/bootseal/config.toml]' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand grub; and __fish_seen_subcommand_from confirm" -l root -d 'Take DIR for / in every path that bootseal or its configuration names' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand grub; and __fish_seen_subcommand_from confirm" -l color -d 'When to use colors' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c bootseal -n "__fish_bootseal_using_subcommand grub; and __fish_seen_subcommand_from confirm" -l removable -d 'Also take the path that firmware falls back to, EFI/BOOT'
complete -c bootseal -n "__fish_bootseal_using_subcommand grub; and __fish_seen_subcommand_from confirm" -l no-nvram -d 'The present image has taken its place without a trial, and has started this machine: take my word'
complete -c bootseal -n "__fish_bootseal_using_subcommand grub; and __fish_seen_subcommand_from confirm" -l json -d 'Print one JSON object'
complete -c bootseal -n "__fish_bootseal_using_subcommand grub; and __fish_seen_subcommand_from confirm" -s q -l quiet -d 'Print errors only'
complete -c bootseal -n "__fish_bootseal_using_subcommand grub; and __fish_seen_subcommand_from confirm" -s v -l verbose -d 'Say more: also what needed nothing to be done'
complete -c bootseal -n "__fish_bootseal_using_subcommand grub; and __fish_seen_subcommand_from confirm" -l dry-run -d 'Show what would be done; change nothing'
complete -c bootseal -n "__fish_bootseal_using_subcommand grub; and __fish_seen_subcommand_from confirm" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c bootseal -n "__fish_bootseal_using_subcommand grub; and __fish_seen_subcommand_from password" -l password-file -d 'Read the password from the first line of FILE' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand grub; and __fish_seen_subcommand_from password" -l config -d 'Configuration file [default: /etc/bootseal/config.toml]' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand grub; and __fish_seen_subcommand_from password" -l root -d 'Take DIR for / in every path that bootseal or its configuration names' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand grub; and __fish_seen_subcommand_from password" -l color -d 'When to use colors' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c bootseal -n "__fish_bootseal_using_subcommand grub; and __fish_seen_subcommand_from password" -l json -d 'Print one JSON object'
complete -c bootseal -n "__fish_bootseal_using_subcommand grub; and __fish_seen_subcommand_from password" -s q -l quiet -d 'Print errors only'
complete -c bootseal -n "__fish_bootseal_using_subcommand grub; and __fish_seen_subcommand_from password" -s v -l verbose -d 'Say more: also what needed nothing to be done'
complete -c bootseal -n "__fish_bootseal_using_subcommand grub; and __fish_seen_subcommand_from password" -l dry-run -d 'Show what would be done; change nothing'
complete -c bootseal -n "__fish_bootseal_using_subcommand grub; and __fish_seen_subcommand_from password" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c bootseal -n "__fish_bootseal_using_subcommand grub; and __fish_seen_subcommand_from help" -f -a "install" -d 'Build an image that enforces signatures, sign it, and put it on the EFI system partition'
complete -c bootseal -n "__fish_bootseal_using_subcommand grub; and __fish_seen_subcommand_from help" -f -a "confirm" -d 'Let the image on trial, by which this machine was started, take the place of the present one'
complete -c bootseal -n "__fish_bootseal_using_subcommand grub; and __fish_seen_subcommand_from help" -f -a "password" -d 'Hash a password for `password` under [grub] in the configuration'
complete -c bootseal -n "__fish_bootseal_using_subcommand grub; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c bootseal -n "__fish_bootseal_using_subcommand status" -l keys -d 'Key directory [default: /etc/bootseal/keys]' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand status" -l config -d 'Configuration file [default: /etc/bootseal/config.toml]' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand status" -l root -d 'Take DIR for / in every path that bootseal or its configuration names' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand status" -l color -d 'When to use colors' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c bootseal -n "__fish_bootseal_using_subcommand status" -l json -d 'Print one JSON object'
complete -c bootseal -n "__fish_bootseal_using_subcommand status" -s q -l quiet -d 'Print errors only'
complete -c bootseal -n "__fish_bootseal_using_subcommand status" -s v -l verbose -d 'Say more: also what needed nothing to be done'
complete -c bootseal -n "__fish_bootseal_using_subcommand status" -l dry-run -d 'Show what would be done; change nothing'
complete -c bootseal -n "__fish_bootseal_using_subcommand status" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c bootseal -n "__fish_bootseal_using_subcommand audit" -l keys -d 'Key directory [default: /etc/bootseal/keys]' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand audit" -l only -d 'Run these checks, or groups of checks, only' -r
complete -c bootseal -n "__fish_bootseal_using_subcommand audit" -l skip -d 'Leave these checks, or groups of checks, out' -r
complete -c bootseal -n "__fish_bootseal_using_subcommand audit" -l baseline -d 'Findings that are accepted, with reason and last day [default: /etc/bootseal/baseline.toml]' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand audit" -l store -d 'Look at these variables: "live", the raw image or the block device of a virtual machine\'s (`OVMF_VARS.fd`), or a directory. Of another machine the checks of the group "firmware" alone are made, unless --only names others' -r
complete -c bootseal -n "__fish_bootseal_using_subcommand audit" -l dbx -d 'Compare dbx with this list of revocations too [default: that of the configuration]' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand audit" -l format -d 'Form of the report' -r -f -a "human\t'For a person'
json\t'One JSON object, as with --json'
prometheus\t'For the textfile collector of Prometheus\' node exporter'
markdown\t'A page for a documentation site'"
complete -c bootseal -n "__fish_bootseal_using_subcommand audit" -l output -d 'Write the report to FILE, which is replaced at once' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand audit" -l explain -d 'Say what a check proves, and how its findings are mended' -r
complete -c bootseal -n "__fish_bootseal_using_subcommand audit" -l config -d 'Configuration file [default: /etc/bootseal/config.toml]' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand audit" -l root -d 'Take DIR for / in every path that bootseal or its configuration names' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand audit" -l color -d 'When to use colors' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c bootseal -n "__fish_bootseal_using_subcommand audit" -l list -d 'List the checks'
complete -c bootseal -n "__fish_bootseal_using_subcommand audit" -l json -d 'Print one JSON object'
complete -c bootseal -n "__fish_bootseal_using_subcommand audit" -s q -l quiet -d 'Print errors only'
complete -c bootseal -n "__fish_bootseal_using_subcommand audit" -s v -l verbose -d 'Say more: also what needed nothing to be done'
complete -c bootseal -n "__fish_bootseal_using_subcommand audit" -l dry-run -d 'Show what would be done; change nothing'
complete -c bootseal -n "__fish_bootseal_using_subcommand audit" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c bootseal -n "__fish_bootseal_using_subcommand verify" -l keys -d 'Key directory whose certificates and keys are trusted [default: /etc/bootseal/keys]' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand verify" -l db -d 'Judge EFI images by this db' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand verify" -l dbx -d 'Judge EFI images by this dbx' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand verify" -l config -d 'Configuration file [default: /etc/bootseal/config.toml]' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand verify" -l root -d 'Take DIR for / in every path that bootseal or its configuration names' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand verify" -l color -d 'When to use colors' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c bootseal -n "__fish_bootseal_using_subcommand verify" -l json -d 'Print one JSON object'
complete -c bootseal -n "__fish_bootseal_using_subcommand verify" -s q -l quiet -d 'Print errors only'
complete -c bootseal -n "__fish_bootseal_using_subcommand verify" -s v -l verbose -d 'Say more: also what needed nothing to be done'
complete -c bootseal -n "__fish_bootseal_using_subcommand verify" -l dry-run -d 'Show what would be done; change nothing'
complete -c bootseal -n "__fish_bootseal_using_subcommand verify" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c bootseal -n "__fish_bootseal_using_subcommand hook; and not __fish_seen_subcommand_from install remove status run help" -l config -d 'Configuration file [default: /etc/bootseal/config.toml]' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand hook; and not __fish_seen_subcommand_from install remove status run help" -l root -d 'Take DIR for / in every path that bootseal or its configuration names' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand hook; and not __fish_seen_subcommand_from install remove status run help" -l color -d 'When to use colors' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c bootseal -n "__fish_bootseal_using_subcommand hook; and not __fish_seen_subcommand_from install remove status run help" -l json -d 'Print one JSON object'
complete -c bootseal -n "__fish_bootseal_using_subcommand hook; and not __fish_seen_subcommand_from install remove status run help" -s q -l quiet -d 'Print errors only'
complete -c bootseal -n "__fish_bootseal_using_subcommand hook; and not __fish_seen_subcommand_from install remove status run help" -s v -l verbose -d 'Say more: also what needed nothing to be done'
complete -c bootseal -n "__fish_bootseal_using_subcommand hook; and not __fish_seen_subcommand_from install remove status run help" -l dry-run -d 'Show what would be done; change nothing'
complete -c bootseal -n "__fish_bootseal_using_subcommand hook; and not __fish_seen_subcommand_from install remove status run help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c bootseal -n "__fish_bootseal_using_subcommand hook; and not __fish_seen_subcommand_from install remove status run help" -f -a "install" -d 'Put the scripts into their places: of kernel-install or installkernel, and of Portage'
complete -c bootseal -n "__fish_bootseal_using_subcommand hook; and not __fish_seen_subcommand_from install remove status run help" -f -a "remove" -d 'Take them away again, byte for byte'
complete -c bootseal -n "__fish_bootseal_using_subcommand hook; and not __fish_seen_subcommand_from install remove status run help" -f -a "status" -d 'Show what runs when the next kernel is installed, and what would keep it unsigned'
complete -c bootseal -n "__fish_bootseal_using_subcommand hook; and not __fish_seen_subcommand_from install remove status run help" -f -a "run" -d 'Sign the files of one moment in the installation of a kernel; the scripts call this'
complete -c bootseal -n "__fish_bootseal_using_subcommand hook; and not __fish_seen_subcommand_from install remove status run help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c bootseal -n "__fish_bootseal_using_subcommand hook; and __fish_seen_subcommand_from install" -l mode -d 'A way in which kernels are installed on this machine; may be given twice [default: those that were named at the installation of the hooks, or all that are found]' -r -f -a "systemd\t'kernel-install of systemd'
traditional\t'installkernel with preinst.d and postinst.d'"
complete -c bootseal -n "__fish_bootseal_using_subcommand hook; and __fish_seen_subcommand_from install" -l config -d 'Configuration file [default: /etc/bootseal/config.toml]' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand hook; and __fish_seen_subcommand_from install" -l root -d 'Take DIR for / in every path that bootseal or its configuration names' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand hook; and __fish_seen_subcommand_from install" -l color -d 'When to use colors' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c bootseal -n "__fish_bootseal_using_subcommand hook; and __fish_seen_subcommand_from install" -l with-audit -d 'Also have the machine audited every day: by a timer of systemd, to be enabled, or by cron'
complete -c bootseal -n "__fish_bootseal_using_subcommand hook; and __fish_seen_subcommand_from install" -l with-boot-check -d 'Also have each start of the machine look at the next one: by a unit of systemd, or a service of openrc(8), to be enabled'
complete -c bootseal -n "__fish_bootseal_using_subcommand hook; and __fish_seen_subcommand_from install" -l json -d 'Print one JSON object'
complete -c bootseal -n "__fish_bootseal_using_subcommand hook; and __fish_seen_subcommand_from install" -s q -l quiet -d 'Print errors only'
complete -c bootseal -n "__fish_bootseal_using_subcommand hook; and __fish_seen_subcommand_from install" -s v -l verbose -d 'Say more: also what needed nothing to be done'
complete -c bootseal -n "__fish_bootseal_using_subcommand hook; and __fish_seen_subcommand_from install" -l dry-run -d 'Show what would be done; change nothing'
complete -c bootseal -n "__fish_bootseal_using_subcommand hook; and __fish_seen_subcommand_from install" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c bootseal -n "__fish_bootseal_using_subcommand hook; and __fish_seen_subcommand_from remove" -l config -d 'Configuration file [default: /etc/bootseal/config.toml]' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand hook; and __fish_seen_subcommand_from remove" -l root -d 'Take DIR for / in every path that bootseal or its configuration names' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand hook; and __fish_seen_subcommand_from remove" -l color -d 'When to use colors' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c bootseal -n "__fish_bootseal_using_subcommand hook; and __fish_seen_subcommand_from remove" -l json -d 'Print one JSON object'
complete -c bootseal -n "__fish_bootseal_using_subcommand hook; and __fish_seen_subcommand_from remove" -s q -l quiet -d 'Print errors only'
complete -c bootseal -n "__fish_bootseal_using_subcommand hook; and __fish_seen_subcommand_from remove" -s v -l verbose -d 'Say more: also what needed nothing to be done'
complete -c bootseal -n "__fish_bootseal_using_subcommand hook; and __fish_seen_subcommand_from remove" -l dry-run -d 'Show what would be done; change nothing'
complete -c bootseal -n "__fish_bootseal_using_subcommand hook; and __fish_seen_subcommand_from remove" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c bootseal -n "__fish_bootseal_using_subcommand hook; and __fish_seen_subcommand_from status" -l mode -d 'A way in which kernels are installed on this machine; may be given twice [default: those that were named at the installation of the hooks, or all that are found]' -r -f -a "systemd\t'kernel-install of systemd'
traditional\t'installkernel with preinst.d and postinst.d'"
complete -c bootseal -n "__fish_bootseal_using_subcommand hook; and __fish_seen_subcommand_from status" -l keys -d 'Key directory [default: /etc/bootseal/keys]' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand hook; and __fish_seen_subcommand_from status" -l config -d 'Configuration file [default: /etc/bootseal/config.toml]' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand hook; and __fish_seen_subcommand_from status" -l root -d 'Take DIR for / in every path that bootseal or its configuration names' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand hook; and __fish_seen_subcommand_from status" -l color -d 'When to use colors' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c bootseal -n "__fish_bootseal_using_subcommand hook; and __fish_seen_subcommand_from status" -l json -d 'Print one JSON object'
complete -c bootseal -n "__fish_bootseal_using_subcommand hook; and __fish_seen_subcommand_from status" -s q -l quiet -d 'Print errors only'
complete -c bootseal -n "__fish_bootseal_using_subcommand hook; and __fish_seen_subcommand_from status" -s v -l verbose -d 'Say more: also what needed nothing to be done'
complete -c bootseal -n "__fish_bootseal_using_subcommand hook; and __fish_seen_subcommand_from status" -l dry-run -d 'Show what would be done; change nothing'
complete -c bootseal -n "__fish_bootseal_using_subcommand hook; and __fish_seen_subcommand_from status" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c bootseal -n "__fish_bootseal_using_subcommand hook; and __fish_seen_subcommand_from run" -l keys -d 'Key directory [default: /etc/bootseal/keys]' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand hook; and __fish_seen_subcommand_from run" -l passphrase-file -d 'Read the passphrase from the first line of FILE; of one key alone with PK=, KEK=, db=, module=, grub= or pcr= before it. May be given several times' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand hook; and __fish_seen_subcommand_from run" -l passphrase-fd -d 'Read the passphrase from file descriptor N' -r
complete -c bootseal -n "__fish_bootseal_using_subcommand hook; and __fish_seen_subcommand_from run" -l accept-changed -d 'Sign it though it changed since it was signed: a file, a directory with all in it, or the SHA-256 of a file' -r
complete -c bootseal -n "__fish_bootseal_using_subcommand hook; and __fish_seen_subcommand_from run" -l config -d 'Configuration file [default: /etc/bootseal/config.toml]' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand hook; and __fish_seen_subcommand_from run" -l root -d 'Take DIR for / in every path that bootseal or its configuration names' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand hook; and __fish_seen_subcommand_from run" -l color -d 'When to use colors' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c bootseal -n "__fish_bootseal_using_subcommand hook; and __fish_seen_subcommand_from run" -l json -d 'Print one JSON object'
complete -c bootseal -n "__fish_bootseal_using_subcommand hook; and __fish_seen_subcommand_from run" -s q -l quiet -d 'Print errors only'
complete -c bootseal -n "__fish_bootseal_using_subcommand hook; and __fish_seen_subcommand_from run" -s v -l verbose -d 'Say more: also what needed nothing to be done'
complete -c bootseal -n "__fish_bootseal_using_subcommand hook; and __fish_seen_subcommand_from run" -l dry-run -d 'Show what would be done; change nothing'
complete -c bootseal -n "__fish_bootseal_using_subcommand hook; and __fish_seen_subcommand_from run" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c bootseal -n "__fish_bootseal_using_subcommand hook; and __fish_seen_subcommand_from help" -f -a "install" -d 'Put the scripts into their places: of kernel-install or installkernel, and of Portage'
complete -c bootseal -n "__fish_bootseal_using_subcommand hook; and __fish_seen_subcommand_from help" -f -a "remove" -d 'Take them away again, byte for byte'
complete -c bootseal -n "__fish_bootseal_using_subcommand hook; and __fish_seen_subcommand_from help" -f -a "status" -d 'Show what runs when the next kernel is installed, and what would keep it unsigned'
complete -c bootseal -n "__fish_bootseal_using_subcommand hook; and __fish_seen_subcommand_from help" -f -a "run" -d 'Sign the files of one moment in the installation of a kernel; the scripts call this'
complete -c bootseal -n "__fish_bootseal_using_subcommand hook; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c bootseal -n "__fish_bootseal_using_subcommand ledger; and not __fish_seen_subcommand_from verify help" -l config -d 'Configuration file [default: /etc/bootseal/config.toml]' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand ledger; and not __fish_seen_subcommand_from verify help" -l root -d 'Take DIR for / in every path that bootseal or its configuration names' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand ledger; and not __fish_seen_subcommand_from verify help" -l color -d 'When to use colors' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c bootseal -n "__fish_bootseal_using_subcommand ledger; and not __fish_seen_subcommand_from verify help" -l json -d 'Print one JSON object'
complete -c bootseal -n "__fish_bootseal_using_subcommand ledger; and not __fish_seen_subcommand_from verify help" -s q -l quiet -d 'Print errors only'
complete -c bootseal -n "__fish_bootseal_using_subcommand ledger; and not __fish_seen_subcommand_from verify help" -s v -l verbose -d 'Say more: also what needed nothing to be done'
complete -c bootseal -n "__fish_bootseal_using_subcommand ledger; and not __fish_seen_subcommand_from verify help" -l dry-run -d 'Show what would be done; change nothing'
complete -c bootseal -n "__fish_bootseal_using_subcommand ledger; and not __fish_seen_subcommand_from verify help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c bootseal -n "__fish_bootseal_using_subcommand ledger; and not __fish_seen_subcommand_from verify help" -a "verify" -d 'Replay the ledger: each line has to follow the one before'
complete -c bootseal -n "__fish_bootseal_using_subcommand ledger; and not __fish_seen_subcommand_from verify help" -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c bootseal -n "__fish_bootseal_using_subcommand ledger; and __fish_seen_subcommand_from verify" -l config -d 'Configuration file [default: /etc/bootseal/config.toml]' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand ledger; and __fish_seen_subcommand_from verify" -l root -d 'Take DIR for / in every path that bootseal or its configuration names' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand ledger; and __fish_seen_subcommand_from verify" -l color -d 'When to use colors' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c bootseal -n "__fish_bootseal_using_subcommand ledger; and __fish_seen_subcommand_from verify" -l json -d 'Print one JSON object'
complete -c bootseal -n "__fish_bootseal_using_subcommand ledger; and __fish_seen_subcommand_from verify" -s q -l quiet -d 'Print errors only'
complete -c bootseal -n "__fish_bootseal_using_subcommand ledger; and __fish_seen_subcommand_from verify" -s v -l verbose -d 'Say more: also what needed nothing to be done'
complete -c bootseal -n "__fish_bootseal_using_subcommand ledger; and __fish_seen_subcommand_from verify" -l dry-run -d 'Show what would be done; change nothing'
complete -c bootseal -n "__fish_bootseal_using_subcommand ledger; and __fish_seen_subcommand_from verify" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c bootseal -n "__fish_bootseal_using_subcommand ledger; and __fish_seen_subcommand_from help" -f -a "verify" -d 'Replay the ledger: each line has to follow the one before'
complete -c bootseal -n "__fish_bootseal_using_subcommand ledger; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c bootseal -n "__fish_bootseal_using_subcommand config; and not __fish_seen_subcommand_from template check help" -l config -d 'Configuration file [default: /etc/bootseal/config.toml]' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand config; and not __fish_seen_subcommand_from template check help" -l root -d 'Take DIR for / in every path that bootseal or its configuration names' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand config; and not __fish_seen_subcommand_from template check help" -l color -d 'When to use colors' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c bootseal -n "__fish_bootseal_using_subcommand config; and not __fish_seen_subcommand_from template check help" -l json -d 'Print one JSON object'
complete -c bootseal -n "__fish_bootseal_using_subcommand config; and not __fish_seen_subcommand_from template check help" -s q -l quiet -d 'Print errors only'
complete -c bootseal -n "__fish_bootseal_using_subcommand config; and not __fish_seen_subcommand_from template check help" -s v -l verbose -d 'Say more: also what needed nothing to be done'
complete -c bootseal -n "__fish_bootseal_using_subcommand config; and not __fish_seen_subcommand_from template check help" -l dry-run -d 'Show what would be done; change nothing'
complete -c bootseal -n "__fish_bootseal_using_subcommand config; and not __fish_seen_subcommand_from template check help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c bootseal -n "__fish_bootseal_using_subcommand config; and not __fish_seen_subcommand_from template check help" -f -a "template" -d 'Print a configuration with all that one can say, to be edited'
complete -c bootseal -n "__fish_bootseal_using_subcommand config; and not __fish_seen_subcommand_from template check help" -f -a "check" -d 'Read the configuration, and say what is wrong with it'
complete -c bootseal -n "__fish_bootseal_using_subcommand config; and not __fish_seen_subcommand_from template check help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c bootseal -n "__fish_bootseal_using_subcommand config; and __fish_seen_subcommand_from template" -l config -d 'Configuration file [default: /etc/bootseal/config.toml]' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand config; and __fish_seen_subcommand_from template" -l root -d 'Take DIR for / in every path that bootseal or its configuration names' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand config; and __fish_seen_subcommand_from template" -l color -d 'When to use colors' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c bootseal -n "__fish_bootseal_using_subcommand config; and __fish_seen_subcommand_from template" -l json -d 'Print one JSON object'
complete -c bootseal -n "__fish_bootseal_using_subcommand config; and __fish_seen_subcommand_from template" -s q -l quiet -d 'Print errors only'
complete -c bootseal -n "__fish_bootseal_using_subcommand config; and __fish_seen_subcommand_from template" -s v -l verbose -d 'Say more: also what needed nothing to be done'
complete -c bootseal -n "__fish_bootseal_using_subcommand config; and __fish_seen_subcommand_from template" -l dry-run -d 'Show what would be done; change nothing'
complete -c bootseal -n "__fish_bootseal_using_subcommand config; and __fish_seen_subcommand_from template" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c bootseal -n "__fish_bootseal_using_subcommand config; and __fish_seen_subcommand_from check" -l config -d 'Configuration file [default: /etc/bootseal/config.toml]' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand config; and __fish_seen_subcommand_from check" -l root -d 'Take DIR for / in every path that bootseal or its configuration names' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand config; and __fish_seen_subcommand_from check" -l color -d 'When to use colors' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c bootseal -n "__fish_bootseal_using_subcommand config; and __fish_seen_subcommand_from check" -l json -d 'Print one JSON object'
complete -c bootseal -n "__fish_bootseal_using_subcommand config; and __fish_seen_subcommand_from check" -s q -l quiet -d 'Print errors only'
complete -c bootseal -n "__fish_bootseal_using_subcommand config; and __fish_seen_subcommand_from check" -s v -l verbose -d 'Say more: also what needed nothing to be done'
complete -c bootseal -n "__fish_bootseal_using_subcommand config; and __fish_seen_subcommand_from check" -l dry-run -d 'Show what would be done; change nothing'
complete -c bootseal -n "__fish_bootseal_using_subcommand config; and __fish_seen_subcommand_from check" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c bootseal -n "__fish_bootseal_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "template" -d 'Print a configuration with all that one can say, to be edited'
complete -c bootseal -n "__fish_bootseal_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "check" -d 'Read the configuration, and say what is wrong with it'
complete -c bootseal -n "__fish_bootseal_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c bootseal -n "__fish_bootseal_using_subcommand completions" -l config -d 'Configuration file [default: /etc/bootseal/config.toml]' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand completions" -l root -d 'Take DIR for / in every path that bootseal or its configuration names' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand completions" -l color -d 'When to use colors' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c bootseal -n "__fish_bootseal_using_subcommand completions" -l json -d 'Print one JSON object'
complete -c bootseal -n "__fish_bootseal_using_subcommand completions" -s q -l quiet -d 'Print errors only'
complete -c bootseal -n "__fish_bootseal_using_subcommand completions" -s v -l verbose -d 'Say more: also what needed nothing to be done'
complete -c bootseal -n "__fish_bootseal_using_subcommand completions" -l dry-run -d 'Show what would be done; change nothing'
complete -c bootseal -n "__fish_bootseal_using_subcommand completions" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c bootseal -n "__fish_bootseal_using_subcommand man" -l config -d 'Configuration file [default: /etc/bootseal/config.toml]' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand man" -l root -d 'Take DIR for / in every path that bootseal or its configuration names' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand man" -l color -d 'When to use colors' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c bootseal -n "__fish_bootseal_using_subcommand man" -l json -d 'Print one JSON object'
complete -c bootseal -n "__fish_bootseal_using_subcommand man" -s q -l quiet -d 'Print errors only'
complete -c bootseal -n "__fish_bootseal_using_subcommand man" -s v -l verbose -d 'Say more: also what needed nothing to be done'
complete -c bootseal -n "__fish_bootseal_using_subcommand man" -l dry-run -d 'Show what would be done; change nothing'
complete -c bootseal -n "__fish_bootseal_using_subcommand man" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c bootseal -n "__fish_bootseal_using_subcommand kernel-config" -l check -d 'Check a configuration, packed or not [default: that of the running kernel, or of --kernel]' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand kernel-config" -l kernel -d 'The kernel, as 6.12 or 6.12.58-gentoo-dist [default: the running one]' -r
complete -c bootseal -n "__fish_bootseal_using_subcommand kernel-config" -s o -l output -d 'Write the fragment to FILE, which may be there already if bootseal wrote it' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand kernel-config" -l certificate -d 'The module certificate, as the build finds it [default: the key directory\'s, or /etc/kernel/bootseal-module.pem where others than root cannot read that]' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand kernel-config" -l signing-key -d 'Let the build sign: PEM file with private key and certificate, or PKCS#11 URI of both' -r
complete -c bootseal -n "__fish_bootseal_using_subcommand kernel-config" -l keys -d 'Key directory with the module certificate [default: /etc/bootseal/keys]' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand kernel-config" -l config -d 'Configuration file [default: /etc/bootseal/config.toml]' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand kernel-config" -l root -d 'Take DIR for / in every path that bootseal or its configuration names' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand kernel-config" -l color -d 'When to use colors' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c bootseal -n "__fish_bootseal_using_subcommand kernel-config" -l json -d 'Print one JSON object'
complete -c bootseal -n "__fish_bootseal_using_subcommand kernel-config" -s q -l quiet -d 'Print errors only'
complete -c bootseal -n "__fish_bootseal_using_subcommand kernel-config" -s v -l verbose -d 'Say more: also what needed nothing to be done'
complete -c bootseal -n "__fish_bootseal_using_subcommand kernel-config" -l dry-run -d 'Show what would be done; change nothing'
complete -c bootseal -n "__fish_bootseal_using_subcommand kernel-config" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c bootseal -n "__fish_bootseal_using_subcommand demo" -l config -d 'Configuration file [default: /etc/bootseal/config.toml]' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand demo" -l root -d 'Take DIR for / in every path that bootseal or its configuration names' -r -F
complete -c bootseal -n "__fish_bootseal_using_subcommand demo" -l color -d 'When to use colors' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c bootseal -n "__fish_bootseal_using_subcommand demo" -l json -d 'Print one JSON object'
complete -c bootseal -n "__fish_bootseal_using_subcommand demo" -s q -l quiet -d 'Print errors only'
complete -c bootseal -n "__fish_bootseal_using_subcommand demo" -s v -l verbose -d 'Say more: also what needed nothing to be done'
complete -c bootseal -n "__fish_bootseal_using_subcommand demo" -l dry-run -d 'Show what would be done; change nothing'
complete -c bootseal -n "__fish_bootseal_using_subcommand demo" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c bootseal -n "__fish_bootseal_using_subcommand help; and not __fish_seen_subcommand_from setup ceremony keys enroll sign grub status audit verify hook ledger config completions man kernel-config demo help" -f -a "setup" -d 'Go through a first machine, step by step'
complete -c bootseal -n "__fish_bootseal_using_subcommand help; and not __fish_seen_subcommand_from setup ceremony keys enroll sign grub status audit verify hook ledger config completions man kernel-config demo help" -f -a "ceremony" -d 'Make the keys, once'
complete -c bootseal -n "__fish_bootseal_using_subcommand help; and not __fish_seen_subcommand_from setup ceremony keys enroll sign grub status audit verify hook ledger config completions man kernel-config demo help" -f -a "keys" -d 'See the keys, export them, change their passphrase'
complete -c bootseal -n "__fish_bootseal_using_subcommand help; and not __fish_seen_subcommand_from setup ceremony keys enroll sign grub status audit verify hook ledger config completions man kernel-config demo help" -f -a "enroll" -d 'Put the keys into the firmware'
complete -c bootseal -n "__fish_bootseal_using_subcommand help; and not __fish_seen_subcommand_from setup ceremony keys enroll sign grub status audit verify hook ledger config completions man kernel-config demo help" -f -a "sign" -d 'Sign kernels, modules and GRUB\'s files'
complete -c bootseal -n "__fish_bootseal_using_subcommand help; and not __fish_seen_subcommand_from setup ceremony keys enroll sign grub status audit verify hook ledger config completions man kernel-config demo help" -f -a "grub" -d 'Build and install a GRUB that enforces signatures'
complete -c bootseal -n "__fish_bootseal_using_subcommand help; and not __fish_seen_subcommand_from setup ceremony keys enroll sign grub status audit verify hook ledger config completions man kernel-config demo help" -f -a "status" -d 'Show the state of firmware, next boot, kernel, keys and hooks on one screen'
complete -c bootseal -n "__fish_bootseal_using_subcommand help; and not __fish_seen_subcommand_from setup ceremony keys enroll sign grub status audit verify hook ledger config completions man kernel-config demo help" -f -a "audit" -d 'Prove every link of the chain on this machine, or say which does not hold'
complete -c bootseal -n "__fish_bootseal_using_subcommand help; and not __fish_seen_subcommand_from setup ceremony keys enroll sign grub status audit verify hook ledger config completions man kernel-config demo help" -f -a "verify" -d 'Say who signed a file, and whether firmware, kernel or GRUB would accept it'
complete -c bootseal -n "__fish_bootseal_using_subcommand help; and not __fish_seen_subcommand_from setup ceremony keys enroll sign grub status audit verify hook ledger config completions man kernel-config demo help" -f -a "hook" -d 'Have every kernel signed as it is installed'
complete -c bootseal -n "__fish_bootseal_using_subcommand help; and not __fish_seen_subcommand_from setup ceremony keys enroll sign grub status audit verify hook ledger config completions man kernel-config demo help" -f -a "ledger" -d 'Show every signature that was made on this machine, or prove that the record of them holds'
complete -c bootseal -n "__fish_bootseal_using_subcommand help; and not __fish_seen_subcommand_from setup ceremony keys enroll sign grub status audit verify hook ledger config completions man kernel-config demo help" -f -a "config" -d 'Print a configuration to be edited, or check the one that is there'
complete -c bootseal -n "__fish_bootseal_using_subcommand help; and not __fish_seen_subcommand_from setup ceremony keys enroll sign grub status audit verify hook ledger config completions man kernel-config demo help" -f -a "completions" -d 'Print the completions for a shell'
complete -c bootseal -n "__fish_bootseal_using_subcommand help; and not __fish_seen_subcommand_from setup ceremony keys enroll sign grub status audit verify hook ledger config completions man kernel-config demo help" -f -a "man" -d 'Write the manual pages'
complete -c bootseal -n "__fish_bootseal_using_subcommand help; and not __fish_seen_subcommand_from setup ceremony keys enroll sign grub status audit verify hook ledger config completions man kernel-config demo help" -f -a "kernel-config" -d 'Print the options that the chain needs of a kernel, or check a kernel\'s configuration'
complete -c bootseal -n "__fish_bootseal_using_subcommand help; and not __fish_seen_subcommand_from setup ceremony keys enroll sign grub status audit verify hook ledger config completions man kernel-config demo help" -f -a "demo" -d 'Walk the whole chain in a temporary directory'
complete -c bootseal -n "__fish_bootseal_using_subcommand help; and not __fish_seen_subcommand_from setup ceremony keys enroll sign grub status audit verify hook ledger config completions man kernel-config demo help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c bootseal -n "__fish_bootseal_using_subcommand help; and __fish_seen_subcommand_from ceremony" -f -a "template" -d 'Print a specification with all that one can say, to be edited'
complete -c bootseal -n "__fish_bootseal_using_subcommand help; and __fish_seen_subcommand_from ceremony" -f -a "plan" -d 'Show every step and file of a ceremony, and its digest; make nothing'
complete -c bootseal -n "__fish_bootseal_using_subcommand help; and __fish_seen_subcommand_from ceremony" -f -a "run" -d 'Make PK, KEK, db, module and GRUB keys, with everything that enrolls them'
complete -c bootseal -n "__fish_bootseal_using_subcommand help; and __fish_seen_subcommand_from ceremony" -f -a "verify" -d 'Replay the transcript of a ceremony and compare its files'
complete -c bootseal -n "__fish_bootseal_using_subcommand help; and __fish_seen_subcommand_from ceremony" -f -a "drill" -d 'Restore all keys from their backup, to see that it can be done, and record that'
complete -c bootseal -n "__fish_bootseal_using_subcommand help; and __fish_seen_subcommand_from ceremony" -f -a "backup" -d 'Make another backup, of the keys as they are now'
complete -c bootseal -n "__fish_bootseal_using_subcommand help; and __fish_seen_subcommand_from ceremony" -f -a "restore" -d 'Put keys back from their backup into a new directory'
complete -c bootseal -n "__fish_bootseal_using_subcommand help; and __fish_seen_subcommand_from ceremony" -f -a "add-node" -d 'Add a node to a fleet: keys of its own, its backup, and its bundle'
complete -c bootseal -n "__fish_bootseal_using_subcommand help; and __fish_seen_subcommand_from ceremony" -f -a "retire-node" -d 'Take a node out of a fleet: stolen, sold, or with another board'
complete -c bootseal -n "__fish_bootseal_using_subcommand help; and __fish_seen_subcommand_from ceremony" -f -a "nodes" -d 'The nodes of a fleet: their keys, and which rotation is known of each'
complete -c bootseal -n "__fish_bootseal_using_subcommand help; and __fish_seen_subcommand_from ceremony" -f -a "note" -d 'Add a line to the transcript: who was there, what was seen'
complete -c bootseal -n "__fish_bootseal_using_subcommand help; and __fish_seen_subcommand_from ceremony" -f -a "abort" -d 'End a ceremony that is under way; leave nothing of it behind'
complete -c bootseal -n "__fish_bootseal_using_subcommand help; and __fish_seen_subcommand_from keys" -f -a "list" -d 'All keys: role, subject, fingerprint, expiry, place, protection, last restore drill'
complete -c bootseal -n "__fish_bootseal_using_subcommand help; and __fish_seen_subcommand_from keys" -f -a "show" -d 'All facts of one key'
complete -c bootseal -n "__fish_bootseal_using_subcommand help; and __fish_seen_subcommand_from keys" -f -a "sync" -d 'Bring key directory and stick to the same: what one knows, drills, rotations and lists, the other learns'
complete -c bootseal -n "__fish_bootseal_using_subcommand help; and __fish_seen_subcommand_from keys" -f -a "import" -d 'Take the keys of this machine from the bundle that its fleet made for it'
complete -c bootseal -n "__fish_bootseal_using_subcommand help; and __fish_seen_subcommand_from keys" -f -a "export" -d 'Write a key to a new file, in the form that another program reads'
complete -c bootseal -n "__fish_bootseal_using_subcommand help; and __fish_seen_subcommand_from keys" -f -a "rotate" -d 'Put another key in the place of one: beside it first, files signed again, the old one retired last'
complete -c bootseal -n "__fish_bootseal_using_subcommand help; and __fish_seen_subcommand_from keys" -f -a "revoke" -d 'Put another key in the place of one that fell into other hands, and have it refused'
complete -c bootseal -n "__fish_bootseal_using_subcommand help; and __fish_seen_subcommand_from keys" -f -a "passphrase" -d 'Encrypt private keys with another passphrase, or leave them in clear'
complete -c bootseal -n "__fish_bootseal_using_subcommand help; and __fish_seen_subcommand_from enroll" -f -a "list" -d 'Show what the firmware holds, entry by entry; no key is needed'
complete -c bootseal -n "__fish_bootseal_using_subcommand help; and __fish_seen_subcommand_from enroll" -f -a "plan" -d 'Show what would change in the firmware, entry by entry'
complete -c bootseal -n "__fish_bootseal_using_subcommand help; and __fish_seen_subcommand_from enroll" -f -a "apply" -d 'Write dbx, db, KEK and PK, in this order'
complete -c bootseal -n "__fish_bootseal_using_subcommand help; and __fish_seen_subcommand_from enroll" -f -a "add" -d 'Add entries to KEK, db or dbx; outside Setup Mode too'
complete -c bootseal -n "__fish_bootseal_using_subcommand help; and __fish_seen_subcommand_from enroll" -f -a "remove" -d 'Take entries out of KEK, db or dbx'
complete -c bootseal -n "__fish_bootseal_using_subcommand help; and __fish_seen_subcommand_from enroll" -f -a "reset" -d 'Take the platform key out: back to Setup Mode'
complete -c bootseal -n "__fish_bootseal_using_subcommand help; and __fish_seen_subcommand_from enroll" -f -a "rotate" -d 'Let the keys of another ceremony take over, signed by the present ones'
complete -c bootseal -n "__fish_bootseal_using_subcommand help; and __fish_seen_subcommand_from enroll" -f -a "revert" -d 'Restore the variables from before `enroll apply`'
complete -c bootseal -n "__fish_bootseal_using_subcommand help; and __fish_seen_subcommand_from enroll" -f -a "export" -d 'Write the public files for firmware setup screens, `KeyTool` and systemd-boot'
complete -c bootseal -n "__fish_bootseal_using_subcommand help; and __fish_seen_subcommand_from sign" -f -a "efi" -d 'EFI images: kernels, unified kernel images, boot loaders'
complete -c bootseal -n "__fish_bootseal_using_subcommand help; and __fish_seen_subcommand_from sign" -f -a "modules" -d 'Kernel modules: .ko, .ko.gz, .ko.xz, .ko.zst'
complete -c bootseal -n "__fish_bootseal_using_subcommand help; and __fish_seen_subcommand_from sign" -f -a "grub" -d 'Files that GRUB opens: FILE.sig beside each'
complete -c bootseal -n "__fish_bootseal_using_subcommand help; and __fish_seen_subcommand_from sign" -f -a "all" -d 'All files that the configuration names: modules, then EFI images, then GRUB\'s files'
complete -c bootseal -n "__fish_bootseal_using_subcommand help; and __fish_seen_subcommand_from grub" -f -a "install" -d 'Build an image that enforces signatures, sign it, and put it on the EFI system partition'
complete -c bootseal -n "__fish_bootseal_using_subcommand help; and __fish_seen_subcommand_from grub" -f -a "confirm" -d 'Let the image on trial, by which this machine was started, take the place of the present one'
complete -c bootseal -n "__fish_bootseal_using_subcommand help; and __fish_seen_subcommand_from grub" -f -a "password" -d 'Hash a password for `password` under [grub] in the configuration'
complete -c bootseal -n "__fish_bootseal_using_subcommand help; and __fish_seen_subcommand_from hook" -f -a "install" -d 'Put the scripts into their places: of kernel-install or installkernel, and of Portage'
complete -c bootseal -n "__fish_bootseal_using_subcommand help; and __fish_seen_subcommand_from hook" -f -a "remove" -d 'Take them away again, byte for byte'
complete -c bootseal -n "__fish_bootseal_using_subcommand help; and __fish_seen_subcommand_from hook" -f -a "status" -d 'Show what runs when the next kernel is installed, and what would keep it unsigned'
complete -c bootseal -n "__fish_bootseal_using_subcommand help; and __fish_seen_subcommand_from hook" -f -a "run" -d 'Sign the files of one moment in the installation of a kernel; the scripts call this'
complete -c bootseal -n "__fish_bootseal_using_subcommand help; and __fish_seen_subcommand_from ledger" -f -a "verify" -d 'Replay the ledger: each line has to follow the one before'
complete -c bootseal -n "__fish_bootseal_using_subcommand help; and __fish_seen_subcommand_from config" -f -a "template" -d 'Print a configuration with all that one can say, to be edited'
complete -c bootseal -n "__fish_bootseal_using_subcommand help; and __fish_seen_subcommand_from config" -f -a "check" -d 'Read the configuration, and say what is wrong with it'
