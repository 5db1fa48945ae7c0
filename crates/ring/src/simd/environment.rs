//! How the processor rounds, which the kernels rely on and any library of the process may change.
//!
//! Sums of products stay exact only while what each leaves below the sum's last place is at most half of it,
//! which rounding to nearest sees to. In a thread that some other code has set to round up, residues come out
//! wrong with nothing to show for it. So every kernel looks at the control register first, which takes
//! nanoseconds, sets it where it must, and leaves it as it found it.

/// The control register of floating-point arithmetic, of the thread that reads it.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Control(Register);

#[cfg(target_arch = "x86_64")]
type Register = u32;
#[cfg(target_arch = "aarch64")]
type Register = u64;
/// Elsewhere there is one way to round.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
type Register = ();

#[cfg(target_arch = "x86_64")]
impl Control {
    /// Rounding to nearest, subnormal numbers kept, all exceptions masked.
    const NEAREST: Self = Self(0x1f80);
    /// The rest are flags of what has happened.
    const MODE: Register = 0xffc0;

    fn read() -> Self {
        let mut control = 0;
        // SAFETY: SSE is part of the architecture; four bytes are written to where there is room.
        unsafe { std::arch::asm!("stmxcsr [{}]", in(reg) &mut control, options(nostack)) };
        Self(control)
    }

    fn write(self) {
        // SAFETY: as above; the value was read before, or is the default one.
        unsafe { std::arch::asm!("ldmxcsr [{}]", in(reg) &self.0, options(nostack)) };
    }

    fn is_nearest(self) -> bool {
        self.0 & Self::MODE == Self::NEAREST.0
    }
}

#[cfg(target_arch = "aarch64")]
impl Control {
    /// Rounding to nearest, subnormal numbers kept, no traps.
    const NEAREST: Self = Self(0);

    fn read() -> Self {
        let control;
        // SAFETY: every program may read the register.
        unsafe { std::arch::asm!("mrs {}, fpcr", out(reg) control, options(nostack)) };
        Self(control)
    }

    fn write(self) {
        // SAFETY: and write it; the value was read before, or is the default one.
        unsafe { std::arch::asm!("msr fpcr, {}", in(reg) self.0, options(nostack)) };
    }

    fn is_nearest(self) -> bool {
        self == Self::NEAREST
    }
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
impl Control {
    const NEAREST: Self = Self(());

    fn read() -> Self {
        Self::NEAREST
    }

    fn write(self) {}

    fn is_nearest(self) -> bool {
        true
    }
}

/// Puts back what was there, also if the computation panics.
struct Restore(Control);

impl Drop for Restore {
    fn drop(&mut self) {
        self.0.write();
    }
}

/// Computes with rounding to nearest, whatever the thread is set to.
///
/// Compilers know nothing of the register: what `compute` calculates must be behind a call that is
/// not inlined, or come from memory and go there, as in all kernels.
#[inline(always)]
pub(crate) fn rounding_to_nearest<T>(compute: impl FnOnce() -> T) -> T {
    let control = Control::read();
    if control.is_nearest() {
        compute()
    } else {
        elsewhere(control, compute)
    }
}

#[cold]
#[inline(never)]
fn elsewhere<T>(control: Control, compute: impl FnOnce() -> T) -> T {
    let _restore = Restore(control);
    Control::NEAREST.write();
    compute()
}

#[cfg(all(test, any(target_arch = "x86_64", target_arch = "aarch64")))]
mod tests {
    use super::*;
    use crate::{BaseConverter, Basis, Divider, Kernel, Poly, primes};

    /// Down, up, towards zero; subnormal results, and operands where that is apart, taken as zero.
    #[cfg(target_arch = "x86_64")]
    const MODES: [Register; 5] = [0x2000, 0x4000, 0x6000, 0x8000, 0x0040];
    #[cfg(target_arch = "aarch64")]
    const MODES: [Register; 4] = [2 << 22, 1 << 22, 3 << 22, 1 << 24];

    fn basis(count: usize) -> Basis {
        let primes: Vec<_> = primes::near(2f64.powi(49), 12)
            .take(count)
            .map(|m| m.value())
            .collect();
        Basis::new(12, &primes).unwrap()
    }

    /// Sums of products that are all rounded to the same side: what is left of each adds up to more than
    /// a number holds.
    fn sums() -> Vec<i64> {
        let modulus = basis(1).modulus(0);
        let limb = |x| vec![modulus.reduce(x); 16];
        let (one, minus_one) = (limb(1), limb(-1));
        let mut found = Vec::new();
        for kernel in Kernel::available() {
            for factor in [&one, &minus_one] {
                let terms = [(&one[..], &factor[..]); 16];
                let mut out = limb(0);
                crate::simd::inner_product(kernel, modulus, &mut out, &terms);
                found.extend(out.iter().map(|x| x.centered()));
            }
        }
        found
    }

    /// Tables, transforms, a product, a division and a conversion.
    fn residues() -> Vec<i64> {
        let basis = basis(4);
        let poly = |step: i64| {
            let coefficient = |i: i64| i.wrapping_mul(step) >> 3;
            let coefficients: Vec<i64> = (0..4096).map(coefficient).collect();
            Poly::from_coefficients(&basis, &coefficients).into_evaluation()
        };
        let mut product = poly(0x1e37_79b9_7f4a_7c15);
        product.mul_assign(&poly(0x5851_f42d_4c95_7f2d));
        let quotient = Divider::new(&basis, 1).divide(product.clone());
        let converted = BaseConverter::new(&basis.prefix(2), &basis.slice(2..4))
            .convert(&quotient.truncated(2).into_coefficients());
        let limbs = (0..4).map(|i| product.limb(i));
        let limbs = limbs.chain((0..3).map(|i| quotient.limb(i)));
        let limbs = limbs.chain((0..2).map(|i| converted.limb(i)));
        let limbs = limbs.flatten().map(|x| x.centered());
        limbs.chain(sums()).collect()
    }

    #[test]
    fn residues_are_right_in_threads_that_round_in_another_way() {
        let expected = residues();
        assert!(sums().iter().all(|sum| sum.abs() == 16));
        for mode in MODES {
            let found = std::thread::spawn(move || {
                let changed = Control(Control::read().0 | mode);
                changed.write();
                // In this thread alone: those of the pool have a mode of their own.
                let pool = rayon::ThreadPoolBuilder::new()
                    .num_threads(1)
                    .use_current_thread();
                let found = pool.build().unwrap().install(residues);
                let kept = Control::read().0 & mode == mode;
                Control::NEAREST.write();
                (found, kept)
            });
            let (found, kept) = found.join().unwrap();
            assert!(found == expected, "mode {mode:x}, {:?}", Kernel::selected());
            assert!(kept, "mode {mode:x} has not been put back");
        }
    }

    #[test]
    fn the_mode_is_put_back_after_a_panic() {
        let thread = std::thread::spawn(|| {
            let changed = Control(Control::read().0 | MODES[0]);
            changed.write();
            let panics = || rounding_to_nearest(|| -> () { panic!("in a kernel") });
            assert!(std::panic::catch_unwind(panics).is_err());
            let kept = Control::read().0 & MODES[0] == MODES[0];
            Control::NEAREST.write();
            kept
        });
        assert!(thread.join().unwrap());
    }
}
