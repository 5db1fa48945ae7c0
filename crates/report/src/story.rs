//! The first screens: the result in one sentence, who took part, and what the server had before it.

use maud::{Markup, html};
use tapetum::vision::GreyImage;

use super::data::{DemoReport, Example};
use super::format::{bytes, count, duration, percent, scientific, short};
use super::picture;
use super::roles;

/// Pairs of picture and ciphertext that are drawn large.
const PAIRS: usize = 6;

/// The result, with one picture on its way.
pub fn headline(report: &DemoReport) -> Markup {
    let [first, second] = &report.classes;
    let encrypted = report.confusion_encrypted();
    html! {
        header.hero {
            p.brand { (eye()) "Tapetum demo" }
            h1 { "A server learned to tell “" (first) "” from “" (second) "” without seeing a picture" }
            @if encrypted.total() > 0 {
                p.lead {
                    "It then classified " (count(encrypted.total())) " new pictures that it could not see either, and got "
                    strong { (count(encrypted.right())) " right" }
                    ". Pictures, model and scores reached it only as ciphertexts; the owner of the secret key alone can read the predictions."
                }
            } @else {
                p.lead { "No picture was classified in this run." }
            }
            @if let Some(example) = journey_example(report) { (journey(report, example)) }
        }
        (figures(report))
    }
}

/// The mark: the eye of a cat at night.
pub fn eye() -> Markup {
    html! {
        svg viewBox="0 0 32 32" aria-hidden="true" {
            path d="M1 16 Q16 -3 31 16 Q16 35 1 16 Z" fill="currentColor" {}
            path d="M16 7.5 Q19.5 16 16 24.5 Q12.5 16 16 7.5 Z" fill="#08211f" {}
        }
    }
}

/// A rightly classified picture of the first class if there is one.
fn journey_example(report: &DemoReport) -> Option<&Example> {
    (report.examples.iter())
        .find(|example| example.outcome.truth && example.outcome.prediction_encrypted)
        .or(report.examples.first())
}

fn journey(report: &DemoReport, example: &Example) -> Markup {
    let answer = report.class(example.outcome.prediction_encrypted);
    way(
        "The contributor has this",
        &example.picture,
        &example.ciphertext,
        answer,
    )
}

/// A picture on its way to an answer.
pub fn way(who: &str, photo: &GreyImage, ciphertext: &[u8], answer: &str) -> Markup {
    let answer = short(answer);
    html! {
        ol.journey {
            li {
                (embedded(picture::picture(photo), "The picture"))
                span { (who) }
            }
            li.arrow aria-hidden="true" { (arrow()) }
            li {
                (embedded(picture::noise(ciphertext), "Noise: encrypted bytes in place of the picture"))
                span { "The server gets this" }
            }
            li.arrow aria-hidden="true" { (arrow()) }
            li {
                div.answer.long[answer.chars().count() > 8] { (answer) }
                span { "The owner reads this" }
            }
        }
    }
}

fn arrow() -> Markup {
    html! {
        svg viewBox="0 0 24 24" {
            path d="M3 12 H20 M13 5 L20 12 L13 19" fill="none" stroke="currentColor" stroke-width="2" {}
        }
    }
}

/// The four figures that matter.
fn figures(report: &DemoReport) -> Markup {
    let encrypted = report.confusion_encrypted();
    let clear = report.confusion_clear();
    html! {
        section.figures aria-label="Key figures" {
            div.figure-card {
                h2 { "Accuracy, encrypted" }
                p.big { (percent(encrypted.accuracy())) }
                p { "The same computation in the clear: " strong { (percent(clear.accuracy())) } }
            }
            div.figure-card {
                h2 { "Same predictions" }
                p.big { (percent(report.agreement())) }
                @if report.predictions.is_some() {
                    p { "as in the clear; no score was decrypted" }
                } @else if let Some(difference) = report.largest_score_difference() {
                    p { "as in the clear; scores differ by at most " strong { (scientific(difference)) } }
                }
            }
            div.figure-card {
                h2 { "Time, keys to predictions" }
                p.big { (duration(report.total)) }
                p {
                    (count(report.train_images)) " pictures to train, "
                    (count(report.outcomes.len())) " to classify"
                }
            }
            div.figure-card {
                h2 { "Security" }
                p.big { (report.parameters.security_bits) "\u{a0}bits" }
                p { "Estimated, against known classical attacks" }
            }
        }
        p.machine { "Measured on " (report.machine) "." }
    }
}

/// Who took part and what passed between them.
pub fn three_roles(report: &DemoReport) -> Markup {
    html! {
        section {
            h2 { "Three roles, one secret" }
            div.roles {
                figure {
                    (roles::diagram(report.model.labels_encrypted))
                    figcaption { "Dashed: keys, handed out once. Solid: data." }
                }
                dl {
                    dt.owner { "Owner" }
                    dd {
                        "Makes all keys and keeps the secret one. Encrypts the pictures to train on"
                        @if report.model.labels_encrypted { " and their labels" }
                        @if report.predictions.is_some() {
                            ", and decrypts the predictions: 1 means “" (report.classes[0]) "”."
                        } @else {
                            ", and decrypts the scores: above zero means “" (report.classes[0]) "”."
                        }
                    }
                    dt.server { "Server" }
                    dd {
                        "Has ciphertexts and evaluation keys. With these it adds, multiplies and rotates encrypted numbers, "
                        "enough to train by " (report.model.learner)
                        " and to score new pictures. The model that comes out is encrypted as well."
                    }
                    dt.contributor { "Contributor" }
                    dd {
                        "Has the new pictures. Encrypts them with the public key, which locks and cannot unlock. "
                        "Contributors may send pictures to train on as well, but do not in this demo."
                    }
                }
            }
            p {
                "The contributor first turns a picture into " (count(report.model.columns))
                " numbers. What is encrypted with the secret key is half as large as with the public one."
            }
            p.aside { "The demo plays all three roles on one machine, each in a directory of its own. In earnest they would be different parties." }
        }
    }
}

/// Pictures beside the bytes that stood for them.
pub fn what_the_server_saw(report: &DemoReport) -> Markup {
    let Some(largest) = (report.examples.iter())
        .map(|example| picture::bytes_drawn(&example.ciphertext))
        .max()
    else {
        return html! {};
    };
    html! {
        section {
            h2 { "What the server saw" }
            p {
                "Left, a new picture as its contributor has it. Right, what reached the server in its place: "
                (count(largest)) " bytes of the encrypted file, each drawn as one grey dot. "
                "One picture’s share of that file is " strong { (bytes(report.sizes.ciphertext_per_test_image)) } ". "
                "Two encryptions of the same picture look as different as two of different ones."
            }
            div.pairs {
                @for (index, example) in report.examples.iter().take(PAIRS).enumerate() {
                    figure.pair {
                        (picture_of(example, &format!("Picture {}: {}", index + 1, report.class(example.outcome.truth))))
                        (noise_of(example, &format!("Noise: encrypted bytes in place of picture {}", index + 1)))
                        figcaption {
                            span { (report.class(example.outcome.truth)) }
                            span { "the server’s view" }
                        }
                    }
                }
            }
        }
    }
}

/// The picture as an image, or a blank where it cannot be drawn.
pub fn picture_of(example: &Example, alt: &str) -> Markup {
    embedded(picture::picture(&example.picture), alt)
}

fn noise_of(example: &Example, alt: &str) -> Markup {
    embedded(picture::noise(&example.ciphertext), alt)
}

/// A picture inside the page, or a blank where it cannot be drawn.
pub fn embedded(address: Option<String>, alt: &str) -> Markup {
    html! {
        @if let Some(address) = address {
            img.pixels src=(address) alt=(alt);
        } @else {
            span.pixels.blank { "nothing to draw" }
        }
    }
}
