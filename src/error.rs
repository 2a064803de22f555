//! What can be wrong with a call. Every check runs before the first write, and every variant
//! names the axis or the slice with the numbers, so that the message alone locates the mistake.

use core::fmt;

/// An axis of an image or of a token sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AxisName {
    /// Images, or sequences, that are independent of each other.
    Batch,
    /// Feature channels.
    Channels,
    /// The outermost of three spatial axes.
    Depth,
    /// The vertical spatial axis of 2-D and 3-D images.
    Rows,
    /// The innermost spatial axis; the only one of a 1-D signal.
    Cols,
    /// Positions of a sequence.
    Tokens,
    /// The width of a token vector.
    Dim,
}

impl AxisName {
    /// The name of spatial axis `index` of `D`.
    pub(crate) const fn spatial<const D: usize>(index: usize) -> Self {
        match D - index {
            1 => Self::Cols,
            2 => Self::Rows,
            _ => Self::Depth,
        }
    }

    /// The name of axis `index` of three.
    pub(crate) const fn of(index: usize) -> Self {
        match index {
            2 => Self::Cols,
            1 => Self::Rows,
            _ => Self::Depth,
        }
    }
}

impl fmt::Display for AxisName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Batch => "batch",
            Self::Channels => "channels",
            Self::Depth => "depth",
            Self::Rows => "rows",
            Self::Cols => "cols",
            Self::Tokens => "tokens",
            Self::Dim => "dim",
        })
    }
}

/// A parameter of a window that has one value per spatial axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Parameter {
    /// Taps of the window.
    Kernel,
    /// Input cells between two windows.
    Stride,
    /// Input cells between two taps.
    Dilation,
}

impl fmt::Display for Parameter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Kernel => "kernel",
            Self::Stride => "stride",
            Self::Dilation => "dilation",
        })
    }
}

/// A slice or view that the caller passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Argument {
    /// The cells or tokens that are read.
    Input,
    /// The cells that are written.
    Output,
    /// The mask that says which tokens are kept.
    Mask,
    /// One weight a token.
    Weights,
    /// One score a token.
    Scores,
    /// One scale a row.
    Scales,
    /// Where sequences start and end.
    Sequences,
    /// One count a sequence.
    Counts,
    /// What a streaming pool works in.
    State,
    /// The least and the greatest value of each dimension.
    Ranges,
    /// One index an output.
    Indices,
}

impl fmt::Display for Argument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Input => "input",
            Self::Output => "output",
            Self::Mask => "mask",
            Self::Weights => "weights",
            Self::Scores => "scores",
            Self::Scales => "scales",
            Self::Sequences => "sequences",
            Self::Counts => "counts",
            Self::State => "state",
            Self::Ranges => "ranges",
            Self::Indices => "indices",
        })
    }
}

/// Why a call was refused. Nothing was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PoolError {
    /// A kernel, stride or dilation of zero.
    Zero {
        /// Which of the three.
        parameter: Parameter,
        /// On which axis.
        axis: AxisName,
    },
    /// The input has no cells along a spatial axis.
    EmptyInput {
        /// The axis of length zero.
        axis: AxisName,
    },
    /// The window, dilation included, does not fit once into the padded input.
    KernelTooLarge {
        /// The axis on which it does not fit.
        axis: AxisName,
        /// Cells from the first to the last tap.
        kernel: usize,
        /// Cells of the input with its padding.
        input: usize,
    },
    /// A window has no tap inside the input, and no value was chosen for that case.
    EmptyWindow {
        /// The axis along which the taps miss the input.
        axis: AxisName,
        /// The first output position whose window is empty.
        output: usize,
    },
    /// A size, offset or tap count does not fit into `usize`.
    Overflow {
        /// The axis whose numbers grew too large.
        axis: AxisName,
    },
    /// A slice is too short for the shape that was given with it.
    TooShort {
        /// The slice.
        argument: Argument,
        /// Elements needed.
        needed: usize,
        /// Elements given.
        given: usize,
    },
    /// A slice of one element per token or per dimension has another length.
    Length {
        /// The slice.
        argument: Argument,
        /// Elements expected.
        expected: usize,
        /// Elements given.
        given: usize,
    },
    /// A view has another extent than the operation needs.
    Shape {
        /// The view.
        argument: Argument,
        /// The axis.
        axis: AxisName,
        /// Extent expected.
        expected: usize,
        /// Extent given.
        given: usize,
    },
    /// The strides of a mutable view make two cells share an element, or interleave
    /// axes so that this cannot be ruled out.
    Overlap {
        /// The axis whose stride is too small.
        axis: AxisName,
        /// The smallest stride that keeps its cells apart.
        needed: usize,
        /// The stride given.
        given: usize,
    },
    /// A range that ends before it starts or beyond the axis.
    Range {
        /// The axis.
        axis: AxisName,
        /// First index.
        start: usize,
        /// One past the last index.
        end: usize,
        /// Extent of the axis.
        len: usize,
    },
    /// A clamp with a NaN bound, or with the lower bound above the upper one.
    Clamp,
    /// A quantisation whose scale is not a finite number above zero, or whose zero point is no code of
    /// the element type.
    Quantization {
        /// Whose codes it describes.
        argument: Argument,
    },
    /// A norm whose exponent is not above zero, or whose floor is negative or not finite.
    Exponent,
    /// An index that names no cell of the output.
    Index {
        /// Its place among the indices: batch, channels and spatial axes in row-major order.
        position: usize,
        /// Cells that can be named.
        cells: usize,
    },
    /// A token id that names no row of the table.
    TokenId {
        /// Its place among the ids.
        position: usize,
        /// Rows of the table.
        rows: usize,
    },
    /// A sequence that does not lie within the tokens.
    Sequence {
        /// Which one.
        sequence: usize,
        /// Tokens of all.
        tokens: usize,
    },
    /// Two streaming pools that cannot be merged: their modes or dimensions differ, or a mode needs to know
    /// how far along the sequence a token lies.
    Merge,
    /// A saved streaming pool that cannot be taken up.
    Saved {
        /// What is wrong.
        reason: &'static str,
    },
    /// More cells than the index type can number.
    IndexType {
        /// Cells to number.
        cells: usize,
    },
    /// A framework's attribute that contradicts another one or its definition.
    Attribute {
        /// The framework's name of it.
        name: &'static str,
        /// What is wrong.
        reason: &'static str,
    },
}

impl fmt::Display for PoolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Zero { parameter, axis } => write!(f, "the {parameter} along {axis} is zero"),
            Self::EmptyInput { axis } => write!(f, "the input has no cells along {axis}"),
            Self::KernelTooLarge { axis, kernel, input } => {
                write!(f, "the window spans {kernel} cells along {axis}, but the padded input has only {input}")
            }
            Self::EmptyWindow { axis, output } => write!(
                f,
                "window {output} along {axis} lies wholly outside the input; choose a value for such windows or other padding"
            ),
            Self::Overflow { axis } => write!(f, "the sizes along {axis} overflow usize"),
            Self::TooShort { argument, needed, given } => {
                write!(f, "the {argument} needs {needed} elements, but {given} were given")
            }
            Self::Length { argument, expected, given } => {
                write!(f, "the {argument} must have exactly {expected} elements, but {given} were given")
            }
            Self::Shape { argument, axis, expected, given } => {
                write!(f, "the {argument} must have {expected} {axis}, but has {given}")
            }
            Self::Overlap { axis, needed, given } => write!(
                f,
                "the output stride along {axis} is {given}, but at least {needed} is needed to keep cells apart"
            ),
            Self::Range { axis, start, end, len } => {
                write!(f, "the range {start}..{end} does not lie within the {len} of {axis}")
            }
            Self::Quantization { argument } => write!(
                f,
                "the {argument}'s scale must be finite and above zero, and its zero point a code of the element type"
            ),
            Self::Exponent => {
                f.write_str("the exponent of a norm must be above zero, and its floor finite and not negative")
            }
            Self::Index { position, cells } => {
                write!(f, "index {position} does not name one of the output's {cells} cells")
            }
            Self::TokenId { position, rows } => {
                write!(f, "the token id at {position} does not name one of the table's {rows} rows")
            }
            Self::Sequence { sequence, tokens } => {
                write!(f, "sequence {sequence} does not start and end, in this order, within the {tokens} tokens")
            }
            Self::Merge => f.write_str("the two pools differ in mode or dimension, or the mode depends on positions"),
            Self::Saved { reason } => write!(f, "the saved state {reason}"),
            Self::IndexType { cells } => write!(f, "the index type is too small to number {cells} cells"),
            Self::Attribute { name, reason } => write!(f, "the attribute {name} {reason}"),
            Self::Clamp => f.write_str("the clamp bounds are NaN or the lower one is above the upper one"),
        }
    }
}

impl core::error::Error for PoolError {}
