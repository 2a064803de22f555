//! The one door into code for a chosen instruction set: what the machine has is found once and
//! cached, and an operation is stamped here, and nowhere else, as plain functions: one for each element type and
//! instruction set, compiled in this crate.

use crate::element::{Element, Float};
use crate::kernel::{self, Numbers, Work};
use crate::lanes::{self, Lanes, Pair, Portable, Read, Scalar};
#[cfg(target_arch = "x86_64")]
use crate::lanes::{Avx2, Avx512};
use crate::reduce::{Bounds, Max, Mean, Norm, Pick};
use crate::tokens::steps::{
    Add, AddAndGreatest, AddPower, AddRescaled, AddWeighted, Copied, Greatest, LogAddExp, Moments, Step,
};
use crate::tokens::{self, Attentive, Rows, TokenElement, Tokens, fold};
use core::fmt;
use core::marker::PhantomData;
use core::ops::Range;

/// An instruction set that this machine has.
///
/// Every one gives the same bits (of a maximum, up to the sign of a zero and the payload of a NaN);
/// they differ in speed only. [`Isa::best`] is what calls
/// without an explicit `Isa` use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Isa(Kind);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Kind {
    Scalar,
    Portable,
    #[cfg(target_arch = "x86_64")]
    Avx2(Avx2),
    #[cfg(target_arch = "x86_64")]
    Avx512(Avx512),
}

impl Isa {
    /// One element at a time.
    pub const SCALAR: Self = Self(Kind::Scalar);
    /// What the compilation target guarantees: SSE2, NEON or simd128 through `wide`, and
    /// plain arrays elsewhere.
    pub const PORTABLE: Self = Self(Kind::Portable);

    /// AVX2, where processor and operating system support it.
    pub fn avx2() -> Option<Self> {
        #[cfg(target_arch = "x86_64")]
        return Avx2::detect().map(|lanes| Self(Kind::Avx2(lanes)));
        #[cfg(not(target_arch = "x86_64"))]
        None
    }

    /// AVX-512 (F, BW, VL and DQ), where processor and operating system support it.
    pub fn avx512() -> Option<Self> {
        #[cfg(target_arch = "x86_64")]
        return Avx512::detect().map(|lanes| Self(Kind::Avx512(lanes)));
        #[cfg(not(target_arch = "x86_64"))]
        None
    }

    /// The fastest one present. Costs a few relaxed loads after the first call.
    #[inline]
    pub fn best() -> Self {
        #[cfg(target_arch = "x86_64")]
        if let Some(lanes) = Avx512::detect() {
            return Self(Kind::Avx512(lanes));
        }
        #[cfg(target_arch = "x86_64")]
        if let Some(lanes) = Avx2::detect() {
            return Self(Kind::Avx2(lanes));
        }
        Self::PORTABLE
    }

    /// Every one present, narrowest first. Never empty.
    pub fn available() -> impl Iterator<Item = Self> {
        [Self::SCALAR, Self::PORTABLE].into_iter().chain(Self::avx2()).chain(Self::avx512())
    }

    /// A lower-case name, unique among [`Isa::available`].
    pub const fn name(self) -> &'static str {
        match self.0 {
            Kind::Scalar => "scalar",
            Kind::Portable => "portable",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2(_) => "avx2",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512(_) => "avx512",
        }
    }
}

impl fmt::Display for Isa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The operations on an element type, each as two plain functions: on the best lanes present, of which nothing else is
/// linked, and on chosen ones.
pub trait Kernels: Sized {
    /// Lanes of one element, for borders and tails.
    type One: Lanes<Self>
    where
        Self: Element;

    /// Lanes known when compiling, for code that must not detect anything.
    type Native: Lanes<Self>
    where
        Self: Element;

    /// The lanes of one element.
    fn one() -> Self::One
    where
        Self: Element;
    /// The lanes known when compiling.
    fn native() -> Self::Native
    where
        Self: Element;
    /// The greatest elements of windows; NaN where there is one.
    fn max_best(work: &mut Work<'_, Self>, bounds: Bounds<Self>);
    /// The same on chosen lanes.
    fn max_on(isa: Isa, work: &mut Work<'_, Self>, bounds: Bounds<Self>);
    /// The same with the numbers of their cells.
    fn pick_best(work: &mut Work<'_, Self>, bounds: Bounds<Self>, numbers: &mut Numbers<'_>);
    /// The same on chosen lanes.
    fn pick_on(isa: Isa, work: &mut Work<'_, Self>, bounds: Bounds<Self>, numbers: &mut Numbers<'_>);
    /// The averages of windows.
    fn mean_best(work: &mut Work<'_, Self>, bounds: Bounds<Self>);
    /// The same on chosen lanes.
    fn mean_on(isa: Isa, work: &mut Work<'_, Self>, bounds: Bounds<Self>);
}

/// The operations on floats alone.
pub trait FloatKernels: Element {
    /// The norms of windows, which are neither clamped nor mended.
    fn norm_best(work: &mut Work<'_, Self>, norm: Norm<Self::Sum>);
    /// The same on chosen lanes.
    fn norm_on(isa: Isa, work: &mut Work<'_, Self>, norm: Norm<Self::Sum>);
}

fn max<T: Element, W: Lanes<T>, L: Lanes<T>>(pair: Pair<W, L>, work: &mut Work<'_, T>, bounds: Bounds<T>) {
    kernel::pool(pair, Max(bounds), work, &mut ());
}

fn pick<T: Element, W: Lanes<T>, L: Lanes<T>>(
    pair: Pair<W, L>,
    work: &mut Work<'_, T>,
    bounds: Bounds<T>,
    numbers: &mut Numbers<'_>,
) {
    kernel::pool(pair, Pick(bounds, PhantomData), work, numbers);
}

fn mean<T: Element, W: Lanes<T>, L: Lanes<T>>(pair: Pair<W, L>, work: &mut Work<'_, T>, bounds: Bounds<T>) {
    kernel::pool(pair, Mean::<T, false>(bounds), work, &mut ());
}

fn norm<T: Float, W: Lanes<T>, L: Lanes<T>>(pair: Pair<W, L>, work: &mut Work<'_, T>, norm: Norm<T::Sum>) {
    kernel::pool(pair, norm, work, &mut ());
}

/// The two doors to an operation on an element type: `$of` gives lanes as the operation takes them.
macro_rules! door {
    ($best:ident, $on:ident, $of:ident $operation:ident, ($($arg:ident: $Arg:ty),*) $(-> $Result:ty)?) => {
        fn $best($($arg: $Arg),*) $(-> $Result)? {
            #[cfg(target_arch = "x86_64")]
            if let Some(lanes) = Avx512::detect() {
                return $operation($of!(lanes, lanes.narrow()), $($arg),*);
            }
            #[cfg(target_arch = "x86_64")]
            if let Some(lanes) = Avx2::detect() {
                return $operation($of!(lanes, lanes), $($arg),*);
            }
            $operation($of!(lanes::BEST, lanes::BEST), $($arg),*)
        }

        fn $on(isa: Isa, $($arg: $Arg),*) $(-> $Result)? {
            match isa.0 {
                Kind::Scalar => $operation($of!(Scalar, Scalar), $($arg),*),
                Kind::Portable => $operation($of!(Portable, Portable), $($arg),*),
                #[cfg(target_arch = "x86_64")]
                Kind::Avx2(lanes) => $operation($of!(lanes, lanes), $($arg),*),
                #[cfg(target_arch = "x86_64")]
                Kind::Avx512(lanes) => $operation($of!(lanes, lanes.narrow()), $($arg),*),
            }
        }
    };
}

/// Spatial operations take both.
macro_rules! pair {
    ($wide:expr, $lanes:expr) => {
        Pair { wide: $wide, lanes: $lanes }
    };
}

/// Tokens take the narrower: memory decides how long they take, and wider vectors won nothing (measured on Zen 4).
macro_rules! narrow {
    ($wide:expr, $lanes:expr) => {
        $lanes
    };
}

macro_rules! kernels {
    ($($element:ty),*) => {$(
        impl Kernels for $element {
            type One = Scalar;
            type Native = lanes::Native;

            #[inline(always)]
            fn one() -> Scalar {
                Scalar
            }

            #[inline(always)]
            fn native() -> lanes::Native {
                lanes::NATIVE
            }

            door!(max_best, max_on, pair max, (work: &mut Work<'_, Self>, bounds: Bounds<Self>));
            door!(pick_best, pick_on, pair pick, (work: &mut Work<'_, Self>, bounds: Bounds<Self>, to: &mut Numbers<'_>));
            door!(mean_best, mean_on, pair mean, (work: &mut Work<'_, Self>, bounds: Bounds<Self>));
        }
    )*};
}

macro_rules! float_kernels {
    ($($element:ty),*) => {$(
        impl FloatKernels for $element {
            door!(norm_best, norm_on, pair norm, (work: &mut Work<'_, Self>, of: Norm<Self::Sum>));
        }
    )*};
}

kernels!(f32, f64, i8, u8, i16);
float_kernels!(f32, f64);
#[cfg(feature = "half")]
kernels!(half::f16, half::bf16);
#[cfg(feature = "half")]
float_kernels!(half::f16, half::bf16);

/// Rows of tokens of an element type that enter the cells by one [`Step`].
pub trait Enter<S: Step>: Sized {
    /// On the best lanes present, of which nothing else is linked.
    fn enter_best(step: S, rows: &Rows<'_, Self, S::Weight>, cells: &mut [f32]);
    /// On chosen lanes.
    fn enter_on(isa: Isa, step: S, rows: &Rows<'_, Self, S::Weight>, cells: &mut [f32]);
}

/// Tokens of an element type whose channels weigh them each by scores of its own.
pub trait Attend: Sized {
    /// On the best lanes present; returns how many tokens there are.
    fn attend_best(job: Attentive<'_, '_, Self>) -> usize;
    /// On chosen lanes.
    fn attend_on(isa: Isa, job: Attentive<'_, '_, Self>) -> usize;
}

fn enter<T: TokenElement, L: Read<T>, S: Step>(lanes: L, step: S, rows: &Rows<'_, T, S::Weight>, cells: &mut [f32]) {
    lanes.enter(
        #[inline(always)]
        || fold(lanes, step, rows, cells),
    );
}

fn attend<T: TokenElement, L: Read<T>>(lanes: L, job: Attentive<'_, '_, T>) -> usize {
    lanes.enter(
        #[inline(always)]
        || job.run(lanes),
    )
}

/// Tokens of an element type that are compared with those of documents.
pub trait Similar: Sized {
    /// The score of the document that lies in a range, on the best lanes present.
    fn similarity_best(query: &Tokens<'_, Self>, documents: &Tokens<'_, Self>, document: Range<usize>) -> f32;
    /// On chosen lanes.
    fn similarity_on(isa: Isa, query: &Tokens<'_, Self>, documents: &Tokens<'_, Self>, document: Range<usize>) -> f32;
}

fn similarity<T: TokenElement, L: Read<T>>(
    lanes: L,
    query: &Tokens<'_, T>,
    documents: &Tokens<'_, T>,
    document: Range<usize>,
) -> f32 {
    lanes.enter(
        #[inline(always)]
        || tokens::similarity(lanes, query, documents, document),
    )
}

macro_rules! enter {
    ($element:ty: $($step:ty),*) => {$(
        impl Enter<$step> for $element {
            door!(enter_best, enter_on, narrow enter, (step: $step, rows: &Rows<'_, Self, <$step as Step>::Weight>, cells: &mut [f32]));
        }
    )*};
}

macro_rules! token_kernels {
    ($($element:ty),*) => {$(
        enter!(
            $element: Copied, Add, AddWeighted, AddRescaled, Greatest<false>, Greatest<true>, AddAndGreatest, Moments<false>,
            Moments<true>, AddPower, LogAddExp
        );

        impl Attend for $element {
            door!(attend_best, attend_on, narrow attend, (job: Attentive<'_, '_, Self>) -> usize);
        }

        impl Similar for $element {
            door!(
                similarity_best, similarity_on, narrow similarity,
                (query: &Tokens<'_, Self>, documents: &Tokens<'_, Self>, document: Range<usize>) -> f32
            );
        }
    )*};
}

token_kernels!(f32, i8, u8);
#[cfg(feature = "half")]
token_kernels!(half::f16, half::bf16);

/// Which lanes tokens enter on.
pub(crate) trait Door: Copy {
    /// Lets rows enter the cells.
    fn enter<T: Enter<S>, S: Step>(self, step: S, rows: &Rows<'_, T, S::Weight>, cells: &mut [f32]);
}

/// The best lanes present.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Best;

impl Door for Best {
    #[inline(always)]
    fn enter<T: Enter<S>, S: Step>(self, step: S, rows: &Rows<'_, T, S::Weight>, cells: &mut [f32]) {
        T::enter_best(step, rows, cells);
    }
}

impl Door for Isa {
    #[inline(always)]
    fn enter<T: Enter<S>, S: Step>(self, step: S, rows: &Rows<'_, T, S::Weight>, cells: &mut [f32]) {
        T::enter_on(self, step, rows, cells);
    }
}
