//! The page that `tapetum demo` leaves behind: one HTML file that needs nothing else.
//!
//! [`render`] turns a [`DemoReport`] into the text of the page. Pictures are embedded as PNG, charts are
//! inline SVG, and there is no script: the page reads the same from a disk, from a server and on paper.
//! All text goes through `maud`, which escapes it.

mod axis;
mod charts;
mod costs;
mod data;
mod drawn;
mod format;
mod limits;
mod photo;
mod picture;
mod plots;
mod results;
mod roles;
mod story;

pub use data::{
    DemoReport, Example, ModelSummary, Outcome, ParameterSummary, PredictionSummary, Role, Sizes,
    Step,
};
pub use drawn::draw;
pub use photo::{LayerTime, PhotoReport, PhotoSizes, render_photo};
pub use picture::NOISE_BYTES;

use maud::{DOCTYPE, Markup, PreEscaped, html};

const STYLE: &str = include_str!("page.css");

/// Forbids the page to load or run anything, whatever a class name or a machine name may contain.
const CONTENT_SECURITY_POLICY: &str =
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; form-action 'none'";

/// The whole page. A report without pictures, steps or outcomes gives a page without those parts.
pub fn render(report: &DemoReport) -> String {
    let [first, second] = &report.classes;
    let title = format!("Tapetum: {first} or {second}, learned from encrypted pictures");
    let parts = html! {
        (story::headline(report))
        (story::three_roles(report))
        (story::what_the_server_saw(report))
        (results::predictions(report))
        (results::reference(report))
        (costs::steps(&report.steps, report.total))
        (costs::sizes(report))
        (costs::parameters(report))
        (limits::learned(report))
        (limits::limits(report))
    };
    page(&title, &parts, &report.version, &report.date)
}

/// A page of these parts.
fn page(title: &str, parts: &Markup, version: &str, date: &str) -> String {
    html! {
        (DOCTYPE)
        html lang="en" {
            (head(title))
            body {
                main { (parts) }
                footer {
                    p {
                        "Written by Tapetum " (version) " on " (date) ". "
                        "This page is a single file: it loads nothing and runs no script."
                    }
                }
            }
        }
    }
    .into_string()
}

fn head(title: &str) -> Markup {
    html! {
        head {
            meta charset="utf-8";
            meta http-equiv="Content-Security-Policy" content=(CONTENT_SECURITY_POLICY);
            meta name="viewport" content="width=device-width, initial-scale=1";
            meta name="color-scheme" content="light dark";
            title { (title) }
            // Keeps browsers from asking for /favicon.ico.
            link rel="icon" href="data:,";
            style { (PreEscaped(STYLE)) }
        }
    }
}

#[cfg(test)]
mod tests;
