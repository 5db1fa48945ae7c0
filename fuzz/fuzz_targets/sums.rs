#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    tapetum_fuzz::sums(data);
});
