//! How images lie in memory: the same numbers in several layouts, with gaps that must survive.

use crate::isas;
use crate::set::Image;
use lanepool::{Isa, PoolError, Shape, Strides, View, ViewMut};

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Lay {
    Nchw,
    Nhwc,
    /// Gaps after rows, planes and images.
    NchwGaps,
    /// Gaps after pixels, rows and images.
    NhwcGaps,
}

const LAYS: [Lay; 4] = [Lay::Nchw, Lay::NhwcGaps, Lay::Nhwc, Lay::NchwGaps];

/// Each layout into itself and into another, on every instruction set.
pub fn each_run(mut run: impl FnMut(Isa, Lay, Lay) -> Result<(), String>) -> Result<(), String> {
    for isa in isas() {
        for (i, from) in LAYS.into_iter().enumerate() {
            for to in [from, LAYS[(i + 1) % LAYS.len()]] {
                run(isa, from, to).map_err(|error| format!("{isa} from {from:?} to {to:?}: {error}"))?;
            }
        }
    }
    Ok(())
}

pub fn cells(Shape { batch, channels, spatial }: Shape<3>) -> usize {
    batch * channels * spatial.iter().product::<usize>()
}

/// The last `D` axes of a shape, which are all that are longer than 1.
pub fn lower<const D: usize>(shape: Shape<3>) -> Shape<D> {
    assert!(shape.spatial[..3 - D].iter().all(|&extent| extent == 1));
    Shape { batch: shape.batch, channels: shape.channels, spatial: last(shape.spatial) }
}

/// The last `D` of three.
pub fn last<T: Copy, const D: usize>(all: [T; 3]) -> [T; D] {
    std::array::from_fn(|i| all[3 - D + i])
}

impl Lay {
    fn strides(self, Shape { channels, spatial: [d, h, w], .. }: Shape<3>) -> Strides<3> {
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
        }
    }

    /// Elements that a view needs, and some after it.
    fn len(self, shape: Shape<3>) -> usize {
        let s = self.strides(shape);
        let spatial: usize = (0..3).map(|i| shape.spatial[i] * s.spatial[i]).sum();
        shape.batch * s.batch + shape.channels * s.channel + spatial + 64
    }

    /// Where each cell lies, in the order of [`Image`].
    fn places(self, shape: Shape<3>) -> Vec<usize> {
        let s = self.strides(shape);
        let [d, h, w] = shape.spatial;
        let mut places = Vec::with_capacity(cells(shape));
        for n in 0..shape.batch {
            for c in 0..shape.channels {
                for z in 0..d {
                    for y in 0..h {
                        let row = n * s.batch + c * s.channel + z * s.spatial[0] + y * s.spatial[1];
                        places.extend((0..w).map(|x| row + x * s.spatial[2]));
                    }
                }
            }
        }
        places
    }

    /// The image over this layout; the gaps hold what would show if it were read.
    pub fn spread<T: Copy>(self, image: &Image<T>, gap: T) -> Vec<T> {
        let mut data = vec![gap; self.len(image.shape)];
        for (place, value) in self.places(image.shape).into_iter().zip(&image.values) {
            data[place] = *value;
        }
        data
    }

    pub fn view<T, const D: usize>(self, shape: Shape<3>, data: &[T]) -> View<'_, T, D> {
        let Strides { batch, channel, spatial } = self.strides(shape);
        let strides = Strides { batch, channel, spatial: last(spatial) };
        View::with_strides(data, lower(shape), strides).expect("a sound view")
    }

    /// Runs `pool` into this layout and returns the results in the order of [`Image`]; the gaps must survive.
    pub fn collect<T: Copy + PartialEq, const D: usize>(
        self,
        shape: Shape<3>,
        sentinel: T,
        pool: impl FnOnce(&mut ViewMut<'_, T, D>) -> Result<(), PoolError>,
    ) -> Result<Vec<T>, String> {
        let mut data = vec![sentinel; self.len(shape)];
        let Strides { batch, channel, spatial } = self.strides(shape);
        let strides = Strides { batch, channel, spatial: last(spatial) };
        let mut view = ViewMut::with_strides(&mut data, lower(shape), strides).expect("a sound view");
        pool(&mut view).map_err(|error| format!("{error:?} ({error})"))?;
        let take = |place| std::mem::replace(&mut data[place], sentinel);
        let values = self.places(shape).into_iter().map(take).collect();
        if data.iter().all(|x| *x == sentinel) { Ok(values) } else { Err("a gap was written".into()) }
    }
}
