//! Averages and norms. Those of floats are near the same formula in f64, within a bound.

use crate::Rules;
use crate::integers;
use crate::lay::last;
use crate::set::{Case, Image};
use crate::spatial::{Parts, bins, clamp, clamped, each_result, images, refuses, whole, windows};
use crate::taps::{Output, Plan, Spec};
use crate::value::{Near, Value, exact, is_integer, mean_bound, norm_bound};
use lanepool::{AdaptiveAvgPool, AvgPool, Divisor, Float, Geometry, GlobalAvgPool, LpPool, Operation, Pool, Rounding};
use std::num::NonZeroI32;

const EMPTY: &str = "a window without a cell is refused, or has the zero with which the caller fills it";
const NORM: &str = "a norm is that of the real taps, (sum |x|^p)^(1/p), as in ONNX; PyTorch's answer is another";

/// Averages as they should be.
enum Averages<T> {
    Exact(Vec<T>),
    Near(Near),
}

impl<T: Value> Averages<T> {
    fn check(&self, got: &[T]) -> Result<(), String> {
        match self {
            Self::Exact(want) => exact(got, want),
            Self::Near(near) => near.check(got),
        }
    }
}

/// The stored averages; `divisor` is what each sum is divided by.
fn averages<T: Value>(
    case: &Case,
    x: &Image<T>,
    y: &Image<T>,
    plan: &Plan,
    divisor: impl Fn(&Output) -> f64,
    rules: &mut Rules,
) -> Result<Averages<T>, String> {
    if is_integer::<T>() {
        // Where LiteRT's kernels differ, its reference has the rule that is written down.
        let y_ref = case.output("y_ref").map(|tensor| tensor.image(&case.layout)).transpose()?;
        return Ok(Averages::Exact(y_ref.unwrap_or(y.clone()).values));
    }
    // Without a reference in f64, y has the error of its own sum.
    let (mut want, times) = match case.output("ref64") {
        _ if plan.ours => (vec![0.0; y.values.len()], 1.0),
        Some(ref64) => (ref64.image::<f64>(&case.layout)?.values, 1.0),
        None => (y.values.iter().map(|y| y.to_f64()).collect(), 2.0),
    };
    let mut bound = Vec::new();
    for (want, output) in want.iter_mut().zip(plan.outputs()) {
        if output.is_empty() {
            rules.take(EMPTY, 1);
            *want = 0.0;
            bound.push(0.0);
            continue;
        }
        if plan.ours {
            *want = output.taps(x).sum::<f64>() / divisor(&output);
        }
        let mean_abs = output.taps(x).map(f64::abs).sum::<f64>() / divisor(&output).abs();
        let half_step = if times == 1.0 { 0.0 } else { crate::value::ulp::<T>(*want) / 2.0 };
        bound.push(times * mean_bound::<T>(output.cells.len(), mean_abs) + half_step);
    }
    Ok(Averages::Near(Near { want, bound }))
}

/// How the source rounds averages of integers: TFLite halves away from zero (up, where there is nothing
/// below zero), the others to even.
fn rounding<T: Value>(case: &Case) -> Result<Rounding, String> {
    let source = &case.y()?.source;
    Ok(match () {
        () if !source.starts_with("litert") => Rounding::HalfEven,
        () if T::NAME == "u8" => Rounding::HalfUp,
        () => Rounding::HalfAwayFromZero,
    })
}

/// The divisor that a case asks for.
pub fn divisor(case: &Case) -> Result<Divisor, String> {
    let include = case.attrs.flag("count_include_pad")?;
    match case.attrs.number("divisor_override")? {
        None if include => Ok(Divisor::InputAndPadding),
        None => Ok(Divisor::RealTaps),
        Some(n) => {
            let number = NonZeroI32::new(n as i32).filter(|number| f64::from(number.get()) == n);
            number.map(Divisor::Fixed).ok_or(format!("divisor_override {n}"))
        }
    }
}

pub fn count(divisor: Divisor, output: &Output) -> f64 {
    match divisor {
        Divisor::Fixed(n) => n.get().into(),
        Divisor::InputAndPadding => output.padded as f64,
        _ => output.cells.len() as f64,
    }
}

const OUTPUTS: [&str; 5] = ["y", "ref64", "y_ort", "y_ref", "y_xnn"];

pub fn avg<T: Value, const D: usize>(case: &Case, axes: usize, rules: &mut Rules) -> Result<(), String> {
    let Some(Parts { x, y, spec, plan }) = windows::<T>(case, axes, rules)? else { return Ok(()) };
    let (clamp, scales, divisor) = (clamp::<T>(case)?, integers::scales(case)?, divisor(case)?);
    let want = averages(case, &x, &y, &plan, |output| count(divisor, output), rules)?;
    case.check_known(&["x"], &OUTPUTS)?;
    // With one scale the codes are averaged as they are.
    if scales.is_some_and(|[from, to]| from != to) {
        return Err(format!("unsupported: an average that goes from one scale to another, {scales:?}"));
    }
    avg_on::<T, D>(&spec, &plan, (divisor, rounding::<T>(case)?, clamp), &x, &y, &want)
}

fn avg_on<T: Value, const D: usize>(
    spec: &Spec,
    plan: &Plan,
    (divisor, rounding, clamp): (Divisor, Rounding, Option<[T; 2]>),
    x: &Image<T>,
    y: &Image<T>,
    want: &Averages<T>,
) -> Result<(), String> {
    let pool = AvgPool::new(spec.window::<D>()).divisor(divisor);
    let pool = clamped(T::rounding(pool, rounding), clamp);
    if plan.has_empty() {
        refuses(pool, x, y)?;
    }
    check(pool.empty_value(T::from_f64(0.0)), x, y, want)
}

fn check<O: Operation<T>, T: Value, G: Geometry<D>, const D: usize>(
    pool: Pool<O, T, G>,
    x: &Image<T>,
    y: &Image<T>,
    want: &Averages<T>,
) -> Result<(), String> {
    each_result(pool, x, y, |got| want.check(got))
}

pub fn adaptive_avg<T: Value, const D: usize>(case: &Case, axes: usize, rules: &mut Rules) -> Result<(), String> {
    let (x, y) = images::<T>(case, axes)?;
    let bins = bins(case, axes)?;
    let plan = Plan::bins(x.shape, y.shape);
    let want = averages(case, &x, &y, &plan, |output| output.cells.len() as f64, rules)?;
    case.check_known(&["x"], &OUTPUTS)?;
    adaptive_on::<T, D>(bins, rounding::<T>(case)?, &x, &y, &want)
}

fn adaptive_on<T: Value, const D: usize>(
    bins: [Option<usize>; 3],
    rounding: Rounding,
    x: &Image<T>,
    y: &Image<T>,
    want: &Averages<T>,
) -> Result<(), String> {
    check(T::rounding(AdaptiveAvgPool::<T, D>::with_sizes(last(bins)), rounding), x, y, want)?;
    check(T::rounding(AdaptiveAvgPool::<T, D>::new(last(y.shape.spatial)), rounding), x, y, want)
}

pub fn global_avg<T: Value, const D: usize>(case: &Case, axes: usize, rules: &mut Rules) -> Result<(), String> {
    let (x, y) = images::<T>(case, axes)?;
    whole(case, axes)?;
    let plan = Plan::bins(x.shape, y.shape);
    let want = averages(case, &x, &y, &plan, |output| output.cells.len() as f64, rules)?;
    case.check_known(&["x"], &OUTPUTS)?;
    global_on::<T, D>(rounding::<T>(case)?, &x, &y, &want)
}

fn global_on<T: Value, const D: usize>(
    rounding: Rounding,
    x: &Image<T>,
    y: &Image<T>,
    want: &Averages<T>,
) -> Result<(), String> {
    check::<_, _, _, D>(T::rounding(GlobalAvgPool::new(), rounding), x, y, want)
}

pub fn lp<T: Value + Float, const D: usize>(case: &Case, axes: usize, rules: &mut Rules) -> Result<(), String> {
    let Some(Parts { x, y, spec, plan }) = windows::<T>(case, axes, rules)? else { return Ok(()) };
    let p = case.attrs.number("p")?.unwrap_or(2.0);
    // PyTorch scales windows that overhang, and keeps the sign of odd powers.
    let torch_only = ["lp_ceil_quirk", "y_is_torch_only"].iter().any(|tag| case.tagged(tag));
    let stored = case.output("ref64").map(|tensor| tensor.image::<f64>(&case.layout)).transpose()?;
    let (mut want, mut bound) = (Vec::new(), Vec::new());
    for (i, output) in plan.outputs().enumerate() {
        let own = output.taps(&x).map(|x| x.abs().powf(p)).sum::<f64>().powf(1.0 / p);
        let stored = stored.as_ref().filter(|_| !plan.ours);
        let stored = stored.map_or(y.values[i].to_f64(), |ref64| ref64.values[i]);
        let norm = if torch_only || output.is_empty() || plan.ours { own } else { stored };
        rules.take(if output.is_empty() { EMPTY } else { NORM }, usize::from(torch_only || output.is_empty()));
        want.push(norm);
        // As with averages, y alone has an error of its own.
        let times = if case.output("ref64").is_some() { 1.0 } else { 2.0 };
        bound.push(times * norm_bound::<T>(output.cells.len(), p, norm));
    }
    case.check_known(&["x"], &OUTPUTS)?;
    let want = Averages::Near(Near { want, bound });
    lp_on::<T, D>(&spec, &plan, p, &x, &y, &want)
}

fn lp_on<T: Value + Float, const D: usize>(
    spec: &Spec,
    plan: &Plan,
    p: f64,
    x: &Image<T>,
    y: &Image<T>,
    want: &Averages<T>,
) -> Result<(), String> {
    let pool = LpPool::new(spec.window::<D>(), p);
    if plan.has_empty() {
        refuses(pool, x, y)?;
    }
    check(pool.empty_value(T::from_f64(0.0)), x, y, want)
}
