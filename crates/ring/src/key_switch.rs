//! A key switch together with the division that ends it.

use crate::buffer::{Buffer, slices};
use crate::decompose::{Decomposer, DigitProducts};
use crate::divide::Divider;
use crate::modulus::Residue;
use crate::parallel::for_each_group_pair;
use crate::poly::{Evaluation, Poly};

impl Decomposer {
    /// The sums over the digits of `poly` of digit times `weights[digit][half]`, with P times the addend of
    /// each half (over Q), divided and rounded: a whole key switch (Han, Ki, 2020, section 3). `divider`
    /// divides by P, or by P and the last primes of Q.
    ///
    /// The primes that go come first, since all others wait for them. Modulo a few of the others after the
    /// other the digits are lifted, multiplied, added up and divided, so that the sums over Q P never leave
    /// the cache and threads seldom wait for each other.
    ///
    /// # Panics
    /// If the polynomial lives in another basis than Q, a weight is missing, or one of its primes, or an addend or
    /// what `divider` divides lives in another basis.
    pub fn switch(
        &self,
        poly: &Poly<Evaluation>,
        weights: &[[Poly<Evaluation>; 2]],
        addends: [Option<&Poly<Evaluation>>; 2],
        divider: &Divider,
    ) -> [Poly<Evaluation>; 2] {
        assert_eq!(divider.whole(), self.target(), "division of another basis");
        for addend in addends.iter().flatten() {
            assert_eq!(addend.basis(), poly.basis(), "addend of another basis");
        }
        let products = DigitProducts::new(self, poly, weights);
        let add = |i: usize, halves: [&mut [Residue]; 2]| {
            for (limb, addend) in halves.into_iter().zip(addends) {
                addend
                    .into_iter()
                    .for_each(|addend| self.add_raised(i, limb, addend));
            }
        };
        let remainders = divider.remainders(|i, first, second| {
            products.write(i..i + 1, first, second);
            add(i, [first, second]);
        });
        let (kept, n) = (divider.kept(), divider.kept().degree());
        let mut quotients = [0, 1].map(|_| Buffer::any(kept.len() * n));
        let [first, second] = slices(&mut quotients);
        for_each_group_pair(first, second, n, |range, first, second| {
            products.write(range.clone(), first, second);
            let limbs = first.chunks_exact_mut(n).zip(second.chunks_exact_mut(n));
            for (i, (first, second)) in range.clone().zip(limbs) {
                add(i, [first, second]);
            }
            let finish =
                |half: usize, limbs| divider.finish(&remainders[half], range.clone(), limbs);
            rayon::join(|| finish(0, first), || finish(1, second));
        });
        quotients.map(|quotient| Poly::from_data(kept, quotient))
    }
}
