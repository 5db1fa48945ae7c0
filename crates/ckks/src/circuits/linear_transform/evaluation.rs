//! Linear transforms of encrypted vectors, with double hoisting.

use std::collections::BTreeMap;

use rayon::prelude::*;
use tapetum_ring::{Evaluation, GaloisElement, Poly, inner_product};

use super::LinearTransform;
use super::encoded::GiantStep;
use crate::ciphertext::Ciphertext;
use crate::evaluator::{
    EvaluationError, Evaluator, KeyName, TERMS_AT_ONCE, check_degree, check_levels,
};
use crate::keys::GaloisKey;

/// Two polynomials over Q P that encrypt P times a message.
type Raised = [Poly<Evaluation>; 2];

/// The keys of the rotations of a transform; none for the rotation by nothing.
type Keys<'a> = BTreeMap<i64, Option<&'a GaloisKey>>;

impl Evaluator {
    /// A matrix times the vector of the slots, with one level less: `transform` in the clear, its
    /// rotations by [`rotations`](LinearTransform::rotations).
    ///
    /// Baby-step giant-step with double hoisting (Bossuat, Mouchet, Troncoso-Pastoriza, Hubaux,
    /// 2021, algorithm 6): one decomposition serves all baby steps; their products with the
    /// diagonals and the rotated giant steps are added up over Q P. The division by P is done once
    /// for one half of each giant step, and once at the end for the result, together with the
    /// rescaling. [`operations`](LinearTransform::operations) counts what is done.
    ///
    /// An argument of the canonical scale of its level gives a result of the canonical scale; any
    /// other deviation from it stays the same. The error in a slot is about that of one
    /// rotation and one rescaling, times the square root of the sum of the squares of the
    /// matrix entries in the slot's row.
    ///
    /// # Errors
    /// If the ciphertext has degree 2 or another level or other parameters than the transform, or
    /// a key is missing or serves lower levels only.
    pub fn linear_transform(
        &self,
        a: &Ciphertext,
        transform: &LinearTransform,
    ) -> Result<Ciphertext, EvaluationError> {
        self.check_own(a.parameters())?;
        self.check_own(transform.plan().parameters())?;
        check_degree("a linear transform", a, 1)?;
        let level = a.level();
        check_levels(level, transform.level())?;
        self.checked_scale(a.scale() * transform.plan().scale(), level)?;
        let parameters = self.parameters();
        let Some(divider) = parameters.mod_down_rescaler(level) else {
            unreachable!("transforms have a level to take");
        };
        let babies = self.keys_of(transform.plan().babies(), level)?;
        let giants = self.keys_of(transform.plan().giants(), level)?;

        let babies = self.baby_steps(a, babies)?;
        let sum = transform
            .giants()
            .par_iter()
            .map(|giant| self.giant_step(giant, &babies, giants[&giant.steps], level))
            .try_reduce_with(|mut sum, term| {
                add_assign(&mut sum, &term);
                Ok(sum)
            })
            .ok_or(EvaluationError::Empty)??;
        let [c0, c1] = divider.divide_pair(sum);
        let scale = parameters.scale(level - 1) * (a.scale() / parameters.scale(level));
        Ok(Ciphertext::new(parameters, vec![c0, c1], scale))
    }

    fn keys_of(
        &self,
        rotations: impl IntoIterator<Item = i64>,
        level: usize,
    ) -> Result<Keys<'_>, EvaluationError> {
        rotations
            .into_iter()
            .map(|steps| {
                let element = GaloisElement::rotation(steps, self.parameters().log_n());
                let key = (steps != 0)
                    .then(|| self.galois_key(element, KeyName::Rotation(steps), level))
                    .transpose()?;
                Ok((steps, key))
            })
            .collect()
    }

    /// P times the rotations of `a`, over Q P.
    fn baby_steps(
        &self,
        a: &Ciphertext,
        keys: Keys<'_>,
    ) -> Result<BTreeMap<i64, Raised>, EvaluationError> {
        let parameters = self.parameters();
        let (decomposer, qp) = (parameters.decomposer(a.level()), parameters.qp(a.level()));
        // P times the ciphertext is zero modulo the primes of P.
        let scaled = [0, 1].map(|half| {
            let mut part = a.parts()[half].clone();
            part.scale_assign(|i| decomposer.special_product(i));
            part
        });
        let digits = if keys.values().any(Option::is_some) {
            self.digits(a)
        } else {
            Vec::new()
        };
        keys.into_par_iter()
            .map(|(steps, key)| {
                let step = match key {
                    Some(key) => {
                        let [mut k0, k1] = key.key()?.switch_hoisted(&digits);
                        k0.add_prefix_assign(&scaled[0]);
                        [k0, k1].map(|part| key.automorphism().apply(&part))
                    }
                    None => [0, 1].map(|half| {
                        let mut part = Poly::zero(qp);
                        part.add_prefix_assign(&scaled[half]);
                        part
                    }),
                };
                Ok((steps, step))
            })
            .collect()
    }

    /// The sum of the products of one giant step, rotated by it, over Q P.
    fn giant_step(
        &self,
        giant: &GiantStep,
        babies: &BTreeMap<i64, Raised>,
        key: Option<&GaloisKey>,
        level: usize,
    ) -> Result<Raised, EvaluationError> {
        let sum = |half: usize| {
            let pairs: Vec<_> = giant
                .terms
                .iter()
                .map(|term| (&babies[&term.baby][half], &term.diagonal))
                .collect();
            sum_of_products(&pairs)
        };
        let (c0, c1) = rayon::join(|| sum(0), || sum(1));
        let Some(key) = key else {
            return Ok([c0, c1]);
        };
        // Only c1 leaves Q P: what it is decomposed into must be small.
        let parameters = self.parameters();
        let c1 = parameters.mod_down(level).divide(c1);
        let [mut k0, k1] = key.key()?.switch(parameters.decomposer(level), &c1);
        k0.add_assign(&c0);
        Ok([k0, k1].map(|part| key.automorphism().apply(&part)))
    }
}

/// A lazy sum of any number of products, at least one.
fn sum_of_products(pairs: &[(&Poly<Evaluation>, &Poly<Evaluation>)]) -> Poly<Evaluation> {
    let (first, others) = pairs.split_at(pairs.len().min(TERMS_AT_ONCE));
    let mut sum = inner_product(first);
    for chunk in others.chunks(TERMS_AT_ONCE) {
        sum.add_assign(&inner_product(chunk));
    }
    sum
}

fn add_assign(sum: &mut Raised, term: &Raised) {
    for (sum, term) in sum.iter_mut().zip(term) {
        sum.add_assign(term);
    }
}
