//! The images, and the db and dbx that all of them are judged by.

use bootseal::formats::crypto::certificate::Certificate;
use bootseal::formats::crypto::hash::HashAlgorithm;
use bootseal::formats::crypto::signed_hash::SignedHash;
use bootseal::formats::firmware::authenticode::{Image, minimal_image};
use bootseal::formats::firmware::guid::Guid;
use bootseal::formats::firmware::signature_list::{SignatureDatabase, SignatureType};

use crate::differential::certificates::{How, extension, plain, sequence};
use crate::differential::named::{PLAIN, Pair, Shape, in_db, ours, signature};
use crate::differential::random::Random;
use crate::differential::{chains, signatures};

/// The status that an image returns, with its number added: nothing that firmware or the shell would say.
const STATUS: usize = 0x5000;

pub struct Sample {
    /// A description, for messages.
    pub what: String,
    pub file: Vec<u8>,
    /// True if firmware has to start it, where that is known without asking a judge.
    pub expected: Option<bool>,
    /// True if dbx holds a certificate of its signers that this firmware may not find.
    pub is_forbidden_by_some: bool,
    number: usize,
}

impl Sample {
    pub fn file_name(&self) -> String {
        format!("i{}.efi", self.number)
    }

    /// True if this, of the shell, tells the status that the image returns.
    pub fn has_started(&self, answer: &str) -> bool {
        answer.starts_with("loaded at ") && answer.ends_with(&format!(" - {:08X}", STATUS + self.number))
    }
}

#[derive(Default)]
pub struct Samples {
    pub all: Vec<Sample>,
    pub db: SignatureDatabase,
    pub dbx: SignatureDatabase,
}

impl Samples {
    pub fn make() -> Self {
        let mut samples = Self::default();
        samples.db.add_certificate(Guid::MICROSOFT, &ours(&[]).0);
        samples.pairs_in_db();
        samples.pairs_in_dbx();
        samples.path_lengths();
        samples.signatures_beside_ours();
        samples.hashes();
        samples.random_chains();
        samples
    }

    /// Adds the image with these signatures over its digest.
    fn add(
        &mut self,
        what: &str,
        expected: Option<bool>,
        signatures: impl FnOnce(&[u8]) -> Vec<Vec<u8>>,
    ) -> &mut Sample {
        let number = self.all.len();
        let mut file = image(number);
        let digest = Image::parse(&file).unwrap().digest(HashAlgorithm::Sha256);
        for signature in signatures(digest.as_bytes()) {
            file = Image::parse(&file).unwrap().with_signature(&signature).unwrap();
        }
        self.all.push(Sample {
            what: format!("{number}, {what}"),
            file,
            expected,
            is_forbidden_by_some: false,
            number,
        });
        self.all.last_mut().unwrap()
    }

    /// Each kind of certificate that was once judged wrong, as the authority in db.
    fn pairs_in_db(&mut self) {
        for index in 0..in_db("Test").len() {
            let (what, expected, pair) = in_db(&format!("D{index}")).swap_remove(index);
            let [leaf, authority] = pair.certificates();
            self.db.add_certificate(Guid::MICROSOFT, &authority);
            // Older firmware starts this one.
            let expected = (what != "no seconds").then_some(expected);
            self.add(&format!("{what}, in db"), expected, |digest| {
                vec![signature((&pair.leaf, &pair.issuer), &[leaf], &PLAIN, digest)]
            });
        }
    }

    /// The same as the authority in dbx, with our signature beside theirs.
    fn pairs_in_dbx(&mut self) {
        for index in 0..in_db("Test").len() {
            let (what, vouches, pair) = in_db(&format!("X{index}")).swap_remove(index);
            let [leaf, authority] = pair.certificates();
            self.dbx.add_certificate(Guid::MICROSOFT, &authority);
            let expected = vouches.then_some(false);
            let sample = self.add(&format!("{what}, in dbx"), expected, |digest| {
                let theirs = signature((&pair.leaf, &pair.issuer), &[leaf], &PLAIN, digest);
                vec![theirs, ours(digest).1]
            });
            sample.is_forbidden_by_some = !vouches;
        }
    }

    fn path_lengths(&mut self) {
        for (length, expected) in [(0, false), (1, true)] {
            let mut top = plain(&format!("Top {length}"), 3, true);
            top.extensions[0] = extension("2.5.29.19", true, &sequence(&[&[1, 1, 0xff], &[2, 1, length]]));
            let (middle, leaf) = (plain(&format!("Middle {length}"), 2, true), plain("Leaf", 0, false));
            let certificates = [
                leaf.issue(&middle.subject, 2, How::plain()),
                middle.issue(&top.subject, 3, How::plain()),
            ];
            self.db
                .add_certificate(Guid::MICROSOFT, &top.issue(&top.subject, 3, How::plain()));
            self.add(&format!("path length {length}"), Some(expected), |digest| {
                vec![signature((&leaf, &middle.subject), &certificates, &PLAIN, digest)]
            });
        }
    }

    /// Signatures that firmware passes over, and those that refuse an image.
    fn signatures_beside_ours(&mut self) {
        let sha1 = "1.3.14.3.2.26";
        let old = Shape {
            announced: &[sha1],
            named: (sha1, SignedHash::Sha1),
            ..PLAIN
        };
        let other = Shape {
            digest: Some(&[9; 32]),
            ..PLAIN
        };
        let pesign = Shape {
            content: "1.3.6.1.4.1.311.2.1.21",
            ..PLAIN
        };
        let pair = Pair::named("Beside");
        let [leaf, authority] = pair.certificates();
        let theirs = |certificates: &[Vec<u8>], shape: &Shape<'_>, digest: &[u8]| {
            signature((&pair.leaf, &pair.issuer), certificates, shape, digest)
        };
        let leaf = [leaf];
        self.add("unsigned", Some(false), |_| Vec::new());
        self.add("ours alone", Some(true), |digest| vec![ours(digest).1]);
        self.add("ours twice", Some(true), |digest| vec![ours(digest).1, ours(digest).1]);
        self.add("ours over another image", Some(false), |_| vec![ours(&[7; 32]).1]);
        self.add("theirs alone", Some(false), |digest| {
            vec![theirs(&leaf, &PLAIN, digest)]
        });
        for (what, shape) in [
            ("plain", &PLAIN),
            ("SHA-1", &old),
            ("another image", &other),
            ("pesign", &pesign),
        ] {
            self.add(&format!("{what} before ours"), Some(true), |digest| {
                vec![theirs(&leaf, shape, digest), ours(digest).1]
            });
            self.add(&format!("{what} after ours"), Some(true), |digest| {
                vec![ours(digest).1, theirs(&leaf, shape, digest)]
            });
        }
        self.add("without its signer, before ours", Some(false), |digest| {
            vec![theirs(&[authority], &PLAIN, digest), ours(digest).1]
        });
    }

    /// Hashes in db and dbx: of images, signed and not, and of a signer's certificate.
    fn hashes(&mut self) {
        let digest = |sample: &Sample| Image::parse(&sample.file).unwrap().digest(HashAlgorithm::Sha256);
        let allowed = digest(self.add("unsigned, its hash in db", Some(true), |_| Vec::new()));
        self.db.add(SignatureType::Sha256, Guid::MICROSOFT, allowed.as_bytes());
        let forbidden = digest(self.add("ours, its hash in dbx", Some(false), |digest| vec![ours(digest).1]));
        self.dbx
            .add(SignatureType::Sha256, Guid::MICROSOFT, forbidden.as_bytes());
        let both = digest(self.add("unsigned, its hash in both", Some(false), |_| Vec::new()));
        self.db.add(SignatureType::Sha256, Guid::MICROSOFT, both.as_bytes());
        self.dbx.add(SignatureType::Sha256, Guid::MICROSOFT, both.as_bytes());
        let pair = Pair::named("Hashed");
        let [leaf, authority] = pair.certificates();
        self.db.add_certificate(Guid::MICROSOFT, &authority);
        let signer = Certificate::from_der(&leaf).unwrap();
        let mut entry = HashAlgorithm::Sha256.digest(&[signer.tbs_der()]).as_bytes().to_vec();
        entry.extend([0; 16]);
        self.dbx.add(SignatureType::X509Sha256, Guid::MICROSOFT, &entry);
        self.add("the hash of the signer's certificate in dbx", Some(false), |digest| {
            vec![signature((&pair.leaf, &pair.issuer), &[leaf], &PLAIN, digest)]
        });
    }

    /// Chains by chance: a certificate of every second one in db, of the others in dbx with our signature beside theirs.
    fn random_chains(&mut self) {
        let mut random = Random::new(0x5eed_0005_b007_5ea1);
        for index in 0..30 {
            let chain = chains::named(&mut random, &format!("R{index}"));
            let anchor = random.pick(&chain.certificates);
            let is_in_db = index % 2 == 0;
            let database = if is_in_db { &mut self.db } else { &mut self.dbx };
            database.add_certificate(Guid::MICROSOFT, &anchor);
            let place = if is_in_db { "db" } else { "dbx" };
            let sample = self.add(&format!("by chance, in {place}"), None, |digest| {
                let theirs = signatures::image(&mut random, &chain, digest);
                if is_in_db {
                    vec![theirs]
                } else {
                    vec![theirs, ours(digest).1]
                }
            });
            sample.is_forbidden_by_some = !is_in_db;
        }
    }
}

/// A driver that returns its own status: `mov eax, STATUS + number; ret`.
fn image(number: usize) -> Vec<u8> {
    const SUBSYSTEM: usize = 64 + 24 + 68;
    const SECTION: usize = 64 + 24 + 240;
    const CODE: usize = 0x200;
    let mut file = minimal_image();
    let status = u32::try_from(STATUS + number).unwrap().to_le_bytes();
    let code = [&[0xb8][..], &status, &[0xc3]].concat();
    file[SUBSYSTEM] = 11;
    // VirtualSize: firmware loads no more.
    file[SECTION + 8] = u8::try_from(code.len()).unwrap();
    file[CODE..CODE + code.len()].copy_from_slice(&code);
    file
}
