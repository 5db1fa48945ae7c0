//! Trainings as sessions: all ways to train, driven, merged and stopped.

mod common;

use std::ops::ControlFlow;

use common::{Data, World};
use tapetum_learn::*;

struct Trial {
    world: World,
    spec: TrainingSpec,
    batches: Vec<Batch>,
}

/// A specification with keys, and 60 samples in three batches.
fn trial(learner: EstimatorConfig) -> Trial {
    let data = Data::gaussians(60, 5, 3);
    let (spec, parameters) = TrainingSpec::planned(learner, 5, 2, 60).unwrap();
    let needs = spec.requirements(&parameters).unwrap();
    let world = World::with_parameters(parameters, &needs);
    let values = data.features();
    let batches = (0..3).map(|i| {
        let rows = 20 * i..20 * (i + 1);
        let (layout, level) = spec.training_shape(20, &world.parameters).unwrap();
        let features = values.part(rows.clone());
        let matrix =
            EncryptedMatrix::encrypt(&features, layout, level, &world.encryptor, &mut |_| ());
        let labels = data.labels.part(rows).unwrap();
        (matrix.unwrap(), Labels::Clear(labels))
    });
    Trial {
        batches: batches.collect(),
        world,
        spec,
    }
}

fn ridge() -> EstimatorConfig {
    EstimatorConfig::Ridge(LeastSquaresConfig {
        iterations: 2,
        ..LeastSquaresConfig::default()
    })
}

fn in_batches() -> EstimatorConfig {
    EstimatorConfig::Logistic(LogisticRegressionConfig {
        iterations: 2,
        learning_rate: LearningRate::Constant(1.0),
        batches: Some(MiniBatches {
            rows: 20,
            ..MiniBatches::default()
        }),
        ..LogisticRegressionConfig::default()
    })
}

fn begin(t: &Trial) -> Box<dyn Session> {
    t.spec.begin(&t.world.evaluator, LabelKind::Clear).unwrap()
}

fn add(t: &Trial, session: &mut dyn Session, batch: usize) {
    session.add(&t.batches[batch], &mut |_| ()).unwrap();
}

fn finish(session: Box<dyn Session>) -> Vec<u8> {
    let model = session.finish(&mut |_| ()).unwrap();
    model.to_bundle().unwrap().to_bytes()
}

#[test]
fn shards_add_up_to_the_same_bits() {
    for learner in [ridge(), EstimatorConfig::LinearMeans] {
        let t = trial(learner);
        let mut whole = begin(&t);
        while let Some(batch) = whole.next_batch(3) {
            add(&t, &mut *whole, batch);
        }
        assert!(whole.checkpoint([0; 32]).unwrap().is_none());
        assert!(whole.model().unwrap().is_none() && whole.iteration().is_none());
        let (mut first, mut second) = (begin(&t), begin(&t));
        add(&t, &mut *first, 0);
        add(&t, &mut *second, 1);
        add(&t, &mut *second, 2);
        first.merge(second.into_additive().unwrap()).unwrap();
        assert_eq!(finish(first), finish(whole));
    }
}

#[test]
fn sums_go_through_bytes_to_the_same_bits() {
    let t = trial(ridge());
    let parameters = &t.world.parameters;
    let bundle = |bytes: &[u8]| tapetum_ckks::wire::Bundle::from_bytes(parameters, bytes).unwrap();
    let mut whole = begin(&t);
    while let Some(batch) = whole.next_batch(3) {
        add(&t, &mut *whole, batch);
    }
    let origin = Origin {
        samples: None,
        ..*t.batches[0].0.origin()
    };
    let shares = [&[2][..], &[0, 1]].map(|batches| {
        let mut session = begin(&t);
        batches
            .iter()
            .for_each(|&batch| add(&t, &mut *session, batch));
        session.into_sums(&origin).unwrap().to_bytes()
    });
    let mut joined = begin(&t);
    for share in &shares {
        assert_eq!(
            label_kind_of_sums(&bundle(share)).unwrap(),
            LabelKind::Clear
        );
        assert_eq!(joined.add_sums(bundle(share)).unwrap(), origin);
    }
    assert_eq!(finish(joined), finish(whole));

    // Sums of nothing, of another training, and of estimators that have none.
    assert!(begin(&t).into_sums(&origin).is_err());
    let mut other = t
        .spec
        .begin(&t.world.evaluator, LabelKind::Encrypted)
        .unwrap();
    assert!(other.add_sums(bundle(&shares[0])).is_err());
    let means = trial(EstimatorConfig::LinearMeans);
    assert!(matches!(
        begin(&means).into_sums(&origin).unwrap_err(),
        LearnError::NotAdditive
    ));
}

#[test]
fn what_does_not_add_up_is_refused() {
    let (sums, means) = (trial(ridge()), trial(EstimatorConfig::LinearMeans));
    let additive = begin(&means).into_additive().unwrap();
    let refused = begin(&sums).merge(additive).unwrap_err();
    assert!(matches!(refused, LearnError::Malformed { .. }), "{refused}");
    let state = || {
        let parameters = &sums.world.parameters;
        tapetum_ckks::wire::Bundle::new(parameters, "x", vec![], vec![]).unwrap()
    };
    let refused = begin(&sums).restore([0; 32], state()).unwrap_err();
    assert!(matches!(refused, LearnError::NotResumable), "{refused}");

    let batches = trial(in_batches());
    let refused = begin(&batches).into_additive().err().unwrap();
    assert!(matches!(refused, LearnError::NotAdditive), "{refused}");
    let additive = begin(&sums).into_additive().unwrap();
    let refused = begin(&batches).merge(additive).unwrap_err();
    assert!(matches!(refused, LearnError::NotAdditive), "{refused}");
    assert!(begin(&batches).restore([0; 32], state()).is_err());
}

/// Stops after some batches, and checks how progress arrives.
struct Watch {
    batches: usize,
    stop_after: usize,
    phases: Vec<Phase>,
    last: Progress,
}

impl Observer for Watch {
    type Error = LearnError;

    fn phase(&mut self, phase: Phase) {
        self.phases.push(phase);
    }

    fn progress(&mut self, of_phase: Progress, overall: Progress) {
        assert!(of_phase.done <= of_phase.total && overall.done <= overall.total);
        assert!(
            overall.done >= self.last.done,
            "{overall:?} {:?}",
            self.last
        );
        self.last = overall;
    }

    fn after_batch(&mut self, _: &dyn Session) -> Result<ControlFlow<()>, LearnError> {
        self.batches += 1;
        Ok(match self.batches == self.stop_after {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        })
    }
}

fn drive(t: &Trial, stop_after: usize) -> (Option<Trained>, Watch) {
    let mut watch = Watch {
        batches: 0,
        stop_after,
        phases: Vec::new(),
        last: Progress {
            done: 0,
            total: 0,
            what: "",
        },
    };
    let options = TrainingOptions::default();
    let trained = train(&t.spec, &t.world.evaluator, &t.batches, options, &mut watch).unwrap();
    (trained, watch)
}

#[test]
fn a_training_is_driven_to_its_end_or_stopped() {
    for learner in [ridge(), EstimatorConfig::LinearMeans] {
        let t = trial(learner);
        let (trained, watch) = drive(&t, 0);
        let trained = trained.unwrap();
        assert_eq!((trained.samples, trained.labels), (60, LabelKind::Clear));
        assert_eq!((trained.iterations, trained.resumed_from), (None, None));
        assert_eq!((watch.batches, watch.phases.len()), (3, 2));
        assert_eq!(watch.last.done, watch.last.total);
        let mut by_hand = begin(&t);
        (0..3).for_each(|batch| add(&t, &mut *by_hand, batch));
        let bytes = trained.model.to_bundle().unwrap().to_bytes();
        assert_eq!(bytes, finish(by_hand));

        let (stopped, watch) = drive(&t, 2);
        assert!(stopped.is_none());
        assert_eq!((watch.batches, watch.phases.len()), (2, 1));
    }
    let t = trial(ridge());
    let none: Vec<Batch> = Vec::new();
    let options = TrainingOptions::default();
    assert!(train(&t.spec, &t.world.evaluator, &none, options, &mut ()).is_err());
}

#[test]
fn mini_batches_end_where_they_are_told_to() {
    let t = trial(in_batches());
    let run = |until, resume| {
        let options = TrainingOptions { until, resume };
        let trained = train(&t.spec, &t.world.evaluator, &t.batches, options, &mut ());
        trained.unwrap().unwrap()
    };
    let (whole, half) = (run(None, None), run(Some(1), None));
    assert_eq!((whole.iterations, whole.samples), (Some(2), 40));
    assert_eq!((half.iterations, half.samples), (Some(1), 20));
    let mut session = begin(&t);
    add(&t, &mut *session, 0);
    let state = session.checkpoint([7; 32]).unwrap().unwrap();
    let resumed = run(None, Some(([7; 32], state)));
    assert_eq!((resumed.resumed_from, resumed.samples), (Some(1), 40));
    let bytes = |trained: &Trained| trained.model.to_bundle().unwrap().to_bytes();
    assert_eq!(bytes(&resumed), bytes(&whole));
}
