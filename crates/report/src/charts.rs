//! Charts that are files of their own: SVG that is readable on light and on dark ground.

use maud::{Markup, PreEscaped, html};
use tapetum::simulate::{Curve, CurvePoint};

use super::axis::{Axis, BOTTOM, HEIGHT, LEFT, RIGHT, WIDTH, grid, px, upright_title};
use super::format::{count, short};

/// More classes than this have no room for numbers.
const MOST_NUMBERS: usize = 24;
/// Sides of a cell of a confusion matrix, in characters of its numbers.
const CELL: f64 = 44.0;

/// The colours are those of the demo's report, without variables, which few programs but browsers
/// know.
const STYLE: &str = "\
text { font: 14px system-ui, 'Segoe UI', Roboto, 'Noto Sans', 'DejaVu Sans', sans-serif; fill: #17212b; }
.ground { fill: #ffffff; }
.grid line { stroke: #d9dde2; }
.grid text { fill: #515d6a; font-size: 13px; }
.train { stroke: #b4530f; fill: none; stroke-width: 2; stroke-dasharray: 6 4; }
.test { stroke: #0b6b60; fill: none; stroke-width: 2.5; }
.right { fill: #0b6b60; }
.wrong { fill: #b02318; }
.cell { stroke: #d9dde2; fill: none; }
@media (prefers-color-scheme: dark) {
  text { fill: #e9eef3; }
  .ground { fill: #171e26; }
  .grid line, .cell { stroke: #303b46; }
  .grid text { fill: #a9b5c1; }
  .train { stroke: #f7a35c; }
  .test { stroke: #63d8c6; }
  .right { fill: #63d8c6; }
  .wrong { fill: #ff9388; }
}";

/// Accuracy of training and held-out samples over the iterations of a training.
pub fn learning_curve(curve: &Curve) -> String {
    let points = &curve.points;
    let shares = || points.iter().flat_map(|point| [point.train, point.test]);
    let low = shares().fold(1.0, f64::min);
    let high = shares().fold(0.0, f64::max);
    // Some room, so that a flat curve is flat.
    let up = Axis::between(
        100.0 * (low - 0.02).max(0.0),
        100.0 * (high + 0.02).min(1.0),
    );
    let across = Axis::around(points.iter().map(|point| point.iterations as f64));
    let line = |share: &dyn Fn(&CurvePoint) -> f64| {
        let places = points.iter().map(|point| {
            let (x, y) = (
                across.across(point.iterations as f64),
                up.up(100.0 * share(point)),
            );
            format!("{},{}", px(x), px(y))
        });
        places.collect::<Vec<_>>().join(" ")
    };
    let last = points.last().map_or(0.0, |point| point.test);
    let title = format!(
        "Learning curve: {:.1} % of held-out samples right",
        100.0 * last
    );
    standalone(
        (WIDTH, HEIGHT),
        &title,
        html! {
            (grid(&across, &up))
            polyline.train points=(line(&|point| point.train)) {}
            polyline.test points=(line(&|point| point.test)) {}
            text x=((LEFT + RIGHT) / 2.0) y=(BOTTOM + 38.0) text-anchor="middle" { (curve.iterations_are) }
            (upright_title("right, per cent"))
            line.test x1=(LEFT) y1=(BOTTOM + 53.0) x2=(LEFT + 26.0) y2=(BOTTOM + 53.0) {}
            text x=(LEFT + 33.0) y=(BOTTOM + 58.0) { "held out" }
            line.train x1=(LEFT + 130.0) y1=(BOTTOM + 53.0) x2=(LEFT + 156.0) y2=(BOTTOM + 53.0) {}
            text x=(LEFT + 163.0) y=(BOTTOM + 58.0) { "trained on" }
        },
    )
}

/// How many samples of each true class, a row each, were found to be in each class. The darker a
/// cell, the larger its share of the row.
pub fn confusion_matrix(classes: &[String], counts: &[Vec<u64>]) -> String {
    let names: Vec<String> = classes.iter().map(|name| short(name)).collect();
    let longest = names.iter().map(|name| name.chars().count()).max();
    let room = 16.0 + 8.5 * longest.unwrap_or(0) as f64;
    let (left, top) = (room + 26.0, room + 34.0);
    let side = CELL * classes.len() as f64;
    let place = |i: usize, from: f64| from + CELL * i as f64;
    let right: u64 = (counts.iter().enumerate())
        .filter_map(|(i, row)| row.get(i))
        .sum();
    let total: u64 = counts.iter().flatten().sum();
    let title = format!("Confusion matrix: {right} of {total} samples right");
    standalone(
        (left + side + 14.0, top + side + 14.0),
        &title,
        html! {
            text x=(px(left + side / 2.0)) y="20" text-anchor="middle" { "found to be" }
            text x="0" y="0" text-anchor="middle" transform={ "translate(18 " (px(top + side / 2.0)) ") rotate(-90)" } { "in truth" }
            @for (i, name) in names.iter().enumerate() {
                text x=(px(left - 8.0)) y=(px(place(i, top) + CELL / 2.0 + 5.0)) text-anchor="end" { (name) }
                text x="0" y="0" transform={ "translate(" (px(place(i, left) + CELL / 2.0 + 5.0)) " " (px(top - 8.0)) ") rotate(-90)" } { (name) }
            }
            @for (i, row) in counts.iter().enumerate() {
                @let sum = row.iter().sum::<u64>().max(1) as f64;
                @for (j, &cell) in row.iter().enumerate() {
                    rect class=(if i == j { "right" } else { "wrong" }) x=(px(place(j, left))) y=(px(place(i, top))) width=(CELL) height=(CELL) fill-opacity=(format!("{:.3}", 0.5 * cell as f64 / sum)) {}
                    rect.cell x=(px(place(j, left))) y=(px(place(i, top))) width=(CELL) height=(CELL) {}
                    @if counts.len() <= MOST_NUMBERS && cell > 0 {
                        text x=(px(place(j, left) + CELL / 2.0)) y=(px(place(i, top) + CELL / 2.0 + 5.0)) text-anchor="middle" { (count(cell as usize)) }
                    }
                }
            }
        },
    )
}

fn standalone((width, height): (f64, f64), title: &str, content: Markup) -> String {
    html! {
        svg xmlns="http://www.w3.org/2000/svg" viewBox={ "0 0 " (px(width)) " " (px(height)) } width=(px(width)) height=(px(height)) role="img" {
            title { (title) }
            style { (PreEscaped(STYLE)) }
            rect.ground x="0" y="0" width=(px(width)) height=(px(height)) {}
            (content)
        }
    }
    .into_string()
        + "\n"
}

#[cfg(test)]
mod tests {
    use super::super::axis::TOP;
    use super::*;

    #[test]
    fn a_curve_has_both_lines_and_rises_with_accuracy() {
        let point = |iterations, train, test| CurvePoint {
            iterations,
            train,
            test,
        };
        let curve = |points| Curve {
            iterations_are: "iterations",
            points,
        };
        let svg = learning_curve(&curve(vec![point(1, 0.7, 0.6), point(2, 0.9, 0.8)]));
        assert!(svg.contains("80.0 % of held-out samples"));
        let line = |class: &str| -> Vec<f64> {
            let from = svg.find(&format!("<polyline class=\"{class}\"")).unwrap();
            let points = svg[from..].split('"').nth(3).unwrap();
            let heights = points.split([' ', ',']).skip(1).step_by(2);
            heights.map(|y| y.parse().unwrap()).collect()
        };
        let (train, test) = (line("train"), line("test"));
        // Upwards is towards zero.
        assert!(train[1] < train[0] && test[1] < test[0] && train[0] < test[0]);
        assert!(test[0] < BOTTOM && train[1] > TOP);
        assert!(learning_curve(&curve(Vec::new())).contains("0.0 %"));
    }

    #[test]
    fn a_matrix_has_every_count_and_escapes_names() {
        let classes = ["<cat>", "dog"].map(str::to_owned);
        let svg = confusion_matrix(&classes, &[vec![1234, 5], vec![0, 7]]);
        assert!(svg.contains("1241 of 1246"));
        assert!(svg.contains("&lt;cat&gt;") && !svg.contains("<cat>"));
        for number in [count(1234), "5".to_owned(), "7".to_owned()] {
            assert!(svg.contains(&format!(">{number}</text>")), "{number}");
        }
        assert_eq!(svg.matches("class=\"right\"").count(), 2);
        assert_eq!(svg.matches("class=\"wrong\"").count(), 2);
        // Readable on either ground.
        assert!(svg.contains("prefers-color-scheme: dark"));
    }
}
