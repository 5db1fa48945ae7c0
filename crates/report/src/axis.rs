//! Axes of charts, and the figures that they lie in.

use maud::{Markup, html};

/// Spans that have an axis of their own: beyond, ticks would lose their digits.
pub const DRAWABLE: std::ops::Range<f64> = 1e-290..1e290;

/// Width of a figure.
pub const WIDTH: f64 = 440.0;
/// Height of a figure.
pub const HEIGHT: f64 = 400.0;
/// Left end of its axis below.
pub const LEFT: f64 = 58.0;
/// Right end of its axis below.
pub const RIGHT: f64 = 428.0;
/// Upper end of its axis beside it.
pub const TOP: f64 = 14.0;
/// Lower end of its axis beside it.
pub const BOTTOM: f64 = 336.0;

/// A range of values and where they lie in the figure.
pub struct Axis {
    low: f64,
    high: f64,
    step: f64,
}

impl Axis {
    /// Covers zero and all finite values, out to whole ticks.
    pub fn around(values: impl Iterator<Item = f64>) -> Self {
        let (low, high) = values
            .filter(|value| value.is_finite())
            .fold((0.0, 0.0), |(low, high): (f64, f64), value| {
                (low.min(value), high.max(value))
            });
        Self::between(low, high)
    }

    /// Covers these two values, out to whole ticks.
    pub fn between(low: f64, high: f64) -> Self {
        let span = high - low;
        if !DRAWABLE.contains(&span) {
            return Self {
                low: -1.0,
                high: 1.0,
                step: 0.5,
            };
        }
        let rough = span / 5.0;
        let power = 10f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0]
            .into_iter()
            .map(|factor| factor * power)
            .find(|step| *step >= rough)
            .unwrap_or(rough);
        Self {
            low: (low / step).floor() * step,
            high: (high / step).ceil() * step,
            step,
        }
    }

    fn part(&self, value: f64) -> f64 {
        (value - self.low) / (self.high - self.low)
    }

    /// Where a value is on the axis below the figure.
    pub fn across(&self, value: f64) -> f64 {
        LEFT + self.part(value) * (RIGHT - LEFT)
    }

    /// Where a value is on the axis beside the figure.
    pub fn up(&self, value: f64) -> f64 {
        BOTTOM - self.part(value) * (BOTTOM - TOP)
    }

    /// Values and labels of the ticks.
    pub fn ticks(&self) -> impl Iterator<Item = (f64, String)> {
        let first = (self.low / self.step).round() as i64;
        let last = (self.high / self.step).round() as i64;
        let decimals = (-self.step.log10().floor()).clamp(0.0, 9.0) as usize;
        (first..=last).map(move |index| {
            let value = index as f64 * self.step;
            (value, format!("{value:.decimals$}").replace('-', "−"))
        })
    }
}

/// Lines and labels of the ticks of both axes.
pub fn grid(across: &Axis, up: &Axis) -> Markup {
    html! {
        g.grid {
            @for (value, label) in across.ticks() {
                line x1=(px(across.across(value))) y1=(TOP) x2=(px(across.across(value))) y2=(BOTTOM) {}
                text x=(px(across.across(value))) y=(BOTTOM + 18.0) text-anchor="middle" { (label) }
            }
            @for (value, label) in up.ticks() {
                line x1=(LEFT) y1=(px(up.up(value))) x2=(RIGHT) y2=(px(up.up(value))) {}
                text x=(LEFT - 7.0) y=(px(up.up(value) + 4.5)) text-anchor="end" { (label) }
            }
        }
    }
}

/// What the axis beside a figure shows.
pub fn upright_title(title: &str) -> Markup {
    let middle = (TOP + BOTTOM) / 2.0;
    html! {
        g.axis-title {
            text x="0" y="0" text-anchor="middle" transform={ "translate(15 " (middle) ") rotate(-90)" } { (title) }
        }
    }
}

/// A coordinate to a tenth of a unit.
pub fn px(coordinate: f64) -> String {
    format!("{coordinate:.1}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_cover_their_values_with_few_ticks() {
        for values in [
            vec![-2.31, 4.7],
            vec![3.0],
            vec![-1e-9, -3e-9],
            vec![1e12, -5e11],
            vec![0.0],
            vec![f64::NAN, f64::INFINITY, 2.0],
            vec![f64::MAX, -f64::MAX],
            vec![5e-324],
            vec![],
        ] {
            let axis = Axis::around(values.iter().copied());
            let ticks = axis.ticks().count();
            assert!((2..=12).contains(&ticks), "{values:?}: {ticks} ticks");
            assert!(axis.low <= 0.0 && 0.0 <= axis.high);
            for value in values {
                if value.is_finite() && value.abs() < 1e300 {
                    assert!((-1e-9..=1.0 + 1e-9).contains(&axis.part(value)), "{value}");
                }
            }
        }
    }
}
