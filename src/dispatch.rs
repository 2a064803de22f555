//! The one door into code for a chosen instruction set: what the machine has is found once and
//! cached, and a kernel enters its lanes here and nowhere else.

use crate::element::Element;
#[cfg(target_arch = "x86_64")]
use crate::lanes::Avx2;
use crate::lanes::{self, Lanes, Portable, Read, Scalar};
use core::fmt;

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

    /// The fastest one present. Costs one relaxed load after the first call.
    #[inline]
    pub fn best() -> Self {
        #[cfg(target_arch = "x86_64")]
        if let Some(lanes) = Avx2::detect() {
            return Self(Kind::Avx2(lanes));
        }
        if lanes::PORTABLE_IS_SIMD { Self::PORTABLE } else { Self::SCALAR }
    }

    /// Every one present, narrowest first. Never empty.
    pub fn available() -> impl Iterator<Item = Self> {
        [Self::SCALAR, Self::PORTABLE].into_iter().chain(Self::avx2())
    }

    /// A lower-case name, unique among [`Isa::available`].
    pub const fn name(self) -> &'static str {
        match self.0 {
            Kind::Scalar => "scalar",
            Kind::Portable => "portable",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2(_) => "avx2",
        }
    }
}

impl fmt::Display for Isa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Work that runs on lanes of `T`, whichever they are.
pub trait Kernel<T: Element> {
    /// What the work returns.
    type Output;
    /// Does the work.
    fn run<L: Lanes<T>>(self, lanes: L) -> Self::Output;
}

/// A way to lanes of `T`: an [`Isa`] chosen at run time, or [`Native`] without any choice.
pub trait Door<T: Element> {
    /// Runs `kernel` behind this door.
    fn enter<K: Kernel<T>>(self, kernel: K) -> K::Output;
}

impl<T: Element> Door<T> for Isa {
    #[inline]
    fn enter<K: Kernel<T>>(self, kernel: K) -> K::Output {
        T::dispatch(self, kernel)
    }
}

/// The lanes known when compiling; nothing is detected, so small programs stay small.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Native;

impl<T: Element> Door<T> for Native {
    #[inline(always)]
    fn enter<K: Kernel<T>>(self, kernel: K) -> K::Output {
        kernel.run(T::native())
    }
}

/// Work on rows of `T` that are read as `f32`, on lanes that can read them.
pub trait ReadKernel<T: Readable> {
    /// What the work returns.
    type Output;
    /// Does the work.
    fn run<L: Read<T>>(self, lanes: L) -> Self::Output;
}

/// A way to lanes that read `T`.
pub(crate) trait ReadDoor<T: Readable> {
    /// Runs `kernel` behind this door.
    fn enter<K: ReadKernel<T>>(self, kernel: K) -> K::Output;
}

impl<T: Readable> ReadDoor<T> for Isa {
    #[inline]
    fn enter<K: ReadKernel<T>>(self, kernel: K) -> K::Output {
        T::read_on(self, kernel)
    }
}

impl<T: Readable> ReadDoor<T> for Native {
    #[inline(always)]
    fn enter<K: ReadKernel<T>>(self, kernel: K) -> K::Output {
        T::read_natively(kernel)
    }
}

/// An element type that the lanes of `f32` read on every instruction set.
pub trait Readable: bytemuck::Pod {
    /// Runs `kernel` on the lanes of `isa`.
    fn read_on<K: ReadKernel<Self>>(isa: Isa, kernel: K) -> K::Output;
    /// Runs `kernel` on the lanes known when compiling.
    fn read_natively<K: ReadKernel<Self>>(kernel: K) -> K::Output;
}

/// Runs a kernel on the lanes of an instruction set.
macro_rules! enter {
    ($isa:expr, $kernel:expr, $Kernel:ident<$element:ty>) => {
        match $isa.0 {
            Kind::Scalar => $kernel.run(Scalar),
            Kind::Portable => $kernel.run(Portable),
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2(lanes) => {
                #[target_feature(enable = "avx2,f16c")]
                fn enter<K: $Kernel<$element>>(lanes: Avx2, kernel: K) -> K::Output {
                    kernel.run(lanes)
                }
                // SAFETY: an `Avx2` value exists only where AVX2 and F16C do.
                unsafe { enter(lanes, $kernel) }
            }
        }
    };
}

/// Stamped per element type, so that `Avx2: Read<i8>` is a plain fact.
macro_rules! readable {
    ($($element:ty),*) => {$(
        impl Readable for $element {
            fn read_on<K: ReadKernel<Self>>(isa: Isa, kernel: K) -> K::Output {
                enter!(isa, kernel, ReadKernel<$element>)
            }

            #[inline(always)]
            fn read_natively<K: ReadKernel<Self>>(kernel: K) -> K::Output {
                kernel.run(lanes::NATIVE)
            }
        }
    )*};
}

readable!(f32, i8, u8);
#[cfg(feature = "half")]
readable!(half::f16, half::bf16);

/// An element type that every instruction set has lanes for.
pub trait Lanewise: Sized {
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
    /// Runs `kernel` on the lanes of `isa`.
    fn dispatch<K: Kernel<Self>>(isa: Isa, kernel: K) -> K::Output
    where
        Self: Element;
}

/// Stamped per element type, so that `Avx2: Lanes<f32>` is a plain fact.
macro_rules! lanewise {
    ($($element:ty),*) => {$(
        impl Lanewise for $element {
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

            fn dispatch<K: Kernel<Self>>(isa: Isa, kernel: K) -> K::Output {
                enter!(isa, kernel, Kernel<$element>)
            }
        }
    )*};
}

lanewise!(f32, f64, i8, u8, i16);
#[cfg(feature = "half")]
lanewise!(half::f16, half::bf16);
