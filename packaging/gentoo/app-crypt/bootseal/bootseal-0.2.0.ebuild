# Copyright 2026 Gentoo Authors
# Distributed under the terms of the GNU General Public License v2

EAPI=8

# Both archives are made by packaging/release; there are no CRATES, since there are more than 300.
RUST_MIN_VER="1.90.0"
CRATES=""

inherit cargo optfeature shell-completion toolchain-funcs

DESCRIPTION="Keys, signatures and audit of the boot chain: firmware, GRUB, kernel, modules"
HOMEPAGE="https://github.com/bootseal/bootseal"
SRC_URI="
	https://github.com/bootseal/bootseal/releases/download/v${PV}/${P}.tar.xz
	https://github.com/bootseal/bootseal/releases/download/v${PV}/${P}-crates.tar.xz
"

LICENSE="|| ( MIT Apache-2.0 )"
# Microsoft's certificates and revocations
LICENSE+=" BSD-2-with-patent"
# Dependent crate licenses
LICENSE+=" Apache-2.0 BSD Boost-1.0 CC0-1.0 ISC LGPL-2+ MIT Unicode-3.0 ZLIB"
SLOT="0"
KEYWORDS="~amd64 ~arm64"
IUSE="+aws-lc +pkcs11"

QA_FLAGS_IGNORED="usr/bin/bootseal"

src_configure() {
	# What `bootseal --version` says it was built of.
	export BOOTSEAL_COMMIT=$(<packaging/commit)
	local myfeatures=( $(usev aws-lc) $(usev pkcs11) )
	cargo_src_configure --no-default-features --locked
}

src_compile() {
	cargo_src_compile
	if tc-is-cross-compiler; then
		ewarn "The program writes its manual pages itself, which it cannot do here: bootseal man /usr/share/man"
	else
		"$(cargo_target_dir)"/bootseal man "${T}" || die
	fi
}

# The rest of the tests needs root, virtual machines and many other programs.
src_test() {
	cargo_src_test --lib
}

src_install() {
	cargo_src_install
	tc-is-cross-compiler || doman "${T}"/man[15]/*
	dobashcomp hooks/completions/bootseal
	dozshcomp hooks/completions/_bootseal
	dofishcomp hooks/completions/bootseal.fish
	# Hooks, timers and services are put in place, and taken away, by `bootseal hook install` and `remove`.
	dodoc -r CHANGELOG.md README.md SECURITY.md docs/limits.md docs/manual hooks/grafana hooks/prometheus
}

pkg_postinst() {
	if [[ -z ${REPLACING_VERSIONS} ]]; then
		elog "What this machine starts now, and by whose keys:"
		elog "    bootseal status"
		elog "The first step to keys of your own, on a machine that you trust:"
		elog "    bootseal ceremony template > ceremony.toml"
	fi
	optfeature "images of GRUB that enforce signatures" sys-boot/grub
	use pkcs11 && optfeature "keys on smart cards and other tokens" app-crypt/p11-kit
}
