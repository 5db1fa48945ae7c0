//! What came out: predictions on pictures, and the comparison with the plaintext reference.

use maud::{Markup, html};

use super::data::{Confusion, DemoReport, Example};
use super::format::{count, percent, scientific, score};
use super::plots;
use super::story::picture_of;

/// Pictures shown with their predictions; more would make the page heavy.
const CARDS: usize = 48;

/// Pictures with the prediction that the owner read.
pub fn predictions(report: &DemoReport) -> Markup {
    let shown = &report.examples[..report.examples.len().min(CARDS)];
    if shown.is_empty() {
        return html! {};
    }
    let right = (shown.iter())
        .filter(|example| example.outcome.truth == example.outcome.prediction_encrypted)
        .count();
    html! {
        section {
            h2 { "The predictions" }
            p {
                "Here are " (count(shown.len())) " of the " (count(report.outcomes.len()))
                " classified pictures; the server was right about " (count(right)) " of these. "
                @if report.predictions.is_some() {
                    "What was decrypted is a 1 or a 0 for each picture: no score left the server."
                } @else {
                    "Below each prediction is the decrypted score, above zero for “" (report.classes[0]) "”."
                }
            }
            ul.cards {
                @for (index, example) in shown.iter().enumerate() { (card(report, index, example)) }
            }
        }
    }
}

fn card(report: &DemoReport, index: usize, example: &Example) -> Markup {
    let outcome = example.outcome;
    let right = outcome.truth == outcome.prediction_encrypted;
    let truth = report.class(outcome.truth);
    html! {
        li class=(if right { "right" } else { "wrong" }) {
            (picture_of(example, &format!("Picture {}: {truth}", index + 1)))
            p.prediction { (mark(right)) (report.class(outcome.prediction_encrypted)) }
            @if right {
                p.truth { "right" }
            } @else {
                p.truth { "wrong: it is “" (truth) "”" }
            }
            @if report.predictions.is_none() { p.score { (score(outcome.score_encrypted)) } }
            @if outcome.prediction_clear != outcome.prediction_encrypted {
                p.truth { "in the clear: " (report.class(outcome.prediction_clear)) " (" (score(outcome.score_clear)) ")" }
            }
        }
    }
}

/// A tick or a cross: the shape tells, not the colour alone.
fn mark(right: bool) -> Markup {
    html! {
        svg.mark viewBox="0 0 16 16" aria-hidden="true" {
            @if right {
                path d="M2.5 8.5 L6.5 12.5 L13.5 4" {}
            } @else {
                path d="M3.5 3.5 L12.5 12.5 M12.5 3.5 L3.5 12.5" {}
            }
        }
    }
}

/// Encrypted against clear: confusions and scores.
pub fn reference(report: &DemoReport) -> Markup {
    if report.outcomes.is_empty() {
        return html! {};
    }
    html! {
        section {
            h2 { "Did encryption change the result?" }
            p {
                "Every encrypted computation here has a reference: the same steps with the same polynomials on the same numbers, "
                "without encryption. Of " (count(report.outcomes.len())) " predictions, "
                strong { (count(report.same_predictions())) " are the same" }
                @if let Some(predictions) = report.predictions {
                    ". The server compared scores with zero under encryption, and what it sent back is within "
                    (scientific(predictions.largest_error)) " of 1 for “" (report.classes[0]) "” and of 0 otherwise, and of 0 wherever there is no picture, so that it tells "
                    "no score. " (count(predictions.within_gap)) " pictures have a score nearer to zero than " (score(predictions.gap)) ", where the comparison does not decide."
                } @else {
                    ". What remains between the scores is the rounding noise of the encryption scheme, CKKS, which computes with approximate numbers."
                }
            }
            div.two {
                (confusion(report, "Encrypted", report.confusion_encrypted()))
                (confusion(report, "In the clear", report.confusion_clear()))
            }
            @if report.predictions.is_none() {
                div.two {
                    (plots::scores(report))
                    (plots::differences(report))
                }
            }
        }
    }
}

fn confusion(report: &DemoReport, name: &str, confusion: Confusion) -> Markup {
    html! {
        table.confusion {
            caption {
                strong { (name) } ": " (count(confusion.right())) " of " (count(confusion.total()))
                " right, " (percent(confusion.accuracy()))
            }
            thead {
                tr {
                    td {}
                    @for class in &report.classes { th scope="col" { "called " (class) } }
                }
            }
            tbody {
                @for (truth, row) in confusion.counts.iter().enumerate() {
                    tr {
                        th scope="row" { "is " (report.classes[truth]) }
                        @for (prediction, number) in row.iter().enumerate() {
                            td class=(if truth == prediction { "right" } else { "wrong" }) {
                                span.number { (count(*number)) }
                                span.note { (mark(truth == prediction)) (if truth == prediction { "right" } else { "wrong" }) }
                            }
                        }
                    }
                }
            }
        }
    }
}
