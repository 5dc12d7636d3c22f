//! zstd frames of bytes that are not worth compressing. Any number of frames
//! after each other are one zstd body (RFC 8878).

/// The magic number, a descriptor of a frame without checksum and content
/// size, and a window of 128 KiB.
const HEADER: [u8; 6] = [0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x38];

/// The size limit of a block, in bytes.
const BLOCK: usize = 128 * 1024;

/// Appends a frame of uncompressed blocks; nothing for no bytes.
pub(super) fn store(out: &mut Vec<u8>, plain: &[u8]) {
    if plain.is_empty() {
        return;
    }
    out.extend_from_slice(&HEADER);
    let mut blocks = plain.chunks(BLOCK).peekable();
    while let Some(block) = blocks.next() {
        let last = u32::from(blocks.peek().is_none());
        #[expect(clippy::cast_possible_truncation, reason = "at most BLOCK")]
        let header = (block.len() as u32) << 3 | last;
        out.extend_from_slice(&header.to_le_bytes()[..3]);
        out.extend_from_slice(block);
    }
}
