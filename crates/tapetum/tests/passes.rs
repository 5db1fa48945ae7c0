//! A training that servers share in passes.

use tapetum::server::Model;
use tapetum::{EncryptedDataSet, Owner, Plan, Server, Silent};
use tapetum_learn::{EstimatorConfig, LeastSquaresConfig, LogisticRegressionConfig};
use tapetum_vision::{DataSet, Samples, Table};

fn rows(first: usize, count: usize) -> DataSet {
    let labels: Vec<_> = (first..first + count).map(|row| row % 2).collect();
    let values = labels.iter().enumerate();
    let values = values.flat_map(|(row, &label)| [label as f64, (row % 5) as f64]);
    let table = Table::new(2, values.collect()).unwrap();
    let names = ["no", "yes"].map(str::to_owned).to_vec();
    let sources = (0..count).map(|row| row.to_string()).collect();
    DataSet::new(Samples::Table(table), labels, names, sources).unwrap()
}

fn bytes(model: &Model) -> Vec<u8> {
    match model {
        Model::Encrypted(model) => model.to_bundle().unwrap().to_bytes(),
        Model::Plain(_) => unreachable!("training gives encrypted models"),
    }
}

#[test]
fn servers_that_share_a_training_make_the_same_model() {
    let fisher = EstimatorConfig::Fisher(LeastSquaresConfig {
        iterations: 1,
        ..LeastSquaresConfig::table()
    });
    let logistic = LogisticRegressionConfig::table();
    for learner in [fisher, EstimatorConfig::Logistic(logistic).after(2)] {
        let plan = Plan::for_table(learner, 2, 40).unwrap();
        let mut owner = Owner::generate(&plan).unwrap();
        let [first, second, third] =
            [(0, 20), (20, 15), (35, 5)].map(|(first, count)| rows(first, count));
        let data = [first, second, third].map(|data| owner.encrypt(&data, &Silent).unwrap());
        let data: Vec<_> = data.iter().collect();
        let keys = owner.evaluation_keys(&Silent).unwrap();
        let server = || Server::new(owner.plan(), keys.clone()).unwrap();
        let (leader, other) = (server(), server());
        let expected = leader.fit_together(&data, &Silent).unwrap();

        let mut training = leader.begin_passes(&data).unwrap();
        assert_eq!(training.batches(), 1);
        let shares = training.shares(0, 2).unwrap();
        assert_eq!(shares.len(), 2);
        assert!(training.shares(0, 2).is_err());
        let shares: Vec<_> = (shares.iter())
            .map(|share| EncryptedDataSet::from_bytes(share, leader.parameters()).unwrap())
            .collect();
        while training.upcoming().is_some() {
            let start = training.start().unwrap();
            let sums = [&leader, &other].into_iter().zip(&shares);
            let sums = sums.map(|(server, share)| server.sums_of_pass(&start, share).unwrap());
            let sums: Vec<_> = sums.collect();
            // Not without one of them.
            assert!(training.advance(&sums[..1]).is_err());
            training
                .advance(&[other.join_sums_of_pass(&sums).unwrap()])
                .unwrap();
        }
        let model = training.finish().unwrap();
        assert!(bytes(&model) == bytes(&expected));
    }
}
