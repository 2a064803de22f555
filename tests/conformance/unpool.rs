//! The way back from maxima.

use crate::Rules;
use crate::lay::{Lay, each_run};
use crate::set::{Case, Image};
use crate::taps::Spec;
use crate::value::{Value, exact};
use lanepool::IndexLayout;

pub fn max_unpool<T: Value, const D: usize>(case: &Case, axes: usize, _: &mut Rules) -> Result<(), String> {
    let (x, y) = (case.input("x")?.image::<T>(&case.layout)?, case.y()?.image::<T>(&case.layout)?);
    let indices = case.input("indices")?.integer_image(&case.layout)?;
    if case.input("x")?.shape.len() != axes + 2 {
        return Err(format!("x has shape {:?}", x.shape));
    }
    // PyTorch numbers within a plane, ONNX within the tensor.
    let layout = match &*case.y()?.source {
        "torch" => IndexLayout::Plane,
        source if source.starts_with("onnx") => IndexLayout::Tensor,
        source => return Err(format!("unknown source {source:?}")),
    };
    // The size is that of the window unless it is given, with or without batch and channels.
    let mut size = None;
    for name in ["output_size", "output_shape"] {
        size = size.or(case.attrs.numbers(name)?);
    }
    let mut spatial = [1; 3];
    match size {
        Some(size) if size.len() >= axes => {
            let given = size[size.len() - axes..].iter().map(|&size| size as usize);
            spatial[3 - axes..].iter_mut().zip(given).for_each(|(to, size)| *to = size);
            Spec::parse(&case.attrs, axes).ok();
        }
        Some(size) => return Err(format!("output size {size:?}")),
        None => {
            let window = Spec::parse(&case.attrs, axes)?.window::<3>();
            spatial = window.unpooled_size(x.shape.spatial).map_err(|error| error.to_string())?;
        }
    }
    if spatial != y.shape.spatial {
        return Err(format!("unpools to {spatial:?}, want {:?}", y.shape.spatial));
    }
    case.check_known(&["x", "indices"], &["y"])?;
    unpool_on::<T, D>(&x, &indices, layout, &y)
}

fn unpool_on<T: Value, const D: usize>(
    x: &Image<T>,
    indices: &Image<i64>,
    layout: IndexLayout,
    y: &Image<T>,
) -> Result<(), String> {
    // It is the same code on every instruction set.
    each_run(|_, from, to: Lay| {
        let (data, numbers) = (from.spread(x, T::GAP), to.spread(indices, -1));
        let (values, numbers) = (from.view::<_, D>(x.shape, &data), to.view(x.shape, &numbers));
        let got = to.collect(y.shape, T::SENTINEL, |output| lanepool::max_unpool(values, numbers, layout, output))?;
        exact(&got, &y.values).map_err(|error| format!("{D} axes, {error}"))
    })
}
