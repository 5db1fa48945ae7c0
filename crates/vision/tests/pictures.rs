//! Pictures as viewers show them, and folders as people leave them.

use image::codecs::{jpeg::JpegEncoder, png::PngEncoder, webp::WebPEncoder};
use image::{DynamicImage, ImageBuffer, ImageEncoder, Luma, LumaA, Rgba};
use std::fs;
use std::path::Path;
use tapetum_vision::load::{Kind, kind, labeled_folders, picture, unlabeled_images};
use tapetum_vision::{Error, GreyImage, Limits};
use tempfile::TempDir;

fn read(bytes: &[u8]) -> GreyImage {
    picture(Path::new("picture"), bytes, &Limits::default()).unwrap()
}

/// An EXIF block with an orientation and nothing else.
fn exif(orientation: u8) -> Vec<u8> {
    let tag = [0x12, 1, 3, 0, 1, 0, 0, 0, orientation, 0, 0, 0];
    [&b"II*\0\x08\0\0\0\x01\0"[..], &tag, &[0; 4]].concat()
}

fn encoded(mut encoder: impl ImageEncoder, image: &DynamicImage, orientation: u8) {
    if orientation != 0 {
        encoder.set_exif_metadata(exif(orientation)).unwrap();
    }
    let (width, height, colour) = (image.width(), image.height(), image.color());
    let written = encoder.write_image(image.as_bytes(), width, height, colour.into());
    written.unwrap();
}

/// As PNG and WebP and, if nothing is transparent, as JPEG; with an EXIF orientation unless it is 0.
fn files(image: &DynamicImage, orientation: u8) -> Vec<Vec<u8>> {
    let mut files = vec![Vec::new(); 2 + usize::from(!image.color().has_alpha())];
    encoded(PngEncoder::new(&mut files[0]), image, orientation);
    encoded(WebPEncoder::new_lossless(&mut files[1]), image, orientation);
    if let Some(file) = files.get_mut(2) {
        encoded(JpegEncoder::new_with_quality(file, 100), image, orientation);
    }
    files
}

#[test]
fn pictures_are_turned_as_exif_says() {
    // Dark above, bright below, a mark on the left: no two orientations look alike.
    let shade = |x: u32, y: u32| if x == 0 { 255 } else { 40 * y as u8 };
    let upright = ImageBuffer::from_fn(6, 4, |x, y| Luma([shade(x, y)]));
    let upright = DynamicImage::ImageLuma8(upright);
    // What must be stored for an orientation to lead back to the picture.
    let stored = [
        (0, upright.clone()),
        (1, upright.clone()),
        (2, upright.fliph()),
        (3, upright.rotate180()),
        (4, upright.flipv()),
        (5, upright.rotate90().fliph()),
        (6, upright.rotate270()),
        (7, upright.rotate270().fliph()),
        (8, upright.rotate90()),
    ];
    for (orientation, stored) in stored {
        for (format, file) in files(&stored, orientation).iter().enumerate() {
            let found = read(file);
            assert_eq!((found.width(), found.height()), (6, 4), "{orientation}");
            let near =
                (found.pixels().iter().zip(upright.as_bytes())).all(|(a, b)| a.abs_diff(*b) < 12);
            assert!(
                near,
                "orientation {orientation}, format {format}: {:?}",
                found.pixels()
            );
        }
    }
}

#[test]
fn transparent_parts_are_blended_on_white() {
    // Black ink, opaque, half and not there; beneath what is not there is another picture.
    let colour = ImageBuffer::from_fn(3, 1, |x, _| {
        Rgba([[0, 0, 0, 255], [0, 0, 0, 128], [9, 99, 199, 0]][x as usize])
    });
    let grey = ImageBuffer::from_fn(3, 1, |x, _| {
        LumaA([[0, 255], [0, 128], [77, 0]][x as usize])
    });
    for image in [
        DynamicImage::ImageRgba8(colour),
        DynamicImage::ImageLumaA8(grey),
    ] {
        for file in files(&image, 0) {
            assert_eq!(read(&file).pixels(), [0, 127, 255]);
        }
    }
    let deep = ImageBuffer::from_fn(2, 1, |x, _| LumaA([20_000 * (x as u16 + 1), 0x8000]));
    let mut file = Vec::new();
    encoded(
        PngEncoder::new(&mut file),
        &DynamicImage::ImageLumaA16(deep),
        0,
    );
    assert_eq!(read(&file).pixels(), [166, 205]);
    // The colours, where they are kept, are those of the same ground.
    let red = ImageBuffer::from_pixel(1, 1, Rgba([255, 0, 0, 0]));
    let limits = Limits {
        colour: true,
        ..Limits::default()
    };
    for file in files(&DynamicImage::ImageRgba8(red), 0) {
        let found = picture(Path::new("red"), &file, &limits).unwrap();
        assert_eq!(found.rgb(), Some(&[255; 3][..]));
    }
}

#[test]
fn sixteen_bits_are_rounded_to_eight() {
    let values = [0, 128, 129, 256, 32_768, 65_535];
    let deep = ImageBuffer::from_fn(6, 1, |x, _| Luma([values[x as usize]]));
    let mut file = Vec::new();
    encoded(
        PngEncoder::new(&mut file),
        &DynamicImage::ImageLuma16(deep),
        0,
    );
    assert_eq!(read(&file).pixels(), [0, 0, 1, 1, 128, 255]);
}

fn write(dir: &TempDir, name: &str, content: impl AsRef<[u8]>) {
    let path = dir.path().join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

fn grey(dir: &TempDir, name: &str, shade: u8) {
    let image = DynamicImage::ImageLuma8(ImageBuffer::from_pixel(2, 2, Luma([shade])));
    write(dir, name, &files(&image, 0)[0]);
}

fn pets() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    grey(&dir, "cats/a.png", 1);
    grey(&dir, "cats/b.PNG", 2);
    grey(&dir, "dogs/c.png", 3);
    dir
}

#[test]
fn what_is_not_a_picture_is_left_out_and_said() {
    let dir = pets();
    let clutter = [
        "cats/Thumbs.db",
        "dogs/desktop.ini",
        "dogs/notes.txt",
        "labels.txt",
        "__MACOSX/cats/x.png",
        "@eaDir/a.png/thumb.jpg",
        ".hidden/x.png",
        "cats/._a.png",
        "cats/.ipynb_checkpoints/a.png",
    ];
    for name in clutter {
        write(&dir, name, "\0clutter");
    }
    grey(&dir, "loose.png", 4);
    grey(&dir, "cats/without-ending", 5);
    let data = labeled_folders(dir.path(), &Limits::default()).unwrap();
    assert_eq!(data.class_names(), ["cats", "dogs"]);
    assert_eq!(data.class_counts(), [3, 1]);
    let notes = data.notes().join("\n");
    for said in [
        "6 entries left out, which are not pictures",
        "3 hidden files",
        "1 picture beside the label folders",
        "loose.png",
    ] {
        assert!(notes.contains(said), "no {said} in {notes}");
    }
    let clean = labeled_folders(pets().path(), &Limits::default()).unwrap();
    assert_eq!(clean.notes(), [""; 0]);
    // What was done to pictures is counted.
    let treated = pets();
    let clear = DynamicImage::ImageLumaA8(ImageBuffer::from_pixel(2, 1, LumaA([0, 0])));
    write(&treated, "cats/d.png", &files(&clear, 6)[0]);
    let data = labeled_folders(treated.path(), &Limits::default()).unwrap();
    let notes = data.notes().join("\n");
    assert!(notes.contains("1 picture turned") && notes.contains("1 picture with transparent"));
}

#[test]
fn all_files_that_cannot_be_read_are_told_at_once() {
    let dir = pets();
    write(&dir, "cats/bad.png", "a cat");
    write(&dir, "dogs/film.gif", "GIF89a\x01\0\x01\0");
    write(&dir, "dogs/empty.jpg", "");
    let error = labeled_folders(dir.path(), &Limits::default())
        .unwrap_err()
        .to_string();
    for name in ["3 files", "bad.png", "film.gif", "empty.jpg"] {
        assert!(error.contains(name), "{error}");
    }
}

#[cfg(unix)]
#[test]
fn pipes_are_refused_and_circles_end() {
    let dir = pets();
    let pipe = dir.path().join("cats/pipe.png");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    let limits = Limits::default();
    for error in [
        labeled_folders(dir.path(), &limits).map(drop),
        unlabeled_images(dir.path(), &limits).map(drop),
        unlabeled_images(&pipe, &limits).map(drop),
        kind(&pipe).map(drop),
    ] {
        let error = error.unwrap_err().to_string();
        assert!(
            error.contains("pipe.png") && error.contains("pipe, socket or device"),
            "{error}"
        );
    }
    fs::rename(&pipe, dir.path().join("cats/pipe")).unwrap();
    assert!(labeled_folders(dir.path(), &limits).unwrap().notes()[0].contains("pipe"));
    std::os::unix::fs::symlink(dir.path(), dir.path().join("dogs/again")).unwrap();
    let all = unlabeled_images(dir.path(), &limits).unwrap();
    assert_eq!(all.sources(), ["cats/a.png", "cats/b.PNG", "dogs/c.png"]);
}

#[test]
fn folders_below_folders_without_labels() {
    let dir = pets();
    grey(&dir, "cats/kittens/d.png", 4);
    let all = unlabeled_images(dir.path(), &Limits::default()).unwrap();
    let sources = [
        "cats/a.png",
        "cats/b.PNG",
        "cats/kittens/d.png",
        "dogs/c.png",
    ];
    assert_eq!(all.sources(), sources);
    let error = labeled_folders(dir.path(), &Limits::default()).unwrap_err();
    assert!(error.to_string().contains("--unlabelled"), "{error}");
}

#[test]
fn files_are_what_they_hold() {
    let dir = pets();
    grey(&dir, "picture", 1);
    write(&dir, "t.data", "M,1,2\nB,2,3\n");
    write(&dir, "t.csv", "");
    write(&dir, "x.png", "text");
    write(&dir, "images", [0, 0, 8, 3, 0, 0]);
    write(&dir, "array", b"\x93NUMPY\x01\0");
    write(&dir, "archive", b"PK\x03\x04");
    let kind = |name: &str| kind(&dir.path().join(name));
    let kinds = [
        ("cats", Kind::Folder),
        ("picture", Kind::Picture),
        ("t.data", Kind::Table),
        ("t.csv", Kind::Table),
        ("x.png", Kind::Picture),
        ("images", Kind::Idx),
        ("array", Kind::Npy),
        ("archive", Kind::Npz),
    ];
    for (name, expected) in kinds {
        assert_eq!(kind(name).unwrap(), expected, "{name}");
    }
    for other in ["%PDF-1.7", "<svg>", "{\"a\": 1}", "\x7fELF\x02"] {
        write(&dir, "other", other);
        let error = kind("other").unwrap_err().to_string();
        assert!(error.contains("not a picture"), "{error}");
    }
    assert!(matches!(kind("nothing"), Err(Error::Io { .. })));
}
