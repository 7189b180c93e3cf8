//! Keys and signatures in every form, to be judged by GRUB and by bootseal.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use ::bootseal::formats::grub::openpgp::GrubKeyFile;
use ::bootseal::trust::grub::judge;

use super::super::machine::Serial;
use super::packets::{
    CRITICAL, Draft, ISSUER, ISSUER_FINGERPRINT, Length, PUBLIC_KEY, PUBLIC_SUBKEY, Pair, SIGNATURE, USER_ID, gpg,
    packet, subpacket, version_3,
};

const DATA: &[u8] = b"set timeout=5\n";
/// GRUB's buffer for the unhashed area, and for a number.
const BUFFER: usize = 4096;

const ARMORED_KEY: &[u8] = b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmQ==\n-----END PGP PUBLIC KEY BLOCK-----\n";

/// The answer that GRUB is to give.
#[derive(Clone, Copy, PartialEq)]
enum Answer {
    /// GRUB accepts it, and so does bootseal.
    Accepted,
    /// GRUB accepts it; bootseal is careful.
    AcceptedByGrub,
    /// GRUB says this, and bootseal refuses it too.
    Refused(&'static str),
}

use Answer::{Accepted, AcceptedByGrub, Refused};

const BAD: Answer = Refused("bad signature");

struct Form {
    name: &'static str,
    key: Vec<u8>,
    signature: Vec<u8>,
    answer: Answer,
}

/// All forms.
pub struct Forms(Vec<Form>);

impl Forms {
    pub fn new() -> Self {
        let pair = Pair::new();
        let mut forms = Self(Vec::new());
        forms.headers(&pair);
        forms.kinds(&pair);
        forms.issuers(&pair);
        forms.sizes(&pair);
        forms.sequences(&pair);
        forms.keys(&pair);
        forms.by_gnupg();
        forms
    }

    /// The files on the disk below `/forms`, and the commands that try them.
    pub fn write(&self, directory: &Path) -> String {
        fs::create_dir_all(directory).expect("a folder");
        fs::write(directory.join("data"), DATA).expect("written");
        // The others are in the image, or pgp brings them.
        let mut script = "insmod gcry_dsa\ninsmod gcry_md5\ninsmod gcry_rmd160\n".to_owned();
        for Form {
            name, key, signature, ..
        } in &self.0
        {
            fs::write(directory.join(name).with_extension("key"), key).expect("written");
            fs::write(directory.join(name).with_extension("sig"), signature).expect("written");
            let files = format!("/forms/data /forms/{name}.sig /forms/{name}.key");
            write!(
                script,
                "echo 'form {name}'\n\
                 if verify_detached --skip-sig {files}; then\n  echo accepted\nelse\n  echo refused\nfi\n\
                 echo 'end of form {name}'\n"
            )
            .expect("a string takes all");
        }
        script
    }

    /// Fails unless GRUB has said what was expected, and bootseal says the same or is stricter on purpose.
    pub fn judge(&self, log: &Serial) {
        let mut wrong = String::new();
        for form in &self.0 {
            let said = log.between(&format!("form {}", form.name), &format!("end of form {}", form.name));
            let holds = match form.answer {
                Accepted | AcceptedByGrub => said == "\naccepted\n",
                Refused(words) => said.contains(words) && said.ends_with("\nrefused\n"),
            };
            let ours = GrubKeyFile::parse(&form.key)
                .map_err(|error| error.to_string())
                .and_then(|file| {
                    let judged = judge(DATA, Some(&form.signature), &file.keys);
                    judged.map(|_| ()).map_err(|error| error.to_string())
                });
            if !holds || ours.is_ok() != (form.answer == Accepted) {
                writeln!(wrong, "{}: bootseal: {ours:?}, GRUB: {said:?}", form.name).expect("a string");
            }
        }
        assert!(wrong.is_empty(), "{wrong}");
    }

    fn add(&mut self, name: &'static str, key: Vec<u8>, signature: Vec<u8>, answer: Answer) {
        self.0.push(Form {
            name,
            key,
            signature,
            answer,
        });
    }

    fn signed(&mut self, name: &'static str, pair: &Pair, answer: Answer, change: impl FnOnce(&mut Draft)) {
        let mut draft = Draft::by(pair);
        change(&mut draft);
        self.add(name, pair.export(), draft.sign(pair, DATA), answer);
    }

    fn headers(&mut self, pair: &Pair) {
        for (name, length, answer) in [
            ("old-two-octets", Length::OldTwoOctets, Accepted),
            ("old-four-octets", Length::OldFourOctets, Accepted),
            ("old-indeterminate", Length::OldIndeterminate, BAD),
            ("new-two-octets", Length::NewTwoOctets, AcceptedByGrub),
            ("new-five-octets", Length::NewFiveOctets, Accepted),
            ("new-partial", Length::NewPartial, BAD),
        ] {
            self.signed(name, pair, answer, |draft| draft.length = length);
        }
        let good = Draft::by(pair).sign(pair, DATA);
        self.add("leading-zero", pair.export(), [&[0], &good[..]].concat(), BAD);
        self.add("truncated", pair.export(), good[..good.len() - 1].to_vec(), BAD);
        self.add("empty", pair.export(), Vec::new(), BAD);
        self.add("not-a-packet", pair.export(), b"set timeout=5\n".to_vec(), BAD);
        self.add("a-key-for-a-signature", pair.export(), pair.export(), BAD);
    }

    fn kinds(&mut self, pair: &Pair) {
        for (name, answer, hash) in [
            ("md5", AcceptedByGrub, (1, "md5")),
            ("sha1", AcceptedByGrub, (2, "sha1")),
            ("ripemd160", AcceptedByGrub, (3, "ripemd160")),
            ("sha256", Accepted, (8, "sha256")),
            ("sha384", Accepted, (9, "sha384")),
            ("sha512", Accepted, (10, "sha512")),
            ("sha224", AcceptedByGrub, (11, "sha224")),
            ("sha3-512", Refused("hash"), (14, "sha3-512")),
        ] {
            self.signed(name, pair, answer, |draft| draft.hash = hash);
        }
        for (name, answer, kind) in [("text", BAD, 1), ("standalone", BAD, 2), ("certification", BAD, 0x10)] {
            self.signed(name, pair, answer, |draft| draft.kind = kind);
        }
        for (name, answer, algorithm) in [
            ("encrypt-only", BAD, 2),
            ("sign-only", Accepted, 3),
            ("dsa-by-name-only", BAD, 17),
            ("eddsa-by-name-only", BAD, 22),
        ] {
            self.signed(name, pair, answer, |draft| draft.algorithm = algorithm);
        }
        self.add("version-3", pair.export(), version_3(pair, DATA), BAD);
        self.signed("version-5", pair, BAD, |draft| draft.version = 5);
        self.signed("digest-prefix", pair, BAD, |draft| draft.prefix_change = 1);
        self.add(
            "other-data",
            pair.export(),
            Draft::by(pair).sign(pair, b"set timeout=6\n"),
            BAD,
        );
        let mut changed = Draft::by(pair).sign(pair, DATA);
        *changed.last_mut().expect("a signature") ^= 1;
        self.add("changed-number", pair.export(), changed, BAD);
    }

    /// Where GRUB looks for the issuer, and where it does not.
    fn issuers(&mut self, pair: &Pair) {
        let nobody = Refused("public key 00000000 not found");
        let issuer = subpacket(ISSUER, &pair.id);
        let stranger = subpacket(ISSUER, b"stranger");
        let fingerprint = subpacket(ISSUER_FINGERPRINT, &[&[4], &pair.fingerprint[..]].concat());
        self.signed("issuer-hashed-only", pair, nobody, |draft| {
            draft.hashed.extend(draft.unhashed.split_off(0));
        });
        self.signed("issuer-in-both", pair, Accepted, |draft| draft.hashed.extend(&issuer));
        self.signed("no-issuer", pair, nobody, |draft| draft.unhashed.clear());
        self.signed("fingerprint-only", pair, nobody, |draft| {
            draft.unhashed.clone_from(&fingerprint);
        });
        self.signed("fingerprint-hashed", pair, Accepted, |draft| {
            draft.hashed.extend(&fingerprint);
        });
        self.signed("issuer-critical", pair, nobody, |draft| {
            draft.unhashed = subpacket(ISSUER | CRITICAL, &pair.id);
        });
        self.signed("issuer-unknown", pair, Refused(" not found"), |draft| {
            draft.unhashed.clone_from(&stranger);
        });
        self.signed("issuer-last-of-two", pair, Accepted, |draft| {
            draft.unhashed = [&stranger[..], &issuer].concat();
        });
        self.signed("issuer-first-of-two", pair, Refused(" not found"), |draft| {
            draft.unhashed = [&issuer[..], &stranger].concat();
        });
        self.signed("issuer-after-critical", pair, Accepted, |draft| {
            draft.unhashed = [subpacket(ISSUER | CRITICAL, b"stranger"), issuer.clone()].concat();
        });
        self.signed("critical-after-issuer", pair, AcceptedByGrub, |draft| {
            draft.unhashed = [issuer.clone(), subpacket(ISSUER | CRITICAL, &pair.id)].concat();
        });
        self.signed("issuer-five-octets", pair, Accepted, |draft| {
            draft.unhashed = [&[255, 0, 0, 0, 9, ISSUER][..], &pair.id].concat();
        });
        self.signed("issuer-too-long", pair, AcceptedByGrub, |draft| {
            draft.unhashed = subpacket(ISSUER, &[&pair.id[..], &[0]].concat());
        });
        self.signed("subpacket-past-the-end", pair, AcceptedByGrub, |draft| {
            draft.unhashed = [&issuer[..], &[100, 100, 0]].concat();
        });
        self.signed("critical-unknown", pair, Accepted, |draft| {
            draft.hashed.extend(subpacket(0x64 | CRITICAL, b"?"));
        });
    }

    fn sizes(&mut self, pair: &Pair) {
        let filled = |size: usize| {
            let issuer = subpacket(ISSUER, &pair.id);
            // Before it a private subpacket with a length of five octets.
            let length = size - issuer.len() - 5;
            let head = [
                &[255],
                &u32::try_from(length).expect("a short area").to_be_bytes()[..],
                &[100],
            ]
            .concat();
            [head, vec![0; length - 1], issuer].concat()
        };
        assert_eq!(filled(BUFFER).len(), BUFFER);
        self.signed("unhashed-of-4096", pair, Accepted, |draft| {
            draft.unhashed = filled(BUFFER);
        });
        self.signed("unhashed-of-4097", pair, BAD, |draft| {
            draft.unhashed = filled(BUFFER + 1);
        });
        self.signed("hashed-of-8000", pair, Accepted, |draft| draft.hashed = filled(8000));
        self.signed("number-of-4094", pair, BAD, |draft| {
            draft.leading_zeros = BUFFER - 2 - 256;
        });
        self.signed("number-of-4095", pair, BAD, |draft| {
            draft.leading_zeros = BUFFER - 1 - 256;
        });
    }

    /// Of several signatures the first one counts.
    fn sequences(&mut self, pair: &Pair) {
        let good = Draft::by(pair).sign(pair, DATA);
        let bad = Draft::by(pair).sign(pair, b"other data");
        self.add("good-then-bad", pair.export(), [&good[..], &bad].concat(), Accepted);
        self.add("bad-then-good", pair.export(), [&bad[..], &good].concat(), BAD);
        self.add(
            "good-then-garbage",
            pair.export(),
            [&good[..], b"garbage"].concat(),
            Accepted,
        );
    }

    /// The same good signature, and keys in every form.
    fn keys(&mut self, pair: &Pair) {
        let good = Draft::by(pair).sign(pair, DATA);
        let (body, export) = (pair.body(), pair.export());
        let other = Pair::new();
        let curve = gpg("ed25519", &[], DATA).0;
        let v3 = packet(Length::OldTwoOctets, PUBLIC_KEY, &pair.body_of_version_3());
        let as_subkey = packet(Length::OldTwoOctets, PUBLIC_SUBKEY, &body);
        let user_id = packet(Length::OldTwoOctets, USER_ID, b"somebody");
        let self_signature = packet(Length::OldTwoOctets, SIGNATURE, b"never read");
        let nobody = Refused(" not found");
        for (name, key, answer) in [
            (
                "key-old-four-octets",
                packet(Length::OldFourOctets, PUBLIC_KEY, &body),
                Accepted,
            ),
            (
                "key-old-indeterminate",
                packet(Length::OldIndeterminate, PUBLIC_KEY, &body),
                BAD,
            ),
            (
                "key-new-two-octets",
                packet(Length::NewTwoOctets, PUBLIC_KEY, &body),
                BAD,
            ),
            (
                "key-new-five-octets",
                packet(Length::NewFiveOctets, PUBLIC_KEY, &body),
                Accepted,
            ),
            ("key-new-partial", packet(Length::NewPartial, PUBLIC_KEY, &body), BAD),
            ("key-leading-zero", [&[0], &export[..]].concat(), AcceptedByGrub),
            ("key-trailing-zero", [&export[..], &[0]].concat(), AcceptedByGrub),
            ("key-trailing-garbage", [&export[..], b"?"].concat(), BAD),
            (
                "key-trailing-packets",
                [&export[..], &user_id, &self_signature].concat(),
                Accepted,
            ),
            ("key-truncated", export[..export.len() - 1].to_vec(), BAD),
            ("key-armored", ARMORED_KEY.to_vec(), BAD),
            ("key-empty", Vec::new(), nobody),
            ("key-version-3", v3.clone(), BAD),
            ("key-then-version-3", [&export[..], &v3].concat(), BAD),
            ("key-of-another", other.export(), nobody),
            ("key-after-another", [other.export(), export.clone()].concat(), Accepted),
            ("key-as-subkey", [other.export(), as_subkey].concat(), Accepted),
            ("key-on-a-curve", curve.clone(), nobody),
            ("key-after-a-curve", [&curve[..], &export].concat(), Accepted),
            ("key-then-a-curve", [&export[..], &curve].concat(), Accepted),
            ("key-after-user-id", [&user_id[..], &export].concat(), Accepted),
        ] {
            self.add(name, key, good.clone(), answer);
        }
    }

    fn by_gnupg(&mut self) {
        for (name, algorithm, options, answer) in [
            ("gnupg-rsa", "rsa2048", &[][..], Accepted),
            ("gnupg-rsa-armored", "rsa2048", &["--armor"], BAD),
            ("gnupg-dsa", "dsa2048", &["--digest-algo", "SHA256"], AcceptedByGrub),
            ("gnupg-ed25519", "ed25519", &[], BAD),
        ] {
            let (key, signature) = gpg(algorithm, options, DATA);
            self.add(name, key, signature, answer);
        }
    }
}
