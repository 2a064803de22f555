//! Averages of codes that become codes of another scale.

use crate::Rules;
use crate::averages::{count, divisor};
use crate::set::{Case, Image};
use crate::spatial::{Parts, each_result, images, whole, windows};
use crate::taps::{Output, Plan, Spec};
use crate::value::{Value, exact};
use lanepool::{AvgPool, Divisor, GlobalAvgPool, Integer, Quantization};
use std::cell::Cell;

const TIE: &str = "ONNX Runtime's f32 falls off an exact tie, one code away from the exact answer, which is ours";
const DISAGREE: &str = "LiteRT's kernels disagree; each rule is compared with its own kernel";

/// The scales of input and output, if a case has any.
pub fn scales(case: &Case) -> Result<Option<[Quantization; 2]>, String> {
    let quantization = |scale, zero| -> Result<Option<Quantization>, String> {
        match (case.attrs.number(scale)?, case.attrs.number(zero)?) {
            (None, None) => Ok(None),
            (Some(scale), Some(zero)) => Ok(Some(Quantization::new(scale as f32, zero as i32))),
            other => Err(format!("{other:?} for {scale} and {zero}")),
        }
    };
    match (quantization("scale_in", "zero_in")?, quantization("scale_out", "zero_out")?) {
        (None, None) => Ok(None),
        (Some(from), Some(to)) => Ok(Some([from, to])),
        other => Err(format!("scales {other:?}")),
    }
}

fn some_scales(case: &Case) -> Result<[Quantization; 2], String> {
    scales(case)?.ok_or("no scales".into())
}

/// The answers of ONNX Runtime, and the exact quotients of which they are rounded.
struct Codes<T> {
    want: Vec<T>,
    quotients: Vec<f64>,
    ties: Cell<usize>,
}

impl<T: Value> Codes<T> {
    fn new(x: &Image<T>, y: Image<T>, plan: &Plan, [from, to]: [Quantization; 2], divisor: Divisor) -> Self {
        let quotient = |output: Output| {
            let zero = f64::from(from.zero_point);
            // Padding counts as zero, of which the code is the zero point.
            let sum: f64 = output.taps(x).map(|code| code - zero).sum();
            let real = f64::from(from.scale) * sum / (f64::from(to.scale) * count(divisor, &output));
            real + f64::from(to.zero_point)
        };
        Self { want: y.values, quotients: plan.outputs().map(quotient).collect(), ties: Cell::new(0) }
    }

    /// Equal, or one code apart where the exact quotient lies within 1e-4 of a tie: ONNX Runtime
    /// computes in f32, whose error decides there.
    fn check(&self, got: &[T]) -> Result<(), String> {
        let mut agreed = self.want.clone();
        let mut ties = 0;
        for (i, want) in agreed.iter_mut().enumerate() {
            let fraction = self.quotients[i] - self.quotients[i].floor();
            let step = (got[i].to_f64() - want.to_f64()).abs();
            if step == 1.0 && (fraction - 0.5).abs() < 1e-4 {
                (*want, ties) = (got[i], ties + 1);
            }
        }
        self.ties.set(ties);
        exact(got, &agreed)
    }
}

/// `QLinearAveragePool`, which adds the zero point before it rounds.
pub fn qlinear_avg<T: Value + Integer, const D: usize>(
    case: &Case,
    axes: usize,
    rules: &mut Rules,
) -> Result<(), String> {
    let Some(Parts { x, y, spec, plan }) = windows::<T>(case, axes, rules)? else { return Ok(()) };
    let (scales, divisor) = (some_scales(case)?, divisor(case)?);
    case.check_known(&["x"], &["y"])?;
    if plan.has_empty() || plan.ours {
        return Err("unsupported: a window without a cell, or a stride past the window".into());
    }
    let codes = Codes::new(&x, y.clone(), &plan, scales, divisor);
    qlinear_on::<T, D>(&spec, scales, divisor, &x, &y, &codes)?;
    rules.take(TIE, codes.ties.get());
    Ok(())
}

fn qlinear_on<T: Value + Integer, const D: usize>(
    spec: &Spec,
    [from, to]: [Quantization; 2],
    divisor: Divisor,
    x: &Image<T>,
    y: &Image<T>,
    codes: &Codes<T>,
) -> Result<(), String> {
    let pool = AvgPool::new(spec.window::<D>()).divisor(divisor).requantize(from, to);
    each_result(pool, x, y, |got| codes.check(got))
}

/// `QLinearGlobalAveragePool`, which adds the zero point after it has rounded.
pub fn qlinear_global_avg<T: Value + Integer, const D: usize>(
    case: &Case,
    axes: usize,
    rules: &mut Rules,
) -> Result<(), String> {
    let (x, y) = images::<T>(case, axes)?;
    whole(case, axes)?;
    let scales = some_scales(case)?;
    case.check_known(&["x"], &["y"])?;
    let codes = Codes::new(&x, y.clone(), &Plan::bins(x.shape, y.shape), scales, Divisor::RealTaps);
    qlinear_global_on::<T, D>(scales, &x, &y, &codes)?;
    rules.take(TIE, codes.ties.get());
    Ok(())
}

fn qlinear_global_on<T: Value + Integer, const D: usize>(
    [from, to]: [Quantization; 2],
    x: &Image<T>,
    y: &Image<T>,
    codes: &Codes<T>,
) -> Result<(), String> {
    each_result::<_, _, _, D>(GlobalAvgPool::new().requantize(from, to), x, y, |got| codes.check(got))
}

/// LiteRT's `MEAN` over rows and columns, bit for bit: its reference kernel has fixed-point
/// multipliers, XNNPACK an f32 scale. `y` is of the kernel that LiteRT chose; where the kernels disagree
/// it mixes both roundings, by the channel (its optimised kernel does some channels in vectors and the
/// rest by the other rule), so that no one rule gives it. Then `y_ref` and `y_xnn` are beside it.
pub fn mean<T: Value + Integer, const D: usize>(case: &Case, _: usize, rules: &mut Rules) -> Result<(), String> {
    let (x, y) = images::<T>(case, 2)?;
    let [from, to] = some_scales(case)?;
    let other = |name| case.output(name).map(|tensor| tensor.image::<T>(&case.layout)).transpose();
    let (y_ref, y_xnn) = (other("y_ref")?, other("y_xnn")?);
    case.check_known(&["x"], &["y", "y_ref", "y_xnn"])?;
    if case.tagged("kernels_disagree") {
        rules.take(DISAGREE, y.values.len());
    }
    let (y_ref, y_xnn) = (y_ref.unwrap_or(y.clone()), y_xnn.unwrap_or(y.clone()));
    let pool = GlobalAvgPool::new();
    each_result::<_, _, _, D>(pool.requantize_fixed_point(from, to), &x, &y, |got| exact(got, &y_ref.values))
        .map_err(|error| format!("fixed point, {error}"))?;
    each_result::<_, _, _, D>(pool.requantize(from, to), &x, &y, |got| exact(got, &y_xnn.values))
        .map_err(|error| format!("exact, {error}"))
}
