//! Which parameters a network is evaluated under.

use tapetum_ckks::{ParametersLiteral, Preset};

/// log2 of the least scale of ciphertexts, for few levels: what the smallest ring with five levels has room for.
const LOG_SCALE: u32 = 28;
/// For more levels: each adds its noise.
const LOG_SCALE_DEEP: u32 = 33;
/// Levels up to which there are few.
const FEW_LEVELS: usize = 8;
/// log2 of the largest scale: beyond it nothing is gained.
const MOST_LOG_SCALE: u32 = 40;
/// log2 of the largest ring in which networks are evaluated without a thought of bootstrapping: keys and ciphertexts of
/// larger ones are several times larger.
const MOST_LOG_N_WITHOUT: u32 = 15;

/// Parameters with so many levels: the smallest ring that has them, and the largest scale that it has room for at no
/// cost of time.
pub(crate) fn literal(levels: usize) -> Option<ParametersLiteral> {
    let few = levels <= FEW_LEVELS;
    let least = if few { LOG_SCALE } else { LOG_SCALE_DEEP };
    let smallest = ParametersLiteral::for_levels(levels, least)?;
    let larger = (least + 1..=MOST_LOG_SCALE).map_while(|log_scale| {
        let literal = ParametersLiteral::for_levels(levels, log_scale)?;
        let same = literal.log_n == smallest.log_n && literal.p_bits.len() == smallest.p_bits.len();
        same.then_some(literal)
    });
    larger.last().or(Some(smallest))
}

/// The parameters that are worth a trial for so many levels. For the least work, one of them may bootstrap.
pub(super) fn candidates(levels: usize) -> Vec<ParametersLiteral> {
    let without = literal(levels);
    let enough = matches!(&without, Some(literal) if literal.log_n <= MOST_LOG_N_WITHOUT);
    let bootstrapping = (!enough).then(|| Preset::N16Bootstrapping.literal());
    bootstrapping.into_iter().chain(without).collect()
}
