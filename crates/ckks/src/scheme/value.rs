//! One ciphertext with what is known about it, and the arithmetic that keeps levels and scales
//! right.
//!
//! A product keeps its scale and its degree until something else than a sum, a negation or a product by an
//! integer is asked for: then it is relinearised and rescaled, once, however many products were
//! added up before.

use std::sync::OnceLock;

use super::Server;
use super::error::Cause;
use crate::ciphertext::Ciphertext;
use crate::evaluator::EvaluationError;

/// What an encrypted vector holds if nothing went wrong.
pub(super) struct Value {
    ciphertext: Ciphertext,
    /// Whether it waits for relinearisation and rescaling.
    is_product: bool,
    /// Whether the slots beyond the vector are zero.
    is_clean: bool,
    /// How many times the bound it can be if whatever was encrypted or multiplied is within the bound: what
    /// sums have added up to since.
    growth: f64,
    /// What becomes of a product.
    settled: OnceLock<Ciphertext>,
    /// With new levels, if they were needed.
    bootstrapped: OnceLock<Ciphertext>,
}

impl Value {
    /// As it was encrypted: at its canonical scale, and zero beyond the vector.
    pub fn fresh(ciphertext: Ciphertext) -> Self {
        Self::settled(ciphertext, true, 1.0)
    }

    fn settled(ciphertext: Ciphertext, is_clean: bool, growth: f64) -> Self {
        Self {
            ciphertext,
            is_product: false,
            is_clean,
            growth,
            settled: OnceLock::new(),
            bootstrapped: OnceLock::new(),
        }
    }

    fn product(ciphertext: Ciphertext, is_clean: bool, growth: f64) -> Self {
        Self {
            is_product: true,
            ..Self::settled(ciphertext, is_clean, growth)
        }
    }

    /// With another ciphertext of the same level, scale and degree.
    fn with(&self, ciphertext: Ciphertext, growth: f64) -> Self {
        Self {
            is_product: self.is_product,
            ..Self::settled(ciphertext, self.is_clean, growth)
        }
    }

    /// The level that it has once it is settled.
    fn level(&self) -> usize {
        match self.bootstrapped.get() {
            Some(bootstrapped) => bootstrapped.level(),
            None => self.ciphertext.level() - usize::from(self.is_product),
        }
    }
}

/// The largest magnitude.
fn largest(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |largest, x| x.abs().max(largest))
}

impl Server {
    pub(super) fn add(&self, a: &Value, b: &Value) -> Result<Value, Cause> {
        self.summed(a, b, |a, b| self.evaluator().add(a, b))
    }

    pub(super) fn sub(&self, a: &Value, b: &Value) -> Result<Value, Cause> {
        self.summed(a, b, |a, b| self.evaluator().sub(a, b))
    }

    /// Two products of one level wait on together.
    fn summed(
        &self,
        a: &Value,
        b: &Value,
        sum: impl Fn(&Ciphertext, &Ciphertext) -> Result<Ciphertext, EvaluationError>,
    ) -> Result<Value, Cause> {
        let is_clean = a.is_clean && b.is_clean;
        let growth = a.growth + b.growth;
        if a.is_product && b.is_product && a.ciphertext.level() == b.ciphertext.level() {
            let sum = sum(&a.ciphertext, &b.ciphertext)?;
            return Ok(Value::product(sum, is_clean, growth));
        }
        let (a, b) = self.pair(a, b, 0)?;
        Ok(Value::settled(sum(&a, &b)?, is_clean, growth))
    }

    /// Plus the same plain vector in every period, zero beyond its length.
    pub(super) fn add_plain(&self, a: &Value, values: &[f64]) -> Result<Value, Cause> {
        let setup = self.setup();
        // The difference of two values within the bound.
        setup.check_values(values, 2.0 * setup.bound())?;
        let c = &a.ciphertext;
        let encoded = setup.encoded(values);
        let plaintext = self
            .evaluator()
            .encoder()
            .encode_at(&encoded, c.level(), c.scale())?;
        let growth = a.growth + largest(values) / setup.bound();
        Ok(a.with(self.evaluator().add_plain(c, &plaintext)?, growth))
    }

    pub(super) fn negate(&self, a: &Value) -> Result<Value, Cause> {
        Ok(a.with(self.evaluator().neg(&a.ciphertext)?, a.growth))
    }

    /// The product of x / unit and y / unit lacks a factor of unit.
    pub(super) fn mul(&self, a: &Value, b: &Value) -> Result<Value, Cause> {
        let is_clean = a.is_clean || b.is_clean;
        let growth = a.growth * b.growth;
        let (a, b) = self.pair(a, b, 1)?;
        let product = self.evaluator().mul(&a, &b)?;
        let unit = self.setup().unit as i64;
        let product = self.evaluator().mul_integer(&product, unit)?;
        Ok(Value::product(product, is_clean, growth))
    }

    pub(super) fn mul_plain(&self, a: &Value, values: &[f64]) -> Result<Value, Cause> {
        let setup = self.setup();
        setup.check_values(values, f64::MAX)?;
        let growth = a.growth * largest(values).min(1.0);
        let a = self.ready(a, 1)?;
        let plaintext = self
            .evaluator()
            .encoder()
            .encode(&setup.slots(values), a.level())?;
        let product = self.evaluator().mul_plain(a, &plaintext)?;
        Ok(Value::product(product, true, growth))
    }

    /// Products with integers are sums, so to speak: they take no level.
    pub(super) fn mul_scalar(&self, a: &Value, x: f64) -> Result<Value, Cause> {
        const LARGEST: f64 = (1u64 << 32) as f64;
        if x.fract() == 0.0 && x.abs() <= LARGEST {
            let product = self.evaluator().mul_integer(&a.ciphertext, x as i64)?;
            return Ok(a.with(product, a.growth * x.abs()));
        }
        let product = self.evaluator().mul_scalar(self.ready(a, 1)?, x)?;
        let growth = a.growth * x.abs().min(1.0);
        Ok(Value::product(product, a.is_clean, growth))
    }

    /// 1 where the slot is positive, 0 where it is negative.
    pub(super) fn step(&self, a: &Value) -> Result<Value, Cause> {
        let setup = self.setup();
        let a = self.ready(a, setup.precision.levels())?;
        let height = 1.0 / setup.unit;
        let step = self.evaluator().step(a, setup.precision, height)?;
        Ok(Value::settled(step, !setup.has_padding(), 1.0))
    }

    /// The slot where it is positive, 0 where it is negative.
    pub(super) fn relu(&self, a: &Value) -> Result<Value, Cause> {
        let precision = self.setup().precision;
        let x = self.ready(a, precision.levels() + 1)?;
        let relu = self.evaluator().relu(x, precision)?;
        Ok(Value::settled(relu, a.is_clean, 1.0))
    }

    /// The sum of all numbers, in every slot.
    pub(super) fn sum(&self, a: &Value) -> Result<Value, Cause> {
        let setup = self.setup();
        let cleaned = self.cleaned(a)?;
        let x = self.ready(cleaned.as_ref().unwrap_or(a), 0)?;
        let sum = self.evaluator().sum_slots(x, setup.period(), 1)?;
        let growth = a.growth * setup.length as f64;
        Ok(Value::settled(sum, !setup.has_padding(), growth))
    }

    /// Number i + `steps` in place of number i, cyclically, for `steps` below the length.
    ///
    /// Rotations are cyclic over the period. If that is longer than the vector, two of them make one:
    /// what stays, and what comes round from the other end.
    pub(super) fn rotate(&self, a: &Value, steps: usize) -> Result<Value, Cause> {
        let setup = self.setup();
        if !setup.has_padding() {
            let rotated = self.rotated(self.ready(a, 0)?, steps)?;
            return Ok(Value::settled(rotated, true, a.growth));
        }
        let growth = a.growth;
        let a = self.ready(a, 1)?;
        let round = setup.length - steps;
        let mask = |holds: &dyn Fn(usize) -> bool| {
            let ones: Vec<f64> = (0..setup.length)
                .map(|i| f64::from(u8::from(holds(i))))
                .collect();
            self.evaluator()
                .encoder()
                .encode(&setup.slots(&ones), a.level())
        };
        let product = self.evaluator().mul_plain_sum(&[
            (&self.rotated(a, steps)?, &mask(&|i| i < round)?),
            (
                &self.rotated(a, setup.period() - round)?,
                &mask(&|i| i >= round)?,
            ),
        ])?;
        Ok(Value::product(product, true, growth))
    }

    /// By steps to the left, for each bit of their number one.
    fn rotated(&self, a: &Ciphertext, steps: usize) -> Result<Ciphertext, EvaluationError> {
        (0..usize::BITS)
            .filter(|bit| steps >> bit & 1 == 1)
            .try_fold(a.clone(), |a, bit| self.evaluator().rotate(&a, 1 << bit))
    }

    /// To be sent: with nothing beyond the vector, and as small as it can be if it may come back and
    /// be bootstrapped, and if the owner is to see when it is beyond the bound.
    pub(super) fn finished(&self, a: &Value) -> Result<Ciphertext, Cause> {
        let (cleaned, growth, setup) = (self.cleaned(a)?, a.growth, self.setup());
        let x = self.ready(cleaned.as_ref().unwrap_or(a), 0)?;
        let level = (setup.lowest_level()..=x.level())
            .find(|&level| growth < setup.room(level))
            .ok_or(Cause::Range {
                growth,
                room: setup.room(x.level()),
            })?;
        Ok(self.evaluator().lower_to(x, level)?)
    }

    /// With zeros in the slots beyond the vector, if there are not yet.
    fn cleaned(&self, a: &Value) -> Result<Option<Value>, Cause> {
        let ones = || vec![1.0; self.setup().length];
        (!a.is_clean)
            .then(|| self.mul_plain(a, &ones()))
            .transpose()
    }

    /// Both settled, at one level from which this number can be used up.
    fn pair(&self, a: &Value, b: &Value, needed: usize) -> Result<(Ciphertext, Ciphertext), Cause> {
        let (a, b) = (self.ready(a, needed)?, self.ready(b, needed)?);
        Ok(self.evaluator().align(a, b)?)
    }

    /// How many levels can still be used up.
    pub(super) fn levels_left(&self, value: &Value) -> usize {
        value.level().saturating_sub(self.setup().lowest_level())
    }

    /// Settled, and bootstrapped if need be, at a level from which this number can be used up.
    fn ready<'v>(&self, value: &'v Value, needed: usize) -> Result<&'v Ciphertext, Cause> {
        let left = self.levels_left(value);
        if left >= needed {
            return match value.bootstrapped.get() {
                Some(bootstrapped) => Ok(bootstrapped),
                None => self.settle(value),
            };
        }
        let exhausted = |left, total| {
            Err(Cause::Levels {
                needed,
                left,
                total,
            })
        };
        let Some(bootstrapper) = self.bootstrapper() else {
            return exhausted(left, self.setup().parameters.message_level());
        };
        let most = bootstrapper.plan().output_level() - self.setup().lowest_level();
        if needed > most {
            return exhausted(most, most);
        }
        let settled = self.settle(value)?;
        let bootstrapped = self.evaluator().bootstrap(settled, bootstrapper)?;
        Ok(value.bootstrapped.get_or_init(|| bootstrapped))
    }

    /// Relinearised and rescaled, if it is a product.
    fn settle<'v>(&self, value: &'v Value) -> Result<&'v Ciphertext, Cause> {
        if !value.is_product {
            return Ok(&value.ciphertext);
        }
        if let Some(settled) = value.settled.get() {
            return Ok(settled);
        }
        let settled = self.evaluator().relinearize_rescale(&value.ciphertext)?;
        Ok(value.settled.get_or_init(|| settled))
    }
}
