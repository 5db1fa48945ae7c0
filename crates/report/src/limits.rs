//! What the server knows afterwards, and what the demo does not show.

use maud::{Markup, html};

use super::data::{Confusion, DemoReport};
use super::format::{count, percent};

/// What the server learned, beside what it did not.
pub fn learned(report: &DemoReport) -> Markup {
    let encrypted = report.model.labels_encrypted;
    html! {
        section {
            h2 { "What the server learned, and what it did not" }
            div.two {
                div.panel {
                    h3 { "It learned" }
                    ul {
                        li { "that there are " (count(report.train_images)) " pictures to train on and " (count(report.outcomes.len())) " to classify, each " (count(report.model.columns)) " numbers wide" }
                        li { "the recipe: " (report.model.learner) ", its step sizes and polynomials" }
                        li { "the encryption parameters, the size of each file and the time of each step" }
                        @if !encrypted {
                            li { strong { "which training pictures are " (report.classes[0]) } ": their labels were sent in the clear" }
                        }
                    }
                }
                div.panel {
                    h3 { "It did not learn" }
                    ul {
                        li { "any picture, or any number computed from one" }
                        @if encrypted { li { "any label" } }
                        li { "the model: every weight is encrypted" }
                        li { "any score or prediction, nor how well the model does" }
                    }
                }
            }
            p {
                "This holds for a server that follows the protocol and is never shown a decrypted result. It rests on the hardness of "
                "ring learning with errors, on the estimate of " (report.parameters.security_bits)
                " bits, and on the usual assumption that keys may be encrypted under themselves."
            }
        }
    }
}

/// Honest words.
pub fn limits(report: &DemoReport) -> Markup {
    html! {
        section {
            h2 { "Limits" }
            ul {
                @if let Some((low, high)) = interval(report.confusion_encrypted()) {
                    li {
                        "This is one run on one split. From " (count(report.outcomes.len()))
                        " pictures alone, the accuracy of this model on pictures like these lies between "
                        (percent(Some(low))) " and " (percent(Some(high))) " (95\u{a0}% confidence)."
                    }
                }
                li { "Small grey pictures and a linear classifier: deep networks in the clear reach far more on photographs." }
                li { "Nothing proves to the owner that the server computed what it was asked to compute." }
                li { "Anyone who holds the secret key can decrypt everything encrypted under it, pictures included." }
                li { "Features are scaled before encryption by means and deviations of the training pictures; the owner gives these figures to the contributor, but not to the server." }
                li { "A decrypted score must never go back to the server, and to others only after noise has been added: scores of CKKS carry traces of the secret key." }
                li { "The security in bits is an estimate for known attacks, not a proof. The program has had no independent audit." }
            }
        }
    }
}

/// Wilson's 95 % score interval for a share (Wilson 1927); `None` without pictures.
fn interval(confusion: Confusion) -> Option<(f64, f64)> {
    const Z: f64 = 1.959_963_985;
    let share = confusion.accuracy()?;
    let total = confusion.total() as f64;
    let centre = share + Z * Z / (2.0 * total);
    let half = Z * (share * (1.0 - share) / total + Z * Z / (4.0 * total * total)).sqrt();
    let norm = 1.0 + Z * Z / total;
    Some((
        ((centre - half) / norm).max(0.0),
        ((centre + half) / norm).min(1.0),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interval_agrees_with_published_values() {
        // Newcombe 1998, Statistics in Medicine 17, table I, method 3: 81 of 263 and 0 of 20.
        let of = |right, wrong| {
            let counts = [[right, wrong], [0, 0]];
            interval(Confusion { counts }).unwrap()
        };
        let (low, high) = of(81, 182);
        assert!((low - 0.2553).abs() < 5e-5 && (high - 0.3662).abs() < 5e-5);
        let (low, high) = of(0, 20);
        assert!(low.abs() < 1e-12 && (high - 0.1611).abs() < 5e-5);
        assert_eq!(interval(Confusion::default()), None);
    }
}
