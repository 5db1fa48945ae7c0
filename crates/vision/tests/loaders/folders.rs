//! Folders of images, labelled and not.

use std::fs;

use tapetum_vision::load::{labeled_folders, unlabeled_images};
use tapetum_vision::{Error, Limits};
use tempfile::TempDir;

use crate::{assert_says, dir, limits, picture, write};

fn cats(dir: &TempDir) {
    picture(dir, "cats/b.jpg", 20, 10, [200, 200, 200]);
    picture(dir, "cats/a.png", 8, 8, [255, 0, 0]);
    picture(dir, "not-cats/c.webp", 5, 7, [0, 255, 0]);
}

#[test]
fn three_formats_in_alphabetical_order() {
    let dir = dir();
    cats(&dir);
    write(&dir, "LICENSE", "beside the labels");
    write(&dir, "cats/.DS_Store", "hidden");
    write(&dir, ".hidden/x", "hidden");
    let data = labeled_folders(dir.path(), &Limits::default()).unwrap();
    assert_eq!(data.class_names(), ["cats", "not-cats"]);
    assert_eq!(data.default_positive().unwrap(), "cats");
    assert_eq!(
        data.sources(),
        ["cats/a.png", "cats/b.jpg", "not-cats/c.webp"]
    );
    assert_eq!(data.labels(), [0, 0, 1]);
    let images = data.samples().images().unwrap();
    // BT.709 luma of pure red and pure green.
    assert!(images[0].pixels().iter().all(|&p| (53..=55).contains(&p)));
    assert_eq!((images[1].width(), images[1].height()), (20, 10));
    assert!(images[1].pixels().iter().all(|&p| p.abs_diff(200) <= 2));
    assert!(images[2].pixels().iter().all(|&p| (181..=184).contains(&p)));

    let task = data.one_vs_rest("not-cats", false, 0).unwrap();
    assert_eq!(task.class_names(), ["cats", "not-cats"]);
    assert_eq!(task.labels(), [0, 0, 1]);
}

#[test]
fn what_is_no_image_is_named() {
    for (content, word) in [
        (&b"hello"[..], "first bytes"),
        (b"", "first bytes"),
        (b"\x89PNG\r\n\x1a\n\0\0", "PNG"),
        (b"GIF89a\x01\0\x01\0", "Gif"),
        (b"\xff\xd8\xff\xe0\0\x10JFIF", ""),
    ] {
        let dir = dir();
        cats(&dir);
        write(&dir, "cats/bad.png", content);
        let error = labeled_folders(dir.path(), &Limits::default()).unwrap_err();
        assert!(matches!(error, Error::NotAnImage { .. }), "{error}");
        let text = error.to_string();
        assert!(text.contains("bad.png") && text.contains(word), "{text}");
    }
}

#[test]
fn a_truncated_image_is_an_error() {
    let dir = dir();
    for name in ["whole.png", "whole.jpg", "whole.webp"] {
        let path = dir.path().join(name);
        let noise = image::RgbImage::from_fn(40, 40, |x, y| {
            image::Rgb([x * y, x * 7 + y * y * 3, x * x].map(|v| (v * 37 % 251) as u8))
        });
        noise.save(&path).unwrap();
        assert!(unlabeled_images(&path, &Limits::default()).is_ok());
        let whole = fs::read(&path).unwrap();
        // The last twelve bytes of a PNG file are its end chunk and hold nothing of the picture.
        let least = if name.ends_with("png") { 13 } else { 1 };
        for cut in [least, 20, whole.len() / 2, whole.len() - 13] {
            let cut = write(&dir, "cut", &whole[..whole.len() - cut]);
            let error = unlabeled_images(&cut, &Limits::default());
            assert!(
                matches!(error, Err(Error::NotAnImage { .. })),
                "{name}: {error:?}"
            );
        }
        // Data after the end, as some cameras write it, do no harm.
        let longer = write(&dir, "longer", [&whole[..], &[0xff; 9]].concat());
        assert!(
            unlabeled_images(&longer, &Limits::default()).is_ok(),
            "{name}"
        );
    }
}

#[test]
fn layouts_that_are_none() {
    let limits = Limits::default();
    let one = dir();
    assert_says(
        labeled_folders(one.path(), &limits),
        &["not-cats", "--unlabelled"],
    );
    // Whoever contributes may have one class only.
    picture(&one, "cats/a.png", 2, 2, [0; 3]);
    let cats = labeled_folders(one.path(), &limits).unwrap();
    assert_eq!(cats.class_names(), ["cats"]);
    fs::create_dir(one.path().join("dogs")).unwrap();
    write(&one, "dogs/.hidden", "");
    assert_says(labeled_folders(one.path(), &limits), &["dogs", "no image"]);
    picture(&one, "dogs/deeper/a.png", 2, 2, [0; 3]);
    assert_says(labeled_folders(one.path(), &limits), &["deeper"]);
    let missing = one.path().join("missing");
    assert!(matches!(
        labeled_folders(&missing, &limits),
        Err(Error::Io { .. })
    ));
    assert!(matches!(
        unlabeled_images(&missing, &limits),
        Err(Error::Io { .. })
    ));
}

#[test]
fn limits_hold() {
    let dir = dir();
    cats(&dir);
    picture(&dir, "cats/wide.png", 300, 30, [9; 3]);
    let load = |limits: Limits| labeled_folders(dir.path(), &limits);
    let too_large = |limits| matches!(load(limits), Err(Error::TooLarge { .. }));
    assert!(too_large(limits(|limits| limits.image_bytes = 40)));
    assert!(too_large(limits(|limits| limits.samples = 3)));
    assert!(too_large(limits(|limits| limits.data_bytes = 4_000)));
    let wide = load(limits(|limits| limits.image_side = 299)).unwrap_err();
    assert!(matches!(&wide, Error::NotAnImage { path, .. } if path.ends_with("wide.png")));
    assert!(load(limits(|limits| limits.image_alloc = 1_000)).is_err());
    // A larger picture is kept small, in proportion.
    let data = load(limits(|limits| limits.kept_side = 100)).unwrap();
    let wide = &data.samples().images().unwrap()[2];
    assert_eq!((wide.width(), wide.height()), (100, 10));
    assert!(wide.pixels().iter().all(|&p| p == 9));
}

#[test]
fn images_without_labels() {
    let dir = dir();
    picture(&dir, "b.png", 3, 4, [7; 3]);
    picture(&dir, "a.webp", 5, 6, [8; 3]);
    let limits = Limits::default();
    let all = unlabeled_images(dir.path(), &limits).unwrap();
    assert_eq!(all.sources(), ["a.webp", "b.png"]);
    let one = unlabeled_images(&dir.path().join("b.png"), &limits).unwrap();
    assert_eq!(one.samples().images().unwrap()[0].pixels(), [7; 12]);
    let empty = tempfile::tempdir().unwrap();
    assert!(matches!(
        unlabeled_images(empty.path(), &limits),
        Err(Error::Folder { .. })
    ));
}
