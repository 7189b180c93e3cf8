# shellcheck shell=dash
# Sourced by the guest at each start. Its root file system is the initrd's, and new each time: what is to last is in an archive on the
# disk, since FAT has neither owners nor modes.

tar -x -f /efi/root.tar -C /
chmod 0700 /etc/bootseal/keys /stick

checks=firmware.mode,firmware.variables,firmware.attributes,firmware.certificates,firmware.revocations,keys
# A backup after each rotation would be most of the time: there is one, when all keys but two are others.
skip=keys.backup,keys.drill

# A command and how it ended; its words only if it failed.
run() {
    "$@" >/tmp/said 2>&1 </dev/null
    code=$?
    echo "vm: $code $*"
    [ $code -eq 0 ] || sed 's/^/vm: | /' /tmp/said
}

# What an audit finds, by the names of the kinds, and what could not be looked at.
look() {
    bootseal --json audit --only "$checks" ${skip:+--skip "$skip"} >/tmp/audit.json 2>/tmp/audit.txt
    code=$?
    kinds=$(grep -o '"kind":"[^"]*","subject"' /tmp/audit.json | cut -d '"' -f 4 | uniq | tr '\n' ' ')
    echo "vm: audit $code $1: $kinds"
    grep -o '"not_run":\["[^]]*' /tmp/audit.json | sed 's/^/vm: not run: /'
    cat /tmp/audit.txt
    [ $code -ne 0 ]
}

# The remedy of the first finding.
first_remedy() {
    grep -o '"remedy":"[^"]*"' /tmp/audit.json | head -n 1 | cut -d '"' -f 4
}

# Does what a remedy says: the commands of the first way of several, with the places that it leaves open.
heed() {
    set -f
    IFS=';'
    # shellcheck disable=SC2086
    set -- ${1%%; if *}
    unset IFS
    for part; do
        case $part in
        *"bootseal "*) carry_out "${part#*bootseal }" ;;
        esac
    done
    set +f
}

carry_out() {
    case $1 in
    "enroll plan"*) set -- "enroll plan" ;;
    "enroll "*) set -- "$1 --yes" ;;
    "ceremony drill"*) set -- "$1 --shares /shares" ;;
    esac
    # shellcheck disable=SC2086
    run bootseal $(echo "$1" | sed "s|STICK|/stick|; s|DIR|/backup/$(($(ls /backup | wc -l) + 1))|; s|BACKUP|$(archive)|")
    case $1 in
    "ceremony backup"*) take_shares ;;
    esac
}

# The last archive, and two of the three shares that open it.
archive() {
    echo "/backup/$(ls /backup | wc -l)/bootseal-backup.tar"
}

take_shares() {
    for number in 1 3; do
        grep -o 'bs1-[^<]*' "/backup/$(ls /backup | wc -l)/shares/share-$number.html" | head -n 1
    done >/shares
    chmod 0600 /shares
}

# An audit is clean, or becomes clean by what it names. What did not help does not help twice.
clean() {
    remedy=
    while look "$1"; do
        last=$remedy
        remedy=$(first_remedy)
        [ -n "$remedy" ] && [ "$remedy" != "$last" ] || return
        heed "$remedy"
    done
}

# The end of a session.
save() {
    tar -c -f /efi/root.tar -C / etc/bootseal stick backup shares boot lib/modules opt var/lib/bootseal
}
