//! Training on diagonals of slots: the owner plays the server's bootstraps.

use tapetum_ckks::{Ciphertext, Evaluator, Parameters};
use tapetum_learn::*;

use super::{Data, World};

/// The owner bootstraps, from level 2 or above to the highest; the same vector always to the same.
pub struct OwnerRefresh<'a> {
    world: &'a World,
    /// Whether slots may be complex.
    complex: bool,
    known: std::sync::Mutex<Vec<(Ciphertext, Ciphertext)>>,
}

impl<'a> OwnerRefresh<'a> {
    pub fn new(world: &'a World) -> Self {
        Self {
            world,
            complex: false,
            known: Default::default(),
        }
    }

    pub fn complex(world: &'a World) -> Self {
        Self {
            complex: true,
            ..Self::new(world)
        }
    }

    pub fn levels_of(parameters: &Parameters) -> BootstrapLevels {
        BootstrapLevels {
            input: 2,
            output: parameters.max_level(),
        }
    }
}

impl Bootstrap for OwnerRefresh<'_> {
    fn levels(&self) -> BootstrapLevels {
        Self::levels_of(&self.world.parameters)
    }

    fn bootstrap(&self, _: &Evaluator, ciphertext: &Ciphertext) -> Result<Ciphertext, LearnError> {
        assert!(ciphertext.level() >= self.levels().input);
        let mut known = self.known.lock().unwrap();
        if let Some((_, fresh)) = known.iter().find(|(old, _)| old == ciphertext) {
            return Ok(fresh.clone());
        }
        let (world, encoder) = (self.world, self.world.evaluator.encoder());
        let mut slots = encoder.decode_complex(&world.decryptor.decrypt(ciphertext)?);
        if !self.complex {
            slots.iter_mut().for_each(|slot| slot.im = 0.0);
        }
        assert!(slots.iter().all(|x| x.re.abs().max(x.im.abs()) <= 1.0));
        let plaintext = encoder.encode_complex(&slots, self.levels().output)?;
        let fresh = world.encryptor.encrypt(&plaintext)?;
        known.push((ciphertext.clone(), fresh.clone()));
        Ok(fresh)
    }
}

pub fn many(classes: usize, labels: LabelKind) -> Task {
    Task { classes, labels }
}

/// In blocks of this width, in the order of columns.
pub fn layout(rows: usize, cols: usize, width: usize, parameters: &Parameters) -> Layout {
    let layout = Layout::new(rows, cols, parameters.slots() / width, width).unwrap();
    layout.with_order(SlotOrder::Columns)
}

pub fn world(
    descent: &GradientDescent,
    layout: &Layout,
    task: Task,
    parameters: Parameters,
) -> World {
    let levels = OwnerRefresh::levels_of(&parameters);
    let needs = descent.requirements(layout, task, Some(levels)).unwrap();
    assert_eq!(needs.levels, parameters.max_level());
    assert_eq!(
        descent.packed_slots(layout, task.classes).unwrap(),
        parameters.slots()
    );
    World::with_parameters(parameters, &needs)
}

pub fn batches(
    world: &World,
    data: &Data,
    rows: usize,
    width: usize,
    kind: LabelKind,
) -> Vec<Batch> {
    let level = world.parameters.max_level() - 2;
    (0..data.labels.len().div_ceil(rows))
        .map(|i| {
            let part = data.part(i * rows, rows);
            let layout = layout(part.labels.len(), data.cols, width, &world.parameters);
            let labels = world.labels(&part, kind, layout, level);
            (world.encrypt(&part, layout, level), labels)
        })
        .collect()
}

pub fn step(session: &mut dyn Session, batches: &[Batch]) {
    let batch = session.next_batch(batches.len()).unwrap();
    let mut last = None;
    session
        .add(&batches[batch], &mut |p| last = Some(p))
        .unwrap();
    let p: Progress = last.unwrap();
    assert_eq!(p.done, p.total);
}
