//! The data of CMSIS-NN's own tests, and the pools of three networks of MLPerf Tiny.

use crate::lay::{cells, last};
use crate::set::Image;
use crate::spatial::each_result;
use crate::taps::{Padding, Plan, Spec};
use crate::value::{Near, Value, exact, is_integer, mean_bound, ulp};
use crate::{Report, data};
use half::f16;
use lanepool::{AvgPool, GlobalAvgPool, MaxPool, Shape, Window};
use serde_json::Value as Json;

fn json(name: &str) -> Json {
    serde_json::from_slice(&std::fs::read(data(name)).expect(name)).expect(name)
}

fn size(case: &Json, name: &str) -> usize {
    case[name].as_u64().unwrap_or_else(|| panic!("no {name}")) as usize
}

/// From the order batch, rows, columns, channel.
fn from_nhwc<T: Copy>([batch, rows, cols, channels]: [usize; 4], stored: &[T]) -> Image<T> {
    let shape = Shape { batch, channels, spatial: [1, rows, cols] };
    assert_eq!(stored.len(), cells(shape));
    let mut values = Vec::new();
    for n in 0..batch {
        for c in 0..channels {
            values.extend((0..rows * cols).map(|cell| stored[(n * rows * cols + cell) * channels + c]));
        }
    }
    Image { shape, values }
}

pub fn cmsis_nn() {
    let file = json("cmsis-nn-pooling.json");
    let mut report = Report::default();
    for case in file["cases"].as_array().expect("cases") {
        let name = format!("{} {} {}", case["name"], case["op"], case["dtype"]);
        report.case(&name, |_| match case["dtype"].as_str() {
            Some("i8") => cmsis_case::<i8>(case),
            Some("i16") => cmsis_case::<i16>(case),
            Some("f16") => cmsis_case::<f16>(case),
            Some("f32") => cmsis_case::<f32>(case),
            other => Err(format!("unknown element type {other:?}")),
        });
    }
    report.finish("CMSIS-NN");
}

fn cmsis_case<T: Value>(case: &Json) -> Result<(), String> {
    let size = |name| size(case, name);
    let values = |name: &str| -> Vec<T> {
        let all = case[name].as_array().expect("values").iter();
        let values: Vec<_> = all.map(|x| x.as_f64().expect("a number")).collect();
        let cast: Vec<T> = values.iter().map(|&x| T::from_f64(x)).collect();
        if is_integer::<T>() {
            // Decimals of floats are the shortest that name them; codes are exact.
            assert!(cast.iter().zip(&values).all(|(cast, x)| cast.to_f64() == *x), "{name} of another type");
        }
        cast
    };
    if (case["layout"].as_str(), case["count_include_pad"].as_bool()) != (Some("NHWC"), Some(false)) {
        return Err(format!("unknown layout {} or divisor {}", case["layout"], case["count_include_pad"]));
    }
    let x = from_nhwc(["n", "h", "w", "c"].map(size), &values("input"));
    let y = from_nhwc([size("n"), size("out_h"), size("out_w"), size("c")], &values("expected"));
    let axis = |input: usize, output: usize, kernel: usize, stride: usize, before: usize| {
        // The padding at the end is what the last window needs.
        [before, ((output - 1) * stride + kernel).saturating_sub(input + before)]
    };
    let [kernel, stride] = [["kernel_h", "kernel_w"], ["stride_h", "stride_w"]].map(|names| names.map(size));
    let rows = axis(size("h"), size("out_h"), kernel[0], stride[0], size("pad_top"));
    let cols = axis(size("w"), size("out_w"), kernel[1], stride[1], size("pad_left"));
    let spec = Spec {
        kernel: [1, kernel[0], kernel[1]],
        stride: [1, stride[0], stride[1]],
        dilation: [1; 3],
        padding: Padding::Each([[0; 2], rows, cols]),
        ceil: false,
    };
    let [low, high] = ["act_min", "act_max"].map(|name| T::from_f64(case[name].as_f64().expect("a bound")));
    let window: Window<2> = spec.window();
    match case["op"].as_str() {
        Some("max") => each_result(MaxPool::new(window).clamp(low, high), &x, &y, |got| exact(got, &y.values)),
        Some("avg") => {
            let answers = averages(&spec.plan(x.shape, y.shape), &x, &y, [low, high]);
            each_result(AvgPool::new(window).clamp(low, high), &x, &y, |got| match is_integer::<T>() {
                true => exact(got, &y.values),
                false => answers.iter().try_for_each(|near| near.check(got)),
            })
        }
        other => Err(format!("unknown operation {other:?}")),
    }
}

/// Averages of floats: those that are stored, and the same formula in f64.
///
/// The stored ones of f32 are within 4e-7 of the greatest tap. Those of f16 are averages of numbers that
/// were only then rounded to the f16 that is stored as input: where taps cancel, they lie many steps from the
/// average of the input, but no further than rounding moves the taps on average, 2^-11 of their mean size.
fn averages<T: Value>(plan: &Plan, x: &Image<T>, y: &Image<T>, clamp: [T; 2]) -> [Near; 2] {
    let [low, high] = clamp.map(T::to_f64);
    let [mut stored, mut formula] = [(); 2].map(|()| Near { want: Vec::new(), bound: Vec::new() });
    for (output, y) in plan.outputs().zip(&y.values) {
        let taps = output.taps(x);
        let n = output.cells.len();
        let mean_abs = taps.clone().map(f64::abs).sum::<f64>() / n as f64;
        stored.want.push(y.to_f64());
        stored.bound.push(match T::NAME {
            "f32" => 4e-7 * taps.clone().map(f64::abs).fold(0.0, f64::max),
            _ => f64::powi(2.0, -T::DIGITS) * mean_abs + ulp::<T>(y.to_f64()) / 2.0 + mean_bound::<T>(n, mean_abs),
        });
        formula.want.push((taps.sum::<f64>() / n as f64).clamp(low, high));
        formula.bound.push(mean_bound::<T>(n, mean_abs));
    }
    [stored, formula]
}

pub fn mlperf_tiny() {
    let manifest = json("int8-pools/manifest.json");
    let mut report = Report::default();
    for node in manifest["nodes"].as_array().expect("nodes") {
        report.case(&node["net"].to_string(), |_| tiny_case(node, &manifest["files"]));
    }
    report.finish("MLPerf Tiny");
}

/// An average over the whole image, by a window and by the global pool.
fn tiny_case(node: &Json, files: &Json) -> Result<(), String> {
    let image = |name: &str| -> Image<i8> {
        let file = node[name].as_str().expect("a file");
        let bytes = std::fs::read(data("int8-pools").join(file)).expect(file);
        let shape = std::array::from_fn(|i| files[file]["shape"][i].as_u64().expect("an extent") as usize);
        from_nhwc(shape, &bytes.iter().map(|&byte| byte as i8).collect::<Vec<_>>())
    };
    let (x, y) = (image("input"), image("output"));
    let kernel: [usize; 2] = std::array::from_fn(|i| node["kernel"][i].as_u64().expect("an extent") as usize);
    let same_scale = node["scale"] == node["output_scale"] && node["zero_point"] == node["output_zero_point"];
    if node["op"] != "AVERAGE_POOL_2D" || !same_scale || kernel != last(x.shape.spatial) {
        return Err(format!("unknown kind of node: {node}"));
    }
    each_result(AvgPool::new(Window::new(kernel)), &x, &y, |got| exact(got, &y.values))?;
    each_result::<_, _, _, 2>(GlobalAvgPool::new(), &x, &y, |got| exact(got, &y.values))
}
