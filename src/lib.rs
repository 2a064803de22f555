#![no_std]
#![doc = include_str!("../README.md")]

mod access;
mod dispatch;
mod element;
mod error;
pub mod fixed;
pub mod frameworks;
mod index;
mod kernel;
mod lanes;
mod pool;
mod reduce;
pub mod reference;
mod round;
pub mod tokens;
mod view;
mod window;

pub use dispatch::Isa;
pub use element::{Element, Float, Integer};
pub use error::{Argument, AxisName, Parameter, PoolError};
pub use index::Index;
pub use pool::{
    AdaptiveAvgPool, AdaptiveMaxPool, Average, AvgPool, Bins, Geometry, GlobalAvgPool, GlobalLpPool, GlobalMaxPool,
    IndexLayout, LpNorm, LpPool, MaxPool, Maximum, NanPolicy, Operation, Plan, Pool, ScaledMaximum, Whole,
    global_avg_pool, global_max_pool, max_unpool,
};
pub use round::{Quantization, Rounding};
pub use view::{IntoShape, Layout, Shape, Strides, View, ViewMut};
pub use window::{Divisor, SizeRule, Window};
