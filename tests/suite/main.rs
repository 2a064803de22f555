//! All integration tests, by subject. One program, because every program that uses the kernels
//! compiles them again.

mod common;
mod digest;
mod errors;
mod fixed;
mod geometry;
mod global;
mod numerics;
mod property;
mod real;
mod tokens;
mod window;
