//! What the tests share: seeded numbers, images in several layouts, and comparison by bits.
#![allow(dead_code, unreachable_pub)] // each test program uses its part

use lanepool::tokens::Mode;
use lanepool::{Divisor, Isa, NanPolicy, Shape, SizeRule, Strides, View, ViewMut, Window, reference};

/// Instruction sets to test. Those named in `LANEPOOL_REQUIRE_ISA` (`,`-separated) must be there,
/// so that a machine without one does not look like a pass.
pub fn isas() -> Vec<Isa> {
    let available: Vec<_> = Isa::available().collect();
    if let Ok(required) = std::env::var("LANEPOOL_REQUIRE_ISA") {
        for name in required.split(',').filter(|name| !name.is_empty()) {
            assert!(available.iter().any(|isa| isa.name() == name), "{name} is required, but only {available:?} ran");
        }
    }
    available
}

/// SplitMix64: the same numbers on every machine.
#[derive(Clone)]
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    pub fn floats(&mut self, n: usize) -> Vec<f32> {
        (0..n).map(|_| (self.next() >> 40) as f32 / 8_388_608.0 - 1.0).collect()
    }

    /// Mostly ordinary numbers, some of the awkward ones.
    pub fn wild_floats(&mut self, n: usize) -> Vec<f32> {
        const WILD: [f32; 8] = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -0.0, 0.0, 1e-40, f32::MAX, -f32::NAN];
        let mut x = self.floats(n);
        for x in &mut x {
            if self.below(12) == 0 {
                *x = WILD[self.below(8)];
            }
        }
        x
    }
}

/// Fills outputs and gaps, so that what should not be written can be seen.
pub const SENTINEL: f32 = 12345.678;

/// How an image lies in memory.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Lay {
    Nchw,
    Nhwc,
    /// Gaps after rows, planes and images.
    NchwGaps,
    /// Gaps after pixels and rows.
    NhwcGaps,
    /// Rows adjacent, columns far apart, channels between.
    Transposed,
}

pub const LAYS: [Lay; 5] = [Lay::Nchw, Lay::Nhwc, Lay::NchwGaps, Lay::NhwcGaps, Lay::Transposed];

pub type Image = Shape<3>;

pub fn image(batch: usize, channels: usize, spatial: [usize; 3]) -> Image {
    Shape { batch, channels, spatial }
}

impl Lay {
    pub fn strides(self, Shape { channels, spatial: [d, h, w], .. }: Image) -> Strides<3> {
        let nchw = |gap: usize| {
            let row = w + gap;
            let slice = h * row + 2 * gap;
            let plane = d * slice + gap;
            Strides { channel: plane, batch: channels * plane + 3 * gap, spatial: [slice, row, 1] }
        };
        let nhwc = |gap: usize| {
            let col = channels + gap;
            let row = w * col + 2 * gap;
            let slice = h * row + gap;
            Strides { channel: 1, batch: d * slice + 3 * gap, spatial: [slice, row, col] }
        };
        match self {
            Lay::Nchw => nchw(0),
            Lay::Nhwc => nhwc(0),
            Lay::NchwGaps => nchw(3),
            Lay::NhwcGaps => nhwc(5),
            Lay::Transposed => {
                let col = channels * h;
                Strides { channel: h, batch: d * w * col, spatial: [w * col, 1, col] }
            }
        }
    }

    fn len(self, shape: Image) -> usize {
        let s = self.strides(shape);
        shape.batch * s.batch + shape.channels * s.channel + shape.spatial[0] * s.spatial[0] + 64
    }

    /// Dense values spread over the layout; the gaps hold NaN, so that reading one shows.
    pub fn spread(self, shape: Image, dense: &[f32]) -> Vec<f32> {
        let mut data = vec![f32::NAN; self.len(shape)];
        let strides = self.strides(shape);
        each(shape, strides, |i, at| data[at] = dense[i]);
        data
    }

    pub fn view<'a>(self, shape: Image, data: &'a [f32]) -> View<'a, f32, 3> {
        View::with_strides(data, shape, self.strides(shape)).expect("a sound view")
    }

    pub fn view_mut<'a>(self, shape: Image, data: &'a mut [f32]) -> ViewMut<'a, f32, 3> {
        ViewMut::with_strides(data, shape, self.strides(shape)).expect("a sound view")
    }

    /// Runs `pool` into this layout and returns the dense result; the gaps must survive.
    pub fn collect(self, shape: Image, pool: impl FnOnce(&mut ViewMut<'_, f32, 3>)) -> Vec<f32> {
        let mut data = vec![SENTINEL; self.len(shape)];
        pool(&mut self.view_mut(shape, &mut data));
        let strides = self.strides(shape);
        let mut dense = Vec::new();
        each(shape, strides, |_, at| {
            dense.push(data[at]);
            data[at] = SENTINEL;
        });
        assert!(data.iter().all(|&x| x == SENTINEL), "{self:?} {shape:?}: a gap was written");
        dense
    }
}

/// Calls `visit` with each cell's place in the dense order and in memory.
pub fn each(Shape { batch, channels, spatial: [d, h, w] }: Image, s: Strides<3>, mut visit: impl FnMut(usize, usize)) {
    let mut i = 0;
    for n in 0..batch {
        for c in 0..channels {
            for z in 0..d {
                for y in 0..h {
                    for x in 0..w {
                        let at = n * s.batch + c * s.channel;
                        visit(i, at + z * s.spatial[0] + y * s.spatial[1] + x * s.spatial[2]);
                        i += 1;
                    }
                }
            }
        }
    }
}

/// Equal bits, any NaN equal to any NaN; either zero equals the other if `zeros` says so.
pub fn same(a: f32, b: f32, zeros: bool) -> bool {
    a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan()) || (zeros && a == b)
}

#[track_caller]
pub fn assert_same(got: &[f32], want: &[f32], zeros: bool, what: impl std::fmt::Debug) {
    assert_eq!(got.len(), want.len(), "{what:?}");
    if let Some(i) = (0..got.len()).find(|&i| !same(got[i], want[i], zeros)) {
        panic!("output {i}: got {:?}, want {:?}; {what:?}", got[i], want[i]);
    }
}

/// A window on an image, described once for the library and once for the reference.
#[derive(Clone, Debug)]
pub struct Case {
    pub shape: Image,
    pub kernel: [usize; 3],
    pub stride: [usize; 3],
    pub dilation: [usize; 3],
    pub padding: [[usize; 2]; 3],
    pub size: reference::Size,
}

impl Case {
    pub fn new(shape: Image, kernel: [usize; 3], stride: [usize; 3]) -> Self {
        let size = reference::Size::Floor;
        Self { shape, kernel, stride, dilation: [1; 3], padding: [[0; 2]; 3], size }
    }

    pub fn window(&self) -> Window<3> {
        let window = Window::new(self.kernel).stride(self.stride).padding_each(self.padding);
        let window = match self.size {
            reference::Size::Floor => window.size_rule(SizeRule::Floor),
            reference::Size::Ceil => window.ceil(),
            reference::Size::CeilUnclipped => window.ceil_unclipped(),
            reference::Size::SameUpper => Window::same_upper(self.kernel, self.stride),
            reference::Size::SameLower => Window::same_lower(self.kernel, self.stride),
        };
        window.dilation(self.dilation)
    }

    pub fn axes(&self) -> [reference::Axis; 3] {
        std::array::from_fn(|i| reference::Axis {
            input: self.shape.spatial[i] as i64,
            kernel: self.kernel[i] as i64,
            stride: self.stride[i] as i64,
            dilation: self.dilation[i] as i64,
            before: self.padding[i][0] as i64,
            after: self.padding[i][1] as i64,
            size: self.size,
        })
    }

    /// The output, or `None` where no window fits.
    pub fn output(&self) -> Option<Image> {
        let spatial = self.axes().map(|axis| axis.output());
        let fits = spatial.iter().all(|&n| n > 0);
        fits.then(|| Shape { spatial: spatial.map(|n| n as usize), ..self.shape })
    }

    pub fn cells(&self) -> usize {
        cells(self.shape)
    }
}

pub fn cells(Shape { batch, channels, spatial }: Image) -> usize {
    batch * channels * spatial.iter().product::<usize>()
}

pub fn planes(shape: Image) -> usize {
    shape.batch * shape.channels
}

/// Operations, each with its reference.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Op {
    Max(NanPolicy),
    Avg(Divisor),
}

/// Written where a window has no cell.
pub const EMPTY: f32 = -777.0;

impl Op {
    pub fn all() -> Vec<Op> {
        let divisor = std::num::NonZeroI32::new(-3).unwrap();
        vec![
            Op::Max(NanPolicy::Propagate),
            Op::Max(NanPolicy::Ignore),
            Op::Avg(Divisor::RealTaps),
            Op::Avg(Divisor::InputAndPadding),
            Op::Avg(Divisor::FullWindow),
            Op::Avg(Divisor::Fixed(divisor)),
            Op::Avg(Divisor::Sum),
        ]
    }

    pub fn is_max(self) -> bool {
        matches!(self, Op::Max(_))
    }

    pub fn reference(self, case: &Case, input: &[f32]) -> Vec<f32> {
        let mut output = vec![0.0; cells(case.output().expect("windows fit"))];
        let (axes, planes) = (case.axes(), planes(case.shape));
        let divisor = match self {
            Op::Max(nan) => {
                let ignore_nan = nan == NanPolicy::Ignore;
                reference::max_pool(&axes, planes, input, &mut output, ignore_nan, EMPTY);
                return output;
            }
            Op::Avg(Divisor::RealTaps) => reference::Divisor::RealTaps,
            Op::Avg(Divisor::InputAndPadding) => reference::Divisor::InputAndPadding,
            Op::Avg(Divisor::FullWindow) => reference::Divisor::FullWindow,
            Op::Avg(Divisor::Fixed(n)) => reference::Divisor::Fixed(n.get() as f32),
            Op::Avg(Divisor::Sum) => reference::Divisor::Fixed(1.0),
            Op::Avg(other) => panic!("no reference for {other:?}"),
        };
        reference::avg_pool(&axes, planes, input, &mut output, divisor, EMPTY);
        output
    }

    pub fn run(self, case: &Case, isa: Isa, input: &[f32], from: Lay, to: Lay) -> Vec<f32> {
        let data = from.spread(case.shape, input);
        let input = from.view(case.shape, &data);
        to.collect(case.output().expect("windows fit"), |output| {
            self.pool(case, isa, input, output);
        })
    }

    /// Pools one view into another.
    pub fn pool(self, case: &Case, isa: Isa, input: View<'_, f32, 3>, output: &mut ViewMut<'_, f32, 3>) {
        let done = match self {
            Op::Max(nan) => {
                lanepool::MaxPool::new(case.window()).nan(nan).empty_value(EMPTY).run_on(isa, input, output)
            }
            Op::Avg(divisor) => {
                let pool = lanepool::AvgPool::new(case.window()).divisor(divisor);
                pool.empty_value(EMPTY).run_on(isa, input, output)
            }
        };
        done.unwrap_or_else(|error| panic!("{error}: {case:?}"));
    }
}

/// Every token mode, for the library and for the reference.
pub fn token_modes<'a>(weights: &'a [f32], scores: &'a [f32]) -> [(Mode<'a>, reference::Mode<'a>); 6] {
    [
        (Mode::First, reference::Mode::First),
        (Mode::Last, reference::Mode::Last),
        (Mode::Mean, reference::Mode::Mean),
        (Mode::Max, reference::Mode::Max),
        (Mode::WeightedMean(weights), reference::Mode::WeightedMean(weights)),
        (Mode::Attention(scores), reference::Mode::Attention(scores)),
    ]
}

/// Every operation, layout pair and instruction set against the reference.
pub fn check(case: &Case, input: &[f32]) {
    if case.output().is_none() {
        assert!(case.window().output_size(case.shape.spatial).is_err(), "{case:?}");
        return;
    }
    for op in Op::all() {
        let want = op.reference(case, input);
        for isa in isas() {
            for (i, from) in LAYS.into_iter().enumerate() {
                // Each input layout with its own, and with another output layout.
                for to in [from, LAYS[(i + 1) % LAYS.len()]] {
                    let got = op.run(case, isa, input, from, to);
                    assert_same(&got, &want, op.is_max(), (op, isa, from, to, case));
                }
            }
        }
    }
}
