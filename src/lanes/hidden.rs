//! Numbers that are hidden from the compiler. It makes copies of loops: for every number of turns modulo four, for both sides of a
//! condition. For the common windows that is welcome, and their numbers are constants; for the others one loop is enough, and the
//! copies would be most of a program.

/// The same number, of which the compiler knows nothing; the number that it knows, where there are no instructions to hide it in.
#[inline(always)]
#[allow(unused_mut, reason = "written by instructions, where there are some")]
pub(crate) fn hidden(mut n: usize) -> usize {
    #[cfg(all(
        any(
            target_arch = "x86",
            target_arch = "x86_64",
            target_arch = "arm",
            target_arch = "aarch64",
            target_arch = "riscv32",
            target_arch = "riscv64",
        ),
        not(miri)
    ))]
    // SAFETY: no instruction at all; the number stays in its register.
    unsafe {
        core::arch::asm!("/* {0} */", inout(reg) n, options(nomem, nostack, preserves_flags));
    }
    n
}
