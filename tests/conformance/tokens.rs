//! Pools of token sequences. Tokens that are masked are never read, and a sequence without a token gives
//! zeros; where a framework does otherwise, ours is computed here, in f64.

use crate::set::{Case, Tensor};
use crate::value::{Near, Value, exact};
use crate::{Rules, isas};
use lanepool::tokens::{Keep, L2_EPSILON, Mode, Positions, TokenPool, Tokens};

const NO_TOKEN: &str = "a sequence without a token gives zeros and the count 0";
const FIRST: &str = "CLS is the first kept token, also where the first token is masked";
const NAN: &str = "NaN in a masked token is not read; the answer is computed without it, in f64";
const POSITION: &str = "positions count from the first kept token, not from the padding to the left of it";

const EPSILON: f64 = f32::EPSILON as f64;

/// One sequence: its rows, which are kept, and a weight or score for each.
struct Sequence<'a> {
    rows: Vec<&'a [f32]>,
    mask: &'a [u8],
    weights: Option<&'a [f32]>,
}

/// A result as it should be, and how far from it each element may lie.
struct Answer {
    want: Vec<f64>,
    bound: Vec<f64>,
}

impl Sequence<'_> {
    fn kept(&self) -> impl Iterator<Item = usize> + Clone {
        (0..self.rows.len()).filter(|&t| self.mask[t] != 0)
    }

    /// Copies of a row, which are exact.
    fn copy(&self, row: usize) -> Answer {
        let want: Vec<f64> = self.rows[row].iter().map(|&x| x.into()).collect();
        Answer { bound: vec![0.0; want.len()], want }
    }

    /// Applies `element` to each dimension, the kept elements in order; it gives result and bound.
    fn each(&self, element: impl Fn(&[f64]) -> [f64; 2]) -> Answer {
        let dim = self.rows[0].len();
        let column = |i| self.kept().map(|t| f64::from(self.rows[t][i])).collect::<Vec<_>>();
        let (want, bound) = (0..dim).map(|i| element(&column(i)).into()).collect();
        Answer { want, bound }
    }

    /// A sum over `divisor`: each addition and the division round once, the divisor at most once.
    fn sum(&self, divisor: f64) -> Answer {
        self.each(|x| {
            let abs: f64 = x.iter().map(|x| x.abs()).sum();
            [x.iter().sum::<f64>() / divisor, (x.len() + 1) as f64 * EPSILON * abs / divisor]
        })
    }

    /// A mean by weights. `slack[t]` says by how many roundings a weight may be wrong already. Products, sum and
    /// total round once a token: the sum is wrong relative to the sum of sizes, the quotient by what
    /// the sum and the total are. Weights that vanish in f32 are wrong by no more than its least normal number.
    fn weighted(&self, weights: &[f64], slack: &[f64]) -> Answer {
        let total: f64 = weights.iter().sum();
        let n = weights.len() as f64;
        let total_error = |t: usize| (n + slack[t]) * EPSILON * weights[t].abs() + f64::from(f32::MIN_POSITIVE);
        let total_error: f64 = (0..weights.len()).map(total_error).sum::<f64>() / total.abs();
        self.each(|x| {
            let want = x.iter().zip(weights).map(|(x, w)| x * w).sum::<f64>() / total;
            let error = |t: usize| {
                x[t].abs() * ((n + 1.0 + slack[t]) * EPSILON * weights[t].abs() + f64::from(f32::MIN_POSITIVE))
            };
            let error: f64 = (0..x.len()).map(error).sum::<f64>() / total.abs();
            [want, error + want.abs() * (total_error + EPSILON)]
        })
    }

    fn answer(&self, mode: &str) -> Result<Answer, String> {
        let kept: Vec<usize> = self.kept().collect();
        let n = kept.len();
        let given = || -> Result<Vec<f64>, String> {
            let weights = self.weights.ok_or("no weights")?;
            Ok(kept.iter().map(|&t| weights[t].into()).collect())
        };
        Ok(match mode {
            _ if n == 0 => {
                let dim = self.rows[0].len();
                Answer { want: vec![0.0; dim], bound: vec![0.0; dim] }
            }
            "cls" => self.copy(kept[0]),
            "lasttoken" => self.copy(kept[n - 1]),
            "max" => {
                self.each(|x| [x.iter().copied().reduce(|a, b| if a > b || a.is_nan() { a } else { b }).unwrap(), 0.0])
            }
            "mean" => self.sum(n as f64),
            "mean_sqrt_len" => self.sum((n as f64).sqrt()),
            "weightedmean" => {
                let weights: Vec<f64> = kept.iter().map(|t| (t - kept[0] + 1) as f64).collect();
                self.weighted(&weights, &vec![0.0; n])
            }
            "wmean" => self.weighted(&given()?, &vec![0.0; n]),
            "attn" => {
                let scores = given()?;
                let greatest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                // The difference rounds, relative to itself, and the exponential makes that absolute.
                let slack: Vec<f64> = scores.iter().map(|score| 2.0 + (score - greatest).abs()).collect();
                let weights: Vec<f64> = scores.iter().map(|score| (score - greatest).exp()).collect();
                self.weighted(&weights, &slack)
            }
            "mean_l2" => {
                let Answer { want: mean, bound } = self.sum(n as f64);
                let norm = |x: &[f64]| x.iter().map(|x| x * x).sum::<f64>().sqrt();
                let length = norm(&mean).max(L2_EPSILON.into());
                // Squares, their sum and the root round; the errors of the mean enter the length, too.
                let length_error = norm(&bound) / length + (mean.len() as f64 + 3.0) * EPSILON;
                let want: Vec<f64> = mean.iter().map(|x| x / length).collect();
                let error = |i: usize| bound[i] / length + want[i].abs() * (length_error + EPSILON);
                Answer { bound: (0..mean.len()).map(error).collect(), want }
            }
            other => return Err(format!("unknown operation \"token_{other}\"")),
        })
    }

    fn pool(&self, mode: &str) -> Result<TokenPool<'_>, String> {
        let weights = || self.weights.ok_or("no weights".to_string());
        Ok(TokenPool::new(match mode {
            "cls" => Mode::First,
            "lasttoken" => Mode::Last,
            "max" => Mode::Max,
            "mean_sqrt_len" => Mode::MeanSqrtLength,
            "weightedmean" => Mode::PositionWeightedMean(Positions::FromFirst),
            "wmean" => return Ok(TokenPool::new(Mode::WeightedMean).weights(weights()?)),
            "attn" => return Ok(TokenPool::new(Mode::Attention).weights(weights()?)),
            "mean" => Mode::Mean,
            "mean_l2" => return Ok(TokenPool::new(Mode::Mean).l2_normalize(L2_EPSILON)),
            other => return Err(format!("unknown operation \"token_{other}\"")),
        }))
    }

    /// Every way to say which tokens are kept.
    fn keeps<'a>(&'a self, bools: &'a [bool]) -> Vec<Keep<'a>> {
        let n = self.kept().count();
        let mut keeps = vec![Keep::mask(self.mask), Keep::mask(bools)];
        if self.kept().eq(0..n) {
            keeps.push(Keep::length(n));
        }
        if n == self.rows.len() {
            keeps.push(Keep::all());
        }
        keeps
    }

    /// Adjacent rows and rows with gaps of NaN, on every instruction set.
    fn each_run(&self, mode: &str, check: impl Fn(&[f32]) -> Result<(), String>) -> Result<(), String> {
        let pool = self.pool(mode)?;
        let bools: Vec<bool> = self.mask.iter().map(|&keep| keep != 0).collect();
        let (tokens, dim) = (self.rows.len(), self.rows[0].len());
        let count = self.kept().count();
        let count = if ["cls", "lasttoken"].contains(&mode) { count.min(1) } else { count };
        for gap in [0, 3] {
            let mut data = Vec::new();
            for row in &self.rows {
                data.extend_from_slice(row);
                data.extend(vec![f32::NAN; gap]);
            }
            let sequence = Tokens::with_stride(&data, [tokens, dim], dim + gap).map_err(|error| error.to_string())?;
            for isa in isas() {
                for keep in self.keeps(&bools) {
                    let place = |error| format!("{isa} gap {gap} {keep:?}: {error}");
                    let mut output = vec![f32::MAX; dim + 2];
                    let got = pool.run_on(isa, sequence, keep, &mut output[1..=dim]);
                    let got = got.map_err(|error| place(error.to_string()))?;
                    if got != count {
                        return Err(place(format!("count {got}, want {count}")));
                    }
                    exact(&[output[0], output[dim + 1]], &[f32::MAX; 2]).map_err(place)?;
                    check(&output[1..=dim]).map_err(place)?;
                }
            }
        }
        Ok(())
    }
}

/// A tensor of the shape that is expected.
fn values<T: Value>(tensor: &Tensor, shape: &[usize]) -> Result<Vec<T>, String> {
    if tensor.shape == shape { tensor.values() } else { Err(format!("{:?} has shape {:?}", tensor.name, tensor.shape)) }
}

pub fn run(case: &Case, mode: &str, rules: &mut Rules) -> Result<(), String> {
    if (&*case.layout, &*case.dtype) != ("btd", "f32") {
        return Err(format!("unknown layout {:?} of {:?} tokens", case.layout, case.dtype));
    }
    let x = case.input("x")?;
    let &[batch, tokens, dim] = &*x.shape else { return Err(format!("x has shape {:?}", x.shape)) };
    let mask: Vec<u8> = values(case.input("mask")?, &[batch, tokens])?;
    let weights = case.input("weights").ok().map(|tensor| values::<f32>(tensor, &[batch, tokens])).transpose()?;
    let x: Vec<f32> = x.values()?;
    let y: Vec<f32> = values(case.y()?, &[batch, dim])?;
    let ref64 = case.output("ref64").map(|tensor| values::<f64>(tensor, &[batch, dim])).transpose()?;
    case.check_known(&["x", "mask", "weights"], &["y", "ref64"])?;
    for b in 0..batch {
        let range = b * tokens..(b + 1) * tokens;
        let sequence = Sequence {
            rows: x[range.start * dim..range.end * dim].chunks(dim).collect(),
            mask: &mask[range.clone()],
            weights: weights.as_ref().map(|weights| &weights[range]),
        };
        let Answer { mut want, bound } = sequence.answer(mode)?;
        let first = sequence.kept().next();
        let by_rule = match (first, mode) {
            (None, _) => Some(NO_TOKEN),
            (Some(1..), "cls") => Some(FIRST),
            (Some(1..), "weightedmean") => Some(POSITION),
            _ => None,
        };
        rules.take(by_rule.unwrap_or(""), if by_rule.is_some() { dim } else { 0 });
        if by_rule.is_none() {
            for (i, want) in want.iter_mut().enumerate() {
                let at = b * dim + i;
                let stored = ref64.as_ref().map_or(y[at].into(), |ref64| ref64[at]);
                if stored.is_nan() && case.tagged("nan_in_masked") {
                    rules.take(NAN, 1);
                } else {
                    *want = stored;
                }
            }
        }
        let is_exact = ["cls", "lasttoken", "max"].contains(&mode);
        let near = Near { want, bound };
        sequence
            .each_run(mode, |got| match is_exact {
                true => exact(&got.iter().map(|&x| x.into()).collect::<Vec<f64>>(), &near.want),
                false => near.check(got),
            })
            .map_err(|error| format!("sequence {b}: {error}"))?;
    }
    Ok(())
}
