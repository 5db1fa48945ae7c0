//! Whether a JPEG file is whole. Decoders fill the missing part of a cut file with grey and say nothing, which would
//! put a half picture among the training images.

/// Whether the marker segments (ITU-T T.81, annex B) run from the start to the end-of-image marker. What follows that
/// marker is not looked at: cameras append data of their own.
pub(super) fn is_whole(file: &[u8]) -> bool {
    let mut at = 2;
    loop {
        // Entropy-coded data, in which FF is followed by 00 or a restart marker, and fill bytes are passed over.
        let marker = loop {
            match file.get(at..at + 2) {
                Some([0xff, 0x00 | 0xd0..=0xd7]) => at += 2,
                Some([0xff, 0xff]) | Some([0..0xff, _]) => at += 1,
                Some([_, marker]) => break *marker,
                _ => return false,
            }
        };
        if marker == 0xd9 {
            return true;
        }
        match file.get(at + 2..at + 4) {
            Some(length) => at += 2 + usize::from(u16::from_be_bytes([length[0], length[1]])),
            None => return false,
        }
    }
}
