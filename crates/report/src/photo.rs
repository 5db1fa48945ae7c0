//! The page that `tapetum demo --photo` leaves behind: one photograph, classified by a network under encryption.

use std::time::Duration;

use maud::{Markup, html};
use serde::Serialize;
use tapetum::vision::GreyImage;

use super::data::{ParameterSummary, Step};
use super::format::{bytes, count, duration, scientific, score};
use super::{costs, page, picture, story};

/// One classification of a photograph.
#[derive(Debug)]
pub struct PhotoReport {
    /// The day of the run, as it should be read.
    pub date: String,
    /// Version of the program.
    pub version: String,
    /// Processor, cores and system in one line.
    pub machine: String,
    /// The network's name.
    pub network: String,
    /// The middle of the photograph, as it is shown.
    pub photo: GreyImage,
    /// What of it was encrypted.
    pub pixels: GreyImage,
    /// A stretch of the encrypted photograph; up to [`NOISE_BYTES`](super::NOISE_BYTES) are drawn.
    pub ciphertext: Vec<u8>,
    /// The names of the classes.
    pub classes: Vec<String>,
    /// The decrypted scores, one a class.
    pub scores_encrypted: Vec<f64>,
    /// The scores of the same network in the clear.
    pub scores_clear: Vec<f64>,
    /// What decrypted scores are rounded to.
    pub rounding: f64,
    /// The place of the largest decrypted score.
    pub label: usize,
    /// What was done, in order.
    pub steps: Vec<Step>,
    /// The network's layers.
    pub layers: Vec<LayerTime>,
    /// Wall time from keys to label.
    pub total: Duration,
    /// Sizes of what travels.
    pub sizes: PhotoSizes,
    /// Encryption parameters.
    pub parameters: ParameterSummary,
}

/// A layer of the network, and how long it took.
#[derive(Clone, Debug, Serialize)]
pub struct LayerTime {
    /// The node of the network's file.
    pub name: String,
    /// The shape of its output.
    pub shape: Vec<usize>,
    /// How it lies in the slots.
    pub packing: String,
    /// The level of the ciphertexts that it takes.
    pub level: usize,
    /// Rotations.
    pub rotations: usize,
    /// Wall time in seconds.
    pub seconds: f64,
}

/// Sizes in bytes.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct PhotoSizes {
    /// The evaluation keys.
    pub evaluation_keys: u64,
    /// The encrypted photograph.
    pub image: u64,
    /// The encrypted scores.
    pub scores: u64,
}

/// The whole page.
pub fn render_photo(report: &PhotoReport) -> String {
    let title = format!(
        "Tapetum: “{}”, said of a photograph that the server never saw",
        answer(report)
    );
    let parts = html! {
        (headline(report))
        (what_the_server_saw(report))
        (scores(report))
        (costs::steps(&report.steps, report.total))
        (layers(report))
        (sizes(report))
        (limits(report))
    };
    page(&title, &parts, &report.version, &report.date)
}

fn answer(report: &PhotoReport) -> &str {
    report.classes.get(report.label).map_or("?", String::as_str)
}

fn headline(report: &PhotoReport) -> Markup {
    let classifying: f64 = report.layers.iter().map(|layer| layer.seconds).sum();
    html! {
        header.hero {
            p.brand { (story::eye()) "Tapetum demo" }
            h1 { "A server looked at this photograph without seeing it" }
            p.lead {
                "It ran a convolutional network of " (count(report.layers.len())) " layers on the encrypted photograph, and sent back encrypted scores. "
                "The owner of the secret key decrypts them and reads " strong { "“" (answer(report)) "”" } "."
            }
            (story::way("The owner has this", &report.photo, &report.ciphertext, answer(report)))
        }
        section.figures aria-label="Key figures" {
            div.figure-card {
                h2 { "The network, encrypted" }
                p.big { (duration(Duration::from_secs_f64(classifying))) }
                p { (count(report.layers.iter().map(|layer| layer.rotations).sum())) " rotations, no bootstrapping" }
            }
            div.figure-card {
                h2 { "Same label in the clear" }
                p.big { (if largest(&report.scores_clear) == Some(report.label) { "yes" } else { "no" }) }
                @if let Some(difference) = difference(report) {
                    p { "scores differ by at most " strong { (scientific(difference)) } }
                }
            }
            div.figure-card {
                h2 { "Time, keys to label" }
                p.big { (duration(report.total)) }
                p { "keys are made once, and serve for many photographs" }
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

fn largest(scores: &[f64]) -> Option<usize> {
    (0..scores.len()).max_by(|&a, &b| scores[a].total_cmp(&scores[b]))
}

fn difference(report: &PhotoReport) -> Option<f64> {
    (report.scores_encrypted.iter().zip(&report.scores_clear))
        .map(|(a, b)| (a - b).abs())
        .reduce(f64::max)
}

fn what_the_server_saw(report: &PhotoReport) -> Markup {
    let side = report.pixels.width();
    html! {
        section {
            h2 { "What the server saw" }
            p {
                "Left, the middle of the photograph at " (side) " × " (side) " pixels, as the network takes it. Right, what reached the server in its place: "
                (count(picture::bytes_drawn(&report.ciphertext))) " bytes of the encrypted photograph, each drawn as one grey dot. All of it is "
                strong { (bytes(report.sizes.image)) } ". Two encryptions of the same photograph look as different as two of different ones."
            }
            div.pairs {
                figure.pair {
                    (story::embedded(picture::picture(&report.pixels), "What was encrypted"))
                    (story::embedded(picture::noise(&report.ciphertext), "Noise: encrypted bytes in place of the photograph"))
                    figcaption { span { "the owner’s view" } span { "the server’s view" } }
                }
            }
        }
    }
}

fn scores(report: &PhotoReport) -> Markup {
    html! {
        section {
            h2 { "Scores" }
            p { "The largest score is the label. Decrypted scores are rounded to " (scientific(report.rounding)) ", because their last digits would tell the secret key." }
            div.scroll {
                table.list {
                    caption { "Scores, decrypted and in the clear" }
                    thead { tr { th scope="col" { "Class" } th.number scope="col" { "Encrypted" } th.number scope="col" { "In the clear" } } }
                    tbody {
                        @for ((class, encrypted), clear) in report.classes.iter().zip(&report.scores_encrypted).zip(&report.scores_clear) {
                            tr { th scope="row" { (class) } td.number { (score(*encrypted)) } td.number { (score(*clear)) } }
                        }
                    }
                }
            }
        }
    }
}

fn layers(report: &PhotoReport) -> Markup {
    html! {
        section {
            h2 { "The network, layer by layer" }
            p { "The network is " (report.network) ". Each layer takes one level: numbers that can still be multiplied." }
            div.scroll {
                table.list {
                    caption { "Layers, and the time of each" }
                    thead {
                        tr {
                            th scope="col" { "Layer" } th scope="col" { "Output" }
                            th.number scope="col" { "Level" } th.number scope="col" { "Rotations" } th.number scope="col" { "Time" }
                        }
                    }
                    tbody {
                        @for layer in &report.layers {
                            tr {
                                th scope="row" { (layer.name) }
                                td { (layer.shape.iter().map(usize::to_string).collect::<Vec<_>>().join(" × ")) }
                                td.number { (layer.level) }
                                td.number { (count(layer.rotations)) }
                                td.number { (duration(Duration::from_secs_f64(layer.seconds))) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn sizes(report: &PhotoReport) -> Markup {
    html! {
        section {
            h2 { "How large things are" }
            div.two {
                table.list {
                    caption { "Sizes" }
                    tbody {
                        (costs::size("Evaluation keys", "server", report.sizes.evaluation_keys))
                        (costs::size("The photograph, encrypted", "server", report.sizes.image))
                        (costs::size("The scores, encrypted", "server, then owner", report.sizes.scores))
                    }
                }
                (costs::encryption(report.parameters))
            }
        }
    }
}

fn limits(report: &PhotoReport) -> Markup {
    html! {
        section {
            h2 { "Limits" }
            ul {
                li { "The network knows " (report.classes.join(" and ")) " only: it says one of these of any photograph." }
                li { "The server’s network is not encrypted: it is the server’s own, and whoever reads many scores can copy it." }
                li { "Nothing proves to the owner that the server computed what it was asked to compute." }
                li { "A decrypted score must never go back to the server: scores of CKKS carry traces of the secret key, and rounding removes them from what is shown here only." }
                li { "The security in bits is an estimate for known attacks, not a proof. The program has had no independent audit." }
            }
        }
    }
}
