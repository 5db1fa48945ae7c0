//! Which instruction set the kernels use, found out once.

use std::env;
use std::fmt;
use std::sync::OnceLock;

use thiserror::Error;

/// An implementation of the inner loops that runs on this machine. All give the same results.
///
/// The fastest is chosen when it is first needed; the environment variable `TAPETUM_KERNEL` forces
/// one by name.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Kernel(InstructionSet);

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum InstructionSet {
    Portable,
    Vector(VectorSet),
}

/// The instruction sets with fused multiply-add.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum VectorSet {
    #[cfg_attr(target_arch = "wasm32", allow(dead_code))]
    Scalar,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "aarch64")]
    Neon,
}

/// The environment asks for a kernel that is not to be had.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error(
    "{variable} is {asked:?}, but this machine has {available}: use one of these or unset it",
    variable = Kernel::VARIABLE
)]
pub struct KernelError {
    /// What was asked for.
    pub asked: String,
    /// What there is.
    pub available: String,
}

impl Kernel {
    /// The environment variable that forces a kernel.
    pub const VARIABLE: &str = "TAPETUM_KERNEL";

    /// 64-bit integers, on every machine.
    pub const PORTABLE: Self = Self(InstructionSet::Portable);

    /// All that run on this machine, the fastest first.
    pub fn available() -> Vec<Self> {
        #[cfg_attr(target_arch = "wasm32", allow(unused_mut))]
        let mut kernels: Vec<VectorSet> = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx512f") {
                kernels.push(VectorSet::Avx512);
            }
            let fma = is_x86_feature_detected!("fma");
            if fma && is_x86_feature_detected!("avx2") {
                kernels.push(VectorSet::Avx2);
            }
            if fma && is_x86_feature_detected!("sse4.1") {
                kernels.push(VectorSet::Scalar);
            }
        }
        #[cfg(target_arch = "aarch64")]
        if std::arch::is_aarch64_feature_detected!("neon") {
            kernels.extend([VectorSet::Neon, VectorSet::Scalar]);
        }
        let vector = kernels
            .into_iter()
            .map(|set| Self(InstructionSet::Vector(set)));
        vector.chain([Self::PORTABLE]).collect()
    }

    /// The one that the environment asks for, or the fastest.
    ///
    /// # Errors
    /// [`KernelError`] if the environment asks for one that does not run here.
    pub fn from_environment() -> Result<Self, KernelError> {
        let kernels = Self::available();
        let Some(asked) = env::var_os(Self::VARIABLE).filter(|asked| !asked.is_empty()) else {
            return Ok(kernels[0]);
        };
        let found = kernels.iter().find(|kernel| asked == kernel.name());
        found.copied().ok_or_else(|| KernelError {
            asked: asked.to_string_lossy().into_owned(),
            available: kernels
                .iter()
                .map(|k| k.name())
                .collect::<Vec<_>>()
                .join(", "),
        })
    }

    /// The one in use. Where the environment asks for one that does not run here, it is the
    /// fastest; [`from_environment`](Self::from_environment) tells.
    pub fn selected() -> Self {
        static SELECTED: OnceLock<Kernel> = OnceLock::new();
        *SELECTED.get_or_init(|| Self::from_environment().unwrap_or_else(|_| Self::available()[0]))
    }

    /// `portable`, `scalar`, `avx2`, `avx512` or `neon`.
    pub fn name(self) -> &'static str {
        match self.0 {
            InstructionSet::Portable => "portable",
            InstructionSet::Vector(VectorSet::Scalar) => "scalar",
            #[cfg(target_arch = "x86_64")]
            InstructionSet::Vector(VectorSet::Avx2) => "avx2",
            #[cfg(target_arch = "x86_64")]
            InstructionSet::Vector(VectorSet::Avx512) => "avx512",
            #[cfg(target_arch = "aarch64")]
            InstructionSet::Vector(VectorSet::Neon) => "neon",
        }
    }

    pub(super) fn instruction_set(self) -> InstructionSet {
        self.0
    }

    /// The instruction set of a vector kernel.
    pub(crate) fn vector_set(self) -> Option<VectorSet> {
        match self.0 {
            InstructionSet::Portable => None,
            InstructionSet::Vector(set) => Some(set),
        }
    }
}

impl fmt::Debug for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Kernel({})", self.name())
    }
}
