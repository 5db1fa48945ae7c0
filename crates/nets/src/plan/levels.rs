//! At which level each layer is computed, and what is bootstrapped: a shortest path.
//!
//! Layers are placed from the last to the first. The state is the level at which each vector that is still to be
//! computed will be read, a shortcut's beside that of its branch; a layer leads from one state to another, at the cost of
//! its operation at the level that the state gives it. A vector that is bootstrapped may be read at any level up to that
//! of fresh ciphertexts, and be computed as low as a bootstrapping allows. To bootstrap a vector later than at once is
//! never better: the cost does not depend on the level, and all its readers gain.

use std::collections::BTreeMap;

use crate::stages::Layer;

/// States that are kept after each layer, the cheapest: a network with one shortcut at a time has fewer.
const MOST_STATES: usize = 4096;

/// A layer to be placed.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// The vectors that it reads: vector 0 is the image, and vector i + 1 what layer i gives.
    pub sources: Vec<usize>,
    /// The levels that it takes.
    pub depth: usize,
    /// Its cost at each level of what it reads.
    pub costs: Vec<f64>,
    /// How many ciphertexts its output is, each of which would be bootstrapped.
    pub ciphertexts: usize,
}

/// What there is to bootstrap with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bootstraps {
    /// The lowest level of what is bootstrapped.
    pub from: usize,
    /// The level afterwards, which is also the highest that there is.
    pub to: usize,
    pub cost: f64,
}

/// Where layers are computed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Placement {
    /// The level of the vectors that each layer reads.
    pub levels: Vec<usize>,
    /// Whether its output is bootstrapped.
    pub bootstrapped: Vec<bool>,
}

/// As low as the layers after each allow, without bootstrapping, with the output at level `left`.
pub(super) fn without_bootstraps(layers: &[Layer], left: usize) -> Placement {
    // By vector.
    let mut needed = vec![0; layers.len()];
    needed.push(left);
    let mut levels = vec![0; layers.len()];
    for (index, layer) in layers.iter().enumerate().rev() {
        levels[index] = needed[index + 1] + layer.depth();
        for source in layer.sources() {
            needed[source] = needed[source].max(levels[index]);
        }
    }
    Placement {
        bootstrapped: vec![false; levels.len()],
        levels,
    }
}

impl Placement {
    /// The highest level.
    pub fn most(&self) -> usize {
        self.levels.iter().copied().max().unwrap_or(0)
    }
}

/// The way from the output to here.
#[derive(Clone, Debug, Default)]
struct Path {
    cost: f64,
    /// The layers so far, the last one first.
    placement: Placement,
}

/// The placement of least cost, with the output at level `left`; nothing if some layer takes more levels than there are.
pub(super) fn shortest(layers: &[Place], bootstraps: Bootstraps, left: usize) -> Option<Placement> {
    // By the levels at which vectors are read.
    let output = BTreeMap::from([(layers.len(), left)]);
    let mut states = BTreeMap::from([(output, Path::default())]);
    for (index, layer) in layers.iter().enumerate().rev() {
        let mut next: BTreeMap<BTreeMap<usize, usize>, Path> = BTreeMap::new();
        for (mut state, path) in states {
            let read = state.remove(&(index + 1)).unwrap_or(0);
            let ways = [(false, read), (true, bootstraps.from)];
            for (bootstrapped, after) in ways {
                let level = after + layer.depth;
                // A vector that nobody reads so high needs no bootstrapping.
                if level > bootstraps.to || (bootstrapped && read <= bootstraps.from) {
                    continue;
                }
                // The output leaves as it is computed.
                if bootstrapped && index + 1 == layers.len() {
                    continue;
                }
                let mut state = state.clone();
                for &source in &layer.sources {
                    let read = state.entry(source).or_default();
                    *read = (*read).max(level);
                }
                let bootstrap = match bootstrapped {
                    true => layer.ciphertexts as f64 * bootstraps.cost,
                    false => 0.0,
                };
                let own = layer.costs.get(level).copied().unwrap_or(f64::MAX);
                let cost = path.cost + own + bootstrap;
                if next.get(&state).is_some_and(|known| known.cost <= cost) {
                    continue;
                }
                let mut placement = path.placement.clone();
                placement.levels.push(level);
                placement.bootstrapped.push(bootstrapped);
                next.insert(state, Path { cost, placement });
            }
        }
        if next.len() > MOST_STATES {
            let mut kept: Vec<_> = next.into_iter().collect();
            kept.sort_by(|(_, a), (_, b)| a.cost.total_cmp(&b.cost));
            kept.truncate(MOST_STATES);
            next = kept.into_iter().collect();
        }
        states = next;
    }
    let best = states
        .into_values()
        .min_by(|a, b| a.cost.total_cmp(&b.cost))?;
    let mut placement = best.placement;
    placement.levels.reverse();
    placement.bootstrapped.reverse();
    Some(placement)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOOTSTRAPS: Bootstraps = Bootstraps {
        from: 2,
        to: 6,
        cost: 100.0,
    };

    /// A layer whose cost grows with the level.
    fn place(sources: &[usize], depth: usize) -> Place {
        Place {
            sources: sources.to_vec(),
            depth,
            costs: (0..=BOOTSTRAPS.to).map(|level| level as f64).collect(),
            ciphertexts: 1,
        }
    }

    /// All placements, tried.
    fn least(layers: &[Place], bootstraps: Bootstraps) -> Option<f64> {
        let subsets = 0..1_usize << layers.len();
        let cost = |subset: usize| {
            let mut needed = vec![0; layers.len() + 1];
            let mut cost = 0.0;
            for (index, layer) in layers.iter().enumerate().rev() {
                let bootstrapped = subset >> index & 1 == 1;
                let after = if bootstrapped {
                    cost += layer.ciphertexts as f64 * bootstraps.cost;
                    bootstraps.from
                } else {
                    needed[index + 1]
                };
                let level = after + layer.depth;
                if level > bootstraps.to {
                    return None;
                }
                cost += layer.costs[level];
                for &source in &layer.sources {
                    needed[source] = needed[source].max(level);
                }
            }
            Some(cost)
        };
        subsets.filter_map(cost).min_by(f64::total_cmp)
    }

    fn cost(layers: &[Place], placement: &Placement) -> f64 {
        let layers = layers.iter().zip(&placement.levels);
        let layers = layers.zip(&placement.bootstrapped);
        layers
            .map(|((layer, &level), &bootstrapped)| {
                let bootstraps = f64::from(u8::from(bootstrapped)) * BOOTSTRAPS.cost;
                layer.costs[level] + layer.ciphertexts as f64 * bootstraps
            })
            .sum()
    }

    #[test]
    fn chains_are_cut_into_few_pieces() {
        let chain: Vec<_> = (0..14).map(|i| place(&[i], 1)).collect();
        let placement = shortest(&chain, BOOTSTRAPS, 0).unwrap();
        // Six levels at the end, and four before each bootstrapping.
        assert_eq!(placement.bootstrapped.iter().filter(|b| **b).count(), 2);
        assert_eq!(Some(cost(&chain, &placement)), least(&chain, BOOTSTRAPS));
        assert_eq!(placement.levels[13], 1);
    }

    #[test]
    fn shortcuts_share_a_bootstrapping() {
        // Blocks of a layer of two levels and one that reads the shortcut too.
        let mut layers = vec![place(&[0], 1)];
        for _ in 0..3 {
            let input = layers.len();
            layers.push(place(&[input], 2));
            layers.push(place(&[input, input + 1], 1));
        }
        let placement = shortest(&layers, BOOTSTRAPS, 0).unwrap();
        assert_eq!(Some(cost(&layers, &placement)), least(&layers, BOOTSTRAPS));
        assert_eq!(placement.bootstrapped.iter().filter(|b| **b).count(), 1);
    }

    #[test]
    fn few_ciphertexts_are_bootstrapped_rather_than_many() {
        // One bootstrapping, after the third or the fourth layer.
        for (fewer, more) in [(2, 3), (3, 2)] {
            let mut chain: Vec<_> = (0..9).map(|i| place(&[i], 1)).collect();
            chain[more].ciphertexts = 4;
            let placement = shortest(&chain, BOOTSTRAPS, 0).unwrap();
            assert!(placement.bootstrapped[fewer] && !placement.bootstrapped[more]);
            assert_eq!(Some(cost(&chain, &placement)), least(&chain, BOOTSTRAPS));
        }
    }

    #[test]
    fn layers_that_take_too_many_levels_have_no_place() {
        assert_eq!(shortest(&[place(&[0], 7)], BOOTSTRAPS, 0), None);
        let layers = [place(&[0], 6), place(&[1], 1)];
        // The output of the first could be bootstrapped only if it were at level 2.
        assert_eq!(shortest(&layers, BOOTSTRAPS, 0), None);
    }
}
