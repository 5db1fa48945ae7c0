//! What it took: time for each step, bytes, parameters.

use std::time::Duration;

use maud::{Markup, html};

use super::data::{DemoReport, ParameterSummary, Step};
use super::format::{bytes, count, duration};

/// Steps in order, with a bar for the time of each.
pub fn steps(steps: &[Step], total: Duration) -> Markup {
    let Some(longest) = steps.iter().map(|step| step.time).max() else {
        return html! {};
    };
    html! {
        section {
            h2 { "What it took" }
            p { "All steps in order, " (duration(total)) " in all. Each bar is the time of its step." }
            ol.steps {
                @for step in steps {
                    (self::step(step, step.time.as_secs_f64() / longest.as_secs_f64()))
                }
            }
        }
    }
}

fn step(step: &Step, part: f64) -> Markup {
    // All steps may have taken no measurable time.
    let width = if part.is_finite() { 100.0 * part } else { 0.0 };
    html! {
        li class=(step.role.class()) {
            span.who { (step.role.name()) }
            h3 { (step.what) }
            div.time {
                div.track { div.bar style={ "width:" (format!("{width:.1}")) "%" } {} }
                span { (duration(step.time)) }
            }
            p.detail {
                @if let Some(number) = step.bytes { span { "writes " strong { (bytes(number)) } } }
                @if !step.server_learns.is_empty() { span { "the server learns: " (step.server_learns) } }
            }
        }
    }
}

/// Sizes of keys and ciphertexts.
pub fn sizes(report: &DemoReport) -> Markup {
    let sizes = report.sizes;
    html! {
        section {
            h2 { "How large things are" }
            div.scroll {
                table.list {
                    caption { "Sizes of keys and ciphertexts" }
                    thead { tr { th scope="col" { "What" } th scope="col" { "Who holds it" } th.number scope="col" { "Size" } } }
                    tbody {
                        (size("Secret key", "owner alone", sizes.secret_key))
                        (size("Public key", "owner and contributors", sizes.public_key))
                        (size("Evaluation keys", "server", sizes.evaluation_keys))
                        (size("A picture to train on, encrypted by the owner", "server", sizes.ciphertext_per_image))
                        (size("A picture to classify, encrypted by a contributor", "server", sizes.ciphertext_per_test_image))
                        (size("The model, encrypted", "server", sizes.model))
                        (size(if report.predictions.is_some() { "All predictions, encrypted" } else { "All scores, encrypted" }, "server, then owner", sizes.scores))
                    }
                }
            }
            @if let Some(example) = report.examples.first() {
                @let pixels = example.picture.pixels().len() as u64;
                p.aside {
                    "For comparison, the pixels of such a picture are " (bytes(pixels))
                    ". Where several pictures share a ciphertext, its size is divided among them."
                }
            }
        }
    }
}

pub fn size(what: &str, who: &str, number: u64) -> Markup {
    html! { tr { th scope="row" { (what) } td { (who) } td.number { (bytes(number)) } } }
}

/// Model and encryption parameters.
pub fn parameters(report: &DemoReport) -> Markup {
    let model = &report.model;
    html! {
        section {
            h2 { "Model and parameters" }
            div.two {
                table.list {
                    caption { "The classifier" }
                    tbody {
                        tr { th scope="row" { "Estimator" } td { (model.learner) } }
                        tr { th scope="row" { "Features" } td { code { (model.features) } } }
                        tr { th scope="row" { "Numbers a picture" } td { (count(model.columns)) } }
                        tr { th scope="row" { "Training iterations" } td { (count(model.iterations)) } }
                        tr {
                            th scope="row" { "Labels in training" }
                            td { (if model.labels_encrypted { "encrypted" } else { "sent in the clear" }) }
                        }
                    }
                }
                (encryption(report.parameters))
            }
        }
    }
}

/// Encryption parameters as a table.
pub fn encryption(parameters: ParameterSummary) -> Markup {
    html! {
        table.list {
            caption { "The encryption, CKKS" }
            tbody {
                tr { th scope="row" { "Ring degree" } td { "2" sup { (parameters.log_n) } } }
                tr { th scope="row" { "Largest modulus" } td { (format!("{:.0}", parameters.log_qp)) "\u{a0}bits" } }
                tr { th scope="row" { "Levels" } td { (count(parameters.levels)) } }
                tr { th scope="row" { "Scale" } td { "2" sup { (parameters.log_scale) } } }
                tr { th scope="row" { "Estimated security" } td { (parameters.security_bits) "\u{a0}bits" } }
            }
        }
    }
}
