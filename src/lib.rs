#![no_std]
#![doc = include_str!("../README.md")]

mod dispatch;
mod element;
mod error;
pub mod fixed;
mod kernel;
mod lanes;
mod pool;
mod reduce;
pub mod reference;
pub mod tokens;
mod view;
mod window;

pub use dispatch::Isa;
pub use element::Element;
pub use error::{Argument, AxisName, Parameter, PoolError};
pub use pool::{
    Average, AvgPool, GlobalAvgPool, GlobalMaxPool, GlobalPool, MaxPool, Maximum, NanPolicy, Operation, Pool,
    global_avg_pool, global_max_pool,
};
pub use view::{IntoShape, Shape, Strides, View, ViewMut};
pub use window::{Divisor, SizeRule, Window};
