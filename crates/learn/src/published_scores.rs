//! Scores for everybody: decrypted with noise, and counted.

use tapetum_ckks::{Decryptor, NoiseFlooding};

use crate::error::{LearnError, Result};
use crate::publishing::Publishing;
use crate::scores::EncryptedScores;

/// Scores with noise, for everybody.
#[derive(Clone, Debug, PartialEq)]
pub struct PublishedScores {
    /// In the order of the samples, one for two classes, one a class for more.
    pub scores: Vec<f64>,
    /// The standard deviation of the noise in each.
    pub deviation: f64,
    /// The bits that it leaves of a score of [`Publishing::SCORE`].
    pub bits_left: f64,
}

impl EncryptedScores {
    /// The scores with noise that hides their error, to be given to anyone: no more than so many `results` are given
    /// out under a key, which the decryptor counts; each ciphertext of scores is one.
    ///
    /// # Errors
    /// [`LearnError::NotForPublishing`] for other parameters than those of [`Publishing`],
    /// [`LearnError::NoRoomForNoise`], and [`LearnError::Decryption`] if as many results have been given out.
    pub fn publish(&self, decryptor: &Decryptor, results: u64) -> Result<PublishedScores> {
        let parameters = self.parameters();
        let publishing = Publishing::of(parameters).ok_or(LearnError::NotForPublishing)?;
        let shape = (self.layout(), self.classes());
        let flooding = publishing.flooding(parameters, shape, results)?;
        let scale = self.ciphertexts()[0].scale();
        let deviation = flooding.slot_deviation(parameters.degree(), scale) / Publishing::SCORES;
        Ok(PublishedScores {
            scores: self.with_noise(decryptor, flooding)?,
            deviation,
            bits_left: (Publishing::SCORE / deviation).log2(),
        })
    }

    fn with_noise(&self, decryptor: &Decryptor, flooding: NoiseFlooding) -> Result<Vec<f64>> {
        let slots = self.ciphertexts().iter().map(|ciphertext| -> Result<_> {
            let magnitude = Publishing::SCORES;
            let noisy = decryptor.decrypt_flooded_within(ciphertext, flooding, magnitude)?;
            Ok(decryptor.encoder().decode(&noisy))
        });
        self.decode(&slots.collect::<Result<Vec<_>>>()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::computation::{Computation, PlainModelSpec};
    use crate::features::Features;
    use crate::layout::Layout;
    use crate::matrix::EncryptedMatrix;
    use crate::plain_model::PlainModel;
    use tapetum_ckks::{DecryptionError, Encryptor, Evaluator, KeyGenerator, SecretKey};

    const RESULTS: u64 = 64;
    const COLUMNS: usize = 30;
    const ROWS: usize = 40;

    struct World {
        evaluator: Evaluator,
        decryptor: Decryptor,
        encryptor: Encryptor,
        layout: Layout,
        level: usize,
    }

    impl World {
        fn new() -> Self {
            let (spec, parameters) = PlainModelSpec::for_publishing(COLUMNS, 2, RESULTS).unwrap();
            let secret = SecretKey::generate(&parameters).unwrap();
            let mut generator = KeyGenerator::new(&secret).unwrap();
            let keys = generator.evaluation_keys(&spec.keys(&parameters).unwrap());
            let (layout, level) = spec.sample_shape(ROWS, &parameters).unwrap();
            Self {
                evaluator: Evaluator::with_keys(keys.unwrap()),
                decryptor: Decryptor::new(&secret),
                encryptor: Encryptor::with_public_key(&generator.public_key().unwrap()),
                layout,
                level,
            }
        }

        fn encrypt(&self, values: &[f64]) -> Result<EncryptedMatrix> {
            let features = Features::new(values, COLUMNS).unwrap();
            let (layout, level) = (self.layout, self.level);
            EncryptedMatrix::encrypt(&features, layout, level, &self.encryptor, &mut |_| ())
        }

        fn score(&self, model: &PlainModel, samples: &EncryptedMatrix) -> Result<EncryptedScores> {
            model.score_encrypted(&self.evaluator, samples, &mut |_| ())
        }
    }

    fn values() -> Vec<f64> {
        let value = |i: usize| 4.0 * ((i * 7 % 53) as f64).sin();
        (0..ROWS * COLUMNS).map(value).collect()
    }

    fn model() -> PlainModel {
        PlainModel {
            weights: (0..COLUMNS).map(|i| 0.8 * (i as f64).cos()).collect(),
            intercepts: vec![-0.7],
        }
    }

    #[test]
    fn scores_are_right_to_the_noise_and_no_more_are_given_out_than_were_planned() {
        let world = World::new();
        let samples = world.encrypt(&values()).unwrap();
        let scores = world.score(&model(), &samples).unwrap();
        let expected = Features::new(&values(), COLUMNS).map(|x| model().decision_function(&x));
        let expected = expected.unwrap().unwrap();
        let largest = |found: &[f64]| {
            let pairs = found.iter().zip(&expected);
            pairs.fold(0.0, |max, (a, b)| f64::max(max, (a - b).abs()))
        };
        // The bound holds for what the computation does, and is within a few bits of it.
        let parameters = scores.parameters();
        let publishing = Publishing::of(parameters).unwrap();
        let bound =
            publishing.bound(parameters, &world.layout, 2).slot_error() / Publishing::SCORES;
        let error = largest(&scores.decrypt_exact(&world.decryptor).unwrap());
        assert!(
            error < bound && bound < 2f64.powi(-32),
            "{error:e} {bound:e}"
        );

        let given = RESULTS - 2;
        let decryptor = world.decryptor.clone().with_flooded(given);
        let published = scores.publish(&decryptor, RESULTS).unwrap();
        assert!(
            published.bits_left >= Publishing::LEAST_BITS,
            "{published:?}"
        );
        let noise = largest(&published.scores);
        assert!((published.deviation..7.0 * published.deviation).contains(&noise));
        scores.publish(&decryptor, RESULTS).unwrap();
        let refused = scores.publish(&decryptor, RESULTS).unwrap_err();
        let all = DecryptionError::Decryptions {
            given: RESULTS,
            planned: RESULTS,
        };
        assert!(matches!(refused, LearnError::Decryption(error) if error == all));
        // More results than the noise has room for.
        let many = scores.publish(&decryptor, 1 << 30).unwrap_err();
        assert!(matches!(many, LearnError::NoRoomForNoise { .. }), "{many}");
    }

    #[test]
    fn what_the_bound_does_not_cover_is_refused() {
        let world = World::new();
        let mut large = values();
        large[3] = 4.1;
        let refused = world.encrypt(&large).unwrap_err();
        assert!(
            matches!(refused, LearnError::TooLargeToPublish { .. }),
            "{refused}"
        );
        let heavy = PlainModel {
            weights: vec![0.6; COLUMNS],
            ..model()
        };
        let samples = world.encrypt(&values()).unwrap();
        let refused = world.score(&heavy, &samples).unwrap_err();
        assert!(
            matches!(refused, LearnError::TooLargeToPublish { .. }),
            "{refused}"
        );
        for (columns, classes, results) in [(COLUMNS, 2, 1 << 20), (COLUMNS, 200, RESULTS)] {
            let refused = PlainModelSpec::for_publishing(columns, classes, results).unwrap_err();
            assert!(
                matches!(refused, LearnError::NoRoomForNoise { .. }),
                "{refused}"
            );
        }
        let (_, parameters) = PlainModelSpec::planned(COLUMNS, 2).unwrap();
        assert_eq!(Publishing::of(&parameters), None);
    }

    /// Somebody knows two results, one of which was published, and sees the scores: how often they are right about
    /// which. The results differ as much in every score as the bound says that an error may.
    fn share_of_wins(world: &World, scores: &EncryptedScores, flooding: NoiseFlooding) -> f64 {
        let parameters = scores.parameters();
        let publishing = Publishing::of(parameters).unwrap();
        let bound = publishing.bound(parameters, &world.layout, 2);
        let [ciphertext] = scores.ciphertexts() else {
            panic!("one ciphertext");
        };
        let sign = |slot: usize| {
            if (slot * slot / 7).is_multiple_of(2) {
                1.0
            } else {
                -1.0
            }
        };
        let error = bound.slot_error();
        let errors: Vec<_> = (0..parameters.slots())
            .map(|slot| error * sign(slot))
            .collect();
        let errors = world
            .evaluator
            .encoder()
            .encode(&errors, ciphertext.level())
            .unwrap();
        let other = world.evaluator.add_plain(ciphertext, &errors).unwrap();
        let other = EncryptedScores::from_ciphertexts(world.layout, 2, vec![other]).unwrap();
        let decrypted = [scores, &other].map(|s| s.decrypt_exact(&world.decryptor).unwrap());
        let games = 60;
        let wins = (0..games).filter(|game| {
            let shown = [scores, &other][game % 2];
            let seen = shown.with_noise(&world.decryptor, flooding).unwrap();
            let distance =
                |to: &[f64]| -> f64 { seen.iter().zip(to).map(|(a, b)| (a - b) * (a - b)).sum() };
            usize::from(distance(&decrypted[1]) < distance(&decrypted[0])) == game % 2
        });
        wins.count() as f64 / games as f64
    }

    #[test]
    fn nobody_tells_from_published_scores_which_error_they_have() {
        let world = World::new();
        let samples = world.encrypt(&values()).unwrap();
        let scores = world.score(&model(), &samples).unwrap();
        let parameters = scores.parameters();
        let publishing = Publishing::of(parameters).unwrap();
        let shape = (&world.layout, 2);
        let flooding = publishing.flooding(parameters, shape, 1 << 10).unwrap();
        let wins = share_of_wins(&world, &scores, flooding);
        assert!(wins < 0.5 + 4.0 * 0.5 / 60f64.sqrt(), "{wins}");
        // Without the bits of security the same player wins, so the game is one that can be won.
        let narrow = NoiseFlooding {
            error: flooding.error / 2f64.powi(28),
            ..flooding
        };
        let wins = share_of_wins(&world, &scores, narrow);
        assert!(wins > 0.8, "{wins}");
    }
}
