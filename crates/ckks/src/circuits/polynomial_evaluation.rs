//! Polynomials of encrypted numbers.

use std::collections::BTreeMap;

use super::paterson_stockmeyer::{Node, Plan, Powers, factors};
use super::polynomial::{Basis, Polynomial};
use crate::ciphertext::Ciphertext;
use crate::evaluator::{EvaluationError, Evaluator, check_degree};

/// How far the scale of the argument may be from the canonical one: its deviation grows with the
/// power of the degree.
const ARGUMENT_TOLERANCE: f64 = 0.01;

/// Powers of the argument, or Chebyshev polynomials of it, by exponent; each at the highest level
/// that its depth allows.
type PowerTable = BTreeMap<usize, Ciphertext>;

impl Evaluator {
    /// The polynomial of every slot, by the method of Paterson and Stockmeyer (1973).
    ///
    /// It needs [`depth`](Polynomial::depth) levels, the least there are for a general polynomial
    /// of its degree. Degrees 3, 7, 15, 31 and 63 take 2, 4, 7, 10 and 15 relinearisations, which
    /// are nearly all of the work; an even polynomial takes fewer, and coefficients of zero nothing.
    /// The result has the canonical scale of its level exactly: every product on the way aims at
    /// the scale that makes it so (Bossuat, Mouchet, Troncoso-Pastoriza, Hubaux, 2021, section
    /// 4), and no level is lost to adjusting scales.
    ///
    /// Values outside the polynomial's interval, or results that do not fit under the modulus of
    /// the last level, come out as nonsense without a sign; [`Polynomial::eval`] is the reference to
    /// try them on.
    ///
    /// # Errors
    /// [`EvaluationError::LevelExhausted`] with the level that it needs, if the argument is lower;
    /// if the argument has degree 2, other parameters or a scale that is not about canonical; if
    /// the relinearisation key is missing (for degrees above 1) or serves lower levels only.
    pub fn evaluate_polynomial(
        &self,
        x: &Ciphertext,
        polynomial: &Polynomial,
    ) -> Result<Ciphertext, EvaluationError> {
        self.check_argument(x, polynomial.depth())?;
        let level = x.level() - polynomial.depth();
        let scale = self.parameters().scale(level);
        let coefficients = polynomial.coefficients();
        if polynomial.degree() == 0 {
            let mut zero = self.mul_integer(x, 0)?;
            zero.set_scale(scale);
            return self.add_scalar(&zero, coefficients[0]);
        }
        let (argument, kind) = match polynomial.basis() {
            Basis::Monomial => (x.clone(), Powers::Monomial),
            Basis::Chebyshev(interval) => {
                let scaled = match interval.integer_factor() {
                    Some(factor) => self.mul_integer(x, factor)?,
                    None => self.lower_scaled(x, x.level() - 1, interval.factor)?,
                };
                let argument = self.add_scalar(&scaled, interval.offset)?;
                (argument, Powers::Chebyshev)
            }
        };
        let plan = Plan::new(kind, coefficients, polynomial.multiplications_in_a_row());
        let powers = self.powers(kind, argument, &plan)?;
        self.node(&plan.root, &powers, level, scale)
    }

    fn check_argument(&self, x: &Ciphertext, depth: usize) -> Result<(), EvaluationError> {
        let operation = "evaluating the polynomial";
        self.check_own(x.parameters())?;
        check_degree(operation, x, 1)?;
        let level = x.level();
        if level < depth {
            return Err(EvaluationError::LevelExhausted {
                operation,
                level,
                needed: depth,
            });
        }
        let canonical = self.parameters().scale(level);
        if (x.scale() / canonical - 1.0).abs() > ARGUMENT_TOLERANCE {
            return Err(EvaluationError::Scales {
                left: x.scale().log2(),
                right: canonical.log2(),
            });
        }
        Ok(())
    }

    /// The powers of the plan. That of exponent k is ceil(log2 k) levels below the first.
    fn powers(
        &self,
        kind: Powers,
        argument: Ciphertext,
        plan: &Plan,
    ) -> Result<PowerTable, EvaluationError> {
        let mut powers = PowerTable::from([(1, argument)]);
        for &k in &plan.powers {
            let (large, small) = factors(k);
            let (a, b) = (&powers[&large], &powers[&small]);
            let level = a.level().min(b.level());
            let a = self.drop_to_level(a, level)?;
            let mut product = self.mul(&a, &self.drop_to_level(b, level)?)?;
            if kind == Powers::Chebyshev {
                // T_(i+j) = 2 T_i T_j - T_(i-j).
                self.mul_integer_assign(&mut product, 2)?;
                match large - small {
                    0 => self.add_scalar_assign(&mut product, -1.0)?,
                    difference => {
                        let term = [(&powers[&difference], -1.0)];
                        let term = self.linear_combination(&term, level, product.scale())?;
                        self.add_assign(&mut product, &term)?;
                    }
                }
            }
            let power = self.relinearize_rescale(&product)?;
            powers.insert(k, power);
        }
        Ok(powers)
    }

    /// The value of a node at the given level and scale.
    fn node(
        &self,
        node: &Node,
        powers: &PowerTable,
        level: usize,
        scale: f64,
    ) -> Result<Ciphertext, EvaluationError> {
        // All is added up one level above, at the scale that the rescaling brings to `scale`.
        let above = level + 1;
        let prime = self.parameters().q(above).modulus(above).to_f64();
        let sum_scale = scale * prime;

        let mut pairs = Vec::with_capacity(node.products.len());
        for (quotient, m) in &node.products {
            let power = self.drop_to_level(&powers[m], above)?;
            let quotient = self.node(quotient, powers, above, sum_scale / power.scale())?;
            pairs.push((quotient, power));
        }
        let terms: Vec<_> = node.terms.iter().map(|&(k, c)| (&powers[&k], c)).collect();
        let terms = match terms.is_empty() {
            true => None,
            false => Some(self.linear_combination(&terms, above, sum_scale)?),
        };
        let mut sum = if pairs.is_empty() {
            terms.ok_or(EvaluationError::Empty)?
        } else {
            let pairs: Vec<_> = pairs.iter().map(|(a, b)| (a, b)).collect();
            let mut sum = self.inner_product(&pairs)?;
            if let Some(terms) = &terms {
                self.add_assign(&mut sum, terms)?;
            }
            sum
        };
        self.add_scalar_assign(&mut sum, node.constant)?;
        let mut result = self.relinearize_rescale(&sum)?;
        // The same but for the rounding of a few divisions.
        result.set_scale(scale);
        Ok(result)
    }
}
