//! Maxima and their indices, which are exact.

use crate::Rules;
use crate::integers;
use crate::lay::{Lay, each_run, last};
use crate::set::{Case, Image};
use crate::spatial::{Parts, bins, clamp, clamped, each_result, images, refuses, whole, windows};
use crate::taps::{Output, Plan, Spec};
use crate::value::{Value, exact, is_integer, same};
use lanepool::{AdaptiveMaxPool, Geometry, GlobalMaxPool, Index, IndexLayout, Isa, MaxPool, Maximum, Pool};

const LAST_NAN: &str = "a NaN in a window wins, and its index is that of the last (PyTorch's rule, not the source's)";
const EMPTY: &str = "a window without a cell is refused, or has -inf and no index where the caller fills it";
const Y_ORT: &str = "ONNX Runtime's second opinion set aside: its window has NaN, no cell, or only -inf";

/// Maxima as they should be.
struct Maxima<T> {
    values: Vec<T>,
    /// If stored: the numbers, and what they number.
    indices: Option<(Vec<i64>, IndexLayout)>,
}

/// The stored maxima, with our answers where the source has another rule.
fn maxima<T: Value>(
    case: &Case,
    x: &Image<T>,
    y: &Image<T>,
    plan: &Plan,
    clamp: Option<[T; 2]>,
    rules: &mut Rules,
) -> Result<Maxima<T>, String> {
    let by_torch = case.y()?.source == "torch";
    let second = |name| case.output(name).map(|tensor| tensor.image::<T>(&case.layout)).transpose();
    let (y_ort, y_ref) = (second("y_ort")?, second("y_ref")?);
    let mut values = y.values.clone();
    let mut indices = stored_indices(case)?;
    if let Some((indices, _)) = &mut indices {
        indices.resize(values.len(), i64::NONE);
    }
    for (i, output) in plan.outputs().enumerate() {
        let (place, has_nan) = (output.greatest(x), output.taps(x).any(f64::is_nan));
        if output.is_empty() || (has_nan && !by_torch) || plan.ours {
            rules.take(EMPTY, usize::from(output.is_empty()));
            rules.take(LAST_NAN, usize::from(has_nan));
            values[i] = place.map_or(T::LOWEST, |cell| x.values[output.start() + cell]);
            if let Some((indices, layout)) = &mut indices {
                indices[i] = place.map_or(i64::NONE, |cell| number(cell, output.start(), x, *layout));
            }
        }
        if let Some(y_ort) = y_ort.as_ref().filter(|_| !plan.ours) {
            if output.is_empty() || has_nan || output.taps(x).all(|x| x == f64::NEG_INFINITY) {
                rules.take(Y_ORT, 1);
            } else {
                exact(&y_ort.values[i..=i], &values[i..=i]).map_err(|error| format!("y_ort at {i}, {error}"))?;
            }
        }
    }
    if let Some(y_ref) = y_ref {
        exact(&y_ref.values, &values).map_err(|error| format!("y_ref, {error}"))?;
    }
    // The same maxima once more, in f64.
    if let Some(ref64) = case.output("ref64").filter(|_| !is_integer::<T>() && clamp.is_none() && !plan.ours) {
        let ref64 = ref64.image::<f64>(&case.layout)?.values;
        let agrees = |(i, output): (usize, Output)| output.is_empty() || same(values[i].to_f64(), ref64[i]);
        if !plan.outputs().enumerate().all(agrees) {
            return Err("ref64 is not y".into());
        }
    }
    Ok(Maxima { values, indices })
}

/// PyTorch numbers within a plane, ONNX within the tensor.
fn stored_indices(case: &Case) -> Result<Option<(Vec<i64>, IndexLayout)>, String> {
    let storage_order = case.attrs.number("storage_order")?;
    let Some(tensor) = case.output("indices") else { return Ok(None) };
    let layout = match (storage_order, &*tensor.source) {
        (None, "torch") => IndexLayout::Plane,
        (None, "onnxruntime") | (Some(0.0), _) => IndexLayout::Tensor,
        (Some(1.0), _) => IndexLayout::TensorColumnMajor,
        other => return Err(format!("unknown indices of {other:?}")),
    };
    Ok(Some((tensor.integer_image(&case.layout)?.values, layout)))
}

/// The number of a cell of the plane that starts at `start`.
fn number<T>(cell: usize, start: usize, x: &Image<T>, layout: IndexLayout) -> i64 {
    let [depth, rows, cols] = x.shape.spatial;
    let [z, y, x] = [cell / (rows * cols), cell / cols % rows, cell % cols];
    let number = match layout {
        IndexLayout::Plane => cell,
        IndexLayout::Tensor => start + cell,
        _ => start + (x * rows + y) * depth + z,
    };
    number as i64
}

/// Values alone, then with indices if those are stored.
fn check<T: Value, G: Geometry<D>, const D: usize>(
    pool: Pool<Maximum, T, G>,
    x: &Image<T>,
    y: &Image<T>,
    want: &Maxima<T>,
) -> Result<(), String> {
    each_result(pool, x, y, |got| exact(got, &want.values))?;
    check_indices(pool, x, y, want)
}

fn check_indices<T: Value, G: Geometry<D>, const D: usize>(
    pool: Pool<Maximum, T, G>,
    x: &Image<T>,
    y: &Image<T>,
    want: &Maxima<T>,
) -> Result<(), String> {
    let Some((indices, layout)) = &want.indices else { return Ok(()) };
    each_run(|isa: Isa, from: Lay, to: Lay| {
        let data = from.spread(x, T::GAP);
        let mut values = Err("not run".into());
        // Values and indices in different layouts.
        let got = from.collect(y.shape, 12345, |numbers| {
            let mut done = Ok(());
            values = to.collect(y.shape, T::SENTINEL, |output| {
                done = pool.run_with_indices_on(isa, from.view(x.shape, &data), output, numbers, *layout);
                Ok(())
            });
            done
        })?;
        exact(&values?, &want.values).map_err(|error| format!("{D} axes, beside indices, {error}"))?;
        exact(&got, indices).map_err(|error| format!("{D} axes, indices ({layout:?}), {error}"))
    })
}

pub fn max<T: Value, const D: usize>(case: &Case, axes: usize, rules: &mut Rules) -> Result<(), String> {
    let Some(Parts { x, y, spec, plan }) = windows::<T>(case, axes, rules)? else { return Ok(()) };
    let (clamp, scales) = (clamp::<T>(case)?, integers::scales(case)?);
    let want = maxima(case, &x, &y, &plan, clamp, rules)?;
    case.check_known(&["x"], &["y", "ref64", "indices", "y_ort", "y_ref"])?;
    // TFLite's maximum has one scale, as ours; codes of another would need `requantize`.
    if scales.is_some_and(|[from, to]| from != to) {
        return Err(format!("unsupported: a maximum that goes from one scale to another, {scales:?}"));
    }
    max_on::<T, D>(&spec, &plan, clamp, &x, &y, &want)
}

fn max_on<T: Value, const D: usize>(
    spec: &Spec,
    plan: &Plan,
    clamp: Option<[T; 2]>,
    x: &Image<T>,
    y: &Image<T>,
    want: &Maxima<T>,
) -> Result<(), String> {
    let pool = clamped(MaxPool::new(spec.window::<D>()), clamp);
    if plan.has_empty() {
        refuses(pool, x, y)?;
    }
    check(pool.empty_value(T::LOWEST), x, y, want)
}

pub fn adaptive_max<T: Value, const D: usize>(case: &Case, axes: usize, rules: &mut Rules) -> Result<(), String> {
    let (x, y) = images::<T>(case, axes)?;
    let bins = bins(case, axes)?;
    let want = maxima(case, &x, &y, &Plan::bins(x.shape, y.shape), None, rules)?;
    case.check_known(&["x"], &["y", "ref64", "indices"])?;
    adaptive_on::<T, D>(bins, &x, &y, &want)
}

fn adaptive_on<T: Value, const D: usize>(
    bins: [Option<usize>; 3],
    x: &Image<T>,
    y: &Image<T>,
    want: &Maxima<T>,
) -> Result<(), String> {
    check(AdaptiveMaxPool::<T, D>::with_sizes(last(bins)), x, y, want)?;
    // The same, with sizes that are all chosen.
    let chosen = AdaptiveMaxPool::<T, D>::new(last(y.shape.spatial));
    each_result(chosen, x, y, |got| exact(got, &want.values))
}

pub fn global_max<T: Value, const D: usize>(case: &Case, axes: usize, rules: &mut Rules) -> Result<(), String> {
    let (x, y) = images::<T>(case, axes)?;
    whole(case, axes)?;
    let want = maxima(case, &x, &y, &Plan::bins(x.shape, y.shape), None, rules)?;
    case.check_known(&["x"], &["y", "ref64", "indices", "y_ort"])?;
    global_on::<T, D>(&x, &y, &want)
}

fn global_on<T: Value, const D: usize>(x: &Image<T>, y: &Image<T>, want: &Maxima<T>) -> Result<(), String> {
    each_result::<_, _, _, D>(GlobalMaxPool::new(), x, y, |got| exact(got, &want.values))?;
    // One bin is the whole.
    check_indices(AdaptiveMaxPool::<T, D>::new([1; D]), x, y, want)
}
