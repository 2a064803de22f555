//! What the runners of spatial operations share: a case as images and a window, and a pool run in every
//! layout on every instruction set.

use crate::Rules;
use crate::lay::{Lay, cells, each_run};
use crate::set::{Case, Image};
use crate::taps::{Plan, Spec};
use crate::value::{Value, is_integer};
use lanepool::{Geometry, Operation, Pool, PoolError, Window};

/// Input, expected output and window of a case.
pub struct Parts<T> {
    pub x: Image<T>,
    pub y: Image<T>,
    pub spec: Spec,
    pub plan: Plan,
}

/// The input and the first answer, of a rank that suits the operation.
pub fn images<T: Value>(case: &Case, axes: usize) -> Result<(Image<T>, Image<T>), String> {
    let x = case.input("x")?;
    if x.shape.len() != axes + 2 {
        return Err(format!("x has shape {:?}", x.shape));
    }
    Ok((x.image(&case.layout)?, case.y()?.image(&case.layout)?))
}

const READING: &str = "SAME with dilation, and VALID with ceil_mode, as ONNX Runtime reads them, by explicit padding";
const SKIPS: &str = "SAME with a stride past the window starts at cell 0 (ONNX Runtime's padding is negative)";
const TOO_LARGE: &str = "a window larger than the padded input is refused (ONNX Runtime lets it reach past the end)";

/// `None` where our answer is that there is none, which the library has given.
pub fn windows<T: Value>(case: &Case, axes: usize, rules: &mut Rules) -> Result<Option<Parts<T>>, String> {
    let (x, mut y) = images::<T>(case, axes)?;
    let mut spec = Spec::parse(&case.attrs, axes)?;
    let mut ours = false;
    if case.y()?.source == "onnxruntime" {
        ours = spec.skips(x.shape);
        if ours {
            y.shape.spatial = std::array::from_fn(|i| x.shape.spatial[i].div_ceil(spec.stride[i]));
            y.values.resize(cells(y.shape), T::SENTINEL);
            rules.take(SKIPS, y.values.len());
        }
        if let Some(read) = spec.of_onnx_runtime(x.shape).filter(|_| !ours) {
            rules.take(READING, y.values.len());
            spec = read;
        }
        // Division that rounds toward zero gives it one window where less than a stride is lacking.
        let size = spec.window::<3>().output_size(x.shape.spatial);
        if matches!(size, Err(PoolError::KernelTooLarge { .. })) {
            rules.take(TOO_LARGE, y.values.len());
            return Ok(None);
        }
    }
    let mut plan = spec.plan(x.shape, y.shape);
    plan.ours = ours;
    // What the activation comes to is said by `clamp`, and what SAME comes to by `pad`.
    case.attrs.text("activation")?;
    match case.attrs.text("padding")? {
        None | Some("VALID") => {}
        Some("SAME") => {
            let same = Window::same_upper(spec.kernel, spec.stride).output_size(x.shape.spatial);
            if same != Ok(y.shape.spatial) {
                return Err(format!("SAME gives {same:?}, want {:?}", y.shape.spatial));
            }
        }
        Some(other) => return Err(format!("unknown padding {other:?}")),
    }
    Ok(Some(Parts { x, y, spec, plan }))
}

/// The bins of an adaptive pool; `None` keeps an axis.
pub fn bins(case: &Case, axes: usize) -> Result<[Option<usize>; 3], String> {
    let sizes = case.attrs.sizes("output_size", axes)?.ok_or("no attribute \"output_size\"")?;
    let mut lifted = [None; 3];
    lifted[3 - axes..].copy_from_slice(&sizes);
    Ok(lifted)
}

/// That the attributes of a pool of the whole image say so.
pub fn whole(case: &Case, axes: usize) -> Result<(), String> {
    let sizes = case.attrs.lifted("output_size", axes, 1)?;
    if sizes.is_none_or(|sizes| sizes == [1; 3]) { Ok(()) } else { Err(format!("a global pool to {sizes:?}")) }
}

/// A fused activation: of integers in codes, after rounding.
pub fn clamp<T: Value>(case: &Case) -> Result<Option<[T; 2]>, String> {
    match case.attrs.numbers("clamp")?.as_deref() {
        None => Ok(None),
        Some(&[low, high]) => {
            let bounds = [low, high].map(T::from_f64);
            let exact = bounds.map(T::to_f64) == [low, high];
            if exact || !is_integer::<T>() { Ok(Some(bounds)) } else { Err(format!("clamp to {low}..={high}")) }
        }
        Some(other) => Err(format!("unsupported clamp {other:?}")),
    }
}

pub fn clamped<O: Operation<T>, T: Value, G>(pool: Pool<O, T, G>, clamp: Option<[T; 2]>) -> Pool<O, T, G> {
    match clamp {
        None => pool,
        Some([low, high]) => pool.clamp(low, high),
    }
}

/// Has `check` look at the results of `pool` in every layout, on every instruction set.
pub fn each_result<O: Operation<T>, T: Value, G: Geometry<D>, const D: usize>(
    pool: Pool<O, T, G>,
    x: &Image<T>,
    y: &Image<T>,
    check: impl Fn(&[T]) -> Result<(), String>,
) -> Result<(), String> {
    each_run(|isa, from, to| {
        let data = from.spread(x, T::GAP);
        check(&to.collect(y.shape, T::SENTINEL, |output| pool.run_on(isa, from.view(x.shape, &data), output))?)
            .map_err(|error| format!("{D} axes, {error}"))
    })
}

/// That `pool` refuses windows without a cell.
pub fn refuses<O: Operation<T>, T: Value, G: Geometry<D>, const D: usize>(
    pool: Pool<O, T, G>,
    x: &Image<T>,
    y: &Image<T>,
) -> Result<(), String> {
    let data = Lay::Nchw.spread(x, T::GAP);
    let mut done = Ok(());
    let untouched = Lay::Nchw.collect(y.shape, T::SENTINEL, |output| {
        done = pool.run(Lay::Nchw.view(x.shape, &data), output);
        Ok(())
    })?;
    match done {
        Err(PoolError::EmptyWindow { .. }) if untouched.iter().all(|x| *x == T::SENTINEL) => Ok(()),
        other => Err(format!("a window without a cell gives {other:?}")),
    }
}
