//! Signatures beside ours that firmware passes over, and those that refuse an image.

use bootseal::formats::crypto::asn1::{encode, tag};
use bootseal::formats::crypto::signed_hash::SignedHash;
use bootseal::formats::firmware::authenticode::Image;
use bootseal::trust::image::Policy;

use super::certificates::{How, plain};
use super::judge::Judge;
use super::named::{PLAIN, Pair, SHA_256_ID, Shape, database, image, ours, signature};

/// Signatures that firmware passes over, beside ours, with a dbx that holds somebody else.
#[test]
fn odd_signatures_beside_ours_are_passed_over() {
    let mut judge = Judge::start();
    let pair = Pair::new();
    let [leaf, _] = pair.certificates();
    let stranger = plain("Stranger", 4, false);
    let dbx = [stranger.issue(&stranger.subject, 4, How::plain())];
    let db = [ours(&[]).0];
    let sha1 = "1.3.14.3.2.26";
    for (what, shape) in [
        (
            "SHA-1",
            Shape {
                announced: &[sha1],
                named: (sha1, SignedHash::Sha1),
                ..PLAIN
            },
        ),
        (
            "another image",
            Shape {
                digest: Some(&[9; 32]),
                ..PLAIN
            },
        ),
        (
            "pesign's content",
            Shape {
                content: "1.3.6.1.4.1.311.2.1.21",
                ..PLAIN
            },
        ),
        (
            "another hash than was named",
            Shape {
                named: (SHA_256_ID, SignedHash::Sha1),
                ..PLAIN
            },
        ),
    ] {
        let file = image(|digest| {
            let theirs = signature((&pair.leaf, &pair.issuer), std::slice::from_ref(&leaf), &shape, digest);
            vec![theirs, ours(digest).1]
        });
        let image = Image::parse(&file).unwrap();
        assert!(judge.image(&image, &db, &dbx), "EDK2 of {what}");
        let verdict = Policy::new(&database(&db), &database(&dbx)).judge(&image);
        assert!(verdict.is_ok(), "{what}: {verdict:?}");
    }
}

/// With a dbx, a signature that cannot be read refuses the image, and one whose signer is not inside.
#[test]
fn signatures_whose_signers_cannot_be_read_refuse_the_image_with_a_dbx() {
    let mut judge = Judge::start();
    let pair = Pair::new();
    let [leaf, authority] = pair.certificates();
    let db = [ours(&[]).0];
    let cut = |certificates: &[Vec<u8>]| {
        image(|digest| {
            let theirs = signature((&pair.leaf, &pair.issuer), certificates, &PLAIN, digest);
            vec![theirs, ours(digest).1]
        })
    };
    let unreadable = encode(tag::SEQUENCE, &[&[2, 1, 1]]);
    for file in [cut(std::slice::from_ref(&authority)), cut(&[leaf.clone(), unreadable])] {
        let image = Image::parse(&file).unwrap();
        for (dbx, starts) in [(vec![], true), (vec![authority.clone()], false)] {
            assert_eq!(judge.image(&image, &db, &dbx), starts);
            let verdict = Policy::new(&database(&db), &database(&dbx)).judge(&image);
            assert_eq!(verdict.is_ok(), starts, "{verdict:?}");
        }
    }
}
