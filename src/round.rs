//! What integers do with fractions: how a sum over a count is rounded, and how codes of one
//! scale become codes of another.

/// Where a quotient goes that lies between two integers. The sums are exact, so the quotient is
/// rounded once; ties are exact ties.
///
/// Of -2.5, -1.5, -0.5, 0.5, 1.5, 2.5:
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Rounding {
    /// -3, -2, -1, 1, 2, 3. TFLite (i8, i16), CMSIS-NN.
    #[default]
    HalfAwayFromZero,
    /// -2, -2, 0, 0, 2, 2. oneDNN; and ONNX Runtime and PyTorch, once zero points are taken off: see [`AvgPool::requantize`](crate::AvgPool::requantize).
    HalfEven,
    /// -2, -1, 0, 1, 2, 3. TFLite (u8, where it equals the first).
    HalfUp,
    /// -2, -1, 0, 0, 1, 2: every fraction is cut off. Integer division of C and Rust.
    TowardZero,
}

/// What integer codes stand for: `scale * (code - zero_point)`. One for a whole tensor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quantization {
    /// The step between two codes; finite and greater than zero.
    pub scale: f32,
    /// The code of zero; a value of the element type.
    pub zero_point: i32,
}

impl Quantization {
    /// Codes that stand for `scale * (code - zero_point)`.
    pub const fn new(scale: f32, zero_point: i32) -> Self {
        Self { scale, zero_point }
    }

    /// Whether this can describe codes in `least..=most`.
    pub(crate) fn is_valid(&self, least: i32, most: i32) -> bool {
        self.scale > 0.0 && self.scale.is_finite() && least <= self.zero_point && self.zero_point <= most
    }
}

/// Codes of the first quantisation become codes of the second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Requantize {
    pub(crate) from: Quantization,
    pub(crate) to: Quantization,
    pub(crate) rule: Rule,
}

/// Where frameworks differ, in the last place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Rule {
    /// The zero point is added, then the sum rounded.
    ZeroFirst,
    /// The quotient is rounded, then the zero point added.
    ZeroLast,
    /// A multiplier of 31 bits, then a shift, each rounded.
    FixedPoint,
}

/// How the partial results of integers are finished.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub struct Finish {
    pub(crate) rounding: Rounding,
    pub(crate) requantize: Option<Requantize>,
}

/// A multiplication by `multiplier * 2^(shift - 31)` in integers, rounded twice.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fixed {
    multiplier: i64,
    shift: i32,
    /// Added to the sum.
    offset: i64,
}

impl Fixed {
    /// As TFLite does it for `MEAN`: the scale as 31 bits, of which the division by the count
    /// keeps as many as it can.
    fn new(Requantize { from, to, .. }: Requantize, count: i64, real: i64) -> Self {
        let (fraction, exponent) = libm::frexp(f64::from(from.scale) / f64::from(to.scale));
        let (mut multiplier, mut shift) = (libm::round(fraction * (1i64 << 31) as f64) as i64, exponent);
        if multiplier == 1 << 31 {
            (multiplier, shift) = (multiplier / 2, shift + 1);
        }
        if shift < -31 {
            (multiplier, shift) = (0, 0);
        }
        let digits = 63u32.saturating_sub(count.unsigned_abs().leading_zeros());
        let spare = digits.min(32).min((31 + shift).max(0) as u32);
        let offset = i64::from(from.zero_point).saturating_mul(-real);
        Self { multiplier: (multiplier << spare).checked_div(count).unwrap_or(0), shift: shift - spare as i32, offset }
    }

    fn apply(&self, sum: i64) -> i32 {
        // Sums of windows are of 32 bits there.
        let x = sum.saturating_add(self.offset).clamp(i64::from(i32::MIN), i64::from(i32::MAX));
        // Any further shift saturates as this one does; zero stays.
        let x = (x << self.shift.clamp(0, 32)).clamp(i64::from(i32::MIN), i64::from(i32::MAX));
        let high = (x * self.multiplier + (1 << 30)) >> 31;
        let right = (-self.shift).max(0) as u32;
        let magnitude = high.unsigned_abs() as i64;
        let rounded = if right == 0 { magnitude } else { (magnitude + (1 << (right.min(62) - 1))) >> right.min(62) };
        (rounded * high.signum()).clamp(-1_000_000_000, 1_000_000_000) as i32
    }
}

/// Adding this moves the integer nearest to a small number, ties to even, into the low bits.
const MAGIC: f64 = 6_755_399_441_055_744.0; // 1.5 * 2^52

/// What a sum of integers is divided by, prepared once per window.
///
/// With `n` the nudge, given the sign of the sum if it `follows` it, the result is
/// `((sum + offset) * scale + n) / by + first`, rounded to the nearest integer, ties to even, plus
/// `last`. The nudge is what makes one rounding of all: a quarter is too little to move a sum past
/// a tie that it does not lie on, and half of the divisor less a half cuts the fraction off.
///
/// That is exact in f64 for every sum in i32; and in f32 for sums up to 2^21, which are rounded
/// to the same integer whether divided or multiplied by the reciprocal, but for ties to even.
#[derive(Clone, Copy, Debug, Default)]
#[allow(dead_code, reason = "lanes of arrays do without")]
pub struct Ratio {
    count: i32,
    rounding: Rounding,
    /// Whether nothing is requantised.
    plain: bool,
    /// Whether nothing is requantised, sums are up to 2^21, and so is the count.
    pub(crate) small: bool,
    /// For those: the nudge, and the divisor, or its reciprocal unless the ties go to even.
    pub(crate) small_nudge: f32,
    pub(crate) small_by: f32,
    pub(crate) offset: f64,
    pub(crate) scale: f64,
    pub(crate) nudge: f64,
    /// The sign bit, if the nudge follows the sign of the sum.
    pub(crate) follows: u64,
    pub(crate) by: f64,
    pub(crate) first: f64,
    pub(crate) last: i32,
    pub(crate) fixed: Option<Fixed>,
}

impl Ratio {
    /// Of sums of `real` codes, each below 2^`bits` in size, over `count`, which is not zero.
    #[inline(always)]
    pub(crate) fn new(finish: &Finish, count: isize, real: isize, bits: u32) -> Self {
        // Counts of windows are limited by the taps that a sum can hold, and the caller's are i32.
        let n = count as i32;
        let by = f64::from(n);
        let (nudge, follows) = match finish.rounding {
            Rounding::HalfEven => (0.0, false),
            Rounding::HalfAwayFromZero => (0.25, true),
            Rounding::HalfUp => (if n < 0 { -0.25 } else { 0.25 }, false),
            Rounding::TowardZero => (-0.5 * (by.abs() - 1.0), true),
        };
        let ratio = Self {
            count: n,
            rounding: finish.rounding,
            plain: true,
            small: (real as usize) <= 1 << (21 - bits) && n.unsigned_abs() <= 1 << 21,
            small_nudge: nudge as f32,
            small_by: if nudge == 0.0 { by as f32 } else { 1.0 / by as f32 },
            offset: 0.0,
            scale: 1.0,
            nudge,
            follows: if follows { 1 << 63 } else { 0 },
            by,
            first: 0.0,
            last: 0,
            fixed: None,
        };
        match finish.requantize {
            None => ratio,
            Some(requantize) => ratio.requantized(requantize, real),
        }
    }

    #[cold]
    #[inline(never)]
    fn requantized(self, requantize: Requantize, real: isize) -> Self {
        let Requantize { from, to, rule } = requantize;
        let zero = to.zero_point;
        Self {
            plain: false,
            small: false,
            offset: -(f64::from(from.zero_point) * real as f64),
            scale: f64::from(from.scale),
            nudge: 0.0,
            follows: 0,
            by: f64::from(to.scale) * self.by,
            first: if rule == Rule::ZeroFirst { f64::from(zero) } else { 0.0 },
            last: if rule == Rule::ZeroFirst { 0 } else { zero },
            fixed: (rule == Rule::FixedPoint).then(|| Fixed::new(requantize, i64::from(self.count), real as i64)),
            ..self
        }
    }

    /// Whether f32 must divide: a reciprocal would lose the ties that go to even.
    #[allow(dead_code, reason = "lanes of arrays do without")]
    #[inline(always)]
    pub(crate) fn divides(&self) -> bool {
        self.nudge == 0.0
    }

    /// One sum, in f64.
    #[inline(always)]
    pub(crate) fn apply(&self, sum: i32) -> i32 {
        match self.fixed {
            None => self.apply_float(f64::from(sum)),
            Some(fixed) => fixed.apply(i64::from(sum)) + self.last,
        }
    }

    #[inline(always)]
    pub(crate) fn apply_float(&self, sum: f64) -> i32 {
        let t = (sum + self.offset) * self.scale;
        let t = t + f64::from_bits(self.nudge.to_bits() ^ (t.to_bits() & self.follows));
        // Far outside every element type, and inside what `MAGIC` can do.
        let q = (t / self.by + self.first).clamp(-1e9, 1e9);
        (q + MAGIC).to_bits() as i32 + self.last
    }

    /// One sum, in integers where nothing is requantised: for processors whose floats are slow.
    #[inline(always)]
    pub(crate) fn divide(&self, sum: i32) -> i32 {
        if !self.plain {
            return self.apply(sum);
        }
        // It is not zero where something is divided; said so that no panic is linked.
        let count = if self.count == 0 { 1 } else { self.count };
        let (q, r) = (sum.wrapping_div(count), sum.wrapping_rem(count));
        let twice = r.unsigned_abs().saturating_mul(2);
        let step = if (sum < 0) == (count < 0) { 1 } else { -1 };
        q.wrapping_add(if away(self.rounding, twice.cmp(&count.unsigned_abs()), q & 1 != 0, step > 0) {
            step
        } else {
            0
        })
    }
}

/// Whether a quotient goes to the integer away from zero, by how its fraction compares with a half.
#[inline(always)]
fn away(rounding: Rounding, fraction: core::cmp::Ordering, odd: bool, positive: bool) -> bool {
    match rounding {
        Rounding::HalfAwayFromZero => fraction.is_ge(),
        Rounding::HalfEven => fraction.is_gt() || (fraction.is_eq() && odd),
        Rounding::HalfUp => fraction.is_gt() || (fraction.is_eq() && positive),
        Rounding::TowardZero => false,
    }
}

/// What [`Ratio`] does, for sums and counts that need 64 bits.
pub(crate) fn divide_wide(finish: &Finish, sum: i64, count: isize, real: isize) -> i32 {
    // It is not zero; said so that no panic is linked.
    let count = if count == 0 { 1 } else { count as i64 };
    match finish.requantize {
        Some(requantize) if requantize.rule == Rule::FixedPoint => {
            Fixed::new(requantize, count, real as i64).apply(sum) + requantize.to.zero_point
        }
        Some(requantize) => {
            let ratio = Ratio::new(finish, 1, real, 0);
            Ratio { by: f64::from(requantize.to.scale) * count as f64, ..ratio }.apply_float(sum as f64)
        }
        None => {
            let (q, r) = (sum.wrapping_div(count), sum.wrapping_rem(count));
            let twice = r.unsigned_abs().saturating_mul(2);
            let positive = (sum < 0) == (count < 0);
            let step = if positive { 1 } else { -1 };
            let away = away(finish.rounding, twice.cmp(&count.unsigned_abs()), q & 1 != 0, positive);
            let q = q.saturating_add(if away { step } else { 0 });
            q.clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as i32
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::element::Integer;
    use crate::lanes::{Lanes, Portable, Register, Scalar};
    use bytemuck::Zeroable;

    /// The least sum over `count` that rounds to `q`: the rounding rules read backwards.
    fn first(q: i32, count: i32, rounding: Rounding) -> i32 {
        let twice = (2 * q - 1) * count;
        let at_or_above = twice.div_euclid(2) + twice.rem_euclid(2);
        let above = twice.div_euclid(2) + 1;
        match rounding {
            Rounding::HalfUp => at_or_above,
            Rounding::HalfEven if q % 2 == 0 => at_or_above,
            Rounding::HalfAwayFromZero if q > 0 => at_or_above,
            Rounding::HalfEven | Rounding::HalfAwayFromZero => above,
            Rounding::TowardZero if q > 0 => q * count,
            Rounding::TowardZero => (q - 1) * count + 1,
        }
    }

    /// Every sum of `count` elements.
    #[inline(always)]
    fn sums<T: Integer, L: Lanes<T>>(lanes: L, count: i32, rounding: Rounding) {
        let by = T::divisor(&Finish { rounding, requantize: None }, count as isize, count as isize);
        let (least, most) = (T::LOWEST.widen(), T::HIGHEST.widen());
        let mut sum = least * count;
        for q in least..=most {
            let end = if q == most { most * count + 1 } else { first(q + 1, count, rounding) };
            while sum < end {
                let n = L::N.min((end - sum) as usize);
                let mut sums = <L::Sum as Register<L>>::Array::zeroed();
                for (i, to) in sums.as_mut().iter_mut().enumerate() {
                    *to = sum + i as i32;
                }
                let mut means = <L::V as Register<L>>::Array::zeroed();
                lanes.mean(L::Sum::load(lanes, &sums), &lanes.by(by)).store(lanes, &mut means);
                let right = means.as_ref()[..n].iter().all(|mean| mean.widen() == q);
                assert!(right, "{rounding:?} of {sum}.. over {count} is {q}, not {means:?}", means = means.as_ref());
                sum += n as i32;
            }
        }
    }

    fn exhaust<T: Integer, L: Lanes<T>>(lanes: L) {
        // Emulators and interpreters take their share.
        let most = if cfg!(target_arch = "x86_64") && !cfg!(miri) { 4096 } else { 70 };
        for rounding in [Rounding::HalfAwayFromZero, Rounding::HalfEven, Rounding::HalfUp, Rounding::TowardZero] {
            for count in 1..=most {
                lanes.enter(
                    #[inline(always)]
                    || sums::<T, L>(lanes, count, rounding),
                );
            }
        }
    }

    /// Every divisor up to 4096 and every sum reachable with it.
    #[test]
    fn every_quotient_of_i8() {
        exhaust::<i8, _>(Scalar);
        exhaust::<i8, _>(Portable);
        #[cfg(target_arch = "x86_64")]
        if let Some(lanes) = crate::lanes::Avx2::detect() {
            exhaust::<i8, _>(lanes);
        }
        #[cfg(target_arch = "x86_64")]
        if let Some(lanes) = crate::lanes::Avx512::detect() {
            exhaust::<i8, _>(lanes);
        }
    }

    #[test]
    fn every_quotient_of_u8() {
        exhaust::<u8, _>(Scalar);
        exhaust::<u8, _>(Portable);
        #[cfg(target_arch = "x86_64")]
        if let Some(lanes) = crate::lanes::Avx2::detect() {
            exhaust::<u8, _>(lanes);
        }
        #[cfg(target_arch = "x86_64")]
        if let Some(lanes) = crate::lanes::Avx512::detect() {
            exhaust::<u8, _>(lanes);
        }
    }

    /// Around every tie of every divisor up to 70,000, where f32 gives way to f64.
    #[test]
    fn ties_of_i16() {
        for count in (1..=70_000).step_by(if cfg!(target_arch = "x86_64") { 7 } else { 997 }) {
            for rounding in [Rounding::HalfAwayFromZero, Rounding::HalfEven, Rounding::HalfUp, Rounding::TowardZero] {
                let finish = Finish { rounding, requantize: None };
                let (ratio, real) = (Ratio::new(&finish, count, count.min(65_535), 15), count.min(65_535) as i64);
                for q in [-32_768, -32_767, -300, -2, -1, 0, 1, 2, 3, 301, 32_767] {
                    let least = i64::from(q) * count as i64 - count as i64 / 2;
                    for sum in (least - 2..=least + 2).filter(|sum| sum.abs() <= 32_767 * real) {
                        let wide = divide_wide(&finish, sum, count, real as isize);
                        assert_eq!(ratio.apply(sum as i32), wide, "{rounding:?} {sum} {count}");
                        assert_eq!(ratio.divide(sum as i32), wide, "{rounding:?} {sum} {count}");
                    }
                }
            }
        }
    }
}
