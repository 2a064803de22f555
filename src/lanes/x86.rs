//! What lanes of 256 and of 512 bits share: what they are made of has other names only.

/// A safe method from a function of intrinsics. A token proves that the processor has them, and the functions touch no memory.
macro_rules! safe {
    ($call:expr) => {
        // SAFETY: `self` or `lanes` is a token that proves the instructions; the operands are values.
        unsafe { $call }
    };
}
pub(super) use safe;

macro_rules! register {
    ($($L:ty: $V:ident, [$T:ty; $n:literal], $M:ty, $load:expr, $store:expr, $splat:ident, $unzip:ident;)*) => {$(
        /// One register of this type.
        #[derive(Clone, Copy, Debug)]
        pub struct $V($M);

        impl Register<$L> for $V {
            type Item = $T;
            type Array = [$T; $n];

            #[inline(always)]
            fn load(_: $L, from: &[$T; $n]) -> Self {
                // SAFETY: a token proves the instructions; `from` is a register of readable bytes; no alignment needed.
                Self(unsafe { $load(from.as_ptr().cast()) })
            }

            #[inline(always)]
            fn store(self, _: $L, to: &mut [$T; $n]) {
                // SAFETY: a token proves the instructions; `to` is a register of writable bytes; no alignment needed.
                unsafe { $store(to.as_mut_ptr().cast(), self.0) }
            }

            #[inline(always)]
            fn unzip(_: $L, a: Self, b: Self) -> (Self, Self) {
                let (even, odd) = safe!($unzip(a.0, b.0));
                (Self(even), Self(odd))
            }

            #[inline(always)]
            fn splat(_: $L, x: $T) -> Self {
                Self(safe!($splat(x as _)))
            }
        }
    )*};
}
pub(super) use register;

/// An element of these lanes, asked for.
macro_rules! prefetch {
    ($T:ty) => {
        #[inline(always)]
        fn prefetch(self, from: &$T) {
            $crate::lanes::prefetch($crate::lanes::Cache::First, from);
        }
    };
}
pub(super) use prefetch;

/// Lanes of floats. `$unordered` finds where one of both is NaN, and `$with_nan` puts a NaN there.
macro_rules! float {
    ($(
        $L:ty: $V:ident: $T:ty, $n:literal, by $tile:literal, indices $Index:ty, $max:ident, $min:ident, $unordered:ident, $with_nan:ident,
        $add:ident, $sub:ident, $mul:ident, $div:ident { $($pick:tt)* }
    )*) => {$(
        impl Lanes<$T> for $L {
            const N: usize = $n;
            const TILE: usize = $tile;
            type V = $V;
            type Sum = $V;
            type Index = $Index;

            few_like_many!($T);
            $crate::lanes::x86::prefetch!($T);

            #[inline(always)]
            fn maximum(self, a: $V, b: $V) -> $V {
                // `max` gives `b` where either is NaN, so only a NaN in `a` is lost.
                let lost = safe!($unordered(a.0, a.0));
                let max = safe!($max(a.0, b.0));
                $V(safe!($with_nan(max, lost)))
            }

            #[inline(always)]
            fn maximum_of_three(self, a: $V, b: $V, c: $V) -> $V {
                // This way round, a NaN in `a` stays, and one comparison finds those in the others.
                let lost = safe!($unordered(b.0, c.0));
                let max = safe!($max(b.0, a.0));
                let max = safe!($max(c.0, max));
                $V(safe!($with_nan(max, lost)))
            }

            #[inline(always)]
            fn clamp(self, v: $V, low: $V, high: $V) -> $V {
                // Equal or unordered gives the second operand, which is `v`.
                let v = safe!($max(low.0, v.0));
                $V(safe!($min(high.0, v)))
            }

            #[inline(always)]
            fn widen(self, v: $V) -> $V {
                v
            }

            #[inline(always)]
            fn add(self, a: $V, b: $V) -> $V {
                $V(safe!($add(a.0, b.0)))
            }

            #[inline(always)]
            fn mul(self, a: $V, b: $V) -> $V {
                $V(safe!($mul(a.0, b.0)))
            }

            type By = $V;

            #[inline(always)]
            fn by(self, divisor: $T) -> $V {
                $V::splat(self, divisor)
            }

            #[inline(always)]
            fn by_each(self, counts: &[$T; $n]) -> Option<$V> {
                Some($V::load(self, counts))
            }

            #[inline(always)]
            fn mean(self, sum: $V, by: &$V) -> $V {
                $V(safe!($div(sum.0, by.0)))
            }

            #[inline(always)]
            fn add_exactly(self, a: $V, b: $V) -> ($V, $V) {
                let sum = safe!($add(a.0, b.0));
                let of_b = safe!($sub(sum, a.0));
                let of_a = safe!($sub(sum, of_b));
                let (a_lacks, b_lacks) = (safe!($sub(a.0, of_a)), safe!($sub(b.0, of_b)));
                ($V(sum), $V(safe!($add(a_lacks, b_lacks))))
            }

            $($pick)*
        }
    )*};
}
pub(super) use float;

/// Sums of up to `$most` taps in 16 bits, in two registers; each of their `$halves` becomes one of 32 bits.
macro_rules! few {
    ($V:ident, $Half:ident, $add:ident, $halves:ident, $widen:ident, $Many:ident, $many:ident, $most:literal) => {
        type Few = [$Half; 2];
        const FEW: usize = $most;

        #[inline(always)]
        fn widen_few(self, v: $V) -> [$Half; 2] {
            let [low, high] = safe!($halves(v.0));
            [$Half(safe!($widen(low))), $Half(safe!($widen(high)))]
        }

        #[inline(always)]
        fn add_few(self, a: [$Half; 2], b: [$Half; 2]) -> [$Half; 2] {
            array!(2, |i| $Half(safe!($add(a[i].0, b[i].0))))
        }

        #[inline(always)]
        fn many(self, few: [$Half; 2]) -> [$Many; 4] {
            let [[a, b], [c, d]] = array!(2, |i| safe!($halves(few[i].0)));
            let quarters = [a, b, c, d];
            array!(4, |i| $Many(safe!($many(quarters[i]))))
        }
    };
}
pub(super) use few;

/// Lanes of integers, beside functions of the names `add_epi32`, `mul_epi32`, `small_quotient` and `quotient`.
macro_rules! integer {
    ($(
        $L:ty: $V:ident: $T:ty, $n:literal, sums in $k:literal of $Sum:ident, $max:ident, $min:ident, $widen:ident, $pack:ident,
        { $($few:tt)* }
    )*) => {$(
        impl Lanes<$T> for $L {
            const N: usize = $n;
            const TILE: usize = 2;
            type V = $V;
            type Sum = [$Sum; $k];
            type Index = Indices<$n>;

            $($few)*
            $crate::lanes::x86::prefetch!($T);

            #[inline(always)]
            fn maximum(self, a: $V, b: $V) -> $V {
                $V(safe!($max(a.0, b.0)))
            }

            #[inline(always)]
            fn clamp(self, v: $V, low: $V, high: $V) -> $V {
                let v = safe!($max(v.0, low.0));
                $V(safe!($min(v, high.0)))
            }

            #[inline(always)]
            fn widen(self, v: $V) -> [$Sum; $k] {
                let sums = safe!($widen(v.0));
                array!($k, |i| $Sum(sums[i]))
            }

            #[inline(always)]
            fn add(self, a: [$Sum; $k], b: [$Sum; $k]) -> [$Sum; $k] {
                array!($k, |i| $Sum(safe!(add_epi32(a[i].0, b[i].0))))
            }

            #[inline(always)]
            fn mul(self, a: [$Sum; $k], b: [$Sum; $k]) -> [$Sum; $k] {
                array!($k, |i| $Sum(safe!(mul_epi32(a[i].0, b[i].0))))
            }

            type By = Ratio;

            #[inline(always)]
            fn by(self, divisor: Ratio) -> Ratio {
                divisor
            }

            #[inline(always)]
            fn mean(self, sum: [$Sum; $k], by: &Ratio) -> $V {
                let quotients = if by.small {
                    array!($k, |i| safe!(small_quotient(sum[i].0, by)))
                } else {
                    array!($k, |i| safe!(quotient(sum[i].0, by)))
                };
                $V(safe!($pack(quotients)))
            }

            #[inline(always)]
            fn add_exactly(self, a: [$Sum; $k], b: [$Sum; $k]) -> ([$Sum; $k], [$Sum; $k]) {
                (Lanes::<$T>::add(self, a, b), [$Sum::splat(self, 0); $k])
            }
        }
    )*};
}
pub(super) use integer;

/// Codes as floats, less a zero point.
macro_rules! codes {
    ($($L:ty: $V:ident, $n:literal, $T:ty, $read:ident;)*) => {$(
        impl Read<$T> for $L {
            type From = [$T; $n];

            #[inline(always)]
            fn read(self, from: &[$T; $n]) -> $V {
                Read::<$T>::read_less(self, from, 0)
            }

            #[inline(always)]
            fn read_less(self, from: &[$T; $n], zero_point: i32) -> $V {
                $V(safe!($read(*from, zero_point)))
            }
        }
    )*};
}
pub(super) use codes;

/// Floats of 16 bits: `$widen` and `$narrow` take and give their `$Bits`.
#[cfg(feature = "half")]
macro_rules! convert {
    ($($L:ty: $V:ident, $n:literal, $H:ty as $Bits:ty, $widen:ident, $narrow:ident;)*) => {$(
        impl Convert<$H> for $L {
            type Array = [$H; $n];

            #[inline(always)]
            fn widen(self, from: &[$H; $n]) -> $V {
                let bits: $Bits = bytemuck::must_cast(*from);
                $V(safe!($widen(bits)))
            }

            #[inline(always)]
            fn narrow(self, v: $V, to: &mut [$H; $n]) {
                *to = bytemuck::must_cast(safe!($narrow(v.0)));
            }
        }
    )*};
}
#[cfg(feature = "half")]
pub(super) use convert;
