//! A strict reader for the JSON of tokens and keys.
//!
//! It reads the text once, without building a tree, and refuses what lenient readers accept: duplicate members at any depth
//! (also if they are equal only after unescaping), lone surrogates, nesting beyond [`MAX_DEPTH`], and anything after the
//! end. It depends on no JSON library, so the features that a program enables in one have no effect.

#[cfg(test)]
mod tests;

use std::{borrow::Cow, ops::Range};

/// The outermost object counts as one.
pub(crate) const MAX_DEPTH: usize = 64;

/// Why a text is refused: a constant for the log.
pub(crate) type Broken = &'static str;

/// One value. Scalars are decoded; arrays and objects are kept as text.
#[derive(Clone, Debug)]
pub(crate) enum Value<'a> {
    Null,
    Bool(bool),
    Number(&'a str),
    Text(Cow<'a, str>),
    Array(&'a str),
    Object(&'a str),
}

impl<'a> Value<'a> {
    pub(crate) fn into_text(self) -> Result<Cow<'a, str>, Broken> {
        match self {
            Self::Text(text) => Ok(text),
            _ => Err("a member that must be a string is not one"),
        }
    }

    /// The type of the value, for the log.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Number(_) => "a number",
            Self::Text(_) => "a string",
            Self::Array(_) => "a list",
            Self::Object(_) => "an object",
        }
    }
}

/// One member of an object.
#[derive(Debug)]
pub(crate) struct Member<'a> {
    pub(crate) name: Cow<'a, str>,
    pub(crate) value: Value<'a>,
    /// Where the value is written.
    pub(crate) place: Range<usize>,
}

/// The members of one object, in order.
pub(crate) fn object(json: &str) -> Result<Vec<Member<'_>>, Broken> {
    read(json, FEW, |scanner| scanner.expect_visible(b'{', "not a JSON object")?.object(1))
}

/// Reads one object and hands its members to `each`, in order.
pub(crate) fn members<'a, F>(json: &'a [u8], each: F) -> Result<(), Broken>
where
    F: FnMut(&str, Value<'a>) -> Result<(), Broken>,
{
    members_of(str::from_utf8(json).map_err(|_| "not UTF-8")?, each)
}

/// As [`members`], for text that is already known to be UTF-8.
pub(crate) fn members_of<'a, F>(json: &'a str, mut each: F) -> Result<(), Broken>
where
    F: FnMut(&str, Value<'a>) -> Result<(), Broken>,
{
    object(json)?.into_iter().try_for_each(|member| each(&member.name, member.value))
}

/// Reads one array and hands its elements to `each`, in order.
pub(crate) fn elements<'a, F>(json: &'a str, mut each: F) -> Result<(), Broken>
where
    F: FnMut(Value<'a>) -> Result<(), Broken>,
{
    read(json, 0, |scanner| scanner.expect_visible(b'[', "not a JSON array")?.array(1, &mut each)).map(drop)
}

/// Reads one value, and returns the members of the outermost object. It begins with room for so many.
fn read<'a>(
    text: &'a str,
    room: usize,
    body: impl FnOnce(&mut Scanner<'a>) -> Result<(), Broken>,
) -> Result<Vec<Member<'a>>, Broken> {
    let mut scanner = Scanner { text, pos: 0, members: Vec::with_capacity(room) };
    body(&mut scanner)?;
    scanner.skip_blanks();
    if scanner.pos == text.len() { Ok(scanner.members) } else { Err("text after the JSON value") }
}

/// The number of members that most tokens stay below. Up to here, each name is compared with those before it.
const FEW: usize = 16;

struct Scanner<'a> {
    text: &'a str,
    pos: usize,
    /// The members of all open objects, innermost last.
    members: Vec<Member<'a>>,
}

impl<'a> Scanner<'a> {
    /// The rest of an object whose brace is read. Leaves its members at the end of the list.
    fn object(&mut self, depth: usize) -> Result<(), Broken> {
        check_depth(depth)?;
        let outer = self.members.len();
        let mut seen = 0;
        self.skip_blanks();
        if self.take(b'}') {
            return Ok(());
        }
        loop {
            let name = self.expect_visible(b'"', "a member without a name")?.string()?;
            self.expect_visible(b':', "a member without a colon")?.skip_blanks();
            let start = self.pos;
            let value = self.value(depth)?;
            let bit = bit_of(&name);
            if seen & bit != 0 && self.is_among_few(outer, &name) {
                return Err(TWICE);
            }
            seen |= bit;
            self.members.push(Member { name, value, place: start..self.pos });
            match self.next_visible() {
                Some(b',') => {}
                Some(b'}') => return self.check_names_of_many(outer),
                _ => return Err("an object without an end"),
            }
        }
    }

    /// Whether the name is among the first names of the innermost object. The rest is left to `check_names_of_many`.
    fn is_among_few(&self, outer: usize, name: &str) -> bool {
        self.members.iter().skip(outer).take(FEW).any(|member| member.name == name)
    }

    fn check_names_of_many(&self, outer: usize) -> Result<(), Broken> {
        let members = self.members.get(outer..).unwrap_or_default();
        if members.len() <= FEW {
            return Ok(());
        }
        // Sorting avoids quadratic time for thousands of names.
        let mut names: Vec<_> = members.iter().map(|member| &*member.name).collect();
        names.sort_unstable();
        if names.iter().zip(names.iter().skip(1)).any(|(a, b)| a == b) { Err(TWICE) } else { Ok(()) }
    }

    /// The rest of an array whose bracket is read.
    fn array<F>(&mut self, depth: usize, each: &mut F) -> Result<(), Broken>
    where
        F: FnMut(Value<'a>) -> Result<(), Broken>,
    {
        check_depth(depth)?;
        self.skip_blanks();
        if self.take(b']') {
            return Ok(());
        }
        loop {
            self.skip_blanks();
            let value = self.value(depth)?;
            each(value)?;
            match self.next_visible() {
                Some(b',') => {}
                Some(b']') => return Ok(()),
                _ => return Err("an array without an end"),
            }
        }
    }

    /// A value that begins here. It is inlined so that it goes into its member directly: that saves a tenth of the time of a scan.
    #[inline(always)]
    fn value(&mut self, depth: usize) -> Result<Value<'a>, Broken> {
        let start = self.pos;
        match self.next()? {
            b'"' => Ok(Value::Text(self.string()?)),
            b'{' => {
                let outer = self.members.len();
                self.object(depth + 1)?;
                self.members.truncate(outer);
                Ok(Value::Object(self.since(start)?))
            }
            b'[' => {
                self.array(depth + 1, &mut |_| Ok(()))?;
                Ok(Value::Array(self.since(start)?))
            }
            b't' => self.word("rue", Value::Bool(true)),
            b'f' => self.word("alse", Value::Bool(false)),
            b'n' => self.word("ull", Value::Null),
            first @ (b'-' | b'0'..=b'9') => {
                self.number(first)?;
                Ok(Value::Number(self.since(start)?))
            }
            _ => Err("not a JSON value"),
        }
    }

    fn word(&mut self, rest: &str, value: Value<'a>) -> Result<Value<'a>, Broken> {
        let end = self.pos + rest.len();
        if self.text.get(self.pos..end) != Some(rest) {
            return Err("not a JSON value");
        }
        self.pos = end;
        Ok(value)
    }

    /// The rest of a number whose first character is read (RFC 8259, 6).
    fn number(&mut self, first: u8) -> Result<(), Broken> {
        let first = if first == b'-' { self.next()? } else { first };
        match first {
            b'0' => {}
            b'1'..=b'9' => {
                self.skip_digits();
            }
            _ => return Err("a number without digits"),
        }
        if self.take(b'.') && self.skip_digits() == 0 {
            return Err("a fraction without digits");
        }
        if self.take(b'e') || self.take(b'E') {
            let _ = self.take(b'+') || self.take(b'-');
            if self.skip_digits() == 0 {
                return Err("an exponent without digits");
            }
        }
        Ok(())
    }

    /// The rest of a string whose quote is read.
    fn string(&mut self) -> Result<Cow<'a, str>, Broken> {
        let plain = self.plain()?;
        if self.take(b'"') {
            return Ok(Cow::Borrowed(plain));
        }
        self.escaped(plain).map(Cow::Owned)
    }

    /// The rest of a string from its first escape. Few strings have one.
    #[cold]
    fn escaped(&mut self, before: &str) -> Result<String, Broken> {
        let mut text = before.to_owned();
        while !self.take(b'"') {
            if !self.take(b'\\') {
                return Err("a control character in a string");
            }
            text.push(self.escape()?);
            text.push_str(self.plain()?);
        }
        Ok(text)
    }

    /// The text before the next quote, backslash or control character.
    fn plain(&mut self) -> Result<&'a str, Broken> {
        let start = self.pos;
        let mut end = start;
        loop {
            let &byte = self.text.as_bytes().get(end).ok_or("a string without an end")?;
            if ENDS.get(usize::from(byte)).is_none_or(|&ends| ends) {
                break;
            }
            end += 1;
        }
        self.pos = end;
        self.since(start)
    }

    /// The character after a backslash.
    fn escape(&mut self) -> Result<char, Broken> {
        Ok(match self.next()? {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let first = self.hex4()?;
                let second = if matches!(first, 0xd800..0xdc00) {
                    if !(self.take(b'\\') && self.take(b'u')) {
                        return Err(LONE);
                    }
                    Some(self.hex4()?)
                } else {
                    None
                };
                let mut chars = char::decode_utf16([first].into_iter().chain(second));
                match (chars.next(), chars.next()) {
                    (Some(Ok(c)), None) => c,
                    _ => return Err(LONE),
                }
            }
            _ => return Err("an unknown escape in a string"),
        })
    }

    fn hex4(&mut self) -> Result<u16, Broken> {
        let digits = self.text.get(self.pos..self.pos + 4).filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()));
        self.pos += 4;
        digits.and_then(|digits| u16::from_str_radix(digits, 16).ok()).ok_or("an unknown escape in a string")
    }

    fn skip_digits(&mut self) -> usize {
        let start = self.pos;
        while self.peek().is_some_and(|b| b.is_ascii_digit()) {
            self.pos += 1;
        }
        self.pos - start
    }

    /// The next byte that is not white space.
    fn next_visible(&mut self) -> Option<u8> {
        self.skip_blanks();
        let byte = self.peek()?;
        self.pos += 1;
        Some(byte)
    }

    fn skip_blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.pos += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.pos).copied()
    }

    fn next(&mut self) -> Result<u8, Broken> {
        let byte = self.peek().ok_or("the JSON text ends early")?;
        self.pos += 1;
        Ok(byte)
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.pos += usize::from(found);
        found
    }

    /// Takes this byte, after any white space.
    fn expect_visible(&mut self, byte: u8, otherwise: Broken) -> Result<&mut Self, Broken> {
        if self.next_visible() == Some(byte) { Ok(self) } else { Err(otherwise) }
    }

    fn since(&self, start: usize) -> Result<&'a str, Broken> {
        // OK because both ends are next to an ASCII character, so no character is cut.
        self.text.get(start..self.pos).ok_or("the JSON text ends early")
    }
}

/// The bytes that end plain text in a string. A look-up in a table saves a fifth of the time of a scan.
#[expect(clippy::indexing_slicing, reason = "it is evaluated by the compiler")]
const ENDS: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = matches!(byte as u8, b'"' | b'\\' | 0..0x20);
        byte += 1;
    }
    table
};

/// One of 64 bits. Equal names have the same bit, so a name whose bit is not set yet is compared with no other. The factors
/// give the names that most tokens have a bit each. That saves a third of the time of a scan of seven claims.
fn bit_of(name: &str) -> u64 {
    let (first, last) = (name.as_bytes().first(), name.as_bytes().last());
    let mixed = |byte: Option<&u8>, factor: usize| byte.map_or(0, |&byte| usize::from(byte).wrapping_mul(factor));
    1 << (mixed(first, 27).wrapping_add(mixed(last, 4)).wrapping_add(name.len()) % 64)
}

const TWICE: Broken = "a member occurs twice";

const LONE: Broken = "half a surrogate pair in a string";

fn check_depth(depth: usize) -> Result<(), Broken> {
    if depth > MAX_DEPTH { Err("nested too deep") } else { Ok(()) }
}
