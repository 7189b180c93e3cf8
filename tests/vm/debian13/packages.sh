#!/bin/sh
# Puts the packages that a Debian 13 goes on with into its /debs, has its apt know no others, and installs the older kernel.
# packages.sh ROOT
set -eu
kernels=$(chroot "$1" apt-cache search --names-only '^linux-image-6\.12\.[0-9.]+\+deb13(\.[0-9]+)?-cloud-amd64$' |
    cut -d' ' -f1 | sort -V | tail -n 2)
# shellcheck disable=SC2086 # They are two words.
chroot "$1" apt-get install -y -qq --no-install-recommends --download-only grub-efi-amd64 systemd-boot \
    systemd-boot-efi systemd-ukify $kernels
mkdir "$1/debs"
mv "$1"/var/cache/apt/archives/*.deb "$1/debs"
(cd "$1/debs" && dpkg-scanpackages --multiversion . >Packages)
rm -rf "$1"/var/lib/apt/lists/* "$1"/etc/apt/sources.list.d/*
echo 'deb [trusted=yes] file:/debs ./' >"$1/etc/apt/sources.list"
chroot "$1" apt-get update -qq
chroot "$1" apt-get install -y -qq "$(echo "$kernels" | head -n 1)"
