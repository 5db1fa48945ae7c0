//! The page as a whole.

use std::time::Duration;

use tapetum::folders::Output;
use tapetum::vision::GreyImage;

use super::*;

/// 10 pictures: 5 of each class, two of them wrong encrypted, one of these right in the clear.
fn sample() -> DemoReport {
    let outcomes: Vec<Outcome> = (0..10)
        .map(|index| {
            let truth = index % 2 == 0;
            let sign = if truth { 1.0 } else { -1.0 };
            let score_clear = sign * (1.0 + f64::from(index)) * if index == 3 { -1.0 } else { 1.0 };
            let score_encrypted = if index == 4 {
                -0.25
            } else {
                score_clear + 3e-7
            };
            Outcome {
                truth,
                prediction_encrypted: score_encrypted > 0.0,
                prediction_clear: score_clear > 0.0,
                score_encrypted,
                score_clear,
            }
        })
        .collect();
    let examples = (outcomes.iter().zip(0u8..))
        .map(|(outcome, index)| Example {
            outcome: *outcome,
            picture: GreyImage::new(28, 28, vec![index; 784]).unwrap(),
            ciphertext: (0..4000u32)
                .map(|byte| (byte * 37 + u32::from(index)) as u8)
                .collect(),
        })
        .collect();
    DemoReport {
        date: "2030-01-02".to_owned(),
        version: "9.8.7".to_owned(),
        machine: "Imaginary CPU, 2 cores".to_owned(),
        classes: ["cat".to_owned(), "not cat".to_owned()],
        train_images: 1536,
        predictions: None,
        outcomes,
        examples,
        steps: vec![
            Step {
                role: Role::Owner,
                what: "Make keys".to_owned(),
                time: Duration::from_millis(1234),
                bytes: Some(17_300_000),
                server_learns: "the parameters".to_owned(),
            },
            Step {
                role: Role::Server,
                what: "Train".to_owned(),
                time: Duration::from_millis(61_700),
                bytes: None,
                server_learns: String::new(),
            },
        ],
        total: Duration::from_secs(95),
        sizes: Sizes {
            keys: 33_333_300,
            secret_key: 11_100,
            public_key: 22_200,
            evaluation_keys: 33_300_000,
            ciphertext_per_image: 44_400,
            ciphertext_per_test_image: 55_500,
            model: 66_600,
            scores: 77_700,
        },
        parameters: ParameterSummary {
            log_n: 15,
            log_qp: 811.3,
            security_bits: 128,
            levels: 16,
            log_scale: 40,
        },
        model: ModelSummary {
            learner: "logistic regression".to_owned(),
            features: "hog:7+dct:10".to_owned(),
            columns: 245,
            iterations: 4,
            labels_encrypted: true,
        },
    }
}

fn empty() -> DemoReport {
    DemoReport {
        outcomes: Vec::new(),
        examples: Vec::new(),
        steps: Vec::new(),
        ..sample()
    }
}

/// Values of an attribute throughout the page.
fn attribute<'a>(page: &'a str, name: &str) -> Vec<&'a str> {
    page.split(&format!(" {name}=\""))
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap())
        .collect()
}

fn occurrences(page: &str, text: &str) -> usize {
    page.matches(text).count()
}

#[test]
fn figures_are_counted_from_outcomes() {
    let report = sample();
    assert_eq!(report.confusion_encrypted().counts, [[4, 1], [1, 4]]);
    assert_eq!(report.confusion_clear().counts, [[5, 0], [1, 4]]);
    assert_eq!(report.confusion_encrypted().accuracy(), Some(0.8));
    assert_eq!(report.agreement(), Some(0.9));
    assert_eq!(report.largest_score_difference(), Some(5.25));
    assert_eq!(empty().agreement(), None);
    assert_eq!(empty().largest_score_difference(), None);

    let mut report = sample();
    report.outcomes[2].score_encrypted = f64::NAN;
    assert!(report.largest_score_difference().unwrap().is_nan());
}

#[test]
fn every_number_stands_where_expected() {
    let page = render(&sample());
    for text in [
        "2030-01-02",
        "9.8.7",
        "Imaginary CPU, 2 cores",
        "1.2\u{a0}s",
        "1\u{a0}min 2\u{a0}s",
        "17.3\u{a0}MB",
        "11.1\u{a0}kB",
        "22.2\u{a0}kB",
        "33.3\u{a0}MB",
        "44.4\u{a0}kB",
        "66.6\u{a0}kB",
        "77.7\u{a0}kB",
        "811\u{a0}bits",
        "2<sup>15</sup>",
        "2<sup>40</sup>",
        "hog:7+dct:10",
        "the server learns: the parameters",
    ] {
        let found = occurrences(&page, text);
        assert!(found == 1, "“{text}” {found} times");
    }
    for text in [
        "80.0\u{a0}%",
        "90.0\u{a0}%",
        "1\u{a0}min 35\u{a0}s",
        "5.2\u{a0}×\u{a0}10⁰",
        "55.5\u{a0}kB",
        "1,536",
        "245",
    ] {
        assert!(page.contains(text), "no “{text}”");
    }
    // Wrong pictures: once with a prediction that differs in the clear.
    assert_eq!(occurrences(&page, "<li class=\"wrong\">"), 2);
    assert_eq!(occurrences(&page, "<li class=\"right\">"), 8);
    assert_eq!(occurrences(&page, "in the clear: cat (+5.000)"), 1);
}

#[test]
fn hostile_text_stays_text() {
    let evil = "</title><script>alert(1)</script>\"onload='x' & <b>";
    let mut report = sample();
    report.classes = [evil.to_owned(), format!("{evil}2")];
    report.steps[0].what = evil.to_owned();
    report.steps[0].server_learns = evil.to_owned();
    for text in [
        &mut report.date,
        &mut report.version,
        &mut report.machine,
        &mut report.model.learner,
        &mut report.model.features,
    ] {
        *text = evil.to_owned();
    }
    let page = render(&report);
    assert!(!page.contains("<script"));
    assert!(!page.contains("<b>"));
    assert_eq!(
        occurrences(&page, "</title>"),
        occurrences(&render(&sample()), "</title>")
    );
    for value in attribute(&page, "alt") {
        assert!(!value.contains(['<', '>']), "{value}");
    }
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;&quot;onload="));
}

#[test]
fn nothing_is_loaded_from_elsewhere() {
    let page = render(&sample());
    let addresses = [attribute(&page, "src"), attribute(&page, "href")].concat();
    assert!(addresses.len() > 20);
    for address in addresses {
        assert!(address.starts_with("data:"), "{address}");
    }
    for (index, _) in page.match_indices("url(") {
        assert!(page[index..].starts_with("url(#"));
    }
    for forbidden in [
        "http:", "https:", "@import", "<script", "<iframe", "<object",
    ] {
        assert!(!page.contains(forbidden), "{forbidden}");
    }
}

#[test]
fn every_picture_has_a_text_and_every_table_a_caption() {
    let page = render(&sample());
    let pictures = occurrences(&page, "<img");
    assert_eq!(pictures, 2 + 2 * 6 + 10);
    assert_eq!(
        attribute(&page, "alt")
            .iter()
            .filter(|text| !text.is_empty())
            .count(),
        pictures
    );
    assert_eq!(
        occurrences(&page, "<table"),
        occurrences(&page, "<caption>")
    );
    assert_eq!(occurrences(&page, "role=\"img\""), 3);
    for id in attribute(&page, "aria-labelledby").join(" ").split(' ') {
        assert_eq!(occurrences(&page, &format!(" id=\"{id}\"")), 1, "{id}");
    }
    assert_eq!(occurrences(&page, "<h1>"), 1);
}

#[test]
fn labels_in_the_clear_are_admitted() {
    let mut report = sample();
    assert!(!render(&report).contains("sent in the clear"));
    report.model.labels_encrypted = false;
    let page = render(&report);
    assert!(page.contains("their labels were sent in the clear"));
    assert!(page.contains("and clear labels"));
    assert!(!page.contains("any label"));
}

#[test]
fn nothing_to_show_is_no_error() {
    let page = render(&empty());
    assert!(page.contains("No picture was classified"));
    assert!(!page.contains("<img") && !page.contains("NaN"));

    let mut report = sample();
    report.examples[0].ciphertext.clear();
    report.outcomes[0].score_encrypted = f64::NAN;
    report.outcomes[1].score_clear = f64::INFINITY;
    report
        .steps
        .iter_mut()
        .for_each(|step| step.time = Duration::ZERO);
    let page = render(&report);
    assert!(page.contains("nothing to draw"));
    assert!(!page.contains("NaN") && !page.contains(">inf"));
}

#[test]
fn large_runs_give_a_page_of_bounded_size() {
    let mut report = sample();
    report.outcomes = report.outcomes.repeat(10_000);
    report.examples = (0..500u32)
        .map(|index| Example {
            outcome: report.outcomes[0],
            picture: GreyImage::new(300, 300, noise(index, 90_000)).unwrap(),
            ciphertext: noise(index, 20_000),
        })
        .collect();
    let page = render(&report);
    assert!(page.len() < 3_000_000, "{} bytes", page.len());
}

/// Bytes that do not compress.
fn noise(seed: u32, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2_654_435_761) | 1;
    std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        (state >> 24) as u8
    })
    .take(length)
    .collect()
}

/// A later run replaces what an earlier one wrote, and nothing else.
#[test]
fn what_is_written_is_known_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("report.html");
    for page in [render(&sample()), render_photo(&photo())] {
        std::fs::write(&path, page).unwrap();
        Output::Report.check(&path, &[]).unwrap();
        assert!(Output::Plot.check(&path, &[]).is_err());
    }
    let matrix = crate::charts::confusion_matrix(&["a".to_owned()], &[vec![1]]);
    std::fs::write(&path, matrix).unwrap();
    Output::Plot.check(&path, &[]).unwrap();
}

fn photo() -> PhotoReport {
    let pixels = GreyImage::new(8, 8, vec![7; 64]).unwrap();
    PhotoReport {
        date: "2030-01-02".to_owned(),
        version: "9.8.7".to_owned(),
        machine: "Imaginary CPU, 2 cores".to_owned(),
        network: "a network".to_owned(),
        photo: pixels.clone().with_rgb(vec![200; 192]).unwrap(),
        pixels,
        ciphertext: vec![5; 5000],
        classes: vec!["<cat>".to_owned(), "dog".to_owned()],
        scores_encrypted: vec![2.5, -2.5],
        scores_clear: vec![2.5003, -2.5],
        rounding: 0.001,
        label: 0,
        steps: sample().steps,
        layers: vec![LayerTime {
            name: "stem".to_owned(),
            shape: vec![1, 16, 32, 32],
            packing: "2 copies".to_owned(),
            level: 19,
            rotations: 1234,
            seconds: 0.5,
        }],
        total: Duration::from_secs(95),
        sizes: PhotoSizes {
            evaluation_keys: 2_300_000_000,
            image: 12_300_000,
            scores: 45_600,
        },
        parameters: sample().parameters,
    }
}

#[test]
fn a_photograph_has_a_page_of_its_own() {
    let page = render_photo(&photo());
    for text in [
        "Imaginary CPU",
        "&lt;cat&gt;",
        "+2.500",
        "3.0\u{a0}×\u{a0}10⁻⁴",
        "1 × 16 × 32 × 32",
        "1,234",
        "2.30\u{a0}GB",
        "500\u{a0}ms",
        "yes",
    ] {
        assert!(page.contains(text), "{text}");
    }
    assert!(!page.contains("<cat>") && !page.contains("<script"));
    assert_eq!(occurrences(&page, "data:image/png;base64,"), 4);

    let mut other = photo();
    other.scores_clear = vec![-1.0, 1.0];
    assert!(render_photo(&other).contains(">no<"));
}
