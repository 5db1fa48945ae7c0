//! Two charts of encrypted against clear scores, as inline SVG.

use maud::{Markup, html};

use super::axis::{
    Axis, BOTTOM, DRAWABLE, HEIGHT, LEFT, RIGHT, TOP, WIDTH, grid, px, upright_title,
};
use super::data::{DemoReport, Outcome};
use super::format::{count, scientific, short, superscript};

/// Most points drawn; above it every k-th outcome is.
const MOST_POINTS: usize = 1500;

/// Encrypted score against clear score: agreement is the diagonal.
pub fn scores(report: &DemoReport) -> Markup {
    let points = points(&report.outcomes);
    let axis = Axis::around(
        (points.iter()).flat_map(|outcome| [outcome.score_clear, outcome.score_encrypted]),
    );
    let place = |outcome: &Outcome| {
        (
            axis.across(outcome.score_clear),
            axis.up(outcome.score_encrypted),
        )
    };
    html! {
        figure.plot {
            svg viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } role="img" aria-labelledby="scores-title scores-description" {
                title id="scores-title" { "Encrypted score against clear score" }
                desc id="scores-description" {
                    (count(points.len())) " points; on the diagonal both scores are equal."
                }
                (frame(&axis, &axis, report))
                line.diagonal x1=(LEFT) y1=(BOTTOM) x2=(RIGHT) y2=(TOP) {}
                (marks(&points, place))
                (upright_title("score, encrypted"))
            }
            figcaption {
                "Each picture once: across, its score in the clear; up, its decrypted score. On the line the two are equal. "
                (legend(report))
                (thinned(points.len(), report.outcomes.len()))
            }
        }
    }
}

/// Encrypted minus clear score, on a scale of its own.
pub fn differences(report: &DemoReport) -> Markup {
    let points = points(&report.outcomes);
    let difference = |outcome: &Outcome| outcome.score_encrypted - outcome.score_clear;
    let largest = (points.iter())
        .map(|outcome| difference(outcome).abs())
        .fold(0.0, f64::max);
    let exponent = if DRAWABLE.contains(&largest) {
        (largest.log10().floor() as i32).min(0)
    } else {
        0
    };
    let unit = 10f64.powi(exponent);
    let across = Axis::around(points.iter().map(|outcome| outcome.score_clear));
    let up = Axis::around([-largest / unit, largest / unit].into_iter());
    let place = |outcome: &Outcome| {
        (
            across.across(outcome.score_clear),
            up.up(difference(outcome) / unit),
        )
    };
    html! {
        figure.plot {
            svg viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } role="img" aria-labelledby="differences-title differences-description" {
                title id="differences-title" { "Encrypted score minus clear score" }
                desc id="differences-description" {
                    "The differences scatter around zero; the largest is " (scientific(largest)) "."
                }
                (frame(&across, &up, report))
                (marks(&points, place))
                (upright_title(&match exponent {
                    0 => "difference".to_owned(),
                    _ => format!("difference × 10{}", superscript(&(-exponent).to_string())),
                }))
            }
            figcaption {
                "The same pictures under a magnifying glass: up, the decrypted score minus the score in the clear, "
                @if exponent != 0 { "enlarged by 10" (superscript(&(-exponent).to_string())) ". " } @else { "as it is. " }
                "This is what encryption costs in precision."
            }
        }
    }
}

/// Grid, tick labels, and the threshold at zero with what lies on either side of it.
fn frame(across: &Axis, up: &Axis, report: &DemoReport) -> Markup {
    let [first, second] = &report.classes;
    let zero = across.across(0.0);
    html! {
        (grid(across, up))
        g.zero {
            line x1=(px(zero)) y1=(TOP) x2=(px(zero)) y2=(BOTTOM) {}
            line x1=(LEFT) y1=(px(up.up(0.0))) x2=(RIGHT) y2=(px(up.up(0.0))) {}
        }
        g.axis-title {
            text x=((LEFT + RIGHT) / 2.0) y=(BOTTOM + 40.0) text-anchor="middle" { "score in the clear" }
            text x=(LEFT) y=(BOTTOM + 58.0) { "← " (short(second)) }
            text x=(RIGHT) y=(BOTTOM + 58.0) text-anchor="end" { (short(first)) " →" }
        }
    }
}

/// Rings for the first class, crosses for the second.
fn marks(points: &[&Outcome], place: impl Fn(&Outcome) -> (f64, f64)) -> Markup {
    let of = |first: bool| {
        (points.iter())
            .filter(move |outcome| outcome.truth == first)
            .map(|outcome| place(outcome))
            .filter(|(x, y)| x.is_finite() && y.is_finite())
    };
    html! {
        g.second {
            @for (x, y) in of(false) {
                path d={ "M" (px(x - 3.2)) " " (px(y - 3.2)) "l6.4 6.4m0-6.4l-6.4 6.4" } {}
            }
        }
        g.first { @for (x, y) in of(true) { circle cx=(px(x)) cy=(px(y)) r="3.6" {} } }
    }
}

fn legend(report: &DemoReport) -> Markup {
    html! {
        span.legend {
            svg.first viewBox="0 0 12 12" aria-hidden="true" { circle cx="6" cy="6" r="4" {} }
            "ring: in truth " (report.classes[0])
        }
        " "
        span.legend {
            svg.second viewBox="0 0 12 12" aria-hidden="true" { path d="M2 2 L10 10 M10 2 L2 10" {} }
            "cross: in truth " (report.classes[1])
        }
    }
}

/// Tells that not all points are drawn, where that is so.
fn thinned(drawn: usize, all: usize) -> Markup {
    html! {
        @if drawn < all { " Drawn are " (count(drawn)) " of " (count(all)) " pictures." }
    }
}

fn points(outcomes: &[Outcome]) -> Vec<&Outcome> {
    let every = outcomes.len().div_ceil(MOST_POINTS).max(1);
    outcomes.iter().step_by(every).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_outcomes_are_thinned() {
        let outcome = Outcome {
            truth: true,
            prediction_encrypted: true,
            prediction_clear: true,
            score_encrypted: 1.0,
            score_clear: 1.0,
        };
        assert_eq!(points(&vec![outcome; 448]).len(), 448);
        assert!(points(&vec![outcome; 100_000]).len() <= MOST_POINTS);
        assert!(points(&[]).is_empty());
    }
}
