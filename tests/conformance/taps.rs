//! Which cells each output has, by the formulas of the frameworks and nothing of the library's: for
//! error bounds, for ties, and where a framework's answer is not ours.

use crate::set::{Attrs, Image};
use crate::value::Value;
use lanepool::{Shape, Window};
use std::ops::Range;

/// A window as a case describes it, on three axes, the last of which are the case's.
#[derive(Clone, Debug)]
pub struct Spec {
    pub kernel: [usize; 3],
    pub stride: [usize; 3],
    pub dilation: [usize; 3],
    pub padding: Padding,
    pub ceil: bool,
}

#[derive(Clone, Copy, Debug)]
pub enum Padding {
    Each([[usize; 2]; 3]),
    /// ONNX's `VALID`: none, and sizes by the floor rule whatever `ceil_mode` says.
    Valid,
    SameUpper,
    SameLower,
}

/// What one output has on one axis.
#[derive(Clone, Debug)]
struct Taps {
    real: Vec<usize>,
    /// Taps in the input or its padding.
    padded: usize,
}

/// What every output has.
pub struct Plan {
    shape: Shape<3>,
    axes: [Vec<Taps>; 3],
    /// Whether the stored answer is by another rule than ours, so that ours is computed from the taps.
    pub ours: bool,
}

/// One output: its place, the cells of its channel, and how many taps count with the padding.
pub struct Output {
    pub cells: Vec<usize>,
    pub padded: usize,
    plane: Range<usize>,
}

impl Spec {
    /// The attributes of a window on `axes` axes.
    pub fn parse(attrs: &Attrs, axes: usize) -> Result<Self, String> {
        let kernel = attrs.lifted("kernel", axes, 1)?.ok_or("no attribute \"kernel\"")?;
        let stride = attrs.lifted("stride", axes, 1)?.ok_or("no attribute \"stride\"")?;
        let dilation = attrs.lifted("dilation", axes, 1)?.unwrap_or([1; 3]);
        let ceil = attrs.flag("ceil_mode")?;
        let pads = attrs.numbers("pad")?;
        let none = pads.iter().flatten().all(|&pad| pad == 0.0);
        let mut each = [[0; 2]; 3];
        let pads = pads.unwrap_or(vec![0.0; axes]);
        for (i, pad) in each[3 - axes..].iter_mut().enumerate() {
            // All begins, then all ends; or one number for both.
            let (begin, end) = match pads.len() {
                n if n == 2 * axes => (pads[i], pads[axes + i]),
                n if n == axes => (pads[i], pads[i]),
                _ => return Err(format!("{pads:?} pads {axes} axes")),
            };
            *pad = [begin as usize, end as usize];
            if pad.map(|pad| pad as f64) != [begin, end] {
                return Err(format!("unsupported padding {pads:?}"));
            }
        }
        let auto_pad = attrs.text("auto_pad")?.unwrap_or("NOTSET");
        if auto_pad != "NOTSET" && !none {
            return Err(format!("both {auto_pad:?} and padding {pads:?}"));
        }
        let padding = match auto_pad {
            "NOTSET" => Padding::Each(each),
            "VALID" => Padding::Valid,
            "SAME_UPPER" => Padding::SameUpper,
            "SAME_LOWER" => Padding::SameLower,
            other => return Err(format!("unknown auto_pad {other:?}")),
        };
        Ok(Self { kernel, stride, dilation, padding, ceil })
    }

    /// The same as ONNX Runtime 1.32 reads it where its reading is not ONNX's text: `ceil_mode` acts under
    /// `VALID`; and the padding of SAME is that of a dense window, however far apart the taps are. Both
    /// are windows with explicit padding. `None` if this is as in the text.
    pub fn of_onnx_runtime(&self, shape: Shape<3>) -> Option<Self> {
        let dense = |i: usize, upper: bool| {
            let [n, k, s] = [shape.spatial[i], self.kernel[i], self.stride[i]];
            let total = ((n.div_ceil(s) - 1) * s + k).saturating_sub(n);
            let before = if upper { total / 2 } else { total - total / 2 };
            [before, total - before]
        };
        let dilated = self.dilation != [1; 3];
        let each = match self.padding {
            Padding::Valid if self.ceil => [[0; 2]; 3],
            Padding::SameUpper if dilated => std::array::from_fn(|i| dense(i, true)),
            Padding::SameLower if dilated => std::array::from_fn(|i| dense(i, false)),
            _ => return None,
        };
        Some(Self { padding: Padding::Each(each), ..self.clone() })
    }

    /// Whether a SAME rule leaves cells that no dense window reaches. ONNX Runtime then leaves out some at
    /// the start too (SAME_UPPER of 6 cells, kernel 1, stride 3 takes cells 1 and 4), as if padding were
    /// negative; TensorFlow, the ONNX text and we start at cell 0.
    pub fn skips(&self, shape: Shape<3>) -> bool {
        let same = matches!(self.padding, Padding::SameUpper | Padding::SameLower);
        let skipped = |i| {
            let [n, k, s]: [usize; 3] = [shape.spatial[i], self.kernel[i], self.stride[i]];
            // One is too few to show, unless a dilated window lacks it.
            let shows = if self.dilation[i] == 1 { 2 } else { 1 };
            n >= (n.div_ceil(s) - 1) * s + k + shows
        };
        same && (0..3).any(skipped)
    }

    pub fn window<const D: usize>(&self) -> Window<D> {
        let [kernel, stride, dilation] = [self.kernel, self.stride, self.dilation].map(crate::lay::last);
        let window = match self.padding {
            Padding::Each(each) => Window::new(kernel).stride(stride).padding_each(crate::lay::last(each)),
            Padding::Valid => Window::new(kernel).stride(stride),
            Padding::SameUpper => Window::same_upper(kernel, stride),
            Padding::SameLower => Window::same_lower(kernel, stride),
        };
        let window = window.dilation(dilation);
        if self.ceil && !matches!(self.padding, Padding::Valid) { window.ceil() } else { window }
    }

    pub fn plan(&self, shape: Shape<3>, out: Shape<3>) -> Plan {
        let axes = std::array::from_fn(|i| {
            let [n, k, s, d] = [shape.spatial[i], self.kernel[i], self.stride[i], self.dilation[i]].map(|x| x as i64);
            let total = ((out.spatial[i] as i64 - 1) * s + d * (k - 1) + 1 - n).max(0);
            let (before, after) = match self.padding {
                Padding::Each(each) => (each[i][0] as i64, each[i][1] as i64),
                Padding::Valid => (0, 0),
                Padding::SameUpper => (total / 2, total - total / 2),
                Padding::SameLower => (total - total / 2, total / 2),
            };
            let taps = |o| {
                let places = (0..k).map(move |t| o * s - before + t * d);
                let real = places.clone().filter(|place| (0..n).contains(place)).map(|place| place as usize);
                let padded = places.clone().filter(|place| (-before..n + after).contains(place)).count();
                Taps { real: real.collect(), padded }
            };
            (0..out.spatial[i] as i64).map(taps).collect()
        });
        Plan { shape, axes, ours: false }
    }
}

impl Plan {
    /// PyTorch's adaptive bins.
    pub fn bins(shape: Shape<3>, out: Shape<3>) -> Self {
        let axes = std::array::from_fn(|i| {
            let (n, size) = (shape.spatial[i], out.spatial[i]);
            let taps = |o: usize| Vec::from_iter(o * n / size..((o + 1) * n).div_ceil(size));
            (0..size).map(taps).map(|real| Taps { padded: real.len(), real }).collect()
        });
        Self { shape, axes, ours: false }
    }

    /// Every output in the order of [`Image`].
    pub fn outputs(&self) -> impl Iterator<Item = Output> {
        let [_, rows, cols] = self.shape.spatial;
        let cells: usize = self.shape.spatial.iter().product();
        let [depths, heights, widths] = &self.axes;
        let planes = 0..self.shape.batch * self.shape.channels;
        planes.flat_map(move |plane| {
            depths.iter().flat_map(move |d| {
                heights.iter().flat_map(move |h| {
                    widths.iter().map(move |w| Output {
                        cells: d
                            .real
                            .iter()
                            .flat_map(|z| h.real.iter().map(move |y| (z * rows + y) * cols))
                            .flat_map(|row| w.real.iter().map(move |x| row + x))
                            .collect(),
                        padded: d.padded * h.padded * w.padded,
                        plane: plane * cells..(plane + 1) * cells,
                    })
                })
            })
        })
    }

    pub fn has_empty(&self) -> bool {
        self.axes.iter().any(|axis| axis.iter().any(|taps| taps.real.is_empty()))
    }
}

impl Output {
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// The taps inside the input, in row-major order.
    pub fn taps<'a, T: Value>(&'a self, input: &'a Image<T>) -> impl Iterator<Item = f64> + Clone + 'a {
        let plane = &input.values[self.plane.clone()];
        self.cells.iter().map(|&cell| plane[cell].to_f64())
    }

    /// The place of the greatest tap within its plane: the last NaN if there is one, else the first of
    /// equals.
    pub fn greatest<T: Value>(&self, input: &Image<T>) -> Option<usize> {
        let mut best: Option<(usize, f64)> = None;
        for (&cell, x) in self.cells.iter().zip(self.taps(input)) {
            if best.is_none_or(|(_, best)| x.is_nan() || x > best) {
                best = Some((cell, x));
            }
        }
        best.map(|(cell, _)| cell)
    }

    /// Where the plane of the channel starts in the whole tensor.
    pub fn start(&self) -> usize {
        self.plane.start
    }
}
