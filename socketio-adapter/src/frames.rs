/// The code of a close (RFC 6455, 11.8).
const CLOSE: u8 = 0x8;
/// The codes of data that is text and data that is not (RFC 6455, 11.8).
const DATA: [u8; 2] = [0x1, 0x2];
/// The bytes of every head: flags and opcode, mask and length.
const SHORTEST_HEAD: u8 = 2;

/// Where one frame of a WebSocket ends and the next begins (RFC 6455, 5.2), in either direction. It keeps no payload.
pub(super) struct Frames {
    /// How many bytes of the frame's head have passed; 0 between two frames.
    seen: u8,
    /// How many bytes the head has.
    head: u8,
    /// How many of them are for a length that does not fit into one.
    long: u8,
    opcode: u8,
    /// Whether its payload has more than one byte.
    is_long: bool,
    /// How many bytes of its payload are still to come.
    left: u64,
}

impl Default for Frames {
    fn default() -> Self {
        Self { seen: 0, head: SHORTEST_HEAD, long: 0, opcode: 0, is_long: false, left: 0 }
    }
}

impl Frames {
    /// Follows these bytes to the end of their frame, and returns how many bytes that is.
    pub(super) fn advance(&mut self, bytes: &[u8]) -> usize {
        let mut taken = 0;
        for &byte in bytes {
            if self.seen == self.head {
                break;
            }
            self.see(byte);
            taken += 1;
        }
        if self.seen == self.head {
            let here = bytes.len() - taken;
            let of_payload = usize::try_from(self.left).map_or(here, |left| left.min(here));
            taken += of_payload;
            self.left -= of_payload as u64;
            if self.left == 0 {
                (self.seen, self.head) = (0, SHORTEST_HEAD);
            }
        }
        taken
    }

    /// The next byte of a head.
    fn see(&mut self, byte: u8) {
        match self.seen {
            0 => self.opcode = byte & 0x0f,
            1 => {
                let mask = if byte & 0x80 == 0 { 0 } else { 4 };
                (self.long, self.left) = match byte & 0x7f {
                    126 => (2, 0),
                    127 => (8, 0),
                    short => (0, short.into()),
                };
                self.head = SHORTEST_HEAD + self.long + mask;
            }
            later if later < SHORTEST_HEAD + self.long => self.left = self.left << 8 | u64::from(byte),
            // The mask.
            _ => {}
        }
        self.seen += 1;
        if self.seen == self.head {
            self.is_long = self.left > 1;
        }
    }

    /// Whether a frame has ended and the next has not begun.
    pub(super) fn is_between(&self) -> bool {
        self.seen == 0
    }

    /// How much of the frame is still to come, as far as the head read so far says.
    pub(super) fn left(&self) -> u64 {
        self.left
    }

    /// Whether the frame, or the one that has just ended, is a close.
    pub(super) fn is_close(&self) -> bool {
        self.opcode == CLOSE
    }

    /// Whether the last frame brought a message of the application, and is complete. engine.io's pongs have one byte.
    pub(super) fn is_message(&self) -> bool {
        self.is_between() && self.is_long && DATA.contains(&self.opcode)
    }

    /// Whether the last frame was a close, and is complete.
    pub(super) fn is_closed(&self) -> bool {
        self.is_between() && self.is_close()
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn frame(opcode: u8, len: usize, is_masked: bool) -> Vec<u8> {
        let mask = if is_masked { 0x80 } else { 0 };
        let mut frame = vec![0x80 | opcode];
        match len {
            0..126 => frame.push(mask | u8::try_from(len).unwrap()),
            126..65_536 => {
                frame.push(mask | 126);
                frame.extend(u16::try_from(len).unwrap().to_be_bytes());
            }
            _ => {
                frame.push(mask | 127);
                frame.extend((len as u64).to_be_bytes());
            }
        }
        // Bytes that would be heads themselves.
        frame.extend(std::iter::repeat_n(0x88, len + if is_masked { 4 } else { 0 }));
        frame
    }

    proptest! {
        /// However the bytes are cut, every frame ends where it was made to end.
        #[test]
        fn frames_are_told_apart_however_they_come(
            frames in vec((0_u8..16, prop_oneof![0_usize..300, 65_000_usize..66_000], any::<bool>()), 1..6),
            piece in 1_usize..5000,
        ) {
            let made: Vec<_> = frames.iter().map(|&(opcode, len, masked)| frame(opcode, len, masked)).collect();
            let (mut ends, mut at, mut follows) = (Vec::new(), 0, Frames::default());
            for mut bytes in made.concat().chunks(piece) {
                while !bytes.is_empty() {
                    let taken = follows.advance(bytes);
                    bytes = &bytes[taken..];
                    at += taken;
                    if follows.is_between() {
                        ends.push((at, follows.is_close()));
                    }
                }
            }
            let mut at = 0;
            let expected: Vec<_> = made.iter().map(|frame| { at += frame.len(); (at, frame[0] == 0x88) }).collect();
            prop_assert_eq!(ends, expected);
        }
    }

    #[test]
    fn longest_length_that_can_be_written_is_followed() {
        let mut frames = Frames::default();
        assert_eq!(frames.advance(&[0x82, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2]), 12);
        assert_eq!((frames.left(), frames.is_between()), (u64::MAX - 2, false));
    }
}
