//! Random numbers: the same seed and name give the same sequence, whatever
//! else is drawn elsewhere.

use fastrand::Rng;

/// One stream of random numbers.
#[derive(Debug)]
pub(crate) struct Dice(Rng);

impl Dice {
    /// The stream of this name in the world of this seed.
    pub(crate) fn new(seed: u64, name: &str) -> Self {
        // FNV-1a, so that neighbouring seeds and similar names share nothing.
        let bytes = seed.to_le_bytes().into_iter().chain(name.bytes());
        let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        Self(Rng::with_seed(hash))
    }

    /// Uniformly distributed from `low` to `high`.
    pub(crate) fn uniform(&mut self, low: f64, high: f64) -> f64 {
        low + self.0.f64() * (high - low)
    }

    /// From `low` to `high`, with uniformly distributed logarithm.
    pub(crate) fn log_uniform(&mut self, low: f64, high: f64) -> f64 {
        self.uniform(low.ln(), high.ln()).exp()
    }

    /// Log-normally distributed around 1, with this standard deviation of the logarithm.
    pub(crate) fn log_normal(&mut self, sigma: f64) -> f64 {
        let radius = (-2.0 * (1.0 - self.0.f64()).ln()).sqrt();
        (sigma * radius * (std::f64::consts::TAU * self.0.f64()).cos()).exp()
    }

    /// Exponentially distributed, with this mean.
    pub(crate) fn exponential(&mut self, mean: f64) -> f64 {
        -mean * (1.0 - self.0.f64()).ln()
    }

    /// Poisson distributed, with this mean.
    pub(crate) fn poisson(&mut self, mean: f64) -> u64 {
        let limit = (-mean).exp();
        let (mut count, mut product) = (0, self.0.f64());
        while product > limit {
            count += 1;
            product *= self.0.f64();
        }
        count
    }

    /// True with this probability.
    pub(crate) fn chance(&mut self, probability: f64) -> bool {
        self.0.f64() < probability
    }

    /// A whole number from `low` to `high`, both included.
    pub(crate) fn between(&mut self, low: i64, high: i64) -> i64 {
        self.0.i64(low..=high)
    }

    /// An index below `length`, which is not 0.
    pub(crate) fn index(&mut self, length: usize) -> usize {
        self.0.usize(..length)
    }

    /// One of them.
    pub(crate) fn choose<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.index(choices.len())]
    }

    /// In random order.
    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        self.0.shuffle(items);
    }
}
