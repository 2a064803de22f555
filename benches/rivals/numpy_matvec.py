"""Times numpy's product of weights, [tokens], and tokens, [tokens, dim], in f32 on one thread: the mean of tokens.

`python benches/rivals/numpy_matvec.py` prints the table; it needs numpy and nothing else. Read and product take turns,
many short samples each. A call alone costs numpy about a microsecond: the row 1x1 shows it.
"""

import os

# Read when the libraries load, so before the import.
for name in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ[name] = "1"

import time

import numpy as np

SAMPLES = 200
SHAPES = [(1, 1), (128, 384), (512, 768), (8192, 1024)]


def sample(run, repeat):
    """Microseconds of one call, after a call that is not timed."""
    run()
    start = time.perf_counter()
    for _ in range(repeat):
        run()
    return (time.perf_counter() - start) * 1e6 / repeat


def show(times):
    return f"{min(times):.1f} / {sorted(times)[SAMPLES // 2]:.1f}"


def main():
    print(f"numpy {np.__version__}; microseconds, minimum / median of {SAMPLES} samples; factor = of the minima")
    print(f"{'tokens x dim':<14} {'read':>19} {'w @ x':>19} {'/read':>6}")
    for tokens, dim in SHAPES:
        x = np.random.default_rng(1).uniform(-1, 1, (tokens, dim)).astype(np.float32)
        w = np.full(tokens, 1 / tokens, np.float32)
        want = x.mean(axis=0, dtype=np.float64)
        assert np.abs(w @ x - want).max() <= 1e-4 * np.abs(want).max()
        # The greatest byte: the fastest of numpy's passes over all of memory that we tried. Sums go pairwise, maxima of
        # floats look for NaN, `dot` is slower on the largest, and `any` stops early.
        everything = x.reshape(-1).view(np.uint8)
        repeat = max(1, 200_000 // x.size) if x.size > 1 else 1000
        read, product = [], []
        for _ in range(SAMPLES):
            read.append(sample(everything.max, repeat))
            product.append(sample(lambda: w @ x, repeat))
        print(f"{f'{tokens}x{dim}':<14} {show(read):>19} {show(product):>19} {min(product) / min(read):>6.2f}")


main()
