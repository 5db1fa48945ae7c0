//! Where diagonals lie in a packed vector.

/// Where the diagonals of a packed vector lie: number k at the inner positions that are k modulo B times `places`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Positions {
    /// How many diagonals there are.
    pub diagonals: usize,
    /// B: diagonals are moved in groups of so many.
    pub group: usize,
    /// Places for a group, after which the positions repeat.
    pub places: usize,
}

impl Positions {
    pub fn groups(&self) -> usize {
        self.diagonals.div_ceil(self.group)
    }

    /// Diagonals of a group.
    pub fn members(&self, group: usize) -> usize {
        (self.diagonals - group * self.group).min(self.group)
    }

    /// Rotations that take groups to all places.
    pub fn group_steps(&self) -> Vec<i64> {
        let (group, places) = (self.group as i64, self.places as i64);
        (1 - places..self.groups() as i64)
            .map(|k| group * k)
            .collect()
    }

    /// Rotations within a group of B positions.
    pub fn inner_steps(&self) -> Vec<i64> {
        let group = self.group as i64;
        (1 - group..group).collect()
    }

    /// Key switches of [`take_apart`](super::OnDiagonals::take_apart).
    pub fn unpacking_key_switches(&self) -> usize {
        let groups = self.groups();
        self.places + groups - 2 + groups * 2 * (self.group - 1)
    }

    /// Key switches of [`put_together`](super::OnDiagonals::put_together).
    pub fn packing_key_switches(&self) -> usize {
        // Those by no step are none.
        self.unpacking_key_switches()
    }
}
