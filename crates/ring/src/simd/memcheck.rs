//! Words to valgrind, by which a program under test says what is secret.
//!
//! memcheck follows numbers that are not defined, and reports a branch or an address that depends on
//! one. Whoever declares secrets undefined so finds what does not run in constant time (Langley,
//! *ctgrind*, 2010). Outside valgrind the words do nothing.

const MAKE_MEM_UNDEFINED: u64 = 0x4d43_0001;
const MAKE_MEM_DEFINED: u64 = 0x4d43_0002;

/// From here on these bytes are secret.
pub fn hide(bytes: &mut [u8]) {
    request(MAKE_MEM_UNDEFINED, bytes);
}

/// From here on everybody may know these bytes, and whatever has been computed from them is not looked at.
pub fn reveal(bytes: &mut [u8]) {
    request(MAKE_MEM_DEFINED, bytes);
}

#[cfg(target_arch = "x86_64")]
fn request(code: u64, bytes: &mut [u8]) {
    let arguments = [code, bytes.as_mut_ptr() as u64, bytes.len() as u64, 0, 0, 0];
    // SAFETY: on a processor these rotations by 128 bits in all, and the exchange of a register with
    // itself, change nothing. valgrind reads the arguments, and changes what it knows of the bytes.
    unsafe {
        std::arch::asm!(
            "rol rdi, 3",
            "rol rdi, 13",
            "rol rdi, 61",
            "rol rdi, 51",
            "xchg rbx, rbx",
            in("rax") &arguments,
            inout("rdx") 0u64 => _,
            options(nostack),
        );
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn request(_: u64, _: &mut [u8]) {}
