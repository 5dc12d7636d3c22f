#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| amperity_exporter::fuzzing::negotiation(data));
