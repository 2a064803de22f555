//! Which runner a case of `pool-golden-1` gets.

use crate::Rules;
use crate::set::Case;
use crate::{averages, integers, maxima, tokens, unpool};
use half::{bf16, f16};

/// Calls a runner with the element type of the case, one of those listed. All images have three axes, of
/// which the outer ones may be trivial; those of f32 are pooled once more with as many as there are.
macro_rules! by_type {
    ($case:expr, $module:ident::$run:ident, $rules:expr, f32 $($T:ident)*) => {{
        let axes = axes(&$case.op);
        match (&*$case.dtype, axes) {
            ("f32", 1) => $module::$run::<f32, 1>($case, axes, &mut Rules::default())?,
            ("f32", 2) => $module::$run::<f32, 2>($case, axes, &mut Rules::default())?,
            _ => {}
        }
        by_type!($case, $module::$run, $rules, on three axes f32 $($T)*)
    }};
    ($case:expr, $module:ident::$run:ident, $rules:expr, on three axes $($T:ident)*) => {
        match &*$case.dtype {
            $(stringify!($T) => $module::$run::<$T, 3>($case, axes(&$case.op), $rules),)*
            other => Err(format!("unknown element type {other:?}")),
        }
    };
}

/// The operation without the number of axes behind it.
fn family(op: &str) -> &str {
    ["1d", "2d", "3d"].iter().find_map(|end| op.strip_suffix(end)).unwrap_or(op)
}

/// The number of spatial axes that the name of an operation says.
fn axes(op: &str) -> usize {
    match op.len() - family(op).len() {
        0 => 2, // mean_hw
        _ => usize::from(op.as_bytes()[op.len() - 2] - b'0'),
    }
}

pub fn run(case: &Case, rules: &mut Rules) -> Result<(), String> {
    let family = family(&case.op);
    if family == case.op && family != "mean_hw" && !family.starts_with("token_") {
        return Err(format!("unknown operation {family:?}"));
    }
    match family {
        "max_pool" => by_type!(case, maxima::max, rules, f32 f64 f16 bf16 i8 u8 i16),
        "avg_pool" => by_type!(case, averages::avg, rules, f32 f64 f16 bf16 i8 u8 i16),
        "lp_pool" => by_type!(case, averages::lp, rules, f32 f64 f16 bf16),
        "adaptive_max_pool" => by_type!(case, maxima::adaptive_max, rules, f32 f64 f16 bf16 i8 u8 i16),
        "adaptive_avg_pool" => by_type!(case, averages::adaptive_avg, rules, f32 f64 f16 bf16 i8 u8 i16),
        "global_max_pool" => by_type!(case, maxima::global_max, rules, f32 f64 f16 bf16 i8 u8 i16),
        "global_avg_pool" => by_type!(case, averages::global_avg, rules, f32 f64 f16 bf16 i8 u8 i16),
        "max_unpool" => by_type!(case, unpool::max_unpool, rules, f32 f64 f16 bf16 i8 u8 i16),
        "mean_hw" => by_type!(case, integers::mean, rules, on three axes i8 u8 i16),
        "qlinear_avg_pool" => by_type!(case, integers::qlinear_avg, rules, on three axes i8 u8 i16),
        "qlinear_global_avg_pool" => by_type!(case, integers::qlinear_global_avg, rules, on three axes i8 u8 i16),
        other => match other.strip_prefix("token_") {
            Some(mode) => tokens::run(case, mode, rules),
            None => Err(format!("unknown operation {:?}", case.op)),
        },
    }
}
