//! All integration tests, by subject. One program, because every program that uses the kernels
//! compiles them again.

mod bins;
mod common;
mod digest;
mod errors;
mod fixed;
mod geometry;
mod global;
mod hostile;
mod indices;
mod integers;
mod norms;
mod numerics;
mod plan;
mod property;
mod real;
mod tokens;
mod window;
